//! Gates as Verilog for a simulator. Yosys has a model of every cell of an iCE40; those of ECP5 are without its block memory, of
//! which we have our own, and those of Gowin without its.

use std::path::Path;

use anyhow::{Context, Result, bail};
use logloom_hdl::arith::exact::MULTIPLIER_BLOCK;
use serde::Serialize;

use super::Plan;
use super::plan::Entry;
use crate::flow::cache::Cache;
use crate::flow::device::Device;
use crate::flow::doctor::version;
use crate::flow::yosys::{self, Options};
use crate::flow::{Fabric, Tool};

/// The models give times, cut widths as they like and begin with `<=`; the cells of ECP5 leave pins open that they have no use
/// for. A bit of a vector may come from another bit of it by way of other cells, which looks like a loop.
const WAIVED: [&str; 7] =
    ["INITIALDLY", "PINMISSING", "SPECIFYIGN", "TIMESCALEMOD", "UNOPTFLAT", "WIDTHEXPAND", "WIDTHTRUNC"];

/// The model of the block memory of ECP5.
const DP16KD: &str = include_str!("templates/cells/dp16kd.v");

/// What [`netlist`] calls.
pub const NETLIST_TOOLS: &[Tool] = &[Tool::Yosys];

/// What a netlist depends on.
#[derive(Serialize)]
struct Key<'a> {
    tools: Vec<String>,
    passes: String,
    verilog: &'a [Entry],
}

/// A plan with the folder `rtl` of one like it, but of gates: LUTs, carries, flip-flops and block memories, synthesised as for
/// a board, and the models of these cells. The text is kept in `cache`; `progress` hears if it is not there yet.
///
/// # Errors
/// Yosys is missing or fails, there are no models of the fabric, or the cache cannot be written.
pub fn netlist(plan: &Plan, top: &str, fabric: Fabric, cache: &Path, progress: &dyn Fn(&str)) -> Result<Plan> {
    let verilog = plan.subset(|path| path.starts_with("rtl/") && path.ends_with(".v"));
    let options = Options::new(match fabric {
        Fabric::Ice40 if plan.has_module(MULTIPLIER_BLOCK) => Device::ice40("up5k", "sg48"),
        fabric => fabric.device(),
    });
    let key = Key {
        tools: NETLIST_TOOLS.iter().map(|&tool| Ok(version(tool)?)).collect::<Result<_>>()?,
        passes: options.passes(top),
        verilog: &verilog.entries(),
    };
    let text = Cache::new(cache).get("netlist", &key, || {
        progress("synthesise");
        let folder = tempfile::tempdir().context("a temporary folder for the gates")?;
        verilog.write(folder.path())?;
        let files: Vec<_> = verilog.files().map(|(path, _)| folder.path().join(path)).collect();
        let netlist = folder.path().join("netlist.v");
        yosys::synthesise(&files, top, &Options { verilog: Some(netlist.clone()), ..options })?;
        std::fs::read_to_string(&netlist).with_context(|| netlist.display().to_string())
    })?;
    let mut gates = plan.subset(|_| false);
    with_models(&mut gates, fabric, "netlist.v", text)?;
    Ok(gates)
}

/// Plans gates, in the file `name`, and the models of their cells, as the folder `rtl`.
///
/// # Errors
/// There are no such models.
pub fn with_models(plan: &mut Plan, fabric: Fabric, name: &str, gates: String) -> Result<()> {
    let models = models(fabric)?;
    let waivers: String = WAIVED.iter().map(|rule| format!("lint_off -rule {rule}\n")).collect();
    plan.add("rtl/waivers.vlt", format!("`verilator_config\n{waivers}"));
    plan.add(format!("rtl/{name}"), gates);
    plan.add("rtl/cells.v", models);
    plan.add("rtl/files.f", format!("waivers.vlt\n{name}\ncells.v\n"));
    Ok(())
}

/// The models of the cells: our own, and those in the data of Yosys.
fn models(fabric: Fabric) -> Result<String> {
    let (own, of_yosys): (_, &[&str]) = match fabric {
        Fabric::Ice40 => ("", &["ice40/cells_sim.v"]),
        Fabric::Ecp5 => (DP16KD, &["lattice/common_sim.vh", "lattice/ccu2c_sim.vh"]),
        Fabric::Gowin => bail!("there is no model of the block memories of {}", fabric.name()),
    };
    // Of files with the names under which other tools know the same cells.
    let mut models = format!("`define NO_INCLUDES\n{own}");
    for name in of_yosys {
        let path = yosys::data(name)?;
        models += &std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    }
    Ok(models)
}
