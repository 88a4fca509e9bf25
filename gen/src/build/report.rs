//! What was built, in figures: `build.json`. The same inputs and tools give the same bytes; what the steps took is not in it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use logloom_hdl::control::isa::Instruction;
use logloom_hdl::design::Memory;
use serde::{Deserialize, Serialize};

use super::path::{self, Unit};
use super::{Options, Placement};
use crate::board::Board;
use crate::board::pll::Setting;
use crate::compile::Mode;
use crate::compile::cycles::program_cycles;
use crate::config::Configuration;
use crate::emit::plan::Entry;
use crate::emit::{Plan, digest};
use crate::files::sha256;
use crate::flow::Fabric;
use crate::flow::nextpnr::Utilisation;
use crate::flow::yosys::CellCounts;

/// Version of `build.json`; changes when a field changes its meaning or goes away.
const FORMAT_VERSION: u32 = 1;

/// The contents of `build.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub format_version: u32,
    pub generator: String,
    pub version: String,
    /// Name and digest of the design.
    pub name: String,
    pub design: String,
    /// As the command takes it, and as people know it.
    pub board: String,
    pub title: String,
    pub device: Device,
    pub array: Array,
    pub clock: Clock,
    pub fmax: Fmax,
    /// Of the device, by kind of place as nextpnr names it.
    pub utilisation: BTreeMap<String, Utilisation>,
    /// Of the netlist.
    pub cells: CellCounts,
    /// The slowest path from register to register of the placement that was taken.
    pub critical_path: Vec<Unit>,
    pub memories: Vec<MemoryBits>,
    pub performance: Performance,
    pub inputs: Vec<Entry>,
    pub outputs: Vec<Entry>,
    /// By name.
    pub tools: BTreeMap<String, String>,
}

/// What the board has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    pub fabric: Fabric,
    /// As people know it.
    pub name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Array {
    pub rows: u32,
    pub columns: u32,
    /// Family and parameters.
    pub arithmetic: String,
}

/// The clock of the accelerator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clock {
    /// MHz that were asked for, if any were.
    pub wanted_mhz: Option<f64>,
    #[serde(flatten)]
    pub pll: Setting,
    /// Bits per second of the serial link.
    pub baud: u32,
}

/// MHz of the slowest path from register to register.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fmax {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    /// The seed whose placement was taken.
    pub seed: u32,
    pub by_seed: BTreeMap<u32, f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemoryBits {
    pub name: String,
    pub banks: u32,
    pub words: u32,
    pub bits: u32,
    pub total_bits: u64,
}

/// Training on the chip at its clock, the host's transfers not counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Performance {
    pub pe_count: u32,
    pub batch: u32,
    pub cycles_per_batch: u64,
    pub macs_per_batch: u64,
    pub samples_per_second: f64,
    pub macs_per_second: f64,
}

/// Among the inputs, the text of the configuration.
const CONFIGURATION: &str = "configuration";

pub(super) fn inputs(config: &str, plan: &Plan) -> Vec<Entry> {
    let configuration = Entry { path: CONFIGURATION.into(), sha256: sha256(config.as_bytes()) };
    std::iter::once(configuration).chain(hardware(plan)).collect()
}

/// The Verilog and what the tools read beside it.
fn hardware(plan: &Plan) -> Vec<Entry> {
    plan.subset(|path| path.ends_with(".v") || path.starts_with("board/")).entries()
}

/// What a report is made from.
pub(super) struct Facts<'a> {
    pub configuration: &'a Configuration,
    pub config: &'a str,
    pub options: &'a Options<'a>,
    pub clock: &'a Setting,
    pub baud: u32,
    pub plan: &'a Plan,
    pub cells: &'a CellCounts,
    /// The one that was taken first.
    pub placements: &'a [Placement],
    pub versions: &'a [(&'static str, String)],
    pub outputs: Vec<Entry>,
}

