//! Data, training loop, metrics, checkpoints.
pub mod atomic;
pub mod checkpoint;
pub mod curve;
pub mod data;
pub mod random;
