//! The host's address map: regions, registers, error codes (section 5 of the specification).
//!
//! One table each. The host port, the model and `docs/host.md` come from them.
use crate::arith::Side;
use crate::design::{Counters, Design, Roundings};
use std::fmt::Write;

/// Word addresses inside a region.
pub const WORD_BITS: u32 = 20;
/// Value of the register ID: "LOGL".
pub const ID: u32 = 0x4C4F_474C;

/// Bits of the register CONTROL.
pub mod control {
    pub const RUN: u32 = 1 << 0;
    pub const STEP: u32 = 1 << 1;
    pub const CLEAR: u32 = 1 << 2;
}

/// Bits of the register STATUS.
pub mod status {
    pub const RUNNING: u32 = 1 << 0;
    pub const HALTED: u32 = 1 << 1;
    pub const ERROR: u32 = 1 << 2;
}

/// Host address of a word in a region.
pub const fn address(region: Region, word: u32) -> u32 {
    assert!(word >> WORD_BITS == 0);
    (region as u32) << WORD_BITS | word
}

/// Region number and word of a host address.
pub const fn split(address: u32) -> (u32, u32) {
    (address >> WORD_BITS, address & ((1 << WORD_BITS) - 1))
}

/// Defines an enumeration whose variants carry a row of a table.
macro_rules! table {
    ($(#[$doc:meta])* $Name:ident($($column:ident: $type:ty),+) {
        $($Variant:ident = $number:literal, $name:literal, $($value:expr),+;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum $Name {
            $($Variant = $number),+
        }

        impl $Name {
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            pub const fn number(self) -> u32 {
                self as u32
            }

            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$Variant),)+
                    _ => None,
                }
            }

            pub const fn name(self) -> &'static str {
                self.row().0
            }

            const fn row(self) -> (&'static str, $($type),+) {
                match self {
                    $(Self::$Variant => ($name, $($value),+)),+
                }
            }
        }
    };
}

table! {
    /// A memory as the host sees it. Columns: organisation of the words, what a write does.
    Region(words: &'static str, write: Option<&'static str>) {
        Registers = 0, "registers", "below", Some("some");
        Program = 1, "program", "instruction * 8 + word", Some("word");
        Label = 2, "label", "sample", Some("label, low 16 bits");
        Activation = 3, "activation", "address * N + bank",
            Some("operand x (low W bits, signed): stores `{pass(x), encode(x)}`");
        Gradient = 4, "gradient", "address * N + bank",
            Some("operand x (low W bits, signed): stores encode(x)");
        Weight = 5, "weight", "address * N + bank",
            Some("master (low `master_bits` bits, signed): the weight code follows");
        WeightCode = 6, "weight code", "address * N + bank",
            Some("code, stored as it is; read-only unless the family draws the codes of weights");
        Accumulator = 7, "accumulator",
            "(address * Cp + column) * words + word, Cp = C rounded up to a power of two", None;
        Maximum = 8, "maximum", "sample", None;
        LogSum = 9, "log sum", "sample", None;
        Rest = 10, "rest", "sample", None;
        Prediction = 11, "prediction", "sample", None;
    }
}

/// What the host may do with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    /// Reads as 0.
    Write,
    ReadWrite,
}

impl Access {
    pub const fn writable(self) -> bool {
        !matches!(self, Access::Read)
    }

    const fn text(self) -> &'static str {
        match self {
            Access::Read => "r",
            Access::Write => "w",
            Access::ReadWrite => "rw",
        }
    }
}

table! {
    /// A word of the register region. Columns: access, meaning.
    Register(access: Access, meaning: &'static str) {
        Id = 0, "ID", Access::Read, "0x4C4F474C";
        Digest = 1, "DIGEST", Access::Read, "first 32 bits of the design's digest";
        Geometry = 2, "GEOMETRY", Access::Read, "C << 16 \\| R";
        Control = 3, "CONTROL", Access::Write,
            "bit 0 run until HALT; bit 1 run one instruction; bit 2 clear the counters (CYCLES and all below it)";
        Status = 4, "STATUS", Access::Read,
            "bit 0 running, bit 1 halted (the last run ended with HALT), bit 2 error";
        Error = 5, "ERROR", Access::ReadWrite,
            "first error since cleared (0: none); writing clears it";
        Pc = 6, "PC", Access::ReadWrite, "next instruction";
        Seed = 7, "SEED", Access::ReadWrite, "seed of the rounding generators";
        Cycles = 8, "CYCLES", Access::Read, "clock cycles spent running";
        Busy = 9, "BUSY", Access::Read, "cycles in which a moving vector entered the array";
        Stall = 10, "STALL", Access::Read, "cycles inside GEMM instructions without one";
        ZeroCodes = 11, "ZERO_CODES", Access::Read,
            "zero codes among the R lanes of those moving vectors (each stands for C skipped MACs)";
        Saturated = 12, "SATURATED", Access::Read,
            "requantised elements that were clipped (dest activation, gradient, weight)";
        WeightsSaturated = 13, "WEIGHTS_SATURATED", Access::Read,
            "weights that were clipped in an update";
        ZeroUpdates = 14, "ZERO_UPDATES", Access::Read, "weight updates r = 0";
        Loss = 15, "LOSS", Access::Read, "sum of the samples' losses, 2^-8 bits";
        Correct = 16, "CORRECT", Access::Read, "samples whose prediction equals the label";
        Instructions = 17, "INSTRUCTIONS", Access::Read, "instructions completed, HALT included";
    }
}

