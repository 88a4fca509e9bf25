//! Iterative logarithmic products after Z. Babic, A. Avramovic, P. Bulic, "An Iterative Logarithmic Multiplier", Microprocessors
//! and Microsystems 35, 2011.
//!
//! **Definition.** With magnitudes a = `2^k1` + x and b = `2^k2` + y, the product a b = `2^(k1+k2) + x 2^k2 + y 2^k1` + x y is taken without
//! the last term. A correction adds the same approximation of x y, and leaves out the product of what remains of x and y; and
//! so on, c = `corrections` times, as long as neither is 0. A product has the sign of the operands' product.
//!
//! **Codes.** `{sign, place_0, .., place_c, residue}`, most significant bit first. place_i is `{nonzero, k}` of the leading one
//! that is left of the magnitude once i are taken away, 0 where nothing is left; residue is what c + 1 of them leave. k needs
//! ceil(log2 W) bits in place_0, and in place_i, at most W - 2 - i, as many as that number has, at least one; the residue has the W - 2 - c
//! bits that there are. The operand 0 has the code 0.
//!
//! **Hardware.** Since the terms of all corrections together are a b less the product of the residues r_a and r_b, they are as well
//! the sum over the places of b of `a 2^k`, and over those of a of `r_b 2^k`. The edge of the array puts the magnitude of a moving
//! operand together again; a processing element shifts it to each place of the stationary operand, and the residue of that one to
//! each place of the moving operand: 2 (c + 1) shifters, and additions of what they give in pairs. Magnitudes are added; the
//! sign goes to the column.
//!
//! **Error bound.** A product is short by r_a r_b. Let j be the place of the last of the c + 1 leading ones of a: then r_a < `2^j`, and
//! the ones are at least `2^j + 2^(j+1) + ... + 2^(j+c) = 2^j (2^(c+1) - 1)`, more than r_a (`2^(c+1)` - 1). So r_a < a / `2^(c+1)`, and the
//! error is above `-4^-(c+1)` of the product, and never positive. `2^j` - 1 for both operands comes near it, the nearer the larger j.
//! Every product with an operand that has no more than c + 1 ones is exact.
//!
//! **Where it loses.** A correction costs two shifters and two additions. An exact product by conditional additions takes less area
//! than one with corrections, on LUTs of four inputs; what remains is the comparison with the literature.
use super::family::{Choices, Family, Parameter};
use super::parts::{after, filled, place, sign_ahead};
use super::shifter::{Shift, distance_bits};
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side, check_operand_bits, check_stages};
use crate::rtl::{Builder, Expr, cat};
use std::sync::Arc;

pub const FAMILY: Family = Family {
    name: "iterative",
    summary: "sums of shifted operands with corrections (Babic, Avramovic, Bulic 2011)",
    parameters: &[Parameter {
        name: "corrections",
        choices: Choices::Integer { min: 0, max: 2, default: |_| 0 },
        help: "how often the product of what the leading ones leave is approximated too",
    }],
    units: &[
        "operand_bits=8 corrections=0",
        "operand_bits=8 corrections=1 stages=1",
        "operand_bits=8 corrections=2 stages=2",
        "operand_bits=16 corrections=0 stages=1",
        "operand_bits=16 corrections=1 stages=2",
    ],
    make: |values| {
        Arc::new(Iterative {
            operand_bits: values.operand_bits,
            corrections: values.integer("corrections"),
            stages: values.stages,
        })
    },
};

/// The iterative family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iterative {
    /// W, 4..=16.
    pub operand_bits: u32,
    /// c, 0..=2, and at most W - 3.
    pub corrections: u32,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

/// What a code holds, without its sign.
struct Parts {
    /// {nonzero, k} of each leading one.
    places: Vec<(Expr, Expr)>,
    residue: Expr,
}

