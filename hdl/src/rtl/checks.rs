//! The checks that every module passes before it is printed or run.

use super::module::{Connection, Instance, Memory, Module, Source, address_bits};
use super::usage::{BitSet, bits_read, drivers, signals_in, walk};
use super::verilog::generated_names;
use super::{ElaborationError, Expr, Kind, Signal, unsigned};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Operators that one expression may have when it is written out, shared parts as often as they are used; and how
/// deep they may be nested. Nobody reads more than that, and whoever walks an expression may do so by recursion.
const MAX_SIZE: u64 = 20_000;
const MAX_DEPTH: u64 = 1_000;

/// Appends every mistake of `module` to `mistakes` and fills [`Module::paths`].
pub(super) fn check(module: &mut Module, mistakes: &mut Vec<ElaborationError>) {
    let mut checker = Checker { module, mistakes };
    checker.names();
    checker.widths();
    for memory in &checker.module.memories {
        checker.memory(memory);
    }
    for instance in &checker.module.instances {
        checker.instance(instance);
    }
    checker.expressions();
    let paths = checker.paths();
    // After another mistake, what it was to drive would be reported as unused.
    if checker.mistakes.is_empty() {
        checker.unused();
    }
    module.paths = paths;
}

struct Checker<'a> {
    module: &'a Module,
    mistakes: &'a mut Vec<ElaborationError>,
}

impl<'a> Checker<'a> {
    fn mistake(&mut self, name: &str, message: impl Into<String>) {
        let path = format!("{}.{name}", self.module.name);
        self.mistakes.push(ElaborationError { path, message: message.into() });
    }

    // Names.

    fn names(&mut self) {
        let module = self.module;
        // Somebody else's name is as it is.
        if let Some(message) = misnamed(&module.name).filter(|_| module.foreign.is_none()) {
            self.mistakes.push(ElaborationError { path: module.name.clone(), message });
        }
        // What the description names, with the kind of thing it is.
        let mut given: Vec<(&str, &str)> = Vec::new();
        for declaration in &module.signals {
            let name = declaration.name.as_str();
            match declaration.source {
                Source::Input => given.push((name, "input")),
                Source::Wire(_) => given.push((name, "wire")),
                Source::Register { .. } => given.push((name, "register")),
                // Derived from the names of memories and instances.
                Source::MemoryRead(_) | Source::InstanceOutput { .. } => {}
            }
        }
        given.extend(module.outputs.iter().map(|o| (o.0.as_str(), "output")));
        given.extend(module.memories.iter().map(|m| (m.name.as_str(), "memory")));
        for &(name, what) in &given {
            self.identifier(name);
            let suffix = match what {
                "input" => "_i",
                "output" => "_o",
                _ => "",
            };
            if !name.ends_with(suffix) {
                self.mistake(name, format!("the name of an {what} ends in `{suffix}`"));
            }
        }
        let mut dimensions = BTreeSet::new();
        for instance in &module.instances {
            self.identifier(&instance.name);
            let mut own = HashSet::new();
            for (dimension, _) in &instance.dimensions {
                self.identifier(dimension);
                if !own.insert(dimension) {
                    self.mistake(&instance.name, format!("two dimensions are named `{dimension}`"));
                }
                dimensions.insert(dimension.as_str());
            }
        }

        // What printing adds, and what it is for.
        let mut taken: HashMap<String, String> = HashMap::new();
        for name in ["clk_i", "rst_ni", "unused_ok"] {
            taken.insert(name.into(), "the printed module".into());
        }
        for (name, what) in given {
            self.take(&mut taken, name.into(), name, what.into());
        }
        for declaration in &module.signals {
            let what = match declaration.source {
                Source::MemoryRead(_) => "read data of a memory",
                Source::InstanceOutput { .. } => "output of an instance",
                _ => continue,
            };
            self.take(&mut taken, declaration.name.clone(), &declaration.name, what.into());
        }
        for memory in &module.memories {
            let what = format!("the contents of memory `{}`", memory.name);
            for name in [format!("init_{}", memory.name), format!("{}_word", memory.name)] {
                self.take(&mut taken, name, &memory.name, what.clone());
            }
        }
        for dimension in dimensions {
            for name in [dimension.to_string(), format!("g_{dimension}")] {
                self.take(&mut taken, name, dimension, format!("the dimension `{dimension}`"));
            }
        }
        for instance in &module.instances {
            let what = format!("the instance `{}`", instance.name);
            let (outside, _) = generated_names(instance);
            for name in outside {
                self.take(&mut taken, name, &instance.name, what.clone());
            }
        }
        // Names inside a loop may be those of another loop, but must not hide what is outside.
        for instance in &module.instances {
            for name in generated_names(instance).1 {
                if let Some(other) = taken.get(&name) {
                    let message = format!("`{name}`, a name in the loop of this array, is also {other}: rename that");
                    self.mistake(&instance.name, message);
                }
            }
        }
    }

