//! The processing element.

use crate::arith::{Arithmetic, Side, about};
use crate::rtl::{Builder, ElaborationError, Module, signed, unsigned};
use std::sync::Arc;

/// Module `pe`: adds the product of a moving and a stationary code to the partial sum from above.
///
/// Ports, in order (code: unsigned, `arith.lane_bits(side)` wide; sum: signed, `sum_bits` wide, at least
/// `arith.product_bits()`):
/// - inputs `moving_i` code, `swap_i` 1, `load_i` 1, `stationary_i` code, `sum_i` sum;
/// - outputs `moving_o`, `swap_o`, `load_o`: the inputs one cycle later, for the element to the right;
///   `stationary_o`: the shadow register, for the element below; `sum_o`.
///
/// `load_i` shifts `stationary_i` into the shadow register. `swap_i` rises with the first moving code of a new tile and
/// makes the shadow (as it was before a load in the same cycle) the stationary code.
///
/// A code at `moving_i` in cycle t meets `sum_i` of cycle t + 1 + L, L = `arith.latency()`, and leaves in `sum_o` in
/// cycle t + 2 + L. A partial sum takes one cycle.
pub fn pe(arith: &dyn Arithmetic, sum_bits: u32) -> Result<Arc<Module>, ElaborationError> {
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

    let moving = m.reg("moving_q", moving);
    let swapped = m.reg("swap_q", &swap);
    let loaded = m.reg("load_q", &load);
    let shadow = m.reg_when("shadow_q", load, stationary);
    let stationary = m.reg_when("stationary_q", swap, &shadow);

    let product = arith.product_rtl(&mut m, &moving, &stationary);
    let sum = m.reg("sum_q", product.add_to(&sum));

    m.output("moving_o", moving);
    m.output("swap_o", swapped);
    m.output("load_o", loaded);
    m.output("stationary_o", shadow);
    m.output("sum_o", sum);
    m.finish()
}
