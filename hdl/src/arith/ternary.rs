//! Binary and ternary weights after Z. Lin, M. Courbariaux, R. Memisevic, Y. Bengio, "Neural Networks with Few
//! Multiplications", ICLR 2016.
//!
//! **Weights.** The compute copy w of a weight has W bits and is taken relative to W0 = `2^(W-1)`, the end of its range: masters
//! saturate at +-W0 by themselves, and `training.weight_scale` says what W0 stands for in each layer. A code is -W0, 0 or W0
//! (`levels = "ternary"`), or -W0 or W0 (`"binary"`, where only w = 0 keeps the code 0). Drawn codes (`rounding = "stochastic"`) are w on
//! average: with a uniform draw u,
//!
//! - ternary: sign(w) W0 where u < |w|, u of W - 1 bits;
//! - binary: sign(w) W0 where u < |w| + W0, else -sign(w) W0, u of W bits.
//!
//! Nearest codes take |w| >= W0 / 2 as W0 (ternary), or the sign alone (binary). A weight is drawn when it is written, so once per
//! update, and the forward and the backward pass meet the same code. A network that was trained with drawn weights is
//! tested with the weights as they are, by exact products on the model.
//!
//! **Activations on the stationary side**, which meet gradients in the update of weights: `activations = "power_of_two"` takes x as
//! sign(x) 2^e with 2^e <= |x| <= 2^(e+1), the upper of the two with probability |x| / 2^e - 1 where codes are drawn, else where
//! that is at least 1/2 (quantised back-propagation). `activations = "ternary"` codes them like ternary weights: the smallest
//! processing element.
//!
//! **Codes**, most significant bit first: moving, the operand itself (W bits); stationary `{nonzero, sign, e}` with ceil(log2 W) bits of e,
//! where weights have e = W - 1; `{nonzero, sign}` without powers of two. A product is the moving operand shifted left by e, negated
//! where the sign says so, and 0 for a zero code; without powers of two it counts in units of W0.
//!
//! **Bound.** A power of two is between half and twice the activation it stands for. Of a weight's code, the distance to the weight is
//! bounded, so that of a product with a is |a| times as large. Drawn ternary: W0 - 1, of 0 for |w| = W0 - 1 (as for W0 in place of 1). Drawn
//! binary: the other sign is drawn for |w| up to W0 - 1 (with u = 2 W0 - 1), which makes 2 W0 - 1. Nearest ternary: W0 / 2, of W0 for
//! |w| = W0 / 2. Nearest binary: W0 - 1, of W0 for |w| = 1.
use super::family::{Choices, Family, Parameter};
use super::parts::sign_ahead;
use super::shifter::Shift;
use super::{Addend, Arithmetic, ErrorBound, Exact, Form, Operand, Side, WeightBound, WeightCoding};
use crate::rtl::{Builder, Expr, cat, unsigned};
use std::sync::Arc;

pub const FAMILY: Family = Family {
    name: "ternary",
    summary: "binary or ternary weights, drawn at random, and powers of two for their updates (Lin et al. 2016)",
    parameters: &[
        Parameter {
            name: "levels",
            choices: Choices::Word { words: &["ternary", "binary"], default: "ternary" },
            help: "codes of weights: -1, 0, 1, or -1, 1",
        },
        Parameter {
            name: "codes",
            choices: Choices::Word { words: &["stochastic", "nearest"], default: "stochastic" },
            help: "whether codes are drawn at random, right on average",
        },
        Parameter {
            name: "activations",
            choices: Choices::Word { words: &["power_of_two", "ternary"], default: "power_of_two" },
            help: "codes of the activations that meet gradients in weight updates",
        },
    ],
    units: &[
        "operand_bits=8",
        "operand_bits=8 codes=nearest stages=1",
        "operand_bits=8 levels=binary",
        "operand_bits=8 levels=binary codes=nearest",
        "operand_bits=8 activations=ternary",
        "operand_bits=16 stages=2",
    ],
    make: |values| {
        Arc::new(Ternary {
            operand_bits: values.operand_bits,
            binary: values.word("levels") == "binary",
            stochastic: values.word("codes") == "stochastic",
            powers: values.word("activations") == "power_of_two",
            stages: values.stages,
        })
    },
};

/// The family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ternary {
    /// W, 4..=16.
    pub operand_bits: u32,
    /// Weights have no zero.
    pub binary: bool,
    /// Codes are drawn.
    pub stochastic: bool,
    /// Stationary activations are powers of two.
    pub powers: bool,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

