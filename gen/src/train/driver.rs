//! Runs compiled programs on a target: what a host does at the accelerator's port.

use anyhow::{Context, Result, bail, ensure};
use logloom_hdl::control::isa::{Instruction, disassemble};
use logloom_hdl::host::map::{self, ErrorCode, Region, Register, control, status};
use logloom_sim::target::Target;

use super::checkpoint::Tensor;
use super::weights::{Samples, Weights, code_name, tensor_name};
use crate::compile::{Compiled, Matrix, Mode};
use crate::random::SplitMix64;

/// Streams of the seed from here on seed the rounding generators, one per step. Epochs count up from 0.
const ROUNDING_STREAMS: u64 = 1 << 63;

/// The register SEED of a step. It depends on nothing but the run's seed and the step's number, so a resumed run
/// rounds like one that was never interrupted.
pub fn rounding_seed(seed: u64, step: u64) -> u32 {
    (SplitMix64::stream(seed, ROUNDING_STREAMS.wrapping_add(step)).next_u64() >> 32) as u32
}

/// The register SEED while the samples of a step are loaded.
pub fn sample_seed(seed: u64, step: u64) -> u32 {
    !rounding_seed(seed, step)
}

/// The register SEED while initial weights are loaded.
pub fn weight_seed(seed: u64) -> u32 {
    rounding_seed(seed, u64::MAX)
}

/// The accelerator's counters after a run, cleared before it. Units as in section 5 of the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub cycles: u32,
    pub busy: u32,
    pub stall: u32,
    pub zero_codes: u32,
    pub saturated: u32,
    pub weights_saturated: u32,
    pub zero_updates: u32,
    /// 2^-8 bits.
    pub loss: u32,
    pub correct: u32,
    pub instructions: u32,
}

/// A program in the program memory.
#[derive(Debug)]
struct Loaded {
    mode: Mode,
    samples: u32,
    /// Its first instruction.
    start: u32,
    instructions: Vec<Instruction>,
}

/// A target that has been prepared for a network.
pub struct Driver<'a> {
    target: &'a mut dyn Target,
    compiled: &'a Compiled,
    loaded: Vec<Loaded>,
    /// First free instruction of the program memory.
    free: u32,
    /// Host address of each element of the input matrix, row-major, without the constant column.
    inputs: Vec<u32>,
    /// Writes on their way to the target, kept for their capacity.
    words: Vec<(u32, u32)>,
}

impl<'a> Driver<'a> {
    /// Checks that the target has the array of this design, clears its error and counters, and writes the constant ones beside
    /// the activations.
    ///
    /// # Errors
    /// If the target fails, or has another geometry.
    pub fn new(target: &'a mut dyn Target, compiled: &'a Compiled) -> Result<Self> {
        let design = compiled.design();
        let mut geometry = [0];
        target.read(Register::Geometry.address(), &mut geometry)?;
        let [geometry] = geometry;
        ensure!(
            geometry == design.columns << 16 | design.rows,
            "{}: the accelerator has {} rows and {} columns, the program is for {} and {}",
            target.name(),
            geometry & 0xffff,
            geometry >> 16,
            design.rows,
            design.columns
        );
        let plan = compiled.plan();
        let input = &plan.activation.matrices[0];
        let address = |i, j| map::address(Region::Activation, input.word(plan.banks, i, j));
        let inputs = (0..input.rows).flat_map(|i| (0..input.columns - 1).map(move |j| address(i, j))).collect();
        let mut driver = Driver { target, compiled, loaded: Vec::new(), free: 0, inputs, words: Vec::new() };
        driver.words.extend([(Register::Error.address(), 0), (Register::Control.address(), control::CLEAR)]);
        driver.seed_draws(0);
        // In a format without integer bits the nearest to one is its largest value.
        let one = super::weights::quantise(1.0, design.activation) as u32;
        for matrix in &plan.activation.matrices {
            let ones = (0..matrix.rows).map(|i| matrix.word(plan.banks, i, matrix.columns - 1));
            driver.words.extend(ones.map(|word| (map::address(Region::Activation, word), one)));
        }
        driver.flush()?;
        Ok(driver)
    }

