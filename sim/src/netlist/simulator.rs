//! Runs a flat design, one clock cycle after the other.

use super::program::{Program, compile, evaluate};
use super::wide::{top_mask, words};
use super::{Error, Memory, Netlist, Options, Piece, flatten};
use logloom_hdl::rtl::{Bits, Module, ReadUnderWrite};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// An input port of the top module.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    slot: u32,
    width: u32,
}

/// An output port of the top module.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    slot: u32,
    width: u32,
}

/// A signal anywhere in the hierarchy: its position in [`Netlist::names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(usize);

/// A memory anywhere in the hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRef(usize);

/// A read of a word in the cycle in which it was written, where the design promised that this never happens
/// ([`ReadUnderWrite::Never`]). The simulation goes on with the old word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hazard {
    /// Path of the memory.
    pub path: String,
    /// Clock edges before the one that read.
    pub cycle: u64,
    pub address: u64,
}

/// Hazards that are kept; a broken schedule repeats its mistake.
const KEPT_HAZARDS: usize = 1000;

/// A design under simulation. Values are settled lazily: reading one evaluates the logic if anything changed.
pub struct Simulator {
    netlist: Netlist,
    program: Program,
    /// The table of words: registers, read data, inputs, constants, results.
    values: Vec<u64>,
    /// State after the clock edge under way, so that all of it changes at once.
    pending: Vec<u64>,
    memories: Vec<Storage>,
    by_path: HashMap<String, usize>,
    hazards: Vec<Hazard>,
    in_reset: bool,
    settled: bool,
    cycle: u64,
}

impl Simulator {
    /// Flattens and compiles `top`.
    ///
    /// # Errors
    /// See [`flatten`].
    pub fn new(top: &Arc<Module>) -> Result<Self, Error> {
        Self::with_options(top, &Options::default())
    }

    /// With watched signals and defects.
    ///
    /// # Errors
    /// See [`flatten`].
    pub fn with_options(top: &Arc<Module>, options: &Options) -> Result<Self, Error> {
        let netlist = flatten(top, options)?;
        let program = compile(&netlist);
        let memories = netlist.memories.iter().map(|m| Storage::new(m, &program)).collect();
        let by_path = netlist.names.iter().enumerate().map(|(i, n)| (n.path.clone(), i)).collect();
        Ok(Simulator {
            values: program.values.clone(),
            pending: vec![0; program.state],
            memories,
            by_path,
            hazards: Vec::new(),
            in_reset: false,
            settled: false,
            cycle: 0,
            netlist,
            program,
        })
    }

    /// # Errors
    /// No input of that name.
    pub fn input(&self, name: &str) -> Result<Input, Error> {
        let (slot, width) = self.port("input", &self.netlist.inputs, name)?;
        Ok(Input { slot, width })
    }

    /// # Errors
    /// No output of that name.
    pub fn output(&self, name: &str) -> Result<Output, Error> {
        let (slot, width) = self.port("output", &self.netlist.outputs, name)?;
        Ok(Output { slot, width })
    }

    fn port(&self, what: &'static str, ports: &[(String, u32)], name: &str) -> Result<(u32, u32), Error> {
        let net = ports.iter().find(|(n, _)| n == name).map(|&(_, net)| net as usize).ok_or_else(|| {
            let known = ports.iter().map(|(n, _)| n.clone()).collect();
            Error::NotFound { what, name: name.into(), known }
        })?;
        Ok((self.program.slots[net], self.netlist.nets[net].width))
    }

    /// Drives an input from now on; bits above its width are ignored, words above the first are 0.
    pub fn set(&mut self, port: Input, value: u64) {
        let slot = port.slot as usize;
        let mask = if port.width < 64 { top_mask(port.width) } else { u64::MAX };
        let own = &mut self.values[slot..][..words(port.width)];
        if own[0] != value & mask || own[1..].iter().any(|&w| w != 0) {
            own.fill(0);
            own[0] = value & mask;
            self.settled = false;
        }
    }

    /// Drives an input of any width; bits above its width are ignored, missing ones 0.
    pub fn set_bits(&mut self, port: Input, value: &Bits) {
        let value = value.slice(0, port.width);
        self.values[port.slot as usize..][..words(port.width)].copy_from_slice(value.words());
        self.settled = false;
    }

    /// Holds the design in reset, or releases it: at every clock edge in reset, registers that have a reset value take it.
    pub fn set_reset(&mut self, active: bool) {
        self.in_reset = active;
    }