impl Iterative {
    /// The largest k of place i. `2^(W-1)` has one place, and other magnitudes are less.
    fn most(&self, index: u32) -> u32 {
        if index == 0 { self.operand_bits - 1 } else { (self.operand_bits - 2 - index).max(1) }
    }

    fn places(&self) -> std::ops::RangeInclusive<u32> {
        0..=self.corrections
    }

    fn residue_bits(&self) -> u32 {
        self.operand_bits - 2 - self.corrections
    }

    /// The magnitudes a_0, a_1, ... of a code, each without one leading one more, and the residue.
    #[inline]
    fn magnitudes(&self, code: u32) -> [u32; 4] {
        let residue_bits = self.residue_bits();
        let mut magnitudes = [0; 4];
        let mut rest = code >> residue_bits;
        magnitudes[self.corrections as usize + 1] = code & ((1 << residue_bits) - 1);
        for index in self.places().rev() {
            let bits = distance_bits(self.most(index));
            let (nonzero, place) = (rest >> bits & 1, rest & ((1 << bits) - 1));
            magnitudes[index as usize] = magnitudes[index as usize + 1] + (nonzero << place);
            rest >>= bits + 1;
        }
        magnitudes
    }

    fn parts(&self, code: &Expr) -> Parts {
        let residue_bits = self.residue_bits();
        let residue = code.slice(0, residue_bits);
        let mut low = residue_bits;
        let mut places = Vec::new();
        for index in self.places().rev() {
            let bits = distance_bits(self.most(index));
            places.push((code.bit(low + bits), code.slice(low, bits)));
            low += bits + 1;
        }
        places.reverse();
        Parts { places, residue }
    }

    /// Width of the places and the residue.
    fn unsigned_bits(&self) -> u32 {
        self.places().map(|index| 1 + distance_bits(self.most(index))).sum::<u32>() + self.residue_bits()
    }
}

