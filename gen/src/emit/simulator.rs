//! The generated hardware as a process: compiled once, kept by its digest, driven as a target.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use logloom_hdl::accelerator;
use logloom_sim::target::process::Process;

use super::{Plan, gates, testbench};
use crate::files::sha256;
use crate::flow::{Fabric, Invocation, Tool, yosys};

/// What turns Verilog into a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Simulator {
    Verilator,
    /// Of Yosys. Another front end and another scheduler; slower to run.
    Cxxrtl,
    /// Verilator, on the gates that Yosys makes of the Verilog; see `emit/gates.rs`.
    Netlist(Fabric),
}

/// A large array takes minutes on a busy machine.
const BUILD_LIMIT: Duration = Duration::from_secs(3600);

/// Folders of builds that were killed are removed when they are this old.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Beginning of the names of such folders.
const BUILDING: &str = ".building-";

/// One build at a time in this process: each takes all cores, and several tests ask for the same one.
static BUILD: Mutex<()> = Mutex::new(());

impl Simulator {
    pub const fn name(self) -> &'static str {
        match self {
            Simulator::Verilator => "verilator",
            Simulator::Cxxrtl => "cxxrtl",
            Simulator::Netlist(Fabric::Ice40) => "netlist",
            Simulator::Netlist(Fabric::Ecp5) => "netlist:ecp5",
            Simulator::Netlist(Fabric::Gowin) => "netlist:gowin",
        }
    }

    /// The tools that [`build`] calls.
    pub fn tools(self) -> Vec<Tool> {
        let (gates, compiler): (&[Tool], _) = match self {
            Simulator::Verilator => (&[], Tool::Verilator),
            Simulator::Cxxrtl => (&[], Tool::Yosys),
            Simulator::Netlist(_) => (gates::NETLIST_TOOLS, Tool::Verilator),
        };
        [gates, &[compiler, Tool::Make, Tool::Cxx]].concat()
    }
}

/// The arguments for `make` in a testbench folder that name the tools as Logloom finds them.
///
/// # Errors
/// A tool is missing.
pub fn make_variables(simulator: Simulator) -> Result<Vec<String>> {
    let mut variables = vec![("CXX", Tool::Cxx.find()?.program)];
    match simulator {
        Simulator::Verilator | Simulator::Netlist(_) => variables.push(("VERILATOR", Tool::Verilator.find()?.program)),
        Simulator::Cxxrtl => {
            variables.push(("YOSYS", Tool::Yosys.find()?.program));
            variables.push(("CXXRTL", yosys::cxxrtl_runtime()?));
        }
    }
    Ok(variables.iter().map(|(name, path)| format!("{name}={}", path.display())).collect())
}

/// The program that simulates the hardware of `plan`, compiled into the folder `cache` unless it is there already.
///
/// Only the Verilog counts: plans with other programs or configurations share a simulator. `progress` hears of every step that is
/// not in the cache.
///
/// # Errors
/// A tool is missing or fails, or the cache cannot be written.
pub fn build(simulator: Simulator, plan: &Plan, cache: &Path, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let mut sources = match simulator {
        Simulator::Netlist(fabric) => gates::netlist(plan, accelerator::TOP, fabric, cache, progress)?,
        _ => plan.subset(|path| path.starts_with("rtl/")),
    };
    testbench(&mut sources, &[]);
    let built = match simulator {
        Simulator::Cxxrtl => "build/cxxrtl/accelerator",
        _ => "build/verilator/accelerator",
    };
    // In the name of a file.
    let name = simulator.name().replace(':', "-");
    compile(&name, &sources, built, simulator, cache, progress)
}

/// The program `built` that the Makefile in `tb/` of a plan makes with the tools of `simulator`, in the folder `cache` unless it is
/// there already. Any number of processes may compile at the same time, and be killed; a program in the cache is always
/// complete.
///
/// # Errors
/// As [`build`].
pub fn compile(
    name: &str,
    sources: &Plan,
    built: &str,
    simulator: Simulator,
    cache: &Path,
    progress: &dyn Fn(&str),
) -> Result<PathBuf> {
    // Not the versions of the tools: the pinned Verilator prints none.
    let key = sha256(format!("{name} {}", sources.digest()).as_bytes());
    let name = format!("{name}-{}-", &key[..32]);

    let _one = BUILD.lock().unwrap_or_else(PoisonError::into_inner);
    let cache = &std::path::absolute(cache)?;
    if let Some(program) = whole(cache, &name) {
        return Ok(program);
    }
    let problem = || format!("{}: the folder for compiled simulators cannot be written", cache.display());
    fs::create_dir_all(cache).with_context(problem)?;
    sweep(cache);
    // In the cache itself, for the rename at the end.
    let folder = tempfile::Builder::new().prefix(BUILDING).tempdir_in(cache).with_context(problem)?;
    sources.write(folder.path())?;
    let make = Invocation::new(Tool::Make)?
        .arg(built)
        .args(make_variables(simulator)?)
        .folder(folder.path().join("tb"))
        .limit(BUILD_LIMIT);
    progress("compile");
    make.run()?;
    let built = folder.path().join("tb").join(built);
    if !built.is_file() {
        bail!("{name}: make ended well and left no program");
    }
    let program = cache.join(name + &sha256(&fs::read(&built).with_context(problem)?)[..32]);
    fs::rename(&built, &program).with_context(problem)?;
    Ok(program)
}

/// The program whose name begins so and ends with the digest of its bytes. Others that begin so were damaged, and go.
fn whole(cache: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(cache).into_iter().flatten().flatten().find_map(|entry| {
        let digest = entry.file_name().to_str()?.strip_prefix(name)?.to_string();
        let whole = fs::read(entry.path()).is_ok_and(|bytes| sha256(&bytes)[..32] == digest);
        if !whole {
            // Best effort: if it stays, it is not taken all the same.
            let _ = fs::remove_file(entry.path());
        }
        whole.then(|| entry.path())
    })
}

/// Builds if need be, and starts.
///
/// # Errors
/// As [`build`] and [`Process::start`].
pub fn start(simulator: Simulator, plan: &Plan, cache: &Path, progress: &dyn Fn(&str)) -> Result<Process> {
    let program = build(simulator, plan, cache, progress)?;
    let mut command = Command::new(program);
    command.arg("--serve");
    Process::start(simulator.name(), command)
}

/// Removes what killed builds left. Best effort: it is only about room.
fn sweep(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let old = entry.metadata().and_then(|m| m.modified()).is_ok_and(|t| t.elapsed().is_ok_and(|a| a > ABANDONED));
        if old && entry.file_name().to_string_lossy().starts_with(BUILDING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
