//! Powers of two, after M. Marchesi, G. Orlandi, F. Piazza, A. Uncini, "Fast Neural Networks Without Multipliers", IEEE
//! Transactions on Neural Networks 4, 1993 (weights), and Z. Lin, M. Courbariaux, R. Memisevic, Y. Bengio, "Neural Networks
//! with Few Multiplications", ICLR 2016 (activations and gradients, drawn at random).
//!
//! **Definition.** The operands of the stationary side, of the moving side or of both are replaced by 0 or a power of two with
//! their sign: the N largest powers of W-bit operands, `2^L` to `2^(W-1)` with L = W - N (`exponents` is N). Let m = |x|, and
//!
//! - floor = `2^floor(log2 m)` and step = floor, if m is at least `2^L`;
//! - floor = 0 and step = `2^L`, if it is less.
//!
//! Then m becomes floor + step if `(m - floor) / step` is at least 1/2 (`codes = "nearest"`: of two equally near, the larger one), or with
//! that probability (`"stochastic"`: if `(m - floor) 2^(W-1) / step`, an integer, is above a draw of W - 1 bits, so that the mean over all
//! draws is m), else floor. floor + step is at most `2^(W-1)`, since no m is between. Weights have the nearest value even where
//! activations and gradients are drawn: then the forward pass is the same in training and in use, and so is its hardware.
//! A product is exact in the replaced operands.
//!
//! **Codes.** `{sign, nonzero, e}`, most significant bit first, for `2^(L+e)`: 2 + ceil(log2 N) bits, and 0 for the value 0. The
//! code of a side that is not replaced is the operand itself, W bits in two's complement. Products count in units of `2^L`, or of
//! `2^(2L)` with both sides replaced: as many low product bits are dropped, and nothing is lost.
//!
//! **Hardware.** The encoder finds the leading one. A processing element shifts the other operand by e, one step per bit of e, and
//! its sign goes to the column, which subtracts for nothing. Registers stand behind the last steps, where the reset pin makes
//! zeros instead of LUTs: of a weight that is 0 in front of the first one, of the low bits that a step fills in front of every
//! one. So a product with registers is smaller than one without, and the addition has nothing in front of
//! it. With both sides replaced, a product is a sum of two exponents and a decoder.
//!
//! **Error bound.** Let m be at least `2^L`, m = floor (1 + f). To nearest, f < 1/2 makes 1 of 1 + f, above 2/3 of it, and
//! f >= 1/2 makes 2, at most 4/3. Magnitudes of 3 `2^i` reach 4/3; those just below come near 2/3. Drawn,
//! 1 is above 1/2 of 1 + f, and 2 (where f > 0) below 2 (1 + f). If m is less than `2^L`, its error is at most half that,
//! or less than that where it is drawn. So the error of an operand is between `-l m - t` and `h m + t`, with l = h = 1/3 and
//! t = `2^(L-1)`, or l = 1/2, h = 1 and t = `2^L`, where t is 0 if L is. A product with an exact operand has its relative error; the
//! absolute one is t times an operand, at most `t 2^(W-1)`. Of two replaced ones, the product is at most
//! `((1 + h) a + t) ((1 + h) b + t)`, hence `(1 + h)^2 a b + 2 (1 + h) t 2^(W-1) + t^2`; from below likewise.
//!
//! **Where it loses.** In accuracy: the gaps between weights grow with them, and an update that is small against a gap shows in no
//! product until the masters have collected it, so the learning rate must decay. In area only to ternary weights, which
//! have nothing to shift.
use super::family::{Choices, Family, Parameter};
use super::parts::{accumulate_multiples, normalise, sign_ahead, twos_complement};
use super::shifter::{Shift, distance_bits};
use super::{
    Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side, WeightBound, accumulate_by, check_operand_bits,
    check_stages,
};
use crate::rtl::{Builder, Expr, cat};
use std::fmt;
use std::sync::Arc;

