//! What building the presets for boards gave, kept as `docs/builds/<preset>.json`, and whether a new build is worse.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Report;
use crate::board::{self, Board};
use crate::config::{Configuration, presets};
use crate::files;

/// So many per cent more LUTs are no regression yet.
pub const MORE_LUTS_PERCENT: u64 = 3;
/// So many per cent less Fmax are none yet. It is the median over the seeds that is compared: single placements differ by more.
pub const LESS_FMAX_PERCENT: f64 = 8.0;

/// A preset that is made for a board.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    pub name: &'static str,
    pub board: Board,
}

impl Preset {
    /// The example that uses it, in the sources of Logloom.
    pub fn example(&self, root: &Path) -> PathBuf {
        root.join(format!("examples/{}.toml", self.name))
    }
}

const PREFIX: &str = "digits-";

/// The presets `digits-<board>` and `digits-<device>`; of several boards with the device, the first.
///
/// # Errors
/// There is no such board.
pub fn all() -> Result<Vec<Preset>> {
    let named = presets::NAMES.iter().filter_map(|name| Some((*name, name.strip_prefix(PREFIX)?)));
    named
        .map(|(name, of)| {
            let board = board::names().into_iter().map(Board::find).collect::<Result<Vec<_>, _>>()?.into_iter();
            let found =
                board.clone().find(|board| board.name == of).or_else(|| board.clone().find(|b| b.has_device(of)));
            Ok(Preset { name, board: found.with_context(|| format!("preset {name}: there is no board for it"))? })
        })
        .collect()
}

/// Those of [`all`] that are called so, or are for boards that are; all for no names.
///
/// # Errors
/// A name is that of none.
pub fn select(names: &[String]) -> Result<Vec<Preset>> {
    let is_called = |preset: &Preset, name: &String| {
        [Some(preset.name), preset.name.strip_prefix(PREFIX), Some(&preset.board.name)].contains(&Some(name.as_str()))
    };
    let all = all()?;
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|preset| is_called(preset, name))) {
        let known: Vec<_> = all.iter().map(|preset| format!("{} ({})", preset.board.name, preset.name)).collect();
        bail!("no preset is for board `{unknown}`; these have one: {}", known.join(", "));
    }
    Ok(all.into_iter().filter(|preset| names.is_empty() || names.iter().any(|name| is_called(preset, name))).collect())
}

fn path(folder: &Path, preset: &str) -> PathBuf {
    folder.join(format!("{preset}.json"))
}

/// Keeps what was built of a preset in `folder`.
///
/// # Errors
/// The file cannot be written, or is not ours.
pub fn keep(folder: &Path, preset: &str, report: &Report) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    Ok(files::replace(&path(folder, preset), report.json()?.as_bytes(), Report::is_one)?)
}

/// Whether anything is kept of a preset.
pub fn is_kept(folder: &Path, preset: &str) -> bool {
    path(folder, preset).exists()
}

/// What is kept of a preset.
///
/// # Errors
/// Nothing is, or the file cannot be read.
pub fn load(folder: &Path, preset: &str) -> Result<Report> {
    let path = path(folder, preset);
    let remedy = || format!("{}: no build is kept here; `make bench` keeps one", path.display());
    let text = std::fs::read_to_string(&path).with_context(remedy)?;
    serde_json::from_str(&text).with_context(remedy)
}

/// A build that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub preset: &'static str,
    pub report: Report,
    /// Whether `build` would make it from the same Verilog and pins, at the same clock and for the same device.
    pub current: bool,
}

/// What is kept in `docs/builds` of all presets of which something is; `root` has `docs` and `examples`.
///
/// # Errors
/// A file cannot be read, or an example is none for its board any more.
pub fn load_all(root: &Path) -> Result<Vec<Kept>> {
    let folder = root.join("docs/builds");
    let kept = all()?.into_iter().filter(|preset| is_kept(&folder, preset.name));
    kept.map(|preset| {
        let report = load(&folder, preset.name)?;
        let example = Configuration::load(&preset.example(root), &[])?;
        let planned = super::planned(&example, "", &preset.board, example.build.clock_mhz)?;
        Ok(Kept { preset: preset.name, current: report.is_of(&planned.plan, &preset.board), report })
    })
    .collect()
}

/// What there is to say of a build beside the one that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Regressions, each of which fails the check.
    pub worse: Vec<String>,
    pub remarks: Vec<String>,
}

