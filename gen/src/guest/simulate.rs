//! Products as Verilator simulates them, in two orders and from two states of whatever is not driven or reset: of every pair, or of
//! a sample where there are many.

use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::ProgressBar;
use logloom_hdl::arith::guest::Unit;

use super::inspect::REMEDY_OF_STATE;
use super::{Inspected, Problem};
use crate::flow::cache::Cache;
use crate::flow::doctor::version;
use crate::flow::{Invocation, Tool, ToolError, verilator, yosys};

/// To be raised whenever other products are found of the same unit.
const METHOD: u32 = 4;

/// Widest operands of which every pair is simulated.
pub(super) const EXHAUSTIVE_BITS: u32 = 10;

/// How many pairs of wider operands are simulated. A power of two, as the program's second order needs.
const SAMPLE: usize = 1 << 17;

/// All pairs of operands of 10 bits take a second or two.
const LIMIT: Duration = Duration::from_secs(300);

const PROGRAM: &str = include_str!("templates/tabulate.cpp");

/// The places in a table of the pairs that are simulated: all, or each pair of the corners, which are the numbers next to a power of
/// two, next to its negative, and 0, and random pairs.
pub(super) fn pairs(bits: u32) -> Vec<u32> {
    if bits <= EXHAUSTIVE_BITS {
        return (0..1 << (2 * bits)).collect();
    }
    let powers = (0..=bits).map(|bit| 1i64 << bit);
    let beside = powers.flat_map(|power| [-power - 1, -power, 1 - power, power - 1, power, power + 1]);
    let mask = (1i64 << bits) - 1;
    let corners: BTreeSet<u32> = beside.map(|number| (number & mask) as u32).collect();
    let mut pairs: Vec<u32> = corners.iter().flat_map(|a| corners.iter().map(move |b| a << bits | b)).collect();
    let mut random = fastrand::Rng::with_seed(0);
    pairs.resize_with(SAMPLE, || random.u32(0..1 << (2 * bits)));
    pairs
}

/// Products of [`pairs`], unless the cache has them.
pub(super) fn products(of: &Inspected, cache: &Cache) -> Result<Vec<i64>, Problem> {
    let key = (METHOD, version(Tool::Verilator)?, version(Tool::Yosys)?, of.identity());
    let mut problem = None;
    let found = cache.get("guest-products", &key, || {
        // On a terminal alone: a dozen seconds, or minutes for a unit that is one large table.
        let spinner = ProgressBar::new_spinner();
        spinner.set_message(format!("{}: simulated as written and after synthesis, once", of.unit.module));
        spinner.enable_steady_tick(Duration::from_millis(100));
        let simulated = simulate(of);
        spinner.finish_and_clear();
        simulated.map_err(|found| {
            problem = Some(found);
            anyhow::anyhow!("refused")
        })
    });
    found.map_err(|error| problem.unwrap_or_else(|| Problem::of_tool("guest.verilog", &error)))
}

/// As Verilator reads the Verilog, which has to be as Yosys does: directives for synthesis, races and what is not defined make them
/// differ.
fn simulate(of: &Inspected) -> Result<Vec<i64>, Problem> {
    let unit = &of.unit;
    let pairs = pairs(unit.bits());
    let written = tabulate(of, &unit.verilog, &pairs, refused)?;
    for gates in synthesised(unit)? {
        // What is wrong with these is nothing that the user wrote.
        let synthesised = tabulate(of, &gates, &pairs, |_, error| error.into())?;
        let differing = || pairs.iter().zip(written.iter().zip(&synthesised)).filter(|(_, (a, b))| a != b);
        let Some((&pair, (written, synthesised))) = differing().next() else { continue };
        let [a, b] = of.pair(pair as usize);
        let what = format!(
            "{}: {a} * {b} is {written} as Verilator reads it, and {synthesised} after synthesis by Yosys ({} of {} pairs differ)",
            of.description.verilog.display(),
            differing().count(),
            pairs.len()
        );
        let remedy = "write what is the same in both: no directives for synthesis, no quotient by what may be 0, no memory \
                      without contents, registers by `<=`";
        return Err(Problem::new("guest.verilog", what, remedy));
    }
    Ok(written)
}

/// Gates of the unit, with what it leaves undefined as 0; and as 1, where that makes other gates: synthesis for a board may choose
/// either, bit by bit.
fn synthesised(unit: &Unit) -> Result<Vec<String>, Problem> {
    let folder = yosys::scratch()?;
    let failed = |error: std::io::Error| Problem::of_tool("guest.verilog", &error.into());
    std::fs::write(folder.path().join("guest.v"), &*unit.verilog).map_err(failed)?;
    let module = &unit.module;
    let mut script =
        format!("read_verilog guest.v; hierarchy -check -top {module}; proc; flatten; memory; design -save read;");
    let choices = ["zero", "one"];
    for undefined in choices {
        script += &format!(
            " design -load read; setundef -undriven -{undefined}; synth -noabc -top {module}; abc -g AND,XOR; clean; \
             write_verilog -noattr {undefined}.v;"
        );
    }
    yosys::run(folder.path(), &script)?;
    let mut gates = Vec::new();
    for undefined in choices {
        gates.push(std::fs::read_to_string(folder.path().join(format!("{undefined}.v"))).map_err(failed)?);
    }
    gates.dedup();
    Ok(gates)
}