pub const FAMILY: Family = Family {
    name: "pow2",
    summary: "operands rounded to powers of two: products are shifts",
    parameters: &[
        Parameter {
            name: "side",
            choices: Choices::Word { words: &["stationary", "moving", "both"], default: "stationary" },
            help: "which operands are rounded to powers of two",
        },
        Parameter {
            name: "exponents",
            choices: Choices::Integer { min: 1, max: 16, default: |operand_bits| operand_bits },
            help: "how many powers of two there are, the largest ones",
        },
        Parameter {
            name: "codes",
            choices: Choices::Word { words: &["nearest", "stochastic"], default: "nearest" },
            help: "whether codes are drawn at random, right on average",
        },
    ],
    units: &[
        "operand_bits=8 side=stationary",
        "operand_bits=8 side=stationary exponents=7 stages=1",
        "operand_bits=8 side=stationary stages=1",
        "operand_bits=8 side=stationary stages=2",
        "operand_bits=8 side=stationary exponents=4",
        "operand_bits=8 side=moving codes=stochastic stages=1",
        "operand_bits=8 side=both",
        "operand_bits=16 side=stationary stages=1",
        "operand_bits=16 side=stationary exponents=8 codes=stochastic stages=2",
        "operand_bits=16 side=both stages=1",
    ],
    make: |values| {
        let rounded = match values.word("side") {
            "moving" => Rounded::Moving,
            "both" => Rounded::Both,
            _ => Rounded::Stationary,
        };
        Arc::new(Pow2 {
            operand_bits: values.operand_bits,
            rounded,
            exponents: values.integer("exponents"),
            stochastic: values.word("codes") == "stochastic",
            stages: values.stages,
        })
    },
};

/// The operands that are rounded to powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounded {
    Stationary,
    Moving,
    Both,
}

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rounded::Stationary => "stationary",
            Rounded::Moving => "moving",
            Rounded::Both => "both",
        })
    }
}

/// The power-of-two family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pow2 {
    /// W, 4..=16.
    pub operand_bits: u32,
    pub rounded: Rounded,
    /// N: the powers are `2^(W-N)` to `2^(W-1)`, 1..=W.
    pub exponents: u32,
    /// Activations and gradients are drawn.
    pub stochastic: bool,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

impl Pow2 {
    fn is_rounded(&self, side: Side) -> bool {
        match self.rounded {
            Rounded::Both => true,
            Rounded::Stationary => side == Side::Stationary,
            Rounded::Moving => side == Side::Moving,
        }
    }

    fn is_drawn(&self, side: Side) -> bool {
        self.stochastic && self.is_rounded(side)
    }

    /// L = W - N: the least power is 2^L.
    fn least(&self) -> u32 {
        self.operand_bits - self.exponents
    }

    /// Width of e, which counts from the least power.
    fn exponent_bits(&self) -> u32 {
        distance_bits(self.exponents - 1)
    }

    /// Code of an operand that is rounded: to nearest where nothing is drawn.
    #[inline]
    fn round(&self, operand: i64, draw: Option<u32>) -> u32 {
        debug_assert!(operand >> (self.operand_bits - 1) == operand >> 63);
        let magnitude = operand.unsigned_abs();
        // The values below and above are `floor` and `floor + step`.
        let least = 1u64 << self.least();
        let floor = if magnitude < least { 0 } else { 1 << magnitude.ilog2() };
        let step = floor.max(least);
        let rest = magnitude - floor;
        let up = match draw {
            Some(draw) => rest << (self.operand_bits - 1) > u64::from(draw) * step,
            None => 2 * rest >= step,
        };
        let value = floor + if up { step } else { 0 };
        if value == 0 {
            return 0;
        }
        let sign = u32::from(operand < 0);
        (sign << 1 | 1) << self.exponent_bits() | (value.ilog2() - self.least())
    }

    /// A power of two in units of 2^L.
    #[inline]
    fn power(&self, code: u32) -> i64 {
        let bits = self.exponent_bits();
        let (sign, nonzero) = (i64::from(code >> (bits + 1)), i64::from(code >> bits & 1));
        ((nonzero << (code & ((1 << bits) - 1))) ^ -sign) + sign
    }

    #[inline]
    fn operand(&self, code: u32) -> i64 {
        twos_complement(code, self.operand_bits)
    }

