//! The generators of stochastic rounding.

use crate::rtl::{Builder, ElaborationError, Expr, Module, cat, mux, unsigned};
use std::sync::Arc;

/// Feedback taps of the 32-bit Galois generator (x^32 + x^22 + x^2 + x + 1): period 2^32 - 1.
pub const TAPS: u32 = 0x8020_0003;
/// Distance of the lanes' seeds: 2^32 over the golden ratio.
pub const LANE_SEED: u32 = 0x9E37_79B9;

/// Module `lfsr`: `state_o` starts from `seed_i` after `start_i`, with the top bit forced so that it is never zero, and
/// steps after each cycle with `step_i`.
pub fn lfsr() -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new("lfsr", "Galois linear feedback shift register, x^32 + x^22 + x^2 + x + 1.");
    let start = m.input("start_i", unsigned(1));
    let seed = m.input("seed_i", unsigned(31));
    let step = m.input("step_i", unsigned(1));
    let state = m.register("state_q", unsigned(32));
    let shifted = cat(&[Expr::zero(unsigned(1)), state.value().slice(1, 31)]);
    let stepped = shifted ^ state.value().bit(0).repeat(32) & i64::from(TAPS);
    let seeded = cat(&[Expr::constant(unsigned(1), 1), seed]);
    m.drive_when(&state, start.clone() | step, mux(&start, &seeded, &stepped));
    m.output("state_o", state.value());
    m.finish()
}
