//! From a master weight to what the array multiplies by.

use crate::arith::{Coded, Side, encoder};
use crate::design::Design;
use crate::logic::saturate;
use crate::rtl::{Builder, ElaborationError, Expr, Module, cat, unsigned};
use std::sync::Arc;

/// The compute copy of a master weight: rounded (half up) and saturated to the operand width, or widened to it.
pub(super) fn compute_copy(m: &mut Builder, master: &Expr, bits: u32) -> Expr {
    let width = master.width();
    if width <= bits {
        return match bits - width {
            0 => master.clone(),
            zeros => cat(&[master.as_unsigned(), Expr::zero(unsigned(zeros))]).as_signed(),
        };
    }
    let dropped = width - bits;
    let rounded = m.wire("copy_rounded", master.extend(width + 1) + (1i64 << (dropped - 1)));
    let kept = m.wire("copy_exact", rounded.slice(dropped, bits + 1).as_signed());
    saturate(m, "copy", &kept, bits).0
}

/// Module `weight_encoder`: the stationary code `code_o` of the compute copy of `master_i`, in the same cycle. For families whose
/// codes take no random bits.
pub fn weight_encoder(design: &Design) -> Result<Arc<Module>, ElaborationError> {
    let arith = design.arithmetic.as_ref();
    let mut m = Builder::new("weight_encoder", "The code of a master weight, on its way into the array.");
    let master = m.input("master_i", unsigned(design.master_bits()));
    let master = m.wire("master", master.as_signed());
    let copy = compute_copy(&mut m, &master, design.operand_bits());
    let coded = match arith.weight_coding() {
        Some(_) => Coded::Weight,
        None if arith.is_symmetric() => Coded::Operand(Side::Moving),
        None => Coded::Operand(Side::Stationary),
    };
    let encoder = encoder(arith, coded)?;
    let code = m.instance(&encoder.name, &encoder, &[("operand_i", &copy)]).get("code_o");
    m.output("code_o", code);
    m.finish()
}
