//! From a configuration to the bitstream of a board, with open tools.
//!
//! | path in the folder | contents |
//! |---|---|
//! | `rtl/`, `board/`, `docs/`, `manifest.json` | what [`emit`] plans |
//! | `build/netlist.json` | of Yosys |
//! | `build/seed-<n>.<ending>` | placed and routed by nextpnr, one for each seed |
//! | `build/*.log` | all that the tools said |
//! | `build/steps/` | what each step depended on, left and took; see [`step`] |
//! | `build/<name>.<ending>` | the bitstream of the fastest of them |
//! | `build/timings.json` | what each step took |
//! | `build.json` | [`report`] |

pub mod chip;
mod error;
pub mod kept;
pub mod page;
pub mod path;
pub mod report;
pub mod step;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use logloom_hdl::arith::exact::MULTIPLIER_BLOCK;
use logloom_hdl::link::uart;
use rayon::prelude::*;
use serde::Serialize;

use crate::board::Board;
use crate::board::pll::Setting;
use crate::config::Configuration;
use crate::emit::plan::{Entry, Plan};
use crate::emit::{self, Link};
use crate::files;
use crate::flow::doctor::version;
use crate::flow::nextpnr::{self, Report as Routed};
use crate::flow::yosys::{self, CellCounts};
use crate::flow::{Tool, pack};
pub use error::BuildError;
pub use report::Report;
use step::{Steps, Took};

/// To be raised whenever a step does otherwise though all that its key holds is the same.
const METHOD: u32 = 1;

/// What is written about a build, in its folder.
const REPORT: &str = "build.json";

const YOSYS_LOG: &str = "yosys.log";
const PACK_LOG: &str = "pack.log";

/// What one placement may take: some devices that are full take an hour on a fast machine.
const PLACEMENT_LIMIT: Duration = Duration::from_secs(8 * 3600);

/// What to build for, and how.
pub struct Options<'a> {
    pub board: &'a Board,
    /// MHz of the accelerator; without it, those nearest to the clock on the board.
    pub clock_mhz: Option<f64>,
    /// Placements, of which the fastest is taken: seeds 1, 2, ...
    pub seeds: u32,
    /// Absent, empty, or built in before.
    pub folder: &'a Path,
    /// Hears of every step when it starts and when it is done.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// What synthesis depends on.
#[derive(Serialize)]
struct SynthesisKey<'a> {
    method: u32,
    tool: &'a str,
    passes: &'a str,
    verilog: &'a [Entry],
}

/// What a placement depends on.
#[derive(Serialize)]
struct PlacementKey<'a> {
    method: u32,
    tool: &'a str,
    device: Vec<String>,
    clock_mhz: f64,
    seed: u32,
    netlist: &'a str,
    constraints: &'a [Entry],
}

/// What packing depends on.
#[derive(Serialize)]
struct PackingKey<'a> {
    method: u32,
    tool: &'a str,
    routed: &'a str,
}

/// A build that is done.
pub struct Built {
    pub report: Report,
    /// In the order of the work.
    pub timings: Vec<Took>,
}

