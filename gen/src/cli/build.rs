//! `logloom build`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::Outcome;
use super::output::{Output, grouped, table};
use crate::board::Board;
use crate::build::{self, Built, Options, Report, path};
use crate::config::Configuration;

/// Build the bitstream for a board with Yosys, nextpnr and a packer; what has not changed is not built again
#[derive(Args)]
pub struct Arguments {
    /// The configuration
    config: PathBuf,
    /// A board that Logloom knows, or the .toml file of another
    #[arg(short, long)]
    board: String,
    /// The folder; absent, empty, or built in before [default: build/<config>-<board>]
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Placements to try, several at a time; the fastest is taken
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: u32,
    /// Print the contents of build.json on one line instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let board = Board::find(&arguments.board)?;
    let configuration = Configuration::load(&arguments.config, &[])?;
    let config = std::fs::read_to_string(&arguments.config).with_context(|| arguments.config.display().to_string())?;
    let default = || PathBuf::from("build").join(format!("{}-{}", configuration.design().name, board.name));
    let folder = arguments.output.clone().unwrap_or_else(default);
    let options = Options {
        board: &board,
        clock_mhz: configuration.build.clock_mhz,
        seeds: arguments.seeds,
        folder: &folder,
        // Not eprintln!, which panics when stderr is closed.
        progress: &|line| {
            let _ = writeln!(std::io::stderr(), "{line}");
        },
    };
    let Built { report, timings } = build::build(&configuration, &config, &options)?;
    if arguments.json {
        // It has its own version.
        output.line(&serde_json::to_string(&report)?)?;
        return Ok(Outcome::Good);
    }
    output.text(&figures(&report))?;
    output.line("")?;
    output.text(&utilisation(&report))?;
    output.line("")?;
    output.text(&memories(&report))?;
    output.line("")?;
    let took = timings.iter().map(|took| format!("{} {:.1} s", took.step, took.seconds)).collect::<Vec<_>>();
    output.line(&format!("took: {}", took.join(", ")))?;
    output.line(&format!("{}", folder.join(report.bitstream()).display()))?;
    Ok(Outcome::Good)
}

fn figures(report: &Report) -> String {
    let Report { array, clock, fmax, performance, .. } = report;
    let rows = [
        ("board", format!("{}, {}", report.title, report.device.name)),
        ("clock", format!("{:.3} MHz", clock.pll.mhz)),
        ("Fmax", fmax.described()),
        ("critical path", path::described(&report.critical_path)),
        ("array", format!("{} x {}, {}", array.rows, array.columns, array.arithmetic)),
        ("cycles per batch", grouped(performance.cycles_per_batch)),
        ("samples per second", grouped(performance.samples_per_second as u64)),
        ("MACs per second", grouped(performance.macs_per_second as u64)),
    ];
    table(&rows.map(|(name, value)| vec![name.to_string(), value]), &[false, false])
}

fn utilisation(report: &Report) -> String {
    let mut rows = vec![["place", "used", "available", "%"].map(String::from).to_vec()];
    for (kind, places) in report.utilisation.iter().filter(|(_, places)| places.used > 0) {
        let percent = format!("{:.1}", places.percent());
        rows.push(vec![kind.clone(), grouped(places.used), grouped(places.available), percent]);
    }
    table(&rows, &[false, true, true, true])
}

fn memories(report: &Report) -> String {
    let mut rows = vec![["memory", "banks", "words", "width", "bits"].map(String::from).to_vec()];
    for memory in &report.memories {
        let sizes = [memory.banks, memory.words, memory.bits].map(|size| grouped(size.into()));
        rows.push([vec![memory.name.to_string()], sizes.to_vec(), vec![grouped(memory.total_bits)]].concat());
    }
    table(&rows, &[false, true, true, true, true])
}
