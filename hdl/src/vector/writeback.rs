//! From requantised value to stored word: activation, mask or weight update, then encoding.

use super::weight::compute_copy;
use crate::arith::{Coded, Side, pipelined_encoder};
use crate::design::Design;
use crate::logic::popcount;
use crate::memory::{Request, Shape};
use crate::rtl::{Builder, Connection, ElaborationError, Expr, Module, cat, lanes, mux, select, signed, unsigned};
use crate::update::draw;
use crate::update::sgd::sgd;
use std::sync::Arc;

/// Cycles from a vector of values to its words.
pub const LATENCY: u32 = 3;

/// Destination of a weight code that the host writes as it is, beyond the destinations of a GEMM.
pub const WEIGHT_CODE: u32 = 3;

/// Module `writeback_lane`: one column. `dest_i`: 0 activation, 1 gradient, 2 weight, 3 weight code; `raw_i`: store the value as
/// it is.
///
/// At cycle t `value_i`, `pass_i` and `master_i`; `weight_saturated_o` in the next one; `word_o` = `{pass, codes}` and `master_o`
/// at t + [`LATENCY`]. `dest1_i` and `dest2_i` are `dest_i` one and two cycles later; `draw_i`, there in a family that draws,
/// stands two cycles after the value.
fn lane(design: &Design) -> Result<Arc<Module>, ElaborationError> {
    let (bits, operand, master_bits) = (design.vector_bits(), design.operand_bits(), design.master_bits());
    let mut m = Builder::new(
        "writeback_lane",
        "Turns one requantised value into the word to store: rectifies an activation, masks a gradient, or\n\
         updates a weight; then encodes.",
    );
    let value = m.input("value_i", signed(bits));
    let raw = m.input("raw_i", unsigned(1));
    let dest = m.input("dest_i", unsigned(2));
    let dest1 = m.input("dest1_i", unsigned(2));
    let dest2 = m.input("dest2_i", unsigned(2));
    let pass = m.input("pass_i", unsigned(1));
    let master = m.input("master_i", signed(master_bits));
    let draw = (design.draw_bits() > 0).then(|| m.input("draw_i", unsigned(design.draw_bits())));

    let rectified = value.gate(&!value.msb());
    let masked = value.gate(&pass);
    let update =
        m.instance("sgd", &sgd(master_bits)?, &[("weight_i", &master), ("step_i", &value.truncate(master_bits))]);
    let saturated = m.reg("weight_saturated_q", update.get("saturated_o"));
    m.output("weight_saturated_o", saturated);
    let updated = update.get("weight_o").extend(bits);
    let result = m.reg_unreset("result_q", mux(&raw, &value, &select(&dest, &[rectified, masked, updated])));

    let new_master = m.wire("new_master", result.truncate(master_bits));
    let low = result.truncate(operand);
    let stores_codes = design.stores_weight_codes();
    if !(design.draws_weights() || stores_codes && design.arithmetic.weight_coding().is_some()) {
        m.discard(&dest2);
    }
    let operand_value = if stores_codes {
        let copy = compute_copy(&mut m, &new_master, operand);
        m.wire("operand", mux(&dest1.is(2), &copy, &low))
    } else {
        m.discard(&dest1);
        m.wire("operand", low)
    };
    let arith = design.arithmetic.as_ref();
    let mut codes = Vec::new();
    for coded in Coded::all(arith).into_iter().filter(|&coded| stores_codes || coded != Coded::Weight) {
        let encoder = pipelined_encoder(arith, coded)?;
        let mut inputs = vec![("operand_i", operand_value.clone())];
        if let (Some(draw), bits @ 1..) = (&draw, coded.draw_bits(arith)) {
            inputs.push(("draw_i", draw.slice(0, bits)));
        }
        let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(port, value)| (*port, value)).collect();
        let code = m.instance(&encoder.name, &encoder, &inputs).get("code_o");
        match coded {
            Coded::Operand(_) => codes.insert(0, code),
            Coded::Weight => codes[0] = mux(&dest2.is(2), &code, &codes[0]),
        }
    }
    if design.draws_weights() {
        let code = m.reg("written_code_q", result.truncate(design.code_bits(Side::Stationary)).as_unsigned());
        codes[0] = mux(&dest2.is(WEIGHT_CODE.into()), &code, &codes[0]);
    }
    // The derivative of the rectifier: positive and not saturated (011..1).
    let positive = !operand_value.msb() & operand_value.slice(0, operand - 1).any();
    let railed = operand_value.slice(0, operand - 1).all();
    let pass = m.reg("pass_q", positive & !railed);
    let word = m.reg("word_q", cat(&[vec![pass], codes].concat()));
    let stored = m.delay("master", new_master, LATENCY - 1);
    m.output("word_o", word);
    m.output("master_o", stored);
    m.finish()
}

