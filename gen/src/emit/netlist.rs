//! The gates that Yosys makes of emitted Verilog, as Verilog for a simulator.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::Plan;
use super::plan::Entry;
use crate::flow::cache::Cache;
use crate::flow::doctor::version;
use crate::flow::yosys::{self, Options};
use crate::flow::{Fabric, Tool};

/// The fabric whose cells stand in a netlist: the one of which Yosys has a model of every cell that it uses. Those of ECP5 and
/// Gowin are without their block memories.
const FABRIC: Fabric = Fabric::Ice40;

/// The models of its cells, in the data of Yosys.
const MODELS: &str = "ice40/cells_sim.v";

/// The models give times and cut widths as they like.
const WAIVERS: &str =
    "`verilator_config\nlint_off -rule TIMESCALEMOD\nlint_off -rule WIDTHTRUNC\nlint_off -rule WIDTHEXPAND\n";

/// What a netlist depends on.
#[derive(Serialize)]
struct Key<'a> {
    tool: String,
    passes: &'a str,
    verilog: Vec<Entry>,
}

/// A plan with the folder `rtl` of one like it, but of gates: LUTs, carries, flip-flops and block memories of an iCE40, synthesised as
/// for a board, and the models of these cells. A netlist is kept in `cache`.
///
/// # Errors
/// Yosys is missing or fails, or the cache cannot be written.
pub fn netlist(plan: &Plan, top: &str, cache: &Path) -> Result<Plan> {
    let verilog = plan.subset(|path| path.starts_with("rtl/") && path.ends_with(".v"));
    let options = Options::new(FABRIC.device());
    let key = Key { tool: version(Tool::Yosys)?, passes: &options.passes(top), verilog: verilog.entries() };
    let text = Cache::new(cache).get("netlist", &key, || {
        let folder = tempfile::tempdir().context("a temporary folder for the netlist")?;
        verilog.write(folder.path())?;
        let netlist = folder.path().join("netlist.v");
        let files: Vec<_> = verilog.files().map(|(path, _)| folder.path().join(path)).collect();
        yosys::synthesise(&files, top, &Options { verilog: Some(netlist.clone()), ..options.clone() })?;
        std::fs::read_to_string(&netlist).with_context(|| netlist.display().to_string())
    })?;
    let models = yosys::data(MODELS)?;
    let models = std::fs::read(&models).with_context(|| models.display().to_string())?;
    let mut gates = plan.subset(|_| false);
    gates.add("rtl/waivers.vlt", WAIVERS);
    gates.add("rtl/netlist.v", text);
    gates.add("rtl/cells.v", models);
    gates.add("rtl/files.f", "waivers.vlt\nnetlist.v\ncells.v\n");
    Ok(gates)
}
