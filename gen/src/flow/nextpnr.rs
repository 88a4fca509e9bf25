//! nextpnr: placement and routing, and how fast and how full the device then is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fabric::Fabric;
use super::gowin;
use super::run::{Invocation, folder_of};
use super::tool::ToolError;
use super::yosys::scratch;

/// How to place and route.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the placer starts. Fmax varies with it: quote a median over several.
    pub seed: u32,
    /// Where to write the routed design, for the packer of the fabric.
    pub output: Option<PathBuf>,
    pub log: Option<PathBuf>,
    pub limit: Duration,
}

impl Options {
    pub fn new(seed: u32) -> Self {
        Options { seed, output: None, log: None, limit: Duration::from_secs(3600) }
    }
}

/// What nextpnr says about a routed design.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// MHz by net of the clock, as nextpnr names it. A clock without a path from register to register is not there.
    pub fmax: BTreeMap<String, f64>,
    /// By kind of place, as nextpnr names it.
    pub utilisation: BTreeMap<String, Utilisation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Utilisation {
    pub used: u64,
    pub available: u64,
}

impl Report {
    /// MHz of the slowest clock.
    pub fn slowest_clock(&self) -> Option<f64> {
        self.fmax.values().copied().min_by(f64::total_cmp)
    }
}

/// Places and routes a netlist of [`synthesise`](super::yosys::synthesise) that kept no hierarchy, on any free pins. How
/// slow it comes out is no failure.
///
/// Paths from and to pins do not count. On Gowin, nextpnr knows no delays of block memories either, and there are eight
/// pins beside the clock `clk_i`.
///
/// # Errors
/// A tool is missing or fails, a file cannot be read or written, or the report is not what nextpnr 0.11 writes.
pub fn place_and_route(netlist: &Path, fabric: Fabric, options: &Options) -> Result<Report, ToolError> {
    let facts = fabric.facts();
    let mut call = Invocation::new(fabric.nextpnr())?
        .folder(folder_of(&[netlist]))
        .limit(options.limit)
        .args(facts.place)
        .args(["--timing-allow-fail", "--seed", &options.seed.to_string()]);
    if let Some(log) = &options.log {
        call = call.log(log);
    }
    if let Some(output) = &options.output {
        let output = call.relative(output);
        call = call.arg(facts.output).arg(output);
    }
    let scratch = scratch()?;
    let report = scratch.path().join("report.json");
    let relative = call.relative(&report);
    call = call.arg("--report").arg(relative);
    let prepared = match fabric {
        Fabric::Ice40 | Fabric::Ecp5 => netlist.to_path_buf(),
        Fabric::Gowin => {
            let (netlist, constraints) = prepare_gowin(netlist, scratch.path())?;
            let constraints = call.relative(&constraints);
            call = call.arg("--vopt").arg(format!("cst={}", constraints.display()));
            netlist
        }
    };
    let prepared = call.relative(&prepared);
    let finished = call.arg("--json").arg(prepared).run()?;
    let read = std::fs::read_to_string(&report)
        .map_err(|error| format!("it wrote no report: {error}"))
        .and_then(|text| parse(&text));
    read.map_err(|what| finished.unreadable(what))
}

/// Writes the netlist as nextpnr can time it, and its constraints, into `folder`.
fn prepare_gowin(netlist: &Path, folder: &Path) -> Result<(PathBuf, PathBuf), ToolError> {
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ToolError::Io { path, source }
    };
    let text = std::fs::read_to_string(netlist).map_err(at(netlist))?;
    let prepared = gowin::prepare(&text).map_err(std::io::Error::other).map_err(at(netlist))?;
    let files = (folder.join("netlist.json"), folder.join("pins.cst"));
    std::fs::write(&files.0, prepared.netlist).map_err(at(&files.0))?;
    std::fs::write(&files.1, prepared.constraints).map_err(at(&files.1))?;
    Ok(files)
}

/// The part of the report that is read.
#[derive(Deserialize)]
struct Written {
    fmax: BTreeMap<String, Clock>,
    utilization: BTreeMap<String, Utilisation>,
}

#[derive(Deserialize)]
struct Clock {
    achieved: f64,
}

fn parse(report: &str) -> Result<Report, String> {
    let written: Written = serde_json::from_str(report).map_err(|error| format!("its report: {error}"))?;
    let fmax = written.fmax.into_iter().map(|(name, clock)| (name, clock.achieved)).collect();
    Ok(Report { fmax, utilisation: written.utilization })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{COUNTER, needs, write};
    use super::super::tool::Tool;
    use super::super::yosys;
    use super::*;

    #[test]
    fn reports_are_read() {
        let json = r#"{"critical_paths": [], "fmax": {"clk": {"achieved": 101.5, "constraint": 12.0}, "slow": {"achieved": 9.0}},
            "utilization": {"ICESTORM_LC": {"used": 3, "available": 7680}}}"#;
        let report = parse(json).unwrap();
        assert_eq!((report.fmax["clk"], report.slowest_clock()), (101.5, Some(9.0)));
        assert_eq!(report.utilisation["ICESTORM_LC"], Utilisation { used: 3, available: 7680 });
        assert_eq!(parse(r#"{"fmax": {}, "utilization": {}}"#).unwrap().slowest_clock(), None);
    }

    #[test]
    fn reports_of_another_form_are_an_error() {
        assert!(parse("").is_err());
        assert!(parse(r#"{"fmax": {"clk": 100}, "utilization": {}}"#).is_err());
    }

    #[test]
    fn a_counter_is_routed_on_every_fabric() {
        for fabric in Fabric::ALL {
            if !needs(&[Tool::Yosys, fabric.nextpnr()]) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let file = write(folder.path(), "counter.v", COUNTER);
            let netlist = folder.path().join("netlist.json");
            let parameters = [("Width".to_string(), "4".to_string())].into();
            let options = yosys::Options { parameters, json: Some(netlist.clone()), ..yosys::Options::new(fabric) };
            yosys::synthesise(&[file], "counter", &options).unwrap();
            let output = folder.path().join("routed");
            let options = Options { output: Some(output.clone()), ..Options::new(1) };
            let report = place_and_route(&netlist, fabric, &options).unwrap();
            let fmax = report.slowest_clock().unwrap();
            assert!((80.0..1000.0).contains(&fmax), "{fabric:?}: {fmax} MHz");
            let used: u64 = report.utilisation.values().map(|place| place.used).sum();
            assert!((10..100).contains(&used), "{fabric:?}: {:?}", report.utilisation);
            let routed = std::fs::read_to_string(output).unwrap();
            assert!(routed.len() > 1000, "{fabric:?}");
            // What it adds after placement, it does not time.
            assert!(!routed.contains("passthrough"), "{fabric:?}");
        }
    }

    #[test]
    fn what_is_no_netlist_is_an_error_that_says_so() {
        for fabric in Fabric::ALL {
            if !needs(&[fabric.nextpnr()]) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let netlist = write(folder.path(), "netlist.json", "no netlist");
            let error = place_and_route(&netlist, fabric, &Options::new(1)).unwrap_err();
            let text = error.to_string();
            let said =
                if fabric == Fabric::Gowin { "netlist.json: no netlist" } else { "| ERROR: Failed to parse JSON" };
            assert!(text.contains(said), "{text}");
            if let ToolError::Failed { log: Some(log), .. } = error {
                std::fs::remove_file(log).unwrap();
            }
        }
    }
}
