//! A shifter to the left for LUTs of four inputs, with a sign, and sums of what it gives: what products with powers of two are
//! made of.

use super::Addend;
use crate::rtl::{Builder, Expr, cat, mux, unsigned};

/// Bits of distances up to `most`.
pub(super) fn distance_bits(most: u32) -> u32 {
    u32::BITS - most.leading_zeros()
}

/// The lane code of `{sign, nonzero, distance}` for [`shift`], 0 for 0: two bits more where the distance has three or more.
///
/// The two top bits of a distance say in which quarter q it lies. In their place stand those below, s the sign: of these and
/// the others, a LUT4 with two bits of a value needs no more than two.
///
/// | | nothing | q = 0 | 1 | 2 | 3 |
/// |---|---|---|---|---|---|
/// | lower | 0 | 1 | 1 | 0 | 0 |
/// | first | 0 | 0 | 1 | s | s |
/// | short | 0 | 1 | 1 | 1 | 0 |
/// | second | 0 | 0 | 1 | 0 | s |
pub(super) fn shift_lane(m: &mut Builder, code: &Expr) -> Expr {
    let Some(low_bits) = code.width().checked_sub(4).filter(|&low_bits| low_bits > 0) else { return code.clone() };
    let (sign, nonzero) = (code.msb(), code.bit(code.width() - 2));
    let quarter = Quarter::new(m, "", &sign, &code.slice(low_bits, 2));
    let Quarter { lower, first, short, second } = quarter;
    cat(&[sign, nonzero.clone(), lower & &nonzero, first, short & nonzero, second, code.slice(0, low_bits)])
}

/// The questions of [`shift_lane`].
struct Quarter {
    lower: Expr,
    first: Expr,
    short: Expr,
    second: Expr,
}

impl Quarter {
    /// Of the two top bits of a distance; never of "nothing".
    fn new(m: &mut Builder, name: &str, negative: &Expr, top: &Expr) -> Self {
        let (far, near) = (top.bit(1), top.bit(0));
        Self {
            lower: m.wire(&label(name, "lower"), !&far),
            first: m.wire(&label(name, "first"), mux(&far, negative, &near)),
            short: m.wire(&label(name, "short"), !(&far & &near)),
            second: m.wire(&label(name, "second"), &near & (!far | negative)),
        }
    }
}

fn label(name: &str, what: &str) -> String {
    if name.is_empty() { what.to_owned() } else { format!("{name}_{what}") }
}

/// Whether to negate, and how far to shift to the left.
#[derive(Clone)]
pub(super) struct Control {
    /// The largest distance.
    most: u32,
    /// Apart from the code, or its top bit.
    negative: Expr,
    /// A code of [`shift_lane`], or the distance.
    code: Expr,
    is_lane: bool,
    /// Low bits of the distance that the code has no more.
    spent: u32,
}

impl Control {
    /// From a code of [`shift_lane`]. The code 0 makes 0 of every value.
    pub fn lane(code: &Expr, most: u32) -> Self {
        Self { most, negative: code.msb(), code: code.clone(), is_lane: true, spent: 0 }
    }

    /// From the distance as a number, of as many bits as `most` needs, at least one.
    pub fn new(negative: &Expr, distance: &Expr, most: u32) -> Self {
        Self { most, negative: negative.clone(), code: distance.clone(), is_lane: false, spent: 0 }
    }

    /// A bit of the distance, below those of the quarter.
    fn bit(&self, index: u32) -> Expr {
        self.code.bit(index - self.spent)
    }

    /// Of lane codes.
    fn nonzero(&self) -> Option<Expr> {
        self.is_lane.then(|| self.code.bit(self.code.width() - 2))
    }

    fn quarter(&self, m: &mut Builder, name: &str) -> Quarter {
        let low_bits = distance_bits(self.most) - 2 - self.spent;
        if !self.is_lane {
            return Quarter::new(m, name, &self.negative, &self.code.slice(low_bits, 2));
        }
        let bit = |index| self.code.bit(low_bits + index);
        Quarter { lower: bit(3), first: bit(2), short: bit(1), second: bit(0) }
    }

    /// A cycle later, without the lowest bit of the distance.
    fn register(&self, m: &mut Builder, name: &str) -> Self {
        let spent = distance_bits(self.most).min(1);
        let rest = self.code.width() - spent;
        let negative = (!self.is_lane).then(|| m.reg(&label(name, "negative1_q"), &self.negative));
        // Of a distance of one bit nothing is left.
        let code =
            if rest == 0 { self.code.clone() } else { m.reg(&label(name, "control1_q"), self.code.slice(spent, rest)) };
        Self { negative: negative.unwrap_or_else(|| code.msb()), code, spent, ..*self }
    }
}

