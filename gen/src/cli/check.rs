//! `logloom check`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Outcome;
use super::output::{Output, grouped, table};
use crate::config::Configuration;

/// Validate a configuration; show every value with its origin, and the memory map
#[derive(Args)]
pub struct Arguments {
    /// The configuration
    config: PathBuf,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    config: serde_json::Value,
    /// `section.key` to where the value came from.
    origins: serde_json::Map<String, serde_json::Value>,
    /// All memories of the design together.
    memory_bits: u64,
    pe_count: u32,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let configuration = Configuration::load(&arguments.config, &[])?;
    let design = configuration.design();
    let memories = design.memories();
    let memory_bits = memories.iter().map(|memory| memory.total_bits()).sum();
    let pe_count = design.rows * design.columns;
    if arguments.json {
        let origins = configuration.settings.iter();
        output.json(&Report {
            config: configuration.merged(),
            origins: origins.map(|setting| (setting.key.to_string(), setting.origin.to_string().into())).collect(),
            memory_bits,
            pe_count,
        })?;
        return Ok(Outcome::Good);
    }

    let mut rows = vec![["key", "value", "from"].map(String::from).to_vec()];
    for setting in &configuration.settings {
        rows.push(vec![setting.key.to_string(), setting.value.to_string(), setting.origin.to_string()]);
    }
    output.text(&table(&rows, &[false, false, false]))?;

    let mut rows = vec![["memory", "banks", "words", "width", "bits", "in use", "holds"].map(String::from).to_vec()];
    for memory in &memories {
        let (used, holds) = in_use(&configuration, memory.name);
        let words = u64::from(memory.words);
        rows.push(vec![
            memory.name.to_string(),
            memory.banks.to_string(),
            grouped(words),
            memory.bits.to_string(),
            grouped(memory.total_bits()),
            format!("{} %", 100 * used / words),
            holds,
        ]);
    }
    output.line("")?;
    output.text(&table(&rows, &[false, true, true, true, true, true, false]))?;
    output.line("")?;
    output.line(&format!("processing elements  {pe_count}"))?;
    output.line(&format!("memory bits          {}", grouped(memory_bits)))?;
    Ok(Outcome::Good)
}

/// Words per bank that the network takes in a memory, and what lies there.
fn in_use(configuration: &Configuration, memory: &str) -> (u64, String) {
    let plan = configuration.compiled.plan();
    let region = match memory {
        "activation" => &plan.activation,
        "gradient" => &plan.gradient,
        "weight" | "weight_code" => &plan.weight,
        "program" => return (u64::from(plan.instructions()) * 8, format!("{} instructions", plan.instructions())),
        "accumulator" => return (plan.accumulator_vectors, "the logits of a batch".to_string()),
        _ => return (u64::from(plan.samples), format!("{} samples", plan.samples)),
    };
    let matrices = region.matrices.iter();
    let matrices = matrices.map(|matrix| format!("{} {}x{}", matrix.name, matrix.rows, matrix.columns));
    (region.depth(), matrices.collect::<Vec<_>>().join(", "))
}
