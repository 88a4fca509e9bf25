//! An accelerator behind a bus, as a target: one word at a time, as a processor reaches it.
use crate::small::{design, logarithmic};
use anyhow::{Result, ensure};
use logloom_hdl::host::map::{Region, Register, address, status};
use logloom_sim::model::Model;
use logloom_sim::target::Target;

/// A master whose every access the accelerator carries out.
pub trait Master {
    fn write(&mut self, address: u32, data: u32);
    fn read(&mut self, address: u32) -> u32;
    fn cycle(&self) -> u64;
}

pub struct Bus<M>(pub M);

impl<M: Master> Target for Bus<M> {
    fn name(&self) -> &str {
        "bus"
    }

    fn write(&mut self, words: &[(u32, u32)]) -> Result<()> {
        words.iter().for_each(|&(address, data)| self.0.write(address, data));
        Ok(())
    }

    fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()> {
        (address..).zip(out).for_each(|(address, out)| *out = self.0.read(address));
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let since = self.0.cycle();
        while self.0.read(Register::Status.address()) & status::RUNNING != 0 {
            ensure!(self.0.cycle() - since < 1_000_000, "the accelerator is still running");
        }
        Ok(())
    }

    fn cycles(&mut self) -> Option<u64> {
        Some(self.0.cycle())
    }
}

/// Whether every access that the host port refuses leaves the same error behind the target as in the model, and reads as 0.
pub fn refusals(target: &mut dyn Target, digest: u32) {
    let design = design(logarithmic());
    let mut model = Model::new(&design, digest).unwrap();
    let ends = Region::ALL.iter().map(|&region| address(region, region.words(&design)));
    let beginnings = Region::ALL.iter().map(|&region| address(region, 0));
    for word in ends.chain(beginnings).chain([0xF0_0000, 0xFF_FFFF]) {
        for target in [&mut model as &mut dyn Target, &mut *target] {
            target.write(&[(Register::Error.address(), 0)]).unwrap();
        }
        let mut after = |write: bool| {
            [&mut model as &mut dyn Target, &mut *target].map(|target| {
                let mut words = [0; 2];
                match write {
                    true => target.write(&[(word, 1)]).unwrap(),
                    false => target.read(word, &mut words[..1]).unwrap(),
                }
                target.read(Register::Error.address(), &mut words[1..]).unwrap();
                words
            })
        };
        let [expected, found] = after(false);
        assert_eq!(found, expected, "read of {word:#x}");
        let [expected, found] = after(true);
        assert_eq!(found[1], expected[1], "write to {word:#x}");
    }
}
