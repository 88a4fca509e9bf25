//! What turns a gradient into a new weight: the generators of rounding and of random codes, and the update itself.

pub mod draw;
pub mod lfsr;
pub mod sgd;