table! {
    /// Why the accelerator stopped or refused an access: the value of the register ERROR.
    ErrorCode(meaning: &'static str) {
        IllegalOpcode = 1, "illegal opcode", "an instruction has no such opcode";
        IllegalOperand = 2, "illegal operand", "a field of an instruction has a forbidden value";
        NoSuchWord = 3, "no such word", "address outside the region, or no such region";
        Running = 4, "running", "memory or PC access, SEED write, or start, while running";
        ReadOnly = 5, "read only", "write to a read-only word";
    }
}

impl Register {
    /// Whether that design has the register; one that it lacks reads 0.
    pub fn exists(self, design: &Design) -> bool {
        let diagnostic = matches!(
            self,
            Register::Busy
                | Register::Stall
                | Register::ZeroCodes
                | Register::Saturated
                | Register::WeightsSaturated
                | Register::ZeroUpdates
                | Register::Instructions
        );
        match self {
            Register::Seed => design.roundings == Roundings::Any || design.draw_bits() > 0,
            _ => design.counters == Counters::All || !diagnostic,
        }
    }
}

impl Region {
    /// The name as a part of identifiers.
    pub fn identifier(self) -> String {
        self.name().replace(' ', "_")
    }

    /// Whether the host may write; weight codes only where they are a matter of chance.
    pub fn writable(self, design: &Design) -> bool {
        self.row().2.is_some() && (self != Region::WeightCode || design.draws_weights())
    }

    /// Bits of an entry.
    pub fn entry_bits(self, design: &Design) -> u32 {
        match self {
            Region::Registers | Region::Program => 32,
            Region::Label | Region::Maximum | Region::LogSum | Region::Prediction => 16,
            Region::Activation => design.activation_bits(),
            Region::Gradient => design.code_bits(Side::Moving),
            Region::WeightCode => design.code_bits(Side::Stationary),
            Region::Weight => design.master_bits(),
            Region::Accumulator => design.accumulator_bits,
            Region::Rest => design.operand_bits(),
        }
    }

    /// Whether a read sign-extends the entry.
    pub const fn signed(self) -> bool {
        matches!(self, Region::Weight | Region::Accumulator | Region::Maximum)
    }

    /// Host words per entry: 2 for entries wider than 32 bits, low word first.
    pub fn words_per_entry(self, design: &Design) -> u32 {
        self.entry_bits(design).div_ceil(32)
    }

    /// Host words in the region; higher ones do not exist.
    pub fn words(self, design: &Design) -> u32 {
        let banks = design.banks();
        let entries = match self {
            Region::Registers => Register::ALL.len() as u32,
            Region::Program => design.program_depth * 8,
            Region::Activation => design.activation_depth * banks,
            Region::Gradient => design.gradient_depth * banks,
            Region::Weight | Region::WeightCode => design.weight_depth * banks,
            Region::Accumulator => design.accumulator_depth * design.columns.next_power_of_two(),
            Region::Label | Region::Maximum | Region::LogSum | Region::Rest | Region::Prediction => design.batch_depth,
        };
        entries * self.words_per_entry(design)
    }
}

impl Register {
    pub const fn access(self) -> Access {
        self.row().1
    }

    pub const fn meaning(self) -> &'static str {
        self.row().2
    }

    /// Host address.
    pub const fn address(self) -> u32 {
        address(Region::Registers, self.number())
    }
}

impl ErrorCode {
    pub const fn meaning(self) -> &'static str {
        self.row().1
    }
}

/// The page `docs/host.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "<!-- Made from the tables in hdl/src/host/map.rs; run the tests with UPDATE=1 to renew. -->\n\n\
         # Host port\n\n\
         32-bit words at `region << 20 | word`. Section 5 of the [specification](specification.md) has the\n\
         rules.\n\n\
         ## Regions\n\n\
         | region | memory | word address | write |\n|---|---|---|---|\n",
    );
    for region in Region::ALL {
        let (name, words, write) = region.row();
        let write = write.unwrap_or("no");
        writeln!(page, "| {} | {name} | {words} | {write} |", region.number()).expect("writing to a string");
    }
    page += "\n## Registers\n\n| register | word | access | meaning |\n|---|---|---|---|\n";
    for register in Register::ALL {
        let (name, access, meaning) = register.row();
        let (word, access) = (register.number(), access.text());
        writeln!(page, "| {name} | {word} | {access} | {meaning} |").expect("writing to a string");
    }
    page += "\nA register that a design lacks reads 0: counters with `array.counters = \"training\"`, and SEED where nothing is rounded or\n\
             drawn at random.\n";
    page += "\n## Errors\n\n| error | name | meaning |\n|---|---|---|\n";
    for error in ErrorCode::ALL {
        let (name, meaning) = error.row();
        writeln!(page, "| {} | {name} | {meaning} |", error.number()).expect("writing to a string");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_split_again() {
        for &region in Region::ALL {
            let address = address(region, 0xABCDE);
            assert_eq!(split(address), (region.number(), 0xABCDE));
            assert_eq!(Region::from_number(region.number()), Some(region));
        }
        assert_eq!(Region::from_number(12), None);
    }

    #[test]
    fn registers_are_numbered_without_gaps() {
        for (word, register) in Register::ALL.iter().enumerate() {
            assert_eq!(register.number() as usize, word);
        }
    }

    #[test]
    fn the_page_is_current() {
        crate::page::check("host.md", &markdown());
    }
}
