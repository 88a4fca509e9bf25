//! The parameters that Verilog fixes, and what follows from them (section 1 of the specification).
use crate::arith::{Arithmetic, Coded, Side};
pub use crate::array::pe::{Interconnect, Subtraction};
use std::fmt::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

/// A signed fixed-point format: an integer v stands for `v / 2^frac`.
///
/// Written `Q<int>.<frac>`; the sign bit is extra, so Q5.10 has 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// Width with the sign.
    pub bits: u32,
    /// Fraction bits, less than `bits`.
    pub frac: u32,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Q{}.{}", self.bits - 1 - self.frac, self.frac)
    }
}

/// A text that is not a fixed-point format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format such as Q5.10 (5 integer bits, 10 fraction bits, and a sign)")]
pub struct FormatError(String);

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (int, frac) = text.strip_prefix('Q')?.split_once('.')?;
            let number = |digits: &str| {
                // `parse` alone would take a leading `+`.
                let plain = digits.bytes().all(|b| b.is_ascii_digit());
                plain.then(|| digits.parse::<u32>().ok()).flatten()
            };
            let (int, frac) = (number(int)?, number(frac)?);
            let bits = int.checked_add(frac)?.checked_add(1)?;
            (bits <= 64).then_some(Format { bits, frac })
        };
        parse().ok_or_else(|| FormatError(text.to_owned()))
    }
}

/// Where the array's weight codes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightCodes {
    /// From a memory of their own, written whenever a master is.
    #[default]
    Stored,
    /// From the masters, on their way into the array: an encoder for each column instead of that memory. Not where codes are drawn.
    Encoded,
    /// As [`WeightCodes::Stored`], in memories of one port: the SPRAMs of an iCE40 UP5K.
    Spram,
}

/// How updates can be rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Roundings {
    /// To nearest or stochastically, as the instruction says.
    #[default]
    Any,
    /// To nearest: without a generator for each column.
    Nearest,
}

/// How many logits of a sample the loss unit takes at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SoftmaxLanes {
    /// C: a vector of the array.
    #[default]
    All,
    /// One: a small part of the hardware, and up to C times the cycles.
    One,
}

/// Which events the hardware counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counters {
    #[default]
    All,
    /// CYCLES, LOSS and CORRECT; the others read 0.
    Training,
}

/// The parameters of an accelerator.
#[derive(Clone, Debug)]
pub struct Design {
    /// A label for people; not part of the hardware and not in the digest.
    pub name: String,
    /// R, 1..=64: rows of the array, over which a sum runs.
    pub rows: u32,
    /// C, 1..=64: columns of the array, one accumulator each.
    pub columns: u32,
    pub arithmetic: Arc<dyn Arithmetic>,
    /// Format of activations, W bits.
    pub activation: Format,
    /// Format of gradients, W bits.
    pub gradient: Format,
    /// Format of the master weights, 8..=24 bits.
    pub weight: Format,
    pub roundings: Roundings,
    pub interconnect: Interconnect,
    pub subtraction: Subtraction,
    pub softmax_lanes: SoftmaxLanes,
    pub counters: Counters,
    /// A, 16..=48: width of an accumulator.
    pub accumulator_bits: u32,
    /// D: vectors an accumulator memory holds; a power of two, 4..=4096.
    pub accumulator_depth: u32,
    /// Words per bank; a multiple of the number of banks.
    pub activation_depth: u32,
    /// Words per bank; a multiple of the number of banks.
    pub gradient_depth: u32,
    /// Words per bank, of the masters and of their codes; a multiple of the number of banks.
    pub weight_depth: u32,
    pub weight_codes: WeightCodes,
    /// B: samples the per-sample memories hold; a power of two, 1..=4096.
    pub batch_depth: u32,
    /// Instructions the program memory holds; a power of two, 2..=1024.
    pub program_depth: u32,
}

/// A parameter that is out of range or does not fit the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct DesignError {
    /// Path of the parameter, the same as in [`Design::digest_text`]: `array.rows`.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// A memory of the accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub name: &'static str,
    pub banks: u32,
    /// Words per bank.
    pub words: u32,
    /// Bits per word.
    pub bits: u32,
}

impl Memory {
    pub fn total_bits(&self) -> u64 {
        u64::from(self.banks) * u64::from(self.words) * u64::from(self.bits)
    }
}

