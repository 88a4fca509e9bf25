//! Hands a multiplier written in rust_hdl 0.46 over to Logloom, which makes it the product of its processing elements.
//!
//! The block has two operands, a product, and, where there are registers between them, a clock. In `main`, one line:
//!
//! ```no_run
//! # use rust_hdl::prelude::*;
//! # #[derive(LogicBlock, Default)]
//! # struct Exact { a: Signal<In, Bits<4>>, b: Signal<In, Bits<4>>, product: Signal<Out, Bits<8>> }
//! # impl Logic for Exact {
//! #     #[hdl_gen]
//! #     fn update(&mut self) { self.product.next = bit_cast::<8, 4>(self.a.val()); }
//! # }
//! fn main() -> std::process::ExitCode {
//!     logloom_guest::hand_over!(Exact, a, b, product)
//! }
//! ```
//!
//! or `hand_over!(Exact, a, b, product, clock, latency = 2)`. The program then writes to the folder that is its argument the
//! Verilog that rust_hdl generates, a table of what rust_hdl's own simulation says of every pair of operands, and prints the
//! settings of a configuration with both.

mod table;
mod unit;
mod verilog;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use rust_hdl_core::prelude::Block;

pub use unit::{Input, Number, Ports};

/// `hand_over!(Block, a, b, product)` or `hand_over!(Block, a, b, product, clock, latency = 1)`: see the crate.
#[macro_export]
macro_rules! hand_over {
    ($block:ty, $a:ident, $b:ident, $product:ident) => {
        $crate::hand_over!(@ $block, $a, $b, $product, None, 0)
    };
    ($block:ty, $a:ident, $b:ident, $product:ident, $clock:ident, latency = $latency:expr) => {
        $crate::hand_over!(
            @ $block, $a, $b, $product,
            Some((stringify!($clock), |unit: &mut $block| &mut unit.$clock)), $latency
        )
    };
    (@ $block:ty, $a:ident, $b:ident, $product:ident, $clock:expr, $latency:expr) => {
        $crate::main(
            stringify!($block),
            <$block>::default,
            $crate::Ports {
                a: (stringify!($a), |unit: &mut $block| &mut unit.$a),
                b: (stringify!($b), |unit: &mut $block| &mut unit.$b),
                product: (stringify!($product), |unit: &$block| unit.$product.val()),
                clock: $clock,
                latency: $latency,
            },
        )
    };
}

/// The `main` of a program that hands over: [`hand_over!`] calls it. Ends with 2 where it cannot.
pub fn main<U: Block, A: Number, B: Number, P: Number>(
    block: &str,
    make: fn() -> U,
    ports: Ports<U, A, B, P>,
) -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (folder, more) = (arguments.next(), arguments.next());
    let done = match (folder, more) {
        (Some(folder), None) => write(block, make, ports, Path::new(&folder)),
        _ => Err(anyhow::anyhow!("one argument is needed: the folder to write to")),
    };
    match done {
        Ok(settings) => {
            print!("{settings}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Writes Verilog and table of a block, and gives the settings of a configuration with both.
///
/// # Errors
/// The block is at fault, or a file cannot be written.
pub fn write<U: Block, A: Number, B: Number, P: Number>(
    block: &str,
    make: fn() -> U,
    ports: Ports<U, A, B, P>,
    folder: &Path,
) -> Result<String> {
    // `path::Type<4>` is `type_4`.
    let module = snake_case(block.rsplit("::").next().unwrap_or(block));
    let path = |extension: &str| -> PathBuf { folder.join(format!("{module}.{extension}")) };
    let names = [ports.a.0, ports.b.0, ports.product.0];
    let clock = ports.clock.map(|(name, _)| name);
    let latency = ports.latency;
    let (verilog, table) = unit::quietly(|| {
        let mut unit = unit::Unit::new(make(), ports)?;
        Ok((verilog::of(&unit.block, &module)?, table::of(&mut unit)?))
    })
    .with_context(|| format!("block {block}"))?;

    check_ours(&path("v"), &path("npy"))?;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let keep = |path: PathBuf, bytes: &[u8]| std::fs::write(&path, bytes).with_context(|| path.display().to_string());
    keep(path("v"), verilog.as_bytes())?;
    keep(path("npy"), &table.npy()?)?;
    let [a, b, product] = names;
    let operands = if table.is_signed { "signed" } else { "unsigned" };
    let mut settings = format!(
        "[arithmetic]\nfamily = \"guest\"\n\n[guest]\nverilog = {:?}\nmodule = {module:?}\na = {a:?}\nb = {b:?}\n\
         product = {product:?}\noperands = {operands:?}\noperand_bits = {}\ntable = {:?}\n",
        path("v"),
        table.operand_bits,
        path("npy"),
    );
    if let Some(clock) = clock {
        settings += &format!("clock = {clock:?}\nlatency = {latency}\n");
    }
    Ok(settings)
}

/// Files that are there already were written by an earlier call.
fn check_ours(verilog: &Path, table: &Path) -> Result<()> {
    let foreign = match std::fs::read(verilog) {
        Ok(bytes) => (!bytes.starts_with(verilog::FIRST_LINE.as_bytes())).then_some(verilog),
        Err(_) => table.exists().then_some(table),
    };
    match foreign {
        Some(path) => bail!("{}: this file is not from here and stays; name another folder", path.display()),
        None => Ok(()),
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase()
            && snake.chars().next_back().is_some_and(|last| last.is_ascii_lowercase() || last.is_ascii_digit())
        {
            snake.push('_');
        }
        match c.is_ascii_alphanumeric() {
            true => snake.push(c.to_ascii_lowercase()),
            false if !snake.ends_with('_') => snake.push('_'),
            false => {}
        }
    }
    snake.trim_end_matches('_').to_owned()
}
