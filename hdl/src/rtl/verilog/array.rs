//! Arrays of instances as generate loops.
//!
//! What enters an element from its neighbour is a wire inside the loop, not a part of a wide vector: simulators handle
//! many small wires far better, and a chain that is combinational is no loop through one vector.

use super::expression::{Level, Text};
use super::{Printer, shape};
use crate::rtl::module::{Connection, Instance};
use crate::rtl::usage::BitSet;
use crate::rtl::{Expr, Kind, Type};
use pretty::RcDoc;

/// First bit and number of bits of the vector of an output that are worth declaring, given which are read: all, those
/// at the last index of the first dimension (the end of a chain), or none.
pub(super) fn declared_bits(instance: &Instance, output: usize, read: &BitSet) -> (u32, u32) {
    let width = instance.module.outputs[output].1.width();
    let total = width * instance.count();
    let chained = chained_along(instance, output);
    if instance.dimensions.is_empty() || chained.is_empty() {
        return (0, total);
    }
    let rows = instance.dimensions[0].1;
    let last = total - total / rows;
    match read.first() {
        None => (0, 0),
        Some(first) if chained == [0] && first >= last => (last, total - last),
        Some(_) => (0, total),
    }
}

/// The dimensions along which an output enters the next element.
fn chained_along(instance: &Instance, output: usize) -> Vec<usize> {
    let mut dimensions: Vec<usize> = instance
        .inputs
        .iter()
        .filter_map(|c| match c {
            Connection::Chain { dimension, output: o, .. } if *o == output => Some(*dimension),
            _ => None,
        })
        .collect();
    dimensions.sort_unstable();
    dimensions.dedup();
    dimensions
}

/// A name without the suffix that says it is a port.
fn stem(port: &str) -> &str {
    port.strip_suffix("_i").or(port.strip_suffix("_o")).unwrap_or(port)
}

fn input_name(instance: &Instance, port: &str) -> String {
    format!("{}_{}_in", instance.name, stem(port))
}

/// The names that printing an array adds to the module: outside of the loops, and inside.
pub(in crate::rtl) fn generated_names(instance: &Instance) -> (Vec<String>, Vec<String>) {
    let of = &instance.module;
    let mut outside = vec![format!("u_{}", instance.name)];
    let mut inside = Vec::new();
    for (port, connection) in of.inputs.iter().zip(&instance.inputs) {
        let port = &of.signal(*port).name;
        outside.push(input_name(instance, port));
        let port = stem(port);
        if matches!(connection, Connection::Chain { .. }) {
            inside.push(format!("{port}_in"));
        }
    }
    if instance.dimensions.is_empty() {
        return (outside, inside);
    }
    for (port, _) in &of.outputs {
        inside.extend([format!("{}_out", stem(port)), format!("unused_{}", stem(port))]);
    }
    inside.sort_unstable();
    inside.dedup();
    (outside, inside)
}

/// A vector of lanes of which an element takes one.
enum Vector {
    /// Every lane has this value.
    Same(Text),
    /// Bits `base ..` of a signal of `width` bits.
    Bits { name: String, base: u32, width: u32 },
}

