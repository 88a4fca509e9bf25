//! From a network to instructions and addresses.
//!
//! [`Compiled`] is a network made ready for a design: the layout of its matrices, the shifts of its arithmetic, and a
//! [`program`](Compiled::program) for training, evaluating or predicting any number of samples up to the batch.

pub mod cycles;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod memory;
pub mod memory_map;
pub mod plan;
mod program;

pub use error::{CompileError, DoesNotFit};
pub use logloom_hdl::control::isa::Rounding;
pub use memory::Memory;
pub use memory_map::{Depths, memory_map, required_depths};
pub use plan::{Matrix, MemoryPlan};
pub use program::{Compiled, Mode, Shifts, Task, accumulator_bits};
