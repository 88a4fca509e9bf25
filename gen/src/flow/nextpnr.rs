//! nextpnr: placement and routing, and how fast and how full the device then is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::device::Device;
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
    /// The file that gives every port a pin, in the format of the fabric. Without it, nextpnr takes any free pins.
    pub constraints: Option<PathBuf>,
    /// The clock to strive for, in MHz. Without it, nextpnr's default.
    pub frequency: Option<f64>,
    /// Where to write the routed design, for the packer of the fabric.
    pub output: Option<PathBuf>,
    pub log: Option<PathBuf>,
    pub limit: Duration,
}

impl Options {
    pub fn new(seed: u32) -> Self {
        Options { seed, constraints: None, frequency: None, output: None, log: None, limit: Duration::from_secs(3600) }
    }
}

/// What nextpnr says about a routed design.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// MHz by net of the clock, as nextpnr names it. A clock without a path from register to register is not there.
    pub fmax: BTreeMap<String, f64>,
    /// By kind of place, as nextpnr names it.
    pub utilisation: BTreeMap<String, Utilisation>,
    /// The slowest path from register to register.
    pub critical_path: Vec<Segment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Utilisation {
    pub used: u64,
    pub available: u64,
}

impl Utilisation {
    /// In percent of what there is.
    pub fn percent(self) -> f64 {
        100.0 * self.used as f64 / self.available.max(1) as f64
    }
}

/// A step of a path: through a cell, or over wires to the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    pub nanoseconds: f64,
    /// The cell at its end, as Yosys named it: its place in the hierarchy, then a signal.
    pub cell: String,
}

impl Report {
    /// MHz of the slowest clock.
    pub fn slowest_clock(&self) -> Option<f64> {
        self.fmax.values().copied().min_by(f64::total_cmp)
    }
}

/// Places and routes a netlist of [`synthesise`](super::yosys::synthesise) that kept no hierarchy. How slow it comes out is
/// no failure.
///
/// Paths from and to pins do not count. On Gowin, nextpnr knows no delays of block memories either, and without constraints
/// there are eight pins beside the clock `clk_i`.
///
/// # Errors
/// A tool is missing or fails, a file cannot be read or written, or the report is not what nextpnr 0.11 writes.
pub fn place_and_route(netlist: &Path, device: &Device, options: &Options) -> Result<Report, ToolError> {
    let fabric = device.fabric;
    let mut call = Invocation::new(fabric.nextpnr())?
        .folder(folder_of(&[netlist]))
        .limit(options.limit)
        .args(arguments(device, options.constraints.is_some()))
        .args(["--timing-allow-fail", "--seed", &options.seed.to_string()]);
    if let Some(frequency) = options.frequency {
        call = call.args(["--freq", &frequency.to_string()]);
    }
    if let Some(log) = &options.log {
        call = call.log(log);
    }
    if let Some(output) = &options.output {
        let output = call.relative(output);
        call = call.arg(fabric.facts().output).arg(output);
    }
    let scratch = scratch()?;
    let report = scratch.path().join("report.json");
    let relative = call.relative(&report);
    call = call.arg("--report").arg(relative);
    let mut constraints = options.constraints.clone();
    let prepared = match fabric {
        Fabric::Ice40 | Fabric::Ecp5 => netlist.to_path_buf(),
        Fabric::Gowin => {
            let (netlist, any_pins) = prepare_gowin(netlist, constraints.is_some(), scratch.path())?;
            constraints = constraints.or(any_pins);
            netlist
        }
    };
    if let Some(constraints) = constraints {
        let constraints = call.relative(&constraints);
        call = match fabric {
            Fabric::Ice40 => call.arg("--pcf").arg(constraints),
            Fabric::Ecp5 => call.arg("--lpf").arg(constraints),
            Fabric::Gowin => call.arg("--vopt").arg(format!("cst={}", constraints.display())),
        };
    }
    let prepared = call.relative(&prepared);
    let finished = call.arg("--json").arg(prepared).run()?;
    let read = std::fs::read_to_string(&report)
        .map_err(|error| format!("it wrote no report: {error}"))
        .and_then(|text| parse(&text));
    read.map_err(|what| finished.unreadable(what))
}

/// The arguments that name the device, and without constraints have nextpnr choose pins.
pub(super) fn arguments(device: &Device, constrained: bool) -> Vec<String> {
    let mut arguments = device.place.clone();
    if device.fabric == Fabric::Ecp5 && !constrained {
        arguments.push("--lpf-allow-unconstrained".into());
    }
    arguments
}

/// The places that a design takes, from the table that nextpnr prints before it finds out whether there are enough.
pub fn places(log: &str) -> BTreeMap<String, Utilisation> {
    log.lines().filter_map(utilisation).collect()
}

