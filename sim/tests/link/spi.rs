//! SPI: bytes at pins, at all speeds; frames through it, with broken bytes and bad lines; and an accelerator behind it.
use crate::noise::{Noisy, Random};
use crate::session::{DIGEST, drawn, session};
use crate::small::{design, logarithmic};
use logloom_hdl::design::Design;
use logloom_hdl::host::map::{Register, control};
use logloom_hdl::link::frame::REQUEST;
use logloom_hdl::link::spi::{CYCLES_PER_BIT, FILLER, spi_accelerator, spi_slave};
use logloom_hdl::rtl::{Builder, Module, unsigned};
use logloom_sim::model::Model;
use logloom_sim::target::Target;
use logloom_sim::target::framed::Framed;
use logloom_sim::target::spi::Spi;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::Arc;

/// The fewest clock cycles per bit, of a narrow array.
const FASTEST: f64 = 8.0;

/// Gives back each byte that it receives, inverted, in one of the next exchanges.
fn echo() -> Arc<Module> {
    let mut m = Builder::new("echo", "Gives back what it receives.");
    let [sck, cs_n, mosi] = ["sck_i", "cs_n_i", "mosi_i"].map(|name| m.input(name, unsigned(1)));
    let full = m.register("full_q", unsigned(1));
    let held = m.register("held_q", unsigned(8));
    let (waiting, byte) = (full.value(), held.value());
    let slave = m.instance(
        "slave",
        &spi_slave().unwrap(),
        &[("sck_i", &sck), ("cs_n_i", &cs_n), ("mosi_i", &mosi), ("byte_valid_i", &waiting), ("byte_i", &byte)],
    );
    m.drive_when(&held, slave.get("valid_o"), !slave.get("byte_o"));
    m.drive_when(&full, slave.get("valid_o") | slave.get("byte_ready_o"), slave.get("valid_o"));
    m.output("miso_o", slave.get("miso_o"));
    m.finish().unwrap()
}

/// All bytes, and what comes back for them.
fn echoed(bit: f64, burst: usize) -> (Vec<u8>, Vec<u8>) {
    let mut spi = Spi::new(&echo(), bit).unwrap();
    spi.burst = burst;
    let sent: Vec<u8> = (0..255).collect();
    assert_eq!(spi.exchange(sent[0]), FILLER);
    // One byte later than it was sent: it stands there before the next exchange begins.
    let back = sent.iter().skip(1).chain([&0]).map(|&byte| !spi.exchange(byte)).collect();
    (sent, back)
}

#[test]
fn bytes_pass_at_every_speed_and_in_every_burst() {
    for bit in [FASTEST, 8.3, 9.0, 10.7, 16.0, 100.0] {
        for burst in [0, 1, 2, 7] {
            let (sent, back) = echoed(bit, burst);
            assert_eq!(back, sent, "{bit} cycles per bit, {burst} bytes per selection");
        }
    }
}

#[test]
fn a_master_that_is_too_fast_is_not_understood() {
    let (sent, back) = echoed(4.0, 0);
    assert_ne!(back, sent);
}

#[test]
fn a_byte_that_is_broken_off_is_none() {
    for bits in 0..8 {
        let mut spi = Spi::new(&echo(), FASTEST).unwrap();
        spi.break_off(0xFF, bits);
        assert_eq!(spi.exchange(0x12), FILLER, "after {bits} bits");
        // The byte that waits is given whole, unless its first bit was taken already.
        spi.break_off(0x34, bits);
        let expected = if bits == 0 { !0x12 } else { FILLER };
        assert_eq!(spi.exchange(0x56), expected, "after {bits} bits");
        assert_eq!(spi.exchange(0x78), !0x56, "after {bits} bits");
    }
}

#[test]
fn a_slave_that_is_not_selected_hears_nothing() {
    let mut spi = Spi::new(&echo(), FASTEST).unwrap();
    spi.exchange(0x12);
    spi.break_off(0, 0);
    // Somebody else's bytes.
    let (sck, mosi) = (spi.simulator().input("sck_i").unwrap(), spi.simulator().input("mosi_i").unwrap());
    for cycle in 0..200 {
        spi.simulator().set(sck, (cycle / 4 % 2 == 0).into());
        spi.simulator().set(mosi, (cycle / 8 % 2 == 0).into());
        spi.simulator().step();
    }
    spi.simulator().set(sck, 0);
    spi.break_off(0, 0);
    assert_eq!(spi.exchange(0), !0x12);
    assert_eq!(spi.exchange(0), 0xFF);
}

/// A master that the test keeps a hand on, and that begins a byte now and then without ending it: before one call in `breaks`,
/// never for 0.
#[derive(Clone)]
struct Shared {
    spi: Rc<RefCell<Noisy<Spi>>>,
    breaks: usize,
    /// How many there were, and what decides.
    broken: Rc<RefCell<(usize, Random)>>,
}