/// What Verilator says of the user's file, with the place in it.
fn refused(of: &Inspected, error: ToolError) -> Problem {
    let ToolError::Failed { tail, .. } = &error else { return error.into() };
    let said = tail.lines().find_map(|line| line.strip_prefix("%Error")?.split_once("tabulate.sv:"));
    let Some((line, words)) = said.and_then(|(_, said)| said.split_once(':')) else { return error.into() };
    let words = words.split_once(": ").map_or(words, |(_, words)| words);
    let what = format!("{}:{line}: {words}", of.description.verilog.display());
    Problem::new("guest.verilog", what, "give plain Verilog that Verilator reads")
}

/// The products of these pairs as the Verilog gives them; `refused` says what is wrong with it where Verilator does not take it.
fn tabulate(
    of: &Inspected,
    verilog: &str,
    pairs: &[u32],
    refused: fn(&Inspected, ToolError) -> Problem,
) -> Result<Vec<i64>, Problem> {
    let unit = &of.unit;
    let failed = |error: std::io::Error| Problem::of_tool("guest.verilog", &error.into());
    let folder = yosys::scratch()?;
    std::fs::write(folder.path().join("tabulate.sv"), wrapper(unit, verilog)).map_err(failed)?;
    std::fs::write(folder.path().join("tabulate.cpp"), PROGRAM).map_err(failed)?;
    let listed: Vec<u8> = pairs.iter().flat_map(|pair| pair.to_le_bytes()).collect();
    std::fs::write(folder.path().join("pairs"), listed).map_err(failed)?;
    let program = verilator::compile(folder.path(), "tabulate", &["--x-assign", "unique", "--x-initial", "unique"])
        .map_err(|error| refused(of, error))?;
    let written = folder.path().join("products");
    let ended = Invocation::of(Tool::Verilator, &program)
        .arg(folder.path().join("pairs"))
        .args([unit.bits().to_string(), unit.latency.to_string()])
        .arg(&written)
        .limit(LIMIT)
        .finish();
    let finished = match ended.and_then(|finished| finished.success()) {
        Ok(finished) => finished,
        Err(error @ (ToolError::Failed { .. } | ToolError::TimedOut { .. })) => {
            let what = format!("the simulation does not come to an end: {error}");
            return Err(Problem::new("guest.verilog", what, "give a unit that settles for every pair of operands"));
        }
        Err(error) => return Err(error.into()),
    };
    let written = std::fs::read_to_string(written).map_err(failed)?;
    let value = |text: &str| -> Option<i64> {
        Some(unit.operands.value(u32::from_str_radix(text, 16).ok()?, unit.product.ty.width))
    };
    let operand = |text: &str| Some(unit.operands.value(u32::from_str_radix(text, 16).ok()?, unit.bits()));
    if let Some(line) = written.strip_prefix("differs ") {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [a, b] = [0, 1].map(|index| words.get(index).copied().and_then(operand).unwrap_or_default());
        let [first, second] = [2, 3].map(|index| words.get(index).copied().and_then(value).unwrap_or_default());
        let what = format!("{a} * {b} is {first} at one time and {second} at another");
        let remedy = match unit.latency {
            0 => "drive every bit by the operands alone",
            _ => REMEDY_OF_STATE,
        };
        return Err(Problem::new("guest.verilog", what, remedy));
    }
    let products: Option<Vec<i64>> = written.lines().map(value).collect();
    let whole = products.filter(|products| products.len() == pairs.len());
    whole.ok_or_else(|| finished.unreadable("it did not tabulate every pair").into())
}

/// The unit with ports of known names.
fn wrapper(unit: &Unit, verilog: &str) -> String {
    let Unit { module, moving, stationary, product, clock, .. } = unit;
    let (operand, width) = (moving.ty.width - 1, product.ty.width - 1);
    let clock = clock.iter().map(|clock| format!(".{clock}(clk_i), ")).collect::<String>();
    let [a, b, p] = [moving, stationary, product].map(|port| &port.name);
    format!(
        "{verilog}\n`default_nettype wire\nmodule tabulate (\n    input clk_i,\n    input [{operand}:0] moving_i,\n    \
         input [{operand}:0] stationary_i,\n    output [{width}:0] product_o\n);\n  \
         {module} u_guest ({clock}.{a}(moving_i), .{b}(stationary_i), .{p}(product_o));\nendmodule\n"
    )
}
