//! AXI: channels that stall on either side, packets, resets; and an accelerator behind both interfaces.
use crate::bus::{Bus, Master, refusals};
use crate::noise::Random;
use crate::port::Port;
use crate::session::{DIGEST, drawn, session};
use crate::small::{design, logarithmic};
use logloom_hdl::host::map::{Region, address};
use logloom_hdl::link::axi::{axi_accelerator, axi_slave};
use logloom_hdl::rtl::Module;
use logloom_sim::model::Model;
use logloom_sim::netlist::{Input, Output, Simulator};
use logloom_sim::target::Target;
use std::collections::VecDeque;
use std::sync::Arc;

const OKAY: u64 = 0;
const SLVERR: u64 = 2;
/// All four bytes.
const WHOLE: u64 = 0xF;
/// Clock cycles after which an access has hung.
const LIMIT: u64 = 2000;

/// A channel that the master drives: what waits to be sent, as values of its ports.
struct Sender {
    valid: Input,
    ready: Output,
    payload: Vec<Input>,
    queue: VecDeque<Vec<u64>>,
    /// Whether the first of the queue stands on the channel.
    standing: bool,
    /// Cycles in which each word was first offered, and was taken.
    offered: Vec<u64>,
    taken: Vec<u64>,
}

impl Sender {
    fn new(sim: &Simulator, valid: &str, ready: &str, payload: &[&str]) -> Self {
        Sender {
            valid: sim.input(valid).unwrap(),
            ready: sim.output(ready).unwrap(),
            payload: payload.iter().map(|name| sim.input(name).unwrap()).collect(),
            queue: VecDeque::new(),
            standing: false,
            offered: Vec::new(),
            taken: Vec::new(),
        }
    }

    fn reset(&mut self, sim: &mut Simulator) {
        self.queue.clear();
        self.standing = false;
        sim.set(self.valid, 0);
    }

    /// Offers the next word, or noise without valid.
    fn drive(&mut self, sim: &mut Simulator, random: &mut Random, eager: bool) {
        if !self.standing && !self.queue.is_empty() && (eager || random.below(3) == 0) {
            self.standing = true;
            self.offered.push(sim.cycle());
        }
        sim.set(self.valid, self.standing.into());
        for (place, &port) in self.payload.iter().enumerate() {
            let value = if self.standing { self.queue[0][place] } else { random.next() };
            sim.set(port, value);
        }
    }

    /// After all are driven, before the clock.
    fn sample(&mut self, sim: &mut Simulator) {
        if self.standing && sim.get(self.ready) == 1 {
            self.queue.pop_front();
            self.standing = false;
            self.taken.push(sim.cycle());
        }
    }
}

/// A channel that the slave drives: what has come.
struct Receiver {
    valid: Output,
    ready: Input,
    payload: Vec<Output>,
    ready_now: bool,
    /// What stood without being taken.
    standing: Option<Vec<u64>>,
    received: Vec<Vec<u64>>,
}

impl Receiver {
    fn new(sim: &Simulator, valid: &str, ready: &str, payload: &[&str]) -> Self {
        Receiver {
            valid: sim.output(valid).unwrap(),
            ready: sim.input(ready).unwrap(),
            payload: payload.iter().map(|name| sim.output(name).unwrap()).collect(),
            ready_now: false,
            standing: None,
            received: Vec::new(),
        }
    }

    fn drive(&mut self, sim: &mut Simulator, random: &mut Random, eager: bool) {
        self.ready_now = eager || random.below(3) == 0;
        sim.set(self.ready, self.ready_now.into());
    }

    fn sample(&mut self, sim: &mut Simulator) {
        let valid = sim.get(self.valid) == 1;
        let payload: Vec<u64> = self.payload.iter().map(|&port| sim.get(port)).collect();
        if let Some(before) = self.standing.take() {
            assert!(valid && payload == before, "a response was withdrawn or has changed");
        }
        match (valid, self.ready_now) {
            (true, true) => self.received.push(payload),
            (true, false) => self.standing = Some(payload),
            (false, _) => {}
        }
    }
}