    /// Whether the design is held in reset.
    pub fn in_reset(&self) -> bool {
        self.in_reset
    }

    /// Settles the combinational logic.
    pub fn evaluate(&mut self) {
        if !self.settled {
            evaluate(&self.program, &mut self.values);
            self.settled = true;
        }
    }

    /// The settled value of an output; the low 64 bits of a wider one.
    pub fn get(&mut self, port: Output) -> u64 {
        self.evaluate();
        self.values[port.slot as usize]
    }

    /// The settled value of an output.
    pub fn get_bits(&mut self, port: Output) -> Bits {
        self.evaluate();
        Bits::from_words(port.width, &self.values[port.slot as usize..][..words(port.width)])
    }

    /// One clock cycle: settles the logic, then the rising edge.
    pub fn step(&mut self) {
        self.evaluate();
        // First everything looks at the values before the edge, then everything changes.
        for bank in &mut self.program.banks {
            let range = span(bank.first, bank.count);
            if self.in_reset && bank.resets {
                bank.on = true;
                self.pending[range.clone()].copy_from_slice(&self.program.reset[range]);
                continue;
            }
            bank.on = bank.enable.is_none_or(|enable| self.values[enable as usize] != 0);
            if bank.on {
                for (pending, &next) in self.pending[range.clone()].iter_mut().zip(&self.program.next[range]) {
                    *pending = self.values[next as usize];
                }
            }
        }
        for (storage, memory) in self.memories.iter_mut().zip(&self.netlist.memories) {
            if let Some(address) = storage.clock(memory, &self.values, &mut self.pending)
                && self.hazards.len() < KEPT_HAZARDS
            {
                self.hazards.push(Hazard { path: memory.path.clone(), cycle: self.cycle, address });
            }
        }
        for bank in self.program.banks.iter().filter(|bank| bank.on) {
            let range = span(bank.first, bank.count);
            self.values[range.clone()].copy_from_slice(&self.pending[range]);
        }
        for storage in self.memories.iter().filter(|s| s.reads) {
            let range = span(storage.value, storage.words as u32);
            self.values[range.clone()].copy_from_slice(&self.pending[range]);
        }
        self.settled = false;
        self.cycle += 1;
    }

    /// That many clock cycles.
    pub fn run(&mut self, cycles: u64) {
        for _ in 0..cycles {
            self.step();
        }
    }

    /// Clock edges since power-up.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Broken promises of the memories, oldest first; after the first thousand no more are recorded.
    pub fn hazards(&self) -> &[Hazard] {
        &self.hazards
    }

    /// The flat design.
    pub fn netlist(&self) -> &Netlist {
        &self.netlist
    }

    /// The signal with that path, such as `u_array.g_row[1].g_column[0].u_pe.sum_q`. None also when nothing needs the
    /// signal and it is not watched (see [`Options`]).
    pub fn find(&self, path: &str) -> Option<Signal> {
        self.by_path.get(path).map(|&index| Signal(index))
    }

    /// Every signal of the design in the order of the hierarchy.
    pub fn signals(&self) -> impl Iterator<Item = (Signal, &str)> {
        self.netlist.names.iter().enumerate().map(|(i, name)| (Signal(i), name.path.as_str()))
    }

    /// The path of a signal.
    pub fn path(&self, signal: Signal) -> &str {
        &self.netlist.names[signal.0].path
    }

    pub fn width(&self, signal: Signal) -> u32 {
        self.netlist.names[signal.0].width
    }

    pub fn is_signed(&self, signal: Signal) -> bool {
        self.netlist.names[signal.0].signed
    }

    /// The settled value of a signal.
    pub fn peek(&mut self, signal: Signal) -> Bits {
        self.evaluate();
        let mut out = vec![0; words(self.width(signal))];
        self.read(signal, &mut out);
        Bits::from_words(self.width(signal), &out)
    }

    /// The value of a signal as it was settled last, into `out`, which has the words that its width needs.
    pub(super) fn read(&self, signal: Signal, out: &mut [u64]) {
        out.fill(0);
        let mut position = 0;
        for piece in &self.netlist.names[signal.0].pieces {
            let Piece { net, low, width } = *piece;
            let slot = self.program.slots[net as usize];
            let mut done = 0;
            while done < width {
                // As many bits as neither side has a word boundary in.
                let (from, to) = (low + done, position + done);
                let count = (width - done).min(64 - from % 64).min(64 - to % 64);
                let bits = self.values[(slot + from / 64) as usize] >> (from % 64) & top_mask(count);
                out[to as usize / 64] |= bits << (to % 64);
                done += count;
            }
            position += width;
        }
    }

