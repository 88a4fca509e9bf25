//! Minimally biased products after H. Saadat, H. Bokhari and S. Parameswaran, "Minimally Biased Multipliers for
//! Approximate Integer and Floating-Point Multiplication", IEEE Transactions on Computer-Aided Design of Integrated
//! Circuits and Systems, 2018: Mitchell's product, always too small, plus a constant that makes up for it on average.
//!
//! # Product
//!
//! With `|a| = 2^k1 (1 + x)` and `|b| = 2^k2 (1 + y)`, whose fractions keep F bits (`fraction_bits`), rounded half up:
//!
//! ```text
//! p = 2^(k1+k2) (1 + x + y + c)        where x + y < 1
//!     2^(k1+k2+1) (x + y + c / 2)      elsewhere: where the fractions carry
//! ```
//!
//! c is 5/64, rounded half up to T bits (`correction_bits`): 1/8, 1/16 and 3/32 with T = 3, 4 and 5. The product drops
//! its low bits (`dropped_bits`).
//!
//! # Code
//!
//! `{nonzero, sign, k, f}`, most significant first: `1 + 1 + ceil(log2 W) + F` bits, for both sides, as in the family
//! `mitchell`.
//!
//! At the edge, an encoder finds the leading one, shifts what follows to the top, and rounds. A processing element adds
//! `{k, f}` of two codes in one adder, adds c or `c/2` to `{1, f}` of the sum, and shifts that by its k. Where
//! `c < 2^-F` the constant lies below the fraction, and its addition is free.
//!
//! # Error
//!
//! For fractions as they are in codes, the relative error is
//!
//! ```text
//! (c - x y) / ((1 + x)(1 + y))                where x + y < 1
//! (c - (1 - x)(1 - y)) / ((1 + x)(1 + y))     elsewhere
//! ```
//!
//! It is at most c, and that at `x = y = 0`, between powers of two. For a given sum of x and y both forms fall as `x y`
//! grows, so they are least where `x = y = t`. There `(c - t^2) / (1 + t)^2` falls up to `t = 1/2`, and
//! `(c - (1 - t)^2) / (1 + t)^2` rises from there on. So the least error is that of `x = y = 1/2`, of `3 * 3` times any
//! power of two: `(4 c - 1) / 9`, which is -11/144 with `c = 5/64`.
//!
//! Rounding changes a magnitude by at most `d = 2^-(F+1)` of itself (0 where F is `W - 2` or more: no operand has a
//! longer fraction). Hence `(8 + 4 c)/9 (1 - d)^2 |ab| <= p <= (1 + c)(1 + d)^2 |ab|`. In the end the floor takes less
//! than one unit of `2^dropped_bits`; in small products it takes most of the correction, and `3 * 3 = 8`.
//!
//! # Cost
//!
//! More than `mitchell` by an adder on the mantissa, where the constant reaches into the fraction, and by a wider
//! shifter: the mantissa has `T + 1` fraction bits or more, and with the adder two bits before the point. A short T
//! with a short F keeps it narrow. The family `ilm` has as little bias with neither.
use super::family::Family;
use super::logarithm::{
    Correction, DROPPED_BITS, FRACTION_BITS, Logarithm, Rounding, check_correction_bits, correction_bits,
};
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side};
use crate::rtl::{Builder, Expr};
use std::sync::Arc;

/// 5/64 has 6 fraction bits.
const MAX_CORRECTION_BITS: u32 = 6;