impl Printer<'_> {
    pub(super) fn array(&mut self, instance: &Instance) {
        let of = &instance.module;
        for (dimension, _) in &instance.dimensions {
            if !self.genvars.contains(dimension) {
                self.genvars.push(dimension.clone());
                self.line(&format!("genvar {dimension};"));
            }
        }
        for (output, &signal) in instance.outputs.iter().enumerate() {
            self.output_declaration(instance, output, signal);
        }
        let vectors: Vec<Vector> = instance
            .inputs
            .iter()
            .enumerate()
            .map(|(input, connection)| self.vector(instance, input, connection))
            .collect();
        let labels = self.labels(instance);
        self.blank();
        for ((dimension, size), label) in instance.dimensions.iter().zip(&labels) {
            self.open(&format!(
                "for ({dimension} = 0; {dimension} < {size}; {dimension} = {dimension} + 1) begin : {label}"
            ));
        }

        // Wires of the element.
        for (&port, connection) in of.inputs.iter().zip(&instance.inputs) {
            if matches!(connection, Connection::Chain { .. }) {
                let port = of.signal(port);
                self.line(&format!("wire {}{}_in;", shape(port.ty), stem(&port.name)));
            }
        }
        for (output, (port, value)) in of.outputs.iter().enumerate() {
            if self.has_own_wire(instance, output) {
                self.line(&format!("wire {}{}_out;", shape(value.ty()), stem(port)));
            }
        }
        self.blank();
        self.chains(instance, &vectors, &labels);

        let inputs = instance
            .inputs
            .iter()
            .zip(&vectors)
            .zip(&of.inputs)
            .map(|((connection, vector), &port)| {
                let port = of.signal(port);
                match connection {
                    Connection::Chain { .. } => name(format!("{}_in", stem(&port.name))),
                    Connection::All(_) => lane(vector, &[], port.ty),
                    Connection::Lane { dimension, .. } => lane(vector, &indices(instance, &[*dimension]), port.ty),
                    Connection::Element(_) => lane(vector, &indices(instance, &all(instance)), port.ty),
                }
            })
            .collect();
        let outputs = (0..of.outputs.len())
            .map(|output| {
                if self.has_own_wire(instance, output) {
                    format!("{}_out", stem(&of.outputs[output].0))
                } else {
                    self.target(instance, output)
                }
            })
            .collect();
        self.instantiation(instance, inputs, outputs);
        self.ends(instance);
        for _ in &instance.dimensions {
            self.close("end");
        }
    }

    /// `g_row`, or `g_pe_row` if several arrays of the module begin with that dimension.
    fn labels(&self, instance: &Instance) -> Vec<String> {
        let first = |i: &Instance| i.dimensions.first().map(|d| d.0.clone());
        let shared = self.module.instances.iter().filter(|i| first(i) == first(instance)).count() > 1;
        let label = |(i, (dimension, _)): (usize, &(String, u32))| {
            if shared && i == 0 { format!("g_{}_{dimension}", instance.name) } else { format!("g_{dimension}") }
        };
        instance.dimensions.iter().enumerate().map(label).collect()
    }

    /// The vector that an input takes its lanes from; an expression gets a name first, to be sliced.
    fn vector(&mut self, instance: &Instance, input: usize, connection: &Connection) -> Vector {
        let port = instance.module.signal(instance.module.inputs[input]);
        let value = connection.expr();
        let bare = match value.kind() {
            Kind::Cast(of) => of,
            _ => value,
        };
        let chain = matches!(connection, Connection::Chain { .. });
        // An only lane that changes sign is a value of its own, see [`Printer::input_wire`].
        let plain = matches!(connection, Connection::All(_)) || (!chain && port.ty == value.as_signed().ty());
        match bare.kind() {
            _ if plain => {
                let value = if port.ty.signed { value.as_signed() } else { value.clone() };
                let simple = matches!(value.kind(), Kind::Signal(_) | Kind::Constant(_) | Kind::Slice(..));
                let cast_slice = matches!(bare.kind(), Kind::Slice(..));
                return Vector::Same(if simple || cast_slice {
                    self.names().typed(&value)
                } else {
                    self.input_wire(instance, &port.name, &value)
                });
            }
            Kind::Constant(bits) if bits.is_zero() => return Vector::Same(self.names().typed(&Expr::zero(port.ty))),
            Kind::Signal(s) => {
                let layout = &self.layout[s.0 as usize];
                return Vector::Bits { name: layout.name.clone(), base: 0, width: layout.width };
            }
            Kind::Slice(of, low) => {
                if let Kind::Signal(s) = of.kind() {
                    let layout = &self.layout[s.0 as usize];
                    let base = low - layout.base;
                    return Vector::Bits { name: layout.name.clone(), base, width: layout.width };
                }
            }
            _ => {}
        }
        let value = value.as_unsigned();
        self.input_wire(instance, &port.name, &value);
        Vector::Bits { name: input_name(instance, &port.name), base: 0, width: value.width() }
    }

    /// Gives the value of an input a name, `pe_moving_in`.
    pub(super) fn input_wire(&mut self, instance: &Instance, port: &str, value: &Expr) -> Text {
        let wire = input_name(instance, port);
        let text = self.names().typed(value);
        self.assignment(&format!("wire {}{wire} =", shape(value.ty())), text);
        name(wire)
    }

    /// A wire inside the loop: what the next element reads, or what changes sign on its way into the vector.
    fn has_own_wire(&self, instance: &Instance, output: usize) -> bool {
        !chained_along(instance, output).is_empty() || instance.module.outputs[output].1.is_signed()
    }

    /// The lane of the element in the vector of an output.
    fn target(&self, instance: &Instance, output: usize) -> String {
        let signal = instance.outputs[output].0 as usize;
        let layout = &self.layout[signal];
        // Of the last row only: the row is no part of the index.
        let dimensions: Vec<usize> = all(instance).into_iter().skip(usize::from(layout.base > 0)).collect();
        let width = instance.module.outputs[output].1.width();
        select(&layout.name, 0, layout.width, &indices(instance, &dimensions), width)
    }

    /// The wires that enter from the neighbours.
    fn chains(&mut self, instance: &Instance, vectors: &[Vector], labels: &[String]) {
        let of = &instance.module;
        for (dimension, (index, _)) in instance.dimensions.iter().enumerate() {
            let links: Vec<(usize, usize)> = instance
                .inputs
                .iter()
                .enumerate()
                .filter_map(|(input, c)| match c {
                    Connection::Chain { dimension: d, output, .. } if *d == dimension => Some((input, *output)),
                    _ => None,
                })
                .collect();
            if links.is_empty() {
                continue;
            }
            let others: Vec<usize> = all(instance).into_iter().filter(|&d| d != dimension).collect();
            let before: Vec<String> = (0..labels.len())
                .map(|d| {
                    let at = &instance.dimensions[d].0;
                    let step = if d == dimension { " - 1" } else { "" };
                    format!("{}[{at}{step}].", labels[d])
                })
                .collect();
            let before = before.concat();
            self.open(&format!("if ({index} == 0) begin : g_first_{index}"));
            for &(input, _) in &links {
                let port = of.signal(of.inputs[input]);
                let first = lane(&vectors[input], &indices(instance, &others), port.ty);
                self.assignment(&format!("assign {}_in =", stem(&port.name)), first);
            }
            self.indent -= 2;
            self.open(&format!("end else begin : g_next_{index}"));
            for &(input, output) in &links {
                let to = stem(&of.signal(of.inputs[input]).name);
                let from = stem(&of.outputs[output].0);
                self.assignment(&format!("assign {to}_in ="), name(format!("{before}{from}_out")));
            }
            self.close("end");
            self.blank();
        }
    }

    /// What leaves the elements' own wires: into the vectors that are read, or nowhere.
    fn ends(&mut self, instance: &Instance) {
        let of = &instance.module;
        let mut always = Vec::new();
        // The outputs that only the last elements lead out, with the dimensions along which they are chained.
        let mut last: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for output in (0..of.outputs.len()).filter(|&o| self.has_own_wire(instance, o)) {
            let layout = &self.layout[instance.outputs[output].0 as usize];
            if layout.width > 0 && layout.base == 0 {
                always.push(output);
                continue;
            }
            let along = chained_along(instance, output);
            match last.iter_mut().find(|l| l.0 == along) {
                Some(group) => group.1.push(output),
                None => last.push((along, vec![output])),
            }
        }
        if !always.is_empty() || !last.is_empty() {
            self.blank();
        }
        for output in always {
            self.leave(instance, output);
        }
        for (along, outputs) in last {
            let names: Vec<&str> = along.iter().map(|&d| instance.dimensions[d].0.as_str()).collect();
            let condition: Vec<String> = along
                .iter()
                .map(|&d| format!("{} == {}", instance.dimensions[d].0, instance.dimensions[d].1 - 1))
                .collect();
            self.open(&format!("if ({}) begin : g_last_{}", condition.join(" && "), names.join("_")));
            for output in outputs {
                if self.layout[instance.outputs[output].0 as usize].width > 0 {
                    self.leave(instance, output);
                } else {
                    let port = stem(&of.outputs[output].0);
                    self.sink(&format!("unused_{port}"), vec![format!("{port}_out")]);
                }
            }
            self.close("end");
        }
    }

    fn leave(&mut self, instance: &Instance, output: usize) {
        let (port, value) = &instance.module.outputs[output];
        let own = format!("{}_out", stem(port));
        let own = if value.is_signed() { format!("$unsigned({own})") } else { own };
        let target = self.target(instance, output);
        self.assignment(&format!("assign {target} ="), name(own));
    }
}

