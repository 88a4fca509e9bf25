//! Second stage: what the values amount to. Every rule that needs more than one key is here.

mod data;
mod guest;
mod hardware;
mod memories;

use std::path::Path;

use logloom_hdl::arith::guest::Guest;
use logloom_hdl::control::isa::Rounding;

use super::configuration::{Build, Configuration, Setting, Training};
use super::error::{ConfigError, ConfigErrors};
use super::keys::KEYS;
use super::origin::Origin;
use super::written::{self, Entry, Override, Value, Written};
use crate::compile::{CompileError, Compiled, Task};
use crate::emit::Link;
use crate::guest::Inspected;

impl Configuration {
    /// Reads and validates the file at `path`; `overrides` replace what it says.
    ///
    /// # Errors
    /// All problems that one stage finds, each with file, line and key.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Self, ConfigErrors> {
        Meaning::new(path, written::read(path, overrides)?).configuration()
    }

    /// The multiplier of the user's own that the file at `path` describes, whatever may be wrong with the rest.
    /// Unless it must be `legal`, it may break the law that products with 0 are 0.
    ///
    /// # Errors
    /// As [`load`](Self::load), as far as it concerns the multiplier.
    pub fn load_guest(path: &Path, legal: bool) -> Result<Guest, ConfigErrors> {
        Meaning::new(path, written::read(path, &[])?).guest_alone(legal)
    }
}

/// The values while their meaning is worked out.
struct Meaning<'a> {
    path: &'a Path,
    written: Written,
    errors: Vec<ConfigError>,
    guest: Option<Inspected>,
}

impl<'a> Meaning<'a> {
    fn new(path: &'a Path, written: Written) -> Self {
        Meaning { path, written, errors: Vec::new(), guest: None }
    }

    fn configuration(mut self) -> Result<Configuration, ConfigErrors> {
        let name = self.name();
        let layers = match self.value("network.layers") {
            Some(Value::Integers(layers)) => layers.clone(),
            _ => Vec::new(),
        };
        let training = self.training();
        let weight_scales = self.weight_scales(layers.len().saturating_sub(1));
        let data = self.data();
        let link = self.link();
        let design = self.design(name, &layers, training.batch);
        let (Some(data), Some(design)) = (data, design) else {
            return Err(ConfigErrors(self.errors));
        };
        if !self.errors.is_empty() {
            return Err(ConfigErrors(self.errors));
        }
        let task = Task {
            network: layers.clone(),
            batch: training.batch,
            learning_rate_shift: training.learning_rate_shift,
            milestones: self.milestones(),
            rounding: training.rounding,
            weight_scales,
        };
        let compiled = match Compiled::new(&task, &design) {
            Ok(compiled) => compiled,
            Err(error) => return Err(self.refused(&error)),
        };
        let build = Build { clock_mhz: self.real("build.clock_mhz") };
        let settings = KEYS.iter().filter_map(|key| {
            let Entry { value, origin } = self.written.remove(key.name)?;
            Some(Setting { key: key.name, value, origin })
        });
        let settings = settings.collect();
        Ok(Configuration { path: self.path.to_path_buf(), compiled, training, data, link, build, settings })
    }

    fn link(&mut self) -> Link {
        let link = match self.text("link.kind") {
            Some("spi") => Link::Spi,
            Some("wishbone") => Link::Wishbone,
            Some("axi") => Link::Axi,
            _ => return Link::Uart { baud: self.given("link.baud") },
        };
        if self.is_own("link.baud") {
            self.conflict(
                &["link.baud"],
                format!("only a UART has a baud, and link.kind is \"{}\"", self.text("link.kind").unwrap_or_default()),
                "remove it, or choose link.kind = \"uart\"",
            );
        }
        // Nor has it the default.
        self.written.remove("link.baud");
        link
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.written.get(key).map(|entry| &entry.value)
    }