    fn identifier(&mut self, name: &str) {
        if let Some(message) = misnamed(name) {
            self.mistake(name, message);
        }
    }

    /// Claims a name of the module's scope; `culprit` is who is told when somebody has it.
    fn take(&mut self, taken: &mut HashMap<String, String>, name: String, culprit: &str, what: String) {
        match taken.get(&name) {
            // A signal and something that the printer makes.
            Some(other) if name == culprit && other.starts_with("the ") => {
                self.mistake(culprit, format!("the name belongs to {other}; rename this {what}"));
            }
            Some(other) if name == culprit && what.starts_with("the ") => {
                self.mistake(culprit, format!("the name belongs to {what}; rename the {other}"));
            }
            Some(other) if name == culprit => {
                self.mistake(culprit, format!("driven twice, as {other} and as {what}: rename one"));
            }
            Some(other) => {
                self.mistake(culprit, format!("`{name}`, which {what} needs, belongs to {other}; rename one"));
            }
            None => {
                taken.insert(name, what);
            }
        }
    }

    // Types.

    fn widths(&mut self) {
        let module = self.module;
        for declaration in &module.signals {
            let derived = matches!(declaration.source, Source::MemoryRead(_) | Source::InstanceOutput { .. });
            if declaration.ty.width == 0 && !derived {
                self.mistake(&declaration.name, "zero bits wide");
            }
        }
        for (name, value) in &module.outputs {
            if value.width() == 0 {
                self.mistake(name, "zero bits wide");
            }
        }
    }

    fn memory(&mut self, memory: &Memory) {
        let Memory { name, depth, width, read, write, init, .. } = memory;
        if *depth == 0 {
            return self.mistake(name, "a memory of depth zero");
        }
        if *width == 0 {
            self.mistake(name, "a memory of words of zero bits");
        }
        let address = unsigned(address_bits(*depth));
        let mut ports = vec![("read enable", &read.enable, unsigned(1)), ("read address", &read.address, address)];
        if let Some(write) = write {
            ports.push(("write enable", &write.enable, unsigned(1)));
            ports.push(("write address", &write.address, address));
            ports.push(("write data", &write.data, unsigned(*width)));
        }
        for (port, value, ty) in ports {
            if value.ty() != ty {
                self.mistake(name, format!("the {port} of {depth} words of {width} bits is {ty}, not {}", value.ty()));
            }
        }
        if init.len() as u64 > u64::from(*depth) {
            self.mistake(name, format!("{} initial words for a depth of {depth}", init.len()));
        }
        if let Some(i) = init.iter().position(|word| word.width() != *width) {
            self.mistake(name, format!("initial word {i} has {} bits, not {width}", init[i].width()));
        }
    }