    pub fn compiled(&self) -> &'a Compiled {
        self.compiled
    }

    pub fn target(&mut self) -> &mut dyn Target {
        self.target
    }

    /// For families that draw codes: the draws from here on follow from this seed.
    fn seed_draws(&mut self, seed: u32) {
        if self.compiled.design().draw_bits() > 0 {
            self.words.push((Register::Seed.address(), seed));
        }
    }

    /// Writes all master weights; the target encodes their compute copies. `seed`: of what is drawn for them.
    ///
    /// # Errors
    /// If the target fails.
    ///
    /// # Panics
    /// If the weights are not those of the compiled network.
    pub fn load_weights(&mut self, weights: &[Tensor], seed: u32) -> Result<()> {
        self.seed_draws(seed);
        self.load_matrices(Region::Weight, weights)
    }

    /// Writes the codes of all weights, as [`read_codes`](Self::read_codes) gave them.
    ///
    /// # Errors
    /// If the target fails.
    ///
    /// # Panics
    /// If the codes are not those of the compiled network, or the family does not draw them.
    pub fn load_codes(&mut self, codes: &[Tensor]) -> Result<()> {
        assert!(self.compiled.design().draws_weights());
        self.load_matrices(Region::WeightCode, codes)
    }

    fn load_matrices(&mut self, region: Region, tensors: &[Tensor]) -> Result<()> {
        let plan = self.compiled.plan();
        assert_eq!(tensors.len(), plan.weight.matrices.len());
        for (tensor, matrix) in tensors.iter().zip(&plan.weight.matrices) {
            assert_eq!((tensor.rows, tensor.cols), (matrix.rows as usize, matrix.columns as usize));
            let words = elements(matrix).zip(&tensor.values);
            self.words.extend(
                words.map(|((i, j), &value)| (map::address(region, matrix.word(plan.banks, i, j)), value as u32)),
            );
        }
        self.flush()
    }

    /// Reads all master weights.
    ///
    /// # Errors
    /// If the target fails.
    pub fn read_weights(&mut self) -> Result<Weights> {
        self.read_matrices(Region::Weight, tensor_name)
    }

    /// Reads the codes of all weights where the family draws them: with the masters, they are the state of a run. Otherwise
    /// they follow from the masters, and there are none to read.
    ///
    /// # Errors
    /// If the target fails.
    pub fn read_codes(&mut self) -> Result<Vec<Tensor>> {
        if self.compiled.design().draws_weights() {
            self.read_matrices(Region::WeightCode, code_name)
        } else {
            Ok(Vec::new())
        }
    }

    fn read_matrices(&mut self, region: Region, name: fn(usize) -> String) -> Result<Vec<Tensor>> {
        let plan = self.compiled.plan();
        let mut words = vec![0; (plan.weight.tiles * u64::from(plan.banks).pow(2)) as usize];
        self.target.read(map::address(region, 0), &mut words)?;
        let tensor = |(index, matrix): (usize, &Matrix)| Tensor {
            name: name(index + 1),
            rows: matrix.rows as usize,
            cols: matrix.columns as usize,
            values: elements(matrix).map(|(i, j)| words[matrix.word(plan.banks, i, j) as usize] as i32).collect(),
        };
        Ok(plan.weight.matrices.iter().enumerate().map(tensor).collect())
    }

    /// Writes the inputs and labels of these samples, at most a batch, to the first rows. `seed`: of what is drawn for them.
    ///
    /// # Errors
    /// If the target fails.
    ///
    /// # Panics
    /// If there are more than a batch, or the samples are not as wide as the network.
    pub fn load_samples(&mut self, samples: &Samples, indices: &[u32], seed: u32) -> Result<()> {
        assert_eq!(samples.features(), self.compiled.inputs());
        assert!(indices.len() <= self.compiled.task().batch as usize);
        self.seed_draws(seed);
        for (row, &index) in self.inputs.chunks_exact(samples.features()).zip(indices) {
            let input = samples.input(index as usize);
            // The sign bits above the operand are ignored.
            self.words.extend(row.iter().zip(input).map(|(&address, &value)| (address, i32::from(value) as u32)));
        }
        for (row, &index) in (0..).zip(indices) {
            self.words.push((map::address(Region::Label, row), samples.labels()[index as usize].into()));
        }
        self.flush()
    }

    /// Makes sure that the program is in the program memory, and gives its first instruction and all of them.
    fn program(&mut self, mode: Mode, samples: u32) -> Result<&Loaded> {
        if let Some(found) = self.loaded.iter().position(|p| (p.mode, p.samples) == (mode, samples)) {
            return Ok(&self.loaded[found]);
        }
        let instructions = self.compiled.program(mode, samples)?;
        let length = instructions.len() as u32;
        if self.free + length > self.compiled.design().program_depth {
            self.loaded.clear();
            self.free = 0;
        }
        let start = self.free;
        self.free += length;
        let words = instructions.iter().flat_map(Instruction::encode);
        let first = map::address(Region::Program, start * 8);
        self.words.extend((first..).zip(words));
        self.flush()?;
        self.loaded.push(Loaded { mode, samples, start, instructions });
        Ok(self.loaded.last().expect("just pushed"))
    }

    /// Prepares a run: program, PC, SEED, counters at zero. Gives the instructions; the first is at the returned PC.
    ///
    /// # Errors
    /// If the target fails, or `samples` is not within 1 ..= batch.
    pub fn begin(&mut self, mode: Mode, samples: u32, seed: u32) -> Result<(u32, Vec<Instruction>)> {
        let loaded = self.program(mode, samples)?;
        let (start, instructions) = (loaded.start, loaded.instructions.clone());
        self.prepare(start, seed)?;
        Ok((start, instructions))
    }

    fn prepare(&mut self, start: u32, seed: u32) -> Result<()> {
        self.target.write(&[
            (Register::Pc.address(), start),
            (Register::Seed.address(), seed),
            (Register::Control.address(), control::CLEAR),
        ])
    }

    /// Runs the instruction at PC and waits for its end. An error of the accelerator is left in its registers.
    ///
    /// # Errors
    /// If the target fails.
    pub fn step(&mut self) -> Result<()> {
        self.target.write(&[(Register::Control.address(), control::STEP)])?;
        self.target.wait()
    }

    /// Runs the instructions from PC to HALT and waits for their end. An error of the accelerator is left in its registers.
    ///
    /// # Errors
    /// If the target fails.
    pub fn finish(&mut self) -> Result<()> {
        self.target.write(&[(Register::Control.address(), control::RUN)])?;
        self.target.wait()
    }

    /// Runs a program on the samples that have been loaded, to its end.
    ///
    /// # Errors
    /// If the target fails, if the accelerator stops with an error, or `samples` is not within 1 ..= batch.
    pub fn run(&mut self, mode: Mode, samples: u32, seed: u32) -> Result<Counters> {
        let start = self.program(mode, samples)?.start;
        self.prepare(start, seed)?;
        self.finish()?;
        self.counters()
    }

    /// Checks that no error of the accelerator is pending, in the middle of a program.
    ///
    /// # Errors
    /// If the target fails or the accelerator stopped with an error.
    pub fn check(&mut self) -> Result<()> {
        let mut words = [0; 3];
        self.target.read(Register::Status.address(), &mut words)?;
        let [found, error, pc] = words;
        if found & status::ERROR != 0 { self.explain(found, error, pc) } else { Ok(()) }
    }

    /// Reads the counters, and checks that the accelerator stopped at HALT.
    fn counters(&mut self) -> Result<Counters> {
        let first = Register::Status;
        let mut words = [0; (Register::Instructions as usize) - (Register::Status as usize) + 1];
        self.target.read(first.address(), &mut words)?;
        let register = |register: Register| words[(register.number() - first.number()) as usize];
        if register(Register::Status) != status::HALTED {
            self.explain(register(Register::Status), register(Register::Error), register(Register::Pc))?;
        }
        Ok(Counters {
            cycles: register(Register::Cycles),
            busy: register(Register::Busy),
            stall: register(Register::Stall),
            zero_codes: register(Register::ZeroCodes),
            saturated: register(Register::Saturated),
            weights_saturated: register(Register::WeightsSaturated),
            zero_updates: register(Register::ZeroUpdates),
            loss: register(Register::Loss),
            correct: register(Register::Correct),
            instructions: register(Register::Instructions),
        })
    }

    fn explain(&mut self, status: u32, error: u32, pc: u32) -> Result<()> {
        let name = self.target.name().to_string();
        let Some(code) = ErrorCode::from_number(error) else {
            bail!("{name}: the accelerator did not reach HALT: STATUS {status:#x}, ERROR {error}, PC {pc}");
        };
        let mut words = [0; 8];
        self.target
            .write(&[(Register::Error.address(), 0)])
            .and_then(|()| self.target.read(map::address(Region::Program, pc * 8), &mut words))
            .with_context(|| format!("after {}", code.meaning()))?;
        bail!("{name}: stopped at instruction {pc}: {}: {}", code.meaning(), disassemble(&words).trim())
    }

    /// What SOFTMAX left for the first `samples` samples: class, and the logarithm to base 2 of the sum of exponentials
    /// relative to the largest, Q8.8.
    ///
    /// # Errors
    /// If the target fails.
    pub fn predictions(&mut self, samples: u32) -> Result<Vec<(u16, u16)>> {
        let (mut classes, mut sums) = (vec![0; samples as usize], vec![0; samples as usize]);
        self.target.read(map::address(Region::Prediction, 0), &mut classes)?;
        self.target.read(map::address(Region::LogSum, 0), &mut sums)?;
        Ok(classes.into_iter().zip(sums).map(|(class, sum)| (class as u16, sum as u16)).collect())
    }

    /// Hands the collected writes to the target.
    fn flush(&mut self) -> Result<()> {
        let result = self.target.write(&self.words);
        self.words.clear();
        result
    }
}

