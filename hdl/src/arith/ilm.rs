//! Improved logarithmic products after M. S. Ansari, B. F. Cockburn and J. Han, "An Improved Logarithmic Multiplier for
//! Energy-Efficient Neural Computing", IEEE Transactions on Computers, 2021: operands are seen from the nearest power
//! of two, not from the one below. Errors then have either sign and nearly cancel.
//!
//! # Product
//!
//! With `2^k` the power of two nearest to `|a|`, the larger of two equally near, `|a| = 2^k + q = 2^k (1 + f)` with
//! `-1/4 <= f < 1/2`. Of a product all but `q1 q2` is kept:
//!
//! ```text
//! p = 2^(k1+k2) + q1 2^k2 + q2 2^k1 = 2^(k1+k2) (1 + f1 + f2)
//! ```
//!
//! The fraction keeps F bits (`fraction_bits`), rounded half up; one that rounds up to 1/2 makes `k + 1` and
//! `f = -1/4`, which is the same magnitude. The product drops its low bits (`dropped_bits`).
//!
//! # Code
//!
//! `{sign, k, g}`, most significant first: `1 + ceil(log2 W) + F` bits, for both sides, with `g = f + 1/2` in F bits,
//! all of them after the point: f in two's complement with the top bit inverted. So g is at least 1/4 and below 1, the
//! operand 0 has the code 0 without a bit of its own, and `1 + f1 + f2 = g1 + g2`.
//!
//! At the edge, an encoder finds the leading one and shifts what follows to the top; the bit below the leading one
//! tells whether the next power of two is nearer. A processing element adds g and k of two codes, each in an adder of
//! its own, and shifts the first sum by the second. The mantissa `g1 + g2` is below 2 and never carries into the
//! characteristic.
//!
//! # Error
//!
//! For fractions as they are in codes, `p / ab = (1 + f1 + f2) / ((1 + f1)(1 + f2)) = 1 - t1 t2` with
//! `t = f / (1 + f)`, which grows with f from -1/3 to 1/3. So the relative error is within 1/9 of either sign: -1/9 for
//! `f1 = f2 = -1/4`, of `3 * 3` times any power of two, and close to 1/9 for `f1 = -1/4` with `f2` just below 1/2, of
//! `3 * (3 * 2^n - 1)`.
//!
//! Rounding moves f by at most `2^-(F+1)`, and `1 + f` is at least 3/4, so a magnitude is changed by at most
//! `d = 2/3 2^-F` of itself (0 where F is `W - 1`: no operand has a longer fraction). Hence
//! `8/9 (1 - d)^2 |ab| <= p <= 10/9 (1 + d)^2 |ab|`. In the end the floor takes less than one unit of `2^dropped_bits`;
//! and nothing when the fraction is full and no bit is dropped, since p is an integer then.
//!
//! # Cost
//!
//! That of `mitchell` in the processing element: adders of one bit more together, the same shifter, and codes shorter
//! by the bit that tells what is not 0. The encoder is larger, since what it rounds and adds depends on the bit below
//! the leading one. And the full fraction has one bit more.
use super::family::{Choices, Family, Parameter};
use super::logarithm::{DROPPED_BITS, FRACTION_BITS, characteristic_bits, check_dropped_bits, check_fraction_bits};
use super::parts::Antilogarithm;
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side, check_operand_bits, check_stages};
use crate::rtl::{Builder, Expr, cat, mux, unsigned};
use std::sync::Arc;

/// -1/4 has two fraction bits.
const MIN_FRACTION_BITS: u32 = 2;

pub const FAMILY: Family = Family {
    name: "ilm",
    summary: "sums of logarithms around the nearest power of two (Ansari 2021): errors of either sign",
    parameters: &[
        Parameter {
            choices: Choices::Integer {
                min: MIN_FRACTION_BITS,
                max: 15,
                default: |operand_bits| 4.min(operand_bits - 1),
            },
            ..FRACTION_BITS
        },
        DROPPED_BITS,
    ],
    units: &[
        "operand_bits=8 fraction_bits=7",
        "operand_bits=8 fraction_bits=4",
        "operand_bits=8 fraction_bits=3 dropped_bits=4 stages=1",
        "operand_bits=16 fraction_bits=15 stages=1",
        "operand_bits=16 fraction_bits=4 dropped_bits=8",
        "operand_bits=16 fraction_bits=4 dropped_bits=16",
        "operand_bits=16 fraction_bits=3 dropped_bits=16 stages=2",
    ],
    make: |values| {
        Arc::new(Ilm {
            operand_bits: values.operand_bits,
            fraction_bits: values.integer("fraction_bits"),
            dropped_bits: values.integer("dropped_bits"),
            stages: values.stages,
        })
    },
};

