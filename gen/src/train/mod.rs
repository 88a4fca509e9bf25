//! Data, training loop, metrics, checkpoints.
pub mod atomic;
pub mod checkpoint;
pub mod curve;
pub mod data;
pub mod driver;
pub mod float;
pub mod random;
pub mod run;
pub mod session;
pub mod weights;
