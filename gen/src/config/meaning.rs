//! Second stage: what the values amount to. Every rule that needs more than one key is here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use logloom_hdl::arith::exact::MULTIPLIER_BLOCK;
use logloom_hdl::arith::family::{self, Values};
use logloom_hdl::arith::guest::{Guest, Operands};
use logloom_hdl::arith::{Arithmetic, Exact, FAMILIES, Form, ParameterError, Side, unit};
use logloom_hdl::array::pe::ADD_SUBTRACT;
use logloom_hdl::control::isa::Rounding;
use logloom_hdl::design::{Counters, Design, Format, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};
use logloom_hdl::link::axi::axi_accelerator;
use logloom_hdl::link::spi::spi_accelerator;
use logloom_hdl::link::uart::serial_accelerator;
use logloom_hdl::link::wishbone::wishbone_accelerator;
use logloom_hdl::rtl::ElaborationError;

use super::error::{ConfigError, ConfigErrors};
use super::keys::{self, GUEST, KEYS};
use super::origin::Origin;
use super::plan::{MemoryPlan, Region};
use super::written::{self, Entry, Override, Value, Written};
use crate::compile::{CompileError, Compiled, Task, accumulator_bits};
use crate::emit::{AXI_TOP, BOARD_TOP};
use crate::flow::cache::Cache;
use crate::guest::{Description, Inspected, Meaning as Products, Problem};
use crate::train::data::{self, FileFormat, Normalise, Source};

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

/// How a host reaches the accelerator. Not part of the design: the same programs and checkpoints fit behind every link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Pins of a board; bits per second.
    Uart { baud: u32 },
    /// Pins beside those of a board.
    Spi,
    /// A bus inside the FPGA.
    Wishbone,
    /// AXI4-Lite and AXI4-Stream inside the FPGA.
    Axi,
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

    /// Reads and validates the file at `path`; `overrides` replace what it says.
    ///
    /// # Errors
    /// All problems that one stage finds, each with file, line and key.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Self, ConfigErrors> {
        Meaning { path, written: written::read(path, overrides)?, errors: Vec::new(), guest: None }.configuration()
    }

    /// The multiplier of the user's own that the file at `path` describes, whatever may be wrong with the rest.
    /// Unless it must be `legal`, it may break the law that products with 0 are 0.
    ///
    /// # Errors
    /// As [`load`](Self::load), as far as it concerns the multiplier.
    pub fn load_guest(path: &Path, legal: bool) -> Result<Guest, ConfigErrors> {
        let mut meaning = Meaning { path, written: written::read(path, &[])?, errors: Vec::new(), guest: None };
        if meaning.text("arithmetic.family") != Some(GUEST) {
            meaning.conflict(&["arithmetic.family"], "describes no guest", format!("choose \"{GUEST}\""));
            return Err(ConfigErrors(meaning.errors));
        }
        let width = meaning.format("formats.activation").bits;
        let guest = meaning.guest(width, legal);
        guest.filter(|_| meaning.errors.is_empty()).ok_or(ConfigErrors(meaning.errors))
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

/// The values while their meaning is worked out.
struct Meaning<'a> {
    path: &'a Path,
    written: Written,
    errors: Vec<ConfigError>,
    guest: Option<Inspected>,
}

