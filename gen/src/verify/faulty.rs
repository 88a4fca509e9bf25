//! For tests: a network of three layers, and a target that goes wrong at a chosen place of its training.

use anyhow::Result;
use logloom_hdl::host::map::{Region, address as word_of};
use logloom_hdl::host::map::{Register, control, status};
use logloom_sim::model::Model;
use logloom_sim::target::Target;

use super::Run;
use crate::compile::Compiled;
use crate::compile::fixture::{compiled, mitchell};
use crate::data::{Dataset, Normalise};
use crate::train::weights::Samples;

/// Ten samples in batches of four: three steps are an epoch.
pub fn network() -> (Compiled, Samples) {
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

pub fn run<'a>(compiled: &'a Compiled, training: &'a Samples) -> Run<'a> {
    Run { compiled, training, seed: 1 }
}

pub fn model(compiled: &Compiled) -> Box<dyn Target> {
    Box::new(Model::new(compiled.design(), 0).unwrap())
}

/// What goes wrong from some moment on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The word reads wrongly.
    Reads,
    /// The word (which the host can write) is changed once, at that moment.
    Changes,
    /// The same, but only while instructions follow each other without a pause.
    ChangesUnpaused,
}

/// A defect: from step `step` on, once `executed` of its instructions have been, `flip` is wrong in the word at `address`.
#[derive(Clone, Copy)]
pub struct Fault {
    pub kind: Kind,
    pub step: u64,
    pub executed: u32,
    pub address: u32,
    pub flip: u32,
    /// The runs from the initial weights, from 0, in which it is there.
    pub in_runs: fn(u64) -> bool,
}

/// A model with a defect.
pub struct Faulty {
    model: Model,
    fault: Fault,
    /// Steps begun since the weights were loaded, and instructions of the last one that were executed.
    at: (u64, u32),
    /// How often weights were loaded: once to clear them, once with those of the run.
    loads: u64,
    /// Instructions since power-up.
    clock: u64,
}

impl Faulty {
    pub fn new(compiled: &Compiled, fault: Fault) -> Self {
        Faulty { model: Model::new(compiled.design(), 0).unwrap(), fault, at: (0, 0), loads: 0, clock: 0 }
    }

    fn is_there(&self) -> bool {
        self.at >= (self.fault.step + 1, self.fault.executed) && (self.fault.in_runs)(self.loads.saturating_sub(1) / 2)
    }

    fn change_at_its_moment(&mut self, paused: bool) -> Result<()> {
        let Fault { kind, step, executed, address, flip, .. } = self.fault;
        let changes = kind == Kind::Changes || kind == Kind::ChangesUnpaused && !paused;
        if changes && self.at == (step + 1, executed) && self.is_there() {
            let mut word = [0];
            self.model.read(address, &mut word)?;
            self.model.write(&[(address, word[0] ^ flip)])?;
        }
        Ok(())
    }

    fn instruction(&mut self, paused: bool) -> Result<()> {
        self.model.write(&[(Register::Control.address(), control::STEP)])?;
        self.model.wait()?;
        self.at.1 += 1;
        self.clock += 1;
        self.change_at_its_moment(paused)
    }
}

impl Target for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn write(&mut self, words: &[(u32, u32)]) -> Result<()> {
        for &word in words {
            if word == (Register::Control.address(), control::STEP) {
                self.instruction(true)?;
            } else if word == (Register::Control.address(), control::RUN) {
                let mut status = [0];
                while status[0] & (status::HALTED | status::ERROR) == 0 {
                    self.instruction(false)?;
                    self.model.read(Register::Status.address(), &mut status)?;
                }
            } else {
                self.model.write(&[word])?;
                if word == (Register::Control.address(), control::CLEAR) {
                    self.at = (self.at.0 + 1, 0);
                    self.change_at_its_moment(true)?;
                }
                if word.0 == word_of(Region::Weight, 0) {
                    self.at = (0, 0);
                    self.loads += 1;
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()> {
        self.model.read(address, out)?;
        if self.fault.kind == Kind::Reads
            && self.is_there()
            && let Some(word) = self.fault.address.checked_sub(address).and_then(|word| out.get_mut(word as usize))
        {
            *word ^= self.fault.flip;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        self.model.wait()
    }

    fn cycles(&mut self) -> Option<u64> {
        Some(self.clock)
    }
}