struct Axi {
    sim: Simulator,
    aw: Sender,
    w: Sender,
    b: Receiver,
    ar: Sender,
    r: Receiver,
    stream: Sender,
    /// All that the slave drives.
    outputs: Vec<Output>,
    /// Of a slave by itself.
    port: Option<Port>,
    random: Random,
    /// Never stalls.
    eager: bool,
}

impl Axi {
    fn new(top: &Arc<Module>, alone: bool, seed: u64) -> Self {
        let sim = Simulator::new(top).unwrap();
        let mut axi = Axi {
            aw: Sender::new(&sim, "s_axi_awvalid_i", "s_axi_awready_o", &["s_axi_awaddr_i", "s_axi_awprot_i"]),
            w: Sender::new(&sim, "s_axi_wvalid_i", "s_axi_wready_o", &["s_axi_wdata_i", "s_axi_wstrb_i"]),
            b: Receiver::new(&sim, "s_axi_bvalid_o", "s_axi_bready_i", &["s_axi_bresp_o"]),
            ar: Sender::new(&sim, "s_axi_arvalid_i", "s_axi_arready_o", &["s_axi_araddr_i", "s_axi_arprot_i"]),
            r: Receiver::new(&sim, "s_axi_rvalid_o", "s_axi_rready_i", &["s_axi_rdata_o", "s_axi_rresp_o"]),
            stream: Sender::new(&sim, "s_axis_tvalid_i", "s_axis_tready_o", &["s_axis_tdata_i", "s_axis_tlast_i"]),
            outputs: top.outputs.iter().map(|(name, _)| sim.output(name).unwrap()).collect(),
            port: alone.then(|| Port::new(&sim)),
            random: Random::new(seed),
            eager: false,
            sim,
        };
        axi.reset();
        axi
    }

    fn reset(&mut self) {
        let Axi { sim, aw, w, b, ar, r, stream, port, .. } = self;
        for sender in [aw, w, ar, stream] {
            sender.reset(sim);
        }
        for receiver in [b, r] {
            receiver.standing = None;
            receiver.received.clear();
        }
        sim.set_reset(true);
        sim.run(2);
        sim.set_reset(false);
        if let Some(port) = port {
            port.reset();
        }
    }

    fn clock(&mut self) {
        let Axi { sim, aw, w, b, ar, r, stream, outputs, port, random, eager } = self;
        let before: Vec<_> = outputs.iter().map(|&output| sim.get(output)).collect();
        for sender in [&mut *aw, &mut *w, &mut *ar, &mut *stream] {
            sender.drive(sim, random, *eager);
        }
        for receiver in [&mut *b, &mut *r] {
            receiver.drive(sim, random, *eager);
        }
        match port {
            Some(port) => port.answer(sim, random),
            None => {
                let after: Vec<_> = outputs.iter().map(|&output| sim.get(output)).collect();
                assert_eq!(after, before, "an output depends on an input of the same cycle");
            }
        }
        for sender in [aw, w, ar, stream] {
            sender.sample(sim);
        }
        for receiver in [b, r] {
            receiver.sample(sim);
        }
        sim.step();
        assert!(sim.hazards().is_empty());
    }

    fn ask_write(&mut self, address: u32, data: u32, strobes: u64) {
        // The two lowest bits of an address, and the protection, count for nothing.
        let ignored = self.random.next();
        self.aw.queue.push_back(vec![u64::from(address) << 2 | ignored & 3, ignored >> 2 & 7]);
        self.w.queue.push_back(vec![data.into(), strobes]);
    }

    fn ask_read(&mut self, address: u32) {
        let ignored = self.random.next();
        self.ar.queue.push_back(vec![u64::from(address) << 2 | ignored & 3, ignored >> 2 & 7]);
    }

    /// A packet; the bits of its first word above the address count for nothing.
    fn send(&mut self, address: u32, data: &[u32]) {
        let head = (self.random.next() as u32) << 24 | address;
        self.stream.queue.push_back(vec![head.into(), data.is_empty().into()]);
        let last = data.len().wrapping_sub(1);
        self.stream.queue.extend(data.iter().enumerate().map(|(i, &word)| vec![word.into(), (i == last).into()]));
    }

