//! `logloom bisect`.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::output::Output;
use super::progress::bar;
use crate::compare::search;
use crate::config::{Configuration, Override};
use crate::run::RunData;
use crate::target::Kind;
use crate::verify::Finding;

/// Find the first instruction and word in which two targets part, with few comparisons: for a board at a serial port
#[derive(Args)]
pub struct Arguments {
    /// The configuration
    config: PathBuf,
    /// The target to be searched
    #[arg(long)]
    target: Kind,
    /// The target that it should be like
    #[arg(long, default_value = "model")]
    against: Kind,
    /// Training steps
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Seed of weights, order and rounding; instead of training.seed
    #[arg(long)]
    seed: Option<u32>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let seed = Override::integer("training.seed", "--seed", arguments.seed);
    let configuration = Configuration::load(&arguments.config, seed.as_slice())?;
    let data = RunData::load(&configuration)?;
    let bar = bar("bisect  {wide_bar} {pos} of at most {len} comparisons  {msg}");
    let targets = [&arguments.against, &arguments.target];
    let result = search(&configuration, &data, targets, arguments.steps.into(), &mut |progress| {
        bar.set_length(progress.most_comparisons);
        bar.set_position(progress.comparisons);
        bar.set_message(format!("step {} of {}", progress.step, progress.steps));
    });
    bar.finish_and_clear();
    let report = result?;
    let outcome = if report.finding == Finding::Equal { Outcome::Good } else { Outcome::Failed };
    if arguments.json {
        output.json(&report)?;
        return Ok(outcome);
    }
    output.line(&format!("targets      {}", report.targets.join(", ")))?;
    output.line(&format!("steps        {}", report.steps))?;
    output.line(&format!("runs         {}", report.runs))?;
    output.line(&format!("comparisons  {}", report.comparisons))?;
    output.line(&report.verdict())?;
    Ok(outcome)
}
