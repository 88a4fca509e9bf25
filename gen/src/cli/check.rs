//! `logloom check`.

use std::path::PathBuf;

use clap::Args;
use logloom_hdl::control::isa::{Dest, Instruction};
use serde::Serialize;

use super::Outcome;
use super::output::{Output, grouped, table};
use crate::compile::Mode;
use crate::compile::cycles::{busy_cycles, cycles, program_cycles};
use crate::config::Configuration;

/// Validate a configuration; show every value with its origin, the memory map and the cycles of a step
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
    /// Clock cycles of the instructions of a training step with a full batch.
    cycles_per_batch: u64,
    pe_count: u32,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let configuration = Configuration::load(&arguments.config, &[])?;
    let design = configuration.design();
    let memories = design.memories();
    let memory_bits = memories.iter().map(|memory| memory.total_bits()).sum();
    let pe_count = design.rows * design.columns;
    let step = configuration.compiled.program(Mode::Train { halvings: 0 }, configuration.training.batch)?;
    let cycles_per_batch = program_cycles(&step, design);
    if arguments.json {
        let origins = configuration.settings.iter();
        output.json(&Report {
            config: configuration.merged(),
            origins: origins.map(|setting| (setting.key.to_string(), setting.origin.to_string().into())).collect(),
            memory_bits,
            cycles_per_batch,
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

    let mut rows = vec![["instruction", "cycles", "array busy"].map(String::from).to_vec()];
    for instruction in &step {
        let cycles = cycles(instruction, design);
        let busy = match instruction {
            Instruction::Gemm(gemm) => format!("{} %", 100 * busy_cycles(gemm, design) / cycles),
            _ => String::new(),
        };
        rows.push(vec![description(instruction), grouped(cycles), busy]);
    }
    output.line("")?;
    output.text(&table(&rows, &[false, true, true]))?;

    output.line("")?;
    output.line(&format!("processing elements  {pe_count}"))?;
    output.line(&format!("memory bits          {}", grouped(memory_bits)))?;
    output.line(&format!("cycles per batch     {}", grouped(cycles_per_batch)))?;
    Ok(Outcome::Good)
}

/// An instruction in a few words; the listing of a program has all fields.
fn description(instruction: &Instruction) -> String {
    match instruction {
        Instruction::Gemm(gemm) => {
            let dest = match gemm.dest {
                Dest::Activation => "activation",
                Dest::Gradient => "gradient",
                Dest::Weight => "weight",
                Dest::Accumulator => "accumulator",
            };
            format!("gemm {} x {} x {} to {dest}", gemm.m, gemm.k, gemm.n)
        }
        Instruction::Softmax(softmax) => format!("softmax {} x {}", softmax.m, softmax.n),
        Instruction::Halt => "halt".to_string(),
    }
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
        "label_and_prediction" => return (2 * u64::from(plan.samples), format!("{} samples", plan.samples)),
        _ => return (u64::from(plan.samples), format!("{} samples", plan.samples)),
    };
    let matrices = region.matrices.iter();
    let matrices = matrices.map(|matrix| format!("{} {}x{}", matrix.name, matrix.rows, matrix.columns));
    (region.depth(), matrices.collect::<Vec<_>>().join(", "))
}
