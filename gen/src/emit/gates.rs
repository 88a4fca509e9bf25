//! Gates of an iCE40 as Verilog for a simulator: Yosys has a model of every cell that it uses there (those of ECP5 and Gowin are
//! without their block memories).

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::Plan;
use super::plan::Entry;
use crate::flow::cache::Cache;
use crate::flow::doctor::version;
use crate::flow::yosys::{self, Options};
use crate::flow::{Fabric, Tool};

/// The models of its cells, in the data of Yosys.
const MODELS: &str = "ice40/cells_sim.v";

/// The models give times and cut widths as they like.
const WAIVERS: &str =
    "`verilator_config\nlint_off -rule TIMESCALEMOD\nlint_off -rule WIDTHTRUNC\nlint_off -rule WIDTHEXPAND\n";

/// What [`netlist`] calls.
pub(super) const NETLIST_TOOLS: &[Tool] = &[Tool::Yosys];

/// What a netlist depends on.
#[derive(Serialize)]
struct Key<'a> {
    tools: Vec<String>,
    passes: String,
    verilog: &'a [Entry],
}

/// A plan with the folder `rtl` of one like it, but of gates: LUTs, carries, flip-flops and block memories, synthesised as for
/// a board, and the models of these cells. The text is kept in `cache`.
///
/// # Errors
/// Yosys is missing or fails, or the cache cannot be written.
pub fn netlist(plan: &Plan, top: &str, cache: &Path) -> Result<Plan> {
    let verilog = plan.subset(|path| path.starts_with("rtl/") && path.ends_with(".v"));
    let options = Options::new(Fabric::Ice40.device());
    let key = Key {
        tools: NETLIST_TOOLS.iter().map(|&tool| Ok(version(tool)?)).collect::<Result<_>>()?,
        passes: options.passes(top),
        verilog: &verilog.entries(),
    };
    let text = Cache::new(cache).get("netlist", &key, || {
        let folder = tempfile::tempdir().context("a temporary folder for the gates")?;
        verilog.write(folder.path())?;
        let files: Vec<_> = verilog.files().map(|(path, _)| folder.path().join(path)).collect();
        let netlist = folder.path().join("netlist.v");
        yosys::synthesise(&files, top, &Options { verilog: Some(netlist.clone()), ..options })?;
        std::fs::read_to_string(&netlist).with_context(|| netlist.display().to_string())
    })?;
    let mut gates = plan.subset(|_| false);
    with_models(&mut gates, "netlist.v", text)?;
    Ok(gates)
}

/// Plans gates, in the file `name`, and the models of their cells, as the folder `rtl`.
///
/// # Errors
/// Yosys has no such models.
pub fn with_models(plan: &mut Plan, name: &str, gates: String) -> Result<()> {
    let models = yosys::data(MODELS)?;
    let models = std::fs::read(&models).with_context(|| models.display().to_string())?;
    plan.add("rtl/waivers.vlt", WAIVERS);
    plan.add(format!("rtl/{name}"), gates);
    plan.add("rtl/cells.v", models);
    plan.add("rtl/files.f", format!("waivers.vlt\n{name}\ncells.v\n"));
    Ok(())
}
