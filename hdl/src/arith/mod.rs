//! Multiplier families. One file each: parameters, code format, reference on plain integers, error bound, hardware.
//!
//! An operand is encoded once, when it is written to a memory; a processing element combines two codes.
//! To add a family, write its file, declare it here and name it in [`FAMILIES`].
//! The reference is written from the mathematics and never from the hardware description.
pub mod asm;
pub mod csd;
pub mod drum;
#[cfg(test)]
mod errors;
pub mod exact;
pub mod family;
pub mod guest;
pub mod ilm;
pub mod iterative;
mod logarithm;
pub mod mbm;
pub mod mitchell;
mod modules;
mod operand;
mod parts;
pub mod pow2;
pub mod rccm;
pub mod realm;
mod shifter;
pub mod ternary;

use crate::rtl::{Builder, Expr};
use std::fmt::{self, Debug};
use std::ops::RangeInclusive;
use std::sync::Arc;

pub use asm::AlphabetSet;
pub use csd::Csd;
pub use drum::Drum;
pub use exact::{Exact, Form};
pub use family::{Choices, Family, Parameter, Values};
pub use guest::Guest;
pub use ilm::Ilm;
pub use iterative::Iterative;
pub use mbm::Mbm;
pub use mitchell::Mitchell;
pub(crate) use modules::about;
pub use modules::{edge, encoder, pipelined_encoder, product, unit, weight_unit};
pub use operand::Operand;
pub use pow2::{Pow2, Rounded};
pub use rccm::Rccm;
pub use realm::Realm;

/// Every family, simple ones first.
pub static FAMILIES: &[Family] = &[
    exact::FAMILY,
    mitchell::FAMILY,
    mbm::FAMILY,
    ilm::FAMILY,
    realm::FAMILY,
    drum::FAMILY,
    iterative::FAMILY,
    pow2::FAMILY,
    csd::FAMILY,
    asm::FAMILY,
    rccm::FAMILY,
    ternary::FAMILY,
];

/// Pipeline registers that a product may have inside.
pub const MAX_STAGES: u32 = 2;

/// A parameter of a family that does not suit it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {problem}; {remedy}")]
pub struct ParameterError {
    /// Name of the parameter as in [`Arithmetic::parameters`].
    pub parameter: &'static str,
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl ParameterError {
    pub fn new(parameter: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { parameter, problem: problem.into(), remedy: remedy.into() }
    }

    /// An error if `number` is outside the range.
    pub fn check(parameter: &'static str, number: u32, range: RangeInclusive<u32>) -> Result<(), Self> {
        if range.contains(&number) {
            return Ok(());
        }
        let (least, most) = (range.start(), range.end());
        Err(Self::new(parameter, format!("{number} is outside {least}..={most}"), format!("choose {least} to {most}")))
    }
}

/// A product on its way into an adder: the product is `value`, or `-value` where `negative` is 1.
#[derive(Clone, Debug)]
pub struct Addend {
    /// A named signal, signed, [`Arithmetic::product_bits`] wide.
    pub value: Expr,
    /// One bit; absent where the value is the product. With a pipeline register or more, it stands one cycle before its
    /// value: the last register of a sign belongs to whoever adds, since a processing element needs the sign earlier.
    pub negative: Option<Expr>,
}

impl Addend {
    /// The same with the sign in the cycle of the value: behind a register, named `name`, where the product has any.
    pub fn aligned(self, m: &mut Builder, name: &str, latency: u32) -> Self {
        let negative = self.negative.map(|negative| if latency > 0 { m.reg_unreset(name, negative) } else { negative });
        Self { negative, ..self }
    }

    /// `sum + product`, of the sum's width (signed, at least as wide as the product), wrapping. The sign stands in the
    /// cycle of the value.
    ///
    /// Two's complement negation is the complement plus one, and an adder takes the one as its carry-in for nothing.
    pub fn add_to(&self, sum: &Expr) -> Expr {
        let width = sum.width();
        match &self.negative {
            Some(negative) => {
                let complement = self.value.extend(width) ^ negative.repeat(width).as_signed();
                sum + complement + negative.extend(width).as_signed()
            }
            None => sum + self.value.extend(width),
        }
    }
}

/// The side of the array that an operand enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Operands that move along the rows: activations and gradients.
    Moving,
    /// Operands that stay in the array for a block: weights, and activations or gradients for weight updates.
    Stationary,
}

