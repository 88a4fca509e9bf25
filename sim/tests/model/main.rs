//! The software accelerator, seen through its host port.
mod gemm;
mod host;
mod rig;
mod rounding;
mod softmax;