impl Meaning<'_> {
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

    /// The files of `data.train` or `data.test`, told apart by their names.
    fn source(&mut self, key: &'static str, labels_key: &'static str) -> Option<Source> {
        let folder = self.path.parent().unwrap_or(Path::new("")).to_path_buf();
        let path = folder.join(self.text(key)?);
        match data::format_of(&path) {
            format @ (FileFormat::Csv | FileFormat::Npz) => {
                let extension = if format == FileFormat::Csv { "csv" } else { "npz" };
                self.without(&[labels_key], &format!("beside {key}: a .{extension} file holds its labels"));
                Some(if format == FileFormat::Csv { Source::Csv(path) } else { Source::Npz(path) })
            }
            FileFormat::Idx => match self.text(labels_key) {
                Some(labels) => Some(Source::Idx { inputs: path, labels: folder.join(labels) }),
                None => {
                    let what = format!("an IDX file has no labels, and {labels_key} is missing");
                    self.conflict(&[key], what, format!("add {labels_key}, or name a .csv or .npz file"));
                    None
                }
            },
        }
    }

    fn data(&mut self) -> Option<Data> {
        let train = self.source("data.train", "data.train_labels");
        let test = if self.value("data.test").is_some() {
            self.without(&["data.test_fraction", "data.split_seed"], "beside data.test");
            self.source("data.test", "data.test_labels").map(Test::Source)
        } else {
            self.without(&["data.test_labels"], "without data.test");
            let fraction = self.real("data.test_fraction").unwrap_or_else(|| {
                let default = Entry { value: Value::Real(0.2), origin: Origin::Default };
                self.written.insert("data.test_fraction", default);
                0.2
            });
            Some(Test::HeldBack { fraction, seed: self.or_default("data.split_seed", 0) })
        };
        let (min, max) = (self.real("data.zero")? as f32, self.real("data.one")? as f32);
        let normalise = Normalise::Range { min, max };
        if normalise.coefficients().is_err() {
            self.conflict(
                &["data.one", "data.zero"],
                format!("data.one = {max:?} is not above data.zero = {min:?}"),
                "name the stored values that become 0.0 and 1.0",
            );
        }
        Some(Data { train: train?, test: test?, normalise })
    }

    fn complain(&mut self, Problem { key, what, remedy }: Problem) {
        let also: &[&str] =
            if key == "formats.activation" { &["formats.gradient", "guest.operand_bits"] } else { &["guest.verilog"] };
        self.conflict(&[&[key], also].concat(), what, remedy);
    }

    /// A word of `[guest]`, or its default.
    fn guest_word(&mut self, key: &'static str, default: &str) -> String {
        let default = Entry { value: Value::Text(default.to_string()), origin: Origin::Default };
        self.written.entry(key).or_insert(default);
        self.text(key).expect("it was written").to_string()
    }

    /// What `[guest]` says, if that is enough.
    fn description(&mut self) -> Option<Description> {
        for key in ["guest.verilog", "guest.module", "guest.operands", "guest.operand_bits"] {
            if self.value(key).is_none() {
                let kind = &keys::find(key).expect("it is in the table").kind;
                self.errors.push(ConfigError {
                    location: self.path.display().to_string(),
                    key: Some(key.to_string()),
                    what: "is missing".to_string(),
                    remedy: format!("add {kind}, under [guest]"),
                });
            }
        }
        let latency = self.or_default("guest.latency", 0);
        match (latency, self.value("guest.clock").is_some()) {
            (0, true) => {
                self.conflict(
                    &["guest.clock"],
                    "a clock without a latency",
                    "state the cycles from operands to product in guest.latency",
                );
            }
            (1.., false) => {
                self.conflict(
                    &["guest.latency"],
                    "a latency without a clock",
                    "name the port of the clock in guest.clock",
                );
            }
            _ => {}
        }
        if self.value("guest.c").is_some() && self.value("guest.table").is_some() {
            self.conflict(
                &["guest.c", "guest.table"],
                "stated twice: there is a table too",
                "remove guest.c or guest.table",
            );
        }
        if self.value("guest.c").is_none() {
            self.without(&["guest.function"], "without guest.c");
        }
        if !self.errors.is_empty() {
            return None;
        }
        let folder = self.path.parent().unwrap_or(Path::new("")).to_path_buf();
        let file = |text: &str| folder.join(text);
        let verilog = file(self.text("guest.verilog")?);
        let module = self.text("guest.module")?.to_string();
        let meaning = match (self.text("guest.table").map(file), self.text("guest.c").map(file)) {
            (Some(table), _) => Products::Table(table),
            (None, Some(file)) => Products::Function { file, function: self.guest_word("guest.function", &module) },
            (None, None) => Products::Simulated,
        };
        Some(Description {
            verilog,
            moving: self.guest_word("guest.a", "A"),
            stationary: self.guest_word("guest.b", "B"),
            product: self.guest_word("guest.product", "O"),
            clock: self.text("guest.clock").map(str::to_string),
            latency,
            operands: if self.text("guest.operands")? == "signed" { Operands::Signed } else { Operands::Unsigned },
            bits: self.integer("guest.operand_bits")?,
            module,
            meaning,
        })
    }

    /// The multiplier of the user's own; if `legal`, only one whose products with 0 are 0.
    fn guest(&mut self, operand_bits: u32, legal: bool) -> Option<Guest> {
        let parameters = KEYS.iter().map(|key| key.name).filter(|key| keys::is_parameter(key));
        let parameters: Vec<&'static str> = parameters.chain(["arithmetic.stages"]).collect();
        self.without(&parameters, "with family = \"guest\"");
        let cache = Cache::standard();
        let description = self.description()?;
        let unit = self.sound(Inspected::new(description, &cache))?;
        self.sound(unit.takes(operand_bits))?;
        // Before the unit is simulated beside them.
        self.refuse_names(&unit, &modules_around_a_unit().expect("an exact unit is elaborated"))?;
        let products = self.sound(unit.products(&cache))?;
        let guest = unit.guest(operand_bits, &products);
        self.guest = Some(unit);
        if legal { self.suitable(guest.validate().map(|()| guest)) } else { Some(guest) }
    }

    /// What was made of the guest, if nothing was wrong with it.
    fn sound<T>(&mut self, made: Result<T, Problem>) -> Option<T> {
        made.map_err(|problem| self.complain(problem)).ok()
    }

    /// The key that states the products of the guest.
    fn key_of_products(&self) -> &'static str {
        self.guest.as_ref().map_or("guest.verilog", Inspected::key_of_products)
    }

    /// None if a module of the guest has a name that Logloom gives to one of its own; case makes no difference to a file.
    fn refuse_names(&mut self, guest: &Inspected, ours: &[String]) -> Option<()> {
        let defined = guest.modules().iter();
        let clash = defined.flat_map(|own| ours.iter().find(|name| name.eq_ignore_ascii_case(own)).map(|_| own)).next();
        let Some(name) = clash.cloned() else { return Some(()) };
        self.conflict(
            &["guest.verilog"],
            format!("Logloom has a module `{name}` of its own"),
            "rename that of the guest",
        );
        None
    }

    fn arithmetic(&mut self, operand_bits: u32) -> Option<Arc<dyn Arithmetic>> {
        let name = self.text("arithmetic.family").expect("has a default");
        if name == GUEST {
            return Some(Arc::new(self.guest(operand_bits, true)?));
        }
        let name = name.to_string();
        let keys_of_guests: Vec<&'static str> =
            KEYS.iter().filter(|key| key.section() == GUEST).map(|key| key.name).collect();
        self.without(&keys_of_guests, &format!("with family = \"{name}\""));
        let name = name.as_str();
        let family = family::find(name).expect("checked as a choice");
        let foreign: Vec<&'static str> = FAMILIES
            .iter()
            .flat_map(|other| other.parameters)
            .filter(|parameter| family.parameters.iter().all(|own| own.name != parameter.name))
            .map(|parameter| keys::of_parameter(parameter.name).name)
            .collect();
        self.without(&foreign, &format!("with family = \"{}\"", family.name));
        let values = Values::new(family, operand_bits, self.given("arithmetic.stages"), |parameter| {
            Some(match self.value(keys::of_parameter(parameter).name)? {
                Value::Integer(number) => family::Value::Integer(*number),
                Value::Integers(numbers) => family::Value::Integers(numbers.clone()),
                Value::Text(word) => family::Value::Word(word.clone()),
                Value::Real(_) | Value::Texts(_) => unreachable!("no parameter of a family has this type"),
            })
        });
        for (parameter, value) in values.parameters() {
            let value = match value {
                family::Value::Integer(number) => Value::Integer(*number),
                family::Value::Integers(numbers) => Value::Integers(numbers.clone()),
                family::Value::Word(word) => Value::Text(word.clone()),
            };
            let default = Entry { value, origin: Origin::Default };
            self.written.entry(keys::of_parameter(parameter).name).or_insert(default);
        }
        self.suitable(family.with(&values))
    }

    /// What was made of the parameters, if they suit it.
    fn suitable<T>(&mut self, made: Result<T, ParameterError>) -> Option<T> {
        made.map_err(|ParameterError { parameter, problem, remedy }| {
            let key = match parameter {
                "zero" => self.key_of_products().to_string(),
                _ => format!("arithmetic.{parameter}"),
            };
            self.conflict(&[&key, "formats.activation", "formats.gradient"], problem, remedy);
        })
        .ok()
    }

    fn format(&self, key: &str) -> Format {
        let (int, frac) = self.text(key).and_then(written::format_of).expect("checked, with a default");
        Format { bits: 1 + int + frac, frac }
    }

    /// The hardware, if no error stands in the way.
    fn design(&mut self, name: String, layers: &[u32], batch: u32) -> Option<Design> {
        let (rows, columns) = (self.given("array.rows"), self.given("array.columns"));
        let [activation, gradient, weight] =
            ["formats.activation", "formats.gradient", "formats.weight"].map(|key| self.format(key));
        if activation.bits != gradient.bits {
            self.conflict(
                &["formats.gradient", "formats.activation"],
                format!(
                    "activations ({activation}) have {} bits, gradients ({gradient}) {}",
                    activation.bits, gradient.bits
                ),
                "choose formats of the same width",
            );
            return None;
        }
        let arithmetic = self.arithmetic(activation.bits)?;
        let plan = MemoryPlan::new(layers, batch, rows, columns);
        let mut design = Design {
            name,
            rows,
            columns,
            arithmetic,
            activation,
            gradient,
            weight,
            roundings: match self.text("array.roundings") {
                Some("nearest") => Roundings::Nearest,
                _ => Roundings::Any,
            },
            interconnect: match self.text("array.interconnect") {
                Some("broadcast") => Interconnect::Broadcast,
                _ => Interconnect::Systolic,
            },
            subtraction: match self.text("array.subtraction") {
                Some("adder") => Subtraction::Adder,
                _ => Subtraction::Complement,
            },
            softmax_lanes: match self.text("array.softmax_lanes") {
                Some("one") => SoftmaxLanes::One,
                _ => SoftmaxLanes::All,
            },
            counters: match self.text("array.counters") {
                Some("training") => Counters::Training,
                _ => Counters::All,
            },
            accumulator_bits: 0,
            accumulator_depth: 0,
            activation_depth: 0,
            gradient_depth: 0,
            weight_depth: 0,
            weight_codes: match self.text("memory.weight_codes") {
                Some("encoded") => WeightCodes::Encoded,
                Some("spram") => WeightCodes::Spram,
                _ => WeightCodes::Stored,
            },
            batch_depth: 0,
            program_depth: 0,
        };
        design.accumulator_bits = self.or_derive("array.accumulator_bits", accumulator_bits(&design, layers, batch));
        design.accumulator_depth = self.accumulator_depth(&plan, layers, batch, columns);
        let network = Network { layers, batch, rows, columns };
        design.activation_depth = self.skewed(&network, "activation", &plan.activation, design.activation_bits());
        design.gradient_depth = self.skewed(&network, "gradient", &plan.gradient, design.code_bits(Side::Moving));
        let weight_bits =
            weight.bits + if design.stores_weight_codes() { design.code_bits(Side::Stationary) } else { 0 };
        design.weight_depth = self.skewed(&network, "weight", &plan.weight, weight_bits);
        if design.roundings == Roundings::Nearest && self.text("training.rounding") == Some("stochastic") {
            self.conflict(
                &["array.roundings", "training.rounding"],
                "the hardware rounds to nearest alone, and the training is to round stochastically",
                "choose array.roundings = \"any\", or training.rounding = \"nearest\"",
            );
        }
        design.batch_depth = self.or_derive("memory.batch_depth", batch.next_power_of_two());
        if design.batch_depth < batch {
            self.conflict(
                &["memory.batch_depth", "training.batch"],
                format!(
                    "the per-sample memories hold {} samples ({} bits each), a batch has {batch}",
                    design.batch_depth,
                    design.batch_depth * 16
                ),
                format!("choose batch_depth = {}, or a smaller batch", batch.next_power_of_two()),
            );
        }
        let instructions = plan.instructions();
        design.program_depth = self.or_derive("memory.program_depth", instructions.next_power_of_two());
        if design.program_depth < instructions {
            self.conflict(
                &["memory.program_depth", "network.layers"],
                format!(
                    "the program memory holds {} instructions ({} bits), the programs of this network have {instructions} ({} bits)",
                    design.program_depth,
                    design.program_depth * 256,
                    instructions * 256
                ),
                format!("choose program_depth = {}", instructions.next_power_of_two()),
            );
        }
        if !self.errors.is_empty() {
            return None;
        }
        if let Err(error) = design.validate() {
            let key = match error.key.as_str() {
                "memory.accumulator_depth" => "array.accumulator_depth".to_string(),
                key => key.replace("format.", "formats."),
            };
            let (remedy, others): (String, &[&str]) = match keys::find(&key) {
                // The range of the key is not that of this design.
                Some(key) if key.name == "array.accumulator_bits" => {
                    let remedy = match accumulator_range(&design) {
                        (least, most) if least <= most => format!("choose {} from {least} to {most}", key.name),
                        _ => "choose fewer rows, or other formats".to_string(),
                    };
                    (remedy, &["array.rows", "formats.activation", "formats.gradient"])
                }
                Some(key) if key.name == "memory.weight_codes" => ("choose \"stored\"".to_string(), &[]),
                Some(key) if key.name == "formats.activation" => (narrower(&design), &["formats.gradient"]),
                Some(key) => (format!("choose {}", key.kind), &[]),
                None => ("change one of the values it depends on".to_string(), &[]),
            };
            // Where a preset chose the key, what the user wrote of the arithmetic is what does not suit it.
            let mut keys = [&[key.as_str()], others].concat();
            if !others.is_empty() {
                let family = family::find(design.arithmetic.name());
                let parameters = family.map_or(&[][..], |family| family.parameters);
                keys.extend(parameters.iter().map(|parameter| keys::of_parameter(parameter.name).name));
                keys.push("arithmetic.family");
            }
            self.conflict(&keys, error.problem, remedy);
            return None;
        }
        if let Some(guest) = self.guest.clone() {
            let ours = modules_beside_a_guest(&design).expect("a valid design is elaborated");
            self.refuse_names(&guest, &ours)?;
        }
        Some(design)
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

    fn accumulator_depth(&mut self, plan: &MemoryPlan, layers: &[u32], batch: u32, columns: u32) -> u32 {
        let needed = plan.accumulator_vectors;
        let smallest = needed.next_power_of_two().max(4);
        let depth = self.integer("array.accumulator_depth").unwrap_or_else(|| {
            let depth = u32::try_from(smallest).unwrap_or(u32::MAX).min(LARGEST_ACCUMULATOR);
            self.derive("array.accumulator_depth", Value::Integer(depth));
            depth
        });
        if u64::from(depth) < needed {
            let classes = layers.last().copied().unwrap_or(1);
            let per_sample = classes.div_ceil(columns);
            let fitting = depth / per_sample;
            let mut remedy = Vec::new();
            if smallest <= u64::from(LARGEST_ACCUMULATOR) {
                remedy.push(format!("accumulator_depth = {smallest}"));
            }
            if fitting > 0 {
                remedy.push(format!("a batch of at most {fitting}"));
            }
            if remedy.is_empty() {
                remedy.push(format!("at most {} classes", u64::from(depth) * u64::from(columns)));
            }
            self.conflict(
                &["array.accumulator_depth", "training.batch", "network.layers"],
                format!(
                    "the accumulators hold {depth} vectors, the logits of a batch are {needed} ({batch} samples, \
                     {classes} classes over {columns} columns)"
                ),
                format!("choose {}", remedy.join(", or ")),
            );
        }
        depth
    }

    /// Words per bank of a skewed memory: as written, or the smallest that holds the region. Records an error
    /// if the region does not fit.
    fn skewed(&mut self, network: &Network<'_>, memory: &str, region: &Region, bits: u32) -> u32 {
        let key = match memory {
            "activation" => "memory.activation_depth",
            "gradient" => "memory.gradient_depth",
            _ => "memory.weight_depth",
        };
        let banks = MemoryPlan::new(network.layers, network.batch, network.rows, network.columns).banks;
        let largest = largest_depth(banks);
        let needed = region.depth();
        let size = |depth: u64| depth * u64::from(banks) * u64::from(bits);
        let own = self.integer(key);
        if let Some(depth) = own {
            if !depth.is_multiple_of(banks) {
                let (lower, upper) = (depth / banks * banks, depth.next_multiple_of(banks));
                let choices = if lower == 0 { upper.to_string() } else { format!("{lower} or {upper}") };
                self.conflict(
                    &[key],
                    format!("{depth} words are not a multiple of the {banks} banks"),
                    format!("choose {choices}"),
                );
                return depth;
            }
            if u64::from(depth) > largest {
                self.conflict(
                    &[key],
                    format!("{depth} words in each of {banks} banks are more than can be addressed"),
                    format!("choose at most {largest}"),
                );
                return depth;
            }
        }
        let depth = own.map_or(needed.min(largest), u64::from);
        if needed > depth {
            let mut remedy = Vec::new();
            if needed <= largest {
                remedy.push(format!("{} = {needed}", key.split_at("memory.".len()).1));
            }
            remedy.extend(network.fitting(memory, depth));
            if remedy.is_empty() {
                remedy.push("fewer or smaller layers".to_string());
            }
            let holds = if own.is_some() { "holds" } else { "holds at most" };
            self.conflict(
                &[key, "network.layers", "training.batch"],
                format!(
                    "the network does not fit the {memory} memory: it needs {} bits ({banks} banks x {needed} words x {bits} \
                     bits), the memory {holds} {} bits ({depth} words per bank)",
                    size(needed),
                    size(depth)
                ),
                format!("choose {}", remedy.join(", or ")),
            );
        }
        let depth = u32::try_from(depth).unwrap_or(u32::MAX);
        if own.is_none() {
            self.derive(key, Value::Integer(depth));
        }
        depth
    }
}