/// Bound on the error of a product of the operands a and b, with p the product scaled back by `2^dropped_bits`:
/// `relative_low * |ab| - absolute <= |p| - |ab| <= relative_high * |ab| + absolute`, and p has the sign of ab or is 0 where products
/// [keep signs](Arithmetic::keeps_signs).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorBound {
    pub relative_low: f64,
    pub relative_high: f64,
    /// In units of the full product.
    pub absolute: f64,
}

impl fmt::Display for ErrorBound {
    /// As two inequalities, p in units of the full product: `-0.111 |ab| <= |p| - |ab| <= 0 |ab|`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { relative_low, relative_high, absolute } = *self;
        if *self == Self::EXACT {
            return f.write_str("|p| = |ab|");
        }
        match absolute {
            0.0 => write!(f, "{relative_low:.6} |ab| <= |p| - |ab| <= {relative_high:.6} |ab|"),
            _ => write!(f, "{relative_low:.6} |ab| - {absolute} <= |p| - |ab| <= {relative_high:.6} |ab| + {absolute}"),
        }
    }
}

impl ErrorBound {
    /// Of exact products.
    pub const EXACT: Self = Self { relative_low: 0.0, relative_high: 0.0, absolute: 0.0 };

    /// Whether a product keeps the bound; `slack` covers the rounding of floating point.
    pub fn holds(&self, a: i64, b: i64, product: i64) -> bool {
        let exact = a * b;
        if product != 0 && (product < 0) != (exact < 0) {
            return false;
        }
        let (exact, error) = (exact.unsigned_abs() as f64, (product.abs() - exact.abs()) as f64);
        let slack = 1e-9 * exact + 1e-9;
        self.relative_low * exact - self.absolute - slack <= error
            && error <= self.relative_high * exact + self.absolute + slack
    }
}

/// Bound on the error of a product p of the moving operand a and a weight b, p scaled back by `2^dropped_bits`. In every case p
/// is 0 where a or b is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WeightBound {
    /// Like those of other operands.
    Product(ErrorBound),
    /// `|p - ab| <= distance * |a|`, of codes that stand for weights far off: p may have either sign.
    Distance { distance: f64 },
}

impl fmt::Display for WeightBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Product(bound) => fmt::Display::fmt(bound, f),
            Self::Distance { distance } => write!(f, "|p - ab| <= {distance} |a|"),
        }
    }
}

impl WeightBound {
    /// As [`ErrorBound::holds`].
    pub fn holds(&self, a: i64, b: i64, product: i64) -> bool {
        match *self {
            Self::Product(bound) => bound.holds(a, b, product),
            Self::Distance { distance } => {
                let is_zero_where_due = a * b != 0 || product == 0;
                is_zero_where_due && (product - a * b).abs() as f64 <= distance * a.abs() as f64 + 1e-9
            }
        }
    }
}

/// A multiplier family with its parameters chosen.
///
/// Memories hold codes. An operand is encoded when it is written; its lane code, which processing elements combine, is
/// formed from the stored code at the edge of the array ([`lane_rtl`](Self::lane_rtl)).
///
/// Every implementation keeps three laws: the operand 0 has the code 0; a product with a code 0 is 0; and products keep signs:
/// they are odd, that is, they change their sign and nothing else with the sign of an operand (whose negative is one), and they
/// have the sign of the exact product or are 0. The third may be waived: [`keeps_signs`](Self::keeps_signs).
pub trait Arithmetic: Send + Sync + Debug {
    /// Family name, as written in a configuration.
    fn name(&self) -> &'static str;

    /// All parameters in a fixed order: `operand_bits=16 fraction_bits=4`. Equal texts (and names) mean
    /// equal hardware.
    fn parameters(&self) -> String;

