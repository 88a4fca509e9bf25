//! Expands instances and arrays of instances into one graph.

use super::{Error, Fault, FaultKind, Op};
use logloom_hdl::rtl::{
    BinaryOp, Bits, Connection, Expr, Instance, Kind, Module, ReadUnderWrite, ShiftOp, Source, Type, UnaryOp,
};
use std::collections::HashMap;
use std::sync::Arc;

pub(super) type NodeId = u32;

pub(super) struct Node {
    pub width: u32,
    pub value: Value,
}

pub(super) enum Value {
    /// Declared, not driven yet.
    Undriven,
    Input,
    /// A register's output or a memory's read data.
    State,
    Constant(Bits),
    Alias(NodeId),
    /// From this bit up.
    Slice(NodeId, u32),
    /// Parts with the position of their lowest bit, ascending.
    Concat(Vec<(u32, NodeId)>),
    SignExtend(NodeId),
    Op(Op, Vec<NodeId>),
}

/// The expanded hierarchy: every signal of every instance is a node, vectors of lanes are described and not built.
#[derive(Default)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    pub inputs: Vec<(String, NodeId)>,
    pub outputs: Vec<(String, NodeId)>,
    pub registers: Vec<Register>,
    pub memories: Vec<Memory>,
    pub names: Vec<Name>,
    pub tables: Vec<Arc<[u32]>>,
}

pub(super) struct Name {
    pub path: String,
    pub ty: Type,
    pub node: NodeId,
}

pub(super) struct Register {
    pub value: NodeId,
    pub next: NodeId,
    pub enable: Option<NodeId>,
    pub reset: Option<Bits>,
}

pub(super) struct Memory {
    pub path: String,
    pub depth: u32,
    pub width: u32,
    pub read_enable: NodeId,
    pub read_address: NodeId,
    /// Enable, address, data.
    pub write: Option<[NodeId; 3]>,
    pub read_under_write: ReadUnderWrite,
    pub init: Vec<Bits>,
    pub value: NodeId,
}

/// One instance: its signals are the nodes from `signals`, its outputs the nodes from `outputs`.
struct Scope<'a> {
    module: &'a Module,
    /// With the dot at the end; empty for the top.
    prefix: String,
    signals: NodeId,
    outputs: NodeId,
}

pub(super) fn expand(top: &Arc<Module>) -> Result<Graph, Error> {
    let mut graph = Graph::default();
    let scope = graph.enter(top, String::new());
    for (position, &input) in top.inputs.iter().enumerate() {
        let node = graph.input_of(&scope, position);
        graph.nodes[node as usize].value = Value::Input;
        graph.inputs.push((top.signal(input).name.clone(), node));
    }
    for (position, (name, _)) in top.outputs.iter().enumerate() {
        graph.outputs.push((name.clone(), scope.outputs + position as NodeId));
    }
    let mut waiting = vec![scope];
    let mut memo = HashMap::new();
    while let Some(scope) = waiting.pop() {
        memo.clear();
        let first_child = waiting.len();
        graph.fill(&scope, &mut memo, &mut waiting)?;
        // Children leave the stack in the order of declaration.
        waiting[first_child..].reverse();
    }
    Ok(graph)
}

impl Graph {
    fn node(&mut self, width: u32, value: Value) -> NodeId {
        self.nodes.push(Node { width, value });
        (self.nodes.len() - 1) as NodeId
    }

    /// The place of a table among all.
    fn table(&mut self, table: &Arc<[u32]>) -> u32 {
        let place = self.tables.iter().position(|other| Arc::ptr_eq(other, table)).unwrap_or(self.tables.len());
        if place == self.tables.len() {
            self.tables.push(table.clone());
        }
        place as u32
    }

    pub fn width(&self, node: NodeId) -> u32 {
        self.nodes[node as usize].width
    }