    /// The memory with that path.
    pub fn memory(&self, path: &str) -> Option<MemoryRef> {
        self.netlist.memories.iter().position(|m| m.path == path).map(MemoryRef)
    }

    /// Every memory of the design.
    pub fn memories(&self) -> impl Iterator<Item = (MemoryRef, &Memory)> {
        self.netlist.memories.iter().enumerate().map(|(i, m)| (MemoryRef(i), m))
    }

    /// A word of a memory; 0 beyond its depth.
    pub fn load(&self, memory: MemoryRef, address: u64) -> Bits {
        let storage = &self.memories[memory.0];
        Bits::from_words(self.netlist.memories[memory.0].width, storage.word(address).unwrap_or(&[]))
    }

    /// Puts a word into a memory, past its ports; nothing happens beyond its depth.
    pub fn store(&mut self, memory: MemoryRef, address: u64, value: &Bits) {
        let value = value.slice(0, self.netlist.memories[memory.0].width);
        if let Some(word) = self.memories[memory.0].word_mut(address) {
            word.copy_from_slice(value.words());
        }
    }

    /// Operations that one evaluation performs.
    pub fn operations(&self) -> usize {
        self.program.steps.len()
    }
}

fn span(first: u32, count: u32) -> Range<usize> {
    first as usize..(first + count) as usize
}

/// The contents and the ports (slots) of one memory.
struct Storage {
    contents: Vec<u64>,
    depth: u64,
    /// Words of 64 bits in an entry.
    words: usize,
    read_enable: u32,
    read_address: u32,
    write: Option<WriteSlots>,
    value: u32,
    /// The clock edge under way reads.
    reads: bool,
}

struct WriteSlots {
    enable: u32,
    address: u32,
    data: u32,
}

impl Storage {
    fn new(memory: &Memory, program: &Program) -> Self {
        let slot = |net: u32| program.slots[net as usize];
        let words = words(memory.width);
        let mut contents = vec![0; memory.depth as usize * words];
        for (entry, bits) in contents.chunks_exact_mut(words).zip(&memory.init) {
            entry.copy_from_slice(bits.slice(0, memory.width).words());
        }
        let write = memory.write.as_ref();
        Storage {
            contents,
            depth: u64::from(memory.depth),
            words,
            read_enable: slot(memory.read_enable),
            read_address: slot(memory.read_address),
            write: write.map(|w| WriteSlots { enable: slot(w.enable), address: slot(w.address), data: slot(w.data) }),
            value: slot(memory.value),
            reads: false,
        }
    }

    fn word(&self, address: u64) -> Option<&[u64]> {
        (address < self.depth).then(|| &self.contents[address as usize * self.words..][..self.words])
    }

    fn word_mut(&mut self, address: u64) -> Option<&mut [u64]> {
        (address < self.depth).then(|| &mut self.contents[address as usize * self.words..][..self.words])
    }

    /// The clock edge: read data go to `pending`, a write to the contents. Gives the address of a hazard.
    fn clock(&mut self, memory: &Memory, values: &[u64], pending: &mut [u64]) -> Option<u64> {
        let at = |slot: u32| values[slot as usize];
        let write = self.write.as_ref().filter(|w| at(w.enable) != 0).map(|w| (at(w.address), w.data as usize));
        let mut hazard = None;
        self.reads = at(self.read_enable) != 0;
        if self.reads {
            let address = at(self.read_address);
            let out = &mut pending[self.value as usize..][..self.words];
            match self.word(address) {
                Some(word) => out.copy_from_slice(word),
                None => out.fill(0),
            }
            if let Some((written, data)) = write
                && written == address
                && address < self.depth
            {
                match memory.read_under_write {
                    ReadUnderWrite::Old => {}
                    ReadUnderWrite::New => out.copy_from_slice(&values[data..][..self.words]),
                    ReadUnderWrite::Never => hazard = Some(address),
                }
            }
        }
        if let Some((address, data)) = write {
            let words = self.words;
            if let Some(word) = self.word_mut(address) {
                word.copy_from_slice(&values[data..][..words]);
            }
        }
        hazard
    }
}
