//! The design, with its arithmetic.

use std::sync::Arc;

use logloom_hdl::arith::family::{self, Values};
use logloom_hdl::arith::{Arithmetic, FAMILIES, ParameterError};
use logloom_hdl::design::{
    Counters, Design, DesignError, Format, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes,
};

use super::Meaning;
use super::guest::modules_beside_a_guest;
use crate::compile::accumulator_bits;
use crate::config::keys::{self, GUEST, KEYS};
use crate::config::origin::Origin;
use crate::config::written::{self, Entry, Value};

impl Meaning<'_> {
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
    pub(super) fn suitable<T>(&mut self, made: Result<T, ParameterError>) -> Option<T> {
        made.map_err(|ParameterError { parameter, problem, remedy }| {
            let key = match parameter {
                "zero" => self.key_of_products().to_string(),
                _ => format!("arithmetic.{parameter}"),
            };
            self.conflict(&[&key, "formats.activation", "formats.gradient"], problem, remedy);
        })
        .ok()
    }

    pub(super) fn format(&self, key: &str) -> Format {
        let (int, frac) = self.text(key).and_then(written::format_of).expect("checked, with a default");
        Format { bits: 1 + int + frac, frac }
    }

    /// What the word of a key means; the default of the design for every other.
    fn word<T: Default, const N: usize>(&self, key: &str, meanings: [(&str, T); N]) -> T {
        let meant = meanings.into_iter().find(|(word, _)| self.text(key) == Some(word));
        meant.map(|(_, meaning)| meaning).unwrap_or_default()
    }

    /// The hardware, if no error stands in the way.
    pub(super) fn design(&mut self, name: String, layers: &[u32], batch: u32) -> Option<Design> {
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
        let mut design = Design {
            name,
            rows,
            columns,
            arithmetic,
            activation,
            gradient,
            weight,
            roundings: self.word("array.roundings", [("nearest", Roundings::Nearest)]),
            interconnect: self.word("array.interconnect", [("broadcast", Interconnect::Broadcast)]),
            subtraction: self.word("array.subtraction", [("adder", Subtraction::Adder)]),
            softmax_lanes: self.word("array.softmax_lanes", [("one", SoftmaxLanes::One)]),
            counters: self.word("array.counters", [("training", Counters::Training)]),
            accumulator_bits: 0,
            accumulator_depth: 0,
            activation_depth: 0,
            gradient_depth: 0,
            weight_depth: 0,
            weight_codes: self
                .word("memory.weight_codes", [("encoded", WeightCodes::Encoded), ("spram", WeightCodes::Spram)]),
            batch_depth: 0,
            program_depth: 0,
        };
        design.accumulator_bits = self.or_derive("array.accumulator_bits", accumulator_bits(&design, layers, batch));
        self.memories(&mut design, layers, batch);
        if design.roundings == Roundings::Nearest && self.text("training.rounding") == Some("stochastic") {
            self.conflict(
                &["array.roundings", "training.rounding"],
                "the hardware rounds to nearest alone, and the training is to round stochastically",
                "choose array.roundings = \"any\", or training.rounding = \"nearest\"",
            );
        }
        if !self.errors.is_empty() {
            return None;
        }
        if let Err(error) = design.validate() {
            self.invalid(&design, error);
            return None;
        }
        if let Some(guest) = self.guest.clone() {
            let ours = modules_beside_a_guest(&design).expect("a valid design is elaborated");
            self.refuse_names(&guest, &ours)?;
        }
        Some(design)
    }

    /// What a design says of itself that no key says alone.
    fn invalid(&mut self, design: &Design, error: DesignError) {
        let key = match error.key.as_str() {
            "memory.accumulator_depth" => "array.accumulator_depth".to_string(),
            key => key.replace("format.", "formats."),
        };
        let (remedy, others): (String, &[&str]) = match keys::find(&key) {
            // The range of the key is not that of this design.
            Some(key) if key.name == "array.accumulator_bits" => {
                let remedy = match accumulator_range(design) {
                    (least, most) if least <= most => format!("choose {} from {least} to {most}", key.name),
                    _ => "choose fewer rows, or other formats".to_string(),
                };
                (remedy, &["array.rows", "formats.activation", "formats.gradient"])
            }
            Some(key) if key.name == "memory.weight_codes" => ("choose \"stored\"".to_string(), &[]),
            Some(key) if key.name == "formats.activation" => (narrower(design), &["formats.gradient"]),
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
    }
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
