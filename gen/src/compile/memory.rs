//! The memories whose depths depend on the network.

use logloom_hdl::arith::Side;
use logloom_hdl::design::Design;
use serde::Serialize;

use crate::compile::plan::MemoryPlan;

/// A memory that a network can outgrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    Activation,
    Gradient,
    /// The masters and the codes of their compute copies.
    Weight,
    Accumulator,
    /// The memories with one entry per sample: label, maximum, log sum, rest, prediction.
    Batch,
    Program,
}

impl Memory {
    pub const ALL: [Memory; 6] =
        [Memory::Activation, Memory::Gradient, Memory::Weight, Memory::Accumulator, Memory::Batch, Memory::Program];

    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Memory::Activation => "activation",
            Memory::Gradient => "gradient",
            Memory::Weight => "weight",
            Memory::Accumulator => "accumulator",
            Memory::Batch => "per-sample",
            Memory::Program => "program",
        }
    }

    /// The configuration key of its depth.
    pub fn key(self) -> &'static str {
        match self {
            Memory::Activation => "memory.activation_depth",
            Memory::Gradient => "memory.gradient_depth",
            Memory::Weight => "memory.weight_depth",
            Memory::Accumulator => "array.accumulator_depth",
            Memory::Batch => "memory.batch_depth",
            Memory::Program => "memory.program_depth",
        }
    }

    /// What its depth counts.
    pub fn unit(self) -> &'static str {
        match self {
            Memory::Activation | Memory::Gradient | Memory::Weight => "words per bank",
            Memory::Accumulator => "vectors",
            Memory::Batch => "samples",
            Memory::Program => "instructions",
        }
    }

    /// The smallest legal depth that holds `needed`: the others than the skewed memories are powers of two.
    pub fn round_up(self, needed: u64) -> u64 {
        match self {
            // What a network needs of them is whole tiles.
            Memory::Activation | Memory::Gradient | Memory::Weight => needed,
            Memory::Accumulator => needed.max(4).next_power_of_two(),
            Memory::Batch => needed.max(1).next_power_of_two(),
            Memory::Program => needed.max(2).next_power_of_two(),
        }
    }

    pub(super) fn available(self, design: &Design) -> u64 {
        u64::from(match self {
            Memory::Activation => design.activation_depth,
            Memory::Gradient => design.gradient_depth,
            Memory::Weight => design.weight_depth,
            Memory::Accumulator => design.accumulator_depth,
            Memory::Batch => design.batch_depth,
            Memory::Program => design.program_depth,
        })
    }

    /// Bits that one unit of depth takes.
    pub(super) fn bits(self, design: &Design) -> u64 {
        let banks = design.banks();
        u64::from(match self {
            Memory::Activation => banks * design.activation_bits(),
            Memory::Gradient => banks * design.code_bits(Side::Moving),
            Memory::Weight => banks * (design.master_bits() + design.code_bits(Side::Stationary)),
            Memory::Accumulator => design.columns * design.accumulator_bits,
            Memory::Batch => 4 * 16 + design.operand_bits(),
            Memory::Program => 8 * 32,
        })
    }

    /// What a network needs at least. A program memory that holds one training step is enough: the host loads another
    /// program when it needs one.
    pub(super) fn needed(self, plan: &MemoryPlan) -> u64 {
        match self {
            Memory::Activation => plan.activation.depth(),
            Memory::Gradient => plan.gradient.depth(),
            Memory::Weight => plan.weight.depth(),
            Memory::Accumulator => plan.accumulator_vectors,
            Memory::Batch => u64::from(plan.samples),
            Memory::Program => u64::from(plan.step_instructions.max(plan.forward_instructions)),
        }
    }
}
