//! The module of a unit as Yosys sees it: its ports, and whether it is nothing but a pipeline of logic.

use std::collections::BTreeMap;

use anyhow::Context;
use logloom_hdl::arith::guest::PRODUCT_BITS;
use serde::{Deserialize, Serialize};

use super::{Description, Problem};
use crate::files::sha256;
use crate::flow::cache::Cache;
use crate::flow::doctor::version;
use crate::flow::{Tool, ToolError, yosys};

/// To be raised whenever something else is found in the same file.
const METHOD: u32 = 5;

/// The name of the file for Yosys; its messages name the user's.
const FILE: &str = "guest.v";

/// The cells of every fabric, as Yosys has them.
const CELLS: &str = "+/ice40/cells_sim.v +/ecp5/cells_sim.v +/ecp5/cells_bb.v +/gowin/cells_sim.v +/gowin/cells_xtra_gw1n.v \
                     +/gowin/cells_xtra_gw2a.v";

/// What is known of a module that is as described.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Inspected {
    /// Every module that the file defines.
    pub modules: Vec<String>,
    /// Whether the ports are declared signed: moving, stationary, product.
    pub signed: [bool; 3],
    pub product_bits: u32,
}

/// Looks at the Verilog, unless the cache has it.
pub(super) fn inspect(description: &Description, text: &str, cache: &Cache) -> Result<Inspected, Problem> {
    if let Some(line) = text.lines().position(|line| line.split("//").next().unwrap_or(line).contains("`include")) {
        let what = format!("{}:{}: includes another file", description.verilog.display(), line + 1);
        return Err(Problem::new("guest.verilog", what, "put all modules into one file"));
    }
    let yosys = version(Tool::Yosys)?;
    let Description { module, moving, stationary, product, clock, latency, bits, .. } = description;
    let key = (METHOD, yosys, sha256(text.as_bytes()), [module, moving, stationary, product], (clock, latency, bits));
    let mut problem = None;
    let found = cache.get("guest-ports", &key, || {
        look(description, text).map_err(|found| {
            problem = Some(found);
            anyhow::anyhow!("refused")
        })
    });
    found.map_err(|error| problem.unwrap_or_else(|| Problem::of_tool("guest.verilog", &error)))
}

