//! Small pieces of logic that several units need.

use crate::rtl::{Bits, Builder, Expr, Type, cat, mux, unsigned};

/// `value` clamped to `bits` bits, and whether that changed it. `value` is a named signed signal wider than `bits`.
pub(crate) fn saturate(m: &mut Builder, name: &str, value: &Expr, bits: u32) -> (Expr, Expr) {
    let sign = value.msb();
    // In range when every bit above the result's sign bit equals it.
    let above = value.slice(bits - 1, value.width() - bits + 1);
    let saturated = m.wire(&format!("{name}_saturated"), above.any() & !above.all());
    // Most negative 100..0, most positive 011..1.
    let limit = cat(&[sign.clone(), (!&sign).repeat(bits - 1)]);
    let clamped = mux(&saturated, &limit, &value.slice(0, bits));
    (m.wire(&format!("{name}_clamped"), clamped).as_signed(), saturated)
}

/// The number of ones among the bits of `value`, as wide as it needs.
pub(crate) fn popcount(value: &Expr) -> Expr {
    let width = value.width();
    let ty = unsigned(u32::BITS - width.leading_zeros());
    sum(&(0..width).map(|i| value.bit(i).extend(ty.width)).collect::<Vec<_>>(), ty)
}

/// Sum as a balanced tree, all terms and the result of one type.
pub(crate) fn sum(terms: &[Expr], ty: Type) -> Expr {
    match terms {
        [] => Expr::zero(ty),
        [one] => one.clone(),
        _ => {
            let (a, b) = terms.split_at(terms.len() / 2);
            sum(a, ty) + sum(b, ty)
        }
    }
}

/// A one-bit signal `cycles` cycles later: a shift register `<name>_line_q`.
pub(crate) fn shift_line(m: &mut Builder, name: &str, bit: &Expr, cycles: u32) -> Expr {
    if cycles == 0 {
        return bit.clone();
    }
    let line = m.register_reset(&format!("{name}_line_q"), unsigned(cycles), Bits::zero(cycles));
    let next = if cycles == 1 { bit.clone() } else { cat(&[line.value().slice(0, cycles - 1), bit.clone()]) };
    m.drive(&line, next);
    line.value().bit(cycles - 1)
}