/// Compares the LUTs of the netlist (places that LUTs and carries take) and Fmax.
pub fn judge(preset: &str, kept: &Report, now: &Report) -> Judgement {
    let mut judgement = Judgement::default();
    if (&kept.board, &kept.device) != (&now.board, &now.device) {
        let [was, is] = [kept, now].map(|report| format!("{} ({})", report.board, report.device.name));
        judgement.worse.push(format!("{preset}: built for {is}, kept for {was}; `make bench` keeps the new one"));
        return judgement;
    }
    for (tool, is) in &now.tools {
        if let Some(was) = kept.tools.get(tool).filter(|was| *was != is) {
            judgement.remarks.push(format!("{preset}: built with {tool} `{is}`, kept with `{was}`"));
        }
    }
    let (was, is) = (kept.cells.sites, now.cells.sites);
    let ratio = is as f64 / was as f64;
    let luts = format!("{preset}: {is} LUTs against {was} kept (ratio {ratio:.3})");
    if 100 * is > (100 + MORE_LUTS_PERCENT) * was {
        judgement.worse.push(format!("{luts}: more than {MORE_LUTS_PERCENT} % more"));
    } else if is < was {
        judgement.remarks.push(format!("{luts}: better"));
    }
    let (was, is) = (kept.fmax.median, now.fmax.median);
    let ratio = is / was;
    let fmax = format!("{preset}: Fmax {is:.2} MHz against {was:.2} MHz kept (ratio {ratio:.3})");
    // A millionth for the rounding of decimal numbers.
    if ratio < 1.0 - LESS_FMAX_PERCENT / 100.0 - 1e-6 {
        judgement.worse.push(format!("{fmax}: more than {LESS_FMAX_PERCENT} % less"));
    } else if is > was {
        judgement.remarks.push(format!("{fmax}: better"));
    }
    judgement
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A report of one placement.
    pub fn report(luts: u64, mhz: f64) -> Report {
        let fields = serde_json::json!({
            "format_version": 1, "generator": "logloom", "version": "0.1.0", "name": "digits", "design": "",
            "board": "ulx3s-25f", "title": "ULX3S 25F", "device": {"fabric": "ecp5", "name": "ECP5 LFE5U-25F-6"},
            "array": {"rows": 8, "columns": 4, "arithmetic": "exact (operand_bits=8)"},
            "clock": {"wanted_mhz": 50.0, "mhz": 50.0, "vco_mhz": 600.0, "baud": 1_000_000,
                      "dividers": {"ecp5": {"clki_div": 1, "clkfb_div": 2, "clkop_div": 12}}},
            "fmax": {"median": mhz, "least": mhz, "most": mhz, "seed": 1, "by_seed": {"1": mhz}},
            "utilisation": {"TRELLIS_COMB": {"used": 12_144, "available": 24_288}, "DP16KD": {"used": 0, "available": 56}},
            "cells": {"lut4": luts, "carry": 0, "sites": luts, "dff": 0, "ram": 0, "by_type": {}},
            "critical_path": [{"unit": "accelerator.array.pe", "signal": "sum_q", "nanoseconds": 12.25}],
            "memories": [{"name": "program", "banks": 1, "words": 256, "bits": 32, "total_bits": 8192},
                         {"name": "weight", "banks": 8, "words": 64, "bits": 16, "total_bits": 8192}],
            "performance": {"pe_count": 32, "batch": 16, "cycles_per_batch": 1000, "macs_per_batch": 90_000,
                            "samples_per_second": 800_000.0, "macs_per_second": 4.5e9},
            "inputs": [], "outputs": [], "tools": {"yosys": "0.70", "nextpnr-ecp5": "0.10"}
        });
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn three_per_cent_more_luts_pass_and_one_lut_more_does_not() {
        for luts in [100, 700, 12_300, 300_000] {
            let kept = report(luts, 50.0);
            let limit = luts * 103 / 100;
            assert_eq!(judge("p", &kept, &report(limit, 50.0)), Judgement::default(), "{luts}");
            assert_eq!(judge("p", &kept, &report(limit + 1, 50.0)).worse.len(), 1, "{luts}");
        }
        let worse = judge("digits-x", &report(1000, 50.0), &report(1031, 50.0)).worse;
        assert_eq!(worse, ["digits-x: 1031 LUTs against 1000 kept (ratio 1.031): more than 3 % more"]);
    }

    #[test]
    fn eight_per_cent_less_fmax_pass_and_a_hundredth_of_a_megahertz_more_does_not() {
        for mhz in [12.5, 50.0, 81.25, 143.75] {
            let kept = report(100, mhz);
            let limit = mhz * 0.92;
            assert_eq!(judge("p", &kept, &report(100, limit)), Judgement::default(), "{mhz}");
            assert_eq!(judge("p", &kept, &report(100, limit - 0.01)).worse.len(), 1, "{mhz}");
        }
        let worse = judge("digits-x", &report(100, 50.0), &report(100, 45.5)).worse;
        assert_eq!(worse, ["digits-x: Fmax 45.50 MHz against 50.00 MHz kept (ratio 0.910): more than 8 % less"]);
    }

    #[test]
    fn better_figures_and_other_tools_are_remarks() {
        let mut now = report(990, 55.0);
        now.tools.insert("yosys".into(), "0.71".into());
        let judgement = judge("p", &report(1000, 50.0), &now);
        assert!(judgement.worse.is_empty());
        assert_eq!(
            judgement.remarks,
            [
                "p: built with yosys `0.71`, kept with `0.70`",
                "p: 990 LUTs against 1000 kept (ratio 0.990): better",
                "p: Fmax 55.00 MHz against 50.00 MHz kept (ratio 1.100): better",
            ]
        );
    }

    #[test]
    fn both_figures_can_be_worse_and_a_median_decides() {
        let mut now = report(2000, 40.0);
        assert_eq!(judge("p", &report(1000, 50.0), &now).worse.len(), 2);
        now.fmax = super::super::report::Fmax::new([(1, 20.0), (2, 50.0), (3, 51.0)].into(), 3);
        assert_eq!(judge("p", &report(1000, 50.0), &now).worse.len(), 1);
    }

    #[test]
    fn another_board_cannot_be_compared() {
        let mut now = report(10, 500.0);
        now.board = "ulx3s-85f".into();
        let worse = judge("p", &report(1000, 50.0), &now).worse;
        assert_eq!(worse.len(), 1);
        assert!(worse[0].contains("built for ulx3s-85f (ECP5 LFE5U-25F-6), kept for ulx3s-25f"), "{}", worse[0]);
    }

    #[test]
    fn what_is_kept_comes_back_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let builds = folder.path().join("builds");
        keep(&builds, "p", &report(1000, 50.0)).unwrap();
        keep(&builds, "p", &report(1001, 50.0)).unwrap();
        assert_eq!(load(&builds, "p").unwrap().json().unwrap(), report(1001, 50.0).json().unwrap());
        let error = format!("{:#}", load(&builds, "q").unwrap_err());
        assert!(error.contains("q.json: no build is kept here; `make bench` keeps one"), "{error}");
        std::fs::write(builds.join("q.json"), "mine").unwrap();
        assert!(load(&builds, "q").is_err() && keep(&builds, "q", &report(1, 1.0)).is_err());
    }

    #[test]
    fn a_build_is_current_until_its_hardware_changes() {
        let root = tempfile::tempdir().unwrap();
        let builds = root.path().join("docs/builds");
        std::fs::create_dir(root.path().join("examples")).unwrap();
        let preset = select(&["digits-up5k".into()]).unwrap().remove(0);
        let current = |example: &str| {
            std::fs::write(preset.example(root.path()), format!("preset = \"digits-up5k\"\n{example}")).unwrap();
            let kept = load_all(root.path()).unwrap();
            assert_eq!(kept.len(), 1);
            kept[0].current
        };
        keep(&builds, preset.name, &report(1000, 50.0)).unwrap();
        assert!(!current(""), "built from nothing");

        let configuration = Configuration::load(&preset.example(root.path()), &[]).unwrap();
        let clock_mhz = configuration.build.clock_mhz;
        let planned = super::super::planned(&configuration, "", &preset.board, clock_mhz).unwrap();
        let mut built = report(1000, 50.0);
        built.board = preset.board.name.clone();
        built.device.name = preset.board.device.name.clone();
        built.inputs = super::super::report::inputs("any text", &planned.plan);
        keep(&builds, preset.name, &built).unwrap();
        assert!(current(""));
        assert!(current("[training]\nepochs = 3\n"));
        assert!(!current("[build]\nclock_mhz = 18\n"));
        assert!(!current("[array]\ncolumns = 1\n"));
        built.device.name = "iCE40 UP3K".into();
        keep(&builds, preset.name, &built).unwrap();
        assert!(!current(""));
    }

    #[test]
    fn every_preset_for_a_board_is_found_by_either_name() {
        let all = all().unwrap();
        assert!(!all.is_empty());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for preset in &all {
            assert!(preset.example(&root).exists(), "{}", preset.name);
            for name in [preset.name, preset.name.strip_prefix(PREFIX).unwrap(), &preset.board.name] {
                assert!(select(&[name.to_string()]).unwrap().contains(preset), "{name}");
            }
        }
        assert_eq!(select(&[]).unwrap(), all);
        let error = select(&["zx81".into()]).unwrap_err().to_string();
        assert!(
            error.starts_with("no preset is for board `zx81`; these have one: ") && error.contains("ulx3s-85f"),
            "{error}"
        );
    }
}
