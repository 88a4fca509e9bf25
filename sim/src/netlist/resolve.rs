//! From the described graph to nets: every used range of bits is followed to what drives it.
//!
//! Working on ranges, not on whole vectors, means that a lane of a flat vector of thousands of bits *is* the output
//! that drives it, and that a path from one lane to another is not mistaken for a loop.

use super::hierarchy::{Graph, NodeId, Value};
use super::wide::{self, Operand};
use super::{Driver, Error, Memory, MemoryWrite, Named, Net, NetId, Netlist, Op, Piece, Register, matches};
use logloom_hdl::rtl::Bits;
use std::collections::HashMap;
use std::sync::Arc;

/// Some bits of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Range {
    node: NodeId,
    low: u32,
    width: u32,
}

/// How a range is made of others.
enum Plan {
    /// The same bits.
    Same(Range),
    /// A net that nothing computes.
    Source(Driver),
    Op(Op, Vec<Range>),
}

pub(super) fn resolve(graph: &Graph, watch: &[String]) -> Result<Netlist, Error> {
    let mut resolver = Resolver { graph, found: HashMap::new(), nets: Vec::new(), shared: HashMap::new() };
    let ports = |resolver: &mut Resolver, ports: &[(String, NodeId)]| {
        let named = ports.iter().map(|(name, node)| Ok((name.clone(), resolver.whole(*node)?)));
        named.collect::<Result<Vec<_>, Error>>()
    };
    let inputs = ports(&mut resolver, &graph.inputs)?;
    let outputs = ports(&mut resolver, &graph.outputs)?;
    let mut registers = Vec::with_capacity(graph.registers.len());
    for r in &graph.registers {
        let enable = match r.enable {
            Some(enable) => Some(resolver.whole(enable)?),
            None => None,
        };
        registers.push(Register {
            value: resolver.whole(r.value)?,
            next: resolver.whole(r.next)?,
            enable,
            reset: r.reset.clone(),
        });
    }
    let mut memories = Vec::with_capacity(graph.memories.len());
    for m in &graph.memories {
        let write = match m.write {
            Some([enable, address, data]) => Some(MemoryWrite {
                enable: resolver.whole(enable)?,
                address: resolver.whole(address)?,
                data: resolver.whole(data)?,
            }),
            None => None,
        };
        memories.push(Memory {
            path: m.path.clone(),
            depth: m.depth,
            width: m.width,
            read_enable: resolver.whole(m.read_enable)?,
            read_address: resolver.whole(m.read_address)?,
            write,
            read_under_write: m.read_under_write,
            init: m.init.clone(),
            value: resolver.whole(m.value)?,
        });
    }
    let mut names = Vec::new();
    let mut watched = Vec::new();
    for name in &graph.names {
        let watch = watch.iter().any(|pattern| matches(pattern, &name.path));
        let width = graph.width(name.node);
        if let Some(pieces) = resolver.pieces(Range { node: name.node, low: 0, width }, watch)? {
            if watch {
                watched.extend(pieces.iter().map(|p| p.net));
            }
            names.push(Named { path: name.path.clone(), width, signed: name.ty.signed, pieces });
        }
    }
    let tables = graph.tables.clone();
    Ok(prune(Netlist { nets: resolver.nets, inputs, outputs, registers, memories, names, tables }, &watched))
}

struct Resolver<'a> {
    graph: &'a Graph,
    /// None: under way; meeting it again is a loop.
    found: HashMap<Range, Option<NetId>>,
    nets: Vec<Net>,
    /// Equal operations are one net.
    shared: HashMap<Shared, NetId>,
}

#[derive(PartialEq, Eq, Hash)]
enum Shared {
    Constant(Bits),
    Op(Op, Vec<NetId>, u32),
}

