//! SPI of a simulated accelerator as a line of bytes: what happens at its pins.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use logloom_hdl::link::spi::FILLER;
use logloom_hdl::rtl::Module;

use crate::netlist::{Error, Input, Output, Simulator};

/// Cycles in reset at power-up and in [`Spi::reset`].
const RESET_CYCLES: u64 = 3;
/// Fillers in a row after which there is no reply any more: more than the longest reply may hold, and more than the
/// accelerator waits for when the number of words in a request has become another one.
const PATIENCE: usize = 1100;

/// The master of the SPI of `top` (see [`logloom_hdl::link::spi`]).
///
/// What is written is sent at once. A read fetches bytes in exchange for fillers; it passes over those that come before a reply,
/// and gives up, with [`ErrorKind::TimedOut`], when nothing else comes.
pub struct Spi {
    sim: Simulator,
    sck: Input,
    cs_n: Input,
    mosi: Input,
    miso: Output,
    /// Clock cycles per bit by the master's own clock.
    bit: f64,
    /// Bytes for which the slave stays selected; without end for 0.
    pub burst: usize,
    /// By the master's clock, in cycles.
    now: f64,
    /// Bytes since the slave was selected.
    exchanged: usize,
    arrived: VecDeque<u8>,
    /// Nothing of a reply has come yet.
    waiting: bool,
    /// Fillers in a row.
    fillers: usize,
}

impl Spi {
    /// Builds `top` and takes it through reset. `bit`: clock cycles per bit by the master's clock, which need not be a whole
    /// number.
    ///
    /// # Errors
    /// `top` cannot be simulated, or has no SPI.
    pub fn new(top: &Arc<Module>, bit: f64) -> Result<Self, Error> {
        let sim = Simulator::new(top)?;
        let mut spi = Spi {
            sck: sim.input("sck_i")?,
            cs_n: sim.input("cs_n_i")?,
            mosi: sim.input("mosi_i")?,
            miso: sim.output("miso_o")?,
            sim,
            bit,
            burst: 0,
            now: 0.0,
            exchanged: 0,
            arrived: VecDeque::new(),
            waiting: true,
            fillers: 0,
        };
        spi.sim.set(spi.cs_n, 1);
        spi.reset();
        Ok(spi)
    }

    /// Resets the accelerator, whatever it is doing; its memories keep their contents.
    pub fn reset(&mut self) {
        self.sim.set_reset(true);
        self.sim.run(RESET_CYCLES);
        self.sim.set_reset(false);
        self.now = self.sim.cycle() as f64;
        self.deselect();
    }

    /// The simulator behind the pins, to look into.
    pub fn simulator(&mut self) -> &mut Simulator {
        &mut self.sim
    }

    /// Half of a bit.
    fn pass(&mut self) {
        // Somebody else may have let cycles pass.
        if self.sim.cycle() as f64 >= self.now + 1.0 {
            self.now = self.sim.cycle() as f64;
        }
        self.now += self.bit / 2.0;
        while (self.sim.cycle() as f64) < self.now {
            self.sim.step();
        }
    }

    fn deselect(&mut self) {
        self.pass();
        self.sim.set(self.cs_n, 1);
        self.exchanged = 0;
        self.pass();
    }

    /// Exchanges the highest `bits` of a byte.
    fn shift(&mut self, byte: u8, bits: u32) -> u8 {
        self.sim.set(self.cs_n, 0);
        let mut back = 0;
        for bit in (8 - bits..8).rev() {
            self.sim.set(self.mosi, (byte >> bit & 1).into());
            self.pass();
            back = back << 1 | self.sim.get(self.miso) as u8;
            self.sim.set(self.sck, 1);
            self.pass();
            self.sim.set(self.sck, 0);
        }
        back
    }

    /// Exchanges a byte.
    pub fn exchange(&mut self, byte: u8) -> u8 {
        let back = self.shift(byte, 8);
        self.exchanged += 1;
        if self.exchanged == self.burst {
            self.deselect();
        }
        back
    }

    /// Breaks off the exchange of a byte after so many bits.
    pub fn break_off(&mut self, byte: u8, bits: u32) {
        self.shift(byte, bits);
        self.deselect();
    }

    /// Keeps what may be part of a reply.
    fn keep(&mut self, byte: u8) {
        self.fillers = if byte == FILLER { self.fillers + 1 } else { 0 };
        self.waiting &= byte == FILLER;
        if !self.waiting {
            self.arrived.push_back(byte);
        }
    }
}

impl Read for Spi {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(first) = buffer.first_mut() else { return Ok(0) };
        while self.arrived.is_empty() && self.fillers < PATIENCE {
            let byte = self.exchange(FILLER);
            self.keep(byte);
        }
        match self.arrived.pop_front() {
            Some(byte) => {
                *first = byte;
                Ok(1)
            }
            None => {
                (self.waiting, self.fillers) = (true, 0);
                Err(ErrorKind::TimedOut.into())
            }
        }
    }
}

impl Write for Spi {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.waiting, self.fillers) = (true, 0);
        for &byte in bytes {
            let back = self.exchange(byte);
            self.keep(back);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
