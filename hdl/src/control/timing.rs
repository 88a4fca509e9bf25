//! Latencies that sequencing and the cycle predictor share, in clock cycles.

use crate::array::{accumulator, systolic};
use crate::design::Design;
use crate::memory::{READ_LATENCY, WRITE_LATENCY};
use crate::vector::{requantise, softmax, writeback};

/// Reading an instruction: one word per cycle, one cycle of memory latency, one to decode.
pub const FETCH: u32 = crate::control::isa::WORDS as u32 + 2;

/// From the request for a moving vector to the accumulator tag of column 0, which comes a cycle before the sum.
pub fn tag(design: &Design) -> u32 {
    READ_LATENCY + systolic::latency(design.arithmetic.as_ref(), design.rows) - 1
}

/// From the accumulator tag to the vector of requantised values.
pub fn values(design: &Design) -> u32 {
    accumulator::LATENCY + requantise::latency(design.columns)
}

/// From the request for a row of the stationary tile to the row at the array: one register more behind encoders.
pub fn load(design: &Design) -> u32 {
    READ_LATENCY + u32::from(!design.stores_weight_codes())
}

/// Least cycles per tile: the load of the next one, which must be over when moving vectors follow it, and the turnaround of
/// an accumulator.
pub fn least_slot(design: &Design) -> u32 {
    (design.rows + load(design) - READ_LATENCY).max(accumulator::TURNAROUND)
}

/// From the last cycle of a GEMM's last tile to its completion: everything is written.
pub fn gemm_drain(design: &Design) -> u32 {
    tag(design) + values(design) + writeback::LATENCY + WRITE_LATENCY + 1
}

/// From the last group of classes of a SOFTMAX pass to the next pass.
pub fn softmax_drain(design: &Design) -> u32 {
    values(design) + softmax::latency(design.columns)
}
