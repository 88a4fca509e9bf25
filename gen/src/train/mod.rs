//! The training loop and what it leaves: driver, initial weights, checkpoints, curve; training in floating point beside it.
pub mod checkpoint;
pub mod curve;
pub mod driver;
pub mod float;
pub mod session;
pub mod weights;