    fn instance(&mut self, instance: &Instance) {
        let Instance { name, module: of, dimensions, inputs, .. } = instance;
        if let Some((dimension, _)) = dimensions.iter().find(|d| d.1 == 0) {
            return self.mistake(name, format!("dimension `{dimension}` has size zero"));
        }
        // Inputs without a connection are already reported, and those behind them would not match.
        if inputs.len() != of.inputs.len() {
            return;
        }
        for (&port, connection) in of.inputs.iter().zip(inputs) {
            let port = of.signal(port);
            if let Some(problem) = self.connection(instance, port.ty, connection) {
                self.mistake(name, format!("input `{}` of `{}`: {problem}", port.name, of.name));
            }
        }
    }

    /// What is wrong with it, if anything.
    fn connection(&self, instance: &Instance, port: super::Type, connection: &Connection) -> Option<String> {
        let Instance { module: of, dimensions, .. } = instance;
        let vector = |lanes: u32, lanes_of: String, value: &Expr| {
            (value.width() != lanes * port.width).then(|| {
                format!("a vector of {} bits, not of {lanes} lanes of {} bits ({lanes_of})", value.width(), port.width)
            })
        };
        let size = |dimension: usize| dimensions.get(dimension).map(|d| d.1);
        if dimensions.is_empty() && !matches!(connection, Connection::All(_)) {
            return Some("lanes, elements and chains need an array: a single instance takes `Connection::All`".into());
        }
        match connection {
            Connection::All(value) => {
                (value.ty() != port).then(|| format!("{port} connected to {}; convert it", value.ty()))
            }
            Connection::Element(value) => vector(instance.count(), "one for each element".into(), value),
            Connection::Lane { dimension, lanes } => match size(*dimension) {
                None => Some(format!("there is no dimension {dimension}")),
                Some(size) => vector(size, format!("one for each {}", dimensions[*dimension].0), lanes),
            },
            Connection::Chain { dimension, output, first } => match (size(*dimension), of.outputs.get(*output)) {
                (None, _) => Some(format!("there is no dimension {dimension}")),
                (_, None) => Some(format!("`{}` has no output {output} to chain", of.name)),
                (_, Some((output, value))) if value.ty() != port => {
                    Some(format!("{port} chained to the output `{output}`, which is {}", value.ty()))
                }
                (Some(size), _) => {
                    let others = format!("the first of each chain along {}", dimensions[*dimension].0);
                    vector(instance.count() / size, others, first)
                }
            },
        }
    }

    // Expressions.

    fn expressions(&mut self) {
        let module = self.module;
        let mut roots = drivers(module);
        roots.extend(module.discarded.iter().map(|e| ("discard", e)));
        let mut seen = HashSet::new();
        let mut sizes = HashMap::new();
        for (name, root) in roots {
            let mut found = Vec::new();
            walk(&mut seen, [root], |expr| found.extend(self.mistake_in(expr)));
            for message in found {
                self.mistake(name, message);
            }
            let (size, depth) = size_and_depth(root, &mut sizes);
            if size > MAX_SIZE {
                let message = format!(
                    "an expression of more than {MAX_SIZE} operators, written out: name parts of it with `wire`"
                );
                self.mistake(name, message);
            } else if depth > MAX_DEPTH {
                let message = format!("an expression nested {depth} deep: name parts of it with `wire`");
                self.mistake(name, message);
            }
        }
    }

    /// What is wrong with this node, its operands aside.
    fn mistake_in(&self, expr: &Expr) -> Option<String> {
        match expr.kind() {
            Kind::Invalid(message) => Some(message.clone()),
            Kind::Signal(Signal(index)) => match self.module.signals.get(*index as usize) {
                Some(declaration) if declaration.ty == expr.ty() => None,
                _ => Some("reads a signal of another module: pass it through a port".into()),
            },
            Kind::Lookup(..) if self.module.foreign.is_none() => Some("a lookup, which cannot be printed".into()),
            Kind::Constant(bits) if bits.width() == 0 => Some("a constant of zero bits".into()),
            Kind::Slice(of, _) if !matches!(of.kind(), Kind::Signal(_)) => {
                Some("slice of an unnamed expression: name it with `wire`".into())
            }
            _ => None,
        }
    }

