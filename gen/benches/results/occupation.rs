//! How much of the time the array multiplies.

use std::fmt::Write as _;

use anyhow::Result;
use logloom::compile::cycles;
use logloom_hdl::control::isa::{Gemm, Instruction};
use logloom_hdl::design::Design;

pub fn write(page: &mut String, design: &Design) -> Result<()> {
    writeln!(
        page,
        "\n## Occupation of the array\n\nCycles of one GEMM on the {} x {} array, and the part of them in which a moving vector enters \
         it. The prediction is exact (tested against the simulation); what is not busy is one tile load, the pipeline, and the fetch.\n\n\
         | m x k x n | cycles | busy |\n|---|---|---|",
        design.rows, design.columns
    )?;
    for (m, k, n) in [(8, 8, 8), (16, 64, 32), (64, 16, 32), (64, 64, 64), (128, 128, 128)] {
        let gemm = Gemm { m, k, n, block: m.min(design.accumulator_depth as u16), ..Gemm::default() };
        let (all, busy) = (cycles::cycles(&Instruction::Gemm(gemm), design), cycles::busy_cycles(&gemm, design));
        writeln!(page, "| {m} x {k} x {n} | {all} | {:.1} % |", 100.0 * busy as f64 / all as f64)?;
    }
    Ok(())
}
