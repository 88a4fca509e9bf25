//! Data, training loop, metrics, checkpoints.
pub mod checkpoint;
pub mod curve;
pub mod driver;
pub mod float;
pub mod session;
pub mod weights;
