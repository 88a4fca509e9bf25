//! What a host did, as a list that any simulator can repeat.
//!
//! A line is two hexadecimal digits for what is done, six of an address, `_`, and eight of data, so that `$readmemh`
//! takes it for a number of 64 bits; `//` begins a comment.

use std::fmt::Write as _;

use anyhow::Result;
use logloom_hdl::design::Design;
use logloom_hdl::host::map::{Region, Register, address};
use logloom_sim::target::Target;

/// One access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    Write {
        address: u32,
        data: u32,
    },
    /// A read that must give `expected`.
    Read {
        address: u32,
        expected: u32,
    },
    /// Until STATUS.running is 0.
    Wait,
}

impl Transaction {
    pub(super) const WRITE: u32 = 1;
    pub(super) const READ: u32 = 2;
    pub(super) const WAIT: u32 = 3;

    fn line(self) -> String {
        let (operation, address, data) = match self {
            Transaction::Write { address, data } => (Transaction::WRITE, address, data),
            Transaction::Read { address, expected } => (Transaction::READ, address, expected),
            Transaction::Wait => (Transaction::WAIT, 0, 0),
        };
        format!("{operation:02x}{address:06x}_{data:08x}\n")
    }
}

/// A stretch of transactions with a name, which becomes a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// File name without its ending.
    pub name: String,
    /// What it does, one line.
    pub about: String,
    pub transactions: Vec<Transaction>,
}

impl Part {
    /// The contents of the file.
    pub fn text(&self) -> String {
        let mut text = format!("// {}\n", self.about);
        let mut region = None;
        for &transaction in &self.transactions {
            if let Transaction::Write { address, .. } | Transaction::Read { address, .. } = transaction {
                let now = Region::from_number(address >> 20);
                if region != now {
                    let reads = matches!(transaction, Transaction::Read { .. });
                    let does = if reads { "read" } else { "write" };
                    writeln!(text, "// {does} {}", now.map_or("nowhere", Region::name)).expect("writing to a string");
                    region = now;
                }
            }
            text += &transaction.line();
        }
        text
    }
}

/// A target that notes every access to the one within, and what was read.
///
/// The registers CYCLES and STALL are not noted: they depend on time, which the model does not have.
#[derive(Debug)]
pub struct Recorder<T> {
    target: T,
    parts: Vec<Part>,
}

impl<T: Target> Recorder<T> {
    /// The first part begins here.
    pub fn new(target: T, part: &str, about: &str) -> Self {
        let mut recorder = Recorder { target, parts: Vec::new() };
        recorder.part(part, about);
        recorder
    }

    /// Begins a part. `name`: of the file, without its ending; `about`: what it does, one line.
    pub fn part(&mut self, name: &str, about: &str) {
        self.parts.push(Part { name: name.to_owned(), about: about.to_owned(), transactions: Vec::new() });
    }

    pub fn target(&mut self) -> &mut T {
        &mut self.target
    }

    /// Reads every word of every memory, and of the registers: the end of any testbench.
    ///
    /// # Errors
    /// Those of the target.
    pub fn read_everything(&mut self, design: &Design) -> Result<()> {
        for &region in Region::ALL {
            let mut words = vec![0; region.words(design) as usize];
            self.read(address(region, 0), &mut words)?;
        }
        Ok(())
    }

    /// The parts in which anything happened.
    pub fn into_parts(self) -> Vec<Part> {
        self.parts.into_iter().filter(|part| !part.transactions.is_empty()).collect()
    }

    fn note(&mut self, transaction: Transaction) {
        self.parts.last_mut().expect("there is a first part").transactions.push(transaction);
    }
}

impl<T: Target> Target for Recorder<T> {
    fn name(&self) -> &str {
        self.target.name()
    }

    fn write(&mut self, words: &[(u32, u32)]) -> Result<()> {
        for &(address, data) in words {
            self.note(Transaction::Write { address, data });
        }
        self.target.write(words)
    }

    fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()> {
        self.target.read(address, out)?;
        for (&expected, address) in out.iter().zip(address..) {
            if ![Register::Cycles.address(), Register::Stall.address()].contains(&address) {
                self.note(Transaction::Read { address, expected });
            }
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        self.note(Transaction::Wait);
        self.target.wait()
    }

    fn cycles(&mut self) -> Option<u64> {
        self.target.cycles()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the address.
    struct Echo;

    impl Target for Echo {
        fn name(&self) -> &str {
            "echo"
        }
        fn write(&mut self, _: &[(u32, u32)]) -> Result<()> {
            Ok(())
        }
        fn read(&mut self, address: u32, out: &mut [u32]) -> Result<()> {
            out.iter_mut().zip(address..).for_each(|(word, address)| *word = address);
            Ok(())
        }
        fn wait(&mut self) -> Result<()> {
            Ok(())
        }
        fn cycles(&mut self) -> Option<u64> {
            None
        }
    }

    #[test]
    fn what_is_done_is_noted() {
        let mut recorder = Recorder::new(Echo, "load", "Loads.");
        recorder.write(&[(address(Region::Weight, 2), 0xFFFF_FFFE)]).unwrap();
        recorder.part("nothing", "Is left out.");
        recorder.part("expected", "Compares.");
        recorder.wait().unwrap();
        // PC, SEED, CYCLES, BUSY: all but CYCLES.
        recorder.read(Register::Pc.address(), &mut [0; 4]).unwrap();
        let texts: Vec<String> = recorder.into_parts().iter().map(Part::text).collect();
        assert_eq!(texts[0], "// Loads.\n// write weight\n01500002_fffffffe\n");
        assert_eq!(
            texts[1],
            "// Compares.\n03000000_00000000\n// read registers\n\
             02000006_00000006\n02000007_00000007\n02000009_00000009\n"
        );
        assert_eq!(texts.len(), 2);
    }
}
