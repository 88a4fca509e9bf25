//! Why a network cannot be compiled for a design.

use std::fmt;

use thiserror::Error;

use super::memory::Memory;

/// A memory that is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoesNotFit {
    pub memory: Memory,
    /// Depth that the network needs, in [`Memory::unit`]s.
    pub needed: u64,
    /// Depth that the design has.
    pub available: u64,
    /// Bits of everything that one more unit of depth adds.
    pub bits: u64,
}

impl fmt::Display for DoesNotFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DoesNotFit { memory, needed, available, bits } = *self;
        write!(
            f,
            "the {} memory holds {available} {} ({} bits), the network needs {needed} ({} bits)",
            memory.name(),
            memory.unit(),
            available * bits,
            needed * bits
        )
    }
}

/// A network, batch or training rule that this design cannot run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompileError {
    #[error(
        "a network of layers {network:?} cannot be trained; name at least two layers (inputs and classes) of 1 to 65534"
    )]
    Network { network: Vec<u32> },
    #[error("a batch of {batch} samples is outside 1..=65535")]
    Batch { batch: u32 },
    #[error("{}; {}", join(memories), advice(memories, *largest_batch))]
    DoesNotFit {
        /// At least one.
        memories: Vec<DoesNotFit>,
        /// The largest batch with which everything fits, if there is one.
        largest_batch: Option<u32>,
    },
    #[error(
        "{matrix} begins at tile {tile}, and an instruction names tiles up to 65535; use fewer or smaller layers, or a larger \
         array"
    )]
    TooFar { matrix: String, tile: u64 },
    #[error(
        "{what} needs a shift of {shift}, and an instruction holds 0..=31 ({reason}); change the formats, the learning rate or its milestones"
    )]
    Shift { what: String, shift: i64, reason: String },
    #[error(
        "{what} sums {terms} products of up to {bound}: that takes {needed} bits, and an accumulator has {available}; raise \
         array.accumulator_bits or drop more product bits"
    )]
    AccumulatorTooNarrow { what: String, terms: u32, bound: i64, needed: u32, available: u32 },
    #[error("a program for {samples} samples was asked for, and a batch has 1..={batch}")]
    Samples { samples: u32, batch: u32 },
}

fn join(memories: &[DoesNotFit]) -> String {
    memories.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn advice(memories: &[DoesNotFit], largest_batch: Option<u32>) -> String {
    let deeper: Vec<String> =
        memories.iter().map(|m| format!("{} = {}", m.memory.key(), m.memory.round_up(m.needed))).collect();
    let batch = match largest_batch {
        Some(batch) => format!(", or a batch of up to {batch}"),
        None => "; no smaller batch fits".to_string(),
    };
    format!("choose {}{batch}", deeper.join(" and "))
}