    // Combinational paths.

    /// For each output, the inputs it depends on within the cycle. Reports loops.
    fn paths(&mut self) -> Vec<Vec<usize>> {
        let module = self.module;
        let reads: Vec<Vec<usize>> = (0..module.signals.len()).map(|s| self.combinational_reads(s)).collect();
        let inputs = self.inputs_behind(&reads);
        let mut paths = Vec::new();
        for (_, value) in &module.outputs {
            let behind: BTreeSet<usize> =
                signals_in(module, [value]).into_iter().flat_map(|s| inputs[s].iter().copied()).collect();
            paths.push(behind.into_iter().collect());
        }
        paths
    }

    /// The signals from which a signal is computed within the cycle.
    fn combinational_reads(&self, signal: usize) -> Vec<usize> {
        let module = self.module;
        match &module.signals[signal].source {
            Source::Input | Source::Register { .. } | Source::MemoryRead(_) => Vec::new(),
            Source::Wire(value) => signals_in(module, [value]),
            Source::InstanceOutput { instance, output } => {
                let Instance { module: of, inputs, .. } = &module.instances[*instance];
                // Through a chain, an output depends on what the chained output of the element before depends on.
                // Chains only go forward, so that the element itself is never reached again.
                let mut outputs = vec![*output];
                let mut entered = BTreeSet::new();
                let mut next = 0;
                while next < outputs.len() {
                    for &input in of.paths.get(outputs[next]).into_iter().flatten() {
                        entered.insert(input);
                        if let Some(Connection::Chain { output, .. }) = inputs.get(input)
                            && !outputs.contains(output)
                        {
                            outputs.push(*output);
                        }
                    }
                    next += 1;
                }
                signals_in(module, entered.into_iter().filter_map(|i| inputs.get(i)).map(Connection::expr))
            }
        }
    }

    /// For each signal, the positions of the inputs it depends on within the cycle. Depth first, without recursion.
    fn inputs_behind(&mut self, reads: &[Vec<usize>]) -> Vec<BTreeSet<usize>> {
        let module = self.module;
        let mut behind = vec![BTreeSet::new(); reads.len()];
        for (position, input) in module.inputs.iter().enumerate() {
            behind[input.0 as usize].insert(position);
        }
        let mut done = vec![false; reads.len()];
        for start in 0..reads.len() {
            // The signals on the way, each with the number of its reads that are dealt with.
            let mut way: Vec<(usize, usize)> = if done[start] { Vec::new() } else { vec![(start, 0)] };
            while let Some(&(signal, dealt_with)) = way.last() {
                let Some(&read) = reads[signal].get(dealt_with) else {
                    done[signal] = true;
                    way.pop();
                    continue;
                };
                if done[read] {
                    let more = behind[read].clone();
                    behind[signal].extend(more);
                } else if let Some(from) = way.iter().position(|w| w.0 == read) {
                    // In the direction of the values: a signal comes before the one that reads it.
                    let mut names: Vec<&str> =
                        way[from..].iter().rev().map(|w| module.signals[w.0].name.as_str()).collect();
                    names.rotate_right(1);
                    let first = names[0].to_string();
                    names.push(&first);
                    let cycle = names.join(" -> ");
                    self.mistake(&first, format!("combinational loop {cycle}: break it with a register"));
                } else {
                    // And back to this read when it is done.
                    way.push((read, 0));
                    continue;
                }
                if let Some(top) = way.last_mut() {
                    top.1 += 1;
                }
            }
        }
        behind
    }

    // Unused.

