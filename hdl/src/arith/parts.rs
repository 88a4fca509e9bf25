//! Hardware that several families share.

use crate::rtl::{Builder, Expr, cat, mux, unsigned};

/// |x| of a signed operand x of W bits, unsigned(W): `2^(W-1)` has its bit.
pub(super) fn magnitude(m: &mut Builder, operand: &Expr) -> Expr {
    let sign = operand.msb();
    // ~(x - 1) = -x; in this form the choice fits the LUTs of the subtraction.
    let operand = operand.as_unsigned();
    m.wire("magnitude", mux(&sign, &!(&operand - 1), &operand))
}

/// The magnitude with its leading one shifted to the top, and the place of that one: ceil(log2 W) bits, for a magnitude of W
/// bits. By halving: is the upper half empty, shift the lower half up. Only the `keep` top bits of the first are formed; the
/// topmost is 0 for the magnitude 0 alone.
pub(super) fn normalise(m: &mut Builder, magnitude: &Expr, keep: u32) -> (Expr, Expr) {
    let place_bits = magnitude.width().next_power_of_two().trailing_zeros();
    let mut normal = match magnitude.width().is_power_of_two() {
        true => magnitude.clone(),
        false => m.wire("padded", magnitude.extend(1 << place_bits)),
    };
    let mut filled = Vec::new();
    for step in (0..place_bits).rev() {
        let shift = 1 << step;
        let width = normal.width();
        let upper = m.wire(&format!("filled{shift}"), normal.slice(width - shift, shift).any());
        // The steps that follow shift by less than `shift`.
        let kept = width.min(keep + shift - 1);
        let top = |low: &Expr| low.slice(low.width() - kept, kept);
        let shifted = cat(&[normal.slice(0, width - shift), Expr::zero(unsigned(shift))]);
        normal = m.wire(&format!("normal{shift}"), mux(&upper, &top(&normal), &top(&shifted)));
        filled.push(upper);
    }
    (normal, cat(&filled))
}
