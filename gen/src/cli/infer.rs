//! `logloom infer`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::Outcome;
use super::output::Output;
use crate::config::Configuration;
use crate::data;
use crate::target::{self, Kind};
use crate::train::checkpoint::Checkpoint;
use crate::train::session::predict;
use crate::train::weights::Samples;

/// Classify a data file with the weights of a checkpoint; CSV on stdout
#[derive(Args)]
pub struct Arguments {
    /// The configuration
    config: PathBuf,
    /// Weights that `logloom train` wrote
    #[arg(long)]
    checkpoint: PathBuf,
    /// The samples: .csv with or without labels, .npz, or IDX; labels in it are not looked at
    #[arg(long)]
    data: PathBuf,
    /// What runs the programs
    #[arg(long, default_value = "model")]
    target: Kind,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let configuration = Configuration::load(&arguments.config, &[])?;
    let compiled = &configuration.compiled;
    let inputs = data::load_inputs(&arguments.data, compiled.inputs())?;
    let activation = compiled.design().activation;
    let samples = Samples::unlabelled(&inputs, &configuration.data.normalise, compiled.inputs(), activation)
        .with_context(|| arguments.data.display().to_string())?;
    let checkpoint = Checkpoint::load(&arguments.checkpoint)?;
    let mut target = target::open(&arguments.target, &configuration)?;
    let predictions = predict(target.as_mut(), compiled, &checkpoint, &samples)
        .with_context(|| arguments.checkpoint.display().to_string())?;
    output.line("sample,class,probability")?;
    for (sample, prediction) in predictions.iter().enumerate() {
        output.line(&format!("{sample},{},{:.4}", prediction.class, prediction.probability))?;
    }
    Ok(Outcome::Good)
}
