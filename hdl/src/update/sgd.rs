//! Stochastic gradient descent with a power-of-two rate: the requantised gradient is the step.

use crate::logic::saturate;
use crate::rtl::{Builder, ElaborationError, Module, signed};
use std::sync::Arc;

/// Module `sgd`: `weight_o` = saturate(`weight_i` - `step_i`), `bits` wide, and `saturated_o` when that clipped. Combinational.
pub fn sgd(bits: u32) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new("sgd", "Weight update: subtracts the step from the master weight, saturating.");
    let weight = m.input("weight_i", signed(bits));
    let step = m.input("step_i", signed(bits));
    let exact = m.wire("exact", weight.extend(bits + 1) - step.extend(bits + 1));
    let (value, saturated) = saturate(&mut m, "weight", &exact, bits);
    m.output("weight_o", value);
    m.output("saturated_o", saturated);
    m.finish()
}
