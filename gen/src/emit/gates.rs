//! What becomes of emitted Verilog on its way into a chip, as Verilog for a simulator: the gates that Yosys makes of it, and those
//! that are read back from the bitstream.
//!
//! Both are of an iCE40: Yosys has a model of every cell that it uses there (those of ECP5 and Gowin are without their block
//! memories), and its bitstreams can be read back.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tempfile::TempDir;

use super::Plan;
use super::plan::Entry;
use crate::flow::cache::Cache;
use crate::flow::doctor::version;
use crate::flow::yosys::{self, Options};
use crate::flow::{Device, Fabric, Tool, nextpnr, pack, unpack};

/// The models of its cells, in the data of Yosys.
const MODELS: &str = "ice40/cells_sim.v";

/// The models give times and cut widths as they like.
const WAIVERS: &str =
    "`verilator_config\nlint_off -rule TIMESCALEMOD\nlint_off -rule WIDTHTRUNC\nlint_off -rule WIDTHEXPAND\n";

/// The device whose bitstream is read back: iCE40 HX8K.
fn device() -> Device {
    Fabric::Ice40.device()
}

/// What [`netlist`] calls.
pub(super) const NETLIST_TOOLS: &[Tool] = &[Tool::Yosys];

/// What [`bitstream`] calls.
pub(super) const BITSTREAM_TOOLS: &[Tool] =
    &[Tool::Yosys, Tool::NextpnrIce40, Tool::Icepack, Tool::Iceunpack, Tool::IceboxVlog];

/// A plan with the folder `rtl` of one like it, but of gates: LUTs, carries, flip-flops and block memories, synthesised as for
/// a board, and the models of these cells. The text is kept in `cache`.
///
/// # Errors
/// Yosys is missing or fails, or the cache cannot be written.
pub fn netlist(plan: &Plan, top: &str, cache: &Path) -> Result<Plan> {
    gates("netlist", plan, top, cache, NETLIST_TOOLS, |sources| {
        let netlist = sources.folder.path().join("netlist.v");
        sources.synthesise(top, Options { verilog: Some(netlist.clone()), ..Options::new(device()) })?;
        std::fs::read_to_string(&netlist).with_context(|| netlist.display().to_string())
    })
}

/// As [`netlist()`], but placed and routed on an HX8K with a pin for every bit of the ports of `top`, packed, and read back from
/// the bitstream. One that is too large for the device is an error of nextpnr.
///
/// # Errors
/// A tool is missing or fails, or the cache cannot be written.
pub fn bitstream(plan: &Plan, top: &str, cache: &Path) -> Result<Plan> {
    gates("bitstream", plan, top, cache, BITSTREAM_TOOLS, |sources| {
        let at = |name: &str| sources.folder.path().join(name);
        let (netlist, pins, routed, packed) = (at("netlist.json"), at("pins.pcf"), at("routed.asc"), at("packed.bin"));
        sources.synthesise(top, Options { json: Some(netlist.clone()), ..Options::new(device()) })?;
        let ports = ports(&netlist, top)?;
        let bits: Vec<String> = ports.iter().flat_map(Port::bits).collect();
        ensure!(bits.len() <= PINS.len(), "{top} has {} bits of ports, an HX8K {} pins", bits.len(), PINS.len());
        let lines: String = bits.iter().zip(PINS).map(|(bit, pin)| format!("set_io {bit} {pin}\n")).collect();
        std::fs::write(&pins, lines).with_context(|| pins.display().to_string())?;
        let placement = nextpnr::Options {
            constraints: Some(pins.clone()),
            output: Some(routed.clone()),
            ..nextpnr::Options::new(1)
        };
        nextpnr::place_and_route(&netlist, &device(), &placement)?;
        pack::pack(&routed, &device(), &packed, &at("pack.log"))?;
        let chip = unpack::unpack(&packed, &pins)?;
        Ok(redeclared(&chip)? + &wrapper(top, &ports))
    })
}