    fn until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        let since = self.sim.cycle();
        while !done(self) {
            self.clock();
            assert!(self.sim.cycle() - since < LIMIT, "no end");
        }
    }
}

impl Master for Axi {
    fn write(&mut self, address: u32, data: u32) {
        self.ask_write(address, data, WHOLE);
        self.until(|axi| !axi.b.received.is_empty());
        assert_eq!(self.b.received.pop(), Some(vec![OKAY]));
    }

    fn read(&mut self, address: u32) -> u32 {
        self.ask_read(address);
        self.until(|axi| !axi.r.received.is_empty());
        let response = self.r.received.pop().unwrap();
        assert_eq!(response[1], OKAY);
        response[0] as u32
    }

    fn cycle(&self) -> u64 {
        self.sim.cycle()
    }
}

/// An accelerator that is written to in packets, one for each run of addresses, and read word by word.
struct Packets(Bus<Axi>);

impl Target for Packets {
    fn name(&self) -> &str {
        "packets"
    }

    fn write(&mut self, words: &[(u32, u32)]) -> anyhow::Result<()> {
        for run in words.chunk_by(|a, b| a.0 + 1 == b.0) {
            let data: Vec<u32> = run.iter().map(|word| word.1).collect();
            self.0.0.send(run[0].0, &data);
        }
        let since = self.0.0.sim.cycle();
        while !self.0.0.stream.queue.is_empty() {
            self.0.0.clock();
            assert!(self.0.0.sim.cycle() - since < 1_000_000, "no end");
        }
        Ok(())
    }

    fn read(&mut self, address: u32, out: &mut [u32]) -> anyhow::Result<()> {
        self.0.read(address, out)
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        self.0.wait()
    }

    fn cycles(&mut self) -> Option<u64> {
        self.0.cycles()
    }
}

/// Addresses from here on are written by packets, those below by AXI4-Lite.
const STREAMED: u32 = 0x80_0000;

#[test]
fn every_request_is_carried_out_once_in_order_and_answered_once() {
    for seed in 0..8 {
        let mut axi = Axi::new(&axi_slave().unwrap(), true, seed);
        axi.eager = seed % 4 == 3;
        let mut random = Random::new(seed ^ 0xACE);
        let (mut writes, mut reads, mut packets) = (Vec::new(), Vec::new(), Vec::new());
        let mut heads = Vec::new();
        for _ in 0..1500 {
            match random.below(3) {
                0 => {
                    let strobes = if random.below(8) == 0 { random.below(16) as u64 } else { WHOLE };
                    let (address, data) = (random.below(6) as u32, random.next() as u32);
                    axi.ask_write(address, data, strobes);
                    writes.push((address, data, strobes));
                }
                1 => {
                    let address = random.below(6) as u32 | if random.below(2) == 0 { STREAMED } else { 0 };
                    axi.ask_read(address);
                    reads.push(address);
                }
                _ => {
                    let first = STREAMED + random.below(6) as u32;
                    let data: Vec<u32> = (0..random.below(4)).map(|_| random.next() as u32).collect();
                    axi.send(first, &data);
                    heads.push(true);
                    heads.extend(data.iter().map(|_| false));
                    packets.extend((first..).zip(data));
                }
            }
            for _ in 0..random.below(12) {
                axi.clock();
            }
        }
        axi.until(|axi| {
            [&axi.aw, &axi.w, &axi.ar, &axi.stream].iter().all(|sender| sender.queue.is_empty())
                && axi.b.received.len() == writes.len()
                && axi.r.received.len() == reads.len()
        });
        // Nothing more comes.
        for _ in 0..50 {
            axi.clock();
        }
        let memory = &axi.port.as_ref().unwrap().memory;
        let answers: Vec<u64> = axi.b.received.iter().map(|answer| answer[0]).collect();
        let expected: Vec<u64> = writes.iter().map(|write| if write.2 == WHOLE { OKAY } else { SLVERR }).collect();
        assert_eq!(answers, expected, "seed {seed}");
        let whole: Vec<(u32, u32)> = writes.iter().filter(|w| w.2 == WHOLE).map(|w| (w.0, w.1)).collect();
        type Words = Vec<(u32, u32)>;
        let (streamed, single): (Words, Words) = memory.written.iter().partition(|word| word.0 >= STREAMED);
        assert_eq!(single, whole, "seed {seed}");
        assert_eq!(streamed, packets, "seed {seed}");
        let answers: Vec<(u32, u32)> = reads.iter().zip(&axi.r.received).map(|(&a, r)| (a, r[0] as u32)).collect();
        assert_eq!(answers, memory.given, "seed {seed}");
        assert!(axi.r.received.iter().all(|answer| answer[1] == OKAY));

        // What a packet has brought before a write was offered stands before it.
        let mut taken = axi.stream.taken.iter().zip(&heads).filter(|(_, head)| !**head).map(|(cycle, _)| *cycle);
        let offers = axi.aw.offered.iter().zip(&axi.w.offered).map(|(aw, w)| *aw.min(w));
        let mut offers = offers.zip(&writes).filter(|(_, write)| write.2 == WHOLE).map(|(cycle, _)| cycle);
        let order: Vec<(bool, u64)> = memory
            .written
            .iter()
            .map(|word| word.0 >= STREAMED)
            .map(|streamed| (streamed, if streamed { taken.next() } else { offers.next() }.unwrap()))
            .collect();
        let mut latest_offer = 0;
        for (streamed, cycle) in order {
            match streamed {
                true => assert!(cycle >= latest_offer, "seed {seed}: overtaken by a write of cycle {latest_offer}"),
                false => latest_offer = cycle,
            }
        }
    }
}

