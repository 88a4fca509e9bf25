//! Choosing what runs a program: by name, for a design.

use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;

use crate::emit::simulator::{self, Simulator};
use crate::emit::{self, digest};
use anyhow::Result;
use logloom_hdl::accelerator::accelerator;
use logloom_hdl::design::Design;
use logloom_sim::model::Model;
use logloom_sim::netlist::{self, Fault};
use logloom_sim::target::Target;
use logloom_sim::target::simulation::{Settings, Simulation};

/// A kind of target, named as on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The software model: fast, without a clock
    Model,
    /// The built-in simulation of the hardware that is emitted: cycle-accurate
    Sim,
    /// The emitted Verilog, compiled by Verilator
    Verilator,
    /// The emitted Verilog, compiled by Yosys (CXXRTL): another front end, another simulator
    Cxxrtl,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Model => "model",
            Kind::Sim => "sim",
            Kind::Verilator => "verilator",
            Kind::Cxxrtl => "cxxrtl",
        }
    }
}

/// What only the built-in simulation can do.
#[derive(Default)]
pub struct Options {
    /// Defects to build in.
    pub faults: Vec<Fault>,
    /// A window of cycles of which all signals are written, as VCD.
    pub record: Option<(Range<u64>, Box<dyn Write + Send>)>,
}

/// Brings up a target.
///
/// # Errors
/// The design is not valid, or its hardware cannot be elaborated or simulated.
pub fn open(kind: Kind, design: &Design) -> Result<Box<dyn Target>> {
    open_with(kind, design, Options::default())
}

/// The same with options, which the model passes over.
///
/// # Errors
/// As [`open`]; or a fault names no signal, or the wave cannot be written.
pub fn open_with(kind: Kind, design: &Design, options: Options) -> Result<Box<dyn Target>> {
    /// The pattern of all signals.
    const EVERYTHING: &str = "";
    Ok(match kind {
        Kind::Model => Box::new(Model::new(design, digest::word(design))?),
        Kind::Sim => {
            let top = accelerator(design, digest::word(design))?;
            let watch = options.record.iter().map(|_| EVERYTHING.to_string()).collect();
            let netlist = netlist::Options { watch, faults: options.faults };
            let mut simulation = Simulation::new(&top, &Settings { netlist, ..Settings::default() })?;
            if let Some((window, out)) = options.record {
                simulation.record(&[EVERYTHING], window, out)?;
            }
            Box::new(simulation)
        }
        Kind::Verilator => compiled(Simulator::Verilator, design)?,
        Kind::Cxxrtl => compiled(Simulator::Cxxrtl, design)?,
    })
}

/// A simulator of the emitted Verilog, compiled unless it was before. They are kept in `target/simulators` of the current
/// folder, or in the folder that `LOGLOOM_CACHE` names.
fn compiled(simulator: Simulator, design: &Design) -> Result<Box<dyn Target>> {
    let cache = std::env::var_os("LOGLOOM_CACHE").map_or_else(|| "target/simulators".into(), PathBuf::from);
    Ok(Box::new(simulator::start(simulator, &emit::accelerator(design, "")?, &cache)?))
}
