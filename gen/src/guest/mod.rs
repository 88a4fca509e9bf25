//! Multipliers of the user's own: from a file of Verilog, and what it means, to a unit in the array.
//!
//! Yosys looks at the Verilog. Its products are those of a table, of a C function, or, where nothing is stated, of an exhaustive
//! simulation; what is stated is compared with a simulation: a configuration whose model is another multiplier than its hardware
//! is none.

mod function;
mod inspect;
mod simulate;
mod table;

use std::path::{Path, PathBuf};

use logloom_hdl::arith::ParameterError;
use logloom_hdl::arith::guest::{Guest, Operands, Port, Unit};
use logloom_hdl::rtl::Type;

use crate::files::sha256;
use crate::flow::ToolError;
use crate::flow::cache::Cache;

/// A unit as a configuration describes it. Paths are as the user would open them.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    pub verilog: PathBuf,
    pub module: String,
    pub moving: String,
    pub stationary: String,
    pub product: String,
    pub clock: Option<String>,
    pub latency: u32,
    pub operands: Operands,
    /// U: bits of an operand of the unit.
    pub bits: u32,
    pub meaning: Meaning,
}

/// What the products of a unit are.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// Those that a simulation gives.
    Simulated,
    /// Those of a NumPy array.
    Table(PathBuf),
    /// Those of a function in a file of C.
    Function { file: PathBuf, function: String },
}

impl Meaning {
    /// The key that states it.
    const fn key(&self) -> &'static str {
        match self {
            Meaning::Simulated => "guest.verilog",
            Meaning::Table(_) => "guest.table",
            Meaning::Function { .. } => "guest.c",
        }
    }
}

/// What is wrong with a unit.
#[derive(Debug)]
pub struct Problem {
    /// The key of the configuration to which it belongs.
    pub key: &'static str,
    pub what: String,
    pub remedy: String,
}

impl Problem {
    fn new(key: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Problem { key, what: what.into(), remedy: remedy.into() }
    }

    /// A tool that is missing, or that fails where the user's file is not to blame.
    fn of_tool(key: &'static str, error: &anyhow::Error) -> Self {
        Problem::new(key, format!("{error:#}"), "see `logloom doctor`")
    }
}

impl From<ToolError> for Problem {
    fn from(error: ToolError) -> Self {
        Problem::of_tool("guest.verilog", &error.into())
    }
}

/// A unit whose Verilog was looked at.
#[derive(Clone, Debug)]
pub struct Inspected {
    description: Description,
    unit: Unit,
}

impl Inspected {
    /// Reads the Verilog, and has Yosys look at it unless it has done so before.
    ///
    /// # Errors
    /// The file cannot be read, or the module is not what the description says.
    pub fn new(description: Description, cache: &Cache) -> Result<Self, Problem> {
        let text = text("guest.verilog", &description.verilog)?;
        let found = inspect::inspect(&description, &text, cache)?;
        let Description { module, clock, latency, operands, bits, .. } = description.clone();
        let port = |name: &str, width, signed| Port { name: name.to_owned(), ty: Type { width, signed } };
        let [moving, stationary, product] = found.signed;
        let unit = Unit {
            module,
            verilog: text.into(),
            modules: found.modules,
            moving: port(&description.moving, bits, moving),
            stationary: port(&description.stationary, bits, stationary),
            product: port(&description.product, found.product_bits, product),
            clock,
            latency,
            operands,
        };
        Ok(Inspected { description, unit })
    }

    /// Every module that the file defines.
    pub fn modules(&self) -> &[String] {
        &self.unit.modules
    }

