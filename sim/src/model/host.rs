//! The host port: one word at a time.
use super::memory::{compute_copy, pass, wrap};
use super::{Counters, Model};
use anyhow::Result;
use logloom_hdl::arith::{Coded, Side};
use logloom_hdl::host::map::{self, ErrorCode, Region, Register, control, status};

impl Model {
    /// Writes a word. A refused write raises an error and changes nothing else.
    pub(super) fn write_word(&mut self, address: u32, data: u32) -> Result<()> {
        let Some((region, word)) = self.locate(address) else {
            self.raise(ErrorCode::NoSuchWord);
            return Ok(());
        };
        let index = word as usize;
        match region {
            Region::Registers => return self.write_register(word, data),
            Region::Program => self.memory.program[index] = data,
            Region::Label => self.memory.label[index] = data as u16,
            Region::Activation => {
                let operand = self.operand(data);
                let passes = pass(operand, self.shape.operand_bits);
                let mut entry = u32::from(passes) << self.shape.pass_bit;
                let draw = self.draws.next(0);
                entry |= self.code(Coded::Operand(Side::Moving), operand, draw);
                if !self.design.arithmetic.is_symmetric() {
                    entry |= self.code(Coded::Operand(Side::Stationary), operand, draw) << self.shape.stationary_offset;
                }
                self.memory.activation.entries[index] = entry;
            }
            Region::Gradient => {
                let draw = self.draws.next(0);
                let code = self.code(Coded::Operand(Side::Moving), self.operand(data), draw);
                self.memory.gradient.entries[index] = code;
            }
            Region::Weight => {
                let shape = &self.shape;
                let master = wrap(data.into(), shape.master_bits);
                let copy = compute_copy(master, shape.weight_shift, shape.operand_bits);
                self.memory.weight.entries[index] = master as i32;
                let draw = self.draws.next(0);
                self.memory.weight_code.entries[index] = self.code(Coded::Weight, copy, draw);
            }
            Region::WeightCode if self.design.draws_weights() => {
                self.memory.weight_code.entries[index] = data & self.shape.stationary_mask;
            }
            Region::WeightCode
            | Region::Accumulator
            | Region::Maximum
            | Region::LogSum
            | Region::Rest
            | Region::Prediction => self.raise(ErrorCode::ReadOnly),
        }
        Ok(())
    }

    /// Reads a word. A refused read raises an error and gives 0.
    pub(super) fn read_word(&mut self, address: u32) -> u32 {
        let Some((region, word)) = self.locate(address) else {
            self.raise(ErrorCode::NoSuchWord);
            return 0;
        };
        let (memory, index) = (&self.memory, word as usize);
        match region {
            Region::Registers => self.read_register(word),
            Region::Program => memory.program[index],
            Region::Label => memory.label[index].into(),
            Region::Activation => memory.activation.entries[index],
            Region::Gradient => memory.gradient.entries[index],
            Region::Weight => memory.weight.entries[index] as u32,
            Region::WeightCode => memory.weight_code.entries[index],
            Region::Accumulator => self.read_accumulator(word),
            Region::Maximum => i32::from(memory.maximum[index]) as u32,
            Region::LogSum => memory.log_sum[index].into(),
            Region::Rest => memory.rest[index].into(),
            Region::Prediction => memory.prediction[index].into(),
        }
    }

    /// Region and word of a host address that exists.
    fn locate(&self, address: u32) -> Option<(Region, u32)> {
        let (number, word) = map::split(address);
        let region = Region::from_number(number)?;
        (word < self.shape.region_words[number as usize]).then_some((region, word))
    }

    /// The low W bits of a host word, signed.
    fn operand(&self, data: u32) -> i64 {
        wrap(data.into(), self.shape.operand_bits)
    }

    /// The code of one operand, with the random bits that it takes of a draw.
    fn code(&self, coded: Coded, operand: i64, draw: u32) -> u32 {
        let arithmetic = self.design.arithmetic.as_ref();
        coded.encode(arithmetic, operand, draw & ((1 << coded.draw_bits(arithmetic)) - 1))
    }

    fn read_accumulator(&self, word: u32) -> u32 {
        let words = Region::Accumulator.words_per_entry(&self.design);
        let (entry, part) = (word / words, word % words);
        let columns = self.shape.columns as u32;
        let padded = columns.next_power_of_two();
        let (address, column) = (entry / padded, entry % padded);
        if column >= columns {
            return 0;
        }
        let value = self.memory.accumulator[(address * columns + column) as usize];
        (value >> (32 * part)) as u32
    }

    fn write_register(&mut self, word: u32, data: u32) -> Result<()> {
        let register = Register::from_number(word).expect("the region ends with the last register");
        match register {
            Register::Control => return self.control(data),
            Register::Error => self.registers.error = None,
            Register::Pc => self.registers.pc = (data % self.design.program_depth) as usize,
            Register::Seed => {
                self.registers.seed = data;
                self.draws.seed(data);
            }
            _ => self.raise(ErrorCode::ReadOnly),
        }
        Ok(())
    }

    fn control(&mut self, command: u32) -> Result<()> {
        if command & control::CLEAR != 0 {
            self.counters = Counters::default();
        }
        let start = command & (control::RUN | control::STEP);
        if start == 0 || self.registers.error.is_some() {
            return Ok(());
        }
        self.registers.halted = false;
        if start & control::RUN != 0 { self.run() } else { self.step().map(|_| ()) }
    }

    fn read_register(&self, word: u32) -> u32 {
        let register = Register::from_number(word).expect("the region ends with the last register");
        let (registers, counters) = (&self.registers, &self.counters);
        if !register.exists(&self.design) {
            return 0;
        }
        match register {
            Register::Id => map::ID,
            Register::Digest => self.digest,
            Register::Geometry => self.design.columns << 16 | self.design.rows,
            Register::Control => 0,
            Register::Status => {
                let halted = u32::from(registers.halted) * status::HALTED;
                let error = u32::from(registers.error.is_some()) * status::ERROR;
                halted | error
            }
            Register::Error => registers.error.map_or(0, ErrorCode::number),
            Register::Pc => registers.pc as u32,
            Register::Seed => registers.seed,
            // Time is not part of the model.
            Register::Cycles | Register::Stall => 0,
            Register::Busy => counters.busy,
            Register::ZeroCodes => counters.zero_codes,
            Register::Saturated => counters.saturated,
            Register::WeightsSaturated => counters.weights_saturated,
            Register::ZeroUpdates => counters.zero_updates,
            Register::Loss => counters.loss,
            Register::Correct => counters.correct,
            Register::Instructions => counters.instructions,
        }
    }
}
