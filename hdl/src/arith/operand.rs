//! What an encoder reads of its operand.

use super::parts::normalise;
use crate::rtl::{Builder, Expr, mux};
use std::cell::OnceCell;

/// A signed operand of W bits, as an encoder reads it. All forms stand in the same cycle: that of the operand, or the one
/// after it, behind registers. Of these, an encoder has those that its family asks for.
#[derive(Debug)]
pub struct Operand {
    input: Expr,
    is_pipelined: bool,
    value: OnceCell<Expr>,
    sign: OnceCell<Expr>,
    magnitude: OnceCell<Expr>,
}

impl Operand {
    pub(super) fn new(input: Expr, is_pipelined: bool) -> Self {
        Self { input, is_pipelined, value: OnceCell::new(), sign: OnceCell::new(), magnitude: OnceCell::new() }
    }

    fn staged(&self, m: &mut Builder, name: &str, form: Expr) -> Expr {
        if self.is_pipelined { m.reg(name, form) } else { form }
    }

    /// In two's complement, signed(W).
    pub fn value(&self, m: &mut Builder) -> Expr {
        self.value.get_or_init(|| self.staged(m, "operand_q", self.input.clone())).clone()
    }

    /// Whether it is negative.
    pub fn sign(&self, m: &mut Builder) -> Expr {
        self.sign.get_or_init(|| self.staged(m, "sign_q", self.input.msb())).clone()
    }

    /// |x|, unsigned(W): `2^(W-1)` has its bit. A named signal.
    pub fn magnitude(&self, m: &mut Builder) -> Expr {
        let magnitude = self.magnitude.get_or_init(|| {
            let magnitude = self.unstaged_magnitude(m);
            self.staged(m, "magnitude_q", magnitude)
        });
        magnitude.clone()
    }

    /// The magnitude with its leading one at the top, of which the `keep` top bits are formed, and the place of that one:
    /// ceil(log2 W) bits. The topmost bit is 0 for the operand 0 alone.
    pub fn normalised(&self, m: &mut Builder, keep: u32) -> (Expr, Expr) {
        let magnitude = self.unstaged_magnitude(m);
        // A register in the middle of the search takes half of it from the cycle of the magnitude's carry chain.
        normalise(m, &magnitude, magnitude.width(), keep, self.is_pipelined)
    }

    fn unstaged_magnitude(&self, m: &mut Builder) -> Expr {
        // ~(x - 1) = -x; in this form the choice fits the LUTs of the subtraction.
        let bits = self.input.as_unsigned();
        m.wire("magnitude", mux(&self.input.msb(), &!(&bits - 1), &bits))
    }
}