pub const FAMILY: Family = Family {
    name: "mbm",
    summary: "sums of logarithms, corrected by a constant to have little bias (Saadat 2018)",
    parameters: &[FRACTION_BITS, correction_bits(MAX_CORRECTION_BITS), DROPPED_BITS],
    units: &[
        "operand_bits=8 fraction_bits=6",
        "operand_bits=8 fraction_bits=4",
        "operand_bits=8 fraction_bits=3 correction_bits=4 dropped_bits=4 stages=1",
        "operand_bits=16 fraction_bits=14 stages=1",
        "operand_bits=16 fraction_bits=4 dropped_bits=8",
        "operand_bits=16 fraction_bits=4 correction_bits=4 dropped_bits=16",
        "operand_bits=16 fraction_bits=3 correction_bits=4 dropped_bits=16 stages=2",
    ],
    make: |values| {
        Arc::new(Mbm {
            operand_bits: values.operand_bits,
            fraction_bits: values.integer("fraction_bits"),
            correction_bits: values.integer("correction_bits"),
            dropped_bits: values.integer("dropped_bits"),
            stages: values.stages,
        })
    },
};

/// The MBM family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mbm {
    /// W, 4..=16.
    pub operand_bits: u32,
    /// F: bits kept of the fraction, 1..=W-1. Full from W-2 on.
    pub fraction_bits: u32,
    /// T: 5/64 is rounded to as many fraction bits, 3..=6.
    pub correction_bits: u32,
    /// Low product bits that are not formed, 0..=2W-2.
    pub dropped_bits: u32,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

impl Mbm {
    /// c in units of `2^-T`, as a table of one.
    #[inline]
    fn constant(&self) -> &'static [u32] {
        match self.correction_bits {
            3 | 4 => &[1],
            5 => &[3],
            _ => &[5],
        }
    }

    #[inline]
    fn logarithm(&self) -> Logarithm<'static> {
        let Self { operand_bits, fraction_bits, correction_bits, dropped_bits, stages } = *self;
        let correction = Correction { segment_bits: 0, bits: correction_bits, constants: self.constant() };
        Logarithm {
            operand_bits,
            fraction_bits,
            rounding: Rounding::Nearest,
            correction: Some(correction),
            dropped_bits,
            stages,
        }
    }
}