/// The ILM family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ilm {
    /// W, 4..=16.
    pub operand_bits: u32,
    /// F: bits kept of the signed fraction, 2..=W-1. Full at W-1.
    pub fraction_bits: u32,
    /// Low product bits that are not formed, 0..=2W-2.
    pub dropped_bits: u32,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

impl Ilm {
    fn characteristic_bits(&self) -> u32 {
        characteristic_bits(self.operand_bits)
    }

    /// Whether every operand keeps its whole fraction, which may have W - 1 bits: operands from `3/4 2^(W-1)` on have
    /// k = W - 1.
    pub fn is_full(&self) -> bool {
        self.fraction_bits + 1 >= self.operand_bits
    }
}

impl Arithmetic for Ilm {
    fn name(&self) -> &'static str {
        "ilm"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, fraction_bits, dropped_bits, stages } = self;
        format!(
            "operand_bits={operand_bits} fraction_bits={fraction_bits} dropped_bits={dropped_bits} \
             stages={stages}"
        )
    }

    fn validate(&self) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits)?;
        check_fraction_bits(self.fraction_bits, MIN_FRACTION_BITS, self.operand_bits)?;
        check_dropped_bits(self.dropped_bits, self.operand_bits)?;
        check_stages(self.stages)
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn code_bits(&self, _: Side) -> u32 {
        1 + self.characteristic_bits() + self.fraction_bits
    }

    fn dropped_bits(&self) -> u32 {
        self.dropped_bits
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// `2^(2W-2-dropped)`, of `-2^(W-1)` with itself. No other code with k = W - 1 has f > 0, and with f below 1/2 at k
    /// = W - 2 a product stays below `3/2 2^(2W-3)`.
    fn product_bound(&self) -> i64 {
        1 << (2 * self.operand_bits - 2 - self.dropped_bits)
    }

    /// Proven in the documentation of this module.
    fn error_bound(&self) -> ErrorBound {
        let full = self.is_full();
        let rounding = if full { 0.0 } else { 2.0 / 3.0 * 0.5f64.powi(self.fraction_bits as i32) };
        ErrorBound {
            relative_low: 8.0 / 9.0 * (1.0 - rounding).powi(2) - 1.0,
            relative_high: 10.0 / 9.0 * (1.0 + rounding).powi(2) - 1.0,
            absolute: if full && self.dropped_bits == 0 { 0.0 } else { 2f64.powi(self.dropped_bits as i32) },
        }
    }

    #[inline]
    fn encode(&self, _: Side, operand: i64, _: u32) -> u32 {
        debug_assert!(operand >> (self.operand_bits - 1) == operand >> 63);
        if operand == 0 {
            return 0;
        }
        let fraction_bits = self.fraction_bits;
        let magnitude = operand.abs();
        // The nearest power of two, the larger of two equally near.
        let mut k = magnitude.ilog2();
        k += u32::from(2 * magnitude >= 3 << k);
        let rest = magnitude - (1 << k);
        let mut fraction = if k <= fraction_bits {
            rest << (fraction_bits - k)
        } else {
            let lost = k - fraction_bits;
            (rest + (1 << (lost - 1))) >> lost
        };
        let half = 1 << (fraction_bits - 1);
        if fraction == half {
            // 2^k (1 + 1/2) = 2^(k+1) (1 - 1/4)
            k += 1;
            fraction = -half / 2;
        }
        let sign = u32::from(operand < 0);
        (sign << self.characteristic_bits() | k) << fraction_bits | (fraction + half) as u32
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        let fraction_bits = self.fraction_bits;
        let characteristic_bits = self.characteristic_bits();
        let one = 1i64 << fraction_bits;
        let fraction = |code: u32| i64::from(code) % one - one / 2;
        let characteristic = |code: u32| code >> fraction_bits & ((1 << characteristic_bits) - 1);

        let mantissa = one + fraction(moving) + fraction(stationary);
        let antilog = mantissa << (characteristic(moving) + characteristic(stationary));
        let magnitude = antilog >> (fraction_bits + self.dropped_bits);

        // Branches here would depend on the data; masks cost one operation each.
        let negative = -i64::from((moving ^ stationary) >> (characteristic_bits + fraction_bits) & 1);
        let nonzero = -i64::from(moving != 0 && stationary != 0);
        ((magnitude ^ negative) - negative) & nonzero
    }

    /// The leading one L at `2^n`, followed by the bits b1 b2 ..., is nearest to `2^(n+b1)`. There g, half a unit more
    /// than the fraction, is L.b2 b3 ... in units of 1/2 where b1 = 0, and 0.L b2 b3 ... where b1 = 1: {n, L, b1, b2,
    /// ...} plus 1/2.
    fn encode_rtl(&self, m: &mut Builder, _: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        let fraction_bits = self.fraction_bits;
        let sign = operand.sign(m);
        // A full fraction has nothing below it to round by.
        let below = u32::from(!self.is_full());
        let kept = 1 + fraction_bits + below;
        let (normal, characteristic) = operand.normalised(m, kept);
        let leading = normal.msb();
        // Bits b_first ... of that number.
        let bits = |first: u32, count: u32| normal.slice(kept - first - count, count);
        let up = bits(1, 1);

        let low = mux(&up, &bits(1, fraction_bits - 1), &bits(2, fraction_bits - 1));
        let exact = cat(&[characteristic, leading.clone(), low]);
        let round = match below {
            0 => Expr::zero(unsigned(1)),
            _ => mux(&up, &bits(fraction_bits, 1), &bits(fraction_bits + 1, 1)),
        };
        let increment = match fraction_bits - 2 {
            0 => cat(&[up, round]),
            zeros => cat(&[up, Expr::zero(unsigned(zeros)), round]),
        };
        let rounded = m.wire("rounded", &exact + increment.extend(exact.width()));
        // A fraction that rounds up to 1/2 carries into k and leaves g = 0, to become 1/4.
        let half = rounded.bit(fraction_bits - 1);
        let quarter = rounded.bit(fraction_bits - 2) | (!&half & leading);
        let mut parts = vec![sign, rounded.slice(fraction_bits, self.characteristic_bits()), half, quarter];
        if fraction_bits > 2 {
            parts.push(rounded.slice(0, fraction_bits - 2));
        }
        cat(&parts)
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let Self { operand_bits, fraction_bits, dropped_bits, stages } = *self;
        let characteristic_bits = self.characteristic_bits();
        let sum = |low: u32, bits: u32| {
            let part = |code: &Expr| code.slice(low, bits).extend(bits + 1);
            part(moving) + part(stationary)
        };
        let mut mantissa = m.wire("mantissa", sum(0, fraction_bits));
        let mut characteristic = m.wire("characteristic", sum(fraction_bits, characteristic_bits));
        let mut negative = m.wire("negative", moving.msb() ^ stationary.msb());

        // A product with the zero code is below `2^(W-1)` before it is made 0: its mantissa is the other one's g.
        let mut nonzero = None;
        if dropped_bits + 1 < operand_bits {
            // g is 1/4 at least.
            let some = |code: &Expr| code.slice(fraction_bits - 2, 2).any();
            nonzero = Some(m.wire("nonzero", some(moving) & some(stationary)));
        }
        if stages == 2 {
            mantissa = m.reg_unreset("mantissa_q", mantissa);
            characteristic = m.reg_unreset("characteristic_q", characteristic);
            negative = m.reg_unreset("negative_q", negative);
            nonzero = nonzero.map(|nonzero| m.reg_unreset("nonzero_q", nonzero));
        }
        Antilogarithm { mantissa, point: fraction_bits, characteristic, negative, nonzero }.shift(
            m,
            dropped_bits,
            self.product_bits(),
            stages,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::errors::{check_bounds, check_signs, check_zero, errors_8x8, errors_16x16, product};
    use super::*;

    fn ilm(operand_bits: u32, fraction_bits: u32, dropped_bits: u32) -> Ilm {
        Ilm { operand_bits, fraction_bits, dropped_bits, stages: 0 }
    }

    /// The product of integers as defined, without codes.
    fn classic(a: i64, b: i64) -> i64 {
        if a == 0 || b == 0 {
            return 0;
        }
        let nearest = |x: i64| {
            let k = x.ilog2();
            // The bit below the leading one rounds it up.
            k + u32::from(k > 0 && x >> (k - 1) & 1 == 1)
        };
        let (k1, k2) = (nearest(a), nearest(b));
        let (q1, q2) = (a - (1 << k1), b - (1 << k2));
        (1 << (k1 + k2)) + (q1 << k2) + (q2 << k1)
    }

    #[test]
    fn a_full_fraction_gives_the_classic_product() {
        let family = ilm(9, 8, 0);
        for a in 0..256 {
            for b in 0..256 {
                assert_eq!(product(&family, a, b), classic(a, b), "{a} * {b}");
            }
        }
    }

    #[test]
    fn known_products() {
        let family = ilm(9, 8, 0);
        for (a, b, expected) in [(3, 3, 8), (7, 7, 48), (255, 255, 65024), (5, 3, 16), (100, 200, 18432), (1, 1, 1)] {
            assert_eq!(product(&family, a, b), expected, "{a} * {b}");
        }
    }

    #[test]
    fn codes_are_around_the_nearest_power_of_two() {
        let family = ilm(8, 3, 0);
        let code = |operand| family.encode(Side::Moving, operand, 0);
        // {sign, k, f + 1/2}
        assert_eq!(code(8), 0b0_011_100);
        assert_eq!(code(-9), 0b1_011_101);
        // 11 = 8 (1 + 3/8), 12 = 16 (1 - 1/4).
        assert_eq!(code(11), 0b0_011_111);
        assert_eq!(code(12), 0b0_100_010);
        assert_eq!(code(-128), 0b1_111_100);
        // 23 = 16 (1 + 7/16), rounded to 24 = 32 (1 - 1/4).
        assert_eq!(code(23), code(24));
        assert_eq!(code(127), code(-128) & 0x3f);
    }

    #[test]
    fn the_published_errors_of_8x8() {
        assert_eq!(errors_8x8(&ilm(9, 8, 0)).to_string(), "2.862 / -0.009 / -11.11..10.99");
    }

    #[test]
    fn the_errors_of_16x16() {
        let errors = errors_16x16(&ilm(17, 16, 0));
        assert_eq!(format!("{:.4} / {:.3}", errors.mean, errors.bias), "2.8865 / -0.036");
    }

    #[test]
    fn no_product_leaves_its_bounds() {
        for fraction_bits in 2..=8 {
            for dropped_bits in [0, 1, 7, 8, 9, 16] {
                check_bounds(&ilm(9, fraction_bits, dropped_bits));
            }
        }
        for (bits, fraction_bits, dropped_bits) in [(4, 2, 0), (4, 3, 6), (8, 4, 3)] {
            check_bounds(&ilm(bits, fraction_bits, dropped_bits));
        }
    }

    #[test]
    fn the_bounds_are_close() {
        let family = ilm(16, 15, 0);
        let bound = family.error_bound();
        let ratio = |a: i64, b: i64| product(&family, a, b) as f64 / (a * b) as f64 - 1.0;
        assert!((ratio(3, 3) - bound.relative_low).abs() < 1e-12);
        assert!((ratio(3, 3 * 8192 - 1) - bound.relative_high).abs() < 1e-4);
    }

    #[test]
    fn signs_and_zero() {
        check_signs(&ilm(9, 3, 2));
        for (bits, fraction_bits) in [(4, 2), (9, 8), (16, 4), (16, 15)] {
            check_zero(&ilm(bits, fraction_bits, 0));
        }
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let good = ilm(16, 4, 8);
        good.validate().unwrap();
        let wrong = |family: Ilm| family.validate().unwrap_err().parameter;
        assert_eq!(wrong(Ilm { operand_bits: 17, ..good }), "operand_bits");
        assert_eq!(wrong(Ilm { fraction_bits: 16, ..good }), "fraction_bits");
        assert_eq!(wrong(Ilm { fraction_bits: 1, ..good }), "fraction_bits");
        assert_eq!(wrong(Ilm { dropped_bits: 31, ..good }), "dropped_bits");
        assert_eq!(wrong(Ilm { stages: 3, ..good }), "stages");
    }
}
