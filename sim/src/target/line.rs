//! The UART of a simulated accelerator as a line of bytes: what happens at its two pins.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use logloom_hdl::rtl::Module;

use crate::netlist::{Error, Input, Output, Simulator};

/// Cycles in reset at power-up and in [`Line::reset`].
const RESET_CYCLES: u64 = 3;
/// A start bit, eight data bits, a stop bit.
const BITS: f64 = 10.0;

/// The host's end of the UART of `top` (see [`logloom_hdl::link::uart`]).
///
/// The simulation runs while the host reads: until a byte comes, or, with [`ErrorKind::TimedOut`], until both directions have
/// been silent for a while.
pub struct Line {
    sim: Simulator,
    rx: Input,
    tx: Output,
    /// Clock cycles per bit by the host's own clock.
    bit: f64,
    /// Cycles without a byte after which a read gives up.
    pub patience: u64,
    /// Bytes on their way to the accelerator; the first since the given cycle.
    outgoing: VecDeque<u8>,
    sending_since: f64,
    /// Cycle in which the start bit of a byte was seen.
    receiving_since: Option<f64>,
    /// Its bits so far, the start bit first.
    bits: Vec<bool>,
    /// The line before, to see it fall.
    high: bool,
}

impl Line {
    /// Builds `top` and takes it through reset. `bit`: clock cycles per bit by the host's clock, which need not be those of the
    /// accelerator. `patience`: cycles without a byte after which a read gives up.
    ///
    /// # Errors
    /// `top` cannot be simulated, or has no UART.
    pub fn new(top: &Arc<Module>, bit: f64, patience: u64) -> Result<Self, Error> {
        let sim = Simulator::new(top)?;
        let (rx, tx) = (sim.input("rx_i")?, sim.output("tx_o")?);
        let mut line = Line {
            sim,
            rx,
            tx,
            bit,
            patience,
            outgoing: VecDeque::new(),
            sending_since: 0.0,
            receiving_since: None,
            bits: Vec::new(),
            high: true,
        };
        line.sim.set(rx, 1);
        line.reset();
        Ok(line)
    }

    /// Resets the accelerator, whatever it is doing; its memories keep their contents. Bytes on their way are not touched.
    pub fn reset(&mut self) {
        self.sim.set_reset(true);
        for _ in 0..RESET_CYCLES {
            self.clock();
        }
        self.sim.set_reset(false);
    }

    /// The simulator behind the pins, to look into.
    pub fn simulator(&mut self) -> &mut Simulator {
        &mut self.sim
    }

    /// One cycle; a byte that has come with it.
    pub fn clock(&mut self) -> Option<u8> {
        let now = self.sim.cycle() as f64;
        let level = self.sending(now);
        self.sim.set(self.rx, level.into());
        let high = self.sim.get(self.tx) == 1;
        self.sim.step();
        self.receiving(now, high)
    }

    /// The level that the host gives the line.
    fn sending(&mut self, now: f64) -> bool {
        if now - self.sending_since >= BITS * self.bit && self.outgoing.pop_front().is_some() {
            // The next byte begins with the bit, not with the cycle: no error adds up.
            self.sending_since += BITS * self.bit;
        }
        let Some(byte) = self.outgoing.front() else { return true };
        match ((now - self.sending_since) / self.bit) as u32 {
            0 => false,
            bit @ 1..=8 => byte >> (bit - 1) & 1 == 1,
            _ => true,
        }
    }

    /// Samples each bit once, in its middle.
    fn receiving(&mut self, now: f64, high: bool) -> Option<u8> {
        let fell = std::mem::replace(&mut self.high, high) && !high;
        let Some(since) = self.receiving_since else {
            self.receiving_since = fell.then_some(now);
            return None;
        };
        if now >= since + (self.bits.len() as f64 + 0.5) * self.bit {
            self.bits.push(high);
        }
        if self.bits.first() == Some(&true) {
            // No start bit: the line was low for less than half of one, as it is before the first reset.
            self.bits.clear();
            self.receiving_since = None;
        }
        if self.bits.len() < BITS as usize {
            return None;
        }
        self.receiving_since = None;
        let bits: Vec<bool> = self.bits.drain(..).collect();
        let byte = bits[1..9].iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        bits[9].then_some(byte)
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(first) = buffer.first_mut() else { return Ok(0) };
        let mut silent = 0;
        while silent < self.patience {
            if let Some(byte) = self.clock() {
                *first = byte;
                return Ok(1);
            }
            silent = if self.outgoing.is_empty() && self.receiving_since.is_none() { silent + 1 } else { 0 };
        }
        Err(ErrorKind::TimedOut.into())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.outgoing.is_empty() {
            self.sending_since = self.sim.cycle() as f64;
        }
        self.outgoing.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
