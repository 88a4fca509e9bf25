//! The vector unit, one lane per column: requantise, activation, loss.

pub mod requantise;
pub mod softmax;
pub mod weight;
pub mod writeback;