impl Arithmetic for Mbm {
    fn name(&self) -> &'static str {
        "mbm"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, fraction_bits, correction_bits, dropped_bits, stages } = self;
        format!(
            "operand_bits={operand_bits} fraction_bits={fraction_bits} correction_bits={correction_bits} \
             dropped_bits={dropped_bits} stages={stages}"
        )
    }

    fn validate(&self) -> Result<(), ParameterError> {
        self.logarithm().validate(1)?;
        check_correction_bits(self.correction_bits, MAX_CORRECTION_BITS)
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

    /// `floor((1 + c) 2^(2W-2-dropped))`, of the largest code {W-1, 0} with itself. With a smaller code, the product is
    /// below `(2 + c) 2^(2W-3)`, and where the fractions carry below `(2 + c/2) 2^(2W-3)`.
    fn product_bound(&self) -> i64 {
        self.logarithm().largest_square()
    }

    /// Proven in the documentation of this module.
    fn error_bound(&self) -> ErrorBound {
        let constant = f64::from(self.constant()[0]) / f64::from(1 << self.correction_bits);
        let rounding = self.logarithm().resolution() / 2.0;
        ErrorBound {
            relative_low: (8.0 + 4.0 * constant) / 9.0 * (1.0 - rounding).powi(2) - 1.0,
            relative_high: (1.0 + constant) * (1.0 + rounding).powi(2) - 1.0,
            absolute: 2f64.powi(self.dropped_bits as i32),
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

    fn encode_rtl(&self, m: &mut Builder, _: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        self.logarithm().encode_rtl(m, operand)
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        self.logarithm().product_rtl(m, moving, stationary)
    }
}

#[cfg(test)]
mod tests {
    use super::super::errors::{check_bounds, check_signs, check_zero, errors_8x8, errors_on_a_grid_of_16x16, product};
    use super::*;

    fn mbm(operand_bits: u32, fraction_bits: u32, correction_bits: u32, dropped_bits: u32) -> Mbm {
        Mbm { operand_bits, fraction_bits, correction_bits, dropped_bits, stages: 0 }
    }

    /// The product of integers as defined, without codes: 2^6 times it is an integer.
    fn classic(a: i64, b: i64) -> i64 {
        if a == 0 || b == 0 {
            return 0;
        }
        let (k1, k2) = (a.ilog2(), b.ilog2());
        let (x, y) = (a - (1 << k1), b - (1 << k2));
        let whole = 1 << (k1 + k2);
        let s = (x << k2) + (y << k1);
        let mitchell = if s < whole { whole + s } else { 2 * s };
        (64 * mitchell + 5 * whole) >> 6
    }

    #[test]
    fn a_full_fraction_gives_the_classic_product() {
        for family in [mbm(9, 8, 6, 0), mbm(9, 7, 6, 0)] {
            for a in 0..256 {
                for b in 0..256 {
                    assert_eq!(product(&family, a, b), classic(a, b), "{a} * {b}");
                }
            }
        }
    }

    #[test]
    fn known_products() {
        let family = mbm(9, 8, 6, 0);
        // 8 * 16 * (1 + 5/64); 2^15 * (2 * (127/128 + 127/128) + 5/64), halved by k1 + k2 = 14; too small to correct.
        for (a, b, expected) in [(8, 16, 138), (255, 255, 66304), (3, 3, 8), (1, 1, 1)] {
            assert_eq!(product(&family, a, b), expected);
        }
        // 1/16 in place of 5/64.
        assert_eq!(product(&mbm(9, 3, 4, 0), 8, 16), 136);
    }

    #[test]
    fn the_published_errors_of_8x8() {
        assert_eq!(errors_8x8(&mbm(9, 8, 6, 0)).to_string(), "2.711 / +0.048 / -11.11..7.81");
    }

    /// Over all pairs: 2.5837 / -0.0943.
    #[test]
    fn the_errors_of_16x16_are_nearly_those_of_real_numbers() {
        let errors = errors_on_a_grid_of_16x16(&mbm(17, 15, 6, 0));
        assert!((errors.mean - 2.584).abs() < 0.005 && (errors.bias + 0.094).abs() < 0.005, "{errors}");
    }

    #[test]
    fn no_product_leaves_its_bounds() {
        for correction_bits in 3..=6 {
            for fraction_bits in 1..=8 {
                for dropped_bits in [0, 1, 9, 16] {
                    check_bounds(&mbm(9, fraction_bits, correction_bits, dropped_bits));
                }
            }
            check_bounds(&mbm(4, 1, correction_bits, 0));
            check_bounds(&mbm(4, 3, correction_bits, 6));
        }
    }

    #[test]
    fn the_bounds_are_reached() {
        let family = mbm(16, 14, 6, 0);
        let bound = family.error_bound();
        let ratio = |a: i64, b: i64| product(&family, a, b) as f64 / (a * b) as f64 - 1.0;
        assert_eq!(ratio(1 << 10, 1 << 10), bound.relative_high);
        assert!((ratio(3 << 10, 3 << 10) - bound.relative_low).abs() < 1e-12);
    }

    #[test]
    fn signs_and_zero() {
        check_signs(&mbm(9, 3, 4, 2));
        for (bits, fraction_bits) in [(4, 1), (9, 8), (16, 4), (16, 15)] {
            check_zero(&mbm(bits, fraction_bits, 6, 0));
        }
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let good = mbm(16, 4, 6, 8);
        good.validate().unwrap();
        let wrong = |family: Mbm| family.validate().unwrap_err().parameter;
        assert_eq!(wrong(Mbm { operand_bits: 17, ..good }), "operand_bits");
        assert_eq!(wrong(Mbm { fraction_bits: 16, ..good }), "fraction_bits");
        assert_eq!(wrong(Mbm { fraction_bits: 0, ..good }), "fraction_bits");
        assert_eq!(wrong(Mbm { correction_bits: 2, ..good }), "correction_bits");
        assert_eq!(wrong(Mbm { correction_bits: 7, ..good }), "correction_bits");
        assert_eq!(wrong(Mbm { dropped_bits: 31, ..good }), "dropped_bits");
        assert_eq!(wrong(Mbm { stages: 3, ..good }), "stages");
    }
}
