//! Errors of products over a set of operands, for the tests of families.

use super::{Arithmetic, Side};
use std::fmt;

/// Relative errors in percent.
pub struct Errors {
    pub mean: f64,
    pub bias: f64,
    pub lowest: f64,
    pub highest: f64,
}

/// mean |RE| / bias / worst of either sign
impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, bias, lowest, highest } = self;
        write!(f, "{mean:.3} / {bias:+.3} / {lowest:.2}..{highest:.2}")
    }
}

pub fn product(family: &dyn Arithmetic, a: i64, b: i64) -> i64 {
    family.product(family.encode(Side::Moving, a, 0), family.encode(Side::Stationary, b, 0))
}

/// Of all pairs of some positive operands.
pub fn errors(family: &impl Arithmetic, operands: impl Iterator<Item = i64>) -> Errors {
    let coded: Vec<(i64, u32, u32)> =
        operands.map(|x| (x, family.encode(Side::Moving, x, 0), family.encode(Side::Stationary, x, 0))).collect();
    let mut errors = Errors { mean: 0.0, bias: 0.0, lowest: 0.0, highest: 0.0 };
    for &(a, moving, _) in &coded {
        for &(b, _, stationary) in &coded {
            let product = family.product(moving, stationary) << family.dropped_bits();
            let error = 100.0 * (product - a * b) as f64 / (a * b) as f64;
            errors.mean += error.abs();
            errors.bias += error;
            errors.lowest = errors.lowest.min(error);
            errors.highest = errors.highest.max(error);
        }
    }
    let pairs = (coded.len() * coded.len()) as f64;
    errors.mean /= pairs;
    errors.bias /= pairs;
    errors
}

/// Unsigned magnitudes of 8 bits: the positive operands of 9 signed bits.
pub fn errors_8x8(family: &impl Arithmetic) -> Errors {
    assert_eq!(family.operand_bits(), 9);
    errors(family, 1..256)
}

/// A grid over the unsigned magnitudes of 16 bits, for references with operands of 17 bits: as hardware too wide. One pair of 841:
/// its mean is about that of all, its extremes are not theirs.
pub fn errors_on_a_grid_of_16x16(family: &impl Arithmetic) -> Errors {
    assert_eq!(family.operand_bits(), 17);
    errors(family, (15..65536).step_by(29))
}

/// Of all pairs of unsigned magnitudes of 16 bits, for symmetric families whose products double with an operand: so do the exact
/// ones, so that two odd operands have the relative error of all their doubles.
pub fn errors_16x16(family: &impl Arithmetic) -> Errors {
    assert!(family.operand_bits() == 17 && family.is_symmetric());
    let odd: Vec<(i64, u32)> = (1..65536).step_by(2).map(|x| (x, family.encode(Side::Moving, x, 0))).collect();
    for (a, _) in odd.iter().step_by(101) {
        for (b, _) in odd.iter().step_by(977) {
            for double in (1..).map(|bits| a << bits).take_while(|&double| double < 65536) {
                assert_eq!(product(family, double, *b) * a, product(family, *a, *b) * double);
            }
        }
    }
    // As many as there are doubles below 2^16, with itself.
    let count = |x: i64| f64::from(16 - x.ilog2());
    let mut errors = Errors { mean: 0.0, bias: 0.0, lowest: 0.0, highest: 0.0 };
    for (index, &(a, moving)) in odd.iter().enumerate() {
        let (mut mean, mut bias) = (0.0, 0.0);
        for &(b, stationary) in &odd[..=index] {
            let error = 100.0 * (family.product(moving, stationary) - a * b) as f64 / (a * b) as f64;
            // For both orders.
            let pairs = count(a) * count(b) * if a == b { 1.0 } else { 2.0 };
            mean += pairs * error.abs();
            bias += pairs * error;
            errors.lowest = errors.lowest.min(error);
            errors.highest = errors.highest.max(error);
        }
        errors.mean += mean;
        errors.bias += bias;
    }
    let pairs = 65535.0 * 65535.0;
    errors.mean /= pairs;
    errors.bias /= pairs;
    errors
}

/// The family's bound holds for all pairs of operands, and no product is larger than the family says; the largest is
/// that.
pub fn check_bounds(family: &impl Arithmetic) {
    family.validate().unwrap();
    let bound = family.error_bound();
    let half = 1 << (family.operand_bits() - 1);
    let mut largest = 0;
    for a in -half..half {
        for b in -half..half {
            let product = product(family, a, b);
            largest = largest.max(product.abs());
            assert!(bound.holds(a, b, product << family.dropped_bits()), "{family:?}: {a} * {b} = {product}");
        }
    }
    assert_eq!(largest, family.product_bound(), "{family:?}");
}

/// The sign of a product is that of its factors, whatever their magnitudes.
pub fn check_signs(family: &impl Arithmetic) {
    for a in 0..1 << (family.operand_bits() - 1) {
        for b in (0..1 << (family.operand_bits() - 1)).step_by(7) {
            let positive = product(family, a, b);
            assert!(positive >= 0);
            assert_eq!(product(family, -a, b), -positive);
            assert_eq!(product(family, a, -b), -positive);
            assert_eq!(product(family, -a, -b), positive);
        }
    }
}

/// 0 has the code 0 and no other operand has; codes fit; a product with 0 is 0.
pub fn check_zero(family: &impl Arithmetic) {
    let half = 1 << (family.operand_bits() - 1);
    for operand in -half..half {
        let code = family.encode(Side::Moving, operand, 0);
        assert_eq!(code == 0, operand == 0);
        assert_eq!(code >> family.code_bits(Side::Moving), 0);
        assert_eq!(family.product(code, 0), 0);
        assert_eq!(family.product(0, code), 0);
    }
}
