//! What turns a gradient into a new weight: the rounding generators and the update itself.

pub mod lfsr;
pub mod sgd;