impl Design {
    /// N: the smallest power of two that is at least R, C and 2.
    pub fn banks(&self) -> u32 {
        self.rows.max(self.columns).max(2).next_power_of_two()
    }

    /// Whether a vector of the array may begin within an N x N tile and end in the next one.
    pub fn vectors_wrap(&self) -> bool {
        self.rows != self.banks() || self.columns != self.banks()
    }

    /// Logits of a sample that the loss unit takes per cycle.
    pub fn loss_lanes(&self) -> u32 {
        match self.softmax_lanes {
            SoftmaxLanes::All => self.columns,
            SoftmaxLanes::One => 1,
        }
    }

    /// Whether the logits of a vector of the array come to the loss unit one by one.
    pub fn splits_logits(&self) -> bool {
        self.loss_lanes() < self.columns
    }

    /// Width of the dimensions of a matrix. A bank has a word for every row and every column of a matrix that fits its memory; a
    /// block of D vectors and a batch of B samples are dimensions too.
    pub fn dimension_bits(&self) -> u32 {
        let memories = self.activation_depth.max(self.gradient_depth).max(self.weight_depth);
        let most = memories.max(self.accumulator_depth).max(self.batch_depth);
        (u32::BITS - most.leading_zeros()).min(16)
    }

    /// W: width of an operand.
    pub fn operand_bits(&self) -> u32 {
        self.arithmetic.operand_bits()
    }

    /// Width of a stored code.
    pub fn code_bits(&self, side: Side) -> u32 {
        self.arithmetic.code_bits(side)
    }

    /// Width of the codes of an operand as they are written: `{stationary, moving}`, or the one that serves both sides.
    pub fn word_bits(&self) -> u32 {
        match self.arithmetic.is_symmetric() {
            true => self.code_bits(Side::Moving),
            false => self.code_bits(Side::Moving) + self.code_bits(Side::Stationary),
        }
    }

    /// Position of the code for a side among these.
    pub fn code_offset(&self, side: Side) -> u32 {
        match side {
            Side::Stationary if !self.arithmetic.is_symmetric() => self.code_bits(Side::Moving),
            _ => 0,
        }
    }

    /// Width of an entry of the activation memory: the ReLU derivative above the codes.
    pub fn activation_bits(&self) -> u32 {
        self.word_bits() + 1
    }

    /// Whether the host reads and writes such an entry at once.
    pub fn activation_fits(&self) -> bool {
        self.activation_bits() <= HOST_BITS
    }

    /// Random bits that encoding takes at most: 0 for families without chance.
    pub fn draw_bits(&self) -> u32 {
        let arith = self.arithmetic.as_ref();
        Coded::all(arith).into_iter().map(|coded| coded.draw_bits(arith)).max().unwrap_or(0)
    }

    /// Whether the codes of the weights are a matter of chance: then the host may write them, to go on where it stopped.
    pub fn draws_weights(&self) -> bool {
        self.arithmetic.weight_draw_bits() > 0
    }

    /// Whether the weight codes have a memory of their own.
    pub fn stores_weight_codes(&self) -> bool {
        self.weight_codes != WeightCodes::Encoded
    }

    /// Whether an update may have weights as its stationary operand: not where their codes are read through a port that it uses.
    pub fn updates_may_read_weights(&self) -> bool {
        self.weight_codes == WeightCodes::Stored
    }

    /// Low product bits that the family drops.
    pub fn dropped(&self) -> u32 {
        self.arithmetic.dropped_bits()
    }

    /// Signed width that holds R products at their bound, of either sign.
    pub fn sum_bits(&self) -> u32 {
        let largest = u64::from(self.rows) * self.arithmetic.product_bound() as u64;
        largest.ilog2() + 2
    }

    /// Width of the master weights.
    pub fn master_bits(&self) -> u32 {
        self.weight.bits
    }

    /// d: bits by which a master is shifted right to give its compute copy (left, if negative).
    pub fn weight_shift(&self) -> i32 {
        self.master_bits() as i32 - self.operand_bits() as i32
    }

    /// Fraction bits of the compute copy of a weight; negative for weights in units above 1.
    pub fn weight_frac(&self) -> i32 {
        self.weight.frac as i32 - self.weight_shift()
    }

