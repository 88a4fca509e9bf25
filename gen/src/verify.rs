//! Lock-step comparison: several targets train, and after every instruction every word of every memory must agree.

use std::fmt;

use anyhow::{Context, Result, ensure};
use logloom_hdl::control::isa::{self, Dest, Gemm, Instruction, Passes, Softmax, disassemble};
use logloom_hdl::design::Design;
use logloom_hdl::link::map::{self, Region, Register, control};
use logloom_sim::target::Target;
use serde::Serialize;

use crate::compile::{Compiled, MemoryPlan};
use crate::train::checkpoint::{Checkpoint, state_digest};
use crate::train::data::epoch_order;
use crate::train::driver::{Driver, rounding_seed, sample_seed, weight_seed};
use crate::train::weights::{Samples, quantised_weights};

/// The outcome of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Names; the first is the reference.
    pub targets: Vec<String>,
    /// Training steps that were completed on all targets.
    pub steps: u64,
    /// Instructions after which all words were compared.
    pub instructions: u64,
    /// Pairs of words that were compared, the registers included.
    pub words_compared: u64,
    pub equal: bool,
    /// Of the reference at the end; see [`TrainResult`](crate::train::session::TrainResult).
    pub state_sha256: String,
    pub first_difference: Option<Difference>,
}

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

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { target, step, memory, address, location, expected, found, .. } = self;
        match self.instruction {
            Some(instruction) => write!(f, "step {step}, after instruction {instruction} ({})", self.disassembly)?,
            None => write!(f, "step {step}, before the first instruction")?,
        }
        write!(f, ": {memory} word {address} ({location}) is {found:#x} on {target}, should be {expected:#x}")?;
        match self.cycles {
            Some((start, end)) => write!(f, "; cycles {start} to {end}"),
            None => Ok(()),
        }
    }
}

/// How far a comparison is, for a progress display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Completed steps.
    pub step: u64,
    pub steps: u64,
    /// Instructions of this step that were compared, of how many.
    pub instruction: u32,
    pub instructions: u32,
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

/// Runs the first `steps` training steps of the run that `seed` gives, on all targets, one instruction at a time, and
/// compares every word of every memory and of the registers that do not count time before the first instruction of a step and after each one.
/// Stops at the first difference, which is a result, not an error.
///
/// A board that has run before is cleared first: what a memory holds beside the network is compared as well.
///
/// # Errors
/// If there are fewer than two targets, or one fails, or all stop with the same error.
pub fn verify(
    targets: &mut [Box<dyn Target>],
    compiled: &Compiled,
    training: &Samples,
    steps: u64,
    seed: u64,
    observe: &mut dyn FnMut(VerifyProgress),
) -> Result<VerifyReport> {
    ensure!(targets.len() >= 2, "a comparison takes two targets, {} given; name another with --targets", targets.len());
    let names: Vec<String> = targets.iter().map(|target| target.name().to_string()).collect();
    let weights = quantised_weights(compiled.task(), seed, compiled.design().weight);
    let mut drivers = Vec::with_capacity(targets.len());
    for target in targets {
        let name = target.name().to_string();
        clear(target.as_mut(), compiled.design()).with_context(|| name.clone())?;
        let mut driver = Driver::new(target.as_mut(), compiled)?;
        driver.load_weights(&weights, weight_seed(seed)).with_context(|| name)?;
        drivers.push(driver);
    }
    let mut comparison = Comparison {
        names: &names,
        design: compiled.design(),
        plan: compiled.plan(),
        words: 0,
        buffers: Default::default(),
    };

    let batch = compiled.task().batch as usize;
    let per_epoch = training.len().div_ceil(batch) as u64;
    let (mut done, mut compared, mut first_difference) = (0, 0, None);
    'steps: while done < steps {
        let order = epoch_order(training.len(), seed, done / per_epoch);
        let indices = order.chunks(batch).nth((done % per_epoch) as usize).expect("a step within the epoch");
        let mut instructions = Vec::new();
        for (driver, name) in drivers.iter_mut().zip(&names) {
            driver.load_samples(training, indices, sample_seed(seed, done)).with_context(|| name.clone())?;
            (_, instructions) = driver
                .begin(compiled.task().training(done / per_epoch), indices.len() as u32, rounding_seed(seed, done))
                .with_context(|| name.clone())?;
        }
        let total = instructions.len() as u32;
        // One comparison of what the host wrote, then one after each instruction.
        for (index, instruction) in std::iter::once(None).chain(instructions.iter().map(Some)).enumerate() {
            let mut clocks = Vec::with_capacity(names.len());
            for (driver, name) in drivers.iter_mut().zip(&names) {
                let start = driver.target().cycles();
                if instruction.is_some() {
                    driver.step().with_context(|| name.clone())?;
                }
                clocks.push(start.zip(driver.target().cycles()));
            }
            if let Some(word) = comparison.run(&mut drivers)? {
                first_difference = Some(Difference {
                    step: done,
                    instruction: (index as u32).checked_sub(1),
                    disassembly: instruction.map(listing).unwrap_or_default(),
                    cycles: clocks[word.target],
                    ..comparison.describe(word)
                });
                break 'steps;
            }
            if instruction.is_some() {
                compared += 1;
            }
            drivers[0].check()?;
            observe(VerifyProgress { step: done, steps, instruction: index as u32, instructions: total });
        }
        done += 1;
    }
    let layers = drivers[0].read_weights()?;
    Ok(VerifyReport {
        steps: done,
        instructions: compared,
        words_compared: comparison.words,
        equal: first_difference.is_none(),
        state_sha256: state_digest(&Checkpoint { layers, ..Checkpoint::default() }),
        first_difference,
        targets: names,
    })
}