fn look(description: &Description, text: &str) -> Result<Inspected, Problem> {
    let Description { module, verilog, .. } = description;
    let problem = |what: String, remedy: &str| {
        let what = what.replace(&format!("{FILE}:"), &format!("{}:", verilog.display()));
        Problem::new("guest.verilog", what, remedy)
    };
    let io = |error: std::io::Error| Problem::of_tool("guest.verilog", &error.into());
    let folder = yosys::scratch()?;
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path(FILE), text).map_err(io)?;
    let script = format!(
        "read_verilog {FILE}; tee -q -o modules.txt ls; tee -q -o all.txt ls =*; hierarchy -check -top {module}; proc; flatten; \
         tee -q -o check.txt check; \
         tee -q -o loops.txt scc -all_cell_types; write_json netlist.json; \
         design -reset; read_verilog -lib -overwrite {CELLS}; tee -q -o cells.txt ls =*"
    );
    let run = yosys::run(folder.path(), &script);
    let listed = |file: &str| -> Vec<String> {
        let listing = std::fs::read_to_string(path(file)).unwrap_or_default();
        listing.lines().filter_map(|line| line.strip_prefix("  ")).map(|name| name.trim().to_owned()).collect()
    };
    let modules = listed("modules.txt");
    if let Err(error) = run {
        let ToolError::Failed { tail, .. } = &error else { return Err(error.into()) };
        let Some(message) = tail.lines().find(|line| line.contains("ERROR:")) else { return Err(error.into()) };
        if !modules.is_empty() && !modules.contains(module) {
            let what = format!("{} has no module `{module}`; it has {}", verilog.display(), modules.join(", "));
            return Err(Problem::new("guest.module", what, "name one of them"));
        }
        let (place, words) = message.split_once("ERROR:").unwrap_or(("", message));
        let place = if place.is_empty() { format!("{FILE}:") } else { place.trim_end().to_owned() };
        let message = format!("{place} {}", words.trim_start().trim_end_matches('.'));
        return Err(problem(message, "give plain Verilog that Yosys reads"));
    }
    // With those that are black boxes.
    let (all, cells) = (listed("all.txt"), listed("cells.txt"));
    if let Some(name) = all.iter().find(|name| cells.contains(name)) {
        let what = format!("{FILE}: module `{name}` is called like a cell of an FPGA");
        return Err(problem(what, "rename it: synthesis would take it for that cell"));
    }
    let netlist = std::fs::read_to_string(path("netlist.json")).map_err(io)?;
    let netlist = Netlist::parse(&netlist, module).map_err(|error| Problem::of_tool("guest.verilog", &error))?;
    let found = netlist.ports(description)?;
    if let Some(name) = ["keep_hierarchy", "abc9_box"].into_iter().find(|name| netlist.attributes.contains_key(*name)) {
        let what = format!("{FILE}: module `{module}` has the attribute {name}");
        return Err(problem(what, "leave it away: the array is synthesised as a whole"));
    }
    if let Some(latch) = netlist.cells.values().find(|cell| LATCHES.contains(&cell.kind.as_str())) {
        let what = format!("{}: a latch holds `{}`", latch.place(), netlist.name(latch));
        return Err(problem(what, "assign it in every case"));
    }
    if let Some(kept) = netlist.cells.values().find(|cell| modules.contains(&cell.kind)) {
        let what = format!("{}: an attribute keeps module `{}` apart from what is around it", kept.place(), kept.kind);
        return Err(problem(what, "leave keep_hierarchy away: the array is synthesised as a whole"));
    }
    if let Some(empty) = netlist.cells.values().find(|cell| !cell.kind.starts_with('$')) {
        let what = format!("{}: there is nothing in module `{}`", empty.place(), empty.kind);
        return Err(problem(what, "define what it does"));
    }
    let complaints = std::fs::read_to_string(path("check.txt")).map_err(io)?;
    if let Some((what, remedy)) = complaint(&complaints) {
        return Err(problem(what.replace(&format!("{module}.\\"), ""), remedy));
    }
    let loops = std::fs::read_to_string(path("loops.txt")).map_err(io)?;
    netlist
        .registers(description, &loops)
        .map_err(|Problem { key, what, remedy }| Problem { key, ..problem(what, &remedy) })?;
    Ok(Inspected { modules: all, ..found })
}

/// What to do where a product depends on more than its operands.
pub(super) const REMEDY_OF_STATE: &str =
    "have a product depend on the operands guest.latency cycles before it, and on nothing else";

const LATCHES: [&str; 4] = ["$dlatch", "$adlatch", "$dlatchsr", "$sr"];

/// The first complaint of `check`, and what to do.
fn complaint(text: &str) -> Option<(String, &'static str)> {
    let (_, complaint) = text.split_once("Warning: ")?;
    let first = complaint.lines().next()?;
    if first.contains("logic loop") {
        let place = complaint.split_once("source: ").map(|(_, place)| place.lines().next().unwrap_or_default());
        let line = place.map_or_else(|| FILE.to_owned() + ":", line_of);
        return Some((format!("{line} a combinational loop"), "break it, or register it and state the latency"));
    }
    let what = format!("{FILE}: {}", first.trim_end_matches('.'));
    Some((what, "drive every bit once, so that products depend on nothing but the operands"))
}

/// `guest.v:7.14-7.22` as `guest.v:7:`.
fn line_of(source: &str) -> String {
    // Of several places, the last is the innermost.
    let place = source.rsplit('|').next().unwrap_or(source);
    let line = place.rsplit_once(':').and_then(|(_, span)| span.split('.').next()).unwrap_or_default();
    format!("{FILE}:{line}:")
}

