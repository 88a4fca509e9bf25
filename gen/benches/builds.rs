//! Builds the presets for boards. `make bench` keeps what comes out in `docs/builds`; `make bench-check` compares with it. Names of
//! boards or presets choose some of them.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use logloom::build::kept::{self, Judgement, Preset};
use logloom::build::{Options, Report, build};
use logloom::config::Configuration;

/// Placements that are kept of a preset. On a large device, each takes a quarter of an hour; of a full one, an hour.
fn seeds(preset: &Preset) -> u32 {
    match preset.name {
        "digits-85k" => 2,
        _ if preset.board.luts > 50_000 => 3,
        _ => 5,
    }
}

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // `cargo bench` passes this flag, `cargo test --benches` does not.
    if !given("--bench") {
        return Ok(ExitCode::SUCCESS);
    }
    let names: Vec<String> = arguments.iter().filter(|argument| !argument.starts_with("--")).cloned().collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace folder")?;
    let folder = root.join("docs/builds");
    let mut worse = 0;
    for preset in kept::select(&names)? {
        if !given("--check") {
            let report = built(root, &preset, seeds(&preset))?;
            kept::keep(&folder, preset.name, &report)?;
            eprintln!("wrote docs/builds/{}.json", preset.name);
            continue;
        }
        if !kept::is_kept(&folder, preset.name) {
            println!("{}: no build is kept in docs/builds; `make bench` keeps one", preset.name);
            continue;
        }
        let before = kept::load(&folder, preset.name)?;
        let judgement = match built(root, &preset, before.fmax.by_seed.len() as u32) {
            Ok(report) => kept::judge(preset.name, &before, &report),
            // It was built once: that it does not fit any more, or misses its clock, is for this preset alone.
            Err(error) => Judgement { worse: vec![format!("{error:#}")], remarks: Vec::new() },
        };
        judgement.remarks.iter().for_each(|remark| println!("{remark}"));
        judgement.worse.iter().for_each(|problem| println!("WORSE: {problem}"));
        if judgement.worse.is_empty() {
            println!("{}: not worse than docs/builds/{}.json", preset.name, preset.name);
        }
        worse += judgement.worse.len();
    }
    Ok(if worse == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn built(root: &Path, preset: &Preset, seeds: u32) -> Result<Report> {
    let path = preset.example(root);
    let configuration = Configuration::load(&path, &[])?;
    let config = std::fs::read_to_string(&path)?;
    let options = Options {
        board: &preset.board,
        clock_mhz: configuration.build.clock_mhz,
        seeds,
        folder: &root.join("target/builds").join(preset.name),
        progress: &|line| eprintln!("{}: {line}", preset.name),
    };
    Ok(build(&configuration, &config, &options).with_context(|| preset.name)?.report)
}