/// All elements of a matrix, row-major.
fn elements(matrix: &Matrix) -> impl Iterator<Item = (u32, u32)> {
    let (rows, columns) = (matrix.rows, matrix.columns);
    (0..rows).flat_map(move |i| (0..columns).map(move |j| (i, j)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture::{compiled, design, mitchell, task};
    use crate::data::{Dataset, Normalise};
    use crate::train::weights::quantised_weights;
    use logloom_sim::model::Model;

    #[test]
    fn weights_come_back_as_they_were_loaded() {
        let compiled = compiled(&[3, 7, 5, 2], 4, 3, 2, mitchell(4, 8));
        let mut model = Model::new(compiled.design(), 0).unwrap();
        let mut driver = Driver::new(&mut model, &compiled).unwrap();
        let weights = quantised_weights(compiled.task(), 3, compiled.design().weight);
        driver.load_weights(&weights, 0).unwrap();
        assert_eq!(driver.read_weights().unwrap(), weights);
    }

    /// All programs of an epoch take turns in a memory that holds one of them.
    #[test]
    fn programs_replace_each_other() {
        let roomy = compiled(&[3, 4, 2], 4, 2, 2, mitchell(4, 8));
        let mut tight = roomy.design().clone();
        tight.program_depth = 8;
        let tight = Compiled::new(roomy.task(), &tight).unwrap();
        let data =
            Dataset { inputs: (0..12).map(|i| i as f32 / 12.0).collect(), features: 3, labels: vec![0, 1, 1, 0] };
        let results = [&roomy, &tight].map(|compiled| {
            let samples = Samples::new(&data, &Normalise::None, 3, 2, compiled.design().activation).unwrap();
            let mut model = Model::new(compiled.design(), 0).unwrap();
            let mut driver = Driver::new(&mut model, compiled).unwrap();
            driver.load_weights(&quantised_weights(compiled.task(), 3, compiled.design().weight), 0).unwrap();
            driver.load_samples(&samples, &[0, 1, 2, 3], 0).unwrap();
            let mut counters = Vec::new();
            for _ in 0..3 {
                for (mode, samples) in [
                    (Mode::Train { halvings: 0 }, 4),
                    (Mode::Train { halvings: 0 }, 3),
                    (Mode::Evaluate, 4),
                    (Mode::Predict, 2),
                ] {
                    counters.push(driver.run(mode, samples, 0).unwrap());
                }
            }
            (counters, driver.read_weights().unwrap())
        });
        assert_eq!(results[0], results[1]);
        assert_eq!(results[0].0[0].instructions, 7);
    }

    #[test]
    fn another_accelerator_is_refused() {
        let compiled = Compiled::new(&task(&[3, 4, 2], 4), &design(4, 2)).unwrap();
        let mut model = Model::new(&design(2, 4), 0).unwrap();
        let error = Driver::new(&mut model, &compiled).err().unwrap().to_string();
        assert!(error.contains("2 rows and 4 columns") && error.contains("for 4 and 2"), "{error}");
    }

    #[test]
    fn an_error_of_the_accelerator_names_its_instruction() {
        let compiled = compiled(&[3, 4, 2], 4, 2, 2, mitchell(4, 8));
        let mut model = Model::new(compiled.design(), 0).unwrap();
        let mut driver = Driver::new(&mut model, &compiled).unwrap();
        driver.begin(Mode::Evaluate, 4, 0).unwrap();
        driver.target().write(&[(map::address(Region::Program, 8), 15)]).unwrap();
        let error = driver.run(Mode::Evaluate, 4, 0).unwrap_err().to_string();
        assert!(error.contains("model: stopped at instruction 1: ") && error.contains("illegal opcode 15"), "{error}");
        // The error has been cleared: the program runs once it is whole.
        let program = compiled.program(Mode::Evaluate, 4).unwrap();
        driver.target().write(&[(map::address(Region::Program, 8), program[1].encode()[0])]).unwrap();
        assert!(driver.run(Mode::Evaluate, 4, 0).is_ok());
    }

    #[test]
    fn rounding_seeds_differ_by_step_and_run() {
        assert_eq!(rounding_seed(1, 5), rounding_seed(1, 5));
        assert_ne!(rounding_seed(1, 5), rounding_seed(1, 6));
        assert_ne!(rounding_seed(1, 5), rounding_seed(2, 5));
    }
}