    /// Constant left shift before requantising. With it, the program shifts to activations, to logits
    /// of 8 fraction bits and to weight updates (of learning rate 1 or less) are never negative.
    pub fn lift(&self) -> u32 {
        let [activation, gradient, weight] =
            [self.activation, self.gradient, self.weight].map(|format| format.frac as i32);
        let least = self.weight_frac().min(activation + self.weight_frac() - 8).min(activation + gradient - weight);
        (self.dropped() as i32 - least).max(0) as u32
    }

    /// V: width of the vector unit.
    pub fn vector_bits(&self) -> u32 {
        self.operand_bits().max(self.master_bits()).max(16)
    }

    /// All memories, as the hardware has them.
    pub fn memories(&self) -> Vec<Memory> {
        let skewed = |name, words, bits| Memory { name, banks: self.banks(), words, bits };
        let single = |name, words, bits| Memory { name, banks: 1, words, bits };
        let mut memories = vec![
            single("program", self.program_depth * 8, 32),
            skewed("activation", self.activation_depth, self.activation_bits()),
            skewed("gradient", self.gradient_depth, self.code_bits(Side::Moving)),
            skewed("weight", self.weight_depth, self.master_bits()),
            skewed("weight_code", self.weight_depth, self.code_bits(Side::Stationary)),
            single("accumulator", self.accumulator_depth, self.columns * self.accumulator_bits),
            single("label_and_prediction", 2 * self.batch_depth, 16),
            single("maximum", self.batch_depth, 16),
            single("log_sum", self.batch_depth, 16),
            single("rest", self.batch_depth, self.operand_bits()),
        ];
        memories.retain(|memory| memory.name != "weight_code" || self.stores_weight_codes());
        memories
    }

    /// SPRAMs that the weight codes take at least: one for each bank.
    pub fn sprams(&self) -> u32 {
        match self.weight_codes {
            WeightCodes::Stored | WeightCodes::Encoded => 0,
            WeightCodes::Spram => self.banks(),
        }
    }

    /// Every parameter that the hardware depends on, one `key=value` per line in a fixed order. Equal
    /// texts mean equal hardware; the digest is a hash of this text.
    pub fn digest_text(&self) -> String {
        let mut text = String::from("logloom design 1\n");
        let mut line = |key: &str, value: &dyn fmt::Display| {
            writeln!(text, "{key}={value}").expect("writing to a string");
        };
        line("array.rows", &self.rows);
        line("array.columns", &self.columns);
        line("array.accumulator_bits", &self.accumulator_bits);
        line("arithmetic.family", &self.arithmetic.name());
        for parameter in self.arithmetic.parameters().split(' ') {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            line(&format!("arithmetic.{key}"), &value);
        }
        line("formats.activation", &self.activation);
        line("formats.gradient", &self.gradient);
        line("formats.weight", &self.weight);
        for (key, depth, _) in self.depths() {
            line(key, &depth);
        }
        // Digests from before there was a choice stay valid.
        if self.roundings == Roundings::Nearest {
            line("array.roundings", &"nearest");
        }
        match self.weight_codes {
            WeightCodes::Stored => {}
            WeightCodes::Encoded => line("memory.weight_codes", &"encoded"),
            WeightCodes::Spram => line("memory.weight_codes", &"spram"),
        }
        if self.interconnect == Interconnect::Broadcast {
            line("array.interconnect", &"broadcast");
        }
        if self.subtraction == Subtraction::Adder {
            line("array.subtraction", &"adder");
        }
        if self.softmax_lanes == SoftmaxLanes::One {
            line("array.softmax_lanes", &"one");
        }
        if self.counters == Counters::Training {
            line("array.counters", &"training");
        }
        text
    }