/// What takes the place of a guest in the search for names.
fn in_place_of_a_guest(operand_bits: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Exact { operand_bits, form: Form::Rows, stages: 0 })
}

/// The modules around a unit by itself.
fn modules_around_a_unit() -> Result<Vec<String>, ElaborationError> {
    let unit = unit(in_place_of_a_guest(8).as_ref())?;
    let modules = unit.hierarchy()?;
    let names = modules.iter().map(|module| module.name.as_str());
    // In the place of the last two, whoever has them, synthesis puts cells of the device.
    Ok(names.chain(["unit_bound", "sweep", "tabulate", ADD_SUBTRACT, MULTIPLIER_BLOCK]).map(String::from).collect())
}

/// The modules that an accelerator of this shape has, whatever its link and its board.
fn modules_beside_a_guest(design: &Design) -> Result<Vec<String>, ElaborationError> {
    let arithmetic = in_place_of_a_guest(design.operand_bits());
    let design = &Design { arithmetic, accumulator_bits: 48, ..design.clone() };
    let tops = [
        serial_accelerator(design, 0, 12_000_000, 1_000_000)?,
        spi_accelerator(design, 0)?,
        wishbone_accelerator(design, 0)?,
        axi_accelerator(design, 0)?,
    ];
    let mut names: Vec<String> = [BOARD_TOP, AXI_TOP, "frame", "pll", "testbench"].map(String::from).to_vec();
    for top in tops {
        names.extend(top.hierarchy()?.iter().map(|module| module.name.clone()));
    }
    Ok(names)
}

