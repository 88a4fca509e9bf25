//! `logloom gen`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::Outcome;
use super::output::Output;
use crate::compile::Mode;
use crate::config::Configuration;
use crate::emit;
use crate::run::RunData;

/// Write the Verilog, the program, and a testbench that stands alone
#[derive(Args)]
pub struct Arguments {
    /// The configuration
    config: PathBuf,
    /// The folder; absent, empty, or generated before
    #[arg(short, long)]
    output: PathBuf,
    /// Training steps that the testbench replays and checks
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    steps: u32,
    /// Print the disassembled training program as well
    #[arg(long)]
    listing: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let configuration = Configuration::load(&arguments.config, &[])?;
    let data = RunData::load(&configuration)?;
    let compiled = &configuration.compiled;
    let text = std::fs::read_to_string(&arguments.config).with_context(|| arguments.config.display().to_string())?;

    let mut plan = emit::linked(compiled.design(), &text, configuration.link)?;
    emit::program(&mut plan, &compiled.program(Mode::Train { halvings: 0 }, compiled.task().batch)?);
    let seed = configuration.training.seed.into();
    emit::testbench(&mut plan, &emit::record_training(compiled, &data.training, seed, arguments.steps.into())?);
    let written = plan.write(&arguments.output)?;

    if arguments.listing {
        let listing = plan.get("listing.txt").context("the plan has a listing")?;
        output.text(&String::from_utf8_lossy(listing))?;
    }
    if arguments.json {
        output.json(&plan.contents())?;
        return Ok(Outcome::Good);
    }
    output.written(&arguments.output, &plan, &written, "runs the testbench under Verilator")?;
    Ok(Outcome::Good)
}