/// What is read of the netlist as JSON.
struct Netlist {
    ports: BTreeMap<String, PortFacts>,
    cells: BTreeMap<String, Cell>,
    netnames: BTreeMap<String, Net>,
    attributes: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct PortFacts {
    direction: String,
    bits: Vec<serde_json::Value>,
    #[serde(default)]
    signed: u32,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    parameters: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    connections: BTreeMap<String, Vec<serde_json::Value>>,
}

#[derive(Deserialize)]
struct Net {
    hide_name: u32,
    bits: Vec<serde_json::Value>,
}

impl Cell {
    fn place(&self) -> String {
        self.attributes
            .get("src")
            .map_or_else(|| FILE.to_owned(), |source| line_of(source).trim_end_matches(':').to_owned())
    }

    /// A parameter that is a row of bits has a one.
    fn is_set(&self, parameter: &str) -> bool {
        self.parameters.get(parameter).and_then(|bits| bits.as_str()).is_some_and(|bits| bits.contains('1'))
    }

    /// A read port of a table is one only if it has a clock.
    fn is_register(&self) -> bool {
        ["$dff", "$adff", "$sdff", "$aldff", "$ff", "$memwr"].iter().any(|kind| self.kind.starts_with(kind))
            || self.kind.starts_with("$memrd") && self.is_set("CLK_ENABLE")
    }
}

impl Netlist {
    fn parse(json: &str, module: &str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Design {
            modules: BTreeMap<String, Module>,
        }
        #[derive(Deserialize)]
        struct Module {
            ports: BTreeMap<String, PortFacts>,
            cells: BTreeMap<String, Cell>,
            netnames: BTreeMap<String, Net>,
            #[serde(default)]
            attributes: BTreeMap<String, serde_json::Value>,
        }
        let mut design: Design = serde_json::from_str(json).context("the netlist that Yosys wrote")?;
        let Module { ports, cells, netnames, attributes } =
            design.modules.remove(module).context("the netlist has the module")?;
        Ok(Netlist { ports, cells, netnames, attributes })
    }

    /// The name of what a cell drives.
    fn name(&self, cell: &Cell) -> &str {
        let bit = cell.connections.get("Q").and_then(|bits| bits.first());
        let has = |net: &Net| net.hide_name == 0 && bit.is_some_and(|bit| net.bits.contains(bit));
        let names = self.netnames.iter().filter(|(_, net)| has(net)).map(|(name, _)| name.as_str());
        // Rather than the port that it drives.
        names.min_by_key(|name| self.ports.contains_key(*name)).unwrap_or("?")
    }

    /// Whether the ports are those that are named, and no others.
    fn ports(&self, description: &Description) -> Result<Inspected, Problem> {
        let Description { module, moving, stationary, product, clock, bits, .. } = description;
        let has = || {
            let each = self.ports.iter();
            let each = each.map(|(name, port)| format!("{} {name} [{}]", port.direction, port.bits.len()));
            each.collect::<Vec<_>>().join(", ")
        };
        let find = |key, name: &str, direction: &str| {
            let port = self.ports.get(name).filter(|port| port.direction == direction);
            port.ok_or_else(|| {
                let what = format!("module `{module}` has no {direction} `{name}`; its ports are {}", has());
                Problem::new(key, what, "name the port as the Verilog does")
            })
        };
        let wide = |key, name: &str, port: &PortFacts, width: u32| {
            let what = format!("`{name}` has {} bits, not {width}", port.bits.len());
            let problem = Problem::new(key, what, "state the width that the port has");
            if port.bits.len() == width as usize { Ok(()) } else { Err(problem) }
        };
        if moving == stationary {
            let what = format!("`{moving}` is both operands");
            return Err(Problem::new("guest.b", what, "give each operand a port of its own"));
        }
        let (a, b) = (find("guest.a", moving, "input")?, find("guest.b", stationary, "input")?);
        wide("guest.operand_bits", moving, a, *bits)?;
        wide("guest.operand_bits", stationary, b, *bits)?;
        let p = find("guest.product", product, "output")?;
        let product_bits = p.bits.len() as u32;
        if product_bits > PRODUCT_BITS {
            let what = format!("`{product}` has {product_bits} bits");
            return Err(Problem::new("guest.product", what, format!("give it at most {PRODUCT_BITS}")));
        }
        if let Some(clock) = clock {
            wide("guest.clock", clock, find("guest.clock", clock, "input")?, 1)?;
        }
        let known = [Some(moving), Some(stationary), Some(product), clock.as_ref()];
        if let Some(extra) = self.ports.keys().find(|name| !known.contains(&Some(name))) {
            let what = format!("module `{module}` has a port `{extra}` that no key names; its ports are {}", has());
            let remedy = "give the unit two operands, a product and at most a clock, which guest.clock names";
            return Err(Problem::new("guest.verilog", what, remedy));
        }
        Ok(Inspected { modules: Vec::new(), signed: [a, b, p].map(|port| port.signed != 0), product_bits })
    }

