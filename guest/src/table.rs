//! What a block's own simulation says of every pair of operands.

use anyhow::{Result, ensure};
use npyz::WriterBuilder;
use rust_hdl_core::prelude::Block;

use super::unit::{Number, Unit};

/// Widest operands of a table.
const MOST_BITS: u32 = 12;

/// Products by row, the bit pattern of the operand a, and column, that of b.
pub struct Table {
    pub operand_bits: u32,
    pub is_signed: bool,
    products: Vec<i32>,
}

/// The table of a block.
///
/// # Errors
/// Operands are wider than tables are, the block does not come to rest, or its product depends on earlier operands.
pub fn of<U: Block, A: Number, B: Number, P: Number>(unit: &mut Unit<U, A, B, P>) -> Result<Table> {
    let bits = Unit::<U, A, B, P>::OPERAND_BITS;
    ensure!(bits <= MOST_BITS, "its operands have {bits} bits; a table is made of {MOST_BITS} or fewer");
    ensure!(P::BITS < 32, "its product has {} bits; {} are enough", P::BITS, 2 * bits);
    let operand = |pattern: usize| match A::SIGNED {
        true => ((pattern as i64) << (64 - bits)) >> (64 - bits),
        false => pattern as i64,
    };
    let pair = |index: usize| [operand(index >> bits), operand(index & ((1 << bits) - 1))];
    let mut products = Vec::with_capacity(1 << (2 * bits));
    for index in 0..1 << (2 * bits) {
        products.push(unit.product(pair(index), [0; 2])? as i32);
    }
    // Once more in another order, so that what remembers, or comes too soon or late, meets other neighbours.
    for count in 0..products.len() {
        let index = count.wrapping_mul(0x9E37_79B1) & (products.len() - 1);
        let (before, [a, b]) = (products[index], pair(index));
        let now = unit.product([a, b], [a, b])?;
        let remedy = match unit.latency() {
            0 => "assign every signal on every path of `update`".to_owned(),
            latency => format!("is {latency} its latency?"),
        };
        ensure!(
            now == i64::from(before),
            "{a} x {b} is {before} at one time and {now} at another, but a product may depend on its operands alone; {remedy}"
        );
    }
    Ok(Table { operand_bits: bits, is_signed: A::SIGNED, products })
}

impl Table {
    /// As a file: two dimensions, int32, little endian.
    ///
    /// # Errors
    /// None that could be met.
    pub fn npy(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let side = 1 << self.operand_bits;
        let options = npyz::WriteOptions::new().default_dtype().shape(&[side, side]);
        let mut writer = options.writer(&mut bytes).begin_nd()?;
        writer.extend(self.products.iter().copied())?;
        writer.finish()?;
        Ok(bytes)
    }
}
