//! Modules as Verilog-2005, for people to read.
//!
//! The order is that of the description: ports, then signals as they were declared, each wire with its value, each
//! memory and instance in its place; then the registers, one block for those that share an enable (and have a reset, or
//! have none); then the outputs.
//!
//! Bits that nobody reads end in a wire `unused_ok`, which linters know by its name.

mod array;
mod expression;

use super::module::{Declaration, Instance, Memory, Module, ReadUnderWrite, Source};
use super::usage::{BitSet, bits_read, drivers, signals_in};
use super::{Expr, Kind, Signal, Type, unsigned};
pub(super) use array::generated_names;
use expression::{Doc, Level, Names, Text};
use pretty::RcDoc;

/// Columns of a line, as far as names and literals allow.
const COLUMNS: usize = 98;
/// Columns by which what a line continues is set in.
const CONTINUATION: isize = 4;

/// The text of the file of one module: `header` (comment lines: generator, licence), then the module. That of somebody else
/// is as he wrote it.
pub fn print(module: &Module, header: &str) -> String {
    if let Some(foreign) = &module.foreign {
        return foreign.text.to_string();
    }
    Printer::new(module).print(header)
}

/// Where the bits of a signal stand in the text.
pub(super) struct Layout {
    name: String,
    /// The first bit that is declared.
    base: u32,
    /// How many are declared; 0: the signal is not.
    width: u32,
}

struct Printer<'a> {
    module: &'a Module,
    /// One per signal.
    layout: Vec<Layout>,
    /// The bits of each signal that are read outside of chains.
    read: Vec<BitSet>,
    text: String,
    indent: usize,
    /// The last line opened a block, or is blank.
    at_start: bool,
    /// The last thing printed was a plain declaration.
    after_declaration: bool,
    genvars: Vec<String>,
}

impl<'a> Printer<'a> {
    fn new(module: &'a Module) -> Self {
        let read = bits_read(module, drivers(module).into_iter().map(|d| d.1));
        let mut layout: Vec<Layout> =
            module.signals.iter().map(|s| Layout { name: s.name.clone(), base: 0, width: s.ty.width }).collect();
        for instance in &module.instances {
            for (output, signal) in instance.outputs.iter().enumerate() {
                let signal = signal.0 as usize;
                let (base, width) = array::declared_bits(instance, output, &read[signal]);
                layout[signal].base = base;
                layout[signal].width = width;
            }
        }
        Printer {
            module,
            layout,
            read,
            text: String::new(),
            indent: 0,
            at_start: true,
            after_declaration: false,
            genvars: Vec::new(),
        }
    }