impl Arithmetic for Iterative {
    fn name(&self) -> &'static str {
        "iterative"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, corrections, stages } = self;
        format!("operand_bits={operand_bits} corrections={corrections} stages={stages}")
    }

    fn validate(&self) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits)?;
        // With more, no operand has a residue, and every product is exact.
        ParameterError::check("corrections", self.corrections, 0..=2.min(self.operand_bits - 3))?;
        check_stages(self.stages)
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn code_bits(&self, _: Side) -> u32 {
        1 + self.unsigned_bits()
    }

    /// A moving lane has the magnitude in place of the residue.
    fn lane_bits(&self, side: Side) -> u32 {
        match side {
            Side::Moving => self.code_bits(side) - self.residue_bits() + self.operand_bits,
            Side::Stationary => self.code_bits(side),
        }
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// That of `-2^(W-1)` with itself, which is exact; no product is too large.
    fn product_bound(&self) -> i64 {
        1 << (2 * self.operand_bits - 2)
    }

    /// As the page of the family proves.
    fn error_bound(&self) -> ErrorBound {
        let relative_low = -(0.25f64.powi(self.corrections as i32 + 1));
        ErrorBound { relative_low, relative_high: 0.0, absolute: 0.0 }
    }

    #[inline]
    fn encode(&self, _: Side, operand: i64, _: u32) -> u32 {
        debug_assert!(operand >> (self.operand_bits - 1) == operand >> 63);
        let mut rest = operand.unsigned_abs() as u32;
        let mut code = u32::from(operand < 0);
        for index in self.places() {
            let bits = distance_bits(self.most(index));
            code <<= 1 + bits;
            if rest != 0 {
                let place = rest.ilog2();
                code |= 1 << bits | place;
                rest -= 1 << place;
            }
        }
        code << self.residue_bits() | rest
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        let (a, b) = (self.magnitudes(moving), self.magnitudes(stationary));
        let mut magnitude = 0;
        for index in 0..=self.corrections as usize {
            if a[index] == 0 || b[index] == 0 {
                break;
            }
            let (x, y) = (u64::from(a[index + 1]), u64::from(b[index + 1]));
            let (k1, k2) = (a[index].ilog2(), b[index].ilog2());
            magnitude += (1u64 << (k1 + k2)) + (x << k2) + (y << k1);
        }
        let negative = -i64::from((moving ^ stationary) >> self.unsigned_bits());
        (magnitude as i64 ^ negative) - negative
    }

    fn encode_rtl(&self, m: &mut Builder, _: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        let mut rest = operand.magnitude(m);
        let mut parts = vec![operand.sign(m)];
        for index in self.places() {
            let below = after(&filled(m, &format!("filled{index}"), &rest));
            let below = m.wire(&format!("below{index}"), below);
            let leading = m.wire(&format!("leading{index}"), &rest & !&below);
            parts.extend([rest.any(), place(&leading, distance_bits(self.most(index)))]);
            rest = m.wire(&format!("rest{index}"), rest & below);
        }
        let residue_bits = self.residue_bits();
        m.discard(rest.slice(residue_bits, self.operand_bits - residue_bits));
        parts.push(rest.slice(0, residue_bits));
        cat(&parts)
    }

    fn lane_rtl(&self, m: &mut Builder, side: Side, code: &Expr) -> Expr {
        if side == Side::Stationary {
            return code.clone();
        }
        let bits = self.operand_bits;
        let Parts { places, residue } = self.parts(code);
        let ones = places.iter().map(|(nonzero, place)| nonzero.extend(bits).shl(place));
        let magnitude = m.wire("magnitude", ones.fold(residue.extend(bits), |a, b| a | b));
        let low = self.residue_bits();
        cat(&[code.slice(low, code.width() - low), magnitude])
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let bits = self.product_bits();
        let negative = m.wire("negative", moving.msb() ^ stationary.msb());
        let magnitude = moving.slice(0, self.operand_bits);
        // The places, as if the lane were a code.
        let low = self.operand_bits - self.residue_bits();
        let moving = self.parts(&m.wire("moving_places", moving.slice(low, moving.width() - low)));
        let Parts { places, residue } = self.parts(stationary);

        let mut terms = Vec::new();
        let mut add = |value: &Expr, most: u32, (nonzero, place): &(Expr, Expr)| {
            let name = format!("term{}_", terms.len());
            let shift = Shift { name: &name, value, nonzero, distance: Some(place), most };
            terms.push(shift.build(m, self.stages.min(1)));
        };
        for (index, place) in (0..).zip(&moving.places) {
            add(&residue, self.most(index), place);
        }
        for (index, place) in (0..).zip(&places) {
            add(&magnitude, self.most(index), place);
        }
        // No partial sum is above the product, which has no sign yet.
        let value_bits = bits - 1;
        let fit = |term: &Expr| match term.width() > value_bits {
            true => term.truncate(value_bits),
            false => term.extend(value_bits),
        };
        while terms.len() > 1 {
            let pairs = std::mem::take(&mut terms);
            for (index, pair) in pairs.chunks(2).enumerate() {
                terms.push(match pair {
                    [one, other] => m.wire(&format!("sum{}_{index}", pairs.len()), fit(one) + fit(other)),
                    rest => rest[0].clone(),
                });
            }
        }
        let mut value = fit(&terms[0]);
        if self.stages == 2 {
            value = m.reg_unreset("sum_terms_q", value);
        }
        let negative = sign_ahead(m, negative, self.stages);
        Addend { value: m.wire("product", value.extend(bits).as_signed()), negative: Some(negative) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::errors::{check_bounds, check_signs, check_zero, errors_8x8, product};
    use super::*;

    fn iterative(operand_bits: u32, corrections: u32) -> Iterative {
        Iterative { operand_bits, corrections, stages: 0 }
    }

    #[test]
    fn the_published_errors() {
        for (corrections, small) in [(0, "8.91, min -24.8"), (1, "0.834, min -6.10"), (2, "0.071, min -1.48")] {
            let (digits, least) = if corrections == 0 { (2, 1) } else { (3, 2) };
            let errors = errors_8x8(&iterative(9, corrections));
            assert_eq!(errors.bias, -errors.mean);
            assert_eq!(format!("{:.digits$}, min {:.least$}", errors.mean, errors.lowest), small);
        }
    }

    /// A product is ab - rs with the residues r of a and s of b, so that its relative error is -(r / a) (s / b), and the mean of all pairs
    /// the square of one over the operands.
    #[test]
    fn the_errors_of_16x16() {
        for (corrections, expected) in [(0, "9.4120"), (1, "0.9874"), (2, "0.1070")] {
            let family = iterative(17, corrections);
            for a in (1..65536).step_by(37) {
                for b in (1..65536).step_by(41) {
                    assert_eq!(product(&family, a, b), a * b - residue(a, corrections) * residue(b, corrections));
                }
            }
            let mean = (1..65536).map(|a| residue(a, corrections) as f64 / a as f64).sum::<f64>() / 65535.0;
            assert_eq!(format!("{:.4}", 100.0 * mean * mean), expected);
        }
    }

    /// r of a magnitude: without its c + 1 leading ones.
    fn residue(mut magnitude: i64, corrections: u32) -> i64 {
        for _ in 0..=corrections {
            magnitude -= if magnitude == 0 { 0 } else { 1 << magnitude.ilog2() };
        }
        magnitude
    }

    #[test]
    fn products_are_short_by_the_product_of_the_residues() {
        for corrections in 0..=2 {
            let family = iterative(9, corrections);
            for a in 0..256 {
                for b in 0..256 {
                    let short = residue(a, corrections) * residue(b, corrections);
                    assert_eq!(product(&family, a, b), a * b - short, "{a} * {b}");
                }
            }
        }
    }

    #[test]
    fn known_products() {
        for (corrections, expected) in [(0, 40), (1, 48), (2, 49)] {
            assert_eq!(product(&iterative(8, corrections), 7, 7), expected);
        }
        assert_eq!(product(&iterative(8, 0), 96, -64), -6144);
    }

    #[test]
    #[allow(clippy::unusual_byte_groupings, reason = "grouped by field")]
    fn codes_are_a_sign_places_and_a_residue() {
        let family = iterative(8, 1);
        assert_eq!(family.encode(Side::Moving, -107, 0), 0b1_1110_1101_01011);
        assert_eq!(family.encode(Side::Moving, 8, 0), 0b0_1011_0000_00000);
        assert_eq!(family.encode(Side::Moving, -128, 0), 0b1_1111_0000_00000);
    }

    #[test]
    fn products_keep_the_rules_of_zero_and_signs_and_both_bounds() {
        for bits in [4, 5, 8, 9] {
            for corrections in 0..=2.min(bits - 3) {
                check_zero(&iterative(bits, corrections));
                check_signs(&iterative(bits, corrections));
                check_bounds(&iterative(bits, corrections));
            }
        }
    }

    #[test]
    fn the_error_bound_is_approached() {
        for corrections in 0..=2 {
            let family = iterative(16, corrections);
            let error = product(&family, 32767, 32767) as f64 / (32767 * 32767) as f64 - 1.0;
            let least = family.error_bound().relative_low;
            assert!(least < error && error < 0.999 * least, "{error}");
        }
    }

    #[test]
    fn codes_fit() {
        assert_eq!(iterative(16, 2).code_bits(Side::Moving), 28);
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let wrong = |family: Iterative| family.validate().unwrap_err().parameter;
        assert_eq!(wrong(iterative(17, 0)), "operand_bits");
        assert_eq!(wrong(iterative(8, 3)), "corrections");
        assert_eq!(wrong(iterative(4, 2)), "corrections");
        assert_eq!(wrong(Iterative { stages: 3, ..iterative(8, 0) }), "stages");
    }
}