    fn integer(&self, key: &str) -> Option<u32> {
        match self.value(key)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    fn real(&self, key: &str) -> Option<f64> {
        match self.value(key)? {
            Value::Real(number) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number of the key table that has a default there.
    fn given(&self, key: &str) -> u32 {
        self.integer(key).expect("has a default")
    }

    fn derive(&mut self, key: &'static str, value: Value) {
        self.written.insert(key, Entry { value, origin: Origin::Derived });
    }

    /// The number written for the key, or this one.
    fn or_derive(&mut self, key: &'static str, derived: u32) -> u32 {
        self.integer(key).unwrap_or_else(|| {
            self.derive(key, Value::Integer(derived));
            derived
        })
    }

    /// The number written for an optional key, or its default for this family or data source.
    fn or_default(&mut self, key: &'static str, default: u32) -> u32 {
        self.integer(key).unwrap_or_else(|| {
            self.written.insert(key, Entry { value: Value::Integer(default), origin: Origin::Default });
            default
        })
    }

    /// Whether the user wrote the key himself, in the file or as an option.
    fn is_own(&self, key: &str) -> bool {
        let origin = self.written.get(key).map(|entry| &entry.origin);
        matches!(origin, Some(Origin::File { .. } | Origin::Option(_)))
    }

    /// Records a conflict between keys at the first that the user wrote himself: that is what he can change.
    fn conflict(&mut self, keys: &[&str], what: impl Into<String>, remedy: impl Into<String>) {
        let key = keys.iter().find(|key| self.is_own(key)).unwrap_or(&keys[0]);
        let origin = self.written.get(key).map_or(Origin::Default, |entry| entry.origin.clone());
        let error = ConfigError::of_key(self.path, &origin, key, what, remedy);
        self.errors.push(error);
    }

    /// Keys that have no meaning, `because` of another: an error where the user wrote them, otherwise taken
    /// away, since a preset could not know what its user would change.
    fn without(&mut self, keys: &[&'static str], because: &str) {
        for key in keys {
            if self.is_own(key) {
                let what = format!("has no meaning {because}");
                self.conflict(&[key], what, "remove it");
            }
            self.written.remove(key);
        }
    }

    fn name(&mut self) -> String {
        if let Some(name) = self.text("name") {
            return name.to_string();
        }
        // The file's name is not always a name for a Verilog module.
        let stem = self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = if written::is_name(stem) { stem } else { "accelerator" }.to_string();
        self.derive("name", Value::Text(name.clone()));
        name
    }

    fn training(&self) -> Training {
        Training {
            batch: self.given("training.batch"),
            learning_rate_shift: self
                .text("training.learning_rate")
                .and_then(written::rate_of)
                .expect("checked, with a default"),
            rounding: match self.text("training.rounding") {
                Some("stochastic") => Rounding::Stochastic,
                _ => Rounding::Nearest,
            },
            epochs: self.given("training.epochs"),
            seed: self.given("training.seed"),
        }
    }

    fn milestones(&self) -> Vec<u32> {
        match self.value("training.milestones") {
            Some(Value::Integers(epochs)) => epochs.clone(),
            _ => Vec::new(),
        }
    }

    /// One scale for each layer; as many as there are weight layers.
    fn weight_scales(&mut self, count: usize) -> Vec<u32> {
        let Some(Value::Texts(written)) = self.value("training.weight_scale") else {
            self.derive("training.weight_scale", Value::Texts(vec!["2^0".to_string(); count]));
            return vec![0; count];
        };
        let scales: Vec<u32> = written.iter().map(|text| written::rate_of(text).expect("checked")).collect();
        if scales.len() != count {
            self.conflict(
                &["training.weight_scale", "network.layers"],
                format!("has {} scales for the {count} layers of weights", scales.len()),
                format!("choose {count}"),
            );
        }
        scales
    }

    /// What the compiler has against a valid design whose memories suffice.
    fn refused(mut self, error: &CompileError) -> ConfigErrors {
        let keys: &[&str] = match error {
            CompileError::Shift { .. } => &[
                "training.learning_rate",
                "training.milestones",
                "formats.weight",
                "formats.activation",
                "formats.gradient",
            ],
            CompileError::AccumulatorTooNarrow { .. } => &["array.accumulator_bits", "network.layers"],
            _ => &["network.layers", "training.batch"],
        };
        // The compiler's messages end with what to do, as those here.
        let text = error.to_string();
        let (what, remedy) = text.rsplit_once("; ").unwrap_or((&text, "choose a smaller network"));
        self.conflict(keys, what, remedy);
        ConfigErrors(self.errors)
    }
}
