//! Dynamic range unbiased multipliers after S. Hashemi, R. I. Bahar, S. Reda, "DRUM: A Dynamic Range Unbiased Multiplier for
//! Approximate Applications", ICCAD 2015.
//!
//! **Definition.** Of an operand, k bits from its leading one down are kept (`kept_bits` is k), and the last of them is made 1 if bits
//! below were lost. With m = |x|: the mantissa is M = m and the distance d = 0, if m is below `2^k`; else
//! d = floor(log2 m) + 1 - k and M = floor(m / `2^d`) | 1. The product is `M1 M2 2^(d1+d2)`, with the sign of the operands' product.
//! The one in place of what is lost is the middle of what it may be, so that the errors of an operand cancel on average; relative
//! errors do not quite, since the lower half of a range weighs more.
//!
//! **Codes.** `{sign, d, M}`, most significant bit first: 1 + ceil(log2(W - k + 1)) + k bits. The operand 0 has the mantissa 0
//! and the code 0.
//!
//! **Hardware.** The encoder finds the leading one and shifts. A processing element multiplies the mantissas by k rows of
//! conditional additions, adds the distances, and shifts the product of 2k bits as a logarithmic multiplier shifts its mantissa.
//!
//! **Error bound.** Let bits be lost, d >= 1, and B = M - 1, which is even and at least `2^(k-1)`. Then m is in [`B 2^d`, `(B + 2) 2^d`)
//! and is taken as v = `(B + 1) 2^d`: v / m is at most (B + 1) / B and above (B + 1) / (B + 2), both farthest from 1 for the
//! least B. So `1 - 1 / (2^(k-1) + 2) < v / m <= 1 + 2^(1-k)`, and a product has both factors. The upper end is reached by two powers
//! of two of `2^k` or more; the lower one is approached just below `(2^(k-1) + 2) 2^d`.
//!
//! **Where it loses.** Rows and shifter together are more than the rows of an exact product of narrow operands: k must be a small
//! part of W. A logarithmic product has no rows, and a shifter as wide.
use super::family::{Choices, Family, Parameter};
use super::parts::{Antilogarithm, normalise, rows};
use super::shifter::distance_bits;
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side, check_operand_bits, check_stages};
use crate::rtl::{Builder, Expr, cat};
use std::sync::Arc;

pub const FAMILY: Family = Family {
    name: "drum",
    summary: "exact products of a few bits from the leading ones (Hashemi, Bahar, Reda 2015)",
    parameters: &[Parameter {
        name: "kept_bits",
        choices: Choices::Integer { min: 2, max: 15, default: |operand_bits| 4.min(operand_bits - 1) },
        help: "bits kept from the leading one down",
    }],
    units: &[
        "operand_bits=8 kept_bits=3",
        "operand_bits=8 kept_bits=4",
        "operand_bits=8 kept_bits=6 stages=1",
        "operand_bits=16 kept_bits=4",
        "operand_bits=16 kept_bits=4 stages=2",
        "operand_bits=16 kept_bits=6 stages=1",
    ],
    make: |values| {
        Arc::new(Drum {
            operand_bits: values.operand_bits,
            kept_bits: values.integer("kept_bits"),
            stages: values.stages,
        })
    },
};

/// The DRUM family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drum {
    /// W, 4..=16.
    pub operand_bits: u32,
    /// k, 2..=W-1.
    pub kept_bits: u32,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

impl Drum {
    /// Width of d.
    fn distance_bits(&self) -> u32 {
        distance_bits(self.operand_bits - self.kept_bits)
    }

    /// `M 2^d` with its sign.
    #[inline]
    fn value(&self, code: u32) -> i64 {
        let (kept, distance_bits) = (self.kept_bits, self.distance_bits());
        let mantissa = i64::from(code & ((1 << kept) - 1));
        let distance = code >> kept & ((1 << distance_bits) - 1);
        let negative = -i64::from(code >> (kept + distance_bits));
        ((mantissa << distance) ^ negative) - negative
    }
}

