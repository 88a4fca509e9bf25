//! The processing element.

use super::systolic::Interconnect;
use crate::arith::{Arithmetic, Side, about};
use crate::rtl::{Builder, ElaborationError, Module, signed, unsigned};
use std::sync::Arc;

/// Module `pe`: adds the product of a moving and a stationary code to the partial sum from above.
///
/// The sum travels as its complement wherever that spares a negation. Where the family says apart from a value that it
/// is to be subtracted ([`Addend::negative`](crate::arith::Addend::negative)), and says so ahead of the value (with a
/// pipeline register or more), S - p is taken as ~(~S + p): the sum that enters row r is complemented where row r
/// subtracts, and the element leaves it as row r + 1 wants it, by one exclusive or, for which the LUT of the adder has an
/// input left. The elements of such a family have two ports more, last among the inputs and the outputs: `below_i` 1,
/// whether the element below subtracts (0 below the last row, so that sums leave it plain), and `above_o`, whether this
/// one does, for the element above.
///
/// Ports, in order (code: unsigned, `arith.lane_bits(side)` wide; sum: signed, `sum_bits` wide, at least
/// `arith.product_bits()`):
/// - inputs `moving_i` code, `swap_i` 1, `load_i` 1, `stationary_i` code, `sum_i` sum;
/// - outputs `moving_o`, `swap_o`, `load_o`: the inputs one cycle later, for the element to the right, in a systolic array;
///   `stationary_o`: the shadow register, for the element below; `sum_o`.
///
/// `load_i` shifts `stationary_i` into the shadow register. `swap_i` rises with the first moving code of a new tile and
/// makes the shadow (as it was before a load in the same cycle) the stationary code.
///
/// Where codes are broadcast, `moving_i` is a register of the whole row, and comes a cycle later than this:
/// a code at `moving_i` in cycle t meets `sum_i` of cycle t + 1 + L, L = `arith.latency()`, and leaves in `sum_o` in
/// cycle t + 2 + L. A partial sum takes one cycle. `above_o` is about the product that meets `sum_i` one cycle later,
/// and `below_i` about the one that `sum_o` meets below one cycle later.
///
/// Codes, products and sums have no reset: each is written before anyone depends on it. A tile is loaded before a swap
/// makes it the stationary one, and moving codes come only after; a sum that began before has no tag and is never
/// stored. What says that something is there, the swap and the load on their way, is reset.
pub fn pe(arith: &dyn Arithmetic, sum_bits: u32, interconnect: Interconnect) -> Result<Arc<Module>, ElaborationError> {
    let code = |side| unsigned(arith.lane_bits(side));
    let doc = about(
        arith,
        "Processing element: adds the product of the moving and the stationary code to the sum from above",
    );
    let mut m = Builder::new("pe", &doc);
    let moving = m.input("moving_i", code(Side::Moving));
    let swap = m.input("swap_i", unsigned(1));
    let load = m.input("load_i", unsigned(1));
    let stationary = m.input("stationary_i", code(Side::Stationary));
    let sum = m.input("sum_i", signed(sum_bits));

    let moving = match interconnect {
        Interconnect::Broadcast => moving,
        Interconnect::Systolic => {
            let moving = m.reg_unreset("moving_q", moving);
            let swapped = m.reg("swap_q", &swap);
            let loaded = m.reg("load_q", &load);
            m.output("moving_o", &moving);
            m.output("swap_o", swapped);
            m.output("load_o", loaded);
            moving
        }
    };
    let shadow = m.reg_unreset_when("shadow_q", load, stationary);
    let stationary = m.reg_unreset_when("stationary_q", swap, &shadow);

    let product = arith.product_rtl(&mut m, &moving, &stationary);
    let mut above = None;
    let total = match &product.negative {
        Some(negative) if arith.latency() > 0 => {
            above = Some(negative.clone());
            let below = m.input("below_i", unsigned(1));
            let sign = m.reg_unreset("sign_q", negative);
            let flip = m.wire("flip", sign ^ below);
            m.comment(&flip, "The sum changes between itself and its complement.");
            // Else this exclusive or is made anew for every bit of the sum.
            m.keep(&flip);
            (sum + product.value.extend(sum_bits)) ^ flip.repeat(sum_bits).as_signed()
        }
        _ => product.add_to(&sum),
    };
    let sum = m.reg_unreset("sum_q", total);

    m.output("stationary_o", shadow);
    m.output("sum_o", sum);
    if let Some(above) = above {
        m.output("above_o", above);
    }
    m.finish()
}
