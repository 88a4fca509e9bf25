//! What nextpnr for Gowin needs beyond the netlist of Yosys: delays that it knows, and pins.
//!
//! nextpnr-himbaechel 0.11 knows the delay of `LUT4` alone, and takes a path through any smaller LUT for no path. Nor does
//! it time the pass-through that it puts before each flip-flop that is not beside the LUT or ALU it follows (a flip-flop of
//! Gowin has no other way in). Unchanged netlists look a fifth faster than they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Package pins of the GW1NR-9C in QN88P, first that of the clock.
const CLOCK_PIN: u32 = 52;
const PINS: [u32; 8] = [3, 4, 10, 11, 13, 14, 15, 16];

/// A LUT4 that passes on `I3`, its fastest input.
const PASS_I3: &str = "1111111100000000";

/// The netlist that Yosys writes. What is not looked at stays as it is.
#[derive(Serialize, Deserialize)]
struct Netlist {
    modules: BTreeMap<String, Module>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Module {
    #[serde(default)]
    attributes: Map<String, Value>,
    #[serde(default)]
    ports: BTreeMap<String, Port>,
    #[serde(default)]
    cells: BTreeMap<String, Cell>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Port {
    bits: Vec<Bit>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Cell {
    #[serde(rename = "type")]
    kind: String,
    parameters: BTreeMap<String, Value>,
    port_directions: BTreeMap<String, String>,
    connections: BTreeMap<String, Vec<Bit>>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A net by number, or a constant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
enum Bit {
    Net(u64),
    Constant(String),
}

/// A netlist ready for nextpnr.
pub(super) struct Prepared {
    pub netlist: String,
    /// The file of physical constraints, a pin for each port, if it was asked for.
    pub constraints: Option<String>,
}

/// Gives the netlist cells whose delays nextpnr knows, and its ports `any_pins`.
///
/// # Errors
/// In words, when the text is not a netlist of Yosys with a top module, or there are more ports than [`PINS`].
pub(super) fn prepare(netlist: &str, any_pins: bool) -> Result<Prepared, String> {
    let mut netlist: Netlist = serde_json::from_str(netlist).map_err(|error| format!("no netlist: {error}"))?;
    let is_top = |module: &&mut Module| module.attributes.contains_key("top");
    let top = netlist.modules.values_mut().find(is_top).ok_or("the netlist has no top module")?;
    let constraints = any_pins.then(|| constraints(&top.ports)).transpose()?;
    widen_luts(&mut top.cells)?;
    enter_flip_flops_through_luts(top);
    let netlist = serde_json::to_string(&netlist).map_err(|error| error.to_string())?;
    Ok(Prepared { netlist, constraints })
}

fn constraints(ports: &BTreeMap<String, Port>) -> Result<String, String> {
    let mut pins = PINS.iter();
    let mut text = String::new();
    for (name, port) in ports {
        for index in 0..port.bits.len() {
            let pin = if name == "clk_i" { Some(&CLOCK_PIN) } else { pins.next() };
            let pin = pin.ok_or_else(|| format!("the netlist has more than {} ports beside the clock", PINS.len()))?;
            let index = if port.bits.len() == 1 { String::new() } else { format!("[{index}]") };
            let _ = writeln!(text, "IO_LOC \"{name}{index}\" {pin};");
        }
    }
    Ok(text)
}

/// Turns LUT1 to LUT3 into LUT4 that ignore their other inputs: the same place, with the same delays, in the device.
fn widen_luts(cells: &mut BTreeMap<String, Cell>) -> Result<(), String> {
    for (name, cell) in cells {
        if !matches!(cell.kind.as_str(), "LUT1" | "LUT2" | "LUT3") {
            continue;
        }
        let table =
            cell.parameters.get("INIT").and_then(Value::as_str).filter(|table| [2, 4, 8].contains(&table.len()));
        let table = table.ok_or_else(|| format!("the table of `{name}` is not of bits"))?;
        let table = table.repeat(16 / table.len());
        cell.kind = "LUT4".into();
        cell.parameters.insert("INIT".into(), table.into());
    }
    Ok(())
}

/// Puts a LUT4 of its own before each flip-flop that does not follow a LUT alone. nextpnr does the same after placement
/// unless it placed an ALU in front, but then the delay is lost.
fn enter_flip_flops_through_luts(module: &mut Module) {
    let bits = module.ports.values().flat_map(|port| &port.bits);
    let bits = bits.chain(module.cells.values().flat_map(|cell| cell.connections.values().flatten()));
    let mut fresh = 1 + bits.map(|bit| if let Bit::Net(net) = bit { *net } else { 0 }).max().unwrap_or(0);
    let cells = &mut module.cells;
    let of_luts = cells.values().filter(|cell| cell.kind == "LUT4").filter_map(|cell| cell.connections.get("F"));
    // A LUT has one flip-flop beside it.
    let mut free: BTreeSet<Bit> = of_luts.flatten().cloned().collect();
    let mut entrances = BTreeMap::new();
    for (name, cell) in cells.iter_mut().filter(|(_, cell)| cell.kind.starts_with("DFF")) {
        let Some([data]) = cell.connections.get_mut("D").map(Vec::as_mut_slice) else { continue };
        if matches!(data, Bit::Constant(_)) || free.remove(data) {
            continue;
        }
        let entrance = Cell {
            kind: "LUT4".into(),
            parameters: [("INIT".into(), PASS_I3.into())].into(),
            port_directions: [("I3".into(), "input".into()), ("F".into(), "output".into())].into(),
            connections: [("I3".into(), vec![data.clone()]), ("F".into(), vec![Bit::Net(fresh)])].into(),
            rest: [("hide_name".into(), 1.into()), ("attributes".into(), Map::new().into())].into_iter().collect(),
        };
        *data = Bit::Net(fresh);
        fresh += 1;
        entrances.insert(format!("{name}$entrance"), entrance);
    }
    cells.extend(entrances);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each case, `D` of the flip-flops: a LUT's, the same LUT's again, another flip-flop's, an ALU's, a constant.
    fn netlist() -> Value {
        let cell = |kind: &str, parameters: Value, connections: Value| {
            let direction = |port: &str| if ["F", "Q", "SUM"].contains(&port) { "output" } else { "input" };
            let directions: Map<String, Value> =
                connections.as_object().unwrap().keys().map(|port| (port.clone(), direction(port).into())).collect();
            serde_json::json!({"hide_name": 0, "type": kind, "parameters": parameters, "attributes": {},
                "port_directions": directions, "connections": connections})
        };
        let dff = |data: Value, q: u64| {
            cell("DFFR", serde_json::json!({}), serde_json::json!({"D": [data], "Q": [q], "CLK": [2]}))
        };
        serde_json::json!({"creator": "Yosys", "modules": {
            "ALU": {"attributes": {"blackbox": "1"}},
            "counter": {
                "attributes": {"top": "1"},
                "ports": {"clk_i": {"direction": "input", "bits": [2]}, "count_o": {"direction": "output", "bits": [5, 7]}},
                "cells": {
                    "lut": cell("LUT2", serde_json::json!({"INIT": "0110"}), serde_json::json!({"I0": [5], "I1": [6], "F": [4]})),
                    "alu": cell("ALU", serde_json::json!({}), serde_json::json!({"I0": [5], "SUM": [9]})),
                    "a": dff(4.into(), 5), "b": dff(4.into(), 6), "c": dff(5.into(), 7), "d": dff(9.into(), 8),
                    "e": dff("0".into(), 10),
                },
                "netnames": {"kept": {"bits": [5]}},
            },
        }})
    }

    #[test]
    fn every_path_leads_through_cells_with_a_delay() {
        let prepared = prepare(&netlist().to_string(), true).unwrap();
        let netlist: Value = serde_json::from_str(&prepared.netlist).unwrap();
        let top = &netlist["modules"]["counter"];
        let cells = &top["cells"];
        assert_eq!(
            (&cells["lut"]["type"], &cells["lut"]["parameters"]["INIT"]),
            (&"LUT4".into(), &"0110011001100110".into())
        );
        let data = |cell: &str| cells[cell]["connections"]["D"][0].clone();
        assert_eq!((data("a"), data("e")), (4.into(), "0".into()), "these enter directly");
        for (cell, before) in [("b", 4), ("c", 5), ("d", 9)] {
            let entrance = &cells[format!("{cell}$entrance")];
            assert_eq!(entrance["connections"]["I3"][0], before);
            assert_eq!(entrance["connections"]["F"][0], data(cell));
            assert_eq!(entrance["type"], "LUT4");
        }
        let fresh: BTreeSet<u64> = ["b", "c", "d"].iter().map(|cell| data(cell).as_u64().unwrap()).collect();
        assert_eq!(fresh.len(), 3);
        assert!(*fresh.first().unwrap() > 10, "{fresh:?}");
        assert_eq!((&netlist["creator"], &top["netnames"]["kept"]["bits"][0]), (&"Yosys".into(), &5.into()));
    }

    #[test]
    fn every_port_bit_has_a_pin_and_the_clock_its_own() {
        let constraints = prepare(&netlist().to_string(), true).unwrap().constraints.unwrap();
        assert_eq!(constraints, "IO_LOC \"clk_i\" 52;\nIO_LOC \"count_o[0]\" 3;\nIO_LOC \"count_o[1]\" 4;\n");
        let mut large = netlist();
        large["modules"]["counter"]["ports"]["count_o"]["bits"] = vec![1; 9].into();
        assert!(prepare(&large.to_string(), true).err().unwrap().contains("more than 8 ports"));
    }

    #[test]
    fn what_is_no_netlist_is_refused() {
        assert!(prepare("", true).is_err());
        assert!(prepare(r#"{"modules": {}}"#, true).err().unwrap().contains("no top"));
    }
}