/// Makes a target as it powers up: all memories 0. One that is so is not touched.
fn clear(target: &mut dyn Target, design: &Design) -> Result<()> {
    let mut used = false;
    for &region in &Region::ALL[1..] {
        let mut words = vec![0; region.words(design) as usize];
        target.read(map::address(region, 0), &mut words)?;
        used |= words.iter().any(|&word| word != 0);
    }
    let mut status = [0];
    target.read(Register::Status.address(), &mut status)?;
    if !used && status == [0] {
        return Ok(());
    }
    let zeros = |region: Region| (0..region.words(design)).map(move |word| (map::address(region, word), 0));
    let writable = Region::ALL[1..].iter().filter(|region| region.writable(design));
    let mut words = vec![(Register::Error.address(), 0)];
    words.extend(writable.flat_map(|region| zeros(*region)));
    target.write(&words)?;
    // The others hold results: sums of nothing for every accumulator, and their loss for every sample. One instruction at a time,
    // as HALT would leave its mark in STATUS.
    let (depth, samples) = (design.accumulator_depth as u16, design.batch_depth as u16);
    let sums = Gemm { dest: Dest::Accumulator, m: depth, k: 1, n: 1, block: depth, ..Gemm::default() };
    let loss = Softmax { passes: Passes::Loss, m: samples, n: 1, ..Softmax::default() };
    for instruction in [Instruction::Gemm(sums), Instruction::Softmax(loss)] {
        let mut words: Vec<(u32, u32)> = (map::address(Region::Program, 0)..).zip(instruction.encode()).collect();
        words.extend([(Register::Pc.address(), 0), (Register::Control.address(), control::STEP)]);
        target.write(&words)?;
        target.wait()?;
    }
    target.write(&zeros(Region::Program).take(isa::WORDS).collect::<Vec<_>>())
}

fn listing(instruction: &Instruction) -> String {
    // Without its number, which says nothing for a single instruction.
    let text = disassemble(&instruction.encode());
    text.trim().split_once(' ').map_or("", |(_, rest)| rest.trim()).to_string()
}

/// A word that differs.
struct Word {
    /// Index of the target.
    target: usize,
    region: Region,
    word: u32,
    expected: u32,
    found: u32,
}

struct Comparison<'a> {
    names: &'a [String],
    design: &'a Design,
    plan: &'a MemoryPlan,
    /// Compared so far.
    words: u64,
    /// Contents of a region on the reference and on another target.
    buffers: [Vec<u32>; 2],
}

