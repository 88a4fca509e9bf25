//! Building a module.

use super::module::{
    Attribute, Connection, Declaration, ElaborationError, Foreign, Instance, Memory, Module, ReadPort, ReadUnderWrite,
    Source, WritePort,
};
use super::{Bits, Expr, Kind, Signal, Type, checks, unsigned};
use std::sync::Arc;

/// A module under construction. Nothing panics on a wrong description: [`Builder::finish`] reports every mistake.
pub struct Builder {
    module: Module,
    /// Registers that `drive` has met.
    driven: Vec<bool>,
    mistakes: Vec<ElaborationError>,
}

/// A register that is declared before it is driven, so that its next value may depend on it.
#[derive(Clone, Debug)]
pub struct Register {
    signal: Signal,
    value: Expr,
}

impl Register {
    /// The value the register holds now.
    pub fn value(&self) -> Expr {
        self.value.clone()
    }
}

/// A combinational value that is declared before it is assigned: modules whose outputs feed each other need it.
#[derive(Clone, Debug)]
pub struct Forward {
    signal: Signal,
    value: Expr,
}

impl Forward {
    /// The value that will be assigned.
    pub fn value(&self) -> Expr {
        self.value.clone()
    }
}

/// The outputs of an instance or an array of instances, by port name.
pub struct Outputs {
    module: Arc<Module>,
    dimensions: Vec<u32>,
    values: Vec<Expr>,
}

impl Outputs {
    /// The output of that name; of an array: all elements side by side, the last dimension fastest, element 0 lowest.
    pub fn get(&self, port: &str) -> Expr {
        match self.module.output(port) {
            Some(i) => self.values[i].clone(),
            None => Expr::new(unsigned(1), Kind::Invalid(format!("`{}` has no output `{port}`", self.module.name))),
        }
    }

    /// The outputs of the elements at the last index of the first dimension, side by side.
    pub fn last(&self, port: &str) -> Expr {
        let all = self.get(port);
        let count = self.dimensions.first().copied().unwrap_or(1).max(1);
        let width = all.width() / count;
        all.lane(count - 1, width)
    }
}

