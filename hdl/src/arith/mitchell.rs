//! Logarithmic products after J. N. Mitchell, "Computer Multiplication and Division Using Binary Logarithms", IRE
//! Transactions on Electronic Computers, 1962, with fractions cut short as in M. S. Kim, A. A. Del Barrio, L. T.
//! Oliveira, R. Hermida and N. Bagherzadeh, "Efficient Mitchell's Approximate Log Multipliers for Convolutional Neural
//! Networks", IEEE Transactions on Computers, 2019.
//!
//! # Product
//!
//! With `|a| = 2^k1 (1 + x)`, the logarithm of `|a|` to base 2 is taken as `k1 + x`; with `|b| = 2^k2 (1 + y)` the
//! product is the antilogarithm of the sum, taken the same way:
//!
//! ```text
//! p = 2^(k1+k2) (1 + x + y)    where x + y < 1
//!     2^(k1+k2) 2 (x + y)      elsewhere
//! ```
//!
//! Codes keep F bits of a fraction (`fraction_bits`), and the product drops its low bits (`dropped_bits`). What a
//! fraction has below its last bit, `u = 2^-F`, is treated by `rounding`:
//! - `nearest`: rounded half up by the encoder; a fraction that rounds up to 1 makes `k + 1`;
//! - `truncate`: dropped;
//! - `carry`: dropped, and the sum of two logarithms is u larger. That is what two fractions lose on average, and an
//!   adder takes it as its carry-in: for the same hardware as `truncate`, and without the adder of `nearest` in the
//!   encoder, the error is about that of `nearest`.
//!
//! # Code
//!
//! `{nonzero, sign, k, f}`, most significant first: `1 + 1 + ceil(log2 W) + F` bits, for both sides. `-2^(W-1)` has
//! `k = W - 1` and `f = 0`; so have, rounded to the nearest, operands that come close to `2^(W-1)`.
//!
//! At the edge, an encoder finds the leading one, shifts what follows to the top, and rounds. A processing element adds
//! `{k, f}` of two codes in one adder and shifts `{1, f}` of the sum by its k.
//!
//! # Error
//!
//! Write `A(L)` for the antilogarithm, `1 + L` below 1 and `2 L` from there to 2.
//!
//! *Nearest.* Rounding moves f by at most `u/2`, so a magnitude m is taken as v with `|v - m| <= d m` and `d = u/2` (0
//! where F is `W - 2` or more: no operand has a longer fraction). Mitchell's product M of `v1` and `v2` satisfies
//! `8/9 v1 v2 <= M <= v1 v2`: with fractions x and y, without carry `M / (v1 v2) = (1 + x + y) / ((1 + x)(1 + y))`,
//! with carry `2 (x + y) / ((1 + x)(1 + y))`; both are at most 1, and least at `x = y = 1/2`. Hence
//! `8/9 (1 - d)^2 |ab| <= M <= (1 + d)^2 |ab|`. Without rounding, powers of two are exact, and `3 * 3 = 8` has the
//! greatest error.
//!
//! *Truncate and carry.* The codes have fractions x' and y' with `x' <= x < x' + r` and `y' <= y < y' + r`, `r = u` (0
//! where F is `W - 2` or more, with `x' = x` and `y' = y`). The product is `A(L)` with `L = x' + y' + c`, where `c = u`
//! for `carry` and 0 for `truncate`. Write `s = x' + y'`.
//! - `A(L) <= (1 + c)(1 + x')(1 + y')`, which is at most `1 + c` times the exact product. For the right side is at
//!   least `(1 + c)(1 + s)`, and since `(1 - x')(1 - y') >= 0` also at least `(1 + c) 2 s`. If `L < 1`, then
//!   `A(L) = 1 + s + c`, at most the first of these. If `s < 1 <= L`, the first exceeds `A(L) = 2 (s + c)` by
//!   `(1 - s)(1 - c)`. If `s >= 1`, then `2 (s + c)` is at most the second. Products of two powers of two reach the
//!   bound.
//! - The exact product is at most `(1 + x' + r)(1 + y' + r)`, and this at most `(1 + (L + l)/2)^2` with `l = 2 r - c`:
//!   of factors with a given sum, equal ones have the largest product. The quotient of `A(L)` and that square rises
//!   until `L = l`, falls from there to `L = 1` and rises again to `L = 2`. So it is least either at `L = 1`, where it
//!   is `8 / (3 + l)^2`, or at the least L, which is c: `(1 + c) / (1 + r)^2`. Operands just below the fractions
//!   `x' + r` and `y' + r`, with `x' = y'` and one of these L, come close.
//!
//! In the end the floor takes less than one unit of `2^dropped_bits`; and nothing when the fraction is full, no carry
//! is added and no bit is dropped, since M is an integer then.
//!
//! # Cost
//!
//! The processing element has one adder of `ceil(log2 W) + F + 1` bits, and a shifter that grows with F and with the
//! bits of the product that are kept: dropping low bits saves there and in the sums below. An encoder is as large as
//! what is left of the multiplier: it pays because a code is used many times. All errors of Mitchell's product have one
//! sign, so sums of products of one sign are too small; `carry`, and the families `mbm`, `ilm` and `realm`, are against
//! that.
use super::family::{Choices, Family, Parameter};
pub use super::logarithm::Rounding;
use super::logarithm::{DROPPED_BITS, FRACTION_BITS, Logarithm};
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side, accumulate_by};
use crate::rtl::{Builder, Expr};
use std::sync::Arc;

