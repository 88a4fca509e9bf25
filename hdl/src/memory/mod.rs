//! Skewed memories: rows and columns of a matrix are read and written in one cycle, without a transpose.

mod bank;
mod request;
mod skewed;
mod walker;

pub use request::{ForwardRequest, Request, Shape};
pub use skewed::{READ_LATENCY, Skewed, WRITE_LATENCY, skewed, tile_bits};
pub use walker::{Steps, Walk, walker};

/// The ports of the banks of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// One that reads and one that writes, in the same cycle if need be.
    ReadAndWrite,
    /// One for both, as that of an SPRAM: no request to read may meet one to write.
    One,
}