    /// Whether all parameters are in range. The other methods may panic where they are not.
    fn validate(&self) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits())?;
        check_stages(self.latency())
    }

    /// W: width of a signed operand.
    fn operand_bits(&self) -> u32;

    /// Whether products keep signs, by the third law. Nothing is trained otherwise where they do not; but all signs are swept.
    fn keeps_signs(&self) -> bool {
        true
    }

    /// Whether one code serves both sides. Where it does not, an activation is stored in both codes, a gradient in its moving
    /// and a weight in its stationary one.
    fn is_symmetric(&self) -> bool {
        true
    }

    /// Width of a stored code, at most 31.
    fn code_bits(&self, side: Side) -> u32;

    /// Uniform random bits that encoding takes: 0, or as many as stochastic rounding needs, at most 16.
    fn draw_bits(&self, _: Side) -> u32 {
        0
    }

    /// How weights are encoded, where not like the activations that share their side.
    fn weight_coding(&self) -> Option<&dyn WeightCoding> {
        None
    }

    /// Random bits of a weight's code.
    fn weight_draw_bits(&self) -> u32 {
        self.weight_coding().map_or_else(|| self.draw_bits(Side::Stationary), WeightCoding::draw_bits)
    }

    /// The arithmetic that a trained network is tested with, where that is another one: weights that are drawn anew in
    /// every step of training are tested as they are.
    fn tested_with(&self) -> Option<Arc<dyn Arithmetic>> {
        None
    }

    /// Width of a code inside the array.
    fn lane_bits(&self, side: Side) -> u32 {
        self.code_bits(side)
    }

    /// Low product bits that the family drops: a product p stands for `p * 2^dropped_bits`.
    fn dropped_bits(&self) -> u32 {
        0
    }

    /// Pipeline registers inside the product, 0..=[`MAX_STAGES`].
    fn latency(&self) -> u32 {
        0
    }

    /// Largest magnitude of a product, over all pairs of codes that `encode` gives.
    fn product_bound(&self) -> i64;

    /// Proven bound on the error of a product of operands that are encoded for their sides; weights with a coding of their own
    /// have a [bound](WeightCoding::error_bound) of their own.
    fn error_bound(&self) -> ErrorBound;

    /// Code of a W-bit signed operand. `draw`: a random number of [`draw_bits`](Self::draw_bits) bits.
    fn encode(&self, side: Side, operand: i64, draw: u32) -> u32;

    /// Product of two codes, in units of `2^dropped_bits`.
    fn product(&self, moving: u32, stationary: u32) -> i64;

    /// Width of the signed product: of `product_bound` with either sign.
    fn product_bits(&self) -> u32 {
        self.product_bound().ilog2() + 2
    }

    /// Hardware of [`encode`](Self::encode): from the operand, and unsigned(draw_bits) where the side draws, to
    /// unsigned(code_bits), combinational. Declares wires in `m`.
    fn encode_rtl(&self, m: &mut Builder, side: Side, operand: &Operand, draw: Option<&Expr>) -> Expr;

    /// Hardware at the edge of the array, once per row or column: unsigned(code_bits) to unsigned(lane_bits),
    /// combinational, 0 to 0.
    fn lane_rtl(&self, _: &mut Builder, _: Side, code: &Expr) -> Expr {
        code.clone()
    }

    /// Hardware of [`product`](Self::product) for two lane codes, unsigned(lane_bits), [`latency`](Self::latency) cycles
    /// later. Declares wires and registers in `m`.
    ///
    /// `stationary` changes only together with the first moving code that meets it, and a pipeline keeps what it needs
    /// of both.
    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend;

    /// `sums += moving * stationary` on row-major matrices of codes: `moving` is m x k, `stationary` k x n,
    /// `sums` m x n with m, k >= 1 given by the lengths.
    ///
    /// A default body is compiled once per family, so `product` is inlined here: one dynamic call per
    /// matrix, none per element.
    fn accumulate(&self, moving: &[u32], stationary: &[u32], n: usize, sums: &mut [i64]) {
        accumulate_by(|a, b| self.product(a, b), moving, stationary, n, sums);
    }

    /// Encodes slices of equal length; `draw` gives the random number of each element, in order.
    ///
    /// A default body, for the same reason as [`accumulate`](Self::accumulate).
    fn encode_slice(&self, side: Side, operands: &[i64], draws: &[u32], codes: &mut [u32]) {
        assert_eq!(operands.len(), codes.len());
        if self.draw_bits(side) == 0 {
            for (code, &operand) in codes.iter_mut().zip(operands) {
                *code = self.encode(side, operand, 0);
            }
        } else {
            assert_eq!(operands.len(), draws.len());
            let mask = (1 << self.draw_bits(side)) - 1;
            for ((code, &operand), &draw) in codes.iter_mut().zip(operands).zip(draws) {
                *code = self.encode(side, operand, draw & mask);
            }
        }
    }
}

