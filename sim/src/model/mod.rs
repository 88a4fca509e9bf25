//! The software accelerator: programs on plain integers.
//!
//! Written from the specification. Of the hardware's sources it uses the Design, the tables of
//! instructions and registers, and the references of the multiplier families.
mod draw;
mod gemm;
mod host;
mod memory;
mod requantise;
mod shape;
mod softmax;

use crate::target::Target;
use anyhow::{Context, Result, bail};
use draw::DrawGenerators;
use logloom_hdl::arith::{Arithmetic, Side};
use logloom_hdl::control::isa::{Dest, Gemm, Illegal, Instruction, Moving, Rounding, Stationary, WORDS};
use logloom_hdl::design::{Design, DesignError, Roundings};
use logloom_hdl::host::map::ErrorCode;
use memory::Memories;
use requantise::Generators;
use shape::Shape;

/// The software accelerator.
#[derive(Debug)]
pub struct Model {
    design: Design,
    digest: u32,
    shape: Shape,
    memory: Memories,
    registers: Registers,
    draws: DrawGenerators,
    counters: Counters,
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Registers {
    error: Option<ErrorCode>,
    /// Below `program_depth`.
    pc: usize,
    seed: u32,
    halted: bool,
}

/// The counters that do not depend on time.
#[derive(Debug, Default)]
struct Counters {
    busy: u32,
    zero_codes: u32,
    saturated: u32,
    weights_saturated: u32,
    zero_updates: u32,
    loss: u32,
    correct: u32,
    instructions: u32,
}

/// Buffers that grow to the largest matrices seen and are then reused.
#[derive(Debug, Default)]
struct Scratch {
    /// Codes, m x k.
    moving: Vec<u32>,
    /// Codes, k x n.
    stationary: Vec<u32>,
    /// Totals, m x n.
    sums: Vec<i64>,
    /// Results before encoding, m x n.
    operands: Vec<i64>,
    /// Results after encoding, m x n.
    codes: Vec<u32>,
    generators: Generators,
    /// Random bits of each operand, m x n; empty for families that draw none.
    draws: Vec<u32>,
}

impl Scratch {
    /// Codes of the operands.
    fn encode(&mut self, arithmetic: &dyn Arithmetic, side: Side) {
        self.codes.resize(self.operands.len(), 0);
        arithmetic.encode_slice(side, &self.operands, &self.draws, &mut self.codes);
    }

    /// Codes of the operands, which are weights.
    fn encode_weights(&mut self, arithmetic: &dyn Arithmetic) {
        let Some(coding) = arithmetic.weight_coding() else { return self.encode(arithmetic, Side::Stationary) };
        let mask = (1 << coding.draw_bits()) - 1;
        self.codes.clear();
        if mask == 0 {
            self.codes.extend(self.operands.iter().map(|&weight| coding.encode(weight, 0)));
        } else {
            let drawn = self.operands.iter().zip(&self.draws);
            self.codes.extend(drawn.map(|(&weight, &draw)| coding.encode(weight, draw & mask)));
        }
    }
}

/// Adds to a counter of 32 bits that wraps.
fn count(counter: &mut u32, events: usize) {
    *counter = counter.wrapping_add(events as u32);
}

impl Model {
    /// An accelerator that has just powered up. `digest` is what the register DIGEST reads.
    pub fn new(design: &Design, digest: u32) -> Result<Self, DesignError> {
        design.validate()?;
        Ok(Self {
            design: design.clone(),
            digest,
            shape: Shape::new(design),
            memory: Memories::new(design),
            registers: Registers::default(),
            draws: DrawGenerators::new(design.columns as usize),
            counters: Counters::default(),
            scratch: Scratch::default(),
        })
    }

    pub fn design(&self) -> &Design {
        &self.design
    }

    /// Runs until HALT or an error.
    fn run(&mut self) -> Result<()> {
        // Without branches, a program that has not stopped after one round never does.
        for _ in 0..self.design.program_depth {
            if !self.step()? {
                return Ok(());
            }
        }
        bail!("the program has no HALT: it would run for ever");
    }

    /// Runs one instruction; whether the next one follows.
    fn step(&mut self) -> Result<bool> {
        let pc = self.registers.pc;
        let words = self.memory.program[pc * WORDS..][..WORDS].try_into().expect("an instruction has this many words");
        let instruction = match Instruction::decode(words) {
            Ok(instruction) if self.is_legal(&instruction) => instruction,
            Ok(_) | Err(Illegal::Operand { .. }) => {
                self.raise(ErrorCode::IllegalOperand);
                return Ok(false);
            }
            Err(Illegal::Opcode(_)) => {
                self.raise(ErrorCode::IllegalOpcode);
                return Ok(false);
            }
        };
        match instruction {
            Instruction::Gemm(gemm) => self.gemm(&gemm),
            Instruction::Softmax(softmax) => self.softmax(&softmax),
            Instruction::Halt => Ok(()),
        }
        .with_context(|| format!("instruction {pc}: {instruction:?}"))?;

        count(&mut self.counters.instructions, 1);
        if instruction == Instruction::Halt {
            self.registers.halted = true;
            return Ok(false);
        }
        self.registers.pc = (pc + 1) % self.design.program_depth as usize;
        Ok(true)
    }

    fn is_legal(&self, instruction: &Instruction) -> bool {
        let dimension = |size: u16| size > 0 && u32::from(size) < 1 << self.design.dimension_bits();
        match *instruction {
            Instruction::Gemm(gemm) => {
                let block = 1..=self.design.accumulator_depth;
                [gemm.m, gemm.k, gemm.n].into_iter().all(dimension)
                    && block.contains(&gemm.block.into())
                    && !reads_one_memory_twice(&gemm)
                    && (self.design.roundings == Roundings::Any || gemm.rounding == Rounding::Nearest)
                    // Without a memory of their own, or with one of a single port, weight codes go where an update does.
                    && (self.design.updates_may_read_weights()
                        || gemm.stationary != Stationary::WeightCode
                        || gemm.dest != Dest::Weight)
                    // Gradients are stored in the moving code.
                    && (self.design.arithmetic.is_symmetric() || gemm.stationary != Stationary::Gradient)
            }
            Instruction::Softmax(softmax) => {
                softmax.m > 0 && dimension(softmax.n) && u32::from(softmax.m) <= self.design.batch_depth
            }
            Instruction::Halt => true,
        }
    }

    /// Records an error, unless an earlier one has not been cleared.
    fn raise(&mut self, error: ErrorCode) {
        self.registers.error.get_or_insert(error);
    }
}

fn reads_one_memory_twice(gemm: &Gemm) -> bool {
    let activations = [
        gemm.moving == Moving::Activation,
        gemm.stationary == Stationary::Activation,
        // The mask.
        gemm.dest == Dest::Gradient,
    ];
    let gradients = [gemm.moving == Moving::Gradient, gemm.stationary == Stationary::Gradient];
    let twice = |reads: &[bool]| reads.iter().filter(|&&read| read).count() > 1;
    twice(&activations) || twice(&gradients)
}

impl Target for Model {
    fn name(&self) -> &str {
        "model"
    }

    fn write(&mut self, words: &[(u32, u32)]) -> Result<()> {
        for &(address, data) in words {
            self.write_word(address, data)?;
        }
        Ok(())
    }

    fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()> {
        for (word, offset) in out.iter_mut().zip(0..) {
            *word = self.read_word(address.wrapping_add(offset));
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        // A program runs to its end inside the write that starts it.
        Ok(())
    }

    fn cycles(&mut self) -> Option<u64> {
        None
    }
}
