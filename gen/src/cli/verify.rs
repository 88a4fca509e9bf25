//! `logloom verify`.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::output::{Output, grouped};
use super::progress::bar;
use crate::compare::{Comparison, compare};
use crate::config::{Configuration, Override};
use crate::run::RunData;
use crate::target::Kind;

/// Run the same training steps on several targets and compare every word of every memory after every instruction
#[derive(Args)]
pub struct Arguments {
    /// The configuration
    config: PathBuf,
    /// Training steps
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Two or more targets; the first is the reference
    #[arg(long, value_delimiter = ',', default_values = ["model", "sim", "verilator"])]
    targets: Vec<Kind>,
    /// Seed of weights, order and rounding; instead of training.seed
    #[arg(long)]
    seed: Option<u32>,
    /// Where the wave around a difference goes
    #[arg(long, default_value = "difference.vcd")]
    wave: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let seed = Override::integer("training.seed", "--seed", arguments.seed);
    let configuration = Configuration::load(&arguments.config, seed.as_slice())?;
    let data = RunData::load(&configuration)?;
    let comparison = Comparison {
        targets: &arguments.targets,
        steps: u64::from(arguments.steps),
        faults: &[],
        wave: &arguments.wave,
    };
    let bar = bar("verify  {wide_bar} {pos}/{len} instructions  {eta}");
    let result = compare(&configuration, &data, &comparison, &mut |progress| {
        bar.set_length(progress.steps * u64::from(progress.instructions));
        bar.set_position(progress.step * u64::from(progress.instructions) + u64::from(progress.instruction));
    });
    bar.finish_and_clear();
    let (report, has_wave) = result?;
    let outcome = if report.equal { Outcome::Good } else { Outcome::Failed };
    if arguments.json {
        output.json(&report)?;
        return Ok(outcome);
    }
    output.line(&format!("targets         {}", report.targets.join(", ")))?;
    output.line(&format!("steps           {}", report.steps))?;
    output.line(&format!("instructions    {}", grouped(report.instructions)))?;
    output.line(&format!("words compared  {}", grouped(report.words_compared)))?;
    output.line(&format!("state           {}", report.state_sha256))?;
    match &report.first_difference {
        None => output.line("equal in every word")?,
        Some(difference) => output.line(&format!("DIFFERENT: {difference}"))?,
    }
    if has_wave {
        output.line(&format!("wave            {}", arguments.wave.display()))?;
    }
    Ok(outcome)
}
