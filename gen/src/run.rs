//! A configuration's training run: its samples, and the folder that it leaves.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use logloom_sim::target::Target;

use crate::config::{Configuration, Test};
use crate::data::{self, Dataset, Source};
use crate::files::{self, WriteError};
use crate::train::checkpoint::Checkpoint;
use crate::train::curve;
use crate::train::session::{self, Progress, Settings, TrainResult};
use crate::train::weights::{Samples, SamplesError};

/// The samples of a configuration, as operands of its design.
#[derive(Clone, Debug)]
pub struct RunData {
    pub training: Samples,
    pub test: Samples,
}

impl RunData {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// A file cannot be read, is damaged, or does not suit the network; each with the key that named it.
    pub fn load(configuration: &Configuration) -> Result<Self> {
        let load = |key, source: &Source| data::load(source).with_context(|| configuration.place(key));
        let samples = |key, data: &Dataset| quantise(configuration, data).with_context(|| configuration.place(key));
        let train = load("data.train", &configuration.data.train)?;
        match &configuration.data.test {
            Test::Source(source) => {
                let test = load("data.test", source)?;
                Ok(RunData { training: samples("data.train", &train)?, test: samples("data.test", &test)? })
            }
            Test::HeldBack { fraction, seed } => {
                // Before the split, so that a complaint counts the samples as the file does.
                samples("data.train", &train)?;
                let key = "data.test_fraction";
                let split =
                    data::split(&train, *fraction, u64::from(*seed), true).with_context(|| configuration.place(key))?;
                Ok(RunData {
                    training: samples("data.train", &split.train)?,
                    test: samples("data.train", &split.test)?,
                })
            }
        }
    }
}

fn quantise(configuration: &Configuration, data: &Dataset) -> Result<Samples, SamplesError> {
    let compiled = &configuration.compiled;
    let activation = compiled.design().activation;
    Samples::new(data, &configuration.data.normalise, compiled.inputs(), compiled.classes(), activation)
}

/// The folder of a run.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The folder itself is made when something is written.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        RunFolder(path.into())
    }

    /// Weights after the last complete epoch, and what is needed to go on.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint.safetensors")
    }

    /// The learning curve as a table.
    pub fn table(&self) -> PathBuf {
        self.0.join("curve.csv")
    }

    /// The learning curve as a picture.
    pub fn picture(&self) -> PathBuf {
        self.0.join("curve.svg")
    }

    /// Whether a run may leave its files here: to be asked before hours of work.
    ///
    /// # Errors
    /// One of them is there and was not written by Logloom.
    pub fn check(&self) -> Result<(), WriteError> {
        files::check(&self.checkpoint(), Checkpoint::is_one)?;
        files::check(&self.table(), curve::is_csv)?;
        files::check(&self.picture(), curve::is_svg)
    }
}

/// Trains as the configuration says; leaves checkpoint and learning curve in the folder. With `resume`, goes on from the
/// folder's checkpoint.
///
/// # Errors
/// As [`session::train`]; or a file cannot be read or written, or was not written by Logloom.
pub fn run(
    configuration: &Configuration,
    data: &RunData,
    target: &mut dyn Target,
    folder: &RunFolder,
    resume: bool,
    observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<TrainResult> {
    let path = folder.checkpoint();
    let resumed = if resume { Some(Checkpoint::load(&path)?) } else { None };
    make(&folder.0)?;
    let settings = Settings {
        epochs: configuration.training.epochs,
        seed: u64::from(configuration.training.seed),
        checkpoint: Some(path.clone()),
    };
    let RunData { training, test } = data;
    let result = session::train(target, &configuration.compiled, training, test, &settings, resumed.as_ref(), observe);
    // A checkpoint's errors name no file.
    let result = if resume { result.with_context(|| path.display().to_string())? } else { result? };
    curve::write_csv(&folder.table(), &result.records)?;
    let name = &configuration.design().name;
    curve::write_svg(&folder.picture(), name, &result.records)?;
    Ok(result)
}

fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .map_err(|error| anyhow!("{}: cannot be made: {error}; choose another folder with -o", folder.display()))
}
