//! Product hardware against its reference under Verilator: every pair of codes, and so, with the encoders checked over every
//! operand, every pair of operands.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use logloom_hdl::arith::{Arithmetic, Coded, Side, encoder, product};
use logloom_hdl::rtl::verilog;
use logloom_sim::netlist::Simulator;
use serde::Serialize;

use crate::flow::{Invocation, Tool};

/// A sweep that found no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Codes on each side; their product is the number of pairs.
    pub moving_codes: u64,
    pub stationary_codes: u64,
}

/// Every code that an operand can have on a side, whatever is drawn; ascending.
pub fn codes(family: &dyn Arithmetic, side: Side) -> Vec<u32> {
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
        // A code rises with the draw from one value to its neighbour: the extremes give both.
        let most = (1 << coded.draw_bits(family)) - 1;
        for draw in [0, most] {
            codes.extend((-half..half).map(|x| coded.encode(family, x, draw)));
        }
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Sweeps the products of all units in one simulation. `observe` is told the part of the pairs that is done.
///
/// # Errors
/// A tool is missing or fails; or hardware and reference differ, with unit, codes and both products.
pub fn sweep(units: &[Arc<dyn Arithmetic>], observe: &mut dyn FnMut(f64)) -> Result<Vec<Swept>> {
    let folder = tempfile::Builder::new().prefix("logloom-sweep-").tempdir()?;
    let program = build(units, folder.path())?;
    let all: Vec<[Vec<u32>; 2]> =
        units.iter().map(|unit| [Side::Moving, Side::Stationary].map(|side| codes(unit.as_ref(), side))).collect();
    let pairs = |codes: &[Vec<u32>; 2]| codes[0].len() as u64 * codes[1].len() as u64;
    let total: u64 = all.iter().map(pairs).sum();
    let mut done = 0;

    let mut child = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| program.display().to_string())?;
    let mut input = BufWriter::new(child.stdin.take().context("the sweep has a standard input")?);
    let mut output = BufReader::with_capacity(1 << 20, child.stdout.take().context("the sweep has a standard output")?);
    let wide = output_bits(units) == 64;
    for (unit, codes) in units.iter().zip(&all) {
        let unit = unit.as_ref();
        let [moving, stationary] = codes;
        let words = [moving.len() as u32, stationary.len() as u32];
        for word in words.iter().chain(moving).chain(stationary) {
            input.write_all(&word.to_le_bytes())?;
        }
        input.flush()?;
        let mut bytes = vec![0; stationary.len() * if wide { 8 } else { 4 }];
        let mut expected = vec![0; stationary.len()];
        for &code in moving {
            expected.fill(0);
            unit.accumulate(&[code], stationary, stationary.len(), &mut expected);
            output.read_exact(&mut bytes).context("the simulation of the products ended early")?;
            let found = |index: usize| match wide {
                true => i64::from_le_bytes(bytes[8 * index..][..8].try_into().expect("eight bytes")),
                false => i32::from_le_bytes(bytes[4 * index..][..4].try_into().expect("four bytes")).into(),
            };
            if let Some(index) = (0..expected.len()).find(|&index| found(index) != expected[index]) {
                bail!(
                    "{} ({}): codes {code:#x} and {:#x} have the product {}, the hardware gives {}",
                    unit.name(),
                    unit.parameters(),
                    stationary[index],
                    expected[index],
                    found(index)
                );
            }
            done += stationary.len() as u64;
            observe(done as f64 / total as f64);
        }
    }
    drop(input);
    let status = child.wait()?;
    ensure!(status.success(), "the simulation of the products ended with {status}");
    Ok(all.iter().map(|[m, s]| Swept { moving_codes: m.len() as u64, stationary_codes: s.len() as u64 }).collect())
}