impl Arithmetic for Drum {
    fn name(&self) -> &'static str {
        "drum"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, kept_bits, stages } = self;
        format!("operand_bits={operand_bits} kept_bits={kept_bits} stages={stages}")
    }

    fn validate(&self) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits)?;
        ParameterError::check("kept_bits", self.kept_bits, 2..=self.operand_bits - 1)?;
        check_stages(self.stages)
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn code_bits(&self, _: Side) -> u32 {
        1 + self.distance_bits() + self.kept_bits
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// That of `-2^(W-1)` with itself, which is taken as `2^(W-1) + 2^(W-k)`; what is below is taken as less than `2^(W-1)`.
    fn product_bound(&self) -> i64 {
        let largest = (1i64 << (self.operand_bits - 1)) + (1 << (self.operand_bits - self.kept_bits));
        largest * largest
    }

    /// As the page of the family proves.
    fn error_bound(&self) -> ErrorBound {
        let least = 2f64.powi(self.kept_bits as i32 - 1);
        ErrorBound {
            relative_low: (1.0 - 1.0 / (least + 2.0)).powi(2) - 1.0,
            relative_high: (1.0 + 1.0 / least).powi(2) - 1.0,
            absolute: 0.0,
        }
    }

    #[inline]
    fn encode(&self, _: Side, operand: i64, _: u32) -> u32 {
        debug_assert!(operand >> (self.operand_bits - 1) == operand >> 63);
        let magnitude = operand.unsigned_abs() as u32;
        let kept = self.kept_bits;
        let (distance, mantissa) = if magnitude < 1 << kept {
            (0, magnitude)
        } else {
            let distance = magnitude.ilog2() + 1 - kept;
            (distance, magnitude >> distance | 1)
        };
        let sign = u32::from(operand < 0);
        (sign << self.distance_bits() | distance) << kept | mantissa
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        self.value(moving) * self.value(stationary)
    }

    fn encode_rtl(&self, m: &mut Builder, _: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        let Self { operand_bits, kept_bits, .. } = *self;
        let magnitude = operand.magnitude(m);
        // Magnitudes below 2^(k-1) are shifted no farther than that one, and stay in place.
        let (normal, distance) = normalise(m, &magnitude, operand_bits - kept_bits + 1, kept_bits, false);
        let lost = m.wire("lost", distance.any());
        cat(&[operand.sign(m), distance, normal.slice(1, kept_bits - 1), normal.bit(0) | lost])
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let Self { kept_bits, stages, .. } = *self;
        let distance_bits = self.distance_bits();
        let product = rows(m, &moving.slice(0, kept_bits), &stationary.slice(0, kept_bits), 0);
        let mut mantissa = m.wire("mantissa", product);
        let distance = |code: &Expr| code.slice(kept_bits, distance_bits).extend(distance_bits + 1);
        let mut characteristic = m.wire("distance", distance(moving) + distance(stationary));
        let mut negative = m.wire("negative", moving.msb() ^ stationary.msb());
        if stages == 2 {
            mantissa = m.reg_unreset("mantissa_q", mantissa);
            characteristic = m.reg_unreset("distance_q", characteristic);
            negative = m.reg_unreset("negative_q", negative);
        }
        Antilogarithm { mantissa, point: 0, characteristic, negative, nonzero: None }.shift(
            m,
            0,
            self.product_bits(),
            stages,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::errors::{check_bounds, check_signs, check_zero, errors_8x8, errors_on_a_grid_of_16x16, product};
    use super::*;

    fn drum(operand_bits: u32, kept_bits: u32) -> Drum {
        Drum { operand_bits, kept_bits, stages: 0 }
    }

    #[test]
    fn the_published_errors() {
        let errors = errors_8x8(&drum(9, 4));
        assert_eq!(errors.to_string(), "5.887 / +1.596 / -17.98..26.56");
        assert_eq!(format!("{:.2}, max {:.1}", errors.mean, errors.highest), "5.89, max 26.6");
        assert!((errors_on_a_grid_of_16x16(&drum(17, 4)).mean - 5.89).abs() < 0.01);
    }

    #[test]
    fn known_products() {
        let family = drum(9, 4);
        for (a, b, expected) in
            [(15, 15, 225), (16, 16, 18 * 18), (17, 3, 18 * 3), (255, 255, 240 * 240), (200, 1, 208)]
        {
            assert_eq!(product(&family, a, b), expected, "{a} * {b}");
        }
    }

    #[test]
    #[allow(clippy::unusual_byte_groupings, reason = "grouped by field")]
    fn codes_are_a_sign_a_distance_and_a_mantissa() {
        let family = drum(8, 4);
        assert_eq!(family.encode(Side::Moving, 15, 0), 0b0_000_1111);
        assert_eq!(family.encode(Side::Moving, -16, 0), 0b1_001_1001);
        assert_eq!(family.encode(Side::Moving, 127, 0), 0b0_011_1111);
        assert_eq!(family.encode(Side::Moving, -128, 0), 0b1_100_1001);
    }

    #[test]
    fn products_keep_the_rules_of_zero_and_signs_and_both_bounds() {
        for (bits, kept) in [(4, 2), (4, 3), (8, 2), (8, 3), (8, 4), (8, 7), (9, 5)] {
            check_zero(&drum(bits, kept));
            check_signs(&drum(bits, kept));
            check_bounds(&drum(bits, kept));
        }
    }

    #[test]
    fn the_error_bound_is_reached_above_and_approached_below() {
        let family = drum(16, 4);
        let bound = family.error_bound();
        assert_eq!(product(&family, 4096, 4096) as f64, (1.0 + bound.relative_high) * 4096.0 * 4096.0);
        let below = 10 * 2048 - 1;
        let error = product(&family, below, below) as f64 / (below * below) as f64 - 1.0;
        assert!(bound.relative_low < error && error < bound.relative_low + 1e-3);
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let wrong = |family: Drum| family.validate().unwrap_err().parameter;
        assert_eq!(wrong(drum(17, 4)), "operand_bits");
        assert_eq!(wrong(drum(8, 1)), "kept_bits");
        assert_eq!(wrong(drum(8, 8)), "kept_bits");
        assert_eq!(wrong(Drum { stages: 3, ..drum(8, 4) }), "stages");
    }
}
