//! How a host reaches the accelerator.
pub mod map;
