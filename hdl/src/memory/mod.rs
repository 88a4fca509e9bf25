//! Skewed memories: rows and columns of a matrix are read and written in one cycle, without a transpose.

mod bank;
mod request;
mod skewed;
mod walker;

pub use request::{ForwardRequest, Request, Shape};
pub use skewed::{READ_LATENCY, Skewed, WRITE_LATENCY, skewed, tile_bits};
pub use walker::{Steps, Walk, walker};