impl Ternary {
    /// Width of the exponent in a stationary code.
    fn exponent_bits(&self) -> u32 {
        if self.powers { 32 - (self.operand_bits - 1).leading_zeros() } else { 0 }
    }

    /// The code of +-2^exponent.
    fn code(&self, negative: bool, exponent: u32) -> u32 {
        let exponent = if self.powers { exponent } else { 0 };
        (0b10 | u32::from(negative)) << self.exponent_bits() | exponent
    }

    /// The code -W0, 0 or W0 of an operand.
    fn ternary(&self, operand: i64, draw: u32) -> u32 {
        let magnitude = operand.unsigned_abs();
        let threshold = if self.stochastic { u64::from(draw) + 1 } else { 1 << (self.operand_bits - 2) };
        if magnitude < threshold { 0 } else { self.code(operand < 0, self.operand_bits - 1) }
    }

    /// The code where `nonzero`, else 0; weights have the largest exponent.
    fn code_rtl(&self, nonzero: &Expr, negative: &Expr, exponent: Option<&Expr>) -> Expr {
        let mut parts = vec![nonzero.clone(), negative & nonzero];
        if self.powers {
            let most = || Expr::constant(unsigned(self.exponent_bits()), i64::from(self.operand_bits - 1));
            parts.push(exponent.cloned().unwrap_or_else(most).gate(nonzero));
        }
        cat(&parts)
    }

    fn ternary_rtl(&self, m: &mut Builder, operand: &Operand, draw: Option<&Expr>) -> Expr {
        let magnitude = operand.magnitude(m);
        let bits = self.operand_bits;
        let nonzero = match draw {
            Some(draw) => draw.extend(bits).lt(&magnitude),
            None => {
                // At least 2^(W-2): one of the two top bits.
                m.discard(magnitude.slice(0, bits - 2));
                magnitude.slice(bits - 2, 2).any()
            }
        };
        let nonzero = m.wire("nonzero", nonzero);
        self.code_rtl(&nonzero, &operand.sign(m), None)
    }
}

impl WeightCoding for Ternary {
    /// As the page of the family proves.
    fn error_bound(&self) -> WeightBound {
        let largest = 2f64.powi(self.operand_bits as i32 - 1);
        let distance = match (self.binary, self.stochastic) {
            (true, true) => 2.0 * largest - 1.0,
            (false, false) => largest / 2.0,
            (true, false) | (false, true) => largest - 1.0,
        };
        WeightBound::Distance { distance }
    }

    fn draw_bits(&self) -> u32 {
        match (self.stochastic, self.binary) {
            (false, _) => 0,
            (true, true) => self.operand_bits,
            (true, false) => self.operand_bits - 1,
        }
    }

    fn encode(&self, weight: i64, draw: u32) -> u32 {
        if !self.binary {
            return self.ternary(weight, draw);
        }
        // With its own sign or, drawn, with the other one.
        let half = 1 << (self.operand_bits - 1);
        let other = self.stochastic && u64::from(draw) >= weight.unsigned_abs() + half;
        if weight == 0 { 0 } else { self.code((weight < 0) != other, self.operand_bits - 1) }
    }

    fn encode_rtl(&self, m: &mut Builder, weight: &Operand, draw: Option<&Expr>) -> Expr {
        if !self.binary {
            return self.ternary_rtl(m, weight, draw);
        }
        let value = weight.value(m);
        let nonzero = m.wire("nonzero", value.any());
        let negative = match draw {
            Some(draw) => {
                let bits = self.operand_bits;
                let magnitude = weight.magnitude(m);
                // |w| + 2^(W-1) of W + 1 bits; a sum of 2^W is above every draw.
                let lifted = cat(&[magnitude.msb(), !magnitude.msb(), magnitude.slice(0, bits - 1)]);
                value.msb() ^ lifted.le(&draw.extend(bits + 1))
            }
            None => value.msb(),
        };
        let negative = m.wire("negative", negative);
        self.code_rtl(&nonzero, &negative, None)
    }
}