pub const FAMILY: Family = Family {
    name: "mitchell",
    summary: "sums of logarithms (Mitchell 1962), with short fractions and dropped product bits",
    parameters: &[
        FRACTION_BITS,
        DROPPED_BITS,
        Parameter {
            name: "rounding",
            choices: Choices::Word { words: &["nearest", "truncate", "carry"], default: "nearest" },
            help: "fractions rounded to \"nearest\", cut by \"truncate\", or cut with a \"carry\" into their sum",
        },
    ],
    units: &[
        "operand_bits=8 fraction_bits=6",
        "operand_bits=8 fraction_bits=4 rounding=carry",
        "operand_bits=8 fraction_bits=3 dropped_bits=4 rounding=truncate stages=1",
        "operand_bits=16 fraction_bits=14 stages=1",
        "operand_bits=16 fraction_bits=4 dropped_bits=8",
        "operand_bits=16 fraction_bits=4 dropped_bits=16",
        "operand_bits=16 fraction_bits=4 dropped_bits=16 rounding=carry",
        "operand_bits=16 fraction_bits=3 dropped_bits=16 stages=2",
    ],
    make: |values| {
        Arc::new(Mitchell {
            operand_bits: values.operand_bits,
            fraction_bits: values.integer("fraction_bits"),
            dropped_bits: values.integer("dropped_bits"),
            rounding: match values.word("rounding") {
                "truncate" => Rounding::Truncate,
                "carry" => Rounding::Carry,
                _ => Rounding::Nearest,
            },
            stages: values.stages,
        })
    },
};

/// The Mitchell family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mitchell {
    /// W, 4..=16.
    pub operand_bits: u32,
    /// F: bits kept of the fraction, 0..=W-1. Full from W-2 on.
    pub fraction_bits: u32,
    /// Low product bits that are not formed, 0..=2W-2.
    pub dropped_bits: u32,
    /// A carry needs a fraction bit.
    pub rounding: Rounding,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

impl Mitchell {
    #[inline]
    fn logarithm(&self) -> Logarithm<'static> {
        let Self { operand_bits, fraction_bits, dropped_bits, rounding, stages } = *self;
        Logarithm { operand_bits, fraction_bits, rounding, correction: None, dropped_bits, stages }
    }
}

