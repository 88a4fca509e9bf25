//! Hardware against its reference under Verilator, swept: every operand with every draw through each encoder, every pair of
//! codes through the product, and so every pair of operands.

use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use logloom_hdl::arith::{Arithmetic, Coded, Side, encoder, product};
use logloom_hdl::rtl::{ElaborationError, Module, verilog};
use rayon::prelude::*;
use serde::Serialize;

use super::draws::{encode, extremes};
use crate::flow::verilator;

/// Copies of a module that are evaluated together: what a simulator does between evaluations is done for all at once.
const LANES: usize = 16;

/// A module of a unit as a function of two numbers, and all values that these take.
#[derive(Clone, Debug)]
pub struct Subject {
    unit: Arc<dyn Arithmetic>,
    part: Part,
    /// Of a product, the moving codes; of an encoder, the draws.
    rows: Vec<u32>,
    /// Of a product, the stationary codes; of an encoder, the operands, W bits each.
    columns: Vec<u32>,
    /// Of an encoder, the operands that the columns stand for.
    operands: Vec<i64>,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Encoder(Coded),
    Product,
}

impl Subject {
    /// The modules that a unit is made of: its encoders, its product.
    pub fn all(unit: &Arc<dyn Arithmetic>) -> Vec<Self> {
        let half = 1i64 << (unit.operand_bits() - 1);
        let encoder = |coded: Coded| Self {
            unit: Arc::clone(unit),
            part: Part::Encoder(coded),
            rows: (0..1 << coded.draw_bits(unit.as_ref())).collect(),
            columns: (-half..half).map(|operand| operand as u32 & ((half << 1) - 1) as u32).collect(),
            operands: (-half..half).collect(),
        };
        let product = Self {
            unit: Arc::clone(unit),
            part: Part::Product,
            rows: codes(unit.as_ref(), Side::Moving),
            columns: codes(unit.as_ref(), Side::Stationary),
            operands: Vec::new(),
        };
        Coded::all(unit.as_ref()).into_iter().map(encoder).chain([product]).collect()
    }

    /// Pairs of numbers that the module is tried with.
    pub fn pairs(&self) -> u64 {
        self.rows.len() as u64 * self.columns.len() as u64
    }

    pub fn module(&self) -> Result<Arc<Module>, ElaborationError> {
        match self.part {
            Part::Encoder(coded) => encoder(self.unit.as_ref(), coded),
            Part::Product => product(self.unit.as_ref()),
        }
    }

    /// Bits of a result on its way through the pipe: nearly all products fit 32, and half the bytes take half the time.
    fn result_bits(&self) -> u32 {
        match self.part {
            Part::Product if self.unit.product_bits() > 32 => 64,
            _ => 32,
        }
    }

    /// What the reference gives in one row.
    fn expected(&self, row: u32, values: &mut [i64]) {
        let unit = self.unit.as_ref();
        match self.part {
            Part::Encoder(coded) => {
                let mut codes = vec![0; values.len()];
                encode(unit, coded, &self.operands, row, &mut codes);
                values.iter_mut().zip(codes).for_each(|(value, code)| *value = code.into());
            }
            Part::Product => {
                values.fill(0);
                unit.accumulate(&[row], &self.columns, self.columns.len(), values);
            }
        }
    }

    /// A number by which one reference is told from another: a sum over all pairs, each weighted at random.
    pub fn fingerprint(&self) -> u64 {
        // Of SplitMix64, odd.
        let weight = |index: usize| {
            let z = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) | 1
        };
        let weights: Vec<u64> = (0..self.columns.len()).map(weight).collect();
        let of_row = |values: &mut Vec<i64>, (index, &row): (usize, &u32)| {
            self.expected(row, values);
            let weighted = values.iter().zip(&weights).map(|(&value, &weight)| (value as u64).wrapping_mul(weight));
            weighted.fold(0, u64::wrapping_add).wrapping_mul(weight(index))
        };
        let rows = self.rows.par_iter().enumerate().map_init(|| vec![0; self.columns.len()], of_row);
        rows.reduce(|| 0, u64::wrapping_add)
    }

    /// How the hardware differs in a row, at this index of the columns.
    fn difference(&self, row: u32, index: usize, expected: i64, found: i64) -> String {
        let (name, parameters) = (self.unit.name(), self.unit.parameters());
        match self.part {
            Part::Encoder(coded) => format!(
                "{name} ({parameters}): {coded:?} code of {} with draw {row}: {expected:#x}, the hardware gives {found:#x}",
                self.operands[index]
            ),
            Part::Product => format!(
                "{name} ({parameters}): codes {row:#x} and {:#x} have the product {expected}, the hardware gives {found}",
                self.columns[index]
            ),
        }
    }
}

