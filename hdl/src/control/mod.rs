//! What the accelerator executes: instruction set, loops, sequencer.
pub mod gemm;
pub mod isa;
pub mod sequencer;
pub mod softmax;
pub mod timing;