impl Builder {
    /// `doc`: what the module does, for the reader of the Verilog.
    pub fn new(name: &str, doc: &str) -> Self {
        Builder {
            module: Module {
                name: name.into(),
                doc: doc.into(),
                signals: Vec::new(),
                inputs: Vec::new(),
                outputs: Vec::new(),
                memories: Vec::new(),
                instances: Vec::new(),
                discarded: Vec::new(),
                paths: Vec::new(),
                foreign: None,
            },
            driven: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    fn mistake(&mut self, name: &str, message: impl Into<String>) {
        let path = format!("{}.{name}", self.module.name);
        self.mistakes.push(ElaborationError { path, message: message.into() });
    }

    fn declare(&mut self, name: &str, ty: Type, source: Source) -> (Signal, Expr) {
        let signal = Signal(self.module.signals.len() as u32);
        self.module.signals.push(Declaration { name: name.into(), ty, source, comment: None, attribute: None });
        self.driven.push(true);
        (signal, Expr::new(ty, Kind::Signal(signal)))
    }

    /// An input port, `name_i`.
    pub fn input(&mut self, name: &str, ty: Type) -> Expr {
        let (signal, value) = self.declare(name, ty, Source::Input);
        self.module.inputs.push(signal);
        value
    }

    /// An output port, `name_o`.
    pub fn output(&mut self, name: &str, value: impl AsRef<Expr>) {
        self.module.outputs.push((name.into(), value.as_ref().clone()));
    }

    /// A named combinational value.
    pub fn wire(&mut self, name: &str, value: impl AsRef<Expr>) -> Expr {
        let value = value.as_ref().clone();
        self.declare(name, value.ty(), Source::Wire(value)).1
    }

    /// Declares a combinational value to be assigned later with [`Builder::assign`]. It may be used before.
    pub fn forward(&mut self, name: &str, ty: Type) -> Forward {
        let (signal, value) = self.declare(name, ty, Source::Wire(Expr::zero(ty)));
        self.driven[signal.0 as usize] = false;
        Forward { signal, value }
    }

    /// Assigns a declared value.
    pub fn assign(&mut self, forward: &Forward, value: impl AsRef<Expr>) {
        let value = value.as_ref();
        let index = forward.signal.0 as usize;
        let Some(declaration) = self.module.signals.get_mut(index) else {
            return self.mistake("?", "a value of another module is assigned");
        };
        let (name, ty) = (declaration.name.clone(), declaration.ty);
        declaration.source = Source::Wire(value.clone());
        if std::mem::replace(&mut self.driven[index], true) {
            self.mistake(&name, "driven twice: merge the two with `mux`");
        }
        if value.ty() != ty {
            self.mistake(&name, format!("{ty} driven by {}", value.ty()));
        }
    }

    /// A register of `next`, one cycle later; reset to zero.
    pub fn reg(&mut self, name: &str, next: impl AsRef<Expr>) -> Expr {
        let next = next.as_ref();
        let register = self.register(name, next.ty());
        self.drive(&register, next);
        register.value
    }

    /// A register that takes `next` when `enable` is 1; reset to zero.
    pub fn reg_when(&mut self, name: &str, enable: impl AsRef<Expr>, next: impl AsRef<Expr>) -> Expr {
        let next = next.as_ref();
        let register = self.register(name, next.ty());
        self.drive_when(&register, enable, next);
        register.value
    }

    /// A register of `next`, one cycle later, without a reset: see [`Builder::register_unreset`].
    pub fn reg_unreset(&mut self, name: &str, next: impl AsRef<Expr>) -> Expr {
        let next = next.as_ref();
        let register = self.register_unreset(name, next.ty());
        self.drive(&register, next);
        register.value
    }

    /// A register that takes `next` when `enable` is 1, without a reset: see [`Builder::register_unreset`].
    pub fn reg_unreset_when(&mut self, name: &str, enable: impl AsRef<Expr>, next: impl AsRef<Expr>) -> Expr {
        let next = next.as_ref();
        let register = self.register_unreset(name, next.ty());
        self.drive_when(&register, enable, next);
        register.value
    }

    /// `value` delayed by `cycles` registers, `name1_q`, `name2_q`, ...; the value itself for 0.
    pub fn delay(&mut self, name: &str, value: impl AsRef<Expr>, cycles: u32) -> Expr {
        (1..=cycles).fold(value.as_ref().clone(), |v, i| self.reg(&format!("{name}{i}_q"), v))
    }

    /// Declares a register, reset to zero, to be driven later.
    pub fn register(&mut self, name: &str, ty: Type) -> Register {
        self.register_reset(name, ty, Bits::zero(ty.width))
    }

    /// Declares a register with a reset value, to be driven later.
    pub fn register_reset(&mut self, name: &str, ty: Type, reset: Bits) -> Register {
        if reset.width() != ty.width {
            self.mistake(name, format!("reset value of {} bits for {ty}", reset.width()));
        }
        self.declare_register(name, ty, Some(reset))
    }

    /// Declares a register without a reset, to be driven later: for data that nobody looks at before it is written. It
    /// follows its clock in reset too, and what it holds at power-up is not known.
    pub fn register_unreset(&mut self, name: &str, ty: Type) -> Register {
        self.declare_register(name, ty, None)
    }

    fn declare_register(&mut self, name: &str, ty: Type, reset: Option<Bits>) -> Register {
        let (signal, value) = self.declare(name, ty, Source::Register { next: Expr::zero(ty), enable: None, reset });
        self.driven[signal.0 as usize] = false;
        Register { signal, value }
    }

    /// Drives a declared register: it takes `next` every cycle.
    pub fn drive(&mut self, register: &Register, next: impl AsRef<Expr>) {
        self.drive_register(register, None, next.as_ref());
    }

    /// Drives a declared register: it takes `next` when `enable` is 1 and keeps its value otherwise.
    pub fn drive_when(&mut self, register: &Register, enable: impl AsRef<Expr>, next: impl AsRef<Expr>) {
        self.drive_register(register, Some(enable.as_ref().clone()), next.as_ref());
    }

    fn drive_register(&mut self, register: &Register, on: Option<Expr>, value: &Expr) {
        let index = register.signal.0 as usize;
        let Some(declaration) = self.module.signals.get_mut(index) else {
            return self.mistake("?", "a register of another module is driven");
        };
        let (name, ty) = (declaration.name.clone(), declaration.ty);
        if let Source::Register { next, enable, .. } = &mut declaration.source {
            *next = value.clone();
            *enable = on.clone();
        }
        if std::mem::replace(&mut self.driven[index], true) {
            self.mistake(&name, "driven twice: merge the two with `mux`");
        }
        if value.ty() != ty {
            self.mistake(&name, format!("{ty} driven by {}", value.ty()));
        }
        if let Some(enable) = on.filter(|e| e.ty() != unsigned(1)) {
            self.mistake(&name, format!("the enable is {}, not unsigned(1)", enable.ty()));
        }
    }

    /// A simple dual-port memory of `depth` words as wide as the write data; gives the read data, named `name_q`,
    /// one cycle after an enabled read. Declared with its ports, so state that they depend on must be declared before.
    pub fn memory(
        &mut self,
        name: &str,
        depth: u32,
        read_under_write: ReadUnderWrite,
        read: ReadPort,
        write: WritePort,
    ) -> Expr {
        let width = write.data.width();
        self.add_memory(name, width, |data| Memory {
            name: name.into(),
            depth,
            width,
            read,
            write: Some(write),
            read_under_write,
            spram: false,
            init: Vec::new(),
            data,
        })
    }

    /// A memory of one port, in SPRAM: reads at the address of the write, never in the same cycle.
    pub fn spram(&mut self, name: &str, depth: u32, read_enable: &Expr, write: WritePort) -> Expr {
        let read = ReadPort { enable: read_enable.clone(), address: write.address.clone() };
        let value = self.memory(name, depth, ReadUnderWrite::Never, read, write);
        self.module.memories.last_mut().expect("the one above").spram = true;
        value
    }

    /// A ROM with a registered read port.
    pub fn rom(&mut self, name: &str, width: u32, contents: Vec<Bits>, read: ReadPort) -> Expr {
        self.add_memory(name, width, |data| Memory {
            name: name.into(),
            depth: contents.len() as u32,
            width,
            read,
            write: None,
            read_under_write: ReadUnderWrite::Old,
            spram: false,
            init: contents,
            data,
        })
    }

    fn add_memory(&mut self, name: &str, width: u32, memory: impl FnOnce(Signal) -> Memory) -> Expr {
        let index = self.module.memories.len();
        let (data, value) = self.declare(&format!("{name}_q"), unsigned(width), Source::MemoryRead(index));
        self.module.memories.push(memory(data));
        value
    }

    /// One instance. `inputs`: port name and value, in any order.
    pub fn instance(&mut self, name: &str, module: &Arc<Module>, inputs: &[(&str, &Expr)]) -> Outputs {
        let inputs: Vec<(&str, Connection)> = inputs.iter().map(|(p, e)| (*p, Connection::All((*e).clone()))).collect();
        self.array(name, module, &[], inputs)
    }

    /// A regular array of instances, printed as labelled `generate` loops.
    pub fn array(
        &mut self,
        name: &str,
        module: &Arc<Module>,
        dimensions: &[(&str, u32)],
        inputs: Vec<(&str, Connection)>,
    ) -> Outputs {
        let mut connections: Vec<Option<Connection>> = vec![None; module.inputs.len()];
        for (port, connection) in inputs {
            match module.input(port) {
                None => self.mistake(name, format!("`{}` has no input `{port}`", module.name)),
                Some(i) if connections[i].is_some() => self.mistake(name, format!("input `{port}` is connected twice")),
                Some(i) => connections[i] = Some(connection),
            }
        }
        for (i, connection) in connections.iter().enumerate() {
            if connection.is_none() {
                let port = module.signal(module.inputs[i]).name.clone();
                self.mistake(name, format!("input `{port}` is not connected"));
            }
        }
        let count: u32 = dimensions.iter().map(|d| d.1).product();
        let index = self.module.instances.len();
        let mut outputs = Vec::new();
        let mut values = Vec::new();
        for (output, (port, driver)) in module.outputs.iter().enumerate() {
            let ty = if dimensions.is_empty() { driver.ty() } else { unsigned(driver.width() * count) };
            // `u_pe.sum_o` becomes `pe_sum`.
            let signal_name = format!("{name}_{}", port.strip_suffix("_o").unwrap_or(port));
            let (signal, value) = self.declare(&signal_name, ty, Source::InstanceOutput { instance: index, output });
            outputs.push(signal);
            values.push(value);
        }
        self.module.instances.push(Instance {
            name: name.into(),
            module: module.clone(),
            dimensions: dimensions.iter().map(|&(n, size)| (n.into(), size)).collect(),
            inputs: connections.into_iter().flatten().collect(),
            outputs,
        });
        Outputs { module: module.clone(), dimensions: dimensions.iter().map(|d| d.1).collect(), values }
    }

    /// A chain along `dimension` of an array of `module`: its input is the output `port` of the element before,
    /// `first` at index 0.
    pub fn chain(&mut self, module: &Arc<Module>, port: &str, dimension: usize, first: impl AsRef<Expr>) -> Connection {
        let output = module.output(port).unwrap_or_else(|| {
            self.mistake(port, format!("`{}` has no output `{port}`", module.name));
            0
        });
        Connection::Chain { dimension, output, first: first.as_ref().clone() }
    }

    /// A note printed beside the declaration of a signal.
    pub fn comment(&mut self, signal: &Expr, text: &str) {
        let Kind::Signal(Signal(index)) = signal.kind() else { return };
        match self.module.signals.get_mut(*index as usize) {
            Some(declaration) => declaration.comment = Some(text.into()),
            None => self.mistake("?", "a signal of another module is commented"),
        }
    }

    /// Has synthesis keep a wire or a register as a signal of its own, so that what it drives is not computed anew from
    /// what it is made of.
    pub fn keep(&mut self, signal: &Expr) {
        if let Kind::Signal(Signal(index)) = signal.kind() {
            self.module.signals[*index as usize].attribute = Some(Attribute::Keep);
        }
    }

    /// Has synthesis leave the values of a register as they are. Yosys would give a state a bit for each value, and make the reset
    /// a step from one of these: from no bit at all, which is how the flip-flops of many devices power up, it would lead nowhere.
    pub fn keep_encoding(&mut self, register: &Register) {
        self.module.signals[register.signal.0 as usize].attribute = Some(Attribute::Encoding);
    }

    /// States that a signal, or a slice of one, is deliberately not used.
    pub fn discard(&mut self, value: impl AsRef<Expr>) {
        self.module.discarded.push(value.as_ref().clone());
    }

    /// Checks the module and closes it. All mistakes are found; the first is returned by [`Builder::finish`].
    pub fn finish_all(mut self) -> Result<Arc<Module>, Vec<ElaborationError>> {
        for (index, driven) in self.driven.clone().into_iter().enumerate() {
            if !driven {
                let name = self.module.signals[index].name.clone();
                self.mistake(&name, "not driven: `drive` or `assign` it");
            }
        }
        checks::check(&mut self.module, &mut self.mistakes);
        if self.mistakes.is_empty() { Ok(Arc::new(self.module)) } else { Err(self.mistakes) }
    }

    /// States that the module is there as Verilog, of which what is described is the meaning.
    pub fn foreign(&mut self, foreign: Foreign) {
        self.module.foreign = Some(foreign);
    }

    /// Checks the module and closes it; the first mistake, if any.
    pub fn finish(self) -> Result<Arc<Module>, ElaborationError> {
        self.finish_all().map_err(|mut mistakes| mistakes.swap_remove(0))
    }
}
