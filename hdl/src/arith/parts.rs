//! What several families share, hardware above all.

use super::{Addend, accumulate_by};
use crate::rtl::{Builder, Expr, Kind, cat, mux, select, signed, unsigned};

/// The magnitude with its leading one shifted to the top, and the place of that one. By halving: is the upper half empty, shift
/// the lower half up. Only the `keep` top bits of the first are formed. The leading one is looked for in the `upper` top bits
/// alone, and its place, of ceil(log2 `upper`) bits, counts from the lowest of them. A magnitude without a one there is shifted
/// as if the lowest were set; its topmost bit is 0. A register stands in the middle where it is `pipelined`.
pub(super) fn normalise(m: &mut Builder, magnitude: &Expr, upper: u32, keep: u32, pipelined: bool) -> (Expr, Expr) {
    let place_bits = upper.next_power_of_two().trailing_zeros();
    let mut normal = match upper.is_power_of_two() {
        true => magnitude.clone(),
        false => m.wire("padded", magnitude.extend(magnitude.width() - upper + (1 << place_bits))),
    };
    let mut filled = Vec::new();
    for step in (0..place_bits).rev() {
        if pipelined && step + 1 == place_bits / 2 {
            normal = m.reg("normal_q", normal);
            filled = vec![m.reg("filled_q", cat(&filled))];
        }
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

/// The value shifted down by one.
pub(super) fn after(value: &Expr) -> Expr {
    cat(&[Expr::zero(unsigned(1)), value.slice(1, value.width() - 1)])
}

/// The bits of the leading one and below.
pub(super) fn filled(m: &mut Builder, name: &str, value: &Expr) -> Expr {
    let mut filled = m.wire(name, value);
    let mut step = 1;
    while step < value.width() {
        let shifted = filled.slice(step, value.width() - step).extend(value.width());
        filled = m.wire(&format!("{name}_{step}"), &filled | shifted);
        step *= 2;
    }
    filled
}

/// Which bit of a value is set, as a number; at most one is. 0 for none.
pub(super) fn place(one: &Expr, bits: u32) -> Expr {
    let digit = |digit: u32| {
        let set = (0..one.width()).rev().filter(|place| place >> digit & 1 == 1).map(|place| one.bit(place));
        set.reduce(|a, b| a | b).unwrap_or_else(|| Expr::zero(unsigned(1)))
    };
    cat(&(0..bits).rev().map(digit).collect::<Vec<_>>())
}

/// Rows of conditional additions, the product of `operand` and `weights`, both signed or both unsigned.
///
/// Row i adds the operand, if bit i of the weights is set, to the rows before it, shifted down by one; the bit that leaves is
/// final. The top bit of signed weights is negative: its row subtracts. One register halves the rows and the addition that follows
/// them; of two, the first stands behind row 0, which is no addition: their reset pin gates it instead of LUTs.
pub(super) fn rows(m: &mut Builder, operand: &Expr, weights: &Expr, stages: u32) -> Expr {
    let is_signed = operand.is_signed();
    let typed = |value: Expr| if is_signed { value.as_signed() } else { value };
    let (bits, count) = (operand.width(), weights.width());
    let middle = 1 + count.div_ceil(2);
    let cuts: &[u32] = match stages {
        0 => &[],
        1 => &[middle],
        _ => &[1, middle],
    };
    let mut operand = m.wire("operand", operand);
    // Bits of the weights from `row` up.
    let mut weights = m.wire("weights", weights.as_unsigned());

    let first = m.wire("row0", operand.gate(&weights.bit(0)));
    let mut low = first.bit(0);
    let mut high = m.wire("high0", typed(first.slice(1, bits - 1)));
    for row in 1..count {
        if let Some(index) = cuts.iter().position(|&cut| cut == row) {
            let name = |what: &str| format!("{what}{}_q", index + 1);
            let rest = weights.slice(row - (count - weights.width()), count - row);
            operand = m.reg_unreset(&name("operand"), operand);
            weights = m.reg_unreset(&name("weights"), rest);
            low = m.reg_unreset(&name("low"), low);
            high = m.reg_unreset(&name("high"), high);
        }
        let weight = weights.bit(row - (count - weights.width()));
        let wide = |value: &Expr| value.extend(bits + 1);
        if row < count - 1 || !is_signed {
            let next = m.wire(&format!("row{row}"), mux(&weight, &(wide(&high) + wide(&operand)), &wide(&high)));
            if row < count - 1 {
                low = cat(&[next.bit(0), low]);
                high = m.wire(&format!("high{row}"), typed(next.slice(1, bits)));
            } else {
                high = next;
            }
        } else {
            // high - operand = ~(~high + operand): complements vanish into the LUTs around, while the operand
            // enters the carry chain as it is.
            let inverse = m.wire(&format!("inverse{row}"), !&high);
            let difference = !(wide(&inverse) + wide(&operand));
            high = m.wire(&format!("row{row}"), mux(&weight, &difference, &wide(&high)));
        }
    }
    typed(cat(&[high, low]))
}

/// The sign of a product with so many pipeline registers, as [`Addend::negative`] wants it: a cycle before the value.
pub(super) fn sign_ahead(m: &mut Builder, negative: Expr, stages: u32) -> Expr {
    (1..stages).fold(negative, |sign, stage| m.reg_unreset(&format!("negative{stage}_q"), sign))
}

/// A product before its shift: `mantissa * 2^(characteristic - point)`, with a sign.
pub(super) struct Antilogarithm {
    /// Named, unsigned.
    pub mantissa: Expr,
    /// Fraction bits of the mantissa.
    pub point: u32,
    /// Unsigned, of two bits or more.
    pub characteristic: Expr,
    pub negative: Expr,
    /// Where a factor may be 0 without the shift seeing to it.
    pub nonzero: Option<Expr>,
}

impl Antilogarithm {
    /// The product without its `dropped_bits` low bits, signed(product_bits). With one pipeline register or more, the last
    /// of `stages` is inside.
    ///
    /// The low bits of the characteristic shift the mantissa bit by bit, until it spans no more than two groups of bits
    /// of the product; the high ones tell in which groups the two halves lie, and each group takes its half of it.
    pub fn shift(self, m: &mut Builder, dropped_bits: u32, product_bits: u32, stages: u32) -> Addend {
        let Self { mantissa, point, characteristic, negative, nonzero } = self;
        // Where a characteristic without its top bit leaves nothing, that bit is 1 in every product that is not 0.
        let top = characteristic.width() - 1;
        let high = dropped_bits + 1 >= (1 << top) + (mantissa.width() - point);
        let keep = if high { Some(characteristic.bit(top)) } else { nonzero };
        // Bits of the shifted mantissa below `offset` belong to no product.
        let offset = if high { 1 << top } else { 0 };
        let distance_bits = top + u32::from(!high);

        // Shifted by less than a group, the mantissa spans two.
        let group = (mantissa.width() - 1).max(1).next_power_of_two();
        let fine_bits = group.ilog2().min(distance_bits);
        let mut shifted = mantissa;
        for step in 0..fine_bits {
            let zeros = Expr::zero(unsigned(1 << step));
            let by = characteristic.bit(step);
            let mut next = mux(&by, &cat(&[shifted.clone(), zeros.clone()]), &cat(&[zeros, shifted]));
            if step == 0 && stages == 0 {
                next = keep.as_ref().map_or(next.clone(), |keep| next.gate(keep));
            }
            shifted = m.wire(&format!("shifted{}", 1 << step), next);
        }
        if fine_bits == 0 && stages == 0 {
            shifted = keep.as_ref().map_or(shifted.clone(), |keep| m.wire("kept", shifted.gate(keep)));
        }

        let coarse_bits = distance_bits - fine_bits;
        let mut coarse = (coarse_bits > 0).then(|| m.wire("coarse", characteristic.slice(fine_bits, coarse_bits)));
        let width = 2 * group;
        let padding = width - shifted.width();
        let mut halves = if padding == 0 { shifted } else { cat(&[Expr::zero(unsigned(padding)), shifted]) };
        if let Some(coarse) = coarse.as_ref().filter(|coarse| coarse.width() >= 3) {
            // Half h (0 low, 1 high) to the groups with index % 2 = h.
            let swapped = cat(&[halves.slice(0, group), halves.slice(group, group)]);
            halves = mux(&coarse.bit(0), &swapped, &halves);
        }
        if !matches!(halves.kind(), Kind::Signal(_)) {
            halves = m.wire("halves", halves);
        }
        if stages >= 1 {
            let name = |base: &str| format!("{base}{stages}_q");
            // Last before the register, gating is what its reset pin does.
            halves = m.reg_unreset(&name("halves"), keep.map_or(halves.clone(), |keep| halves.gate(&keep)));
            coarse = coarse.map(|coarse| m.reg_unreset(&name("coarse"), coarse));
        }

        let lowest = point + dropped_bits - offset;
        let highest = lowest + product_bits - 2;
        let mut parts = vec![Expr::zero(unsigned(1))];
        let mut used = vec![false; width as usize];
        for index in (lowest / group..=highest / group).rev() {
            // The bits of this group that belong to the product.
            let low = lowest.saturating_sub(index * group);
            let bits = (highest - index * group + 1).min(group) - low;
            let half = |half: u32| halves.slice(half * group + low, bits);
            let nothing = Expr::zero(unsigned(bits));
            let mut mark = |half: u32| used[(half * group + low) as usize..][..bits as usize].fill(true);
            parts.push(match &coarse {
                Some(coarse) if coarse.width() == 1 => {
                    let mut choice = |number: u32, nothing: &Expr| {
                        (number < 2).then(|| mark(number)).map_or(nothing.clone(), |()| half(number))
                    };
                    mux(coarse, &choice(index.wrapping_sub(1), &nothing), &choice(index, &nothing))
                }
                Some(coarse) if coarse.width() == 2 => {
                    // Four bits tell it, the two of `coarse` and one of each half.
                    let low = (index < 4).then(|| (mark(0), half(0).gate(&coarse.is(i64::from(index)))).1);
                    let high = (index > 0).then(|| (mark(1), half(1).gate(&coarse.is(i64::from(index) - 1))).1);
                    low.into_iter().chain(high).reduce(|low, high| low | high).unwrap_or(nothing)
                }
                Some(coarse) => {
                    mark(index % 2);
                    mux(&covers(coarse, index), &half(index % 2), &nothing)
                }
                None => {
                    mark(index % 2);
                    half(index % 2)
                }
            });
        }
        for bit in (0..width).filter(|&bit| !used[bit as usize]) {
            m.discard(halves.bit(bit));
        }
        Addend { value: m.wire("product", cat(&parts).as_signed()), negative: Some(negative) }
    }
}

/// Whether group `index` holds a half of the shifted mantissa, which lies in the groups `coarse` and `coarse + 1`;
/// `coarse` has at least three bits.
fn covers(coarse: &Expr, index: u32) -> Expr {
    let is = |value: u32| coarse.is(i64::from(value));
    match index {
        _ if index % 2 == 1 => coarse.slice(1, coarse.width() - 1).is(i64::from(index / 2)),
        0 => is(0),
        _ if index == 1 << coarse.width() => is(index - 1),
        _ => is(index - 1) | is(index),
    }
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
