//! The generators of random codes.

use super::lfsr::LANE_SEED;
use crate::rtl::{Builder, ElaborationError, Expr, Module, cat, mux, unsigned};
use std::sync::Arc;

/// Width of a state.
pub const STATE_BITS: u32 = 31;
/// Bits that a step makes anew, so that so many low bits of successive states have none in common.
pub const FRESH_BITS: u32 = 16;

/// The seed of a lane, from the low bits of SEED.
pub fn lane_seed(seed: &Expr, lane: u32) -> Expr {
    seed ^ i64::from(LANE_SEED.wrapping_mul(lane + 1) & 0x3FFF_FFFF)
}

/// Module `draw_generator`: sixteen steps at a time of the sequence s(n + 31) = s(n + 3) ^ s(n), period 2^31 - 1. `start_i` makes
/// the state `{1, seed_i}`, `step_i` the next one.
pub fn draw_generator() -> Result<Arc<Module>, ElaborationError> {
    let mut m =
        Builder::new("draw_generator", "Random bits for codes: linear feedback, x^31 + x^3 + 1, sixteen bits a step.");
    let start = m.input("start_i", unsigned(1));
    let seed = m.input("seed_i", unsigned(STATE_BITS - 1));
    let step = m.input("step_i", unsigned(1));
    let state = m.register("state_q", unsigned(STATE_BITS));
    let value = state.value();
    let fresh = value.slice(0, FRESH_BITS) ^ value.slice(3, FRESH_BITS);
    let stepped = cat(&[fresh, value.slice(FRESH_BITS, STATE_BITS - FRESH_BITS)]);
    let seeded = cat(&[Expr::constant(unsigned(1), 1), seed]);
    m.drive_when(&state, start.clone() | step, mux(&start, &seeded, &stepped));
    m.output("state_o", state.value());
    m.finish()
}