    fn round_rtl(&self, m: &mut Builder, operand: &Operand, draw: Option<&Expr>) -> Expr {
        let Self { operand_bits, exponents, .. } = *self;
        let mut magnitude = operand.magnitude(m);
        // Below the leading one, its place or the least one: a bit to round by, or all that a draw is compared with.
        let fraction_bits = if draw.is_some() { operand_bits - 1 } else { 1 };
        if let Some(unused) = self.least().checked_sub(fraction_bits).filter(|&unused| unused > 0) {
            m.discard(magnitude.slice(0, unused));
            magnitude = magnitude.slice(unused, operand_bits - unused);
        }
        let (normal, place) = if exponents == 1 {
            (magnitude, None)
        } else {
            let (normal, place) = normalise(m, &magnitude, exponents, 1 + fraction_bits, false);
            (normal, Some(place))
        };
        let fraction = normal.slice(0, fraction_bits);
        let up = m.wire("up", draw.map_or(fraction.clone(), |draw| draw.lt(&fraction)));
        let large = normal.msb();
        let nonzero = m.wire("nonzero", &large | &up);
        let sign = operand.sign(m) & &nonzero;
        match place {
            // Without a leading one, rounding up makes the least power.
            Some(place) => cat(&[sign, nonzero, &place + (large & up).extend(place.width())]),
            None => cat(&[sign, nonzero]),
        }
    }

    /// The exact operand shifted by the exponent.
    fn shifted(&self, m: &mut Builder, operand: &Expr, power: &Expr) -> Addend {
        let bits = self.exponent_bits();
        let operand = m.wire("operand", operand.as_signed());
        let exponent = (bits > 0).then(|| power.slice(0, bits));
        let shift = Shift {
            name: "",
            value: &operand,
            nonzero: &power.bit(bits),
            distance: exponent.as_ref(),
            most: self.exponents - 1,
        };
        let value = shift.build(m, self.stages);
        let negative = sign_ahead(m, power.msb(), self.stages);
        Addend { value: m.wire("product", value.extend(self.product_bits())), negative: Some(negative) }
    }

    /// One bit, at the sum of the exponents.
    fn decoded(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let bits = self.exponent_bits();
        let negative = m.wire("negative", moving.msb() ^ stationary.msb());
        let mut nonzero = m.wire("nonzero", moving.bit(bits) & stationary.bit(bits));
        let mut exponent = (bits > 0).then(|| {
            let exponent = |code: &Expr| code.slice(0, bits).extend(bits + 1);
            m.wire("exponent", exponent(moving) + exponent(stationary))
        });
        if self.stages == 2 {
            nonzero = m.reg_unreset("nonzero_q", nonzero);
            exponent = exponent.map(|exponent| m.reg_unreset("exponent_q", exponent));
        }
        let mut value = match exponent {
            Some(exponent) => {
                let places = (0..2 * self.exponents - 1).rev();
                cat(&places.map(|place| exponent.is(place.into())).collect::<Vec<_>>()).gate(&nonzero)
            }
            None => nonzero,
        };
        if self.stages >= 1 {
            value = m.reg_unreset("power_q", value);
        }
        let negative = sign_ahead(m, negative, self.stages);
        let value = m.wire("product", value.extend(self.product_bits()).as_signed());
        Addend { value, negative: Some(negative) }
    }
}