impl Comparison<'_> {
    /// The first word that differs from the first target, registers before memories: they are the quickest to read, and
    /// tell most of a target that stopped.
    fn run(&mut self, drivers: &mut [Driver<'_>]) -> Result<Option<Word>> {
        let (reference, others) = drivers.split_first_mut().expect("checked: two targets or more");
        for &region in Region::ALL {
            let words = region.words(self.design) as usize;
            let [expected, found] = &mut self.buffers;
            expected.resize(words, 0);
            found.resize(words, 0);
            let compared: &dyn Fn(u32) -> bool = match region {
                Region::Registers => &|word| REGISTERS.iter().any(|register| register.number() == word),
                _ => &|_| true,
            };
            let count = (0..words as u32).filter(|word| compared(*word)).count() as u64;
            let read = |driver: &mut Driver<'_>, buffer: &mut [u32]| {
                let target = driver.target();
                target.read(map::address(region, 0), buffer).with_context(|| target.name().to_string())
            };
            read(reference, expected)?;
            for (index, driver) in others.iter_mut().enumerate() {
                read(driver, found)?;
                self.words += count;
                let pairs = (0..).zip(expected.iter().zip(found.iter()));
                let mut differing = pairs.filter(|(word, (expected, found))| expected != found && compared(*word));
                if let Some((word, (&expected, &found))) = differing.next() {
                    return Ok(Some(Word { target: index + 1, region, word, expected, found }));
                }
            }
        }
        Ok(None)
    }

    fn describe(&self, word: Word) -> Difference {
        Difference {
            target: self.names[word.target].clone(),
            memory: word.region.name().to_string(),
            address: word.word,
            location: self.location(word.region, word.word),
            expected: word.expected,
            found: word.found,
            step: 0,
            instruction: None,
            disassembly: String::new(),
            cycles: None,
        }
    }

    fn location(&self, region: Region, word: u32) -> String {
        let banks = self.plan.banks;
        let skewed = |matrices: &[crate::compile::Matrix]| {
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
            Region::Activation => skewed(&self.plan.activation.matrices),
            Region::Gradient => skewed(&self.plan.gradient.matrices),
            Region::Weight | Region::WeightCode => skewed(&self.plan.weight.matrices),
            Region::Accumulator => {
                let entry = word / region.words_per_entry(self.design);
                let columns = self.design.columns.next_power_of_two();
                format!("address {}, column {}", entry / columns, entry % columns)
            }
            Region::Label | Region::Maximum | Region::LogSum | Region::Rest | Region::Prediction => {
                format!("sample {word}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture::{compiled, mitchell};
    use crate::train::data::{Dataset, Normalise};
    use crate::train::session::{self, Settings};
    use logloom_sim::model::Model;
    use std::ops::ControlFlow;

    fn network() -> (Compiled, Samples) {
        let compiled = compiled(&[3, 5, 4], 4, 3, 2, mitchell(4, 8));
        let value = |i: usize| ((i * 37 + 11) % 64) as f32 / 32.0 - 1.0;
        let data = Dataset {
            inputs: (0..30).map(value).collect(),
            features: 3,
            labels: (0..10).map(|i| (i * i % 4) as u16).collect(),
        };
        let samples = Samples::new(&data, &Normalise::None, 3, 4, compiled.design().activation).unwrap();
        (compiled, samples)
    }

    /// A model that reads one word wrongly once it has executed a number of instructions.
    struct Faulty {
        model: Model,
        address: u32,
        flip: u32,
        /// Instructions that are still right.
        right: u32,
    }

    impl Target for Faulty {
        fn name(&self) -> &str {
            "faulty"
        }

        fn write(&mut self, words: &[(u32, u32)]) -> Result<()> {
            let starts = words.iter().filter(|word| **word == (Register::Control.address(), control::STEP)).count();
            self.right = self.right.saturating_sub(starts as u32);
            self.model.write(words)
        }

        fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()> {
            self.model.read(address, out)?;
            if self.right == 0
                && let Some(word) = self.address.checked_sub(address).and_then(|word| out.get_mut(word as usize))
            {
                *word ^= self.flip;
            }
            Ok(())
        }

        fn wait(&mut self) -> Result<()> {
            self.model.wait()
        }

        fn cycles(&mut self) -> Option<u64> {
            Some(1000 - u64::from(self.right))
        }
    }

    fn model(compiled: &Compiled) -> Box<dyn Target> {
        Box::new(Model::new(compiled.design(), 0).unwrap())
    }

    fn with_fault(address: u32, flip: u32, right: u32) -> VerifyReport {
        let (compiled, samples) = network();
        let faulty = Faulty { model: Model::new(compiled.design(), 0).unwrap(), address, flip, right };
        let mut targets = [model(&compiled), model(&compiled), Box::new(faulty)];
        verify(&mut targets, &compiled, &samples, 4, 1, &mut |_| ()).unwrap()
    }

    #[test]
    fn equal_targets_are_equal_and_train() {
        let (compiled, samples) = network();
        let mut targets = [model(&compiled), model(&compiled)];
        let mut seen = Vec::new();
        let report = verify(&mut targets, &compiled, &samples, 3, 1, &mut |progress| seen.push(progress)).unwrap();
        assert!(report.equal && report.first_difference.is_none());
        // 3 L + 1 instructions; memories are compared once more per step, before the first.
        assert_eq!((report.steps, report.instructions, seen.len()), (3, 21, 24));
        let memories: u32 = Region::ALL[1..].iter().map(|region| region.words(compiled.design())).sum();
        assert_eq!(report.words_compared, 24 * u64::from(memories + 12));

        // Three steps are an epoch of ten samples in batches of four: the weights are those of a training run.
        let settings = Settings { epochs: 1, seed: 1, checkpoint: None };
        let mut other = Model::new(compiled.design(), 0).unwrap();
        let observe = &mut |_: &session::Progress<'_>| ControlFlow::Continue(());
        let trained = session::train(&mut other, &compiled, &samples, &samples, &settings, None, observe).unwrap();
        assert_eq!(report.state_sha256, trained.state_sha256);
    }

    /// A single wrong bit in any memory is found after exactly the instruction that made it.
    #[test]
    fn a_wrong_bit_is_found_wherever_it_is() {
        let (compiled, _) = network();
        for &region in Region::ALL {
            for word in [0, region.words(compiled.design()) - 1] {
                // ID is not compared.
                let word = if region == Region::Registers && word == 0 { Register::Pc.number() } else { word };
                let report = with_fault(map::address(region, word), 1, 9);
                let difference = report.first_difference.unwrap_or_else(|| panic!("{}", region.name()));
                assert!(!report.equal && report.steps == 1 && report.instructions == 8, "{region:?}");
                assert_eq!((difference.step, difference.instruction), (1, Some(1)));
                assert_eq!((difference.memory.as_str(), difference.address), (region.name(), word));
                assert_eq!(difference.expected ^ difference.found, 1);
                assert_eq!((difference.target.as_str(), difference.cycles), ("faulty", Some((999, 1000))));
                assert!(difference.disassembly.starts_with("gemm moving=activation"), "{}", difference.disassembly);
            }
        }
    }

    #[test]
    fn a_difference_before_the_first_instruction_is_told_apart() {
        let report = with_fault(map::address(Region::Label, 2), 4, 0);
        let difference = report.first_difference.unwrap();
        assert_eq!((difference.step, difference.instruction, report.words_compared > 0), (0, None, true));
        assert!(
            difference.to_string().contains("before the first instruction: label word 2 (sample 2)"),
            "{difference}"
        );
    }

    #[test]
    fn the_message_names_the_element() {
        let (compiled, _) = network();
        let weights = &compiled.plan().weight.matrices[1];
        let address = map::address(Region::Weight, weights.word(compiled.plan().banks, 5, 3));
        let difference = with_fault(address, 0x8000, 5).first_difference.unwrap().to_string();
        for part in
            ["step 0, after instruction 4 (gemm", "dest=weight", "weights 2, row 5, column 3", "cycles 999 to 1000"]
        {
            assert!(difference.contains(part), "{part}: {difference}");
        }
    }

    /// A board that has trained is made as it powers up.
    #[test]
    fn a_target_that_has_run_before_is_cleared() {
        let (compiled, samples) = network();
        let mut used = model(&compiled);
        let settings = Settings { epochs: 1, seed: 3, checkpoint: None };
        let observe = &mut |_: &session::Progress<'_>| ControlFlow::Continue(());
        session::train(used.as_mut(), &compiled, &samples, &samples, &settings, None, observe).unwrap();
        let mut targets = [model(&compiled), used];
        assert!(verify(&mut targets, &compiled, &samples, 2, 1, &mut |_| ()).unwrap().equal);
        let [_, mut used] = targets;
        clear(used.as_mut(), compiled.design()).unwrap();
        for &region in &Region::ALL[1..] {
            let mut words = vec![1; region.words(compiled.design()) as usize];
            used.read(map::address(region, 0), &mut words).unwrap();
            assert!(words.iter().all(|&word| word == 0), "{}", region.name());
        }
    }

    /// Time may differ between targets, and registers that are not results.
    #[test]
    fn cycles_and_stalls_are_not_compared() {
        for register in [Register::Cycles, Register::Stall] {
            assert!(with_fault(register.address(), 1, 3).equal);
        }
    }
}