/// Bits of a value with what continues them on both sides.
struct Line {
    /// Named.
    bits: Expr,
    /// One bit each.
    above: Expr,
    below: Expr,
}

impl Line {
    /// Bits `from ..`.
    fn slice(&self, from: i64, width: u32) -> Expr {
        let count = |from: i64, to: i64| (to - from).max(0) as u32;
        let (end, own) = (from + i64::from(width), i64::from(self.bits.width()));
        let (below, above) = (count(from, end.min(0)), count(from.max(own), end));
        let mut parts = Vec::new();
        if above > 0 {
            parts.push(self.above.repeat(above));
        }
        if above + below < width {
            parts.push(self.bits.slice(from.max(0) as u32, width - above - below));
        }
        if below > 0 {
            parts.push(self.below.repeat(below));
        }
        cat(&parts)
    }
}

/// `value << distance` in `bits` bits, which are enough for it, complemented where negative (one short of its negation); and
/// "negative" of the same cycle. With `cut`, a register stands behind the first step.
///
/// The first step, by one place, leaves a LUT4 an input for the complement. The last step takes the two top bits of the
/// distance.
pub(super) fn shift(
    m: &mut Builder,
    name: &str,
    value: &Expr,
    control: &Control,
    bits: u32,
    cut: bool,
) -> (Expr, Expr) {
    let most = control.most;
    let distance_bits = distance_bits(most);
    let zero = Expr::zero(unsigned(1));
    let (width, above) = match value.is_signed() {
        true => (value.width() - 1, value.msb()),
        false => (value.width(), zero.clone()),
    };

    let source = Line { bits: value.slice(0, width), above: above.clone(), below: zero };
    let mut first = source.bits.clone();
    if distance_bits > 0 {
        first = mux(&control.bit(0), &source.slice(-1, width + 1), &source.slice(0, width + 1));
    }
    let negative = &control.negative;
    let first = m.wire(&label(name, "shifted1"), &first ^ negative.repeat(first.width()));
    let mut line = Line { bits: first, above: negative.clone(), below: negative.clone() };
    if value.is_signed() {
        let sign = above ^ negative;
        let sign = control.nonzero().map_or(sign.clone(), |nonzero| sign & nonzero);
        line.above = m.wire(&label(name, "sign"), sign);
    }
    let mut control = control.clone();
    if cut {
        control = control.register(m, name);
        line.bits = m.reg(&label(name, "shifted1_q"), line.bits);
        line.below = control.negative.clone();
        line.above = if value.is_signed() { m.reg(&label(name, "sign1_q"), line.above) } else { line.below.clone() };
    }

    // Bits of the value when the low `count` bits of a distance have moved it.
    let moved = |count: u32| {
        let reach = (0..=most).map(|distance| distance & ((1 << count) - 1)).max().unwrap_or(0);
        (width + reach).min(bits - 1)
    };
    let last = if distance_bits < 3 { distance_bits } else { distance_bits - 2 };
    for bit in 1..last {
        let width = moved(bit + 1);
        let shifted = mux(&control.bit(bit), &line.slice(-(1 << bit), width), &line.slice(0, width));
        line.bits = m.wire(&label(name, &format!("shifted{}", 1 << bit)), shifted);
    }
    if distance_bits >= 3 {
        line.bits = shift_by_quarters(m, name, &line, &control, 1 << last, moved(distance_bits));
    } else if let Some(nonzero) = control.nonzero() {
        line.bits = m.wire(&label(name, "shifted"), line.bits.gate(&nonzero));
    }
    (line.slice(0, bits).as_signed(), control.negative)
}