impl Arithmetic for Pow2 {
    fn name(&self) -> &'static str {
        "pow2"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, rounded, exponents, stochastic, stages } = self;
        let codes = if *stochastic { "stochastic" } else { "nearest" };
        format!("operand_bits={operand_bits} side={rounded} exponents={exponents} codes={codes} stages={stages}")
    }

    fn validate(&self) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits)?;
        ParameterError::check("exponents", self.exponents, 1..=self.operand_bits)?;
        check_stages(self.stages)
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn is_symmetric(&self) -> bool {
        self.rounded == Rounded::Both
    }

    fn code_bits(&self, side: Side) -> u32 {
        if self.is_rounded(side) { 2 + self.exponent_bits() } else { self.operand_bits }
    }

    fn draw_bits(&self, side: Side) -> u32 {
        if self.is_drawn(side) { self.operand_bits - 1 } else { 0 }
    }

    fn weight_coding(&self) -> Option<&dyn super::WeightCoding> {
        self.is_drawn(Side::Stationary).then_some(self)
    }

    fn dropped_bits(&self) -> u32 {
        if self.rounded == Rounded::Both { 2 * self.least() } else { self.least() }
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// That of `-2^(W-1)` with itself: it is a power of two.
    fn product_bound(&self) -> i64 {
        1 << (2 * self.operand_bits - 2 - self.dropped_bits())
    }

    /// As the page of the family proves.
    fn error_bound(&self) -> ErrorBound {
        let (low, high, least) = if self.stochastic { (0.5, 1.0, 1.0) } else { (1.0 / 3.0, 1.0 / 3.0, 0.5) };
        let largest = 2f64.powi(self.operand_bits as i32 - 1);
        let least = if self.least() == 0 { 0.0 } else { least * 2f64.powi(self.least() as i32) };
        match self.rounded {
            Rounded::Both => ErrorBound {
                relative_low: (1.0 - low) * (1.0 - low) - 1.0,
                relative_high: (1.0 + high) * (1.0 + high) - 1.0,
                absolute: 2.0 * (1.0 + high) * least * largest + least * least,
            },
            _ => ErrorBound { relative_low: -low, relative_high: high, absolute: least * largest },
        }
    }

    #[inline]
    fn encode(&self, side: Side, operand: i64, draw: u32) -> u32 {
        if self.is_rounded(side) {
            self.round(operand, self.is_drawn(side).then_some(draw))
        } else {
            operand as u32 & ((1 << self.operand_bits) - 1)
        }
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        match self.rounded {
            Rounded::Stationary => self.operand(moving) * self.power(stationary),
            Rounded::Moving => self.power(moving) * self.operand(stationary),
            Rounded::Both => self.power(moving) * self.power(stationary),
        }
    }

    fn accumulate(&self, moving: &[u32], stationary: &[u32], n: usize, sums: &mut [i64]) {
        if self.rounded == Rounded::Stationary {
            return accumulate_multiples(|c| self.power(c), self.operand_bits, moving, stationary, n, sums);
        }
        accumulate_by(|a, b| self.product(a, b), moving, stationary, n, sums);
    }

    fn encode_rtl(&self, m: &mut Builder, side: Side, operand: &Operand, draw: Option<&Expr>) -> Expr {
        if self.is_rounded(side) { self.round_rtl(m, operand, draw) } else { operand.value(m).as_unsigned() }
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        match self.rounded {
            Rounded::Stationary => self.shifted(m, moving, stationary),
            Rounded::Moving => self.shifted(m, stationary, moving),
            Rounded::Both => self.decoded(m, moving, stationary),
        }
    }
}

/// Weights are rounded to nearest where activations and gradients are drawn.
impl super::WeightCoding for Pow2 {
    /// That of nearest codes; on both sides, the other one is drawn.
    fn error_bound(&self) -> WeightBound {
        WeightBound::Product(match self.rounded {
            Rounded::Both => Arithmetic::error_bound(self),
            _ => Arithmetic::error_bound(&Self { stochastic: false, ..*self }),
        })
    }

    fn draw_bits(&self) -> u32 {
        0
    }

    fn encode(&self, weight: i64, _: u32) -> u32 {
        self.round(weight, None)
    }

