//! A model with helpers that know section 2 of the specification, and nothing of the model's insides.
use logloom_hdl::arith::{Arithmetic, Exact, Form, Mitchell, mitchell};
use logloom_hdl::control::isa::Instruction;
use logloom_hdl::design::{Counters, Design, Format, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};
use logloom_hdl::host::map::{Region, Register, address, control};
use logloom_sim::model::Model;
use logloom_sim::target::Target;
use std::sync::Arc;

pub const DIGEST: u32 = 0x0123_4567;

pub fn exact(operand_bits: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Exact { operand_bits, form: Form::Rows, stages: 0 })
}

pub fn mitchell(operand_bits: u32, fraction_bits: u32, dropped_bits: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Mitchell { operand_bits, fraction_bits, dropped_bits, rounding: mitchell::Rounding::Nearest, stages: 0 })
}

/// A small design of one array shape and family, with the widest accumulators that are legal.
pub fn design(rows: u32, columns: u32, arithmetic: Arc<dyn Arithmetic>) -> Design {
    let bits = arithmetic.operand_bits();
    let format = |frac| Format { bits, frac };
    let banks = rows.max(columns).max(2).next_power_of_two();
    let mut design = Design {
        name: "test".into(),
        rows,
        columns,
        activation: format(bits / 2),
        gradient: format(bits - 2),
        arithmetic,
        weight: Format { bits: 16, frac: 12 },
        accumulator_bits: 48,
        accumulator_depth: 16,
        activation_depth: 64 * banks,
        gradient_depth: 64 * banks,
        weight_depth: 64 * banks,
        weight_codes: WeightCodes::Stored,
        roundings: Roundings::Any,
        interconnect: Interconnect::Systolic,
        subtraction: Subtraction::Complement,
        softmax_lanes: SoftmaxLanes::All,
        counters: Counters::All,
        batch_depth: 32,
        program_depth: 8,
    };
    design.accumulator_bits = design.accumulator_bits.min(62 - design.lift());
    design
}

/// Where a matrix lies in a skewed memory.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub region: Region,
    pub base: u32,
    pub stride: u32,
}

pub struct Rig {
    pub model: Model,
    pub design: Design,
}

impl Rig {
    pub fn new(design: Design) -> Self {
        let model = Model::new(&design, DIGEST).unwrap_or_else(|e| panic!("{e}"));
        Self { model, design }
    }

    pub fn read(&mut self, address: u32, words: u32) -> Vec<u32> {
        let mut out = vec![0; words as usize];
        self.model.read(address, &mut out).unwrap();
        out
    }

    pub fn read_all(&mut self, region: Region) -> Vec<u32> {
        self.read(address(region, 0), region.words(&self.design))
    }

    pub fn register(&mut self, register: Register) -> u32 {
        self.read(register.address(), 1)[0]
    }

    pub fn write(&mut self, address: u32, data: u32) {
        self.model.write(&[(address, data)]).unwrap();
    }

    pub fn set(&mut self, register: Register, data: u32) {
        self.write(register.address(), data);
    }

    /// Host word of element (i, j).
    pub fn word(&self, place: Place, i: usize, j: usize) -> u32 {
        let (i, j, n) = (i as u32, j as u32, self.design.banks());
        let bank = (i + j) % n;
        let in_bank = (place.base + (i / n) * place.stride + j / n) * n + i % n;
        in_bank * n + bank
    }

    /// Writes operands (or masters), row-major.
    pub fn put(&mut self, place: Place, columns: usize, values: &[i64]) {
        for (position, &value) in values.iter().enumerate() {
            let word = self.word(place, position / columns, position % columns);
            self.write(address(place.region, word), value as u32);
        }
    }

    pub fn program(&mut self, instructions: &[Instruction]) {
        let words: Vec<_> = instructions.iter().flat_map(Instruction::encode).collect();
        for (word, data) in (0..).zip(words) {
            self.write(address(Region::Program, word), data);
        }
    }

    /// Runs the instructions and a HALT from address 0.
    pub fn run(&mut self, instructions: &[Instruction]) {
        self.program(&[instructions, &[Instruction::Halt]].concat());
        self.set(Register::Pc, 0);
        self.set(Register::Control, control::RUN);
        self.model.wait().unwrap();
        assert_eq!(self.register(Register::Error), 0);
    }

    /// The accumulator memory as values, address-major, padded columns left out.
    pub fn accumulators(&mut self) -> Vec<Vec<i64>> {
        let words = self.read_all(Region::Accumulator);
        let per_entry = Region::Accumulator.words_per_entry(&self.design) as usize;
        let columns = self.design.columns as usize;
        let value = |entry: &[u32]| match *entry {
            [low] => i64::from(low as i32),
            [low, high] => i64::from(high as i32) << 32 | i64::from(low),
            _ => unreachable!("an entry has one or two words"),
        };
        words
            .chunks(per_entry * columns.next_power_of_two())
            .map(|row| row.chunks(per_entry).map(value).take(columns).collect())
            .collect()
    }
}
