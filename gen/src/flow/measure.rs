//! What a module costs, and how fast it is, on a fabric.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use logloom_hdl::rtl::{Module, verilog};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cache::Cache;
use super::doctor::version;
use super::fabric::Fabric;
use super::frame::frame;
use super::nextpnr::{self, Utilisation};
use super::tool::Tool;
use super::yosys::{self, CellCounts, scratch};

/// To be raised whenever this file or those it calls measure otherwise though all that [`Key`] holds is the same.
const METHOD: u32 = 1;

/// Everything that a measurement depends on.
#[derive(Serialize)]
struct Key<'a> {
    method: u32,
    verilog: &'a [Source],
    /// Name and version.
    tools: Vec<(&'static str, String)>,
    passes: &'a str,
    place: Vec<String>,
    seed: Option<u32>,
}

/// One file of Verilog.
#[derive(Serialize)]
struct Source {
    name: String,
    text: String,
}

/// The cells of the module alone, all below it included, for least area.
///
/// # Errors
/// Two modules have one name, Yosys is missing or fails, or the cache cannot be written.
pub fn cells(module: &Arc<Module>, fabric: Fabric, cache: &Cache) -> Result<CellCounts> {
    let sources = sources(module)?;
    let options = yosys::Options::new(fabric.device());
    let key = Key {
        method: METHOD,
        verilog: &sources,
        tools: versions(&[Tool::Yosys])?,
        passes: &options.passes(&module.name),
        place: Vec::new(),
        seed: None,
    };
    cache.get(&format!("{}-{}-cells", module.name, fabric.name()), &key, || {
        let folder = scratch()?;
        Ok(yosys::synthesise(&write(&sources, folder.path())?, &module.name, &options)?)
    })
}

/// MHz of the slowest path from register to register of the module in its [`frame`], which registers all inputs and outputs:
/// one for each seed of the placer. Synthesised as for [`cells`].
///
/// # Errors
/// As [`cells`], for nextpnr too.
pub fn fmax(module: &Arc<Module>, fabric: Fabric, seeds: &[u32], cache: &Cache) -> Result<Vec<f64>> {
    let frame = frame(module)?;
    let sources = sources(&frame)?;
    let mut options = yosys::Options::new(fabric.device());
    let passes = options.passes(&frame.name);
    let tools = versions(&[Tool::Yosys, fabric.nextpnr()])?;
    let folder = scratch()?;
    let netlist = folder.path().join("netlist.json");
    options.json = Some(netlist.clone());
    // Once, for the first seed that is not kept.
    let synthesised = Mutex::new(false);
    let synthesise = || -> Result<()> {
        let mut synthesised = synthesised.lock().unwrap_or_else(PoisonError::into_inner);
        if !*synthesised {
            yosys::synthesise(&write(&sources, folder.path())?, &frame.name, &options)?;
            *synthesised = true;
        }
        Ok(())
    };
    let of_seed = |&seed: &u32| {
        let place = nextpnr::arguments(&fabric.device(), false);
        let key =
            Key { method: METHOD, verilog: &sources, tools: tools.clone(), passes: &passes, place, seed: Some(seed) };
        cache.get(&format!("{}-{}-fmax", module.name, fabric.name()), &key, || {
            synthesise()?;
            let report = nextpnr::place_and_route(&netlist, &fabric.device(), &nextpnr::Options::new(seed))?;
            report.slowest_clock().with_context(|| format!("{}: no path from register to register", frame.name))
        })
    };
    seeds.par_iter().map(of_seed).collect()
}

/// A module that has been placed and routed on a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Routed {
    /// MHz of the slowest path from register to register.
    pub fmax: f64,
    /// Places by kind, as nextpnr names them; those of the frame included.
    pub utilisation: BTreeMap<String, Utilisation>,
    /// What placing and routing took.
    pub seconds: f64,
}

/// Places and routes a large module in its [`frame`], synthesised for least area, as for [`cells`].
///
/// # Errors
/// As [`fmax`]; the module does not fit, or takes nextpnr longer than `limit`.
pub fn routed(module: &Arc<Module>, fabric: Fabric, seed: u32, limit: Duration, cache: &Cache) -> Result<Routed> {
    let frame = frame(module)?;
    let sources = sources(&frame)?;
    let folder = scratch()?;
    let netlist = folder.path().join("netlist.json");
    let mut options = yosys::Options::new(fabric.device());
    let key = Key {
        method: METHOD,
        verilog: &sources,
        tools: versions(&[Tool::Yosys, fabric.nextpnr()])?,
        passes: &options.passes(&frame.name),
        place: nextpnr::arguments(&fabric.device(), false),
        seed: Some(seed),
    };
    cache.get(&format!("{}-{}-routed", module.name, fabric.name()), &key, || {
        options.json = Some(netlist.clone());
        yosys::synthesise(&write(&sources, folder.path())?, &frame.name, &options)?;
        let start = Instant::now();
        let options = nextpnr::Options { limit, ..nextpnr::Options::new(seed) };
        let report = nextpnr::place_and_route(&netlist, &fabric.device(), &options)?;
        let fmax = report.slowest_clock();
        Ok(Routed {
            fmax: fmax.with_context(|| format!("{}: no path from register to register", frame.name))?,
            utilisation: report.utilisation,
            seconds: start.elapsed().as_secs_f64(),
        })
    })
}

