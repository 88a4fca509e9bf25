//! `logloom train`.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::Outcome;
use super::output::{Output, grouped, percent};
use super::progress::bar;
use crate::config::{Configuration, Override};
use crate::run::{RunData, RunFolder, run};
use crate::target::{self, Kind};

/// Train the network on a target
#[derive(Args)]
pub struct Arguments {
    /// The configuration
    config: PathBuf,
    /// What runs the programs
    #[arg(long, default_value = "model")]
    target: Kind,
    /// Epochs of the whole run; instead of training.epochs
    #[arg(long)]
    epochs: Option<u32>,
    /// Seed of weights, order and rounding; instead of training.seed
    #[arg(long)]
    seed: Option<u32>,
    /// Folder for checkpoint and learning curve [default: runs/NAME]
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Go on from the checkpoint in the folder
    #[arg(long)]
    resume: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    target: String,
    epochs: u32,
    seed: u32,
    test_accuracy: f64,
    train_accuracy: f64,
    /// Mean of the last epoch, nats.
    loss: f64,
    steps: u64,
    /// Clock cycles of the steps; null on a target without a clock.
    cycles: Option<u64>,
    state_sha256: String,
}

pub fn run_verb(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let epochs = Override::integer("training.epochs", "--epochs", arguments.epochs);
    let seed = Override::integer("training.seed", "--seed", arguments.seed);
    let overrides: Vec<Override> = epochs.into_iter().chain(seed).collect();
    let configuration = Configuration::load(&arguments.config, &overrides)?;
    let name = &configuration.design().name;
    let folder = RunFolder::new(arguments.output.clone().unwrap_or_else(|| PathBuf::from("runs").join(name)));
    folder.check()?;
    let data = RunData::load(&configuration)?;
    let mut target = target::open(&arguments.target, &configuration)?;

    let bar = bar("{msg}  {wide_bar} {pos}/{len} steps  {eta}");
    let mut saved = None;
    let result = run(&configuration, &data, target.as_mut(), &folder, arguments.resume, &mut |progress| {
        // In the report of a completed epoch, `step` still counts its steps.
        let before = progress.epoch - u32::from(progress.record.is_some());
        bar.set_length(u64::from(progress.epochs) * u64::from(progress.steps));
        bar.set_position(u64::from(before) * u64::from(progress.steps) + u64::from(progress.step));
        if let Some(record) = progress.record {
            saved = Some(record.epoch);
            bar.set_message(format!(
                "epoch {:3}  loss {:.4}  test {}",
                record.epoch,
                record.loss,
                percent(record.test_accuracy)
            ));
        }
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let result = match saved {
        // Nothing of what is done is lost, whatever went wrong.
        Some(epoch) => {
            result.with_context(|| format!("stopped after epoch {epoch}; go on from there with --resume"))?
        }
        None => result?,
    };

    let training = &configuration.training;
    if arguments.json {
        output.json(&Report {
            target: arguments.target.to_string(),
            epochs: training.epochs,
            seed: training.seed,
            test_accuracy: result.test_accuracy,
            train_accuracy: result.train_accuracy,
            loss: result.loss,
            steps: result.steps,
            cycles: result.cycles,
            state_sha256: result.state_sha256,
        })?;
        return Ok(Outcome::Good);
    }
    output.line(&format!("test accuracy   {}", percent(result.test_accuracy)))?;
    output.line(&format!("train accuracy  {}", percent(result.train_accuracy)))?;
    output.line(&format!("loss            {:.4} nats", result.loss))?;
    output.line(&format!("steps           {}", grouped(result.steps)))?;
    if let Some(cycles) = result.cycles {
        output.line(&format!("cycles          {}", grouped(cycles)))?;
    }
    output.line(&format!("state           {}", result.state_sha256))?;
    output.line(&format!("learning curve  {}", folder.picture().display()))?;
    output.line(&format!("checkpoint      {}", folder.checkpoint().display()))?;
    Ok(Outcome::Good)
}
