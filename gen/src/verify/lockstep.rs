//! One training run on several targets at once.

use anyhow::{Context, Result};
use logloom_hdl::control::isa::{self, Dest, Gemm, Instruction, Passes, Softmax};
use logloom_hdl::design::Design;
use logloom_hdl::host::map::{self, Region, Register, control};
use logloom_sim::target::Target;

use super::difference::State;
use crate::compile::{Compiled, Mode};
use crate::data::epoch_order;
use crate::train::driver::{Driver, rounding_seed, sample_seed, weight_seed};
use crate::train::weights::{Samples, quantised_weights};

/// The run of training that targets are compared in: the one that `seed` gives.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub compiled: &'a Compiled,
    pub training: &'a Samples,
    pub seed: u64,
}

impl<'a> Run<'a> {
    /// Makes the targets as they power up, unless they are, and loads the initial weights.
    ///
    /// # Errors
    /// If a target fails, or has another geometry.
    pub(super) fn start<'t>(&self, targets: &'t mut [Box<dyn Target>]) -> Result<Lockstep<'t>>
    where
        'a: 't,
    {
        self.prepare(targets, |target, design| match is_clear(target, design)? {
            true => Ok(()),
            false => clear(target, design),
        })
    }

    /// The same for targets that are known to have run. It writes all memories, and reads none.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(super) fn restart<'t>(&self, targets: &'t mut [Box<dyn Target>]) -> Result<Lockstep<'t>>
    where
        'a: 't,
    {
        self.prepare(targets, clear)
    }

    /// The program of a step.
    ///
    /// # Errors
    /// None, for a step of the run.
    pub(super) fn instructions(&self, step: u64) -> Result<Vec<Instruction>> {
        let (mode, samples) = self.batch(step);
        Ok(self.compiled.program(mode, samples.len() as u32)?)
    }

    /// What a step runs, and its samples.
    fn batch(&self, step: u64) -> (Mode, Vec<u32>) {
        let Run { compiled, training, seed } = *self;
        let batch = compiled.task().batch as usize;
        let per_epoch = training.len().div_ceil(batch) as u64;
        let (epoch, within) = (step / per_epoch, step % per_epoch);
        let order = epoch_order(training.len(), seed, epoch);
        let indices = order.chunks(batch).nth(within as usize).expect("a step within the epoch");
        (compiled.task().training(epoch), indices.to_vec())
    }

    fn prepare<'t>(
        &self,
        targets: &'t mut [Box<dyn Target>],
        clear: fn(&mut dyn Target, &Design) -> Result<()>,
    ) -> Result<Lockstep<'t>>
    where
        'a: 't,
    {
        let weights = quantised_weights(self.compiled.task(), self.seed, self.compiled.design().weight);
        let mut drivers = Vec::with_capacity(targets.len());
        for target in targets {
            let name = target.name().to_string();
            clear(target.as_mut(), self.compiled.design()).with_context(|| name.clone())?;
            let mut driver = Driver::new(target.as_mut(), self.compiled)?;
            driver.load_weights(&weights, weight_seed(self.seed)).with_context(|| name)?;
            drivers.push(driver);
        }
        Ok(Lockstep { run: *self, drivers })
    }
}

/// Targets that run the same, and are halted together.
pub(super) struct Lockstep<'a> {
    run: Run<'a>,
    drivers: Vec<Driver<'a>>,
}

/// A clock before and after an instruction, where a target has one.
pub(super) type Cycles = Option<(u64, u64)>;

impl<'a> Lockstep<'a> {
    /// Loads what a step needs: samples, program, registers. Gives its instructions.
    pub fn begin(&mut self, step: u64) -> Result<Vec<Instruction>> {
        let Run { training, seed, .. } = self.run;
        let (mode, indices) = self.run.batch(step);
        let mut instructions = Vec::new();
        self.each(|driver| {
            driver.load_samples(training, &indices, sample_seed(seed, step))?;
            (_, instructions) = driver.begin(mode, indices.len() as u32, rounding_seed(seed, step))?;
            Ok(())
        })?;
        Ok(instructions)
    }

    /// Runs one instruction.
    pub fn advance(&mut self) -> Result<Vec<Cycles>> {
        self.timed(Driver::step)
    }

    /// Runs the rest of the step without a pause between its instructions.
    pub fn finish(&mut self) -> Result<Vec<Cycles>> {
        self.timed(Driver::finish)
    }

    /// What [`advance`](Self::advance) gives, before the first instruction.
    pub fn clocks(&mut self) -> Vec<Cycles> {
        self.drivers.iter_mut().map(|driver| driver.target().cycles().map(|now| (now, now))).collect()
    }

    fn timed(&mut self, work: fn(&mut Driver<'a>) -> Result<()>) -> Result<Vec<Cycles>> {
        let mut clocks = Vec::with_capacity(self.drivers.len());
        self.each(|driver| {
            let start = driver.target().cycles();
            work(driver)?;
            clocks.push(start.zip(driver.target().cycles()));
            Ok(())
        })?;
        Ok(clocks)
    }

    /// Reads all words of each target into its state.
    pub fn read(&mut self, states: &mut [State]) -> Result<()> {
        self.drivers.iter_mut().zip(states).try_for_each(|(driver, state)| state.read(driver.target()))
    }

    /// Checks that the reference has not stopped with an error.
    pub fn check(&mut self) -> Result<()> {
        self.reference().check()
    }

    pub fn reference(&mut self) -> &mut Driver<'a> {
        &mut self.drivers[0]
    }

    fn each(&mut self, mut work: impl FnMut(&mut Driver<'a>) -> Result<()>) -> Result<()> {
        self.drivers.iter_mut().try_for_each(|driver| work(driver).with_context(|| driver.target().name().to_string()))
    }
}

/// Whether a target is as it powers up: all memories 0, and never started.
fn is_clear(target: &mut dyn Target, design: &Design) -> Result<bool> {
    let mut status = [0];
    target.read(Register::Status.address(), &mut status)?;
    let mut clear = status == [0];
    for &region in &Region::ALL[1..] {
        let mut words = vec![0; region.words(design) as usize];
        target.read(map::address(region, 0), &mut words)?;
        clear &= words.iter().all(|&word| word == 0);
    }
    Ok(clear)
}

/// Makes a target as it powers up.
pub(super) fn clear(target: &mut dyn Target, design: &Design) -> Result<()> {
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
