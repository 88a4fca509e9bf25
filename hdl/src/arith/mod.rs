//! Multiplier families. One file each: parameters, code format, reference on plain integers, error bound, hardware.
//!
//! An operand is encoded once, when it is written to a memory; a processing element combines two codes.
//! The reference is written from the mathematics and never from the hardware description.
pub mod exact;
pub mod mitchell;

use crate::rtl::{Builder, ElaborationError, Expr, Module, signed};
use std::fmt::Debug;
use std::sync::Arc;

pub use exact::{Exact, Form};
pub use mitchell::Mitchell;

/// Pipeline registers that a product may have inside.
pub const MAX_STAGES: u32 = 2;

/// A parameter of a family that is outside its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {problem}")]
pub struct ParameterError {
    /// Name of the parameter as in [`Arithmetic::parameters`].
    pub parameter: &'static str,
    pub problem: String,
}

/// A product on its way into an adder: the product is `value + increment`.
///
/// Two's complement negation is the complement plus one, and an adder takes the one as its carry-in for nothing.
#[derive(Clone, Debug)]
pub struct Addend {
    /// A named signal, signed, [`Arithmetic::product_bits`] wide.
    pub value: Expr,
    /// One bit, to be added; absent where the value is the product.
    pub increment: Option<Expr>,
}

impl Addend {
    /// `sum + product`, of the sum's width (signed, at least as wide as the product), wrapping.
    pub fn add_to(&self, sum: &Expr) -> Expr {
        let total = sum + self.value.extend(sum.width());
        match &self.increment {
            Some(increment) => total + increment.extend(sum.width()).as_signed(),
            None => total,
        }
    }
}

/// A multiplier family with its parameters chosen.
///
/// Every implementation keeps two laws: the code of an operand is 0 exactly when the operand is 0, and a
/// product with a zero code is 0.
pub trait Arithmetic: Send + Sync + Debug {
    /// Family name, as written in a configuration.
    fn name(&self) -> &'static str;

    /// All parameters in a fixed order: `operand_bits=16 fraction_bits=4`. Equal texts (and names) mean
    /// equal hardware.
    fn parameters(&self) -> String;

    /// Whether all parameters are in range. The other methods may panic where they are not.
    fn validate(&self) -> Result<(), ParameterError>;

    /// W: width of a signed operand.
    fn operand_bits(&self) -> u32;

    /// Width of a code.
    fn code_bits(&self) -> u32;

    /// Low product bits that the family drops: a product p stands for `p * 2^dropped_bits`.
    fn dropped_bits(&self) -> u32;

    /// Pipeline registers inside the product, 0..=[`MAX_STAGES`].
    fn latency(&self) -> u32;

    /// Largest magnitude of a product, over all pairs of codes that `encode` gives.
    fn product_bound(&self) -> i64;

    /// Code of a W-bit signed operand.
    fn encode(&self, operand: i64) -> u32;

    /// Product of two codes, in units of `2^dropped_bits`.
    fn product(&self, moving: u32, stationary: u32) -> i64;

    /// Width of the signed product: of `product_bound` with either sign.
    fn product_bits(&self) -> u32 {
        self.product_bound().ilog2() + 2
    }

    /// Hardware of [`encode`](Self::encode): signed(W) to unsigned(code_bits), combinational. Declares wires in `m`.
    fn encode_rtl(&self, m: &mut Builder, operand: &Expr) -> Expr;

    /// Hardware of [`product`](Self::product) for two codes, unsigned(code_bits), [`latency`](Self::latency) cycles
    /// later. Declares wires and registers in `m`.
    ///
    /// `stationary` changes only together with the first moving code that meets it, and a pipeline keeps what it needs
    /// of both.
    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend;

    /// Encodes slices of equal length.
    fn encode_slice(&self, operands: &[i64], codes: &mut [u32]) {
        assert_eq!(operands.len(), codes.len());
        for (code, &operand) in codes.iter_mut().zip(operands) {
            *code = self.encode(operand);
        }
    }

    /// `sums += moving * stationary` on row-major matrices of codes: `moving` is m x k, `stationary` k x n,
    /// `sums` m x n with m, k >= 1 given by the lengths.
    ///
    /// A default body is compiled once per family, so `product` is inlined here: one dynamic call per
    /// matrix, none per element.
    fn accumulate(&self, moving: &[u32], stationary: &[u32], n: usize, sums: &mut [i64]) {
        accumulate_by(|a, b| self.product(a, b), moving, stationary, n, sums);
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

/// The module `encoder`: `operand_i`, signed(W), to `code_o`, unsigned(code_bits), combinational.
pub fn encoder(arith: &dyn Arithmetic) -> Result<Arc<Module>, ElaborationError> {
    let doc = format!("The {} code of an operand ({}).", arith.name(), arith.parameters());
    let mut m = Builder::new("encoder", &doc);
    let operand = m.input("operand_i", signed(arith.operand_bits()));
    let code = arith.encode_rtl(&mut m, &operand);
    m.output("code_o", code);
    m.finish()
}

/// Shared by the families: `stages` in range.
fn check_stages(stages: u32) -> Result<(), ParameterError> {
    if stages <= MAX_STAGES {
        return Ok(());
    }
    Err(ParameterError {
        parameter: "stages",
        problem: format!("{stages} is more than {MAX_STAGES} pipeline registers"),
    })
}

/// Shared by the families: operands of 4 to 16 bits.
fn check_operand_bits(bits: u32) -> Result<(), ParameterError> {
    if (4..=16).contains(&bits) {
        return Ok(());
    }
    Err(ParameterError { parameter: "operand_bits", problem: format!("{bits} is outside 4..=16") })
}
