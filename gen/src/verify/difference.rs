//! All that a program leaves in a target, and the first word in which two targets differ.

use std::fmt;

use anyhow::{Context, Result};
use logloom_hdl::control::isa::{Instruction, disassemble};
use logloom_hdl::design::Design;
use logloom_hdl::host::map::{self, Region, Register};
use logloom_sim::target::Target;
use serde::Serialize;

use crate::compile::{Compiled, Matrix, MemoryPlan};

/// A word in which a target differs from the reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The target that differs from the first one.
    pub target: String,
    /// Training step, from 0.
    pub step: u64,
    /// Index in the step's program of the instruction after which the words differ; none if they did before the first.
    pub instruction: Option<u32>,
    /// That instruction, disassembled.
    pub disassembly: String,
    /// Memory, or `registers`.
    pub memory: String,
    /// Word in the memory's region of the host port.
    pub address: u32,
    /// The same for people: the matrix element, or bank, column, sample, or register.
    pub location: String,
    /// What the reference has.
    pub expected: u32,
    /// What the target has.
    pub found: u32,
    /// The target's clock before and after the instruction, where it has one.
    pub cycles: Option<(u64, u64)>,
}

/// A moment between two instructions.
pub(super) struct Moment<'a> {
    pub step: u64,
    /// The last one that was executed in this step.
    pub instruction: Option<(u32, &'a Instruction)>,
}

impl Difference {
    pub(super) fn new(
        word: &Word,
        target: &str,
        moment: &Moment<'_>,
        cycles: Option<(u64, u64)>,
        compiled: &Compiled,
    ) -> Self {
        Difference {
            target: target.to_string(),
            step: moment.step,
            instruction: moment.instruction.map(|(index, _)| index),
            disassembly: moment.instruction.map(|(_, instruction)| listing(instruction)).unwrap_or_default(),
            memory: word.region.name().to_string(),
            address: word.word,
            location: location(word.region, word.word, compiled.design(), compiled.plan()),
            expected: word.expected,
            found: word.found,
            cycles,
        }
    }

    /// When the words differ.
    pub fn moment(&self) -> String {
        match self.instruction {
            Some(instruction) => format!("step {}, after instruction {instruction} ({})", self.step, self.disassembly),
            None => format!("step {}, before the first instruction", self.step),
        }
    }

    /// Which words differ.
    pub fn place(&self) -> String {
        format!("{} word {} ({})", self.memory, self.address, self.location)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (moment, place) = (self.moment(), self.place());
        write!(f, "{moment}: {place} is {:#x} on {}, should be {:#x}", self.found, self.target, self.expected)?;
        match self.cycles {
            Some((start, end)) => write!(f, "; cycles {start} to {end}"),
            None => Ok(()),
        }
    }
}

fn listing(instruction: &Instruction) -> String {
    // Without its number, which says nothing for a single instruction.
    let text = disassemble(&instruction.encode());
    text.trim().split_once(' ').map_or("", |(_, rest)| rest.trim()).to_string()
}

/// Registers that have the same value on every target after an instruction; time is not part of a program's meaning.
const REGISTERS: [Register; 12] = [
    Register::Status,
    Register::Error,
    Register::Pc,
    Register::Seed,
    Register::Busy,
    Register::ZeroCodes,
    Register::Saturated,
    Register::WeightsSaturated,
    Register::ZeroUpdates,
    Register::Loss,
    Register::Correct,
    Register::Instructions,
];

/// Memories that only programs write.
const RESULTS: [Region; 5] = [Region::Accumulator, Region::Maximum, Region::LogSum, Region::Rest, Region::Prediction];

/// All words that programs give a meaning to: [`REGISTERS`] and every memory.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct State {
    /// In the order of [`Region::ALL`].
    regions: Vec<Vec<u32>>,
}

impl State {
    /// As at power-up.
    pub fn new(design: &Design) -> Self {
        State { regions: Region::ALL.iter().map(|region| vec![0; region.words(design) as usize]).collect() }
    }

    /// Number of words that are compared.
    pub fn words(design: &Design) -> u64 {
        let memories = Region::ALL[1..].iter().map(|region| u64::from(region.words(design)));
        memories.sum::<u64>() + REGISTERS.len() as u64
    }

    /// Reads all words of a target.
    ///
    /// # Errors
    /// If the target fails.
    pub fn read(&mut self, target: &mut dyn Target) -> Result<()> {
        for (&region, words) in Region::ALL.iter().zip(&mut self.regions) {
            target.read(map::address(region, 0), words).with_context(|| target.name().to_string())?;
            if region == Region::Registers {
                let others = (0..).zip(words).filter(|(number, _)| REGISTERS.iter().all(|r| r.number() != *number));
                others.for_each(|(_, word)| *word = 0);
            }
        }
        Ok(())
    }
}

/// A word that differs.
pub(super) struct Word {
    /// Index of the target.
    pub target: usize,
    pub region: Region,
    pub word: u32,
    pub expected: u32,
    pub found: u32,
}

/// The first word in which one of the states differs from the first of them; registers before memories, as they tell most of a
/// target that stopped.
///
/// With the states that a run began in, a word of a memory that only programs write counts once it has changed, on either: the
/// host cannot make such memories the same, and what rests there is no result of the run.
pub(super) fn first_difference(states: &[State], initial: Option<&[State]>) -> Option<Word> {
    let (reference, others) = states.split_first()?;
    let is_rest = |region: usize, word: usize, target: usize| {
        let unchanged = |initial: &[State], target: usize| {
            initial[target].regions[region][word] == states[target].regions[region][word]
        };
        initial.is_some_and(|initial| unchanged(initial, 0) && unchanged(initial, target))
    };
    for (index, &region) in Region::ALL.iter().enumerate() {
        for (other, target) in others.iter().zip(1..) {
            let words = reference.regions[index].iter().zip(&other.regions[index]).enumerate();
            let mut differing = words.filter(|(_, (expected, found))| expected != found);
            let first = differing.find(|(word, _)| !RESULTS.contains(&region) || !is_rest(index, *word, target));
            if let Some((word, (&expected, &found))) = first {
                return Some(Word { target, region, word: word as u32, expected, found });
            }
        }
    }
    None
}

fn location(region: Region, word: u32, design: &Design, plan: &MemoryPlan) -> String {
    let banks = plan.banks;
    let skewed = |matrices: &[Matrix]| {
        let place = format!("bank {}, address {}", word % banks, word / banks);
        let found = matrices.iter().find_map(|m| Some((m, m.element(banks, word)?)));
        match found {
            Some((matrix, (i, j))) => format!("{}, row {i}, column {j}; {place}", matrix.name),
            None => place,
        }
    };
    match region {
        Region::Registers => Register::from_number(word).map_or(String::new(), |r| r.name().to_string()),
        Region::Program => format!("instruction {}, word {}", word / 8, word % 8),
        Region::Activation => skewed(&plan.activation.matrices),
        Region::Gradient => skewed(&plan.gradient.matrices),
        Region::Weight | Region::WeightCode => skewed(&plan.weight.matrices),
        Region::Accumulator => {
            let entry = word / region.words_per_entry(design);
            let columns = design.columns.next_power_of_two();
            format!("address {}, column {}", entry / columns, entry % columns)
        }
        Region::Label | Region::Maximum | Region::LogSum | Region::Rest | Region::Prediction => {
            format!("sample {word}")
        }
    }
}