impl Resolver<'_> {
    fn whole(&mut self, node: NodeId) -> Result<NetId, Error> {
        self.range(Range { node, low: 0, width: self.graph.width(node) })
    }

    fn range(&mut self, root: Range) -> Result<NetId, Error> {
        let mut stack = vec![root];
        while let Some(&range) = stack.last() {
            let state = self.found.get(&range).copied();
            if let Some(Some(_)) = state {
                stack.pop();
                continue;
            }
            let plan = self.plan(range)?;
            let operands = match &plan {
                Plan::Same(operand) => std::slice::from_ref(operand),
                Plan::Source(_) => &[],
                Plan::Op(_, operands) => operands,
            };
            if state.is_none() {
                self.found.insert(range, None);
                let before = stack.len();
                for operand in operands {
                    match self.found.get(operand) {
                        Some(Some(_)) => {}
                        // Ranges under way are exactly the path from the root to here.
                        Some(None) => return Err(self.looped(&stack, *operand)),
                        None => stack.push(*operand),
                    }
                }
                if stack.len() > before {
                    continue;
                }
            }
            let net = |range: &Range| self.found[range].unwrap_or(0);
            let id = match plan {
                Plan::Same(same) => net(&same),
                Plan::Source(Driver::Constant(bits)) => self.constant(bits),
                Plan::Source(driver) => self.add(range.width, driver),
                Plan::Op(op, operands) => {
                    let operands = operands.iter().map(net).collect();
                    self.operation(op, operands, range.width)
                }
            };
            self.found.insert(range, Some(id));
            stack.pop();
        }
        Ok(self.found[&root].unwrap_or(0))
    }

    fn plan(&self, range: Range) -> Result<Plan, Error> {
        let Range { node, low, width } = range;
        let full = self.graph.width(node);
        let whole = |node| Range { node, low: 0, width: self.graph.width(node) };
        if low + width > full {
            return Err(self.invalid(node, format!("bits {low} to {} of {full} are read", low + width - 1)));
        }
        Ok(match &self.graph.nodes[node as usize].value {
            Value::Alias(node) if self.graph.width(*node) != full => {
                return Err(self.invalid(range.node, format!("{full} bits driven by {}", self.graph.width(*node))));
            }
            Value::Alias(node) => Plan::Same(Range { node: *node, low, width }),
            Value::Slice(node, from) => Plan::Same(Range { node: *node, low: from + low, width }),
            Value::Concat(parts) => {
                let first = parts.partition_point(|&(at, part)| at + self.graph.width(part) <= low);
                let hit = parts[first..].iter().take_while(|&&(at, _)| at < low + width);
                let mut within = hit.map(|&(at, part)| {
                    let (from, to) = (low.max(at), (low + width).min(at + self.graph.width(part)));
                    Range { node: part, low: from - at, width: to - from }
                });
                let mut ranges: Vec<Range> = within.by_ref().collect();
                match ranges.len() {
                    1 => Plan::Same(ranges.swap_remove(0)),
                    _ => Plan::Op(Op::Concat, ranges),
                }
            }
            Value::SignExtend(a) => {
                let inner = self.graph.width(*a);
                if low + width <= inner {
                    Plan::Same(Range { node: *a, low, width })
                } else {
                    let low = low.min(inner - 1);
                    Plan::Op(Op::SignExtend, vec![Range { node: *a, low, width: inner - low }])
                }
            }
            Value::Constant(bits) => Plan::Source(Driver::Constant(bits.slice(low, width))),
            Value::Undriven => return Err(self.invalid(node, "not driven".into())),
            _ if width < full => Plan::Op(Op::Slice(low), vec![whole(node)]),
            Value::Input => Plan::Source(Driver::Input),
            Value::State => Plan::Source(Driver::State),
            Value::Op(op, operands) => Plan::Op(*op, operands.iter().map(|&o| whole(o)).collect()),
        })
    }

    fn invalid(&self, node: NodeId, message: String) -> Error {
        let name = self.graph.names.iter().find(|n| n.node == node);
        Error::Invalid { path: name.map_or("an unnamed value", |n| &n.path).into(), message }
    }

    /// The signals on the loop that `stack` closes by using `again`.
    fn looped(&self, stack: &[Range], again: Range) -> Error {
        let names: HashMap<NodeId, &str> = self.graph.names.iter().map(|n| (n.node, n.path.as_str())).collect();
        // The stack goes from user to driver, so backwards is the direction of the signals. A range can wait in it
        // twice; the upper one is on the path.
        let mut path = Vec::new();
        let mut seen = Vec::new();
        for &r in stack.iter().rev().filter(|r| self.found.get(r) == Some(&None)) {
            if seen.contains(&r) {
                continue;
            }
            seen.push(r);
            if let Some(name) = names.get(&r.node) {
                let whole = r.width == self.graph.width(r.node);
                path.push(if whole { (*name).into() } else { format!("{name}[{}:{}]", r.low + r.width - 1, r.low) });
            }
            if r == again {
                break;
            }
        }
        path.extend(path.first().cloned());
        Error::Loop { path }
    }

    fn add(&mut self, width: u32, driver: Driver) -> NetId {
        self.nets.push(Net { width, driver });
        (self.nets.len() - 1) as NetId
    }

    fn constant(&mut self, bits: Bits) -> NetId {
        if let Some(&net) = self.shared.get(&Shared::Constant(bits.clone())) {
            return net;
        }
        let net = self.add(bits.width(), Driver::Constant(bits.clone()));
        self.shared.insert(Shared::Constant(bits), net);
        net
    }

    fn known(&self, net: NetId) -> Option<&Bits> {
        match &self.nets[net as usize].driver {
            Driver::Constant(bits) => Some(bits),
            _ => None,
        }
    }

    /// The net of an operation: folded, simplified or shared where that is possible.
    fn operation(&mut self, op: Op, operands: Vec<NetId>, width: u32) -> NetId {
        if let Some(constants) = operands.iter().map(|&o| self.known(o)).collect::<Option<Vec<_>>>() {
            let folded = fold(op, width, &constants, &self.graph.tables);
            return self.constant(folded);
        }
        match (op, &operands[..]) {
            (Op::Mux, &[condition, then, otherwise]) => match self.known(condition) {
                Some(c) => return if c.is_zero() { otherwise } else { then },
                None if then == otherwise => return then,
                None => {}
            },
            (Op::Select, [index, choices @ ..]) => {
                if let Some(index) = self.known(*index) {
                    let last = choices.len() - 1;
                    return choices[index.to_u64().map_or(last, |i| last.min(i as usize))];
                }
            }
            (Op::Add | Op::Or | Op::Xor, &[a, b]) => {
                for (constant, other) in [(a, b), (b, a)] {
                    if self.known(constant).is_some_and(Bits::is_zero) {
                        return other;
                    }
                }
            }
            (Op::And, &[a, b]) => {
                for constant in [a, b] {
                    if self.known(constant).is_some_and(Bits::is_zero) {
                        return constant;
                    }
                }
            }
            _ => {}
        }
        let key = Shared::Op(op, operands.clone(), width);
        if let Some(&net) = self.shared.get(&key) {
            return net;
        }
        let net = self.add(width, Driver::Op(op, operands));
        self.shared.insert(key, net);
        net
    }

    /// Where the bits of a range are. None if some of them are used nowhere, unless `make` asks for them.
    fn pieces(&mut self, range: Range, make: bool) -> Result<Option<Vec<Piece>>, Error> {
        let mut pieces = Vec::new();
        let mut stack = vec![range];
        // A loop of aliases that nothing uses would not end.
        let mut steps = self.graph.nodes.len();
        while let Some(range) = stack.pop() {
            steps = steps.saturating_sub(1);
            if let Some(&Some(net)) = self.found.get(&range) {
                pieces.push(Piece { net, low: 0, width: range.width });
                continue;
            }
            let whole = Range { node: range.node, low: 0, width: self.graph.width(range.node) };
            if let Some(&Some(net)) = self.found.get(&whole) {
                pieces.push(Piece { net, low: range.low, width: range.width });
                continue;
            }
            match self.plan(range)? {
                Plan::Same(same) if steps > 0 => stack.push(same),
                Plan::Op(Op::Concat, parts) if steps > 0 => stack.extend(parts.iter().rev()),
                Plan::Source(Driver::Constant(bits)) => {
                    let net = self.constant(bits);
                    pieces.push(Piece { net, low: 0, width: range.width });
                }
                _ if make => {
                    let net = self.range(range)?;
                    pieces.push(Piece { net, low: 0, width: range.width });
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(pieces))
    }
}

fn fold(op: Op, width: u32, operands: &[&Bits], tables: &[Arc<[u32]>]) -> Bits {
    if let (Op::Lookup(table), [index]) = (op, operands) {
        return Bits::from_words(width, &[tables[table as usize][index.words()[0] as usize].into()]);
    }
    let mut values = Vec::new();
    let places: Vec<Operand> = operands
        .iter()
        .map(|bits| {
            let slot = values.len() as u32;
            values.extend_from_slice(bits.words());
            Operand { slot, width: bits.width() }
        })
        .collect();
    let mut out = vec![0; wide::words(width)];
    wide::evaluate(op, width, &places, &values, &mut out);
    Bits::from_words(width, &out)
}

/// Drops every net that no port, memory or watched signal needs, and the registers and names that go with them.
fn prune(mut netlist: Netlist, watched: &[NetId]) -> Netlist {
    let register_of: HashMap<NetId, usize> = netlist.registers.iter().enumerate().map(|(i, r)| (r.value, i)).collect();
    let mut live = vec![false; netlist.nets.len()];
    let mut waiting: Vec<NetId> = watched.to_vec();
    waiting.extend(netlist.inputs.iter().chain(&netlist.outputs).map(|(_, net)| net));
    for m in &netlist.memories {
        waiting.extend([m.value, m.read_enable, m.read_address]);
        waiting.extend(m.write.iter().flat_map(|w| [w.enable, w.address, w.data]));
    }
    while let Some(net) = waiting.pop() {
        if std::mem::replace(&mut live[net as usize], true) {
            continue;
        }
        match &netlist.nets[net as usize].driver {
            Driver::Op(_, operands) => waiting.extend(operands),
            Driver::State => {
                if let Some(&register) = register_of.get(&net) {
                    let Register { next, enable, .. } = &netlist.registers[register];
                    waiting.push(*next);
                    waiting.extend(enable);
                }
            }
            Driver::Input | Driver::Constant(_) => {}
        }
    }
    // A constant costs a slot and no time, and names may need it.
    for (live, net) in live.iter_mut().zip(&netlist.nets) {
        *live |= matches!(net.driver, Driver::Constant(_));
    }

    let mut place = vec![0; live.len()];
    let mut kept = 0;
    for (place, &live) in place.iter_mut().zip(&live) {
        *place = kept;
        kept += NetId::from(live);
    }
    let alive = |net: NetId| live[net as usize];
    let move_to = |net: &mut NetId| *net = place[*net as usize];
    netlist.registers.retain(|r| alive(r.value));
    netlist.names.retain(|n| n.pieces.iter().all(|p| alive(p.net)));
    let mut index = 0;
    netlist.nets.retain(|_| {
        index += 1;
        live[index - 1]
    });
    for net in &mut netlist.nets {
        if let Driver::Op(_, operands) = &mut net.driver {
            operands.iter_mut().for_each(move_to);
        }
    }
    netlist.inputs.iter_mut().chain(&mut netlist.outputs).for_each(|(_, net)| move_to(net));
    for r in &mut netlist.registers {
        [&mut r.value, &mut r.next].into_iter().chain(&mut r.enable).for_each(move_to);
    }
    for m in &mut netlist.memories {
        [&mut m.value, &mut m.read_enable, &mut m.read_address].into_iter().for_each(move_to);
        if let Some(w) = &mut m.write {
            [&mut w.enable, &mut w.address, &mut w.data].into_iter().for_each(move_to);
        }
    }
    netlist.names.iter_mut().flat_map(|n| &mut n.pieces).for_each(|p| move_to(&mut p.net));
    netlist
}