/// Every code that an operand can have on a side, whatever is drawn; ascending.
fn codes(family: &dyn Arithmetic, side: Side) -> Vec<u32> {
    let half = 1i64 << (family.operand_bits() - 1);
    let mut codes = Vec::new();
    for coded in Coded::all(family) {
        let of_side = match coded {
            Coded::Operand(own) => own == side || family.is_symmetric(),
            Coded::Weight => side == Side::Stationary,
        };
        if !of_side {
            continue;
        }
        for draw in extremes(coded.draw_bits(family)) {
            codes.extend((-half..half).map(|x| coded.encode(family, x, draw)));
        }
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Sweeps all subjects, compiled together; one after the other, on all cores. `observe` is told of pairs as they are done.
///
/// # Errors
/// A tool is missing or fails; or hardware and reference differ, with the unit, the numbers and both results.
pub fn sweep(subjects: &[Subject], observe: &(dyn Fn(u64) + Sync)) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("logloom-sweep-").tempdir()?;
    let program = build(subjects, folder.path())?;
    subjects.iter().enumerate().try_for_each(|(index, subject)| run(&program, index, subject, observe))
}

/// Sweeps one subject, with a process for each core.
fn run(program: &Path, index: usize, subject: &Subject, observe: &(dyn Fn(u64) + Sync)) -> Result<()> {
    let processes = rayon::current_num_threads().min(subject.rows.len());
    let stop = AtomicBool::new(false);
    let share = |first| {
        let rows: Vec<u32> = subject.rows.iter().copied().skip(first).step_by(processes).collect();
        let mut command = Command::new(program);
        command.arg(index.to_string());
        let result = compare(subject, &rows, command, &stop, observe);
        stop.fetch_or(result.is_err(), Ordering::Relaxed);
        result
    };
    (0..processes).into_par_iter().try_for_each(share)
}

/// Some rows of a subject, by one process, until `stop`.
fn compare(
    subject: &Subject,
    rows: &[u32],
    mut command: Command,
    stop: &AtomicBool,
    observe: &(dyn Fn(u64) + Sync),
) -> Result<()> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("the sweep does not start")?;
    let columns = &subject.columns;
    let counts = [rows.len() as u32, columns.len() as u32];
    let words: Vec<u8> = counts.iter().chain(rows).chain(columns).flat_map(|word| word.to_le_bytes()).collect();
    child.stdin.take().context("the sweep has a standard input")?.write_all(&words)?;
    let mut output = BufReader::with_capacity(1 << 20, child.stdout.take().context("the sweep has a standard output")?);
    let word = (subject.result_bits() / 8) as usize;
    let mut bytes = vec![0; columns.len() * word];
    let mut expected = vec![0; columns.len()];
    for &row in rows {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        subject.expected(row, &mut expected);
        output.read_exact(&mut bytes).context("the simulation ended early")?;
        let different = match word {
            4 => differs(bytes.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes).into()), &expected),
            _ => differs(bytes.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)), &expected),
        };
        if let Some((index, found)) = different {
            drop(output);
            child.wait()?;
            bail!(subject.difference(row, index, expected[index], found));
        }
        observe(columns.len() as u64);
    }
    // A process that is not read to its end ends for that reason.
    let whole = !stop.load(Ordering::Relaxed);
    drop(output);
    let status = child.wait()?;
    ensure!(status.success() || !whole, "the simulation ended with {status}");
    Ok(())
}

/// The first that is not as expected, with its index.
#[inline]
fn differs(found: impl Iterator<Item = i64> + Clone, expected: &[i64]) -> Option<(usize, i64)> {
    // All at once, as vector instructions do it; where they differ is found afterwards.
    let different = found.clone().zip(expected).fold(0, |bits, (found, expected)| bits | (found ^ expected));
    let mut each = found.zip(expected).enumerate();
    if different == 0 {
        None
    } else {
        each.find_map(|(i, (found, &expected))| (found != expected).then_some((i, found)))
    }
}

