//! A finished module: what the printer prints and a simulator runs.

use super::{Bits, Expr, Signal, Type};
use std::sync::Arc;

/// One module of the hierarchy. Clock and reset are implicit: see [`Module::is_sequential`] and [`Module::is_reset`].
#[derive(Debug, PartialEq, Eq)]
pub struct Module {
    pub name: String,
    /// One or more sentences for the reader of the Verilog.
    pub doc: String,
    /// Every signal, indexed by [`Signal`], in the order of declaration.
    pub signals: Vec<Declaration>,
    /// Input ports in order.
    pub inputs: Vec<Signal>,
    /// Output ports in order: name and the expression that drives it.
    pub outputs: Vec<(String, Expr)>,
    pub memories: Vec<Memory>,
    pub instances: Vec<Instance>,
    /// Signals or slices that are deliberately not used.
    pub discarded: Vec<Expr>,
    /// For each output, the inputs (positions in `inputs`) it depends on within the cycle, ascending.
    pub paths: Vec<Vec<usize>>,
    /// Where somebody else wrote the module: this is printed; what is described here is its meaning, and what a simulator runs.
    pub foreign: Option<Foreign>,
}

/// A module that is there as Verilog. Its file is printed as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    pub text: Arc<str>,
    /// Every module that the text defines: that of the description, and those below it.
    pub modules: Vec<String>,
    /// The names of its ports, in the order of the description.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    /// That of its clock, where it holds state. It has no reset.
    pub clock: Option<String>,
}

/// A named signal and what drives it.
#[derive(Debug, PartialEq, Eq)]
pub struct Declaration {
    pub name: String,
    pub ty: Type,
    pub source: Source,
    /// A note for the reader where the name does not say it all.
    pub comment: Option<String>,
    pub attribute: Option<Attribute>,
}

/// What synthesis is told about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// It stays a signal of its own.
    Keep,
    /// A register whose values stay what they are.
    Encoding,
}

impl Attribute {
    /// As Verilog has it.
    pub const fn verilog(self) -> &'static str {
        match self {
            Attribute::Keep => "keep",
            Attribute::Encoding => "fsm_encoding = \"none\"",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    Input,
    /// Combinational. May depend on signals declared after it (never on itself: the checks see to that).
    Wire(Expr),
    /// On the rising clock edge: `reset`, if there is one, while `rst_ni` is low, else `next` when `enable` is 1 (or absent).
    Register {
        next: Expr,
        enable: Option<Expr>,
        reset: Option<Bits>,
    },
    /// The read data of `memories[_]`.
    MemoryRead(usize),
    /// An output of `instances[_]`, by position in the instantiated module's `outputs`; of an array: all elements
    /// side by side, the first element lowest, the last dimension fastest.
    InstanceOutput {
        instance: usize,
        output: usize,
    },
}

/// What a read returns when the same word is written in the same cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadUnderWrite {
    /// The word before the write.
    Old,
    /// The word being written.
    New,
    /// The schedule never does it: a simulator reports it as an error, synthesis may assume it.
    Never,
}

