//! From accumulator to operand: shift right, round, saturate.

use crate::design::{Design, Roundings};
use crate::logic::saturate;
use crate::rtl::{Builder, Connection, ElaborationError, Expr, Module, cat, lanes, mux, signed, unsigned};
use crate::update::lfsr;
use std::sync::Arc;

/// Cycles from a total to its requantised value.
pub const LATENCY: u32 = 2;

/// Widths to which a lane saturates, in the order of the destinations: operand, weight, logit.
pub fn limits(design: &Design) -> [u32; 3] {
    [design.operand_bits(), design.master_bits(), 16]
}

/// Half up or at random: the addend reaches as far up as the shift, so the sum comes first.
///
/// `below_i` is 2^shift - 1, `random_i` the state of a generator.
fn round_any(m: &mut Builder, design: &Design, total: &Expr, shift: &Expr) -> Expr {
    let below = m.input("below_i", unsigned(31));
    let stochastic = m.input("stochastic_i", unsigned(1));
    let random = m.input("random_i", unsigned(31));
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
    let addend = m.wire("addend", mux(&stochastic, &(&random & &below), &half));
    let rounded = m.reg_unreset("rounded_q", lifted + addend.extend(wide).as_signed());
    m.wire("shifted", rounded.shr(shift))
}

/// Half up: one bit below the unit is kept, and what it carries is added after the shift, to a number as narrow as the limits.
fn round_half_up(m: &mut Builder, design: &Design, total: &Expr, shift: &Expr) -> Expr {
    let widest = limits(design).into_iter().max().expect("three limits");
    // With the bit below the unit and two above the limit; what needs more is outside the limit, however it is rounded.
    let kept = widest + 3;
    let lifted = cat(&[total.as_unsigned(), Expr::zero(unsigned(design.lift() + 1))]).as_signed();
    let mut value = lifted.extend(lifted.width().max(kept));
    let mut outside = Expr::zero(unsigned(1));
    for bit in (0..shift.width()).rev() {
        let places = 1 << bit;
        let step = Expr::constant(unsigned(shift.width()), places);
        value = m.wire(&format!("shifted{places}"), mux(&shift.bit(bit), &value.shr(&step), &value));
        // The steps that follow bring down `places - 1` more.
        let window = kept + places as u32 - 1;
        if value.width() > window {
            let above = value.slice(window - 1, value.width() - window + 1);
            outside = m.wire(&format!("outside{places}"), outside | (above.any() & !above.all()));
            value = value.slice(0, window).as_signed();
        }
    }
    let sign = total.msb();
    let above = mux(&outside, &!&sign, &value.bit(kept - 2));
    let value = m.reg_unreset("shifted_q", cat(&[sign, above, value.slice(0, kept - 2)]).as_signed());
    let rounded = m.wire("rounded", value.extend(kept + 1) + 1);
    m.wire("whole", rounded.slice(1, kept).as_signed())
}

/// Module `requantise_lane`: `value_o` = saturate((`total_i` << lift) + addend >> `shift_i`) with the addend half a unit, or
/// `random_i` below the unit when `stochastic_i`; `clipped_o` when it saturated. Two cycles.
///
/// `limit_i` chooses the width: 0 operand, 1 weight, 2 logit.
fn lane(design: &Design) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new(
        "requantise_lane",
        "Requantises one column: shift right with rounding, then saturate to the width of the destination.",
    );
    let total = m.input("total_i", signed(design.accumulator_bits));
    let shift = m.input("shift_i", unsigned(5));
    let limit = m.input("limit_i", unsigned(2));
    let shifted = match design.roundings {
        Roundings::Any => round_any(&mut m, design, &total, &shift),
        Roundings::Nearest => round_half_up(&mut m, design, &total, &shift),
    };

    let bits = design.vector_bits();
    let mut widths = limits(design).to_vec();
    let of_limit = widths.clone();
    widths.sort();
    widths.dedup();
    let results: Vec<(u32, Expr, Expr)> = widths
        .iter()
        .map(|&width| {
            if width >= shifted.width() {
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
    let value = m.reg_unreset("value_q", value);
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
    let seeds: Vec<Expr> =
        (1..=columns).map(|c| &seed ^ i64::from(lfsr::LANE_SEED.wrapping_mul(c) & 0x7FFF_FFFF)).collect();
    let inputs = vec![
        ("start_i", Connection::All(start)),
        ("seed_i", Connection::Element(lanes(&seeds))),
        ("step_i", Connection::All(step)),
    ];
    Ok(m.array("lfsr", &lfsr::lfsr()?, &[("column", columns)], inputs).get("state_o"))
}

/// Module `requantise`: C lanes with their rounding generators.
///
/// `values_o` (C x V bits) and `clipped_o` (C) stand [`LATENCY`] cycles after `totals_i`. `step_i` comes with the totals and steps the
/// generators. `start_i` seeds them with `seed_i` and the lane's constant. Without generators, these ports and `stochastic_i` are
/// not there.
pub fn requantise(design: &Design) -> Result<Arc<Module>, ElaborationError> {
    let columns = design.columns;
    let mut m = Builder::new("requantise", "Requantises the totals of all columns.");
    let totals = m.input("totals_i", unsigned(columns * design.accumulator_bits));
    let shift = m.input("shift_i", unsigned(5));
    let limit = m.input("limit_i", unsigned(2));

    let mut inputs = vec![
        ("total_i", Connection::Element(totals)),
        ("shift_i", Connection::All(shift.clone())),
        ("limit_i", Connection::All(limit)),
    ];
    if design.roundings == Roundings::Any {
        let ones = Expr::constant(unsigned(31), (1 << 31) - 1);
        let below = m.reg("below_q", !ones.shl(&shift));
        m.comment(&below, "2^shift - 1");
        inputs.push(("below_i", Connection::All(below)));
        let stochastic = m.input("stochastic_i", unsigned(1));
        let states = generators(&mut m, columns)?;
        // The addend needs the bits below the unit only; a shift is at most 31.
        let random: Vec<Expr> = (0..columns).map(|c| states.slice(c * 32, 31)).collect();
        inputs.push(("stochastic_i", Connection::All(stochastic)));
        inputs.push(("random_i", Connection::Element(lanes(&random))));
    }
    let out = m.array("lane", &lane(design)?, &[("column", columns)], inputs);
    m.output("values_o", out.get("value_o"));
    m.output("clipped_o", out.get("clipped_o"));
    m.finish()
}
