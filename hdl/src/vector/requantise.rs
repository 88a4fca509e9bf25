//! From accumulator to operand: shift right, round, saturate.

use super::saturate;
use crate::array::systolic::skew;
use crate::design::{Design, Roundings};
use crate::rtl::{Builder, Connection, ElaborationError, Expr, Module, cat, lanes, mux, signed, unsigned};
use crate::update::lfsr;
use std::sync::Arc;

/// Cycles from a total to its requantised value.
const LANE_LATENCY: u32 = 2;

/// Cycles from the total of column 0 to the vector of all columns.
pub fn latency(columns: u32) -> u32 {
    LANE_LATENCY + columns - 1
}

/// Widths to which a lane saturates, in the order of the destinations: operand, weight, logit.
pub fn limits(design: &Design) -> [u32; 3] {
    [design.operand_bits(), design.master_bits(), 16]
}

/// Module `requantise_lane`: `value_o` = saturate((`total_i` << lift) + addend >> `shift_i`) with the addend half a unit, or
/// `state_i` below the unit when `stochastic_i`; `clipped_o` when it saturated. Two cycles.
///
/// `below_i` is 2^shift - 1. `limit_i` chooses the width: 0 operand, 1 weight, 2 logit.
fn lane(design: &Design) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new(
        "requantise_lane",
        "Requantises one column: shift right with rounding, then saturate to the width of the destination.",
    );
    let total = m.input("total_i", signed(design.accumulator_bits));
    let shift = m.input("shift_i", unsigned(5));
    let below = m.input("below_i", unsigned(31));
    let limit = m.input("limit_i", unsigned(2));
    let random = (design.roundings == Roundings::Any)
        .then(|| (m.input("stochastic_i", unsigned(1)), m.input("random_i", unsigned(31))));

    let bits = design.vector_bits();
    // One bit more than total << lift, so that the addend (below 2^31) cannot overflow.
    let wide = (design.accumulator_bits + design.lift()).max(32) + 1;
    let lifted = match design.lift() {
        0 => total.extend(wide),
        lift => {
            let shifted = m.wire("lifted", cat(&[total.as_unsigned(), Expr::zero(unsigned(lift))]).as_signed());
            shifted.extend(wide)
        }
    };
    // 2^shift - 1 becomes 2^(shift - 1), and 0 for shift 0.
    let half = &below ^ cat(&[Expr::zero(unsigned(1)), below.slice(1, 30)]);
    let addend = match random {
        Some((stochastic, random)) => mux(&stochastic, &(&random & &below), &half),
        None => half,
    };
    let addend = m.wire("addend", addend);
    let rounded = m.reg("rounded_q", lifted + addend.extend(wide).as_signed());
    let shifted = m.wire("shifted", rounded.shr(&shift));

    let mut widths = limits(design).to_vec();
    let of_limit = widths.clone();
    widths.sort();
    widths.dedup();
    let results: Vec<(u32, Expr, Expr)> = widths
        .iter()
        .map(|&width| {
            if width >= wide {
                return (width, shifted.extend(bits), Expr::zero(unsigned(1)));
            }
            let (value, clipped) = saturate(&mut m, &format!("to{width}"), &shifted, width);
            let value = m.wire(&format!("to{width}"), value);
            (width, value.extend(bits), clipped)
        })
        .collect();
    let result = |index: usize| results.iter().find(|r| r.0 == of_limit[index]).expect("every limit has a result");
    let (value, clipped) = if results.len() == 1 {
        m.discard(&limit);
        (result(0).1.clone(), result(0).2.clone())
    } else {
        let choose = |part: fn(&(u32, Expr, Expr)) -> Expr| {
            crate::rtl::select(&limit, &[part(result(0)), part(result(1)), part(result(2))])
        };
        (choose(|r| r.1.clone()), choose(|r| r.2.clone()))
    };
    let value = m.reg("value_q", value);
    let clipped = m.reg("clipped_q", clipped);
    m.output("value_o", value);
    m.output("clipped_o", clipped);
    m.finish()
}

/// The states of the rounding generators, one for each column.
fn generators(m: &mut Builder, columns: u32) -> Result<Expr, ElaborationError> {
    let start = m.input("start_i", unsigned(1));
    let seed = m.input("seed_i", unsigned(31));
    let step = m.input("step_i", unsigned(1));
    let steps = if columns == 1 {
        step
    } else {
        let late = m.register("step_q", unsigned(columns - 1));
        let all = m.wire("steps", cat(&[late.value(), step]));
        m.drive(&late, all.slice(0, columns - 1));
        all
    };
    let seeds: Vec<Expr> =
        (1..=columns).map(|c| &seed ^ i64::from(lfsr::LANE_SEED.wrapping_mul(c) & 0x7FFF_FFFF)).collect();
    let inputs = vec![
        ("start_i", Connection::All(start)),
        ("seed_i", Connection::Element(lanes(&seeds))),
        ("step_i", Connection::Element(steps)),
    ];
    Ok(m.array("lfsr", &lfsr::lfsr()?, &[("column", columns)], inputs).get("state_o"))
}

/// Module `requantise`: C lanes with their rounding generators, and the deskew of their results.
///
/// `totals_i` has the total of column c c cycles after column 0; `values_o` (C x V bits) and `clipped_o` (C) have all columns of
/// one vector [`latency`] cycles after the total of column 0. `step_i` comes with the total of column 0 and steps the
/// generators. `start_i` seeds them with `seed_i` and the lane's constant. Without generators, these ports and `stochastic_i` are
/// not there.
pub fn requantise(design: &Design) -> Result<Arc<Module>, ElaborationError> {
    let columns = design.columns;
    let mut m = Builder::new("requantise", "Requantises the totals of all columns and brings them in step.");
    let totals = m.input("totals_i", unsigned(columns * design.accumulator_bits));
    let shift = m.input("shift_i", unsigned(5));
    let limit = m.input("limit_i", unsigned(2));

    let ones = Expr::constant(unsigned(31), (1 << 31) - 1);
    let below = m.reg("below_q", !ones.shl(&shift));
    m.comment(&below, "2^shift - 1");
    let mut inputs = vec![
        ("total_i", Connection::Element(totals)),
        ("shift_i", Connection::All(shift)),
        ("below_i", Connection::All(below)),
        ("limit_i", Connection::All(limit)),
    ];
    if design.roundings == Roundings::Any {
        let stochastic = m.input("stochastic_i", unsigned(1));
        let states = generators(&mut m, columns)?;
        // The addend needs the bits below the unit only; a shift is at most 31.
        let random: Vec<Expr> = (0..columns).map(|c| states.slice(c * 32, 31)).collect();
        inputs.push(("stochastic_i", Connection::All(stochastic)));
        inputs.push(("random_i", Connection::Element(lanes(&random))));
    }
    let out = m.array("lane", &lane(design)?, &[("column", columns)], inputs);
    let values = skew(&mut m, "value_deskew", &out.get("value_o"), columns, |c| columns - 1 - c);
    let clipped = skew(&mut m, "clipped_deskew", &out.get("clipped_o"), columns, |c| columns - 1 - c);
    m.output("values_o", lanes(&values));
    m.output("clipped_o", lanes(&clipped));
    m.finish()
}
