//! Wishbone: cycles that stall, follow each other, are left and are reset; and an accelerator behind it.
use crate::bus::{Bus, Master, refusals};
use crate::noise::Random;
use crate::port::Port;
use crate::session::{DIGEST, drawn, session};
use crate::small::{design, logarithmic};
use logloom_hdl::link::wishbone::{wishbone_accelerator, wishbone_slave};
use logloom_hdl::rtl::Module;
use logloom_sim::model::Model;
use logloom_sim::netlist::{Input, Output, Simulator};
use std::sync::Arc;

/// All four bytes.
const WHOLE: u64 = 0xF;
/// Clock cycles after which a bus cycle has hung.
const LIMIT: usize = 1000;

#[derive(Clone, Copy, Debug)]
struct Access {
    write: bool,
    address: u32,
    data: u32,
    select: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Ack(u32),
    Err,
    /// The master left the cycle.
    Left,
}

struct Wishbone {
    sim: Simulator,
    cyc: Input,
    stb: Input,
    we: Input,
    adr: Input,
    dat: Input,
    sel: Input,
    ack: Output,
    err: Output,
    read: Output,
    /// Of a slave by itself.
    port: Option<Port>,
    random: Random,
}

impl Wishbone {
    fn new(top: &Arc<Module>, alone: bool, seed: u64) -> Self {
        let sim = Simulator::new(top).unwrap();
        let input = |name| sim.input(name).unwrap();
        let output = |name| sim.output(name).unwrap();
        let mut bus = Wishbone {
            cyc: input("wb_cyc_i"),
            stb: input("wb_stb_i"),
            we: input("wb_we_i"),
            adr: input("wb_adr_i"),
            dat: input("wb_dat_i"),
            sel: input("wb_sel_i"),
            ack: output("wb_ack_o"),
            err: output("wb_err_o"),
            read: output("wb_dat_o"),
            port: alone.then(|| Port::new(&sim)),
            random: Random::new(seed),
            sim,
        };
        bus.reset();
        bus
    }

    fn reset(&mut self) {
        self.sim.set(self.cyc, 0);
        self.sim.set_reset(true);
        self.sim.run(2);
        self.sim.set_reset(false);
        if let Some(port) = &mut self.port {
            port.reset();
        }
    }

    /// One clock cycle; how it ends the bus cycle, if it does.
    fn clock(&mut self) -> Option<End> {
        if let Some(port) = &mut self.port {
            port.answer(&mut self.sim, &mut self.random);
        }
        let (ack, err) = (self.sim.get(self.ack) == 1, self.sim.get(self.err) == 1);
        let read = self.sim.get(self.read) as u32;
        self.sim.step();
        assert!(self.sim.hazards().is_empty());
        assert!(!(ack && err), "a cycle ends in two ways");
        if ack { Some(End::Ack(read)) } else { err.then_some(End::Err) }
    }

    /// Clock cycles without a strobe, with noise on everything else.
    fn idle(&mut self, cycles: usize) {
        for _ in 0..cycles {
            let noise = self.random.next();
            let (cyc, stb) = [(0, 0), (0, 1), (1, 0)][(noise >> 60) as usize % 3];
            for (port, value) in [(self.cyc, cyc), (self.stb, stb), (self.we, noise >> 59 & 1)] {
                self.sim.set(port, value);
            }
            for (port, value) in [(self.adr, noise), (self.dat, noise >> 8), (self.sel, noise >> 40)] {
                self.sim.set(port, value);
            }
            assert_eq!(self.clock(), None, "an answer to nobody");
        }
    }

    /// A bus cycle, left after so many clock cycles without an end.
    fn access(&mut self, access: Access, patience: usize) -> End {
        let Access { write, address, data, select } = access;
        for (port, value) in [(self.cyc, 1), (self.stb, 1), (self.we, write.into()), (self.sel, select)] {
            self.sim.set(port, value);
        }
        self.sim.set(self.adr, address.into());
        self.sim.set(self.dat, data.into());
        let end = (0..patience.min(LIMIT)).find_map(|_| self.clock());
        assert!(end.is_some() || patience < LIMIT, "no end of {access:?}");
        end.unwrap_or(End::Left)
    }
}

impl Master for Wishbone {
    fn write(&mut self, address: u32, data: u32) {
        let pause = self.random.below(6).saturating_sub(2);
        self.idle(pause);
        let end = self.access(Access { write: true, address, data, select: WHOLE }, LIMIT);
        assert!(matches!(end, End::Ack(_)), "{end:?}");
    }