    /// Declares the signals and outputs of an instance.
    fn enter<'a>(&mut self, module: &'a Module, prefix: String) -> Scope<'a> {
        let signals = self.nodes.len() as NodeId;
        for declaration in &module.signals {
            let node = self.node(declaration.ty.width, Value::Undriven);
            self.names.push(Name { path: format!("{prefix}{}", declaration.name), ty: declaration.ty, node });
        }
        let outputs = self.nodes.len() as NodeId;
        for (name, driver) in &module.outputs {
            let node = self.node(driver.width(), Value::Undriven);
            self.names.push(Name { path: format!("{prefix}{name}"), ty: driver.ty(), node });
        }
        Scope { module, prefix, signals, outputs }
    }

    fn input_of(&self, scope: &Scope, position: usize) -> NodeId {
        scope.signals + scope.module.inputs[position].0
    }

    /// Drives everything in `scope` but its inputs, and declares the instances in it.
    fn fill<'a>(
        &mut self,
        scope: &Scope<'a>,
        memo: &mut HashMap<*const Kind, NodeId>,
        children: &mut Vec<Scope<'a>>,
    ) -> Result<(), Error> {
        for (index, declaration) in scope.module.signals.iter().enumerate() {
            let node = scope.signals + index as NodeId;
            match &declaration.source {
                Source::Input | Source::InstanceOutput { .. } => {}
                Source::Wire(value) => {
                    let value = self.expression(scope, &declaration.name, value, memo)?;
                    self.nodes[node as usize].value = Value::Alias(value);
                }
                Source::Register { next, enable, reset } => {
                    let next = self.expression(scope, &declaration.name, next, memo)?;
                    let enable = match enable {
                        Some(enable) => Some(self.expression(scope, &declaration.name, enable, memo)?),
                        None => None,
                    };
                    self.nodes[node as usize].value = Value::State;
                    self.registers.push(Register { value: node, next, enable, reset: reset.clone() });
                }
                Source::MemoryRead(_) => self.nodes[node as usize].value = Value::State,
            }
        }
        for memory in &scope.module.memories {
            let mut value = |graph: &mut Self, expr| graph.expression(scope, &memory.name, expr, memo);
            let read_enable = value(self, &memory.read.enable)?;
            let read_address = value(self, &memory.read.address)?;
            let write = match &memory.write {
                Some(w) => Some([value(self, &w.enable)?, value(self, &w.address)?, value(self, &w.data)?]),
                None => None,
            };
            self.memories.push(Memory {
                path: format!("{}{}", scope.prefix, memory.name),
                depth: memory.depth,
                width: memory.width,
                read_enable,
                read_address,
                write,
                read_under_write: memory.read_under_write,
                init: memory.init.clone(),
                value: scope.signals + memory.data.0,
            });
        }
        for instance in &scope.module.instances {
            self.instantiate(scope, instance, memo, children)?;
        }
        for (position, (name, driver)) in scope.module.outputs.iter().enumerate() {
            let value = self.expression(scope, name, driver, memo)?;
            self.nodes[scope.outputs as usize + position].value = Value::Alias(value);
        }
        Ok(())
    }

    fn instantiate<'a>(
        &mut self,
        scope: &Scope<'a>,
        instance: &'a Instance,
        memo: &mut HashMap<*const Kind, NodeId>,
        children: &mut Vec<Scope<'a>>,
    ) -> Result<(), Error> {
        let module: &'a Module = &instance.module;
        let sizes: Vec<u32> = instance.dimensions.iter().map(|d| d.1).collect();
        let first = children.len();
        for element in 0..instance.count() {
            let mut prefix = scope.prefix.clone();
            for ((name, _), index) in instance.dimensions.iter().zip(indices(element, &sizes)) {
                prefix += &format!("g_{name}[{index}].");
            }
            prefix += &format!("u_{}.", instance.name);
            let child = self.enter(module, prefix);
            children.push(child);
        }
        let elements = &children[first..];

        for (position, connection) in instance.inputs.iter().enumerate() {
            let width = module.signal(module.inputs[position]).ty.width;
            let source = match connection {
                Connection::All(value) | Connection::Element(value) => value,
                Connection::Lane { lanes, .. } => lanes,
                Connection::Chain { first, .. } => first,
            };
            let source = self.expression(scope, &instance.name, source, memo)?;
            for (element, child) in elements.iter().enumerate() {
                let element = element as u32;
                let at = indices(element, &sizes);
                let value = match connection {
                    Connection::All(_) => Value::Alias(source),
                    Connection::Lane { dimension, .. } => Value::Slice(source, at[*dimension] * width),
                    Connection::Element(_) => Value::Slice(source, element * width),
                    Connection::Chain { dimension, output, .. } if at[*dimension] > 0 => {
                        let stride: u32 = sizes[dimension + 1..].iter().product();
                        Value::Alias(elements[(element - stride) as usize].outputs + *output as NodeId)
                    }
                    Connection::Chain { dimension, .. } => {
                        let others = at.iter().zip(&sizes).enumerate().filter(|(d, _)| d != dimension);
                        let lane = others.fold(0, |lane, (_, (index, size))| lane * size + index);
                        Value::Slice(source, lane * width)
                    }
                };
                let node = self.input_of(child, position);
                self.nodes[node as usize].value = value;
            }
        }

        for (position, signal) in instance.outputs.iter().enumerate() {
            let width = module.outputs[position].1.width();
            let parts = elements.iter().zip(0..).map(|(e, i)| (i * width, e.outputs + position as NodeId)).collect();
            self.nodes[(scope.signals + signal.0) as usize].value = Value::Concat(parts);
        }
        Ok(())
    }

    /// The node of an expression in `scope`. Shared subexpressions are recognised by their address, which is unique as
    /// long as the module is borrowed.
    fn expression(
        &mut self,
        scope: &Scope,
        user: &str,
        root: &Expr,
        memo: &mut HashMap<*const Kind, NodeId>,
    ) -> Result<NodeId, Error> {
        // Not recursive: a fold over a long list is an expression as deep as the list.
        let mut stack = vec![(root, false)];
        while let Some((expr, operands_done)) = stack.pop() {
            let key = std::ptr::from_ref(expr.kind());
            if memo.contains_key(&key) {
                continue;
            }
            if !operands_done {
                stack.push((expr, true));
                stack.extend(expr.operands().into_iter().map(|operand| (operand, false)));
                continue;
            }
            let node = |e: &Expr| memo[&std::ptr::from_ref(e.kind())];
            let width = expr.width();
            let value = match expr.kind() {
                Kind::Signal(signal) if (signal.0 as usize) < scope.module.signals.len() => {
                    Value::Alias(scope.signals + signal.0)
                }
                Kind::Signal(_) => {
                    return Err(invalid(scope, user, "a signal of another module"));
                }
                Kind::Invalid(message) => return Err(invalid(scope, user, message)),
                Kind::Constant(bits) => Value::Constant(bits.clone()),
                Kind::Unary(op, a) => Value::Op(unary(*op), vec![node(a)]),
                Kind::Binary(op, a, b) => Value::Op(binary(*op, a.is_signed()), vec![node(a), node(b)]),
                Kind::Shift(op, a, amount) => {
                    let op = match (op, a.is_signed()) {
                        (ShiftOp::Left, _) => Op::ShiftLeft,
                        (ShiftOp::Right, false) => Op::ShiftRight,
                        (ShiftOp::Right, true) => Op::ShiftRightSigned,
                    };
                    Value::Op(op, vec![node(a), node(amount)])
                }
                Kind::Mux(c, a, b) => Value::Op(Op::Mux, vec![node(c), node(a), node(b)]),
                Kind::Select(index, choices) => {
                    Value::Op(Op::Select, std::iter::once(index).chain(choices).map(node).collect())
                }
                Kind::Lookup(index, table) => Value::Op(Op::Lookup(self.table(table)), vec![node(index)]),
                Kind::Slice(a, low) => Value::Slice(node(a), *low),
                Kind::Concat(parts) => concat(parts.iter().rev().map(|part| (part.width(), node(part)))),
                // Copies of one bit are its sign.
                Kind::Repeat(a, _) if a.width() == 1 => Value::SignExtend(node(a)),
                Kind::Repeat(a, count) => concat((0..*count).map(|_| (a.width(), node(a)))),
                Kind::Extend(a) if a.is_signed() => Value::SignExtend(node(a)),
                Kind::Extend(a) => {
                    let (low, fill) = (node(a), width - a.width());
                    let zero = self.node(fill, Value::Constant(Bits::zero(fill)));
                    Value::Concat(vec![(0, low), (a.width(), zero)])
                }
                Kind::Cast(a) => Value::Alias(node(a)),
            };
            let id = self.node(width, value);
            memo.insert(key, id);
        }
        Ok(memo[&std::ptr::from_ref(root.kind())])
    }

    /// Builds defects into named signals.
    pub fn inject(&mut self, faults: &[Fault]) -> Result<(), Error> {
        for fault in faults {
            let invalid = |message: String| Error::Invalid { path: fault.path.clone(), message };
            let name = self.names.iter().find(|n| n.path == fault.path);
            let node = name.ok_or_else(|| invalid("no such signal to break".into()))?.node;
            let width = self.width(node);
            if fault.bit >= width {
                return Err(invalid(format!("bit {} to break, of {width}", fault.bit)));
            }
            // The sound value moves to a node of its own, so that all readers see the broken one.
            let broken = std::mem::replace(&mut self.nodes[node as usize].value, Value::Undriven);
            let sound = self.node(width, broken);
            for value in
                self.registers.iter_mut().map(|r| &mut r.value).chain(self.memories.iter_mut().map(|m| &mut m.value))
            {
                if *value == node {
                    *value = sound;
                }
            }
            for (_, input) in &mut self.inputs {
                if *input == node {
                    *input = sound;
                }
            }
            let place = |bit: bool| {
                let words: Vec<u64> = (0..width.div_ceil(64))
                    .map(|w| {
                        let here = if fault.bit / 64 == w { 1 << (fault.bit % 64) } else { 0 };
                        if bit { here } else { !here }
                    })
                    .collect();
                Value::Constant(Bits::from_words(width, &words))
            };
            let (op, mask) = match fault.kind {
                FaultKind::Inverted => (Op::Xor, place(true)),
                FaultKind::StuckAt1 => (Op::Or, place(true)),
                FaultKind::StuckAt0 => (Op::And, place(false)),
            };
            let mask = self.node(width, mask);
            self.nodes[node as usize].value = Value::Op(op, vec![sound, mask]);
        }
        Ok(())
    }
}