    fn encode_rtl(&self, m: &mut Builder, weight: &Operand, _: Option<&Expr>) -> Expr {
        self.round_rtl(m, weight, None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::errors::{check_bounds, check_signs, check_zero};
    use super::*;

    fn family(settings: &str) -> Arc<dyn Arithmetic> {
        FAMILY.parse(settings).unwrap()
    }

    fn pow2(operand_bits: u32, rounded: Rounded, exponents: u32) -> Pow2 {
        Pow2 { operand_bits, rounded, exponents, stochastic: false, stages: 0 }
    }

    const ALL: [Rounded; 3] = [Rounded::Stationary, Rounded::Moving, Rounded::Both];

    /// What a stationary operand is taken as.
    fn value(family: &dyn Arithmetic, operand: i64, draw: u32) -> i64 {
        let one = family.encode(Side::Moving, 1, 0);
        family.product(one, family.encode(Side::Stationary, operand, draw)) << family.dropped_bits()
    }

    #[test]
    fn the_nearest_power_and_of_two_the_larger() {
        let family = family("operand_bits=8");
        for (x, expected) in [(0, 0), (1, 1), (2, 2), (3, 4), (5, 4), (6, 8), (95, 64), (96, 128), (127, 128)] {
            assert_eq!(value(family.as_ref(), x, 0), expected, "{x}");
            assert_eq!(value(family.as_ref(), -x, 0), -expected, "-{x}");
        }
        assert_eq!(value(family.as_ref(), -128, 0), -128);
    }

    #[test]
    fn below_the_least_power_zero_may_be_nearer() {
        let family = family("operand_bits=8 exponents=4");
        assert_eq!(family.dropped_bits(), 4);
        for (x, expected) in [(7, 0), (8, 16), (-8, -16), (-7, 0), (23, 16), (24, 32), (100, 128)] {
            assert_eq!(value(family.as_ref(), x, 0), expected, "{x}");
        }
        assert_eq!(family.encode(Side::Stationary, -7, 0), 0);
        let one = self::family("operand_bits=8 exponents=1");
        assert_eq!([63, 64, 127, -64].map(|x| value(one.as_ref(), x, 0)), [0, 128, 128, -128]);
    }

    #[test]
    #[allow(clippy::unusual_byte_groupings, reason = "grouped by field")]
    fn codes_are_a_sign_a_bit_that_is_not_zero_and_an_exponent() {
        let family = pow2(8, Rounded::Stationary, 8);
        assert_eq!(family.encode(Side::Stationary, 1, 0), 0b0_1_000);
        assert_eq!(family.encode(Side::Stationary, -40, 0), 0b1_1_101);
        assert_eq!(family.encode(Side::Moving, -40, 0), 0b1101_1000);
    }

    #[test]
    fn products_keep_the_rules_of_zero_and_signs_and_both_bounds() {
        for rounded in ALL {
            check_zero(&pow2(8, rounded, 8));
            for exponents in [1, 3, 7, 8] {
                check_signs(&pow2(8, rounded, exponents));
                check_bounds(&pow2(8, rounded, exponents));
            }
        }
    }

    #[test]
    fn the_error_bound_is_reached() {
        let family = pow2(8, Rounded::Stationary, 8);
        assert_eq!(3.0 * family.error_bound().relative_high, 1.0);
        assert_eq!(value(&family, 96, 0), 128);
        let rough = pow2(8, Rounded::Moving, 4);
        let error = rough.product(rough.encode(Side::Moving, 8, 0), rough.encode(Side::Stationary, -128, 0)) * 16;
        assert_eq!((error + 8 * 128).abs() as f64, rough.error_bound().absolute);
    }

    #[test]
    fn drawn_values_are_right_on_average_and_next_to_the_operand() {
        for exponents in [1, 2, 5, 8] {
            let family = family(&format!("operand_bits=8 exponents={exponents} codes=stochastic"));
            let draws = 1 << family.draw_bits(Side::Stationary);
            for x in -128..128i64 {
                let values: Vec<i64> = (0..draws).map(|draw| value(family.as_ref(), x, draw)).collect();
                assert_eq!(values.iter().sum::<i64>(), x * i64::from(draws), "{x}");
                let others = values.iter().filter(|&&value| value != values[0]).collect::<Vec<_>>();
                assert!(others.windows(2).all(|pair| pair[0] == pair[1]), "{x}");
            }
        }
    }

    #[test]
    fn weights_are_rounded_to_nearest_where_activations_are_drawn() {
        let (drawn, nearest) = (family("operand_bits=8 codes=stochastic"), family("operand_bits=8"));
        let coding = drawn.weight_coding().unwrap();
        assert_eq!(drawn.weight_draw_bits(), 0);
        assert!((-128..128).all(|x| coding.encode(x, 0) == nearest.encode(Side::Stationary, x, 0)));
        // On the moving side there are no weights.
        assert!(family("operand_bits=8 side=moving codes=stochastic").weight_coding().is_none());
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let wrong = |family: Pow2| family.validate().unwrap_err().parameter;
        let good = pow2(8, Rounded::Both, 8);
        assert_eq!(wrong(Pow2 { operand_bits: 3, ..good }), "operand_bits");
        assert_eq!(wrong(Pow2 { exponents: 0, ..good }), "exponents");
        assert_eq!(wrong(Pow2 { exponents: 9, ..good }), "exponents");
        assert_eq!(wrong(Pow2 { stages: 3, ..good }), "stages");
    }
}