/// The program that simulates all subjects.
fn build(subjects: &[Subject], folder: &Path) -> Result<PathBuf> {
    #[derive(Serialize)]
    struct Shape {
        module: String,
        row: Option<&'static str>,
        column: &'static str,
        output: &'static str,
        row_bits: u32,
        column_bits: u32,
        output_bits: u32,
        result_bits: u32,
        signed: bool,
        latency: u32,
        reset: bool,
    }
    let mut sources = String::new();
    let mut shapes = Vec::new();
    for (index, subject) in subjects.iter().enumerate() {
        let top = subject.module()?;
        let modules = top.hierarchy()?;
        for module in &modules {
            // Units have modules of the same names.
            let text = verilog::print(module, "");
            sources += &modules.iter().fold(text, |text, other| rename(&text, &other.name, index));
        }
        let unit = subject.unit.as_ref();
        let width = |port: &str| top.input(port).map_or(1, |port| top.signal(top.inputs[port]).ty.width);
        let (row, column, output) = match subject.part {
            Part::Encoder(coded) => ((coded.draw_bits(unit) > 0).then_some("draw_i"), "operand_i", "code_o"),
            Part::Product => (Some("moving_i"), "stationary_i", "product_o"),
        };
        let is_product = matches!(subject.part, Part::Product);
        let output_bits = top.outputs.iter().map(|(_, value)| value.width()).sum();
        shapes.push(Shape {
            module: format!("{}_{index}", top.name),
            row,
            column,
            output,
            row_bits: row.map_or(1, width),
            column_bits: width(column),
            output_bits,
            result_bits: subject.result_bits(),
            signed: is_product,
            latency: if is_product { unit.latency() } else { 0 },
            reset: top.is_reset(),
        });
    }
    let mut context = tera::Context::new();
    context.insert("subjects", &shapes);
    context.insert("lanes", &LANES);
    let render = |template| tera::Tera::one_off(template, &context, false);
    std::fs::write(folder.join("sweep.sv"), sources + &render(include_str!("templates/sweep.sv.tera"))?)?;
    std::fs::write(folder.join("sweep.cpp"), render(include_str!("templates/sweep.cpp.tera"))?)?;
    Ok(verilator::compile(folder, "sweep", &["--x-assign", "0", "--x-initial", "0"])?)
}