impl Report {
    pub(super) fn new(facts: Facts<'_>) -> Result<Self> {
        let Facts { configuration, options, clock, .. } = facts;
        let (design, board) = (configuration.design(), options.board);
        let best = facts.placements.first().context("at least one placement")?;
        Ok(Report {
            format_version: FORMAT_VERSION,
            generator: "logloom".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            name: design.name.clone(),
            design: digest::design(design),
            board: board.name.clone(),
            title: board.title.clone(),
            device: Device { fabric: board.device.fabric, name: board.device.name.clone() },
            array: Array {
                rows: design.rows,
                columns: design.columns,
                arithmetic: format!("{} ({})", design.arithmetic.name(), design.arithmetic.parameters()),
            },
            clock: Clock { wanted_mhz: options.clock_mhz, pll: *clock, baud: facts.baud },
            fmax: Fmax::new(facts.placements.iter().map(|p| (p.seed, p.mhz)).collect(), best.seed),
            utilisation: best.report.utilisation.clone(),
            cells: facts.cells.clone(),
            critical_path: path::units(&best.report.critical_path),
            memories: design.memories().iter().map(memory_bits).collect(),
            performance: performance(configuration, clock.mhz)?,
            inputs: inputs(facts.config, facts.plan),
            outputs: facts.outputs,
            tools: facts.versions.iter().map(|(name, version)| (name.to_string(), version.clone())).collect(),
        })
    }

    /// Whether this was built from the files that are planned, for this board. What else the configuration says, to train with, may
    /// have changed.
    pub(super) fn is_of(&self, plan: &Plan, board: &Board) -> bool {
        (&self.board, &self.device.name) == (&board.name, &board.device.name)
            && self.inputs.iter().filter(|entry| entry.path != CONFIGURATION).eq(&hardware(plan))
    }

    /// Whether the beginning of a file is that of a report.
    pub fn is_one(head: &[u8]) -> bool {
        String::from_utf8_lossy(head).contains("\"generator\": \"logloom\"")
    }

    /// As it is written: a reader of files can compare it line by line.
    ///
    /// # Errors
    /// None that a report can have.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The bitstream, in the folder.
    pub fn bitstream(&self) -> &str {
        self.outputs.last().map_or("", |entry| &entry.path)
    }
}

impl Fmax {
    /// `seed`: whose placement was taken.
    pub(super) fn new(by_seed: BTreeMap<u32, f64>, seed: u32) -> Self {
        let mut speeds: Vec<f64> = by_seed.values().copied().collect();
        speeds.sort_by(f64::total_cmp);
        let (middle, last) = (speeds.len() / 2, speeds.len() - 1);
        let median = if speeds.len() % 2 == 1 { speeds[middle] } else { speeds[middle - 1].midpoint(speeds[middle]) };
        Fmax { median, least: speeds[0], most: speeds[last], seed, by_seed }
    }

    /// Median in MHz, and of several seeds the range.
    pub fn described(&self) -> String {
        let Fmax { median, least, most, by_seed, .. } = self;
        match by_seed.len() {
            1 => format!("{median:.2} MHz (1 seed)"),
            seeds => format!("{median:.2} MHz ({least:.2} .. {most:.2}, {seeds} seeds)"),
        }
    }
}

fn memory_bits(memory: &Memory) -> MemoryBits {
    let Memory { name, banks, words, bits } = *memory;
    MemoryBits { name: name.to_string(), banks, words, bits, total_bits: memory.total_bits() }
}

fn performance(configuration: &Configuration, mhz: f64) -> Result<Performance> {
    let design = configuration.design();
    let batch = configuration.training.batch;
    let step = configuration.compiled.program(Mode::Train { halvings: 0 }, batch)?;
    let cycles = program_cycles(&step, design);
    let macs_of = |instruction: &Instruction| match instruction {
        Instruction::Gemm(gemm) => [gemm.m, gemm.k, gemm.n].map(u64::from).iter().product(),
        _ => 0,
    };
    let macs: u64 = step.iter().map(macs_of).sum();
    let batches_per_second = mhz * 1e6 / cycles as f64;
    Ok(Performance {
        pe_count: design.rows * design.columns,
        batch,
        cycles_per_batch: cycles,
        macs_per_batch: macs,
        samples_per_second: (f64::from(batch) * batches_per_second).round(),
        macs_per_second: (macs as f64 * batches_per_second).round(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        let of = |speeds: &[f64]| Fmax::new((1..).zip(speeds.iter().copied()).collect(), 1);
        assert_eq!(of(&[50.0]).described(), "50.00 MHz (1 seed)");
        assert_eq!(of(&[50.0, 60.0]).median, 55.0);
        assert_eq!(of(&[70.0, 50.0, 51.0]).described(), "51.00 MHz (50.00 .. 70.00, 3 seeds)");
    }
}