/// Vectors that the deepest accumulator memory holds, as the specification has it.
const LARGEST_ACCUMULATOR: u32 = 4096;

/// Words per bank that both the host's address (20 bits over all banks) and an instruction's (16 bits of
/// tiles) reach; a multiple of `banks`, which is a power of two.
fn largest_depth(banks: u32) -> u64 {
    let banks = u64::from(banks);
    ((1 << 20) / banks).min((1 << 16) * banks)
}

/// The narrowest and the widest accumulator that the specification allows for this array, arithmetic and formats.
fn accumulator_range(design: &Design) -> (u32, u32) {
    (design.sum_bits().max(16), 62u32.saturating_sub(design.lift()).min(48))
}

/// What makes the codes of an activation fit a word of the host port: the widest operands whose codes do, if any.
fn narrower(design: &Design) -> String {
    let arithmetic = &design.arithmetic;
    let family = family::find(arithmetic.name());
    let (width, parameters) = (arithmetic.operand_bits(), arithmetic.parameters());
    let fits = |bits: &u32| {
        let settings = parameters.replacen(&format!("operand_bits={width}"), &format!("operand_bits={bits}"), 1);
        let made = family.and_then(|family| family.parse(&settings).ok());
        made.is_some_and(|arithmetic| Design { arithmetic, ..design.clone() }.activation_fits())
    };
    let narrow =
        (4..width).rev().find(fits).map(|bits| format!("activations and gradients of at most {bits} bits, or "));
    format!("choose {}an arithmetic of narrower codes", narrow.unwrap_or_default())
}

