//! Area and speed of processing elements.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context, Result};
use logloom::config::Configuration;
use logloom::flow::cache::Cache;
use logloom::flow::{Fabric, measure};
use logloom_hdl::arith::ternary::Ternary;
use logloom_hdl::arith::{Arithmetic, Exact, Form, MAX_STAGES, Mitchell, Pow2, Rounded, mitchell};
use logloom_hdl::array::pe::pe;
use logloom_hdl::design::{Interconnect, Subtraction};

use super::{about, spread};

/// Seeds of the placer.
const PLACEMENTS: [u32; 5] = [1, 2, 3, 4, 5];

/// A processing element of the table: what it is, its products, the width of its sums.
struct Element {
    name: &'static str,
    arithmetic: fn(u32) -> Arc<dyn Arithmetic>,
    sum_bits: u32,
}

/// In one frame: operand, stationary and shadow register, product, adder to the partial sum.
const ELEMENTS: [Element; 10] = [
    Element {
        name: "log, 16-bit range, f = 4, 16 product bits dropped (`digits`)",
        arithmetic: |s| log(4, 16, s),
        sum_bits: 20,
    },
    Element { name: "log, 16-bit range, f = 3, 16 dropped", arithmetic: |s| log(3, 16, s), sum_bits: 20 },
    Element { name: "log, 16-bit range, f = 4, 8 dropped", arithmetic: |s| log(4, 8, s), sum_bits: 28 },
    Element { name: "log, 16-bit range, full fraction", arithmetic: |s| log(15, 0, s), sum_bits: 40 },
    Element { name: "int8 x power of two", arithmetic: pow2, sum_bits: 24 },
    Element { name: "int8 x ternary", arithmetic: ternary, sum_bits: 20 },
    Element { name: "exact 16 x 16, conditional-add rows", arithmetic: |s| exact(16, Form::Rows, s), sum_bits: 40 },
    Element { name: "exact 16 x 16, `*`", arithmetic: |s| exact(16, Form::Star, s), sum_bits: 40 },
    Element { name: "exact 8 x 8, conditional-add rows", arithmetic: |s| exact(8, Form::Rows, s), sum_bits: 24 },
    Element { name: "exact 8 x 8, `*`", arithmetic: |s| exact(8, Form::Star, s), sum_bits: 24 },
];

fn log(fraction_bits: u32, dropped_bits: u32, stages: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Mitchell { operand_bits: 16, fraction_bits, dropped_bits, rounding: mitchell::Rounding::Nearest, stages })
}

fn pow2(stages: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Pow2 { operand_bits: 8, rounded: Rounded::Stationary, exponents: 8, stochastic: false, stages })
}

fn ternary(stages: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Ternary { operand_bits: 8, binary: false, stochastic: true, powers: false, stages })
}

fn exact(operand_bits: u32, form: Form, stages: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Exact { operand_bits, form, stages })
}

pub fn write(page: &mut String, digits: &Configuration, cache: &Cache) -> Result<()> {
    let element_with = |element: &Element, stages| {
        pe((element.arithmetic)(stages).as_ref(), element.sum_bits, Interconnect::Systolic, Subtraction::Complement)
    };
    let cells = |element, stages| measure::cells(&element_with(element, stages)?, Fabric::Ice40, cache);
    writeln!(
        page,
        "\n## A processing element\n\n\
         Weight-stationary, with operand, stationary and shadow register, product and adder to the partial sum; Yosys 0.70, iCE40, \
         `synth_ice40 -abc9` with `abc9.D 90000`. Each with the number of pipeline stages (0 to {MAX_STAGES}) that needs the fewest LUTs; placed \
         and routed on an {}, {} seeds.\n\n\
         | processing element | sum bits | stages | SB_LUT4 | SB_CARRY | flip-flops | LUTs against `digits` | MHz: median (range) |\n\
         |---|---|---|---|---|---|---|---|",
        Fabric::Ice40.device().name,
        PLACEMENTS.len()
    )?;
    let mut reference = None;
    for element in &ELEMENTS {
        eprintln!("processing element: {}", element.name);
        let all = (0..=MAX_STAGES).map(|stages| Ok((stages, cells(element, stages)?))).collect::<Result<Vec<_>>>()?;
        let (stages, best) =
            all.into_iter().min_by_key(|(stages, cells)| (cells.lut4, *stages)).context("no stages")?;
        let reference = *reference.get_or_insert(best.lut4);
        let speeds = measure::fmax(&element_with(element, stages)?, Fabric::Ice40, &PLACEMENTS, cache)?;
        writeln!(
            page,
            "| {} | {} | {stages} | {} | {} | {} | {:.2} | {} |",
            element.name,
            element.sum_bits,
            best.lut4,
            best.carry,
            best.dff,
            best.lut4 as f64 / reference as f64,
            spread(speeds, 0)
        )?;
    }
    let arithmetic = &digits.compiled.design().arithmetic;
    writeln!(page, "\nThe preset itself: {}.", about(arithmetic.as_ref()))?;
    Ok(())
}
