//! What a configuration says, validated.

use std::path::PathBuf;

use logloom_hdl::control::isa::Rounding;
use logloom_hdl::design::Design;

use super::origin::Origin;
use super::written::Value;
use crate::compile::Compiled;
use crate::data::{Normalise, Source};
use crate::emit::Link;

/// A validated configuration: every part of Logloom may rely on it.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// The network, made ready for the design (whose name is the configuration's).
    pub compiled: Compiled,
    pub training: Training,
    pub data: Data,
    pub link: Link,
    pub build: Build,
    /// Every value with its origin, derived ones included, in the order of the key table.
    pub settings: Vec<Setting>,
}

/// How the network is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Training {
    /// Samples per step.
    pub batch: u32,
    /// The learning rate is 2^-shift; the mean over the batch divides by the next power of two >= batch.
    pub learning_rate_shift: u32,
    /// How an update is rounded to the grid of the master weight.
    pub rounding: Rounding,
    pub epochs: u32,
    /// Of initial weights, the order of samples, and the rounding generators.
    pub seed: u32,
}

/// How the accelerator is built for a board.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Build {
    /// MHz; none for the clock that the board has.
    pub clock_mhz: Option<f64>,
}

/// Which samples train and which test.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    pub train: Source,
    pub test: Test,
    /// Stored values to network inputs.
    pub normalise: Normalise,
}

/// Where the test samples come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Files of their own.
    Source(Source),
    /// A part of the training file, stratified by class: strictly between 0 and 1, chosen by the seed.
    HeldBack { fraction: f64, seed: u32 },
}

/// One value of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// `section.key`.
    pub key: &'static str,
    pub value: Value,
    pub origin: Origin,
}

impl Configuration {
    /// The hardware.
    pub fn design(&self) -> &Design {
        self.compiled.design()
    }

    /// File, line and key of a value, as errors begin: `x.toml:12: data.train`.
    pub fn place(&self, key: &str) -> String {
        match self.settings.iter().find(|setting| setting.key == key).map(|setting| &setting.origin) {
            Some(origin @ (Origin::File { .. } | Origin::Option(_))) => format!("{origin}: {key}"),
            _ => format!("{}: {key}", self.path.display()),
        }
    }

    /// The values as nested tables, as they would stand in a file without a preset.
    pub fn merged(&self) -> serde_json::Value {
        let mut merged = serde_json::Map::new();
        for Setting { key, value, .. } in &self.settings {
            let value = serde_json::json!(value);
            match key.split_once('.') {
                None => {
                    merged.insert((*key).to_string(), value);
                }
                Some((section, short)) => {
                    let table = merged.entry(section).or_insert_with(|| serde_json::json!({}));
                    table[short] = value;
                }
            }
        }
        merged.into()
    }
}