/// As long as `docs/links.md` says.
#[test]
fn a_packet_takes_a_clock_cycle_per_word_and_a_write_four() {
    let mut axi = Axi::new(&axi_accelerator(&design(logarithmic()), DIGEST).unwrap(), false, 0);
    axi.eager = true;
    // The first access after a reset waits.
    axi.write(address(Region::Activation, 0), 7);
    let since = axi.sim.cycle();
    axi.send(address(Region::Activation, 0), &[7; 32]);
    axi.until(|axi| axi.stream.queue.is_empty());
    assert_eq!(axi.sim.cycle() - since, 33);
    let since = axi.sim.cycle();
    axi.write(address(Region::Activation, 0), 7);
    assert_eq!(axi.sim.cycle() - since, 4);
}

#[test]
fn an_accelerator_behind_it_gives_the_models_words() {
    for (seed, arithmetic) in (0..).zip([logarithmic(), drawn()]) {
        let design = design(arithmetic);
        let expected = session(&design, &mut Model::new(&design, DIGEST).unwrap());
        let top = axi_accelerator(&design, DIGEST).unwrap();
        assert_eq!(session(&design, &mut Bus(Axi::new(&top, false, seed))), expected);
        assert_eq!(session(&design, &mut Packets(Bus(Axi::new(&top, false, seed)))), expected);
    }
}

#[test]
fn refused_accesses_are_answered_and_leave_their_error() {
    let top = axi_accelerator(&design(logarithmic()), DIGEST).unwrap();
    refusals(&mut Bus(Axi::new(&top, false, 7)), DIGEST);
    refusals(&mut Packets(Bus(Axi::new(&top, false, 8))), DIGEST);
}

#[test]
fn a_reset_in_any_transfer_leaves_a_slave_that_answers() {
    let mut axi = Axi::new(&axi_accelerator(&design(logarithmic()), DIGEST).unwrap(), false, 9);
    for clocks in 1..60 {
        axi.ask_write(0x300000, 5, WHOLE);
        axi.ask_read(0x700000);
        axi.send(0x300000, &[1, 2, 3, 4, 5, 6]);
        for _ in 0..clocks {
            axi.clock();
        }
        axi.reset();
        // A packet begins with its address again.
        axi.send(address(Region::Label, 0), &[clocks]);
        axi.until(|axi| axi.stream.queue.is_empty());
        assert_eq!(axi.read(address(Region::Label, 0)), clocks, "after {clocks} clock cycles");
        assert_eq!(axi.read(1), DIGEST);
    }
}
