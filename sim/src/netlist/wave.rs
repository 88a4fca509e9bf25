//! Value change dumps: chosen signals over a window of cycles, or the last cycles before something went wrong.
//!
//! A sample shows the settled values of a cycle, before its clock edge. In the file a cycle lasts 10 ns from one rising
//! edge of `clk_i` to the next. There is no date in the header: equal runs give equal files.

use super::wide::words;
use super::{Signal, Simulator, matches};
use std::io::{self, Write};
use std::ops::Range;
use vcd::{IdCode, TimescaleUnit, Value};

/// Duration of a cycle in units of the time scale, even.
const PERIOD: u64 = 10;

/// The signals that some pattern (see [`matches()`]) chooses, and how their values stand in a sample.
struct Selection {
    signals: Vec<Chosen>,
    /// Words of one sample.
    words: usize,
}

struct Chosen {
    signal: Signal,
    path: String,
    width: u32,
    /// Where its words begin in a sample.
    at: usize,
}

impl Selection {
    fn new(sim: &Simulator, patterns: &[&str]) -> Self {
        let mut total = 0;
        let chosen = sim.signals().filter(|(_, path)| patterns.iter().any(|pattern| matches(pattern, path)));
        let signals = chosen
            .map(|(signal, path)| {
                let (width, at) = (sim.width(signal), total);
                total += words(width);
                Chosen { signal, path: path.into(), width, at }
            })
            .collect();
        Selection { signals, words: total }
    }

    fn sample(&self, sim: &mut Simulator, out: &mut [u64]) {
        sim.evaluate();
        for chosen in &self.signals {
            sim.read(chosen.signal, &mut out[chosen.at..][..words(chosen.width)]);
        }
    }
}

/// A VCD file under way.
struct Dump<W: Write> {
    writer: vcd::Writer<W>,
    clock: IdCode,
    reset: IdCode,
    ids: Vec<IdCode>,
    /// The sample written last, and whether the design was in reset.
    last: Option<(Vec<u64>, bool)>,
}

impl<W: Write> Dump<W> {
    fn begin(selection: &Selection, out: W) -> io::Result<Self> {
        let mut writer = vcd::Writer::new(out);
        writer.version("logloom")?;
        writer.timescale(1, TimescaleUnit::NS)?;
        writer.add_module("top")?;
        let clock = writer.add_wire(1, "clk_i")?;
        let reset = writer.add_wire(1, "rst_ni")?;
        let mut open: Vec<&str> = Vec::new();
        let mut ids = Vec::new();
        for chosen in &selection.signals {
            let mut scopes: Vec<&str> = chosen.path.split('.').collect();
            let name = scopes.pop().unwrap_or_default();
            let common = open.iter().zip(&scopes).take_while(|(a, b)| a == b).count();
            for _ in common..open.len() {
                writer.upscope()?;
            }
            for scope in &scopes[common..] {
                writer.add_module(scope)?;
            }
            open = scopes;
            ids.push(writer.add_wire(chosen.width, name)?);
        }
        for _ in 0..=open.len() {
            writer.upscope()?;
        }
        writer.enddefinitions()?;
        Ok(Dump { writer, clock, reset, ids, last: None })
    }

    fn cycle(&mut self, selection: &Selection, cycle: u64, in_reset: bool, sample: &[u64]) -> io::Result<()> {
        self.writer.timestamp(cycle * PERIOD)?;
        self.writer.change_scalar(self.clock, Value::V1)?;
        if self.last.as_ref().is_none_or(|(_, was)| *was != in_reset) {
            self.writer.change_scalar(self.reset, !in_reset)?;
        }
        for (chosen, &id) in selection.signals.iter().zip(&self.ids) {
            let range = chosen.at..chosen.at + words(chosen.width);
            let new = &sample[range.clone()];
            if self.last.as_ref().is_some_and(|(last, _)| last[range] == *new) {
                continue;
            }
            let bit = |i: u32| Value::from(new[i as usize / 64] >> (i % 64) & 1 == 1);
            match chosen.width {
                1 => self.writer.change_scalar(id, bit(0))?,
                width => self.writer.change_vector(id, (0..width).rev().map(bit))?,
            }
        }
        self.writer.timestamp(cycle * PERIOD + PERIOD / 2)?;
        self.writer.change_scalar(self.clock, Value::V0)?;
        match &mut self.last {
            Some((last, was)) => {
                last.copy_from_slice(sample);
                *was = in_reset;
            }
            None => self.last = Some((sample.to_vec(), in_reset)),
        }
        Ok(())
    }
}

/// Writes chosen signals while the simulation runs: call [`Recorder::sample`] before every [`Simulator::step`].
pub struct Recorder<W: Write> {
    selection: Selection,
    window: Range<u64>,
    sample: Vec<u64>,
    dump: Dump<W>,
}

impl<W: Write> Recorder<W> {
    /// `patterns` choose signals (see [`matches()`]), `window` the cycles that are written.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn new(sim: &Simulator, patterns: &[&str], window: Range<u64>, out: W) -> io::Result<Self> {
        let selection = Selection::new(sim, patterns);
        let dump = Dump::begin(&selection, out)?;
        Ok(Recorder { sample: vec![0; selection.words], selection, window, dump })
    }

    /// Writes the values of the present cycle if it is in the window.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn sample(&mut self, sim: &mut Simulator) -> io::Result<()> {
        if self.window.contains(&sim.cycle()) {
            self.selection.sample(sim, &mut self.sample);
            self.dump.cycle(&self.selection, sim.cycle(), sim.in_reset(), &self.sample)?;
        }
        Ok(())
    }

    /// # Errors
    /// The output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.dump.writer.flush()
    }
}

/// Keeps the values of chosen signals in the last cycles: call [`Ring::sample`] before every [`Simulator::step`].
pub struct Ring {
    selection: Selection,
    /// Cycles that are kept.
    depth: usize,
    /// Sample `i` stands at `i * words`, with its cycle and reset in `cycles[i]`; the oldest is overwritten.
    samples: Vec<u64>,
    cycles: Vec<(u64, bool)>,
    /// Position of the next sample once `depth` are kept.
    next: usize,
}

impl Ring {
    /// Keeps the last `depth` cycles, at least one, of the signals that `patterns` choose (see [`matches()`]).
    pub fn new(sim: &Simulator, patterns: &[&str], depth: usize) -> Self {
        let selection = Selection::new(sim, patterns);
        Ring { selection, depth: depth.max(1), samples: Vec::new(), cycles: Vec::new(), next: 0 }
    }

    /// Keeps the values of the present cycle.
    pub fn sample(&mut self, sim: &mut Simulator) {
        let position = self.next;
        let now = (sim.cycle(), sim.in_reset());
        match self.cycles.get_mut(position) {
            Some(cycle) => *cycle = now,
            None => {
                self.cycles.push(now);
                self.samples.resize(self.samples.len() + self.selection.words, 0);
            }
        }
        let words = self.selection.words;
        self.selection.sample(sim, &mut self.samples[position * words..][..words]);
        self.next = (position + 1) % self.depth;
    }

    /// Writes what is kept, oldest cycle first.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut dump = Dump::begin(&self.selection, out)?;
        let count = self.cycles.len();
        let oldest = if count < self.depth { 0 } else { self.next };
        for i in 0..count {
            let position = (oldest + i) % count;
            let (cycle, in_reset) = self.cycles[position];
            let words = self.selection.words;
            dump.cycle(&self.selection, cycle, in_reset, &self.samples[position * words..][..words])?;
        }
        dump.writer.flush()
    }
}