/// Emits, synthesises, places, routes and packs; what was done before and has not changed is not done again. `config` is the
/// text of the configuration.
///
/// # Errors
/// The link is none of a board, the device has not the SPRAMs or multiplier blocks of the design, the clock cannot be made or is not
/// reached, the design does not fit ([`BuildError`]), a tool is missing or fails, or the folder is not ours or cannot be written.
pub fn build(configuration: &Configuration, config: &str, options: &Options<'_>) -> Result<Built> {
    let (board, fabric) = (options.board, options.board.device.fabric);
    let Planned { clock, baud, plan } = planned(configuration, config, board, options.clock_mhz)?;
    if plan.has_module(MULTIPLIER_BLOCK) && !board.device.multiplier_blocks {
        let (place, device) = (configuration.place("arithmetic.form"), board.device.name.clone());
        return Err(BuildError::Blocks { place, board: board.title.clone(), device }.into());
    }
    let tools = [Tool::Yosys, fabric.nextpnr(), fabric.packer()];
    let versions = tools.iter().map(|&tool| Ok((tool.name(), version(tool)?))).collect::<Result<Vec<_>>>()?;
    let version_of = |index: usize| versions[index].1.as_str();
    (options.progress)("emit");
    plan.write(options.folder)?;
    let bitstream = format!("{}.{}", configuration.design().name, fabric.bitstream_extension());
    let folder = options.folder.join("build");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let of_all = vec![folder.join(&bitstream), options.folder.join(REPORT)];
    let steps = Steps { folder, of_all, progress: options.progress };

    let entries = |keep: &dyn Fn(&str) -> bool| plan.subset(keep).entries();
    let verilog = entries(&|path| path.ends_with(".v") && !path.starts_with("tb/"));
    let constraints = entries(&|path| path == emit::constraints_file(board));
    let netlist = "netlist.json".to_string();
    let synthesis = yosys::Options {
        primitives: true,
        delay_ps: fabric.lut_delay_ps(clock.mhz),
        json: Some(steps.path(&netlist)),
        log: Some(steps.path(YOSYS_LOG)),
        ..yosys::Options::new(board.device.clone())
    };
    let key = SynthesisKey {
        method: METHOD,
        tool: version_of(0),
        passes: &synthesis.passes(emit::BOARD_TOP),
        verilog: &verilog,
    };
    let synthesised =
        steps.run("synthesise", YOSYS_LOG, &key, std::slice::from_ref(&netlist), || -> Result<CellCounts> {
            let files: Vec<_> = verilog.iter().map(|entry| options.folder.join(&entry.path)).collect();
            Ok(yosys::synthesise(&files, emit::BOARD_TOP, &synthesis)?)
        })?;

    let netlist_digest = &synthesised.outputs[&netlist];
    let place = |seed: u32| -> Result<Placement> {
        let routed = format!("seed-{seed}.{}", fabric.routed_extension());
        let log_name = format!("nextpnr-seed-{seed}.log");
        let log = steps.path(&log_name);
        let key = PlacementKey {
            method: METHOD,
            tool: version_of(1),
            device: board.device.place_arguments(),
            clock_mhz: clock.mhz,
            seed,
            netlist: netlist_digest,
            constraints: &constraints,
        };
        let done = steps.run(
            &format!("place and route seed {seed}"),
            &log_name,
            &key,
            std::slice::from_ref(&routed),
            || {
                let placement = nextpnr::Options {
                    constraints: Some(options.folder.join(emit::constraints_file(board))),
                    frequency: Some(clock.mhz),
                    output: Some(steps.path(&routed)),
                    log: Some(log.clone()),
                    limit: PLACEMENT_LIMIT,
                    ..nextpnr::Options::new(seed)
                };
                nextpnr::place_and_route(&steps.path(&netlist), &board.device, &placement).map_err(|error| {
                    let places = std::fs::read_to_string(&log).map(|log| nextpnr::places(&log)).unwrap_or_default();
                    match error::does_not_fit(configuration.design(), board, &places) {
                        Some(does_not_fit) => anyhow::Error::from(does_not_fit),
                        None => error.into(),
                    }
                })
            },
        )?;
        let mhz = done.value.slowest_clock().context("nextpnr found no path from register to register")?;
        let mhz = if error::uses_blocks(&done.value.utilisation) { with_blocks(mhz) } else { mhz };
        let digest = done.outputs[&routed].clone();
        Ok(Placement { seed, mhz, report: done.value, digest, file: routed, took: done.took })
    };
    let placements: Vec<Result<Placement>> = (1..=options.seeds).into_par_iter().map(place).collect();
    let mut placements = those_that_ended(placements, options.progress)?;
    let mut timings = vec![synthesised.took];
    timings.extend(placements.iter().map(|placement| placement.took.clone()));
    placements.sort_by(|a, b| b.mhz.total_cmp(&a.mhz).then(a.seed.cmp(&b.seed)));
    let best = &placements[0];
    if best.mhz < clock.mhz {
        return Err(BuildError::TooFast {
            board: board.title.clone(),
            wanted: clock.mhz,
            reached: best.mhz,
            seeds: placements.len() as u32,
            possible: board.pll.fastest_up_to(board.clock_mhz, best.mhz).map(|setting| setting.mhz),
            path: path::units(&best.report.critical_path),
        }
        .into());
    }

    let packed = steps.path(&bitstream);
    let key = PackingKey { method: METHOD, tool: version_of(2), routed: &best.digest };
    let done = steps.run("pack", PACK_LOG, &key, std::slice::from_ref(&bitstream), || {
        Ok(pack::pack(&steps.path(&best.file), &board.device, &packed, &steps.path(PACK_LOG))?)
    })?;

    timings.push(done.took);
    files::replace(&steps.path("timings.json"), &serde_json::to_vec_pretty(&timings)?, |_| true)?;
    let report = Report::new(report::Facts {
        configuration,
        config,
        options,
        clock: &clock,
        baud,
        plan: &plan,
        cells: &synthesised.value,
        placements: &placements,
        versions: &versions,
        outputs: [(netlist, netlist_digest.clone()), (best.file.clone(), best.digest.clone())]
            .into_iter()
            .chain(done.outputs)
            .map(|(file, sha256)| Entry { path: format!("build/{file}"), sha256 })
            .collect(),
    })?;
    files::replace(&options.folder.join(REPORT), report.json()?.as_bytes(), Report::is_one)?;
    Ok(Built { report, timings })
}

