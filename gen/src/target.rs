//! Choosing what runs a program: by name, for a design.

use std::io::Write;
use std::ops::Range;

use anyhow::Result;
use logloom_hdl::accelerator::accelerator;
use logloom_hdl::design::Design;
use logloom_sim::model::Model;
use logloom_sim::netlist::{self, Fault};
use logloom_sim::target::Target;
use logloom_sim::target::simulation::{Settings, Simulation};
use sha2::{Digest, Sha256};

/// A kind of target, named as on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The software model: fast, without a clock
    Model,
    /// The built-in simulation of the hardware that is emitted: cycle-accurate
    Sim,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Model => "model",
            Kind::Sim => "sim",
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
        Kind::Model => Box::new(Model::new(design, digest(design))?),
        Kind::Sim => {
            let top = accelerator(design, digest(design))?;
            let watch = options.record.iter().map(|_| EVERYTHING.to_string()).collect();
            let netlist = netlist::Options { watch, faults: options.faults };
            let mut simulation = Simulation::new(&top, &Settings { netlist, ..Settings::default() })?;
            if let Some((window, out)) = options.record {
                simulation.record(&[EVERYTHING], window, out)?;
            }
            Box::new(simulation)
        }
    })
}

/// The register DIGEST: the first 32 bits of the SHA-256 of the design's text.
pub fn digest(design: &Design) -> u32 {
    let digest = Sha256::digest(design.digest_text());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}
