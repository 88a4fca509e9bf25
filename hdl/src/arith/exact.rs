//! Exact products of two's complement operands: the baseline.
use super::family::{Choices, Family, Parameter};
use super::parts::rows;
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side, check_operand_bits, check_stages};
use crate::rtl::{Builder, ElaborationError, Expr, Module, signed};
use std::fmt;
use std::sync::Arc;

pub const FAMILY: Family = Family {
    name: "exact",
    summary: "exact products, the baseline",
    parameters: &[Parameter {
        name: "form",
        choices: Choices::Word { words: &["rows", "star", "block"], default: "rows" },
        help: "\"rows\" for carry chains, \"star\" for `*`, \"block\" for the multiplier blocks of an iCE40 UP5K",
    }],
    units: &[
        "operand_bits=8 form=rows",
        "operand_bits=8 form=star",
        "operand_bits=16 form=rows stages=2",
        "operand_bits=16 form=star stages=1",
    ],
    make: |values| {
        let form = match values.word("form") {
            "star" => Form::Star,
            "block" => Form::Block,
            _ => Form::Rows,
        };
        Arc::new(Exact { operand_bits: values.operand_bits, form, stages: values.stages })
    },
};

/// How the hardware forms the product. All forms give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One conditional addition per bit of the stationary operand: `s = h + a; r = w[i] ? s : h`. Beside the carry
    /// chain of iCE40 a LUT4 has one input free, and it takes `w[i]`: one LUT4 per bit and row.
    Rows,
    /// The operator `*`, left to synthesis.
    Star,
    /// [`multiplier_block`], whose place a block of the device takes where Logloom has one for it (iCE40 UP5K). Both stages are
    /// the block's own registers: of the way through one without them, nextpnr knows no delay.
    Block,
}

/// Cycles from the operands of a [`multiplier_block`] to their product.
const BLOCK_STAGES: u32 = 2;

/// Width of the operands of a [`multiplier_block`].
const BLOCK_BITS: u32 = 16;

/// The name of [`multiplier_block`].
pub const MULTIPLIER_BLOCK: &str = "multiplier_block";

/// Module `multiplier_block`: `product_o` = `moving_i` x `stationary_i` two cycles later, signed 16 x 16 to 32. A module of its own,
/// so that synthesis can put a block of the device in its place.
///
/// # Errors
/// None: it depends on nothing.
pub fn multiplier_block() -> Result<Arc<Module>, ElaborationError> {
    let mut m =
        Builder::new(MULTIPLIER_BLOCK, "A multiplier with its registers, or the block of a device that has some.");
    let moving = m.input("moving_i", signed(BLOCK_BITS));
    let stationary = m.input("stationary_i", signed(BLOCK_BITS));
    let moving = m.reg_unreset("moving_q", moving);
    let stationary = m.reg_unreset("stationary_q", stationary);
    let product = m.reg_unreset("product_q", moving.extend(2 * BLOCK_BITS).mul(&stationary.extend(2 * BLOCK_BITS)));
    m.output("product_o", product);
    m.finish()
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Rows => "rows",
            Form::Star => "star",
            Form::Block => "block",
        })
    }
}

/// The exact family: a code is the operand itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact {
    /// W, 4..=16.
    pub operand_bits: u32,
    pub form: Form,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

impl Exact {
    fn operand(&self, code: u32) -> i64 {
        let unused = 32 - self.operand_bits;
        i64::from((code << unused) as i32 >> unused)
    }

    fn block(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Expr {
        let block = multiplier_block().expect("it depends on nothing");
        let [moving, stationary] = [moving, stationary].map(|code| code.as_signed().extend(BLOCK_BITS));
        let out = m.instance("block", &block, &[("moving_i", &moving), ("stationary_i", &stationary)]);
        m.wire("product", out.get("product_o").truncate(self.product_bits()))
    }

    /// `*`, and registers behind it that synthesis may move into a DSP block.
    fn star(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Expr {
        let bits = self.product_bits();
        let moving = m.wire("moving_operand", moving.as_signed());
        let stationary = m.wire("stationary_operand", stationary.as_signed());
        let product = m.wire("product", moving.extend(bits).mul(&stationary.extend(bits)));
        (1..=self.stages).fold(product, |product, stage| m.reg_unreset(&format!("product{stage}_q"), product))
    }
}

impl Arithmetic for Exact {
    fn name(&self) -> &'static str {
        "exact"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, form, stages } = self;
        format!("operand_bits={operand_bits} form={form} stages={stages}")
    }

    fn validate(&self) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits)?;
        check_stages(self.stages)?;
        match self.form {
            Form::Block if self.stages != BLOCK_STAGES => Err(ParameterError::new(
                "stages",
                format!("{} with form = \"block\", whose registers are those of the block", self.stages),
                format!("choose {BLOCK_STAGES}"),
            )),
            _ => Ok(()),
        }
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn code_bits(&self, _: Side) -> u32 {
        self.operand_bits
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// `2^(2W-2)`: |a| and |b| are at most `2^(W-1)`, and both reach it.
    fn product_bound(&self) -> i64 {
        1 << (2 * self.operand_bits - 2)
    }

    fn error_bound(&self) -> ErrorBound {
        ErrorBound::EXACT
    }

    #[inline]
    fn encode(&self, _: Side, operand: i64, _: u32) -> u32 {
        debug_assert!(operand >> (self.operand_bits - 1) == operand >> 63);
        operand as u32 & ((1 << self.operand_bits) - 1)
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        self.operand(moving) * self.operand(stationary)
    }

    fn encode_rtl(&self, m: &mut Builder, _: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        operand.value(m).as_unsigned()
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let value = match self.form {
            Form::Rows => {
                let product = rows(m, &moving.as_signed(), &stationary.as_signed(), self.stages);
                m.wire("product", product)
            }
            Form::Star => self.star(m, moving, stationary),
            Form::Block => self.block(m, moving, stationary),
        };
        Addend { value, negative: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(operand_bits: u32) -> Exact {
        Exact { operand_bits, form: Form::Rows, stages: 0 }
    }

    #[test]
    fn every_product_of_small_operands_is_exact() {
        for bits in [4, 5, 8] {
            let family = exact(bits);
            let range = -(1 << (bits - 1))..1 << (bits - 1);
            let mut largest = 0;
            for a in range.clone() {
                for b in range.clone() {
                    let product = family.product(family.encode(Side::Moving, a, 0), family.encode(Side::Moving, b, 0));
                    assert_eq!(product, a * b);
                    largest = largest.max(product.abs());
                }
            }
            assert_eq!(largest, family.product_bound());
        }
    }

    #[test]
    fn the_widest_operands_reach_the_bound() {
        let family = exact(16);
        let least = family.encode(Side::Moving, -32768, 0);
        assert_eq!(family.product(least, least), family.product_bound());
    }

    #[test]
    fn only_zero_has_the_zero_code() {
        let family = exact(16);
        for operand in -32768..32768 {
            assert_eq!(family.encode(Side::Moving, operand, 0) == 0, operand == 0);
        }
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        assert_eq!(exact(17).validate().unwrap_err().parameter, "operand_bits");
        assert_eq!(exact(3).validate().unwrap_err().parameter, "operand_bits");
        let slow = Exact { stages: 3, ..exact(8) };
        assert_eq!(slow.validate().unwrap_err().parameter, "stages");
        let block = Exact { form: Form::Block, ..exact(8) };
        assert_eq!(block.validate().unwrap_err().parameter, "stages");
    }
}