    /// Checks every parameter, and the parameters against each other. Reports the first that is wrong.
    pub fn validate(&self) -> Result<(), DesignError> {
        within("array.rows", self.rows, 1, 64)?;
        within("array.columns", self.columns, 1, 64)?;
        self.arithmetic.validate().or_else(|e| fail(&format!("arithmetic.{}", e.parameter), e.problem))?;

        let width = self.operand_bits();
        for (key, format) in [("formats.activation", self.activation), ("formats.gradient", self.gradient)] {
            check_fraction(key, format)?;
            if format.bits != width {
                return fail(key, format!("{format} has {} bits, but operands have {width}", format.bits));
            }
        }
        if !self.activation_fits() {
            return fail(
                "formats.activation",
                format!(
                    "{} takes {} bits with the codes of both sides of {} {}, and a word of the host port has {HOST_BITS}",
                    self.activation,
                    self.activation_bits(),
                    self.arithmetic.name(),
                    self.arithmetic.parameters()
                ),
            );
        }
        check_fraction("formats.weight", self.weight)?;
        within("formats.weight", self.weight.bits, 8, 24)?;

        within("array.accumulator_bits", self.accumulator_bits, 16, 48)?;
        if self.accumulator_bits < self.sum_bits() {
            return fail(
                "array.accumulator_bits",
                format!(
                    "{} bits are less than the {} of one sum of {} products",
                    self.accumulator_bits,
                    self.sum_bits(),
                    self.rows
                ),
            );
        }
        if self.accumulator_bits + self.lift() > MAX_LIFTED_BITS {
            return fail(
                "array.accumulator_bits",
                format!(
                    "{} bits shifted left by {} (so that the shifts to these formats are not negative, \
                     with {} product bits dropped) are more than {MAX_LIFTED_BITS}",
                    self.accumulator_bits,
                    self.lift(),
                    self.dropped()
                ),
            );
        }
        for (key, depth, rule) in self.depths() {
            rule.check(key, depth, self.banks())?;
        }
        if self.draws_weights() && !self.stores_weight_codes() {
            return fail(
                "memory.weight_codes",
                format!(
                    "the weight codes of {} are drawn when a weight is written, so they must be stored",
                    self.arithmetic.name()
                ),
            );
        }
        Ok(())
    }

    fn depths(&self) -> [(&'static str, u32, Depth); 6] {
        [
            ("array.accumulator_depth", self.accumulator_depth, Depth::PowerOfTwo(4, 4096)),
            ("memory.activation_depth", self.activation_depth, Depth::Tiles),
            ("memory.gradient_depth", self.gradient_depth, Depth::Tiles),
            ("memory.weight_depth", self.weight_depth, Depth::Tiles),
            ("memory.batch_depth", self.batch_depth, Depth::PowerOfTwo(1, 4096)),
            ("memory.program_depth", self.program_depth, Depth::PowerOfTwo(2, 1024)),
        ]
    }
}

/// A word of the host port, which reads and writes every entry of a memory at once.
const HOST_BITS: u32 = 32;

/// Widest lifted accumulator; with the rounding addend it still fits 64 bits.
const MAX_LIFTED_BITS: u32 = 62;

/// Words a region of the host port can address.
const REGION_WORDS: u64 = 1 << 20;

/// Tiles that a base in an instruction, of 16 bits, can name.
const TILES: u32 = 1 << 16;

/// What a memory depth must be.
enum Depth {
    PowerOfTwo(u32, u32),
    Tiles,
}

impl Depth {
    fn check(&self, key: &str, depth: u32, banks: u32) -> Result<(), DesignError> {
        match *self {
            Depth::PowerOfTwo(least, most) => {
                within(key, depth, least, most)?;
                if !depth.is_power_of_two() {
                    return fail(key, format!("{depth} is not a power of two"));
                }
            }
            Depth::Tiles => {
                if depth == 0 || !depth.is_multiple_of(banks) {
                    return fail(key, format!("{depth} is not a positive multiple of the {banks} banks"));
                }
                if u64::from(depth) * u64::from(banks) > REGION_WORDS {
                    return fail(
                        key,
                        format!(
                            "{depth} words in each of {banks} banks are more than the host can address \
                             ({REGION_WORDS})"
                        ),
                    );
                }
                if depth / banks > TILES {
                    return fail(
                        key,
                        format!(
                            "{depth} words in each of {banks} banks are {} tiles, and an instruction can address {TILES}",
                            depth / banks
                        ),
                    );
                }
            }
        }
        Ok(())
    }
}

fn fail<T>(key: &str, problem: String) -> Result<T, DesignError> {
    Err(DesignError { key: key.to_owned(), problem })
}

fn within(key: &str, value: u32, least: u32, most: u32) -> Result<(), DesignError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    fail(key, format!("{value} is outside {least}..={most}"))
}

