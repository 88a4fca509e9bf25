//! A chip in the place of a board: what is in the bitstream for it, simulated at its pins.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use logloom_hdl::link::uart::SILENT_BITS;
use logloom_sim::target::framed::Framed;
use logloom_sim::target::process::{Process, ProcessLine};
use serde::Serialize;

use super::{Options, build, link_baud};
use crate::board::Board;
use crate::config::Configuration;
use crate::emit;
use crate::emit::plan::Entry;
use crate::emit::simulator::{self, Simulator};
use crate::flow::cache::Cache;
use crate::flow::doctor::version;
use crate::flow::{Tool, unpack};

/// The board: one with an iCE40, whose bitstreams can be read back.
const BOARD: &str = "ice40-hx8k-b-evn";

/// What it is called as a target.
const NAME: &str = "bitstream";

/// What makes the Verilog of a chip.
const TOOLS: [Tool; 5] = [Tool::Yosys, Tool::NextpnrIce40, Tool::Icepack, Tool::Iceunpack, Tool::IceboxVlog];

/// The tools that [`start`] calls.
pub fn tools() -> Vec<Tool> {
    [&TOOLS[..], &[Tool::Verilator, Tool::Make, Tool::Cxx]].concat()
}

/// What the Verilog of a chip depends on.
#[derive(Serialize)]
struct Key<'a> {
    method: u32,
    tools: Vec<String>,
    clock_mhz: f64,
    sources: &'a [Entry],
}

/// Builds the bitstream of a configuration for an iCE40-HX8K-B-EVN, reads it back as Verilog, and starts a program that simulates that:
/// the whole chip with its PLL (which passes its input on), reset and link, driven at the pins of the serial line. What is in the
/// folder `cache` is not made again. `progress` hears of every step.
///
/// # Errors
/// As [`build`]; or a tool is missing or fails, or the cache cannot be written.
pub fn start(
    configuration: &Configuration,
    cache: &Path,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Framed<ProcessLine>> {
    let board = Board::find(BOARD)?;
    let clock_mhz = configuration.build.clock_mhz;
    let clock = board.clock(clock_mhz)?;
    let baud = link_baud(configuration, clock.mhz)?;
    let plan = emit::board(configuration.design(), "", &board, &clock, baud)?;
    let key = Key {
        method: super::METHOD,
        tools: TOOLS.iter().map(|&tool| Ok(version(tool)?)).collect::<Result<_>>()?,
        clock_mhz: clock.mhz,
        sources: &plan.subset(|path| path.starts_with("rtl/") || path.starts_with("board/")).entries(),
    };
    let chip: String = Cache::new(cache).get("chip", &key, || {
        let folder = tempfile::tempdir().context("a temporary folder for a bitstream")?;
        let options = Options { board: &board, clock_mhz, seeds: 1, folder: folder.path(), progress };
        let built = build(configuration, "", &options)?;
        progress("read back");
        let pins = folder.path().join(emit::constraints_file(&board));
        Ok(unpack::unpack(&folder.path().join(built.report.bitstream()), &pins)?)
    })?;
    let sources = emit::chip(&chip)?;
    let program = simulator::compile("chip", &sources, emit::CHIP_PROGRAM, Simulator::Verilator, cache, progress)?;
    let bit = clock.mhz * 1e6 / f64::from(baud);
    // Beyond the pause after which the accelerator forgets a part of a frame.
    let patience = 2.5 * f64::from(SILENT_BITS) * bit;
    let mut command = Command::new(program);
    command.args([bit.to_string(), patience.round().to_string()]);
    Framed::open(NAME, ProcessLine::new(Process::start(NAME, command)?))
}