/// What gates depend on.
#[derive(Serialize)]
struct Key<'a> {
    tools: Vec<String>,
    passes: String,
    verilog: &'a [Entry],
}

/// The Verilog of a plan in a folder.
struct Sources {
    folder: TempDir,
    files: Vec<PathBuf>,
}

impl Sources {
    fn synthesise(&self, top: &str, options: Options) -> Result<()> {
        yosys::synthesise(&self.files, top, &options)?;
        Ok(())
    }
}

fn gates(
    name: &str,
    plan: &Plan,
    top: &str,
    cache: &Path,
    tools: &[Tool],
    make: impl FnOnce(&Sources) -> Result<String>,
) -> Result<Plan> {
    let verilog = plan.subset(|path| path.starts_with("rtl/") && path.ends_with(".v"));
    let key = Key {
        tools: tools.iter().map(|&tool| Ok(version(tool)?)).collect::<Result<_>>()?,
        passes: Options::new(device()).passes(top),
        verilog: &verilog.entries(),
    };
    let text = Cache::new(cache).get(name, &key, || {
        let folder = tempfile::tempdir().context("a temporary folder for the gates")?;
        verilog.write(folder.path())?;
        let files = verilog.files().map(|(path, _)| folder.path().join(path)).collect();
        make(&Sources { folder, files })
    })?;
    let models = yosys::data(MODELS)?;
    let models = std::fs::read(&models).with_context(|| models.display().to_string())?;
    let mut gates = plan.subset(|_| false);
    gates.add("rtl/waivers.vlt", WAIVERS);
    gates.add(format!("rtl/{name}.v"), text);
    gates.add("rtl/cells.v", models);
    gates.add("rtl/files.f", format!("waivers.vlt\n{name}.v\ncells.v\n"));
    Ok(gates)
}

/// A port of a netlist.
struct Port {
    name: String,
    direction: String,
    width: usize,
}

impl Port {
    /// Its bits, as constraint files name them.
    fn bits(&self) -> Vec<String> {
        match self.width {
            1 => vec![self.name.clone()],
            width => (0..width).map(|bit| format!("{}[{bit}]", self.name)).collect(),
        }
    }
}

/// The ports of a module in a netlist of Yosys.
fn ports(netlist: &Path, top: &str) -> Result<Vec<Port>> {
    let text = std::fs::read(netlist).with_context(|| netlist.display().to_string())?;
    let json: serde_json::Value = serde_json::from_slice(&text).with_context(|| netlist.display().to_string())?;
    let ports = json["modules"][top]["ports"].as_object();
    let ports = ports.with_context(|| format!("{}: no module {top}", netlist.display()))?;
    let port = |(name, port): (&String, &serde_json::Value)| Port {
        name: name.clone(),
        direction: port["direction"].as_str().unwrap_or_default().into(),
        width: port["bits"].as_array().map_or(0, Vec::len),
    };
    Ok(ports.iter().map(port).collect())
}

/// icebox_vlog declares its ports in the heading, and again as wires and registers, which Verilator refuses: they are moved
/// out of the heading.
fn redeclared(chip: &str) -> Result<String> {
    const HEADING: &str = "module chip (";
    let parts = chip.split_once(HEADING).and_then(|(before, rest)| Some((before, rest.split_once(");")?)));
    let (before, (heading, body)) = parts.context("icebox_vlog: no module `chip`")?;
    // `input \name[3] `: the blank behind the name is part of it.
    let ports: Vec<(&str, &str)> = heading.split(", ").filter_map(|port| port.split_once(' ')).collect();
    let names: Vec<&str> = ports.iter().map(|(_, name)| *name).collect();
    let declarations: String = ports.iter().map(|(direction, name)| format!("{direction} {name};\n")).collect();
    Ok(format!("{before}{HEADING}{});\n{declarations}{body}", names.join(", ")))
}

