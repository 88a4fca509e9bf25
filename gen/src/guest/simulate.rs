//! Products as Verilator simulates them: every pair, in two orders and from two states of whatever is not driven or reset.

use std::time::Duration;

use logloom_hdl::arith::guest::Unit;

use super::{Inspected, Problem};
use crate::flow::cache::Cache;
use crate::flow::doctor::version;
use crate::flow::{Invocation, Tool, ToolError, verilator, yosys};

/// To be raised whenever other products are found of the same unit.
const METHOD: u32 = 1;

/// All pairs of operands of 10 bits take a second or two.
const LIMIT: Duration = Duration::from_secs(300);

const PROGRAM: &str = include_str!("templates/tabulate.cpp");

/// Products by bit patterns, unless the cache has them.
pub(super) fn products(of: &Inspected, cache: &Cache) -> Result<Vec<i64>, Problem> {
    let key = (METHOD, version(Tool::Verilator)?, of.identity());
    let mut problem = None;
    let found = cache.get("guest-products", &key, || {
        simulate(&of.unit).map_err(|found| {
            problem = Some(found);
            anyhow::anyhow!("refused")
        })
    });
    found.map_err(|error| problem.unwrap_or_else(|| Problem::of_tool("guest.verilog", &error)))
}

fn simulate(unit: &Unit) -> Result<Vec<i64>, Problem> {
    let failed = |error: std::io::Error| Problem::of_tool("guest.verilog", &error.into());
    let folder = yosys::scratch()?;
    std::fs::write(folder.path().join("tabulate.sv"), wrapper(unit)).map_err(failed)?;
    std::fs::write(folder.path().join("tabulate.cpp"), PROGRAM).map_err(failed)?;
    let program = verilator::compile(folder.path(), "tabulate", &["--x-assign", "unique", "--x-initial", "unique"])?;
    let ended = Invocation::of(Tool::Verilator, &program)
        .args([unit.bits().to_string(), unit.latency.to_string()])
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
    let value = |text: &str| -> Option<i64> {
        Some(unit.operands.value(u32::from_str_radix(text, 16).ok()?, unit.product.ty.width))
    };
    let operand = |text: &str| Some(unit.operands.value(u32::from_str_radix(text, 16).ok()?, unit.bits()));
    if let Some(line) = finished.stdout.strip_prefix("differs ") {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [a, b] = [0, 1].map(|index| words.get(index).copied().and_then(operand).unwrap_or_default());
        let [first, second] = [2, 3].map(|index| words.get(index).copied().and_then(value).unwrap_or_default());
        let what = format!("{a} * {b} is {first} at one time and {second} at another");
        let remedy = match unit.latency {
            0 => "drive every bit by the operands alone",
            _ => "have a product depend on the operands guest.latency cycles before it, and on nothing else",
        };
        return Err(Problem::new("guest.verilog", what, remedy));
    }
    let products: Option<Vec<i64>> = finished.stdout.lines().map(value).collect();
    let whole = products.filter(|products| products.len() == 1 << (2 * unit.bits()));
    whole.ok_or_else(|| finished.unreadable("it did not tabulate every pair").into())
}

/// The unit with ports of known names.
fn wrapper(unit: &Unit) -> String {
    let Unit { module, verilog, moving, stationary, product, clock, .. } = unit;
    let (operand, width) = (moving.ty.width - 1, product.ty.width - 1);
    let clock = clock.iter().map(|clock| format!(".{clock}(clk_i), ")).collect::<String>();
    let [a, b, p] = [moving, stationary, product].map(|port| &port.name);
    format!(
        "{verilog}\n`default_nettype wire\nmodule tabulate (\n    input clk_i,\n    input [{operand}:0] moving_i,\n    \
         input [{operand}:0] stationary_i,\n    output [{width}:0] product_o\n);\n  \
         {module} u_guest ({clock}.{a}(moving_i), .{b}(stationary_i), .{p}(product_o));\nendmodule\n"
    )
}