/// What is synthesised, and the speeds that it is made for.
struct Planned {
    clock: Setting,
    baud: u32,
    plan: Plan,
}

fn planned(configuration: &Configuration, config: &str, board: &Board, clock_mhz: Option<f64>) -> Result<Planned> {
    let clock = board.clock(clock_mhz)?;
    let baud = link_baud(configuration, clock.mhz)?;
    enough_sprams(configuration, board)?;
    let plan = emit::board(configuration.design(), config, board, &clock, baud)?;
    Ok(Planned { clock, baud, plan })
}

/// The speed of the serial line, which is how a board is reached, if it can be made from a clock of so many MHz.
fn link_baud(configuration: &Configuration, clock_mhz: f64) -> Result<u32, BuildError> {
    let no_board = |why| Err(BuildError::Link { place: configuration.place("link.kind"), why });
    match configuration.link {
        Link::Uart { baud } => match uart::divider((clock_mhz * 1e6).round() as u32, baud) {
            Ok(_) => Ok(baud),
            Err(error) => Err(BuildError::Baud { place: configuration.place("link.baud"), problem: error.message }),
        },
        Link::Spi => no_board("the constraint files of the boards have no pins for SPI"),
        Link::Wishbone | Link::Axi => no_board("a bus ends inside the FPGA, and a board has pins"),
    }
}

/// That the board has the SPRAMs of the design: synthesis and placer would say so in words of their own, or not at all.
fn enough_sprams(configuration: &Configuration, board: &Board) -> Result<(), BuildError> {
    let (wanted, available) = (configuration.design().sprams(), board.device.sprams);
    if wanted <= available {
        return Ok(());
    }
    let remedy = match configuration.design().draws_weights() {
        true => "choose memory.weight_codes = \"stored\"",
        false => "choose memory.weight_codes = \"stored\" or \"encoded\"",
    };
    Err(BuildError::Sprams {
        place: configuration.place("memory.weight_codes"),
        board: board.title.clone(),
        device: board.device.name.clone(),
        wanted,
        available,
        remedy,
    })
}

/// The speed of a placement that nextpnr times at `mhz`, which takes a multiplier block of an iCE40 UP5K to give its product 0.1 ns after
/// the clock: it is 2.0 ns in IceStorm's timings. And what Lattice's data sheet (FPGA-DS-02008) allows the block.
fn with_blocks(mhz: f64) -> f64 {
    const LATER_NS: f64 = 1.9;
    const MOST_MHZ: f64 = 50.0;
    (1e3 / (1e3 / mhz + LATER_NS)).min(MOST_MHZ)
}

/// Placements of the seeds from 1 up, without those of which nothing came, which `progress` hears of.
///
/// # Errors
/// The first, if there is no placement or the design does not fit, which is so for every seed.
fn those_that_ended(placements: Vec<Result<Placement>>, progress: &dyn Fn(&str)) -> Result<Vec<Placement>> {
    let any = placements.iter().any(Result::is_ok);
    let mut ended = Vec::new();
    for (seed, placement) in (1..).zip(placements) {
        match placement {
            Ok(placement) => ended.push(placement),
            Err(error) if any && !error.is::<BuildError>() => {
                progress(&format!("place and route seed {seed}: left out: {error:#}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(ended)
}

/// A placement that was routed.
pub struct Placement {
    pub seed: u32,
    /// MHz of the slowest path from register to register.
    pub mhz: f64,
    pub report: Routed,
    /// Name and SHA-256 of the routed design.
    pub file: String,
    pub digest: String,
    took: Took,
}
