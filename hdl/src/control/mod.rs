//! What the accelerator executes: instruction set, address generators, sequencer.
pub mod isa;
