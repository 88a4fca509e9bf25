//! A line that loses, doubles and changes bytes.
use std::collections::VecDeque;
use std::io::{self, Read, Write};

/// xorshift64*.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 32) % end as u64) as usize
    }

    /// The byte as it comes out at the other end.
    fn fault(&mut self, byte: u8) -> Vec<u8> {
        match self.below(3) {
            0 => vec![],
            1 => vec![byte, byte],
            _ => vec![byte ^ 1 << self.below(8)],
        }
    }
}

/// A line of which one byte in `period` goes wrong, in either direction; none for 0.
pub struct Noisy<L> {
    pub line: L,
    pub faults: u32,
    period: usize,
    random: Random,
    arrived: VecDeque<u8>,
}

impl<L> Noisy<L> {
    pub fn new(line: L, period: usize, seed: u64) -> Self {
        Noisy { line, faults: 0, period, random: Random::new(seed), arrived: VecDeque::new() }
    }

    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for &byte in bytes {
            if self.period > 0 && self.random.below(self.period) == 0 {
                self.faults += 1;
                out.extend(self.random.fault(byte));
            } else {
                out.push(byte);
            }
        }
        out
    }
}

impl<L: Read> Read for Noisy<L> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = [0; 256];
        while self.arrived.is_empty() {
            let count = self.line.read(&mut bytes)?;
            if count == 0 {
                return Ok(0);
            }
            let passed = self.pass(&bytes[..count]);
            self.arrived.extend(passed);
        }
        let count = buffer.len().min(self.arrived.len());
        buffer[..count].fill_with(|| self.arrived.pop_front().expect("as many as there are"));
        Ok(count)
    }
}

impl<L: Write> Write for Noisy<L> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let passed = self.pass(bytes);
        self.line.write_all(&passed)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}
