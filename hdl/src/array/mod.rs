//! Processing element, systolic array, accumulators.

pub mod accumulator;
pub mod pe;
pub mod systolic;
