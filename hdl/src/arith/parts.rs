//! What several families share, hardware above all.

use super::{Addend, accumulate_by};
use crate::rtl::{Builder, Expr, cat, mux, select, signed, unsigned};

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

/// What `value` says of an index, `bits` wide: a table of constants.
pub(super) fn table(index: &Expr, bits: u32, value: impl Fn(u32) -> u32) -> Expr {
    let entries = (0..1 << index.width()).map(|i| Expr::constant(unsigned(bits), value(i).into()));
    select(index, &entries.collect::<Vec<_>>())
}

/// `value << by` in `width` bits; the value is signed and has a name. Bits that do not fit are cut.
pub(super) fn shifted(value: &Expr, by: u32, width: u32) -> Expr {
    if by >= width {
        return Expr::zero(signed(width));
    }
    let value = value.truncate(value.width().min(width - by));
    match by {
        0 => value.extend(width),
        _ => cat(&[value, Expr::zero(unsigned(by))]).as_signed().extend(width),
    }
}

/// `low + (high << at)` in `width` bits, of a signed signal that is wider than `at`: its low bits pass by the adder.
pub(super) fn add_above(m: &mut Builder, name: &str, low: &Expr, high: &Addend, at: u32, width: u32) -> Expr {
    let upper = low.slice(at, low.width() - at).as_signed().extend(width - at);
    if at == 0 {
        return m.wire(name, high.add_to(&upper));
    }
    let upper = m.wire(&format!("{name}_upper"), high.add_to(&upper));
    m.wire(name, cat(&[upper, low.slice(0, at)]).as_signed())
}

/// The operand whose two's complement is a code of `bits` bits.
#[inline]
pub(super) fn twos_complement(code: u32, bits: u32) -> i64 {
    let unused = 32 - bits;
    i64::from((code << unused) as i32 >> unused)
}

/// [`Arithmetic::accumulate`](super::Arithmetic::accumulate) where moving codes are operands of `bits` bits and stationary
/// ones stand for coefficients that multiply them: those are looked up once.
pub(super) fn accumulate_multiples(
    coefficient: impl Fn(u32) -> i64,
    bits: u32,
    moving: &[u32],
    stationary: &[u32],
    n: usize,
    sums: &mut [i64],
) {
    let coefficients: Vec<u32> = stationary.iter().map(|&code| coefficient(code) as u32).collect();
    let product = |operand, coefficient| twos_complement(operand, bits) * twos_complement(coefficient, u32::BITS);
    accumulate_by(product, moving, &coefficients, n, sums);
}