fn invalid(scope: &Scope, user: &str, message: &str) -> Error {
    Error::Invalid { path: format!("{}{user}", scope.prefix), message: message.into() }
}

/// The index along every dimension of an element; the last dimension is the fastest.
fn indices(element: u32, sizes: &[u32]) -> Vec<u32> {
    let mut rest = element;
    let mut found: Vec<u32> = sizes
        .iter()
        .rev()
        .map(|size| {
            let index = rest % size;
            rest /= size;
            index
        })
        .collect();
    found.reverse();
    found
}

/// Parts (width, node), the least significant first.
fn concat(parts: impl Iterator<Item = (u32, NodeId)>) -> Value {
    let mut low = 0;
    let placed = parts.map(|(width, node)| {
        let at = low;
        low += width;
        (at, node)
    });
    Value::Concat(placed.collect())
}

fn unary(op: UnaryOp) -> Op {
    match op {
        UnaryOp::Not => Op::Not,
        UnaryOp::Negate => Op::Negate,
        UnaryOp::ReduceOr => Op::Any,
        UnaryOp::ReduceAnd => Op::All,
        UnaryOp::ReduceXor => Op::Parity,
    }
}

fn binary(op: BinaryOp, signed: bool) -> Op {
    match op {
        BinaryOp::Add => Op::Add,
        BinaryOp::Sub => Op::Sub,
        BinaryOp::Mul => Op::Mul,
        BinaryOp::And => Op::And,
        BinaryOp::Or => Op::Or,
        BinaryOp::Xor => Op::Xor,
        BinaryOp::Equal => Op::Equal,
        BinaryOp::NotEqual => Op::NotEqual,
        BinaryOp::Less if signed => Op::LessSigned,
        BinaryOp::Less => Op::Less,
        BinaryOp::LessEqual if signed => Op::LessEqualSigned,
        BinaryOp::LessEqual => Op::LessEqual,
    }
}