    fn unused(&mut self) {
        let module = self.module;
        let mut read = bits_read(module, drivers(module).into_iter().map(|d| d.1));
        for instance in &module.instances {
            for connection in &instance.inputs {
                if let Connection::Chain { output, .. } = connection {
                    let signal = instance.outputs[*output].0 as usize;
                    read[signal].insert(0, module.signals[signal].ty.width);
                }
            }
        }
        let discarded = bits_read(module, &module.discarded);
        for (i, declaration) in module.signals.iter().enumerate() {
            let (width, name) = (declaration.ty.width, &declaration.name);
            match declaration.source {
                Source::Input => {
                    let mut used = read[i].clone();
                    used.extend(&discarded[i]);
                    self.unused_input(name, width, &used);
                }
                _ if !read[i].is_empty() || !discarded[i].is_empty() => {}
                Source::MemoryRead(_) => self.mistake(name, "the memory is never read: remove or `discard` this"),
                Source::InstanceOutput { .. } => self.mistake(name, "the output is not used: `discard` it"),
                _ => self.mistake(name, "not used: remove or `discard` it"),
            }
        }
        // What feeds only the above would be reported with it.
        if self.mistakes.is_empty() {
            let reaches = reaches_out(module);
            for (declaration, _) in module.signals.iter().zip(reaches).filter(|(_, reaches)| !reaches) {
                if !matches!(declaration.source, Source::Input) {
                    self.mistake(&declaration.name, "feeds only itself or what nothing uses: remove or `discard` it");
                }
            }
        }
    }

    fn unused_input(&mut self, name: &str, width: u32, used: &BitSet) {
        let missing = used.missing(width);
        if missing == [(0, width)] {
            return self.mistake(name, "not used: remove or `discard` it");
        }
        let bits: Vec<String> = missing
            .iter()
            .rev()
            .map(|&(low, end)| if end - low == 1 { low.to_string() } else { format!("{}:{low}", end - 1) })
            .collect();
        if !bits.is_empty() {
            let bits = bits.join(", ");
            self.mistake(name, format!("bits {bits} of {width} are not used: narrow the port or `discard` them"));
        }
    }
}

/// For each signal, whether a port of the module depends on it, in this cycle or a later one; a discarded signal and an
/// instance without outputs count as ports.
fn reaches_out(module: &Module) -> Vec<bool> {
    let mut reaches = vec![false; module.signals.len()];
    let roots = module.outputs.iter().map(|o| &o.1).chain(&module.discarded);
    let silent = module.instances.iter().filter(|i| i.outputs.is_empty());
    let roots = roots.chain(silent.flat_map(|i| i.inputs.iter().map(Connection::expr)));
    let mut open = signals_in(module, roots);
    while let Some(signal) = open.pop() {
        if std::mem::replace(&mut reaches[signal], true) {
            continue;
        }
        match &module.signals[signal].source {
            Source::Input => {}
            Source::Wire(value) => open.extend(signals_in(module, [value])),
            Source::Register { next, enable, .. } => open.extend(signals_in(module, enable.iter().chain([next]))),
            Source::MemoryRead(memory) => {
                let Memory { read, write, .. } = &module.memories[*memory];
                let write = write.iter().flat_map(|w| [&w.enable, &w.address, &w.data]);
                open.extend(signals_in(module, write.chain([&read.enable, &read.address])));
            }
            Source::InstanceOutput { instance, .. } => {
                let Instance { inputs, outputs, .. } = &module.instances[*instance];
                open.extend(signals_in(module, inputs.iter().map(Connection::expr)));
                open.extend(inputs.iter().filter_map(|input| match input {
                    Connection::Chain { output, .. } => Some(outputs[*output].0 as usize),
                    _ => None,
                }));
            }
        }
    }
    reaches
}

/// Operators of an expression written out, and how deep they are nested. `known`: those of shared parts.
fn size_and_depth(root: &Expr, known: &mut HashMap<usize, (u64, u64)>) -> (u64, u64) {
    let mut open = vec![root];
    while let Some(&expr) = open.last() {
        let operands = expr.operands();
        let before = open.len();
        if !known.contains_key(&expr.identity()) {
            open.extend(operands.iter().filter(|o| !known.contains_key(&o.identity())));
        }
        if open.len() == before {
            let (size, depth) = operands.iter().fold((1u64, 0), |(size, depth), operand| {
                let (s, d) = known.get(&operand.identity()).copied().unwrap_or_default();
                (size.saturating_add(s), depth.max(d))
            });
            known.insert(expr.identity(), (size, depth + 1));
            open.pop();
        }
    }
    known.get(&root.identity()).copied().unwrap_or_default()
}