/// The text with every word `name` as `name_<index>`.
fn rename(text: &str, name: &str, index: usize) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        renamed += before;
        let begins = !is_word(renamed.chars().next_back());
        renamed += name;
        if begins && !is_word(after.chars().next()) {
            renamed += &format!("_{index}");
        }
        rest = after;
    }
    renamed + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Tool;
    use crate::flow::testing::needs;
    use logloom_hdl::arith::{Addend, ErrorBound, Operand, ParameterError, family};
    use logloom_hdl::rtl::{Builder, Expr};

    /// The hardware of a unit, and a reference that is another one for a single pair of codes, and a single operand and draw.
    #[derive(Debug)]
    struct Faulty {
        unit: Arc<dyn Arithmetic>,
        codes: Option<[u32; 2]>,
        encoded: Option<(i64, u32)>,
    }

    impl Arithmetic for Faulty {
        fn name(&self) -> &'static str {
            self.unit.name()
        }
        fn parameters(&self) -> String {
            self.unit.parameters()
        }
        fn validate(&self) -> Result<(), ParameterError> {
            self.unit.validate()
        }
        fn operand_bits(&self) -> u32 {
            self.unit.operand_bits()
        }
        fn is_symmetric(&self) -> bool {
            self.unit.is_symmetric()
        }
        fn code_bits(&self, side: Side) -> u32 {
            self.unit.code_bits(side)
        }
        fn draw_bits(&self, side: Side) -> u32 {
            self.unit.draw_bits(side)
        }
        fn dropped_bits(&self) -> u32 {
            self.unit.dropped_bits()
        }
        fn latency(&self) -> u32 {
            self.unit.latency()
        }
        fn product_bound(&self) -> i64 {
            self.unit.product_bound()
        }
        fn error_bound(&self) -> ErrorBound {
            self.unit.error_bound()
        }
        fn encode(&self, side: Side, operand: i64, draw: u32) -> u32 {
            let code = self.unit.encode(side, operand, draw);
            let flip = side == Side::Stationary && self.encoded == Some((operand, draw));
            code ^ u32::from(flip)
        }
        fn product(&self, moving: u32, stationary: u32) -> i64 {
            let product = self.unit.product(moving, stationary);
            product + i64::from(self.codes == Some([moving, stationary]))
        }
        fn encode_rtl(&self, m: &mut Builder, side: Side, operand: &Operand, draw: Option<&Expr>) -> Expr {
            self.unit.encode_rtl(m, side, operand, draw)
        }
        fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
            self.unit.product_rtl(m, moving, stationary)
        }
    }

    /// One pair of all that differs is found and named, wherever it is: in the first row or the last, in a lane that the last turn
    /// leaves over, behind pipeline registers or not, in an encoder for one of its draws.
    #[test]
    fn a_single_difference_is_found() {
        if !needs(&[Tool::Verilator, Tool::Make, Tool::Cxx]) {
            return;
        }
        let made = |name: &str, settings: &str| family::find(name).unwrap().parse(settings).unwrap();
        let (exact, ternary) = (made("exact", "operand_bits=4 stages=2"), made("ternary", "operand_bits=5"));
        let faulty = |unit: &Arc<dyn Arithmetic>, codes, encoded| -> Arc<dyn Arithmetic> {
            Arc::new(Faulty { unit: Arc::clone(unit), codes, encoded })
        };
        let cases = [
            (
                faulty(&exact, Some([1, 1]), None),
                "exact (operand_bits=4 form=rows stages=2): codes 0x1 and 0x1 have the product 2, the hardware gives 1",
            ),
            (faulty(&exact, Some([15, 15]), None), "codes 0xf and 0xf have the product 2, the hardware gives 1"),
            (
                faulty(&ternary, Some([31, 20]), None),
                "codes 0x1f and 0x14 have the product -15, the hardware gives -16",
            ),
            (faulty(&ternary, None, Some((-16, 7))), "code of -16 with draw 7: 0x1d, the hardware gives 0x1c"),
            (faulty(&exact, None, None), ""),
        ];
        // One program for all; each is then swept by itself.
        let subjects: Vec<Vec<Subject>> = cases.iter().map(|(unit, _)| Subject::all(unit)).collect();
        let folder = tempfile::tempdir().unwrap();
        let program = build(&subjects.concat(), folder.path()).unwrap();
        let mut index = 0;
        for (subjects, (_, expected)) in subjects.iter().zip(&cases) {
            let mut words = String::new();
            for subject in subjects {
                if let Err(error) = run(&program, index, subject, &|_| ()) {
                    words += &error.to_string();
                }
                index += 1;
            }
            assert!(words.contains(expected) && words.is_empty() == expected.is_empty(), "{words}");
        }
        let fingerprint =
            |unit: &Arc<dyn Arithmetic>| Subject::all(unit).iter().map(Subject::fingerprint).collect::<Vec<_>>();
        assert_ne!(fingerprint(&cases[0].0), fingerprint(&cases[1].0));
        assert_eq!(fingerprint(&cases[4].0), fingerprint(&exact));
    }

    /// `-2^15` is taken as `3 * 2^14`, and its square has 32 bits without a sign.
    #[test]
    fn products_beyond_32_bits_are_compared() {
        if !needs(&[Tool::Verilator, Tool::Make, Tool::Cxx]) {
            return;
        }
        let unit = family::find("drum").unwrap().parse("operand_bits=16 kept_bits=2").unwrap();
        assert_eq!(unit.product_bits(), 33);
        let mut product = Subject::all(&unit).pop().unwrap();
        let least = unit.encode(Side::Moving, -32768, 0);
        (product.rows, product.columns) = (vec![least], vec![0, least]);
        sweep(std::slice::from_ref(&product), &|_| ()).unwrap();
        product.unit = Arc::new(Faulty { unit, codes: Some([least, least]), encoded: None });
        let error = sweep(&[product], &|_| ()).unwrap_err().to_string();
        assert!(error.ends_with("have the product 2415919105, the hardware gives 2415919104"), "{error}");
    }

    #[test]
    fn whole_words_are_renamed() {
        assert_eq!(
            rename("module product (product_i, x_product, product);", "product", 3),
            "module product_3 (product_i, x_product, product_3);"
        );
    }
}