/// A synchronous-read memory: the data of an enabled read stands one cycle later and holds until the next.
/// The read register is not reset; the contents survive a reset.
#[derive(Debug, PartialEq, Eq)]
pub struct Memory {
    pub name: String,
    pub depth: u32,
    pub width: u32,
    pub read: ReadPort,
    /// None: a ROM.
    pub write: Option<WritePort>,
    pub read_under_write: ReadUnderWrite,
    /// In RAMs of one port and 16 bits x 16384 words, as an iCE40 UP5K has four; what they hold at power-up is not known.
    pub spram: bool,
    /// Contents at power-up, zero beyond the list.
    pub init: Vec<Bits>,
    /// The read data.
    pub data: Signal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPort {
    pub enable: Expr,
    /// Unsigned, exactly as wide as the depth needs (at least 1).
    pub address: Expr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WritePort {
    pub enable: Expr,
    /// The same expression as the read address makes a single-port memory.
    pub address: Expr,
    pub data: Expr,
}

/// An instance, or a regular array of instances, of a module.
#[derive(Debug, PartialEq, Eq)]
pub struct Instance {
    /// Without prefix: the printer writes `u_name`, and `g_dimension` around arrays.
    pub name: String,
    pub module: Arc<Module>,
    /// Name and size of each dimension; empty for a single instance.
    pub dimensions: Vec<(String, u32)>,
    /// One per input of the module, in its order.
    pub inputs: Vec<Connection>,
    /// The declared signal of each output of the module, in its order.
    pub outputs: Vec<Signal>,
}

/// How an input of the elements of an array is driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Every element gets the same value. The only one for a single instance.
    All(Expr),
    /// A flat vector with one lane for each index of the dimension: the element takes the lane of its index.
    Lane { dimension: usize, lanes: Expr },
    /// A flat vector with one lane for each element, the last dimension fastest.
    Element(Expr),
    /// The output (position) of the element before it along the dimension; at index 0 the lane of `first`, a flat
    /// vector over the other dimensions (one value if there is no other).
    Chain { dimension: usize, output: usize, first: Expr },
}

impl Module {
    /// Holds state, itself or below: has the port `clk_i`.
    pub fn is_sequential(&self) -> bool {
        !self.memories.is_empty()
            || self.signals.iter().any(|s| matches!(s.source, Source::Register { .. }))
            || self.instances.iter().any(|i| i.module.is_sequential())
    }

    /// Has a register with a reset, itself or below: has the port `rst_ni`. No foreign module has.
    pub fn is_reset(&self) -> bool {
        self.foreign.is_none()
            && (self.signals.iter().any(|s| matches!(s.source, Source::Register { reset: Some(_), .. }))
                || self.instances.iter().any(|i| i.module.is_reset()))
    }

    pub fn signal(&self, signal: Signal) -> &Declaration {
        &self.signals[signal.0 as usize]
    }

    /// Position of the input port of that name.
    pub fn input(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|&s| self.signal(s).name == name)
    }

    /// Position of the output port of that name.
    pub fn output(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|(n, _)| n == name)
    }

    /// Every distinct module at or below this one, children before parents, each once.
    /// An error if two different modules share a name, which is also that of a file: case makes no difference.
    pub fn hierarchy(self: &Arc<Self>) -> Result<Vec<Arc<Module>>, ElaborationError> {
        fn visit(module: &Arc<Module>, found: &mut Vec<Arc<Module>>) -> Result<(), ElaborationError> {
            if let Some(same) = found.iter().find(|m| m.name == module.name) {
                return if Arc::ptr_eq(same, module) || same == module {
                    Ok(())
                } else {
                    Err(ElaborationError {
                        path: module.name.clone(),
                        message: "two different modules have this name".into(),
                    })
                };
            }
            for instance in &module.instances {
                visit(&instance.module, found)?;
            }
            found.push(module.clone());
            Ok(())
        }
        let mut found = Vec::new();
        visit(self, &mut found)?;
        for module in &found {
            for name in module.foreign.iter().flat_map(|foreign| &foreign.modules) {
                let clash = |other: &&Arc<Module>| !Arc::ptr_eq(other, module) && other.name.eq_ignore_ascii_case(name);
                if let Some(other) = found.iter().find(clash) {
                    let message = format!("`{}` is defined, and the accelerator has a module `{}`", name, other.name);
                    return Err(ElaborationError { path: module.name.clone(), message });
                }
            }
        }
        Ok(found)
    }
}

impl Instance {
    /// Number of elements: 1 for a single instance.
    pub fn count(&self) -> u32 {
        self.dimensions.iter().map(|d| d.1).product()
    }
}

/// A mistake in a description, with the path of the culprit (`module.signal`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ElaborationError {
    pub path: String,
    pub message: String,
}

/// Width of the address of a memory of `depth` words; at least 1.
pub fn address_bits(depth: u32) -> u32 {
    depth.max(2).next_power_of_two().trailing_zeros()
}