impl Arithmetic for Mitchell {
    fn name(&self) -> &'static str {
        "mitchell"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, fraction_bits, dropped_bits, rounding, stages } = self;
        format!(
            "operand_bits={operand_bits} fraction_bits={fraction_bits} dropped_bits={dropped_bits} \
             rounding={rounding} stages={stages}"
        )
    }

    fn validate(&self) -> Result<(), ParameterError> {
        self.logarithm().validate(0)?;
        if self.rounding == Rounding::Carry && self.fraction_bits == 0 {
            let problem = "there is no fraction bit to carry into";
            return Err(ParameterError::new(
                "rounding",
                problem,
                "choose fraction_bits of 1 or more, or another rounding",
            ));
        }
        Ok(())
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn code_bits(&self, _: Side) -> u32 {
        self.logarithm().code_bits()
    }

    fn dropped_bits(&self) -> u32 {
        self.dropped_bits
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// The magnitude grows with {k, f} of either code, and the largest of those is {W-1, 0}, of the operand `-2^(W-1)`:
    /// `2^(2W-2-dropped)`, and with a carry `floor((1 + 2^-F) 2^(2W-2-dropped))`.
    fn product_bound(&self) -> i64 {
        self.logarithm().largest_square()
    }

    /// Proven in the documentation of this module.
    fn error_bound(&self) -> ErrorBound {
        let logarithm = self.logarithm();
        // 0 where nothing is cut.
        let resolution = logarithm.resolution();
        let (low, high) = match self.rounding {
            Rounding::Nearest => (8.0 / 9.0 * (1.0 - resolution / 2.0).powi(2), (1.0 + resolution / 2.0).powi(2)),
            Rounding::Truncate | Rounding::Carry => {
                let carry = if self.rounding == Rounding::Carry { 0.5f64.powi(self.fraction_bits as i32) } else { 0.0 };
                let lost = 2.0 * resolution - carry;
                (f64::min(8.0 / (3.0 + lost).powi(2), (1.0 + carry) / (1.0 + resolution).powi(2)), 1.0 + carry)
            }
        };
        let whole = logarithm.is_full() && self.dropped_bits == 0 && self.rounding != Rounding::Carry;
        ErrorBound {
            relative_low: low - 1.0,
            relative_high: high - 1.0,
            absolute: if whole { 0.0 } else { 2f64.powi(self.dropped_bits as i32) },
        }
    }

    #[inline]
    fn encode(&self, _: Side, operand: i64, _: u32) -> u32 {
        self.logarithm().encode(operand)
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        self.logarithm().product(moving, stationary)
    }

    /// With a short fraction there are few sums of two logarithms, and a table of their products is faster
    /// than two shifts by variable distances.
    fn accumulate(&self, moving: &[u32], stationary: &[u32], n: usize, sums: &mut [i64]) {
        let sign_bit = self.logarithm().code_bits() - 2;
        // Two bits `{nonzero, sign}` above the sum of two logarithms.
        let entries = 1 << (sign_bit + 3);
        if entries > TABLE || moving.len() * n < entries {
            return accumulate_by(|a, b| self.product(a, b), moving, stationary, n, sums);
        }
        // Products of a positive moving code, by {nonzero and sign of the other, sum of the logarithms}.
        // Magnitudes are at most 2^30. No code has a larger logarithm than {W-1, 0}.
        let mut table = [0; TABLE];
        let logarithm = (1u32 << sign_bit) - 1;
        let positive = 0b10 << sign_bit;
        let largest = (self.operand_bits - 1) << self.fraction_bits;
        for sum in 0..=2 * largest {
            let first = sum.min(largest);
            let product = self.product(positive | first, positive | (sum - first)) as i32;
            let index = 2 * positive as usize + sum as usize;
            table[index] = product;
            table[index + (2 << sign_bit)] = -product;
        }
        let product = |moving: u32, stationary: u32| {
            // The upper bits, added once more, make room for the carry of the sum.
            let index = stationary + (stationary & !logarithm) + (moving & logarithm);
            let product = i64::from(table[index as usize % TABLE]);
            let negative = -i64::from(moving >> sign_bit & 1);
            (product ^ negative) - negative
        };
        accumulate_by(product, moving, stationary, n, sums);
    }

    fn encode_rtl(&self, m: &mut Builder, _: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        self.logarithm().encode_rtl(m, operand)
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        self.logarithm().product_rtl(m, moving, stationary)
    }
}

/// Most entries of a table of products: 32 KiB.
const TABLE: usize = 1 << 13;

#[cfg(test)]
mod tests {
    use super::super::errors::{check_bounds, check_signs, check_zero, errors_8x8, errors_16x16, product};
    use super::*;

    const ROUNDINGS: [Rounding; 3] = [Rounding::Nearest, Rounding::Truncate, Rounding::Carry];

    fn rounded(rounding: Rounding, operand_bits: u32, fraction_bits: u32, dropped_bits: u32) -> Mitchell {
        Mitchell { operand_bits, fraction_bits, dropped_bits, rounding, stages: 0 }
    }

    fn mitchell(operand_bits: u32, fraction_bits: u32, dropped_bits: u32) -> Mitchell {
        let family = rounded(Rounding::Nearest, operand_bits, fraction_bits, dropped_bits);
        family.validate().unwrap();
        family
    }

    /// Mitchell's product of integers as first defined, without codes and without truncation.
    fn classic(a: i64, b: i64) -> i64 {
        if a == 0 || b == 0 {
            return 0;
        }
        let (k1, k2) = (a.ilog2(), b.ilog2());
        let (x, y) = (a - (1 << k1), b - (1 << k2));
        let whole = 1 << (k1 + k2);
        let s = (x << k2) + (y << k1);
        if s < whole { whole + s } else { 2 * s }
    }

    #[test]
    fn a_full_fraction_gives_the_classic_product() {
        for family in [mitchell(9, 8, 0), mitchell(9, 7, 0), rounded(Rounding::Truncate, 9, 7, 0)] {
            for a in 0..256 {
                for b in 0..256 {
                    assert_eq!(product(&family, a, b), classic(a, b), "{a} * {b}");
                }
            }
        }
    }

    #[test]
    fn the_signs_are_those_of_the_product() {
        for rounding in ROUNDINGS {
            check_signs(&rounded(rounding, 9, 3, 2));
        }
    }

    #[test]
    fn known_products() {
        let family = mitchell(9, 8, 0);
        for (a, b, expected) in [(3, 3, 8), (7, 7, 48), (255, 255, 65024), (100, 200, 18432), (128, 64, 8192)] {
            assert_eq!(product(&family, a, b), expected);
        }
        // 9 is 8 * 1.125 and 16 has no fraction: with two bits, 9 is rounded to 10 or cut to 8, and 8 * 16 carries to
        // 160.
        for (rounding, expected) in ROUNDINGS.into_iter().zip([160, 128, 160]) {
            assert_eq!(product(&rounded(rounding, 9, 2, 0), 9, 16), expected, "{rounding}");
        }
    }

    #[test]
    fn the_published_errors_of_8x8() {
        let family = mitchell(9, 8, 0);
        assert_eq!(errors_8x8(&family).to_string(), "3.788 / -3.788 / -11.11..0.00");
        let pairs = || (1..256).flat_map(|a| (1..256).map(move |b| (a, b)));
        let missing = |(a, b)| a * b - product(&family, a, b);
        assert_eq!(pairs().map(missing).max(), Some(4096));
        let exact = pairs().filter(|&pair| missing(pair) == 0).count();
        assert_eq!(format!("{:.1}", 100.0 * exact as f64 / pairs().count() as f64), "6.2");
    }

    #[test]
    fn a_carry_halves_the_error_of_truncation() {
        let table = |rounding| {
            let errors = errors_8x8(&rounded(rounding, 9, 4, 0));
            format!("{:.2} / {:.2}", errors.mean, errors.bias)
        };
        assert_eq!(ROUNDINGS.map(table), ["3.55 / -3.00", "6.62 / -6.62", "3.40 / -2.49"]);
    }

    #[test]
    fn the_errors_of_16x16() {
        let errors = errors_16x16(&rounded(Rounding::Nearest, 17, 15, 0));
        assert_eq!(
            format!("{:.4} / {:.4} / {:.2}", errors.mean, errors.bias, errors.lowest),
            "3.8486 / -3.8486 / -11.11"
        );
        assert_eq!(errors.highest, 0.0);
    }

    #[test]
    fn no_product_leaves_its_bounds() {
        for rounding in ROUNDINGS {
            for fraction_bits in u32::from(rounding == Rounding::Carry)..=8 {
                for dropped_bits in [0, 1, 5, 9, 16] {
                    check_bounds(&rounded(rounding, 9, fraction_bits, dropped_bits));
                }
            }
            for (bits, fraction_bits, dropped_bits) in [(4, 3, 0), (4, 1, 6), (8, 4, 3)] {
                check_bounds(&rounded(rounding, bits, fraction_bits, dropped_bits));
            }
            let widest = rounded(rounding, 16, 15, 0);
            assert_eq!(product(&widest, -32768, -32768), widest.product_bound());
        }
    }

    #[test]
    fn the_bounds_are_close() {
        let of = |rounding, fraction_bits, (a, b): (i64, i64)| {
            let family = rounded(rounding, 16, fraction_bits, 0);
            let ratio = product(&family, a, b) as f64 / (a * b) as f64 - 1.0;
            (ratio, family.error_bound())
        };
        let (ratio, bound) = of(Rounding::Nearest, 14, (3, 3));
        assert_eq!(format!("{ratio:.9}"), format!("{:.9}", bound.relative_low));
        let (ratio, bound) = of(Rounding::Carry, 4, (1 << 8, 1 << 7));
        assert_eq!(ratio, bound.relative_high);
        for (rounding, fraction_bits, x, y) in [
            (Rounding::Truncate, 0, 1.0, 1.0),
            (Rounding::Truncate, 2, 0.25, 0.25),
            (Rounding::Truncate, 4, 0.5625, 0.5625),
            (Rounding::Carry, 4, 0.5625, 0.5),
        ] {
            let below = |fraction: f64| (16384.0 * (1.0 + fraction)) as i64 - 1;
            let (ratio, bound) = of(rounding, fraction_bits, (below(x), below(y)));
            assert!((ratio - bound.relative_low).abs() < 0.001, "{rounding} {fraction_bits}: {ratio} {bound:?}");
        }
    }

    #[test]
    fn the_table_has_the_products() {
        for (rounding, bits, fraction_bits, dropped_bits) in [
            (Rounding::Nearest, 4, 0, 0),
            (Rounding::Truncate, 6, 2, 3),
            (Rounding::Nearest, 9, 5, 0),
            (Rounding::Nearest, 16, 4, 8),
            (Rounding::Carry, 16, 4, 8),
            (Rounding::Carry, 16, 1, 0),
            (Rounding::Nearest, 16, 6, 0),
        ] {
            let family = rounded(rounding, bits, fraction_bits, dropped_bits);
            let mut codes: Vec<u32> =
                (-(1 << (bits - 1))..1 << (bits - 1)).map(|x| family.encode(Side::Moving, x, 0)).collect();
            codes.sort();
            codes.dedup();
            let mut sums = vec![1; codes.len() * codes.len()];
            family.accumulate(&codes, &codes, codes.len(), &mut sums);
            for (row, &a) in sums.chunks(codes.len()).zip(&codes) {
                for (&sum, &b) in row.iter().zip(&codes) {
                    assert_eq!(sum, 1 + family.product(a, b), "{family:?} {a:x} * {b:x}");
                }
            }
        }
    }

    #[test]
    fn zero_has_the_zero_code_and_nothing_else_has() {
        for rounding in ROUNDINGS {
            for (bits, fraction_bits) in [(4, 1), (9, 8), (16, 4), (16, 15)] {
                check_zero(&rounded(rounding, bits, fraction_bits, 0));
            }
        }
        check_zero(&mitchell(4, 0, 0));
    }

    #[test]
    fn a_fraction_that_rounds_up_to_one_carries() {
        let family = mitchell(8, 2, 0);
        // 15 = 8 * 1.875, and 1.875 rounds to 2.
        assert_eq!(family.encode(Side::Moving, 15, 0), family.encode(Side::Moving, 16, 0));
        assert_eq!(family.encode(Side::Moving, 127, 0), 0b101_1100);
        assert_eq!(family.encode(Side::Moving, -128, 0), 0b111_1100);
        // Half rounds up: 9 = 8 * 1.125 is taken as 8 * 1.25.
        assert_eq!(family.encode(Side::Moving, 9, 0), family.encode(Side::Moving, 10, 0));
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let good = mitchell(16, 4, 8);
        let wrong = |family: Mitchell| family.validate().unwrap_err().parameter;
        assert_eq!(wrong(Mitchell { operand_bits: 17, ..good }), "operand_bits");
        assert_eq!(wrong(Mitchell { fraction_bits: 16, ..good }), "fraction_bits");
        assert_eq!(wrong(Mitchell { dropped_bits: 31, ..good }), "dropped_bits");
        assert_eq!(wrong(Mitchell { stages: 3, ..good }), "stages");
        assert_eq!(wrong(Mitchell { rounding: Rounding::Carry, fraction_bits: 0, ..good }), "rounding");
    }
}
