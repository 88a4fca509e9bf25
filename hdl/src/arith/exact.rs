//! Exact products of two's complement operands: the baseline.
use super::{Arithmetic, ParameterError, check_operand_bits, check_stages};
use std::fmt;

/// How the hardware forms the product. All forms give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One conditional addition per bit of the stationary operand; one LUT4 per bit and row on iCE40.
    Rows,
    /// The operator `*`, left to synthesis.
    Star,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Rows => "rows",
            Form::Star => "plain",
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
        check_stages(self.stages)
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn code_bits(&self) -> u32 {
        self.operand_bits
    }

    fn dropped_bits(&self) -> u32 {
        0
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// `2^(2W-2)`: |a| and |b| are at most `2^(W-1)`, and both reach it.
    fn product_bound(&self) -> i64 {
        1 << (2 * self.operand_bits - 2)
    }

    #[inline]
    fn encode(&self, operand: i64) -> u32 {
        debug_assert!(operand >> (self.operand_bits - 1) == operand >> 63);
        operand as u32 & ((1 << self.operand_bits) - 1)
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        self.operand(moving) * self.operand(stationary)
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
                    let product = family.product(family.encode(a), family.encode(b));
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
        let least = family.encode(-32768);
        assert_eq!(family.product(least, least), family.product_bound());
    }

    #[test]
    fn only_zero_has_the_zero_code() {
        let family = exact(16);
        for operand in -32768..32768 {
            assert_eq!(family.encode(operand) == 0, operand == 0);
        }
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        assert_eq!(exact(17).validate().unwrap_err().parameter, "operand_bits");
        assert_eq!(exact(3).validate().unwrap_err().parameter, "operand_bits");
        let slow = Exact { stages: 3, ..exact(8) };
        assert_eq!(slow.validate().unwrap_err().parameter, "stages");
    }
}