/// The line shifted by `q * step` places, `width` bits of it.
///
/// A bit of the result has one of four sources. Two halvings take two LUT4 for it: `far`, shifted by two steps or not, then by
/// one or not. Towards the ends sources are the same, and one is enough.
fn shift_by_quarters(m: &mut Builder, name: &str, line: &Line, control: &Control, step: i64, width: u32) -> Expr {
    #[derive(Clone, Copy, PartialEq)]
    enum Choice {
        /// Where q > 0, what is below.
        ZeroOrBelow,
        ZeroOneOrBelow,
        FarOneOrBelow,
        Far,
        /// Where q < 2, what is above.
        TwoThreeOrAbove,
        ThreeOrAbove,
    }
    let own = i64::from(line.bits.width());
    let choice = |index: i64| match index / step {
        0 => Choice::ZeroOrBelow,
        1 => Choice::ZeroOneOrBelow,
        _ if index >= own + 2 * step => Choice::ThreeOrAbove,
        _ if index >= own + step => Choice::TwoThreeOrAbove,
        2 => Choice::FarOneOrBelow,
        _ => Choice::Far,
    };
    let mut used = std::collections::BTreeSet::new();
    for index in 0..i64::from(width) {
        match choice(index) {
            Choice::FarOneOrBelow => used.extend([index]),
            Choice::Far => used.extend([index - step, index]),
            Choice::TwoThreeOrAbove => used.extend([index - step]),
            _ => {}
        }
    }
    let Quarter { lower, first, short, second } = &control.quarter(m, name);
    let (low, high) = (used.first().copied().unwrap_or(0), used.last().copied().unwrap_or(0));
    let far_width = (high - low + 1) as u32;
    let far = mux(lower, &line.slice(low, far_width), &line.slice(low - 2 * step, far_width));
    let nonzero = control.nonzero();
    let far = nonzero.as_ref().map_or(far.clone(), |nonzero| far.gate(nonzero));
    let far = m.wire(&label(name, "far"), far);
    for index in (low..=high).filter(|index| !used.contains(index)) {
        m.discard(far.bit((index - low) as u32));
    }

    let mut parts = Vec::new();
    let mut end = width;
    while end > 0 {
        let kind = choice(i64::from(end) - 1);
        let start = (0..end).rev().take_while(|&index| choice(index.into()) == kind).last().unwrap_or(end - 1);
        let count = end - start;
        let source = |q: i64| line.slice(i64::from(start) - q * step, count);
        let far = |q: i64| far.slice((i64::from(start) - q * step - low) as u32, count);
        parts.push(match kind {
            Choice::ZeroOrBelow => mux(&(lower & !first), &source(0), &source(1)),
            Choice::ZeroOneOrBelow => mux(lower, &mux(first, &source(1), &source(0)), &first.repeat(count)),
            Choice::FarOneOrBelow => mux(short, &mux(second, &source(1), &far(0)), &second.repeat(count)),
            Choice::Far => mux(&(!short | second), &far(1), &far(0)),
            Choice::TwoThreeOrAbove => mux(&(short & !lower), &source(2), &far(1)),
            Choice::ThreeOrAbove => {
                let three = nonzero.as_ref().map_or(!short, |nonzero| !short & nonzero);
                mux(&three, &source(3), &source(0))
            }
        });
        end = start;
    }
    m.wire(&label(name, "shifted"), cat(&parts))
}

/// One of several shifted values that are added.
pub(super) struct Term {
    /// Named, signed, one short of a negation where `negative`.
    pub value: Expr,
    pub negative: Expr,
    /// Whether it is added; the first always is.
    pub present: Option<Expr>,
    /// Its lowest place; that of the first is 0.
    pub at: u32,
}

/// The sum of the terms, `bits` wide. Beside the carry chain a LUT4 has an input to leave out what is absent. Registers stand
/// before the sum and, where there are two `stages`, behind it.
pub(super) fn sum_of_terms(m: &mut Builder, mut terms: Vec<Term>, bits: u32, stages: u32) -> Addend {
    if stages >= 1 {
        // Terms may have a sign in common.
        let mut held: Vec<(Expr, Expr)> = Vec::new();
        let mut hold = |m: &mut Builder, name: String, value: &mut Expr| {
            let found = held.iter().find(|(before, _)| before == value).map(|(_, after)| after.clone());
            let after = found.unwrap_or_else(|| m.reg(&name, &*value));
            held.push((std::mem::replace(value, after.clone()), after));
        };
        for (index, term) in terms.iter_mut().enumerate() {
            hold(m, format!("term{index}_q"), &mut term.value);
            hold(m, format!("negative{index}_q"), &mut term.negative);
            if let Some(present) = &mut term.present {
                hold(m, format!("present{index}_q"), present);
            }
        }
    }
    let mut terms = terms.into_iter();
    let first = terms.next().expect("there is a term");
    let (mut sum, mut negative) = (first.value, first.negative);
    for (index, Term { value, negative, present, at }) in (1..).zip(terms) {
        let term = Addend { value, increment: Some(negative) };
        let upper = sum.slice(at, sum.width() - at).as_signed().extend(bits - at);
        let added = term.add_to(&upper);
        let added = present.map_or(added.clone(), |present| mux(&present, &added, &upper));
        sum = match at {
            0 => m.wire(&format!("sum{index}"), added),
            _ => {
                let upper = m.wire(&format!("upper{index}"), added);
                m.wire(&format!("sum{index}"), cat(&[upper, sum.slice(0, at)]).as_signed())
            }
        };
    }
    if stages == 2 {
        sum = m.reg("sum_terms_q", sum);
        negative = m.reg("sum_negative_q", negative);
    }
    Addend { value: m.wire("product", sum.extend(bits)), increment: Some(negative) }
}
