//! Choosing what runs a program: by name, for a design.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use crate::build::chip;
use crate::config::Configuration;
use crate::emit::simulator::{self, Simulator};
use crate::emit::{self, Link, digest};
use crate::flow::Fabric;
use anyhow::{Result, bail, ensure};
use clap::builder::{PossibleValue, TypedValueParser, ValueParserFactory};
use logloom_hdl::accelerator::accelerator;
use logloom_hdl::design::Design;
use logloom_hdl::host::map::{self, Register};
use logloom_sim::model::Model;
use logloom_sim::netlist::{self, Fault};
use logloom_sim::target::simulation::{Settings, Simulation};
use logloom_sim::target::{Target, serial};

/// A kind of target, named as on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Model,
    Sim,
    Verilator,
    Cxxrtl,
    /// The gates of a fabric.
    Netlist(Fabric),
    Bitstream,
    /// A board, at the port of this name.
    Serial(String),
}

/// What precedes the name of a port.
const SERIAL: &str = "serial:";

/// Names on the command line, and what they mean.
const NAMES: [(&str, &str); 8] = [
    ("model", "The software model: fast, without a clock"),
    ("sim", "The built-in simulation of the hardware that is emitted: cycle-accurate"),
    ("verilator", "The emitted Verilog, compiled by Verilator"),
    ("cxxrtl", "The emitted Verilog, compiled by Yosys (CXXRTL): another front end, another simulator"),
    ("netlist", "The gates of an iCE40 that Yosys makes of the emitted Verilog, compiled by Verilator"),
    ("netlist:ecp5", "The same for an ECP5"),
    (
        "bitstream",
        "What is read back from the bitstream for an iCE40-HX8K-B-EVN, at its serial line, compiled by Verilator",
    ),
    (
        "serial:PORT",
        "The accelerator on a board, at a serial port such as /dev/ttyUSB0 or COM3; link.baud is its speed",
    ),
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Model => f.write_str("model"),
            Kind::Sim => f.write_str("sim"),
            Kind::Verilator => f.write_str("verilator"),
            Kind::Cxxrtl => f.write_str("cxxrtl"),
            Kind::Netlist(fabric) => f.write_str(Simulator::Netlist(*fabric).name()),
            Kind::Bitstream => f.write_str("bitstream"),
            Kind::Serial(port) => write!(f, "{SERIAL}{port}"),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix(SERIAL)) {
            ("model", _) => Ok(Kind::Model),
            ("sim", _) => Ok(Kind::Sim),
            ("verilator", _) => Ok(Kind::Verilator),
            ("cxxrtl", _) => Ok(Kind::Cxxrtl),
            ("netlist", _) => Ok(Kind::Netlist(Fabric::Ice40)),
            ("netlist:ecp5", _) => Ok(Kind::Netlist(Fabric::Ecp5)),
            ("bitstream", _) => Ok(Kind::Bitstream),
            (_, Some(port)) if !port.is_empty() => Ok(Kind::Serial(port.to_string())),
            _ => Err(format!("no such target; choose one of {}", NAMES.map(|(name, _)| name).join(", "))),
        }
    }
}

/// Reads a [`Kind`] from the command line, and tells help and completions what there is.
#[derive(Clone)]
pub struct KindParser;

impl TypedValueParser for KindParser {
    type Value = Kind;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> clap::error::Result<Kind> {
        Kind::from_str.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(NAMES.into_iter().map(|(name, help)| PossibleValue::new(name).help(help))))
    }
}

impl ValueParserFactory for Kind {
    type Parser = KindParser;

    fn value_parser() -> KindParser {
        KindParser
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

/// Brings up a target, and makes sure that it is the accelerator of the configuration, and idle, before anything is written.
///
/// # Errors
/// The hardware cannot be elaborated or simulated; nobody answers at a port; or it is another accelerator.
pub fn open(kind: &Kind, configuration: &Configuration) -> Result<Box<dyn Target>> {
    open_with(kind, configuration, Options::default())
}

/// The same with options, which all others pass over.
///
/// # Errors
/// As [`open`]; or a fault names no signal, or the wave cannot be written.
pub fn open_with(kind: &Kind, configuration: &Configuration, options: Options) -> Result<Box<dyn Target>> {
    /// The pattern of all signals.
    const EVERYTHING: &str = "";
    let design = configuration.design();
    let mut target: Box<dyn Target> = match kind {
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
        Kind::Verilator => compiled(Simulator::Verilator, design, kind)?,
        Kind::Cxxrtl => compiled(Simulator::Cxxrtl, design, kind)?,
        Kind::Netlist(fabric) => {
            ensure!(
                design.sprams() == 0 || *fabric == Fabric::Ice40,
                "{}: {} has no SPRAMs; choose the target netlist, or \"stored\"",
                configuration.place("memory.weight_codes"),
                fabric.device().name
            );
            compiled(Simulator::Netlist(*fabric), design, kind)?
        }
        Kind::Bitstream => Box::new(chip::start(configuration, &cache(), &|step| say(kind, step))?),
        Kind::Serial(port) => match configuration.link {
            Link::Uart { baud } => Box::new(serial::open(port, baud)?),
            Link::Spi | Link::Wishbone | Link::Axi => bail!(
                "{}: only an accelerator behind a UART is reached at a serial port; choose another target, or link.kind = \"uart\"",
                configuration.place("link.kind")
            ),
        },
    };
    identify(target.as_mut(), design)?;
    Ok(target)
}

/// Makes sure that a target is the accelerator of this design, and that it is idle: on a board, the program of a host that has
/// gone may still run.
fn identify(target: &mut dyn Target, design: &Design) -> Result<()> {
    let mut registers = [0; 2];
    target.read(Register::Id.address(), &mut registers)?;
    let [id, found] = registers;
    let name = target.name();
    ensure!(
        id == map::ID,
        "{name}: register ID reads {id:#010x}, not {:#010x}: no Logloom accelerator; choose another port",
        map::ID
    );
    let expected = digest::word(design);
    ensure!(
        found == expected,
        "{name}: this is the accelerator of another design (register DIGEST reads {found:#010x}, this configuration's is \
         {expected:#010x}); load the bitstream of this configuration, or name the configuration of that bitstream"
    );
    target.wait()
}

/// A simulator of the emitted Verilog, compiled unless it was before.
fn compiled(simulator: Simulator, design: &Design, kind: &Kind) -> Result<Box<dyn Target>> {
    let plan = emit::accelerator(design, "")?;
    Ok(Box::new(simulator::start(simulator, &plan, &cache(), &|step| say(kind, step))?))
}

/// Says what is done to bring up a target, which may take minutes.
fn say(kind: &Kind, step: &str) {
    // Not eprintln!, which panics when stderr is closed.
    let _ = writeln!(std::io::stderr(), "{kind}: {step}");
}

/// Compiled simulators are kept in `target/simulators` of the current folder, or in the folder that `LOGLOOM_CACHE` names.
fn cache() -> PathBuf {
    std::env::var_os("LOGLOOM_CACHE").map_or_else(|| "target/simulators".into(), PathBuf::from)
}