/// Reads a line such as `Info: ICESTORM_LC:  8123/ 7680   105%`.
fn utilisation(line: &str) -> Option<(String, Utilisation)> {
    let (kind, rest) = line.strip_prefix("Info:")?.trim().split_once(':')?;
    let (used, rest) = rest.split_once('/')?;
    let available = rest.split_whitespace().next()?;
    let places = Utilisation { used: used.trim().parse().ok()?, available: available.parse().ok()? };
    rest.trim_end().ends_with('%').then(|| (kind.trim().to_string(), places))
}

/// Writes the netlist as nextpnr can time it, and constraints unless there are some, into `folder`.
fn prepare_gowin(netlist: &Path, constrained: bool, folder: &Path) -> Result<(PathBuf, Option<PathBuf>), ToolError> {
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ToolError::Io { path, source }
    };
    let text = std::fs::read_to_string(netlist).map_err(at(netlist))?;
    let prepared = gowin::prepare(&text, !constrained).map_err(std::io::Error::other).map_err(at(netlist))?;
    let path = folder.join("netlist.json");
    std::fs::write(&path, prepared.netlist).map_err(at(&path))?;
    let Some(constraints) = prepared.constraints else { return Ok((path, None)) };
    let pins = folder.join("pins.cst");
    std::fs::write(&pins, constraints).map_err(at(&pins))?;
    Ok((path, Some(pins)))
}

/// The part of the report that is read.
#[derive(Deserialize)]
struct Written {
    fmax: BTreeMap<String, Clock>,
    utilization: BTreeMap<String, Utilisation>,
    #[serde(default)]
    critical_paths: Vec<WrittenPath>,
}

/// `from` and `to`: `posedge <clock>`, or `<async>`.
#[derive(Deserialize)]
struct WrittenPath {
    from: String,
    to: String,
    path: Vec<WrittenSegment>,
}

#[derive(Deserialize)]
struct WrittenSegment {
    delay: f64,
    to: End,
}

#[derive(Deserialize)]
struct End {
    cell: String,
}

impl WrittenPath {
    fn nanoseconds(&self) -> f64 {
        self.path.iter().map(|segment| segment.delay).sum()
    }
}

#[derive(Deserialize)]
struct Clock {
    achieved: f64,
}

fn parse(report: &str) -> Result<Report, String> {
    let written: Written = serde_json::from_str(report).map_err(|error| format!("its report: {error}"))?;
    let fmax = written.fmax.into_iter().map(|(name, clock)| (name, clock.achieved)).collect();
    let between_registers = written.critical_paths.into_iter().filter(|path| path.from == path.to);
    let slowest = between_registers.max_by(|a, b| a.nanoseconds().total_cmp(&b.nanoseconds()));
    let segments = slowest.into_iter().flat_map(|path| path.path);
    let critical_path = segments.map(|s| Segment { nanoseconds: s.delay, cell: s.to.cell }).collect();
    Ok(Report { fmax, utilisation: written.utilization, critical_path })
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
    fn the_critical_path_is_the_slowest_between_registers() {
        let segment = |delay: f64, cell: &str| {
            let end = |cell: &str| serde_json::json!({"cell": cell, "loc": [1, 2], "port": "O"});
            serde_json::json!({"delay": delay, "from": end("x"), "to": end(cell), "type": "logic"})
        };
        let path = |from: &str, to: &str, path: Vec<serde_json::Value>| serde_json::json!({"from": from, "to": to, "path": path});
        let report = serde_json::json!({"fmax": {}, "utilization": {}, "critical_paths": [
            path("posedge clk", "posedge clk", vec![segment(0.5, "a"), segment(1.0, "b")]),
            path("posedge clk", "posedge clk", vec![segment(2.0, "c")]),
            path("<async>", "posedge clk", vec![segment(9.0, "pin")]),
        ]});
        let expected = [Segment { nanoseconds: 2.0, cell: "c".into() }];
        assert_eq!(parse(&report.to_string()).unwrap().critical_path, expected);
    }

    #[test]
    fn places_are_read_from_the_log() {
        let log = "Info: Device utilisation:\nInfo: \t         ICESTORM_LC:  8123/ 7680   105%\n\
                   Info: \t        ICESTORM_RAM:    30/   32    93%\nInfo: Packing: 3/4\nERROR: no\n";
        let expected = [("ICESTORM_LC", 8123, 7680), ("ICESTORM_RAM", 30, 32)];
        let expected = expected.map(|(kind, used, available)| (kind.to_string(), Utilisation { used, available }));
        assert_eq!(places(log), BTreeMap::from(expected));
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
            let options =
                yosys::Options { parameters, json: Some(netlist.clone()), ..yosys::Options::new(fabric.device()) };
            yosys::synthesise(&[file], "counter", &options).unwrap();
            let output = folder.path().join("routed");
            let options = Options { output: Some(output.clone()), ..Options::new(1) };
            let report = place_and_route(&netlist, &fabric.device(), &options).unwrap();
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
            let error = place_and_route(&netlist, &fabric.device(), &Options::new(1)).unwrap_err();
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