/// What decides the memory plan.
struct Network<'a> {
    layers: &'a [u32],
    batch: u32,
    rows: u32,
    columns: u32,
}

impl Network<'_> {
    /// Changes of one number that make the memory's region fit `depth` words per bank.
    fn fitting(&self, memory: &str, depth: u64) -> Vec<String> {
        let needed = |layers: &[u32], batch: u32| {
            let plan = MemoryPlan::new(layers, batch, self.rows, self.columns);
            match memory {
                "activation" => plan.activation.depth(),
                "gradient" => plan.gradient.depth(),
                _ => plan.weight.depth(),
            }
        };
        let mut choices = Vec::new();
        if let Some(batch) = largest(self.batch, |batch| needed(self.layers, batch) <= depth) {
            choices.push(format!("a batch of at most {batch}"));
        }
        let hidden = 1..self.layers.len() - 1;
        if let Some(widest) = hidden.max_by_key(|layer| self.layers[*layer]) {
            let with = |size: u32| {
                let mut layers = self.layers.to_vec();
                layers[widest] = size;
                layers
            };
            if let Some(size) = largest(self.layers[widest], |size| needed(&with(size), self.batch) <= depth) {
                choices.push(format!("at most {size} instead of {} in layer {widest}", self.layers[widest]));
            }
        }
        choices
    }
}

/// The largest number in 1..below for which `fits` holds, which must be so from 1 up to some bound.
fn largest(below: u32, fits: impl Fn(u32) -> bool) -> Option<u32> {
    if below <= 1 || !fits(1) || fits(below) {
        return None;
    }
    let (mut good, mut bad) = (1, below);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if fits(middle) { good = middle } else { bad = middle }
    }
    Some(good)
}
