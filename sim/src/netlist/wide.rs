//! Operations on values of any width, word by word: the general path of the evaluator, and constant folding.

use super::Op;

/// Words of 64 bits that hold `width` bits.
pub(super) fn words(width: u32) -> usize {
    width.div_ceil(64) as usize
}

/// The used bits of the highest word of a value.
pub(super) fn top_mask(width: u32) -> u64 {
    u64::MAX >> ((64 - width % 64) % 64)
}

/// A value in a table of words, the bits above its width zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    /// Its lowest word.
    pub slot: u32,
    pub width: u32,
}

/// One operand with its words at hand.
#[derive(Clone, Copy)]
struct View<'a> {
    words: &'a [u64],
    width: u32,
}

impl View<'_> {
    fn negative(self) -> bool {
        let bit = self.width - 1;
        self.words[bit as usize / 64] >> (bit % 64) & 1 == 1
    }

    /// Word `index` of the value extended without end, with ones when `ones`.
    fn extended(self, index: usize, ones: bool) -> u64 {
        let above = if ones { u64::MAX } else { 0 };
        match self.words.get(index) {
            None => above,
            Some(&word) if index + 1 == self.words.len() => word | above & !top_mask(self.width),
            Some(&word) => word,
        }
    }

    /// 64 bits from bit `low` up of the value extended without end.
    fn window(self, low: u32, ones: bool) -> u64 {
        let (word, shift) = (low as usize / 64, low % 64);
        let bottom = self.extended(word, ones) >> shift;
        if shift == 0 { bottom } else { bottom | self.extended(word + 1, ones) << (64 - shift) }
    }

    fn is_zero(self) -> bool {
        self.words.iter().all(|&w| w == 0)
    }

    /// The value, or `limit` if it is larger.
    fn at_most(self, limit: u32) -> u32 {
        let high = self.words[1..].iter().any(|&w| w != 0);
        if high || self.words[0] > u64::from(limit) { limit } else { self.words[0] as u32 }
    }

    fn less(self, other: Self, signed: bool) -> bool {
        // Two's complement orders like unsigned numbers once the sign bits are turned over.
        let sign = if signed { 1 << ((self.width - 1) % 64) } else { 0 };
        let last = self.words.len() - 1;
        let (a, b) = (self.words[last] ^ sign, other.words[last] ^ sign);
        if a != b {
            return a < b;
        }
        let lower = self.words[..last].iter().zip(&other.words[..last]).rev();
        lower.map(|(a, b)| a.cmp(b)).find(|o| o.is_ne()).is_some_and(|o| o.is_lt())
    }
}

/// `a + b + carry`, word by word, into `out`.
fn add(a: impl Iterator<Item = u64>, b: impl Iterator<Item = u64>, mut carry: bool, out: &mut [u64]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        let (sum, over) = a.overflowing_add(b);
        let (sum, over_again) = sum.overflowing_add(u64::from(carry));
        *out = sum;
        carry = over | over_again;
    }
}

/// The product modulo the size of `out`.
fn multiply(a: &[u64], b: &[u64], out: &mut [u64]) {
    out.fill(0);
    for (i, &x) in a.iter().enumerate() {
        let mut carry = 0;
        for (out, &y) in out[i..].iter_mut().zip(b) {
            let sum = u128::from(x) * u128::from(y) + u128::from(*out) + carry;
            *out = sum as u64;
            carry = sum >> 64;
        }
    }
}

/// Computes one operation: `out` has exactly the words of a result of `width` bits.
pub(super) fn evaluate(op: Op, width: u32, operands: &[Operand], values: &[u64], out: &mut [u64]) {
    let view = |i: usize| {
        let Operand { slot, width } = operands[i];
        View { words: &values[slot as usize..][..words(width)], width }
    };
    let a = view(0);
    let binary = |f: fn(u64, u64) -> u64, out: &mut [u64]| {
        for (out, (&a, &b)) in out.iter_mut().zip(a.words.iter().zip(view(1).words)) {
            *out = f(a, b);
        }
    };
    match op {
        Op::Not => out.iter_mut().zip(a.words).for_each(|(out, a)| *out = !a),
        Op::Negate => add(a.words.iter().map(|w| !w), std::iter::repeat(0), true, out),
        Op::Any => out[0] = u64::from(!a.is_zero()),
        Op::All => out[0] = u64::from((0..a.words.len()).all(|i| a.extended(i, true) == u64::MAX)),
        Op::Parity => out[0] = u64::from(a.words.iter().fold(0, |p, w| p ^ w).count_ones() % 2),
        Op::Add => add(a.words.iter().copied(), view(1).words.iter().copied(), false, out),
        Op::Sub => add(a.words.iter().copied(), view(1).words.iter().map(|w| !w), true, out),
        Op::Mul => multiply(a.words, view(1).words, out),
        Op::And => binary(|a, b| a & b, out),
        Op::Or => binary(|a, b| a | b, out),
        Op::Xor => binary(|a, b| a ^ b, out),
        Op::Equal => out[0] = u64::from(a.words == view(1).words),
        Op::NotEqual => out[0] = u64::from(a.words != view(1).words),
        Op::Less => out[0] = u64::from(a.less(view(1), false)),
        Op::LessSigned => out[0] = u64::from(a.less(view(1), true)),
        Op::LessEqual => out[0] = u64::from(!view(1).less(a, false)),
        Op::LessEqualSigned => out[0] = u64::from(!view(1).less(a, true)),
        Op::ShiftLeft => {
            let amount = view(1).at_most(width);
            for (i, out) in out.iter_mut().enumerate() {
                // Bits below the value are zero: the window may begin before it.
                let low = i as u32 * 64;
                *out = match low.checked_sub(amount) {
                    Some(from) => a.window(from, false),
                    None if amount - low < 64 => a.window(0, false) << (amount - low),
                    None => 0,
                };
            }
        }
        Op::ShiftRight | Op::ShiftRightSigned => {
            let amount = view(1).at_most(width);
            let ones = op == Op::ShiftRightSigned && a.negative();
            for (i, out) in out.iter_mut().enumerate() {
                *out = a.window(i as u32 * 64 + amount, ones);
            }
        }
        Op::Mux => out.copy_from_slice(view(if a.words[0] == 1 { 1 } else { 2 }).words),
        Op::Select => {
            let last = operands.len() as u32 - 2;
            out.copy_from_slice(view(1 + a.at_most(last) as usize).words);
        }
        Op::Lookup(_) => unreachable!("an index and a word of a table fit a machine word"),
        Op::Slice(low) => {
            for (i, out) in out.iter_mut().enumerate() {
                *out = a.window(low + i as u32 * 64, false);
            }
        }
        Op::Concat => {
            out.fill(0);
            let mut low = 0;
            for i in 0..operands.len() {
                let part = view(i);
                for (j, &word) in part.words.iter().enumerate() {
                    let at = low as usize + j * 64;
                    let (index, shift) = (at / 64, at % 64);
                    out[index] |= word << shift;
                    if shift != 0
                        && let Some(next) = out.get_mut(index + 1)
                    {
                        *next |= word >> (64 - shift);
                    }
                }
                low += part.width;
            }
        }
        Op::SignExtend => {
            let ones = a.negative();
            for (i, out) in out.iter_mut().enumerate() {
                *out = a.extended(i, ones);
            }
        }
    }
    if let Some(top) = out.last_mut() {
        *top &= top_mask(width);
    }
}