/// Module `top` around module `chip`, whose ports are single bits.
fn wrapper(top: &str, ports: &[Port]) -> String {
    let declaration = |port: &Port| match port.width {
        1 => format!("    {} wire {}", port.direction, port.name),
        width => format!("    {} wire [{}:0] {}", port.direction, width - 1, port.name),
    };
    let declarations: Vec<String> = ports.iter().map(declaration).collect();
    let bits = ports.iter().flat_map(Port::bits);
    // An escaped name ends with a blank.
    let connections: Vec<String> = bits.map(|bit| format!("      .\\{bit} ({bit})")).collect();
    format!(
        "\nmodule {top} (\n{}\n);\n  chip u_chip (\n{}\n  );\nendmodule\n",
        declarations.join(",\n"),
        connections.join(",\n")
    )
}

/// The pins of an HX8K in the package CT256.
#[rustfmt::skip]
const PINS: &[&str] = &[
    "A1", "A2", "A5", "A6", "A7", "A9", "A10", "A11", "A15", "A16",
    "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12", "B13", "B14", "B15", "B16",
    "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11", "C12", "C13", "C14", "C16",
    "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D10", "D11", "D13", "D14", "D15", "D16",
    "E2", "E3", "E4", "E5", "E6", "E9", "E10", "E11", "E13", "E14", "E16",
    "F1", "F2", "F3", "F4", "F5", "F7", "F9", "F11", "F12", "F13", "F14", "F15", "F16",
    "G1", "G2", "G3", "G4", "G5", "G10", "G11", "G12", "G13", "G14", "G15", "G16",
    "H1", "H2", "H3", "H4", "H5", "H6", "H11", "H12", "H13", "H14", "H16",
    "J1", "J2", "J3", "J4", "J5", "J10", "J11", "J12", "J13", "J14", "J15", "J16",
    "K1", "K3", "K4", "K5", "K9", "K11", "K12", "K13", "K14", "K15", "K16",
    "L1", "L3", "L4", "L5", "L6", "L7", "L9", "L10", "L11", "L12", "L13", "L14", "L16",
    "M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9", "M11", "M12", "M13", "M14", "M15", "M16",
    "N2", "N3", "N4", "N5", "N6", "N7", "N9", "N10", "N12", "N16",
    "P1", "P2", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P14", "P15", "P16",
    "R1", "R2", "R3", "R4", "R5", "R6", "R9", "R10", "R11", "R12", "R14", "R15", "R16",
    "T1", "T2", "T3", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T13", "T14", "T15", "T16",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_leave_the_heading() {
        let chip = "\nmodule chip (input clk_i, output \\data_o[1] , input \\data_i[0] );\nwire clk_i;\nendmodule\n";
        let expected = "\nmodule chip (clk_i, \\data_o[1] , \\data_i[0] );\ninput clk_i;\noutput \\data_o[1] ;\ninput \\data_i[0] ;\n\
                        \nwire clk_i;\nendmodule\n";
        assert_eq!(redeclared(chip).unwrap(), expected);
        assert!(redeclared("module other ();").is_err());
    }

    #[test]
    fn the_wrapper_has_the_ports_of_the_top() {
        let port = |name: &str, direction: &str, width| Port { name: name.into(), direction: direction.into(), width };
        let text = wrapper("top", &[port("clk_i", "input", 1), port("data_o", "output", 2)]);
        let expected = "\nmodule top (\n    input wire clk_i,\n    output wire [1:0] data_o\n);\n  chip u_chip (\n      .\\clk_i (clk_i),\n      \
                        .\\data_o[0] (data_o[0]),\n      .\\data_o[1] (data_o[1])\n  );\nendmodule\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn pins_are_there_once() {
        let mut pins = PINS.to_vec();
        pins.sort_unstable();
        pins.dedup();
        assert_eq!(pins.len(), 206);
    }
}