    fn read(&mut self, address: u32) -> u32 {
        let pause = self.random.below(6).saturating_sub(2);
        self.idle(pause);
        match self.access(Access { write: false, address, data: 0, select: WHOLE }, LIMIT) {
            End::Ack(data) => data,
            end => panic!("{end:?}"),
        }
    }

    fn cycle(&self) -> u64 {
        self.sim.cycle()
    }
}

#[test]
fn every_cycle_is_carried_out_once_and_in_order() {
    for seed in 0..6 {
        let mut bus = Wishbone::new(&wishbone_slave().unwrap(), true, seed);
        let mut random = Random::new(seed ^ 0xACE);
        // Writes that must have come to the host port by now, and where one may have or not: its master left.
        let mut log = Vec::new();
        let (mut ends, mut resets) = ([0; 3], 0);
        for _ in 0..3000 {
            if random.below(3) > 0 {
                bus.idle(1 + random.below(5));
            }
            let access = Access {
                write: random.below(2) == 1,
                address: random.below(8) as u32 | (random.next() as u32 & 0xF0_0000),
                data: random.next() as u32,
                select: if random.below(8) == 0 { random.below(16) as u64 } else { WHOLE },
            };
            let patience = if random.below(5) == 0 { 1 + random.below(8) } else { LIMIT };
            let given = bus.port.as_ref().unwrap().memory.given.len();
            let end = bus.access(access, patience);
            let memory = &bus.port.as_ref().unwrap().memory;
            match end {
                End::Ack(data) => {
                    ends[0] += 1;
                    assert_eq!(access.select, WHOLE, "{access:?}");
                    if access.write {
                        log.push((access, true));
                    } else {
                        // One more read may be that of a cycle that was left.
                        assert_eq!(memory.given.last(), Some(&(access.address, data)), "{access:?}");
                        assert!((1..3).contains(&(memory.given.len() - given)), "{access:?} was not read once");
                    }
                }
                End::Err => {
                    ends[1] += 1;
                    assert_ne!(access.select, WHOLE, "{access:?}");
                }
                End::Left => {
                    ends[2] += 1;
                    // The strobe must be seen to fall.
                    if random.below(10) == 0 {
                        bus.reset();
                        resets += 1;
                    }
                    bus.idle(1);
                    if access.write && access.select == WHOLE {
                        log.push((access, false));
                    }
                }
            }
        }
        bus.idle(20);
        let mut written = bus.port.as_ref().unwrap().memory.written.iter().peekable();
        for (access, certain) in log {
            let found = written.next_if_eq(&&(access.address, access.data)).is_some();
            assert!(found || !certain, "{access:?} was not written, or not in order");
        }
        assert_eq!(written.next(), None, "nobody wrote this");
        assert!(ends[0] > 1500 && ends[1] > 100 && ends[2] > 200 && resets > 10, "{ends:?} {resets}");
    }
}

/// As long as `docs/links.md` says.
#[test]
fn a_write_takes_three_clock_cycles() {
    let mut bus = Wishbone::new(&wishbone_accelerator(&design(logarithmic()), DIGEST).unwrap(), false, 0);
    let write = |word: u32| Access { write: true, address: 0x500000 + word, data: word, select: WHOLE };
    // The first access after a reset waits.
    bus.access(write(0), LIMIT);
    let since = bus.sim.cycle();
    for word in 0..4 {
        bus.access(write(word), LIMIT);
    }
    assert_eq!(bus.sim.cycle() - since, 12);
}

#[test]
fn an_accelerator_behind_it_gives_the_models_words() {
    for (seed, arithmetic) in (0..).zip([logarithmic(), drawn()]) {
        let design = design(arithmetic);
        let expected = session(&design, &mut Model::new(&design, DIGEST).unwrap());
        let top = wishbone_accelerator(&design, DIGEST).unwrap();
        assert_eq!(session(&design, &mut Bus(Wishbone::new(&top, false, seed))), expected);
    }
}

#[test]
fn refused_accesses_are_acknowledged_and_leave_their_error() {
    let top = wishbone_accelerator(&design(logarithmic()), DIGEST).unwrap();
    refusals(&mut Bus(Wishbone::new(&top, false, 7)), DIGEST);
}

#[test]
fn a_reset_in_any_cycle_leaves_a_slave_that_answers() {
    let design = design(logarithmic());
    let mut bus = Wishbone::new(&wishbone_accelerator(&design, DIGEST).unwrap(), false, 9);
    for clocks in 1..40 {
        let access = Access { write: clocks % 4 == 0, address: 0x700000, data: 0, select: WHOLE };
        bus.access(access, clocks);
        bus.reset();
        assert_eq!(bus.read(1), DIGEST, "after {clocks} clock cycles");
    }
}
