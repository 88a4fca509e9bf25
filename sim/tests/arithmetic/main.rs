//! The hardware of the multiplier families against their references on integers, and the processing element's timing.
mod asm;
mod check;
mod csd;
mod drum;
mod exact;
mod families;
mod guest;
mod ilm;
mod iterative;
mod mbm;
mod mitchell;
mod pow2;
mod rccm;
mod realm;

use logloom_hdl::arith::Arithmetic;

/// Every operand of the family, ascending.
fn operands(family: &dyn Arithmetic) -> std::ops::Range<i64> {
    let half = 1 << (family.operand_bits() - 1);
    -half..half
}

/// A small generator for stimuli (xorshift64); the seed stands in the test.
struct Random(u64);

impl Random {
    fn bits(&mut self, bits: u32) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> (64 - bits)
    }

    /// Operands of every magnitude alike: uniform ones are nearly all large.
    fn operand(&mut self, operand_bits: u32) -> i64 {
        let unused = 64 - operand_bits;
        let wide = (self.bits(operand_bits) << unused) as i64 >> unused;
        wide >> (self.bits(8) % u64::from(operand_bits))
    }
}
