//! Latencies that sequencing and the cycle predictor share, in clock cycles.

use crate::array::{accumulator, systolic};
use crate::design::Design;
use crate::memory::{READ_LATENCY, WRITE_LATENCY};
use crate::vector::{requantise, softmax, writeback};

/// Reading an instruction: one word per cycle, one cycle of memory latency, one to check the operands, one to start.
pub const FETCH: u32 = crate::control::isa::WORDS as u32 + 3;

/// From the request for a moving vector to its accumulator tag, which comes a cycle before the sums of all columns.
pub fn tag(design: &Design) -> u32 {
    let array = systolic::latency(design.arithmetic.as_ref(), design.rows);
    READ_LATENCY + array + systolic::column_skew(design.interconnect, design.columns) - 1
}

/// From a read of the host to its data: the memory, and the choice among all that is read.
pub const FAST_READ: u32 = READ_LATENCY + 1;

/// The same where it takes longest: behind the accumulators' register, or behind encoders.
pub const SLOW_READ: u32 = if READ_LATENCY > accumulator::LATENCY { READ_LATENCY } else { accumulator::LATENCY } + 2;

/// From a write of the host until every read sees it: that of an operand takes the way of a result. From a reset until the sums
/// of a broken run, which have none, have left the array.
pub fn settles(design: &Design) -> u32 {
    (writeback::LATENCY + WRITE_LATENCY).max(tag(design))
}

/// From the accumulator tag to the vector of requantised values.
pub const VALUES: u32 = accumulator::LATENCY + requantise::LATENCY;

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
    tag(design) + VALUES + writeback::LATENCY + WRITE_LATENCY + 1
}

/// From the last group of classes of a SOFTMAX pass to the next pass.
pub fn softmax_drain(design: &Design) -> u32 {
    VALUES + softmax::latency(design)
}