fn name(text: String) -> Text {
    Text { doc: RcDoc::text(text), level: Level::Primary }
}

fn all(instance: &Instance) -> Vec<usize> {
    (0..instance.dimensions.len()).collect()
}

/// Loop variable and size of some dimensions.
fn indices<'i>(instance: &'i Instance, dimensions: &[usize]) -> Vec<(&'i str, u32)> {
    dimensions.iter().map(|&d| (instance.dimensions[d].0.as_str(), instance.dimensions[d].1)).collect()
}

fn lane(vector: &Vector, indices: &[(&str, u32)], ty: Type) -> Text {
    match vector {
        Vector::Same(text) => text.clone(),
        Vector::Bits { name: vector, base, width } => {
            let text = select(vector, *base, *width, indices, ty.width);
            name(if ty.signed { format!("$signed({text})") } else { text })
        }
    }
}

/// The lane of `lane` bits at `indices` (the last runs fastest) of a vector that begins at bit `base` of `name`, which
/// has `width` bits.
fn select(name: &str, base: u32, width: u32, indices: &[(&str, u32)], lane: u32) -> String {
    if indices.iter().all(|i| i.1 == 1) {
        return match lane {
            _ if lane == width => name.into(),
            1 => format!("{name}[{base}]"),
            _ => format!("{name}[{}:{base}]", base + lane - 1),
        };
    }
    let mut stride: u32 = indices.iter().map(|i| i.1).product();
    let mut terms = Vec::new();
    for (index, size) in indices {
        stride /= size;
        match (size, stride) {
            (1, _) => {}
            (_, 1) => terms.push(index.to_string()),
            _ => terms.push(format!("{index} * {stride}")),
        }
    }
    let element = if terms.len() > 1 && lane > 1 { format!("({})", terms.join(" + ")) } else { terms.join(" + ") };
    let offset = if lane > 1 { format!("{element} * {lane}") } else { element };
    let offset = if base > 0 { format!("{base} + {offset}") } else { offset };
    if lane == 1 { format!("{name}[{offset}]") } else { format!("{name}[{offset} +: {lane}]") }
}