fn sources(module: &Arc<Module>) -> Result<Vec<Source>> {
    let source = |module: &Arc<Module>| Source { name: format!("{}.v", module.name), text: verilog::print(module, "") };
    Ok(module.hierarchy()?.iter().map(source).collect())
}

fn versions(tools: &[Tool]) -> Result<Vec<(&'static str, String)>> {
    tools.iter().map(|&tool| Ok((tool.name(), version(tool)?))).collect()
}

fn write(sources: &[Source], folder: &Path) -> Result<Vec<PathBuf>> {
    let write = |source: &Source| {
        let path = folder.join(&source.name);
        std::fs::write(&path, &source.text).with_context(|| path.display().to_string())?;
        Ok(path)
    };
    sources.iter().map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::needs;
    use super::*;
    use logloom_hdl::rtl::{Builder, unsigned};

    fn counter() -> Arc<Module> {
        let mut m = Builder::new("counter", "For a test.");
        let enable = m.input("enable_i", unsigned(1));
        let count = m.register("count_q", unsigned(8));
        m.drive_when(&count, &enable, count.value() + 1);
        m.output("count_o", count.value());
        m.finish().unwrap()
    }

    fn files(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_counter_is_measured_once() {
        for fabric in [Fabric::Ice40, Fabric::Ecp5] {
            if !needs(&[Tool::Yosys, fabric.nextpnr()]) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let cache = Cache::new(folder.path());
            let cells = || cells(&counter(), fabric, &cache).unwrap();
            let counted = cells();
            assert_eq!((counted.dff, counted.ram), (8, 0), "{fabric:?}");
            assert!((8..=10).contains(&counted.sites), "{fabric:?}: {counted:?}");
            let fmax = |seeds: &[u32]| fmax(&counter(), fabric, seeds, &cache).unwrap();
            let one = fmax(&[1]);
            let two = fmax(&[2, 1]);
            assert_eq!(one, two[1..], "{fabric:?}");
            assert!(two.iter().all(|fmax| (80.0..1000.0).contains(fmax)), "{fabric:?}: {two:?}");
            // The counts and two seeds, and none of them computed again.
            assert_eq!(files(folder.path()), 3);
            assert_eq!((cells(), fmax(&[2, 1])), (counted, two));
            assert_eq!(files(folder.path()), 3);
        }
    }

    #[test]
    fn the_frame_leaves_the_module_whole() {
        if !needs(&[Tool::Yosys]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let framed = frame(&counter()).unwrap();
        for fabric in Fabric::ALL {
            let (alone, framed) = (cells(&counter(), fabric, &cache).unwrap(), cells(&framed, fabric, &cache).unwrap());
            // One register for each input bit, two for each output bit; LUTs for the parity, and inverters on some fabrics.
            assert_eq!(framed.dff, alone.dff + 1 + 2 * 8, "{fabric:?}");
            assert_eq!(framed.carry, alone.carry, "{fabric:?}");
            assert!((7..=10).contains(&(framed.sites - alone.sites)), "{fabric:?}: {framed:?}");
        }
    }

    #[test]
    fn a_hierarchy_is_routed_once() {
        let (counter, mut m) = (counter(), Builder::new("pair", "For a test."));
        let enable = m.input("enable_i", unsigned(1));
        let first = m.instance("first", &counter, &[("enable_i", &enable)]).get("count_o");
        let second = m.instance("second", &counter, &[("enable_i", &first.bit(7))]).get("count_o");
        m.output("count_o", first ^ second);
        let pair = m.finish().unwrap();
        for fabric in [Fabric::Ice40, Fabric::Ecp5] {
            if !needs(&[Tool::Yosys, fabric.nextpnr()]) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let cache = Cache::new(folder.path());
            let routed = || routed(&pair, fabric, 1, Duration::from_secs(600), &cache).unwrap();
            let first = routed();
            assert!((80.0..1000.0).contains(&first.fmax), "{fabric:?}: {first:?}");
            // Two counters, and the registers of the frame.
            assert!(first.utilisation.values().any(|places| (16..100).contains(&places.used)), "{fabric:?}: {first:?}");
            assert_eq!((routed(), files(folder.path())), (first, 1));
        }
    }
}
