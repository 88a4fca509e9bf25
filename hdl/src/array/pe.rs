//! The processing element.

use crate::arith::{Addend, Arithmetic, Side, about};
use crate::rtl::{Builder, ElaborationError, Module, signed, unsigned};
use std::sync::Arc;

/// How the codes of a row reach its elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interconnect {
    /// From element to element, one per cycle: no wire is longer than an element, however wide the array.
    #[default]
    Systolic,
    /// To all elements of the row at once: spares the registers between them, for arrays of a few columns.
    Broadcast,
}

/// How a product is subtracted whose family says apart from its value that it is negative ([`Addend::negative`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subtraction {
    /// From the complement of the sum, which travels so: S - p = ~(~S + p). For LUTs in front of which nothing can be inverted,
    /// and that have an input left behind the adder (iCE40).
    #[default]
    Complement,
    /// By an adder that subtracts, [`add_subtract`]. For carries with an input left in front of the adder (ECP5, Gowin).
    Adder,
}

/// The name of the module that [`add_subtract`] makes.
pub const ADD_SUBTRACT: &str = "add_subtract";

/// Module `add_subtract`: `total_o` = `sum_i` + `value_i`, or - `value_i` where `subtract_i`; all signed, `bits` wide, wrapping.
///
/// A module of its own, so that synthesis can put a carry chain that adds and subtracts in its place: Yosys finds none in what it
/// says, and takes an exclusive or before every bit of an adder.
pub fn add_subtract(bits: u32) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new(ADD_SUBTRACT, "Adds, or subtracts: one carry chain where a device has the cells for it.");
    let sum = m.input("sum_i", signed(bits));
    let value = m.input("value_i", signed(bits));
    let subtract = m.input("subtract_i", unsigned(1));
    let total = Addend { value, negative: Some(subtract) }.add_to(&sum);
    m.output("total_o", total);
    m.finish()
}

/// Module `pe`: adds the product of a moving and a stationary code to the partial sum from above.
///
/// With [`Subtraction::Complement`], the sum travels as its complement wherever that spares a negation. Where the family
/// says apart from a value that it is to be subtracted, and says so ahead of the value (with a pipeline register or
/// more), S - p is taken as ~(~S + p): the sum that enters row r is complemented where row r subtracts, and the element
/// leaves it as row r + 1 wants it, by one exclusive or, for which the LUT of the adder has an input left. The elements of such a family have two ports more, last among the inputs and the outputs: `below_i` 1,
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
/// Nothing in it has a reset: everything is written before anyone depends on it. A tile is loaded before a swap
/// makes it the stationary one, and moving codes come only after; a sum that began before has no tag and is never
/// stored. Loads and swaps that are on their way in a reset stay ahead of those that come after it, and what they leave is
/// loaded anew.
pub fn pe(
    arith: &dyn Arithmetic,
    sum_bits: u32,
    interconnect: Interconnect,
    subtraction: Subtraction,
) -> Result<Arc<Module>, ElaborationError> {
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
            let swapped = m.reg_unreset("swap_q", &swap);
            let loaded = m.reg_unreset("load_q", &load);
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
    let total = match (&product.negative, subtraction) {
        (Some(negative), Subtraction::Complement) if arith.latency() > 0 => {
            above = Some(negative.clone());
            let below = m.input("below_i", unsigned(1));
            let sign = m.reg_unreset("sign_q", negative);
            let flip = m.wire("flip", sign ^ below);
            m.comment(&flip, "The sum changes between itself and its complement.");
            // Else this exclusive or is made anew for every bit of the sum.
            m.keep(&flip);
            (sum + product.value.extend(sum_bits)) ^ flip.repeat(sum_bits).as_signed()
        }
        (Some(_), Subtraction::Adder) => {
            let Addend { value, negative } = product.aligned(&mut m, "sign_q", arith.latency());
            let negative = negative.expect("it is there");
            let adder = add_subtract(sum_bits)?;
            let inputs = [("sum_i", &sum), ("value_i", &value.extend(sum_bits)), ("subtract_i", &negative)];
            m.instance("adder", &adder, &inputs).get("total_o")
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