    /// The key of the configuration that states the products.
    pub fn key_of_products(&self) -> &'static str {
        self.description.meaning.key()
    }

    /// Whether the unit suits operands of W bits.
    ///
    /// # Errors
    /// It does not.
    pub fn takes(&self, operand_bits: u32) -> Result<(), Problem> {
        let takes = self.unit.takes(operand_bits);
        takes.map_err(|ParameterError { problem, remedy, .. }| Problem::new("formats.activation", problem, remedy))
    }

    /// What tells the hardware from any other.
    fn identity(&self) -> String {
        let Unit { module, verilog, moving, stationary, product, clock, latency, operands, .. } = &self.unit;
        sha256(
            format!("{module:?} {moving:?} {stationary:?} {product:?} {clock:?} {latency} {operands}\n{verilog}")
                .as_bytes(),
        )
    }

    /// The products of all pairs of bit patterns, `moving << U | stationary`, by what is stated; simulated where nothing is.
    ///
    /// # Errors
    /// They cannot be had, do not fit the product port, or are not those of the Verilog.
    pub fn products(&self, cache: &Cache) -> Result<Vec<i64>, Problem> {
        let (bits, operands) = (self.unit.bits(), self.unit.operands);
        let width = self.unit.product.ty.width;
        let products = match &self.description.meaning {
            Meaning::Simulated if bits > simulate::EXHAUSTIVE_BITS => {
                let what = format!(
                    "nothing states what the unit computes, and pairs of operands of more than {} bits are too many to simulate each",
                    simulate::EXHAUSTIVE_BITS
                );
                return Err(Problem::new("guest.operand_bits", what, "state it by guest.table or guest.c"));
            }
            Meaning::Simulated => return simulate::products(self, cache),
            Meaning::Table(path) => table::read(path, bits)?,
            Meaning::Function { file, function } => {
                let mut products = function::call(file, function, bits, operands)?;
                // A function that gives bits gives those of a negative product without its sign.
                if operands == Operands::Signed {
                    for product in &mut products {
                        *product -= i64::from(*product >> (width - 1) == 1) << width;
                    }
                }
                products
            }
        };
        let range = match operands {
            Operands::Signed => -(1 << (width - 1))..1 << (width - 1),
            Operands::Unsigned => 0..1 << width,
        };
        if let Some(index) = products.iter().position(|product| !range.contains(product)) {
            let [a, b] = self.pair(index);
            let what = format!(
                "{a} * {b} is {}, which does not fit the {width} {operands} bits of port {}",
                products[index], self.unit.product.name
            );
            return Err(Problem::new(self.key_of_products(), what, "correct what is stated, or widen the port"));
        }
        self.compare(&products, cache)?;
        Ok(products)
    }

    /// Compares what is stated with a simulation of the Verilog, unless that is done: of every pair, or of operands of more than 10
    /// bits, of those beside powers of two and of random ones.
    fn compare(&self, stated: &[i64], cache: &Cache) -> Result<(), Problem> {
        let simulated = simulate::products(self, cache)?;
        let pairs = simulate::pairs(self.unit.bits());
        let differing = || pairs.iter().zip(&simulated).filter(|&(&pair, found)| stated[pair as usize] != *found);
        let Some((&pair, found)) = differing().next() else { return Ok(()) };
        let [a, b] = self.pair(pair as usize);
        let what = format!(
            "{a} * {b} is {} as stated, and the Verilog in {} gives {found} ({} of {} pairs differ)",
            stated[pair as usize],
            self.description.verilog.display(),
            differing().count(),
            pairs.len()
        );
        let bits = self.unit.bits();
        let mask = (1u32 << bits) - 1;
        let exchanged = |pair: u32| ((pair & mask) << bits | pair >> bits) as usize;
        let remedy = if self.unit.verilog.starts_with("// Generated by rust_hdl") {
            // It prints the cast of an expression without the width that the expression has.
            "in the block, give what is cast a signal of its own: `self.sum.next = a + b`, then `bit_cast::<8, 4>(self.sum.val())`"
                .to_string()
        } else if pairs.iter().zip(&simulated).all(|(&pair, found)| stated[exchanged(pair)] == *found) {
            let (a, b) = (&self.unit.moving.name, &self.unit.stationary.name);
            format!("they agree with the operands the other way round: choose a = \"{b}\", b = \"{a}\"")
        } else {
            "correct the one that is wrong".to_string()
        };
        Err(Problem::new(self.key_of_products(), what, remedy))
    }

    /// The unit in the array, for operands of W bits.
    pub fn guest(&self, operand_bits: u32, products: &[i64]) -> Guest {
        let bytes: Vec<u8> = products.iter().flat_map(|product| (*product as i32).to_le_bytes()).collect();
        let digest = sha256(format!("{}{}", self.identity(), sha256(&bytes)).as_bytes());
        Guest::new(self.unit.clone(), operand_bits, products, digest[..16].to_owned())
    }

    /// The operands at a place of the products.
    fn pair(&self, index: usize) -> [i64; 2] {
        let bits = self.unit.bits();
        let mask = (1u32 << bits) - 1;
        [index as u32 >> bits, index as u32 & mask].map(|pattern| self.unit.operands.value(pattern, bits))
    }
}

/// Room for any multiplier.
const LARGEST_FILE: u64 = 1 << 22;

/// A file of the user's, for this key.
fn text(key: &'static str, path: &Path) -> Result<String, Problem> {
    let problem = |what: String| Problem::new(key, format!("{}: {what}", path.display()), "name a file of text");
    match std::fs::metadata(path) {
        Ok(file) if !file.is_file() => return Err(problem("is no file".into())),
        Ok(file) if file.len() > LARGEST_FILE => return Err(problem("is larger than 4 MiB".into())),
        _ => {}
    }
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => problem("is not in UTF-8".into()),
        _ => problem(format!("cannot be read: {error}")),
    })?;
    // Some editors begin a file with a mark of its bytes' order.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
