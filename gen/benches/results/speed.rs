//! Speed of model, simulation and tools.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use logloom::build::{Options, build, kept};
use logloom::compile::{Compiled, Mode, cycles};
use logloom::config::Configuration;
use logloom::emit;
use logloom::run::RunData;
use logloom::target::{Kind, open};
use logloom::train::driver::{Driver, rounding_seed};
use logloom_hdl::arith::mitchell;
use logloom_hdl::design::Design;
use logloom_sim::model::Model;
use logloom_sim::target::Target;

use super::{spread, with_arithmetic};

/// Repetitions of a timing; median and range are printed.
const REPETITIONS: usize = 5;

/// Steps of training per second, and the cycles of a step.
fn steps_per_second(
    target: &mut dyn Target,
    compiled: &Compiled,
    samples: &RunData,
    steps: u64,
) -> Result<(Vec<f64>, u64)> {
    let mut driver = Driver::new(target, compiled)?;
    let batch: Vec<u32> = (0..compiled.task().batch).collect();
    let mut rates = Vec::new();
    let mut clocks = 0;
    for _ in 0..REPETITIONS {
        let before = driver.target().cycles().unwrap_or(0);
        let start = Instant::now();
        for step in 0..steps {
            driver.load_samples(&samples.training, &batch, 0)?;
            driver.run(Mode::Train { halvings: 0 }, batch.len() as u32, rounding_seed(0, step))?;
        }
        rates.push(steps as f64 / start.elapsed().as_secs_f64());
        clocks = (driver.target().cycles().unwrap_or(0) - before) / steps;
    }
    Ok((rates, clocks))
}

/// How many times longer a step on the model takes with the table of a guest than with logarithms of as many bits.
fn guest_against_mitchell(examples: &Path) -> Result<Vec<f64>> {
    let exact = Configuration::load(&examples.join("exact8.toml"), &[])?;
    let samples = RunData::load(&exact)?;
    let guest = Configuration::load_guest(&examples.join("guest.toml"), true)?;
    let mitchell = mitchell::FAMILY.parse("operand_bits=8")?;
    let [guest, mitchell] = [Arc::new(guest) as _, mitchell].map(|arithmetic| -> Result<Vec<f64>> {
        let compiled = with_arithmetic(&exact.compiled, arithmetic)?;
        let mut model = Model::new(compiled.design(), 0)?;
        Ok(steps_per_second(&mut model, &compiled, &samples, 2000)?.0)
    });
    Ok(guest?.iter().zip(mitchell?).map(|(guest, mitchell)| mitchell / guest).collect())
}

/// From the configuration to the bitstream, with one placement: all seconds, and those of synthesis and of placing and routing.
fn build_of_digits(examples: &Path) -> Result<[f64; 3]> {
    const PRESET: &str = "digits-hx8k";
    let path = examples.join(format!("{PRESET}.toml"));
    let preset = kept::select(&[PRESET.to_owned()])?.remove(0);
    let configuration = Configuration::load(&path, &[])?;
    let config = std::fs::read_to_string(&path)?;
    let folder = tempfile::tempdir_in("target")?;
    let start = Instant::now();
    let options = Options {
        board: &preset.board,
        clock_mhz: configuration.build.clock_mhz,
        seeds: 1,
        folder: folder.path(),
        progress: &|line| eprintln!("{PRESET}: {line}"),
    };
    let timings = build(&configuration, &config, &options)?.timings;
    let all = start.elapsed().as_secs_f64();
    let of = |word: &str| {
        timings.iter().find(|took| took.step.contains(word)).map(|took| took.seconds).context(word.to_owned())
    };
    Ok([all, of("synthesise")?, of("route")?])
}

pub fn write(page: &mut String, examples: &Path, digits: &Configuration, samples: &RunData) -> Result<()> {
    eprintln!("speed");
    let measured =
        |kind: Kind, steps| steps_per_second(open(&kind, digits)?.as_mut(), &digits.compiled, samples, steps);
    let (simulated, clocks) = measured(Kind::Sim, 10)?;
    let (modelled, _) = measured(Kind::Model, 2000)?;
    let rate = |rates: &[f64]| rates.iter().map(|r| r * clocks as f64).collect::<Vec<_>>();
    let ratio = modelled.iter().zip(&simulated).map(|(m, s)| m / s).collect::<Vec<_>>();
    let guest = guest_against_mitchell(examples)?;
    let program = digits.compiled.program(Mode::Train { halvings: 0 }, digits.compiled.task().batch)?;
    let large = Design { rows: 16, columns: 16, ..digits.compiled.design().clone() };
    let emitted = (0..REPETITIONS)
        .map(|_| {
            let start = Instant::now();
            emit::accelerator(&large, "")?;
            Ok(start.elapsed().as_secs_f64() * 1000.0)
        })
        .collect::<Result<Vec<_>>>()?;
    let [built, synthesised, routed] = build_of_digits(examples)?;
    writeln!(
        page,
        "\n## Speed\n\nMedian and range of {REPETITIONS} repetitions on one thread; the machine is whatever ran `make bench`.\n\n\
         | | |\n|---|---|\n\
         | clock cycles of a training step of `digits`, on chip | {} |\n\
         | the same with the host's transfers, simulated | {clocks} |\n\
         | built-in simulation, cycles/s | {} |\n\
         | model, equivalent cycles/s | {} |\n\
         | model against simulation | {} |\n\
         | a training step on the model with the table of a guest against `mitchell`, 8 bits | {} |\n\
         | elaborating and printing a 16 x 16 accelerator, ms | {} |\n\
         | `logloom build` of `digits-hx8k`, one placement, once, s | {built:.0} (synthesis {synthesised:.0}, place and route {routed:.0}) |",
        cycles::program_cycles(&program, digits.compiled.design()),
        spread(rate(&simulated), 0),
        spread(rate(&modelled), 0),
        spread(ratio, 0),
        spread(guest, 2),
        spread(emitted, 1),
    )?;
    Ok(())
}