/// The draws of all lanes two cycles after their values; `elements` has a bit for each lane with a value.
fn draws(m: &mut Builder, design: &Design, elements: &Expr, bits: u32) -> Result<Expr, ElaborationError> {
    let columns = design.columns;
    let seed_write = m.input("seed_write_i", unsigned(1));
    let seed = m.input("seed_i", unsigned(draw::STATE_BITS - 1));
    let steps = m.delay("elements", elements, 2);
    let start = m.delay("seed_write", seed_write, 2);
    let seed = m.delay("seed", seed, 2);
    let seeds: Vec<Expr> = (0..columns).map(|c| draw::lane_seed(&seed, c)).collect();
    let states = m.array(
        "draw_generator",
        &draw::draw_generator()?,
        &[("column", columns)],
        vec![
            ("start_i", Connection::All(start)),
            ("seed_i", Connection::Element(lanes(&seeds))),
            ("step_i", Connection::Element(steps)),
        ],
    );
    let states = states.get("state_o");
    Ok(lanes(&(0..columns).map(|c| states.slice(c * draw::STATE_BITS, bits)).collect::<Vec<_>>()))
}

/// Module `writeback`: C lanes, and the request they are written with.
///
/// At cycle t the values, their request (`request_*_i`), `dest_i` and `raw_i`; at t + [`LATENCY`] `request_*_o`, `rotation_o`,
/// `dest_o`, `words_o` and `masters_o`. The event counts of the vector stand at t + 3.
///
/// Where codes are drawn, `seed_write_i` with `seed_i` seeds the generators for the values of the next cycle on; each element
/// takes a draw of its lane.
pub fn writeback(design: &Design, shape: Shape) -> Result<Arc<Module>, ElaborationError> {
    let columns = design.columns;
    let mut m = Builder::new("writeback", "Activation, masking, weight update and encoding of one vector per cycle.");
    let values = m.input("values_i", unsigned(columns * design.vector_bits()));
    let clipped = m.input("clipped_i", unsigned(columns));
    let passes = m.input("passes_i", unsigned(columns));
    let masters = m.input("masters_i", unsigned(columns * design.master_bits()));
    let request = Request::inputs(&mut m, "request", shape);
    let dest = m.input("dest_i", unsigned(2));
    let raw = m.input("raw_i", unsigned(1));

    let valid_lanes: Vec<Expr> = (0..columns)
        .map(|c| Expr::constant(request.count.ty(), c.into()).lt(&request.count) & &request.valid)
        .collect();
    let valid_lanes = m.wire("valid_lanes", lanes(&valid_lanes));
    let draws = match design.draw_bits() {
        0 => None,
        bits => Some(draws(&mut m, design, &(&valid_lanes & (!dest.is(WEIGHT_CODE.into())).repeat(columns)), bits)?),
    };
    let dest1 = m.reg("dest1_q", &dest);
    let dest2 = m.reg("dest2_q", &dest1);
    let dest3 = m.reg("dest3_q", &dest2);
    let before = request.delayed(&mut m, "request", LATENCY - 1);
    let later = before.delayed(&mut m, "write", 1);
    let rotation = m.reg("rotation_q", -(&before.line + &before.lane));
    let mut inputs = vec![
        ("value_i", Connection::Element(values.clone())),
        ("raw_i", Connection::All(raw.clone())),
        ("dest_i", Connection::All(dest.clone())),
        ("dest1_i", Connection::All(dest1.clone())),
        ("dest2_i", Connection::All(dest2)),
        ("pass_i", Connection::Element(passes)),
        ("master_i", Connection::Element(masters)),
    ];
    inputs.extend(draws.map(|draws| ("draw_i", Connection::Element(draws))));
    let out = m.array("lane", &lane(design)?, &[("column", columns)], inputs);

    let kept = m.reg("counted_q", &valid_lanes & (!&raw).repeat(columns));
    m.comment(&kept, "columns whose events count");
    let updates = dest1.is(2).repeat(columns);
    let clipped = m.reg("clipped_q", &clipped);
    let zero: Vec<Expr> = (0..columns).map(|c| !values.lane(c, design.vector_bits()).any()).collect();
    let zero = m.reg("zero_q", lanes(&zero));
    let events = [
        ("saturated", &kept & &clipped),
        ("weights_saturated", &kept & &updates & out.get("weight_saturated_o")),
        ("zero_updates", &kept & &updates & &zero),
    ];
    for (name, event) in events {
        let event = m.reg(&format!("{name}_lanes_q"), event);
        let count = m.reg(&format!("{name}_q"), popcount(&event));
        m.output(&format!("{name}_o"), count);
    }
    for (port, value) in later.outputs("request") {
        m.output(&port, value);
    }
    m.output("rotation_o", rotation);
    m.output("dest_o", dest3);
    m.output("words_o", out.get("word_o"));
    m.output("masters_o", out.get("master_o"));
    m.finish()
}