impl Arithmetic for Ternary {
    fn name(&self) -> &'static str {
        "ternary"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, binary, stochastic, powers, stages } = *self;
        let choose = |is: bool, yes, no| if is { yes } else { no };
        format!(
            "operand_bits={operand_bits} levels={} codes={} activations={} stages={stages}",
            choose(binary, "binary", "ternary"),
            choose(stochastic, "stochastic", "nearest"),
            choose(powers, "power_of_two", "ternary")
        )
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn is_symmetric(&self) -> bool {
        false
    }

    fn code_bits(&self, side: Side) -> u32 {
        match side {
            Side::Moving => self.operand_bits,
            Side::Stationary => 2 + self.exponent_bits(),
        }
    }

    fn draw_bits(&self, side: Side) -> u32 {
        if side == Side::Stationary && self.stochastic { self.operand_bits - 1 } else { 0 }
    }

    fn weight_coding(&self) -> Option<&dyn WeightCoding> {
        Some(self)
    }

    fn tested_with(&self) -> Option<Arc<dyn Arithmetic>> {
        let exact = Exact { operand_bits: self.operand_bits, form: Form::Star, stages: 0 };
        self.stochastic.then(|| Arc::new(exact) as Arc<dyn Arithmetic>)
    }

    /// Without powers of two, products count in units of W0.
    fn dropped_bits(&self) -> u32 {
        if self.powers { 0 } else { self.operand_bits - 1 }
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// `2^(W-1)` times the largest code, W0.
    fn product_bound(&self) -> i64 {
        1 << (2 * (self.operand_bits - 1) - self.dropped_bits())
    }

    /// Of the codes of activations; drawn or nearest, a power of two is at least half and at most twice the magnitude.
    /// A magnitude of `2^e (1 + f)` becomes `2^e`, at least `1 / (1 + f)` > 1/2 of it, or `2^(e+1)`, at most `2 / (1 + f)` <= 2 times it;
    /// rounded to nearest, f < 1/2 or f >= 1/2 make these 2/3 and 4/3. A ternary code
    /// is as far from its operand as that of a ternary weight, and |a| is at most W0.
    fn error_bound(&self) -> ErrorBound {
        match (self.powers, self.stochastic) {
            (true, true) => ErrorBound { relative_low: -0.5, relative_high: 1.0, absolute: 0.0 },
            (true, false) => ErrorBound { relative_low: -1.0 / 3.0, relative_high: 1.0 / 3.0, absolute: 0.0 },
            (false, _) => {
                let largest = 2f64.powi(self.operand_bits as i32 - 1);
                let distance = if self.stochastic { largest - 1.0 } else { largest / 2.0 };
                ErrorBound { absolute: largest * distance, ..ErrorBound::EXACT }
            }
        }
    }

    #[inline]
    fn encode(&self, side: Side, operand: i64, draw: u32) -> u32 {
        if side == Side::Moving {
            return operand as u32 & ((1 << self.operand_bits) - 1);
        }
        if !self.powers {
            return self.ternary(operand, draw);
        }
        if operand == 0 {
            return 0;
        }
        let magnitude = operand.unsigned_abs() as u32;
        let exponent = magnitude.ilog2();
        // f as W - 1 bits; 0 for the magnitude 2^(W-1), which is a power of two.
        let below = self.operand_bits - 1;
        let fraction = (magnitude - (1 << exponent)) << (below - exponent);
        let up = if self.stochastic { draw < fraction } else { fraction >> (below - 1) == 1 };
        self.code(operand < 0, exponent + u32::from(up))
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        let unused = 32 - self.operand_bits;
        let operand = i64::from((moving << unused) as i32 >> unused);
        let exponent_bits = self.exponent_bits();
        let shifted = operand << (stationary & ((1 << exponent_bits) - 1));
        let negative = -i64::from(stationary >> exponent_bits & 1);
        let nonzero = -i64::from(stationary >> (exponent_bits + 1));
        ((shifted ^ negative) - negative) & nonzero
    }

    fn encode_rtl(&self, m: &mut Builder, side: Side, operand: &Operand, draw: Option<&Expr>) -> Expr {
        if side == Side::Moving {
            return operand.value(m).as_unsigned();
        }
        if !self.powers {
            return self.ternary_rtl(m, operand, draw);
        }
        let bits = self.operand_bits;
        let kept = if self.stochastic { bits } else { 2 };
        let (normal, place) = operand.normalised(m, kept);
        let nonzero = normal.msb();
        let up = match draw {
            Some(draw) => draw.lt(&normal.slice(0, bits - 1)),
            None => normal.bit(0),
        };
        let exponent = m.wire("exponent", &place + up.extend(place.width()));
        self.code_rtl(&nonzero, &operand.sign(m), Some(&exponent))
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let exponent_bits = self.exponent_bits();
        let operand = m.wire("operand", moving.as_signed());
        let exponent = (exponent_bits > 0).then(|| stationary.slice(0, exponent_bits));
        let shift = Shift {
            name: "",
            value: &operand,
            nonzero: &stationary.bit(exponent_bits + 1),
            distance: exponent.as_ref(),
            most: if self.powers { self.operand_bits - 1 } else { 0 },
        };
        let value = shift.build(m, self.stages);
        let negative = sign_ahead(m, stationary.bit(exponent_bits), self.stages);
        Addend { value: m.wire("product", value.extend(self.product_bits())), negative: Some(negative) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(settings: &str) -> Arc<dyn Arithmetic> {
        FAMILY.parse(settings).unwrap()
    }

    /// The mean of a code over all draws, in units of the operand.
    fn mean(family: &dyn Arithmetic, bits: u32, encode: impl Fn(u32) -> u32) -> f64 {
        let one = family.encode(Side::Moving, 1, 0);
        let unit = f64::from(1u32 << family.dropped_bits());
        let draws = 1u32 << bits;
        (0..draws).map(|draw| family.product(one, encode(draw)) as f64 * unit).sum::<f64>() / f64::from(draws)
    }

    #[test]
    fn drawn_codes_are_right_on_average() {
        for settings in ["operand_bits=8", "operand_bits=8 levels=binary", "operand_bits=8 activations=ternary"] {
            let family = family(settings);
            let coding = family.weight_coding().unwrap();
            for x in -128..128 {
                assert_eq!(mean(family.as_ref(), coding.draw_bits(), |draw| coding.encode(x, draw)), x as f64);
                let bits = family.draw_bits(Side::Stationary);
                assert_eq!(mean(family.as_ref(), bits, |draw| family.encode(Side::Stationary, x, draw)), x as f64);
            }
        }
    }

    /// The distances that the page of the family names, and no larger ones.
    #[test]
    fn bounds_of_weights_are_reached() {
        let all = ["ternary", "binary"].map(|levels| ["stochastic", "nearest"].map(|codes| (levels, codes)));
        for ((levels, codes), expected) in all.into_iter().flatten().zip([127.0, 64.0, 255.0, 127.0]) {
            let family = family(&format!("operand_bits=8 levels={levels} codes={codes}"));
            let coding = family.weight_coding().unwrap();
            let one = family.encode(Side::Moving, 1, 0);
            let draws = 1u32 << coding.draw_bits();
            let distance = |x: i64, draw| (family.product(one, coding.encode(x, draw)) - x).abs();
            let most = (-128..128).map(|x| (0..draws).map(|draw| distance(x, draw)).max().unwrap()).max().unwrap();
            assert_eq!(most as f64, expected);
            assert_eq!(coding.error_bound(), WeightBound::Distance { distance: expected }, "{levels} {codes}");
        }
    }

    #[test]
    fn the_bounds_of_ternary_activations_are_reached() {
        for (codes, operand, draw, expected) in [("nearest", 64, 0, 8192.0), ("stochastic", 127, 127, 16256.0)] {
            let family = family(&format!("operand_bits=8 activations=ternary codes={codes}"));
            let code = family.encode(Side::Stationary, operand, draw);
            let product = family.product(family.encode(Side::Moving, -128, 0), code) << family.dropped_bits();
            assert_eq!((product + 128 * operand).abs() as f64, expected);
            assert_eq!(family.error_bound(), ErrorBound { absolute: expected, ..ErrorBound::EXACT });
        }
    }

    #[test]
    fn nearest_codes_are_nearest() {
        let family = family("operand_bits=8 codes=nearest");
        let coding = family.weight_coding().unwrap();
        let one = family.encode(Side::Moving, 1, 0);
        let value = |code| family.product(one, code);
        for (weight, expected) in [(0, 0), (63, 0), (64, 128), (127, 128), (-63, 0), (-64, -128), (-128, -128)] {
            assert_eq!(value(coding.encode(weight, 0)), expected, "{weight}");
        }
        for (x, expected) in [(1, 1), (2, 2), (3, 4), (5, 4), (6, 8), (95, 64), (96, 128), (-128, -128), (-11, -8)] {
            assert_eq!(value(family.encode(Side::Stationary, x, 0)), expected, "{x}");
        }
    }
}
