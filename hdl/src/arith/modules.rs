//! Modules made from a family: its encoders, its edges, its product, and all of them together.

use super::{Arithmetic, Coded, Operand, Side, WeightBound, WeightCoding};
use crate::rtl::{Builder, ElaborationError, Expr, Module, signed, unsigned};
use std::sync::Arc;

/// The module that encodes, combinational: `operand_i`, signed(W), and `draw_i` where random bits are drawn, to `code_o`.
/// Named `encoder` where one code serves both sides, else `moving_encoder`, `stationary_encoder`, `weight_encoder`.
pub fn encoder(arith: &dyn Arithmetic, coded: Coded) -> Result<Arc<Module>, ElaborationError> {
    encoding(arith, coded, false)
}

/// The same with a register behind what is read of the operand, its magnitude for instance: `code_o` and `draw_i` a cycle after
/// `operand_i`. Named `pipelined_encoder` and so on.
pub fn pipelined_encoder(arith: &dyn Arithmetic, coded: Coded) -> Result<Arc<Module>, ElaborationError> {
    encoding(arith, coded, true)
}

fn encoding(arith: &dyn Arithmetic, coded: Coded, is_pipelined: bool) -> Result<Arc<Module>, ElaborationError> {
    let which = match coded {
        Coded::Weight => "weight ",
        _ if arith.is_symmetric() => "",
        Coded::Operand(Side::Moving) => "moving ",
        Coded::Operand(Side::Stationary) => "stationary ",
    };
    let how = if is_pipelined { "pipelined " } else { "" };
    let name = format!("{how}{which}encoder").replace(' ', "_");
    let later = if is_pipelined { ", a cycle later" } else { "" };
    let doc = format!("The {which}{} code of an operand{later} ({}).", arith.name(), arith.parameters());
    let mut m = Builder::new(&name, &doc);
    let operand = Operand::new(m.input("operand_i", signed(arith.operand_bits())), is_pipelined);
    let draw = match coded.draw_bits(arith) {
        0 => None,
        bits => Some(m.input("draw_i", unsigned(bits))),
    };
    let code = match (coded, arith.weight_coding()) {
        (Coded::Weight, Some(coding)) => coding.encode_rtl(&mut m, &operand, draw.as_ref()),
        (Coded::Weight, None) => arith.encode_rtl(&mut m, Side::Stationary, &operand, draw.as_ref()),
        (Coded::Operand(side), _) => arith.encode_rtl(&mut m, side, &operand, draw.as_ref()),
    };
    m.output("code_o", code);
    m.finish()
}

/// The module that forms a lane code at the edge of the array, `code_i` to `lane_o`: none where the lane takes the code as it
/// is stored.
pub fn edge(arith: &dyn Arithmetic, side: Side) -> Result<Option<Arc<Module>>, ElaborationError> {
    let (name, which) = match side {
        Side::Moving => ("moving_edge", "moving"),
        Side::Stationary => ("stationary_edge", "stationary"),
    };
    let doc = format!(
        "The {which} code of {} products as processing elements take it ({}).",
        arith.name(),
        arith.parameters()
    );
    let mut m = Builder::new(name, &doc);
    let code = m.input("code_i", unsigned(arith.code_bits(side)));
    let lane = arith.lane_rtl(&mut m, side, &code);
    if lane == code {
        return Ok(None);
    }
    m.output("lane_o", lane);
    m.finish().map(Some)
}

/// Module `product`: `moving_i` and `stationary_i`, stored codes, to `product_o`, signed, [`Arithmetic::latency`] cycles later.
pub fn product(arith: &dyn Arithmetic) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new("product", &about(arith, "The product of two codes"));
    let mut lane = |name: &str, side| {
        let code = m.input(&format!("{name}_i"), unsigned(arith.code_bits(side)));
        Ok(match edge(arith, side)? {
            Some(edge) => m.instance(&edge.name, &edge, &[("code_i", &code)]).get("lane_o"),
            None => code,
        })
    };
    let (moving, stationary) = (lane("moving", Side::Moving)?, lane("stationary", Side::Stationary)?);
    let product = arith.product_rtl(&mut m, &moving, &stationary);
    let product = product.aligned(&mut m, "sign_q", arith.latency());
    let product = product.add_to(&Expr::zero(signed(arith.product_bits())));
    m.output("product_o", product);
    m.finish()
}

/// Module `unit`: a multiplier of its own, `moving_i` and `stationary_i`, signed(W), to `product_o`, signed, in units of
/// 2^dropped_bits, [`Arithmetic::latency`] cycles later. Where a side draws, `moving_draw_i` or `stationary_draw_i` are its random bits.
pub fn unit(arith: &dyn Arithmetic) -> Result<Arc<Module>, ElaborationError> {
    let stationary = if arith.is_symmetric() { Side::Moving } else { Side::Stationary };
    multiplier(arith, "unit", Coded::Operand(stationary))
}

/// Module `weight_unit`: the same with a weight as its stationary operand; none where weights have no coding of their own.
pub fn weight_unit(arith: &dyn Arithmetic) -> Result<Option<Arc<Module>>, ElaborationError> {
    arith.weight_coding().map(|_| multiplier(arith, "weight_unit", Coded::Weight)).transpose()
}

fn multiplier(arith: &dyn Arithmetic, module: &str, stationary: Coded) -> Result<Arc<Module>, ElaborationError> {
    let what = if stationary == Coded::Weight { "A multiplier of weights" } else { "A multiplier" };
    let mut m = Builder::new(module, &about(arith, what));
    let product = product(arith)?;
    let mut codes = Vec::new();
    for (name, coded) in [("moving", Coded::Operand(Side::Moving)), ("stationary", stationary)] {
        let operand = m.input(&format!("{name}_i"), signed(arith.operand_bits()));
        let mut inputs = vec![("operand_i", operand)];
        if let bits @ 1.. = coded.draw_bits(arith) {
            inputs.push(("draw_i", m.input(&format!("{name}_draw_i"), unsigned(bits))));
        }
        let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(port, value)| (*port, value)).collect();
        codes.push(m.instance(&format!("{name}_code"), &encoder(arith, coded)?, &inputs).get("code_o"));
    }
    let inputs = [("moving_i", &codes[0]), ("stationary_i", &codes[1])];
    let product = m.instance("product", &product, &inputs).get("product_o");
    m.output("product_o", product);
    m.finish()
}

/// What a module with products is, and how far these may be from exact ones.
pub(crate) fn about(arith: &dyn Arithmetic, what: &str) -> String {
    let scale = match arith.dropped_bits() {
        0 => String::new(),
        bits => format!("; p in units of 2^{bits}"),
    };
    // A bound like that of other operands is at least as tight.
    let of_weights = match arith.weight_coding().map(WeightCoding::error_bound) {
        Some(bound @ WeightBound::Distance { .. }) => format!("; of weights b, {bound}"),
        _ => String::new(),
    };
    let bound = arith.error_bound();
    format!("{what}: {} ({}).\nBound: {bound}{of_weights}{scale}.", arith.name(), arith.parameters())
}
