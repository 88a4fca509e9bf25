//! Data, training loop, metrics, checkpoints.
pub mod atomic;
pub mod data;
pub mod random;