/// [`Arithmetic::accumulate`] with the product given. Zero moving codes are passed over: their products
/// are 0 by law, and after a ReLU they are frequent.
#[inline]
fn accumulate_by(product: impl Fn(u32, u32) -> i64, moving: &[u32], stationary: &[u32], n: usize, sums: &mut [i64]) {
    let k = stationary.len() / n;
    assert_eq!(stationary.len(), k * n);
    assert_eq!(moving.len() * n, sums.len() * k);
    for (vector, sums) in moving.chunks_exact(k).zip(sums.chunks_exact_mut(n)) {
        for (&code, row) in vector.iter().zip(stationary.chunks_exact(n)) {
            if code == 0 {
                continue;
            }
            for (sum, &other) in sums.iter_mut().zip(row) {
                *sum += product(code, other);
            }
        }
    }
}

/// The coding of weights in a family that has one for them alone. Its codes are stationary codes of the family.
pub trait WeightCoding {
    /// Proven bound on the error of a product of a moving operand and a weight.
    fn error_bound(&self) -> WeightBound;

    /// As [`Arithmetic::draw_bits`].
    fn draw_bits(&self) -> u32;

    /// As [`Arithmetic::encode`].
    fn encode(&self, weight: i64, draw: u32) -> u32;

    /// As [`Arithmetic::encode_rtl`].
    fn encode_rtl(&self, m: &mut Builder, weight: &Operand, draw: Option<&Expr>) -> Expr;
}

/// What an encoder module encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coded {
    /// Any operand, for a side.
    Operand(Side),
    /// Weights, by a [`WeightCoding`] of their own.
    Weight,
}

impl Coded {
    /// The codes of a family, each with its encoder: the low code of a word first, weights last.
    pub fn all(arith: &dyn Arithmetic) -> Vec<Self> {
        let mut all = vec![Coded::Operand(Side::Moving)];
        if !arith.is_symmetric() {
            all.push(Coded::Operand(Side::Stationary));
        }
        if arith.weight_coding().is_some() {
            all.push(Coded::Weight);
        }
        all
    }

    pub fn draw_bits(self, arith: &dyn Arithmetic) -> u32 {
        match self {
            Coded::Operand(side) => arith.draw_bits(side),
            Coded::Weight => arith.weight_draw_bits(),
        }
    }

    /// The reference.
    pub fn encode(self, arith: &dyn Arithmetic, operand: i64, draw: u32) -> u32 {
        match (self, arith.weight_coding()) {
            (Coded::Weight, Some(coding)) => coding.encode(operand, draw),
            (Coded::Operand(side), _) => arith.encode(side, operand, draw),
            (Coded::Weight, None) => arith.encode(Side::Stationary, operand, draw),
        }
    }
}

/// Shared by the families: `stages` in range.
fn check_stages(stages: u32) -> Result<(), ParameterError> {
    ParameterError::check("stages", stages, 0..=MAX_STAGES)
}

/// Shared by the families: operands of 4 to 16 bits.
fn check_operand_bits(bits: u32) -> Result<(), ParameterError> {
    ParameterError::check("operand_bits", bits, 4..=16)
}