    fn names(&self) -> Names<'_> {
        Names { layout: &self.layout }
    }

    fn print(mut self, header: &str) -> String {
        self.text.push_str(header);
        if !header.is_empty() && !header.ends_with('\n') {
            self.text.push('\n');
        }
        self.line("`default_nettype none");
        self.blank();
        self.comment(&self.module.doc);
        self.ports();
        self.open_body();
        self.body();
        self.registers();
        self.outputs();
        self.unused();
        self.indent = 0;
        self.line("endmodule");
        self.text.push_str("\n`default_nettype wire\n");
        self.text
    }

    // Lines.

    fn line(&mut self, text: &str) {
        for _ in 0..self.indent {
            self.text.push(' ');
        }
        self.text.push_str(text);
        self.text.push('\n');
        self.at_start = false;
    }

    /// A statement that may take several lines.
    fn statement(&mut self, doc: Doc) {
        let set_in: String = " ".repeat(self.indent);
        let whole = RcDoc::text(set_in).append(doc.nest(self.indent as isize)).group();
        self.text.push_str(&whole.pretty(COLUMNS).to_string());
        self.text.push('\n');
        self.at_start = false;
    }

    /// `target`, an operator, a value and a semicolon.
    fn assignment(&mut self, target: &str, value: Text) {
        let gap = if value.level == Level::Primary { RcDoc::text(" ") } else { RcDoc::line() };
        let nest = if value.level == Level::Primary { 0 } else { CONTINUATION };
        let value = gap.append(value.doc.group()).nest(nest);
        self.statement(RcDoc::text(target.to_string()).append(value).append(";"));
    }

    fn blank(&mut self) {
        if !self.at_start {
            self.text.push('\n');
            self.at_start = true;
        }
        self.after_declaration = false;
    }

    fn open(&mut self, text: &str) {
        self.line(text);
        self.indent += 2;
        self.at_start = true;
    }

    fn close(&mut self, text: &str) {
        self.indent -= 2;
        self.line(text);
    }

    fn open_body(&mut self) {
        self.indent = 2;
        self.at_start = true;
    }

    /// A comment of as many lines as it takes; a line of its own for each line of `text`.
    fn comment(&mut self, text: &str) {
        for paragraph in text.trim().lines() {
            let set_in = format!("{}//", " ".repeat(self.indent));
            let mut line = set_in.clone();
            for word in paragraph.split_whitespace() {
                if line.len() + 1 + word.len() > COLUMNS && line.len() > set_in.len() {
                    self.text.push_str(&line);
                    self.text.push('\n');
                    line.clone_from(&set_in);
                }
                line.push(' ');
                line.push_str(word);
            }
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    // Parts of a module.

    fn ports(&mut self) {
        let mut ports: Vec<(Option<&str>, String)> = Vec::new();
        if self.module.is_sequential() {
            ports.push((None, "input  wire clk_i".into()));
        }
        if self.module.is_reset() {
            ports.push((None, "input  wire rst_ni".into()));
        }
        for &input in &self.module.inputs {
            let Declaration { name, ty, comment, .. } = self.module.signal(input);
            ports.push((comment.as_deref(), format!("input  wire {}{name}", shape(*ty))));
        }
        for (name, value) in &self.module.outputs {
            ports.push((None, format!("output wire {}{name}", shape(value.ty()))));
        }
        let name = &self.module.name;
        if ports.is_empty() {
            return self.line(&format!("module {name};"));
        }
        self.line(&format!("module {name} ("));
        self.indent = 4;
        let last = ports.len() - 1;
        for (i, (comment, port)) in ports.into_iter().enumerate() {
            if let Some(comment) = comment {
                self.comment(comment);
            }
            self.line(&format!("{port}{}", if i == last { "" } else { "," }));
        }
        self.indent = 0;
        self.line(");");
    }

    /// Signals, memories and instances in the order of the description.
    fn body(&mut self) {
        let mut instances = 0;
        // Wires that read what is declared after them, each with the last of it.
        let mut later: Vec<(usize, &Declaration, &Expr)> = Vec::new();
        for (index, declaration) in self.module.signals.iter().enumerate() {
            match &declaration.source {
                Source::Input => {}
                Source::Wire(value) => {
                    self.before_declaration(declaration);
                    let mut target = format!("wire {}{}", shape(declaration.ty), declaration.name);
                    let last = signals_in(self.module, [value]).into_iter().max().filter(|&s| s > index);
                    // Icarus takes no attributes where a declaration assigns as well.
                    if last.is_some() || declaration.attribute.is_some() {
                        self.line(&format!("{target};"));
                        target = format!("assign {}", declaration.name);
                    }
                    match last {
                        Some(last) => later.push((last, declaration, value)),
                        None => self.assignment(&format!("{target} ="), self.names().typed(value)),
                    }
                    self.after_declaration = true;
                }
                Source::Register { .. } => {
                    self.before_declaration(declaration);
                    self.line(&format!("reg {}{};", shape(declaration.ty), declaration.name));
                    self.after_declaration = true;
                }
                Source::MemoryRead(memory) => self.memory(&self.module.memories[*memory], declaration),
                Source::InstanceOutput { instance, output: 0 } => {
                    // Instances without outputs stand in their places among the others.
                    while instances <= *instance {
                        self.instance(&self.module.instances[instances]);
                        instances += 1;
                    }
                }
                Source::InstanceOutput { .. } => {}
            }
            for &(_, declaration, value) in later.iter().filter(|l| l.0 == index) {
                if !self.after_declaration {
                    self.blank();
                }
                self.assignment(&format!("assign {} =", declaration.name), self.names().typed(value));
                self.after_declaration = true;
            }
        }
        for instance in &self.module.instances[instances..] {
            self.instance(instance);
        }
    }

    /// Declarations stand together; a commented one begins a new group.
    fn before_declaration(&mut self, declaration: &Declaration) {
        if !self.after_declaration || declaration.comment.is_some() {
            self.blank();
        }
        if let Some(comment) = &declaration.comment {
            self.comment(comment);
        }
        if let Some(attribute) = declaration.attribute {
            self.line(&format!("(* {} *)", attribute.verilog()));
        }
    }

    fn memory(&mut self, memory: &Memory, data: &Declaration) {
        let Memory { name, depth, width, read, write, .. } = memory;
        let word = shape(unsigned(*width));
        self.blank();
        if let Some(comment) = &data.comment {
            self.comment(comment);
        }
        if memory.spram {
            self.line("(* ram_style = \"huge\" *)");
        } else if write.is_some() && memory.read_under_write == ReadUnderWrite::Never {
            self.line("(* no_rw_check *)");
        }
        self.line(&format!("reg {word}{name} [0:{}];", depth - 1));
        self.line(&format!("reg {word}{};", data.name));
        self.blank();
        if memory.spram {
            self.line("`ifndef SYNTHESIS");
        }
        self.memory_init(memory);
        if memory.spram {
            self.line("`endif");
        }
        self.blank();
        self.open("always @(posedge clk_i) begin");
        let read_address = self.flat(self.names().bits(&read.address));
        let mut stored = format!("{name}[{read_address}]");
        if let Some(write) = write {
            let address = self.flat(self.names().bits(&write.address));
            let value = self.names().typed(&write.data);
            let always = self.open_if(&write.enable);
            self.assignment(&format!("{name}[{address}] <="), value);
            self.close_if(always);
            if memory.read_under_write == ReadUnderWrite::New {
                let hit = read.address.eq(&write.address);
                let hit = if is_one(&write.enable) { hit } else { &write.enable & hit };
                let hit = self.flat(self.names().bits(&hit));
                let fresh = self.flat(self.names().typed(&write.data));
                stored = format!("({hit}) ? {fresh} : {stored}");
            }
        }
        let enable = match write {
            Some(write) if memory.spram => &read.enable & !&write.enable,
            _ => read.enable.clone(),
        };
        let always = self.open_if(&enable);
        let level = if stored.contains('?') { Level::Mux } else { Level::Primary };
        self.assignment(&format!("{} <=", data.name), Text { doc: RcDoc::text(stored), level });
        self.close_if(always);
        self.close("end");
        self.blank();
    }

    /// Zero where nothing is given: simulators would begin with X, block RAM with zero. (An SPRAM begins with what it likes, and
    /// synthesis would look for one that does not.)
    fn memory_init(&mut self, memory: &Memory) {
        let Memory { name, depth, width, init, .. } = memory;
        self.open(&format!("initial begin : init_{name}"));
        if (init.len() as u32) < *depth {
            self.line(&format!("integer {name}_word;"));
            let word = format!("{name}_word");
            let head = [
                format!("for ({word} = {};", init.len()),
                format!("{word} < {depth};"),
                format!("{word} = {word} + 1) begin"),
            ];
            let head = RcDoc::intersperse(head.map(RcDoc::text), RcDoc::line());
            self.statement(head.nest(CONTINUATION));
            self.indent += 2;
            self.assignment(&format!("{name}[{word}] ="), self.names().bits(&Expr::zero(unsigned(*width))));
            self.close("end");
        }
        for (i, word) in init.iter().enumerate() {
            self.assignment(&format!("{name}[{i}] ="), self.names().bits(&Expr::literal(word.clone())));
        }
        self.close("end");
    }

    /// Opens `if (condition)`, unless the condition is the constant 1.
    fn open_if(&mut self, condition: &Expr) -> bool {
        if is_one(condition) {
            return true;
        }
        let condition = self.names().bits(condition);
        self.condition("if (", condition, ") begin");
        self.indent += 2;
        false
    }

    fn close_if(&mut self, always: bool) {
        if !always {
            self.close("end");
        }
    }

    fn condition(&mut self, before: &str, condition: Text, after: &'static str) {
        let doc = RcDoc::text(before.to_string()).append(condition.doc.nest(CONTINUATION).group()).append(after);
        self.statement(doc);
    }

    fn instance(&mut self, instance: &Instance) {
        self.blank();
        if !instance.dimensions.is_empty() {
            self.array(instance);
            return self.blank();
        }
        for (output, &signal) in instance.outputs.iter().enumerate() {
            self.output_declaration(instance, output, signal);
        }
        let mut values = Vec::new();
        for (&port, connection) in instance.module.inputs.iter().zip(&instance.inputs) {
            let value = connection.expr();
            // Yosys 0.70 stops at a port connected to a signal of the other sign, cast or not.
            let cast_signal = matches!(value.kind(), Kind::Cast(of) if matches!(of.kind(), Kind::Signal(_)));
            values.push(if cast_signal {
                self.input_wire(instance, &instance.module.signal(port).name, value)
            } else {
                self.names().typed(value)
            });
        }
        let outputs = instance.outputs.iter().map(|&s| self.module.signal(s).name.clone()).collect();
        self.instantiation(instance, values, outputs);
        self.blank();
    }

    /// The wire of an output.
    fn output_declaration(&mut self, instance: &Instance, output: usize, signal: Signal) {
        let Declaration { name, ty, comment, .. } = self.module.signal(signal);
        let Layout { base, width, .. } = self.layout[signal.0 as usize];
        if width == 0 {
            return;
        }
        if let Some(comment) = comment {
            self.comment(comment);
        } else if base > 0 {
            self.comment(&format!("`{}` at the last {}.", instance.module.outputs[output].0, instance.dimensions[0].0));
        }
        self.line(&format!("wire {}{name};", shape(Type { width, ..*ty })));
    }

    /// One value per input and one target per output, in the order of the module.
    fn instantiation(&mut self, instance: &Instance, inputs: Vec<Text>, outputs: Vec<String>) {
        let of = &instance.module;
        let mut ports: Vec<(String, Doc)> = Vec::new();
        match &of.foreign {
            Some(foreign) => ports.extend(foreign.clock.iter().map(|clock| (clock.clone(), RcDoc::text("clk_i")))),
            None => {
                let implicit = [("clk_i", of.is_sequential()), ("rst_ni", of.is_reset())];
                let taken = implicit.into_iter().filter_map(|(port, taken)| taken.then_some(port));
                ports.extend(taken.map(|port| (port.into(), RcDoc::text(port))));
            }
        }
        let printed = of.foreign.as_ref();
        for (position, (&port, value)) in of.inputs.iter().zip(inputs).enumerate() {
            let name = printed.map_or(&of.signal(port).name, |foreign| &foreign.inputs[position]);
            ports.push((name.clone(), value.doc));
        }
        for (position, ((port, _), target)) in of.outputs.iter().zip(outputs).enumerate() {
            let name = printed.map_or(port, |foreign| &foreign.outputs[position]);
            ports.push((name.clone(), RcDoc::text(target)));
        }
        if ports.is_empty() {
            return self.line(&format!("{} u_{} ();", of.name, instance.name));
        }
        self.line(&format!("{} u_{} (", of.name, instance.name));
        self.indent += 4;
        let last = ports.len() - 1;
        for (i, (port, value)) in ports.into_iter().enumerate() {
            let value = value.nest(CONTINUATION).group();
            let end = if i == last { ")" } else { ")," };
            self.statement(RcDoc::text(format!(".{port}(")).append(value).append(end));
        }
        self.indent -= 4;
        self.line(");");
    }

    /// One clocked block for each set of registers with the same enable that all have a reset or all have none.
    fn registers(&mut self) {
        type Key<'e> = (Option<&'e Expr>, bool);
        let mut groups: Vec<(Key, Vec<&Declaration>)> = Vec::new();
        for declaration in &self.module.signals {
            if let Source::Register { enable, reset, .. } = &declaration.source {
                let key = (enable.as_ref().filter(|e| !is_one(e)), reset.is_some());
                match groups.iter_mut().find(|(other, _)| *other == key) {
                    Some((_, members)) => members.push(declaration),
                    None => groups.push((key, vec![declaration])),
                }
            }
        }
        for ((enable, resets), members) in groups {
            self.blank();
            self.open("always @(posedge clk_i) begin");
            if !resets {
                if let Some(enable) = enable {
                    self.condition("if (", self.names().bits(enable), ") begin");
                    self.indent += 2;
                }
                self.next_values(&members);
                if enable.is_some() {
                    self.close("end");
                }
                self.close("end");
                continue;
            }
            self.open("if (!rst_ni) begin");
            for declaration in &members {
                if let Source::Register { reset: Some(reset), .. } = &declaration.source {
                    let value = Expr::new(declaration.ty, Kind::Constant(reset.clone()));
                    self.assignment(&format!("{} <=", declaration.name), self.names().typed(&value));
                }
            }
            self.indent -= 2;
            match enable {
                None => self.line("end else begin"),
                Some(enable) => self.condition("end else if (", self.names().bits(enable), ") begin"),
            }
            self.indent += 2;
            self.next_values(&members);
            self.close("end");
            self.close("end");
        }
    }

    fn next_values(&mut self, registers: &[&Declaration]) {
        for declaration in registers {
            if let Source::Register { next, .. } = &declaration.source {
                self.assignment(&format!("{} <=", declaration.name), self.names().typed(next));
            }
        }
    }

    fn outputs(&mut self) {
        self.blank();
        for (name, value) in &self.module.outputs {
            self.assignment(&format!("assign {name} ="), self.names().typed(value));
        }
    }

    fn unused(&mut self) {
        let mut bits = Vec::new();
        for (signal, Layout { base, width, .. }) in self.layout.iter().enumerate() {
            let mut read = self.read[signal].clone();
            read.insert(0, *base);
            for (low, end) in read.missing(base + width) {
                bits.push(self.names().slice(signal, low, end - low));
            }
        }
        if !bits.is_empty() {
            self.blank();
            self.sink("unused_ok", bits);
        }
    }

    /// A wire by which linters see that bits are unused on purpose.
    fn sink(&mut self, name: &str, bits: Vec<String>) {
        let separator = RcDoc::text(",").append(RcDoc::line());
        let bits = std::iter::once("1'b0".to_string()).chain(bits).map(RcDoc::text);
        let parts = RcDoc::line_().append(RcDoc::intersperse(bits, separator)).nest(2);
        let doc = RcDoc::text("&{").append(parts).append(RcDoc::line_()).append("}");
        self.assignment(&format!("wire {name} ="), Text { doc, level: Level::Primary });
    }

    /// On one line, however long.
    fn flat(&self, text: Text) -> String {
        text.doc.group().pretty(usize::from(u16::MAX)).to_string()
    }
}

/// `signed [15:0] `, with the space after it; empty for one unsigned bit.
fn shape(ty: Type) -> String {
    let sign = if ty.signed { "signed " } else { "" };
    let range = if ty.width == 1 { String::new() } else { format!("[{}:0] ", ty.width - 1) };
    format!("{sign}{range}")
}

fn is_one(expr: &Expr) -> bool {
    matches!(expr.kind(), Kind::Constant(bits) if bits.width() == 1 && bits.bit(0))
}