impl Shared {
    fn new(design: &Design, bit: f64, period: usize, breaks: usize, seed: u64) -> Self {
        let mut spi = Spi::new(&spi_accelerator(design, DIGEST).unwrap(), bit).unwrap();
        spi.burst = seed as usize % 5;
        let spi = Rc::new(RefCell::new(Noisy::new(spi, period, seed)));
        Shared { spi, breaks, broken: Rc::new(RefCell::new((0, Random::new(!seed)))) }
    }

    fn break_off(&self) {
        let (count, random) = &mut *self.broken.borrow_mut();
        if self.breaks > 0 && random.below(self.breaks) == 0 {
            *count += 1;
            let byte = random.next() as u8;
            self.spi.borrow_mut().line.break_off(byte, 1 + random.below(7) as u32);
        }
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.break_off();
        self.spi.borrow_mut().read(buffer)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.break_off();
        // So that a frame may be broken off anywhere.
        let count = bytes.len().min(5);
        self.spi.borrow_mut().write(&bytes[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_clean_line_gives_the_models_words() {
    for (seed, arithmetic) in (0..).zip([logarithmic(), drawn()]) {
        let design = design(arithmetic);
        assert_eq!(f64::from(CYCLES_PER_BIT), FASTEST);
        let expected = session(&design, &mut Model::new(&design, DIGEST).unwrap());
        for bit in [FASTEST, 9.7] {
            let spi = Shared::new(&design, bit, 0, 0, seed);
            assert_eq!(session(&design, &mut Framed::open("spi", spi).unwrap()), expected, "{bit} cycles per bit");
        }
    }
}

#[test]
fn a_bad_line_gives_the_models_words() {
    let (mut faults, mut broken) = (0, 0);
    for (seed, arithmetic) in (0..).zip([logarithmic(), drawn(), drawn()]) {
        let design = design(arithmetic);
        let expected = session(&design, &mut Model::new(&design, DIGEST).unwrap());
        let spi = Shared::new(&design, FASTEST, 1000, 1000, seed);
        assert_eq!(session(&design, &mut Framed::open("spi", spi.clone()).unwrap()), expected, "seed {seed}");
        faults += spi.spi.borrow().faults;
        broken += spi.broken.borrow().0;
    }
    assert!(faults > 5 && broken > 5, "{faults} {broken}");
}

#[test]
fn a_line_that_is_all_faults_is_given_up() {
    let spi = Shared::new(&design(logarithmic()), FASTEST, 3, 0, 1);
    let error = Framed::open("spi", spi).err().unwrap().to_string();
    assert!(error.starts_with("spi: ") && error.contains("10 times; check"), "{error}");
}

#[test]
fn a_reset_does_not_go_unnoticed() {
    let spi = Shared::new(&design(logarithmic()), FASTEST, 0, 0, 0);
    let mut target = Framed::open("spi", spi.clone()).unwrap();
    target.write(&[(Register::Seed.address(), 5)]).unwrap();
    spi.spi.borrow_mut().line.reset();
    let error = target.write(&[(Register::Control.address(), control::RUN)]).unwrap_err().to_string();
    assert!(error.starts_with("spi: the accelerator was reset"), "{error}");
}

/// The reply to a read of accumulators, as it comes; from bytes that are exchanged without a pause.
fn reply(design: &Design, bit: u32) -> Vec<u8> {
    const WORDS: u8 = 12;
    let mut spi = Spi::new(&spi_accelerator(design, DIGEST).unwrap(), bit.into()).unwrap();
    let mut exchange = |message: &[u8], length: usize| {
        let crc = crc32fast::hash(message).to_le_bytes();
        for &byte in message.iter().chain(&crc) {
            spi.exchange(byte);
        }
        let first = (0..100).map(|_| spi.exchange(FILLER)).find(|&byte| byte != FILLER);
        first.into_iter().chain((1..length).map(|_| spi.exchange(FILLER))).collect::<Vec<u8>>()
    };
    exchange(&[REQUEST, 1, 0, 0], 8);
    exchange(&[REQUEST, 2, 2, 1, 0, 0, 0x70, WORDS], 8 + 4 * usize::from(WORDS))
}

/// A reply does not wait for words: the accumulators of a wide array are read as fast as those of a narrow one.
#[test]
fn replies_of_wide_arrays_are_whole() {
    let wide = |columns| {
        let depth = 64;
        Design { columns, activation_depth: depth, gradient_depth: depth, weight_depth: depth, ..design(logarithmic()) }
    };
    let whole = |reply: &[u8]| {
        let (message, crc) = reply.split_at(reply.len() - 4);
        crc32fast::hash(message).to_le_bytes() == crc
    };
    for columns in [1, 36, 64] {
        assert!(whole(&reply(&wide(columns), CYCLES_PER_BIT)), "{columns} columns");
    }
}
