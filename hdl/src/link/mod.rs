//! How a host reaches the accelerator.
pub mod map;
pub mod port;
pub mod registers;