/// Checks the encoders of a unit in the built-in simulation: every operand, with draws from one end to the other.
///
/// # Errors
/// Hardware and reference differ.
pub fn encoders(family: &dyn Arithmetic) -> Result<()> {
    let half = 1i64 << (family.operand_bits() - 1);
    for coded in Coded::all(family) {
        let mut sim = Simulator::new(&encoder(family, coded)?)?;
        let (operand_i, code_o) = (sim.input("operand_i")?, sim.output("code_o")?);
        let draw_i = sim.input("draw_i").ok();
        let most = (1u32 << coded.draw_bits(family)) - 1;
        for draw in (0..=most).step_by((most / 16).max(1) as usize) {
            draw_i.inspect(|&port| sim.set(port, draw.into()));
            for operand in -half..half {
                sim.set(operand_i, operand as u64);
                let (found, expected) = (sim.get(code_o), coded.encode(family, operand, draw));
                ensure!(
                    found == u64::from(expected),
                    "{} ({}): {coded:?} code of {operand} with draw {draw}: {expected:#x}, the hardware gives {found:#x}",
                    family.name(),
                    family.parameters()
                );
            }
        }
    }
    Ok(())
}

fn output_bits(units: &[Arc<dyn Arithmetic>]) -> u32 {
    if units.iter().any(|unit| unit.product_bits() > 32) { 64 } else { 32 }
}

/// The Verilated products of all units.
fn build(units: &[Arc<dyn Arithmetic>], folder: &Path) -> Result<std::path::PathBuf> {
    let mut sources = String::new();
    let mut ports = vec!["  input wire clk_i".to_owned(), "  input wire rst_ni".to_owned()];
    let mut instances = String::new();
    for (index, unit) in units.iter().enumerate() {
        let top = product(unit.as_ref())?;
        for module in top.hierarchy()? {
            // Units have modules of the same names.
            let text = verilog::print(&module, "");
            let renamed = top.hierarchy()?.iter().fold(text, |text, other| rename(&text, &other.name, index));
            sources += &renamed;
        }
        let (moving, stationary) = (unit.code_bits(Side::Moving), unit.code_bits(Side::Stationary));
        let range = |bits: u32| if bits == 1 { String::new() } else { format!(" [{}:0]", bits - 1) };
        ports.push(format!("  input wire{} moving{index}_i", range(moving)));
        ports.push(format!("  input wire{} stationary{index}_i", range(stationary)));
        ports.push(format!("  output wire{} product{index}_o", range(unit.product_bits())));
        let clock = if unit.latency() > 0 { ".clk_i(clk_i), .rst_ni(rst_ni), " } else { "" };
        instances += &format!(
            "  product_{index} unit{index} ({clock}.moving_i(moving{index}_i), .stationary_i(stationary{index}_i), \
             .product_o(product{index}_o));\n"
        );
    }
    sources += &format!("module units (\n{}\n);\n{instances}endmodule\n", ports.join(",\n"));
    std::fs::write(folder.join("units.v"), sources)?;

    #[derive(Serialize)]
    struct Unit {
        latency: u32,
        product_bits: u32,
    }
    let all: Vec<Unit> =
        units.iter().map(|unit| Unit { latency: unit.latency(), product_bits: unit.product_bits() }).collect();
    let mut context = tera::Context::new();
    context.insert("units", &all);
    context.insert("output_bits", &output_bits(units));
    let harness = tera::Tera::one_off(include_str!("templates/sweep.cpp.tera"), &context, false)?;
    std::fs::write(folder.join("sweep.cpp"), harness)?;
    Invocation::new(Tool::Verilator)?
        .args([
            "--cc",
            "--exe",
            "--build",
            "-j",
            "0",
            "-O3",
            "--x-assign",
            "0",
            "--x-initial",
            "0",
            "-Wno-fatal",
            "-Wno-lint",
        ])
        .args(["-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include", "-CFLAGS", "-O2"])
        .args(["--top-module", "units", "-o", "sweep", "units.v", "sweep.cpp"])
        .folder(folder)
        .run()?;
    Ok(folder.join("obj_dir/sweep"))
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

    #[test]
    fn whole_words_are_renamed() {
        assert_eq!(
            rename("module product (product_i, x_product, product);", "product", 3),
            "module product_3 (product_i, x_product, product_3);"
        );
    }
}