/// What is wrong with a name, if anything.
fn misnamed(name: &str) -> Option<String> {
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|c| c.is_ascii_lowercase());
    if !begins || !letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        Some("not a name: lower-case letters, digits and `_`, beginning with a letter".into())
    } else if KEYWORDS.contains(&name) {
        Some("a keyword of Verilog or SystemVerilog: choose another name".into())
    } else {
        None
    }
}

/// IEEE 1800-2017, table B.1: also the words that only SystemVerilog reserves, since tools may read the files as such.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "accept_on", "alias", "always", "always_comb", "always_ff", "always_latch", "and", "assert", "assign", "assume",
    "automatic", "before", "begin", "bind", "bins", "binsof", "bit", "break", "buf", "bufif0", "bufif1", "byte",
    "case", "casex", "casez", "cell", "chandle", "checker", "class", "clocking", "cmos", "config", "const",
    "constraint", "context", "continue", "cover", "covergroup", "coverpoint", "cross", "deassign", "default",
    "defparam", "design", "disable", "dist", "do", "edge", "else", "end", "endcase", "endchecker", "endclass",
    "endclocking", "endconfig", "endfunction", "endgenerate", "endgroup", "endinterface", "endmodule", "endpackage",
    "endprimitive", "endprogram", "endproperty", "endspecify", "endsequence", "endtable", "endtask", "enum", "event",
    "eventually", "expect", "export", "extends", "extern", "final", "first_match", "for", "force", "foreach",
    "forever", "fork", "forkjoin", "function", "generate", "genvar", "global", "highz0", "highz1", "if", "iff",
    "ifnone", "ignore_bins", "illegal_bins", "implements", "implies", "import", "incdir", "include", "initial",
    "inout", "input", "inside", "instance", "int", "integer", "interconnect", "interface", "intersect", "join",
    "join_any", "join_none", "large", "let", "liblist", "library", "local", "localparam", "logic", "longint",
    "macromodule", "matches", "medium", "modport", "module", "nand", "negedge", "nettype", "new", "nexttime", "nmos",
    "nor", "noshowcancelled", "not", "notif0", "notif1", "null", "or", "output", "package", "packed", "parameter",
    "pmos", "posedge", "primitive", "priority", "program", "property", "protected", "pull0", "pull1", "pulldown",
    "pullup", "pulsestyle_ondetect", "pulsestyle_onevent", "pure", "rand", "randc", "randcase", "randsequence",
    "rcmos", "real", "realtime", "ref", "reg", "reject_on", "release", "repeat", "restrict", "return", "rnmos",
    "rpmos", "rtran", "rtranif0", "rtranif1", "s_always", "s_eventually", "s_nexttime", "s_until", "s_until_with",
    "scalared", "sequence", "shortint", "shortreal", "showcancelled", "signed", "small", "soft", "solve", "specify",
    "specparam", "static", "string", "strong", "strong0", "strong1", "struct", "super", "supply0", "supply1",
    "sync_accept_on", "sync_reject_on", "table", "tagged", "task", "this", "throughout", "time", "timeprecision",
    "timeunit", "tran", "tranif0", "tranif1", "tri", "tri0", "tri1", "triand", "trior", "trireg", "type", "typedef",
    "union", "unique", "unique0", "unsigned", "until", "until_with", "untyped", "use", "uwire", "var", "vectored",
    "virtual", "void", "wait", "wait_order", "wand", "weak", "weak0", "weak1", "while", "wildcard", "wire", "with",
    "within", "wor", "xnor", "xor",
];