fn check_fraction(key: &str, format: Format) -> Result<(), DesignError> {
    if format.frac < format.bits {
        return Ok(());
    }
    fail(key, format!("{} fraction bits do not fit {} bits with a sign", format.frac, format.bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::{Exact, Form, Mitchell, mitchell};
    use crate::host::map::Register;

    fn design() -> Design {
        Design {
            name: "test".into(),
            rows: 4,
            columns: 4,
            arithmetic: Arc::new(Mitchell {
                operand_bits: 16,
                fraction_bits: 4,
                dropped_bits: 8,
                rounding: mitchell::Rounding::Nearest,
                stages: 1,
            }),
            activation: "Q5.10".parse().unwrap(),
            gradient: "Q1.14".parse().unwrap(),
            weight: "Q3.12".parse().unwrap(),
            roundings: Roundings::Any,
            interconnect: Interconnect::Systolic,
            subtraction: Subtraction::Complement,
            softmax_lanes: SoftmaxLanes::All,
            counters: Counters::All,
            accumulator_bits: 32,
            accumulator_depth: 64,
            activation_depth: 196,
            gradient_depth: 84,
            weight_depth: 608,
            weight_codes: WeightCodes::Stored,
            batch_depth: 8,
            program_depth: 16,
        }
    }

    #[test]
    fn formats_read_and_print() {
        let format: Format = "Q5.10".parse().unwrap();
        assert_eq!(format, Format { bits: 16, frac: 10 });
        assert_eq!(format.to_string(), "Q5.10");
        assert_eq!("Q0.7".parse(), Ok(Format { bits: 8, frac: 7 }));
        for wrong in ["", "5.10", "Q5", "Q.3", "Q3.", "Q+3.2", "Q-1.4", "Q3.2 ", "Q99.9"] {
            assert!(wrong.parse::<Format>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn derived_widths() {
        let design = design();
        assert_eq!(design.banks(), 4);
        assert_eq!(design.code_bits(Side::Moving), 10);
        // Four products of up to 2^22, either sign: 2^24 does not fit 25 signed bits.
        assert_eq!(design.sum_bits(), 26);
        assert_eq!(design.weight_frac(), 12);
        assert_eq!(design.lift(), 0);
        assert_eq!(design.vector_bits(), 16);
    }

    #[test]
    fn a_master_of_another_width_moves_the_point_of_its_copy() {
        let mut design = design();
        design.weight = "Q3.20".parse().unwrap();
        assert_eq!(design.weight_frac(), 12);
        // min(12, 10 + 12 - 8, 10 + 14 - 20) = 4 is below the 8 dropped bits.
        assert_eq!(design.lift(), 4);
        design.weight = "Q3.6".parse().unwrap();
        assert_eq!(design.weight_frac(), 12);
    }

    #[test]
    fn banks_cover_rows_and_columns() {
        let mut design = design();
        for (rows, columns, banks) in [(1, 1, 2), (3, 5, 8), (8, 2, 8), (64, 33, 64)] {
            (design.rows, design.columns) = (rows, columns);
            assert_eq!(design.banks(), banks);
        }
    }

    /// Equality tests cannot see these: model and hardware ask the design.
    #[test]
    fn a_dimension_is_as_wide_as_the_deepest_memory_needs() {
        let mut design = design();
        assert_eq!(design.dimension_bits(), 10); // 608 words
        (design.activation_depth, design.gradient_depth, design.weight_depth) = (4, 4, 4);
        assert_eq!(design.dimension_bits(), 7); // 64 vectors of totals
        (design.accumulator_depth, design.batch_depth) = (4, 4);
        assert_eq!(design.dimension_bits(), 3);
        design.batch_depth = 8;
        assert_eq!(design.dimension_bits(), 4);
        design.weight_depth = 1 << 17;
        assert_eq!(design.dimension_bits(), 16);
    }

    #[test]
    fn registers_that_a_design_lacks() {
        let lacking = |design: &Design| {
            let lacks = |register: &&Register| !register.exists(design);
            Register::ALL.iter().filter(lacks).map(|register| register.name()).collect::<Vec<_>>()
        };
        let mut design = design();
        assert!(lacking(&design).is_empty());
        design.roundings = Roundings::Nearest;
        assert_eq!(lacking(&design), ["SEED"]);
        design.counters = Counters::Training;
        let diagnostics =
            ["BUSY", "STALL", "ZERO_CODES", "SATURATED", "WEIGHTS_SATURATED", "ZERO_UPDATES", "INSTRUCTIONS"];
        assert_eq!(lacking(&design), [&["SEED"][..], &diagnostics].concat());
    }

    #[test]
    fn every_choice_is_in_the_digest() {
        let with = |change: fn(&mut Design)| {
            let mut design = design();
            change(&mut design);
            design.digest_text()
        };
        let mut texts = vec![
            with(|_| ()),
            with(|d| d.roundings = Roundings::Nearest),
            with(|d| d.weight_codes = WeightCodes::Encoded),
            with(|d| d.weight_codes = WeightCodes::Spram),
            with(|d| d.interconnect = Interconnect::Broadcast),
            with(|d| d.subtraction = Subtraction::Adder),
            with(|d| d.softmax_lanes = SoftmaxLanes::One),
            with(|d| d.counters = Counters::Training),
        ];
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 8);
    }

    #[test]
    fn sums_hold_the_worst_column() {
        let mut design = design();
        design.arithmetic = Arc::new(Exact { operand_bits: 8, form: Form::Star, stages: 0 });
        for rows in 1..=64 {
            design.rows = rows;
            let worst = i64::from(rows) * (1 << 14);
            let most = (1i64 << (design.sum_bits() - 1)) - 1;
            assert!(worst <= most && worst > most >> 1, "{rows} rows");
        }
    }

    #[test]
    fn the_memory_plan_of_the_worked_example() {
        let memories = design().memories();
        let find = |name| memories.iter().find(|m| m.name == name).unwrap();
        assert_eq!(find("weight").total_bits(), 4 * 608 * 16);
        assert_eq!(find("activation").bits, 11);
        assert_eq!(find("accumulator").total_bits(), 4 * 64 * 32);
    }

    #[test]
    fn errors_name_the_parameter() {
        assert_eq!(design().validate(), Ok(()));
        let key = |change: fn(&mut Design)| {
            let mut design = design();
            change(&mut design);
            design.validate().unwrap_err().key
        };
        assert_eq!(key(|d| d.rows = 0), "array.rows");
        assert_eq!(key(|d| d.columns = 65), "array.columns");
        assert_eq!(key(|d| d.activation = "Q3.4".parse().unwrap()), "formats.activation");
        assert_eq!(key(|d| d.gradient = "Q0.14".parse().unwrap()), "formats.gradient");
        assert_eq!(key(|d| d.weight = "Q3.3".parse().unwrap()), "formats.weight");
        assert_eq!(key(|d| d.weight.frac = 16), "formats.weight");
        assert_eq!(key(|d| d.accumulator_bits = 24), "array.accumulator_bits");
        assert_eq!(key(|d| d.accumulator_bits = 49), "array.accumulator_bits");
        assert_eq!(key(|d| d.accumulator_depth = 96), "array.accumulator_depth");
        assert_eq!(key(|d| d.activation_depth = 10), "memory.activation_depth");
        let two_banks = |depth| Design { rows: 2, columns: 2, weight_depth: depth, ..design() }.validate();
        assert_eq!(two_banks(1 << 17), Ok(()));
        assert_eq!(two_banks((1 << 17) + 2).unwrap_err().key, "memory.weight_depth");
        assert_eq!(key(|d| d.gradient_depth = 0), "memory.gradient_depth");
        assert_eq!(key(|d| d.weight_depth = 1 << 19), "memory.weight_depth");
        assert_eq!(key(|d| d.batch_depth = 8192), "memory.batch_depth");
        assert_eq!(key(|d| d.program_depth = 1), "memory.program_depth");
        assert_eq!(
            key(|d| {
                d.arithmetic = Arc::new(Mitchell {
                    operand_bits: 16,
                    fraction_bits: 20,
                    dropped_bits: 0,
                    rounding: mitchell::Rounding::Nearest,
                    stages: 0,
                })
            }),
            "arithmetic.fraction_bits"
        );
    }

    #[test]
    fn the_digest_text_is_canonical() {
        let text = design().digest_text();
        assert!(text.contains("\narray.rows=4\n"));
        assert!(text.contains("\narithmetic.family=mitchell\n"));
        assert!(text.contains("\narithmetic.fraction_bits=4\n"));
        assert!(text.contains("\nformats.gradient=Q1.14\n"));
        assert!(text.contains("\nmemory.program_depth=16\n"));
        let mut renamed = design();
        renamed.name = "other".into();
        assert_eq!(renamed.digest_text(), text);
    }
}
