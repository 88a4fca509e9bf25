//! A model and a simulation that get the same accesses.
use logloom_hdl::accelerator::accelerator;
use logloom_hdl::arith::Arithmetic;
use logloom_hdl::control::isa::Instruction;
use logloom_hdl::design::{Counters, Design, Format, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};
use logloom_hdl::host::map::{Region, Register, address, control};
use logloom_sim::model::Model;
use logloom_sim::target::Target;
use logloom_sim::target::simulation::{Settings, Simulation};
use std::sync::Arc;

const DIGEST: u32 = 0xC0DE_1234;

/// A small design of one array shape and family, with masters of `weight` and memories of so many tiles: activation,
/// gradient, weight.
pub fn design(rows: u32, columns: u32, arithmetic: Arc<dyn Arithmetic>, weight: Format, tiles: [u32; 3]) -> Design {
    let bits = arithmetic.operand_bits();
    let banks = rows.max(columns).max(2).next_power_of_two();
    let mut design = Design {
        name: "test".into(),
        rows,
        columns,
        activation: Format { bits, frac: bits / 2 },
        gradient: Format { bits, frac: bits - 2 },
        arithmetic,
        weight,
        accumulator_bits: 40,
        accumulator_depth: 16,
        activation_depth: tiles[0] * banks,
        gradient_depth: tiles[1] * banks,
        weight_depth: tiles[2] * banks,
        weight_codes: WeightCodes::Stored,
        roundings: Roundings::Any,
        interconnect: Interconnect::Systolic,
        subtraction: Subtraction::Complement,
        softmax_lanes: SoftmaxLanes::All,
        counters: Counters::All,
        batch_depth: 16,
        program_depth: 16,
    };
    design.accumulator_bits = design.accumulator_bits.min(62 - design.lift());
    design
}

/// Tiles that `count` elements reach over.
pub fn tiles(count: u16, banks: u32) -> u16 {
    count.div_ceil(banks as u16)
}

pub struct Pair {
    design: Design,
    model: Model,
    pub simulation: Simulation,
}

impl Pair {
    pub fn new(design: &Design, stalls: Option<u64>) -> Self {
        let top = accelerator(design, DIGEST).unwrap_or_else(|e| panic!("{e}"));
        let settings = Settings { stalls, ..Settings::default() };
        Pair {
            design: design.clone(),
            model: Model::new(design, DIGEST).unwrap_or_else(|e| panic!("{e}")),
            simulation: Simulation::new(&top, &settings).unwrap_or_else(|e| panic!("{e}")),
        }
    }

    pub fn write(&mut self, words: &[(u32, u32)]) {
        self.model.write(words).unwrap();
        self.simulation.write(words).unwrap();
    }

    pub fn wait(&mut self) {
        self.model.wait().unwrap();
        self.simulation.wait().unwrap();
    }

    /// Random operands, small ones more often, in every memory that the host may write.
    pub fn fill(&mut self, seed: u64) {
        let mut state = seed | 1;
        let mut words = Vec::new();
        for region in [Region::Activation, Region::Gradient, Region::Weight, Region::Label] {
            for word in 0..region.words(&self.design) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let operand = ((state >> 8) as i32 >> 8) >> ((state >> 40) % 23);
                let value = if region == Region::Label { operand & 3 } else { operand };
                words.push((address(region, word), value as u32));
            }
        }
        self.write(&words);
    }

    /// Gives the memories that the host cannot write the same contents again: a GEMM and a SOFTMAX over all of them.
    pub fn clear_derived(&mut self) {
        use logloom_hdl::control::isa::{Dest, Gemm, Softmax};
        let (depth, samples) = (self.design.accumulator_depth as u16, self.design.batch_depth as u16);
        let all = Gemm { dest: Dest::Accumulator, m: depth, k: 1, n: 1, block: depth, ..Gemm::default() };
        let loss = Softmax { m: samples, n: 1, dest_base: 0, dest_stride: 1, ..Softmax::default() };
        let program = [Instruction::Gemm(all), Instruction::Softmax(loss), Instruction::Halt];
        self.load(&program);
        self.write(&[(Register::Control.address(), control::RUN)]);
        self.wait();
        self.write(&[(Register::Control.address(), control::CLEAR)]);
        self.compare("once everything is written again");
    }

    pub fn load_words(&mut self, words: &[u32]) {
        let words: Vec<_> = (0..).zip(words).map(|(word, &data)| (address(Region::Program, word), data)).collect();
        self.write(&words);
        self.write(&[(Register::Pc.address(), 0), (Register::Seed.address(), 0x5EED)]);
    }

    pub fn load(&mut self, program: &[Instruction]) {
        let words: Vec<u32> = program.iter().flat_map(Instruction::encode).collect();
        self.load_words(&words);
    }

    /// Runs a program and compares at the end.
    pub fn run(&mut self, program: &[Instruction]) {
        self.load(program);
        self.write(&[(Register::Control.address(), control::RUN)]);
        self.wait();
        self.compare("after the program");
    }

    /// Steps through a program and compares after every instruction.
    pub fn step(&mut self, program: &[Instruction]) {
        self.load(program);
        for (number, instruction) in program.iter().enumerate() {
            self.write(&[(Register::Control.address(), control::STEP)]);
            self.wait();
            self.compare(&format!("after instruction {number}, {instruction:?}"));
        }
    }

    /// Every word that the host can read, but for the two counters of a target with a clock.
    pub fn compare(&mut self, when: &str) {
        for &region in Region::ALL {
            let count = region.words(&self.design) as usize;
            let (mut expected, mut found) = (vec![0; count], vec![0; count]);
            self.model.read(address(region, 0), &mut expected).unwrap();
            self.simulation.read(address(region, 0), &mut found).unwrap();
            for (word, (expected, found)) in expected.iter().zip(&found).enumerate() {
                let clocked = [Register::Cycles, Register::Stall].map(|r| r.number() as usize);
                if region == Region::Registers && clocked.contains(&word) {
                    continue;
                }
                assert_eq!(expected, found, "{} {word} {when} ({:?})", region.name(), self.design);
            }
        }
    }

    /// A register of both, which must agree.
    pub fn register(&mut self, register: Register) -> u32 {
        let mut values = [[0]; 2];
        self.model.read(register.address(), &mut values[0]).unwrap();
        self.simulation.read(register.address(), &mut values[1]).unwrap();
        assert_eq!(values[0], values[1], "{register:?}");
        values[0][0]
    }

    /// Writes that must be refused: beyond each region, to read-only regions and registers, to no region.
    pub fn forbidden(&self) -> Vec<(u32, u32)> {
        let beyond = Region::ALL.iter().map(|&r| address(r, r.words(&self.design)));
        let read_only = Region::ALL.iter().filter(|r| !r.writable(&self.design)).map(|&r| address(r, 0));
        let registers = Register::ALL.iter().filter(|r| !r.access().writable()).map(|r| r.address());
        beyond.chain(read_only).chain(registers).chain([0xC0_0000, 0xFF_FFFF]).map(|a| (a, 0xFFFF_FFFF)).collect()
    }
}