    /// Whether there are registers just where there is a latency, all of the one clock, which is for nothing else, and none in one
    /// of the `loops` of cells that Yosys found: it would hold more than operands of `latency` cycles before.
    fn registers(&self, Description { clock, latency, .. }: &Description, loops: &str) -> Result<(), Problem> {
        let mut registers = self.cells.values().filter(|cell| cell.is_register());
        let clock = clock.as_ref().and_then(|clock| self.ports.get(clock)).map(|port| &port.bits);
        let Some(clock) = clock else {
            let Some(register) = registers.next() else { return Ok(()) };
            let what = format!("{}: `{}` is a register, and the latency is 0", register.place(), self.name(register));
            let remedy = "state the cycles from operands to product in guest.latency, and the clock in guest.clock";
            return Err(Problem::new("guest.latency", what, remedy));
        };
        if let Some(register) = registers.clone().find(|register| {
            !register.is_set("CLK_POLARITY") || register.connections.get("CLK").is_some_and(|own| own != clock)
        }) {
            let what = format!("{}: `{}` has another clock", register.place(), self.name(register));
            return Err(Problem::new("guest.clock", what, "clock every register by the rising edge of guest.clock"));
        }
        let is_data = |cell: &&Cell| {
            cell.connections.iter().any(|(port, bits)| port != "CLK" && bits.iter().any(|bit| clock.contains(bit)))
        };
        if let Some(cell) = self.cells.values().find(is_data) {
            let what = format!("{}: the clock is an operand", cell.place());
            return Err(Problem::new(
                "guest.clock",
                what,
                "clock registers by guest.clock, and use it for nothing else",
            ));
        }
        let mut looped =
            loops.lines().filter_map(|line| line.strip_prefix("Found an SCC: ")).flat_map(str::split_whitespace);
        if let Some(register) = looped.find_map(|name| self.cells.get(name).filter(|cell| cell.is_register())) {
            let what = format!("{}: `{}` depends on itself a cycle before", register.place(), self.name(register));
            return Err(Problem::new("guest.verilog", what, REMEDY_OF_STATE));
        }
        match registers.next() {
            None => {
                let what = format!("the unit has no register, and the latency is {latency}");
                Err(Problem::new("guest.latency", what, "remove guest.latency and guest.clock"))
            }
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_apart() {
        let undriven = "Checking module mul...\nWarning: Wire mul.\\u is used but has no driver.\nFound\n";
        assert_eq!(complaint(undriven).unwrap().0, "guest.v: Wire mul.\\u is used but has no driver");
        let looped = "Warning: found logic loop in module mul:\n    cell $and$1 ($and) source: guest.v:7.14-7.22\n";
        assert_eq!(complaint(looped).unwrap().0, "guest.v:7: a combinational loop");
        assert_eq!(complaint("Found and reported 0 problems.\n"), None);
    }
}
