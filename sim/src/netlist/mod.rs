//! The built-in simulation: a module hierarchy flattened into one net list and evaluated cycle by cycle.
//!
//! Two-state: a register is 0 until the first reset, a memory holds its initial contents. It is the plain evaluator
//! that a faster engine is measured against, so every step of it is meant to be checked by reading:
//!
//! 1. `hierarchy` expands instances and arrays into one graph whose wide vectors are only described,
//! 2. `resolve` follows every used range of bits to its driver, so that lanes and chains cost nothing,
//!    and leaves a [`Netlist`]: operations in an order in which operands come first,
//! 3. `program` puts operations of one kind side by side, so that the evaluator decides once per group,
//! 4. [`Simulator`] runs them.
//!
//! ```
//! use logloom_hdl::rtl::{Builder, unsigned};
//! use logloom_sim::netlist::Simulator;
//!
//! let mut m = Builder::new("counter", "Counts the cycles in which it is enabled.");
//! let enable = m.input("enable_i", unsigned(1));
//! let count = m.register("count_q", unsigned(8));
//! m.drive_when(&count, &enable, count.value() + 1);
//! m.output("count_o", count.value());
//!
//! let mut sim = Simulator::new(&m.finish().unwrap()).unwrap();
//! let (enable, count) = (sim.input("enable_i").unwrap(), sim.output("count_o").unwrap());
//! sim.set(enable, 1);
//! sim.run(3);
//! assert_eq!(sim.get(count), 3);
//! ```

mod hierarchy;
mod program;
mod resolve;
mod simulator;
#[cfg(test)]
mod tests;
pub mod wave;
mod wide;

use logloom_hdl::rtl::{Bits, Module, ReadUnderWrite};
use std::sync::Arc;

pub use simulator::{Hazard, Input, MemoryRef, Output, Signal, Simulator};

/// Position of a net in [`Netlist::nets`].
pub type NetId = u32;

/// A flat design. Operands of an operation stand before it in `nets`; only registers and memories close cycles.
#[derive(Debug, Default)]
pub struct Netlist {
    pub nets: Vec<Net>,
    /// Ports of the top module, in order; unused inputs included.
    pub inputs: Vec<(String, NetId)>,
    pub outputs: Vec<(String, NetId)>,
    pub registers: Vec<Register>,
    pub memories: Vec<Memory>,
    /// Every signal that survived, parents before children.
    pub names: Vec<Named>,
    /// What is looked up: a word for each index.
    pub tables: Vec<Arc<[u32]>>,
}

/// One value, 1 bit to thousands of bits wide.
#[derive(Debug)]
pub struct Net {
    pub width: u32,
    pub driver: Driver,
}

#[derive(Debug)]
pub enum Driver {
    /// An input of the top module.
    Input,
    /// The output of a register or the read data of a memory.
    State,
    Constant(Bits),
    Op(Op, Vec<NetId>),
}

/// What an operation computes, on bit patterns: signs are part of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    Not,
    Negate,
    /// One bit: some, all, an odd number of the operand's bits are set.
    Any,
    All,
    Parity,
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    /// One bit.
    Equal,
    NotEqual,
    Less,
    LessSigned,
    LessEqual,
    LessEqualSigned,
    /// Value, amount. An amount of at least the width shifts everything out.
    ShiftLeft,
    ShiftRight,
    ShiftRightSigned,
    /// Condition, then, otherwise.
    Mux,
    /// Index, choices; the last choice for every index beyond them.
    Select,
    /// The word at the index, in this one of the tables.
    Lookup(u32),
    /// As many bits as the result is wide, from this bit of the operand up.
    Slice(u32),
    /// Least significant part first.
    Concat,
    /// Widened with copies of the top bit.
    SignExtend,
}

/// Takes `next` at the clock edge when `enable` is 1 or absent; while in reset `reset`, if there is one.
#[derive(Debug)]
pub struct Register {
    pub value: NetId,
    pub next: NetId,
    pub enable: Option<NetId>,
    pub reset: Option<Bits>,
}

/// A synchronous-read memory, see [`logloom_hdl::rtl::Memory`].
#[derive(Debug)]
pub struct Memory {
    pub path: String,
    pub depth: u32,
    pub width: u32,
    pub read_enable: NetId,
    pub read_address: NetId,
    pub write: Option<MemoryWrite>,
    pub read_under_write: ReadUnderWrite,
    pub init: Vec<Bits>,
    /// The read data.
    pub value: NetId,
}

#[derive(Debug)]
pub struct MemoryWrite {
    pub enable: NetId,
    pub address: NetId,
    pub data: NetId,
}

/// A signal by its hierarchical path.
#[derive(Debug)]
pub struct Named {
    /// `u_array.g_row[1].g_column[0].u_pe.sum_q`; without dots for a signal of the top module.
    pub path: String,
    pub width: u32,
    pub signed: bool,
    /// Where its bits are, least significant first: a flat vector of lanes is not a net of its own.
    pub pieces: Vec<Piece>,
}

/// Bits `low .. low + width` of a net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub net: NetId,
    pub low: u32,
    pub width: u32,
}

/// What to keep and what to break.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Patterns (see [`matches()`]) of signals that stay observable even when nothing else needs them.
    pub watch: Vec<String>,
    /// Defects to build in: a comparison that cannot find them proves nothing.
    pub faults: Vec<Fault>,
}

/// A defect of one bit of a named signal, seen by everything that reads the signal. Outputs of the elements of an array
/// are broken at the element (`u_pe.sum_o`): chains do not pass through the vector of all elements.
#[derive(Clone, Debug)]
pub struct Fault {
    pub path: String,
    pub bit: u32,
    pub kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    Inverted,
    StuckAt0,
    StuckAt1,
}

/// Why a module cannot be simulated, or a name not be found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("combinational loop: {}", path.join(" -> "))]
    Loop { path: Vec<String> },
    #[error("{path}: {message}")]
    Invalid { path: String, message: String },
    #[error("no {what} `{name}`; there are: {}", known.join(", "))]
    NotFound { what: &'static str, name: String, known: Vec<String> },
}

/// Expands the hierarchy below `top` into one net list: constants folded, equal operations shared, logic that
/// drives no output, memory or watched signal removed.
///
/// # Errors
/// A combinational loop (with the signals on it), an undriven or invalid signal, a fault on an unknown signal.
pub fn flatten(top: &Arc<Module>, options: &Options) -> Result<Netlist, Error> {
    let mut graph = hierarchy::expand(top)?;
    graph.inject(&options.faults)?;
    resolve::resolve(&graph, &options.watch)
}

/// Whether a path is chosen by a pattern: `*` stands for any characters, dots included, `?` for one; a pattern
/// without them chooses the signal of that path or everything below it. The empty pattern chooses everything.
pub fn matches(pattern: &str, path: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        let below = path.strip_prefix(pattern);
        return pattern.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    }
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    let (mut p, mut s) = (0, 0);
    // Where to resume when the characters after the last `*` do not match: the star takes one more.
    let mut star = None;
    while s < path.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, s));
                p += 1;
            }
            Some(&c) if c == b'?' || c == path[s] => {
                p += 1;
                s += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    p = after;
                    s = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}
