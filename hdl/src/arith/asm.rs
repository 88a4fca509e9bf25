//! Alphabet-set multipliers after S. S. Sarwar, S. Venkataramani, A. Raghunathan, K. Roy, "Multiplier-less Artificial
//! Neurons Exploiting Error Resiliency for Energy-Efficient Neural Computing", DATE 2016.
//!
//! **Definition.** The magnitude of a stationary operand is written in digits of four bits, each of them 0 or a letter of the
//! alphabet shifted by 0 to 3:
//!
//! | alphabet | digits |
//! |---|---|
//! | 1 | 0, 1, 2, 4, 8 |
//! | 1, 3 | these and 3, 6, 12 |
//! | 1, 3, 5, 7 | these and 5, 7, 10, 14 |
//!
//! The W - 1 bits of a magnitude make `ceil((W - 1) / 4)` digits; the top one has the t <= 4 bits that are left, and is below
//! `2^t`. An operand w is replaced by w' of the same sign, whose magnitude is the nearest that has such digits: nearest as a
//! whole, not digit by digit, and of two equally near ones the smaller. `-2^(W-1)` gets the largest there is. The product
//! with a moving operand x is `x * w'`, exactly.
//!
//! **Codes.** The moving code is x itself, W bits in two's complement. The stationary code is `{sign, digits}`, top digit
//! first. A digit with the letter of index i and the shift s is `{nonzero, ~i, ~s}`; the digit 0 is 0. There are as many bits
//! of i as the letters below `2^t` need, and as many of s as t - 1 needs (t = 4 in all digits but the top one). The bit nonzero
//! is there where some digit has i and s of ones alone, so that zeros would not tell the digit 0: with the alphabet 1 in
//! digits of four, two and one bits, with the others in those of one bit.
//!
//! **Hardware.** The stationary encoder rounds. The edge of the array forms 3x, 5x and 7x once per row: for a letter
//! `l = 2^k + e`, `l x = e x + (x << k)` has the low k bits of `e x`, so the lane has only those above them. A processing
//! element chooses the multiple of each digit, shifts it, and adds the digits four bits apart. The sign complements
//! the sum, in the LUTs of the last adder; the one that completes the negation enters the sum of the column.
//!
//! **Rounding.** Let M be the largest digit of the alphabet, and d the topmost digit of a magnitude m that is none. The digits
//! before d are those of the two numbers next to m too; d is followed by others, a fraction r < 1 of its unit. The lower
//! neighbour ends in the next digit below d and digits M, a fraction R < 1. The upper one ends in the next digit above d and
//! zeros; or, for d > M, a carry adds 1 to the digit c before d, and zeros follow, as if 16 were a digit. The upper one is
//! nearer if 2 (d + r) exceeds the sum of both, that is, with D the sum of the digits next to d, if `2 d - D > R - 2 r`, where
//! the right side is between -2 and 1. In all three alphabets D is even, so 2 d decides alone where it is not D. Where it
//! is, `r > R / 2` decides: whether what follows d is above the digits M/2, M/2, ... If c + 1 is no digit, an upper neighbour
//! is more than 16 units of d away, and the lower one is nearer. So one comparison of what follows each place with digits
//! M/2 is all that digits know of each other, but for "the topmost that is none was before this one".
//!
//! **Error bound.** The product is exact in w', so `|p| / |ab| = |w'| / |w|` with any moving operand: the relative error is that
//! of rounding w. It is above -100 %, as 1 is a digit and no other magnitude becomes 0. The bound is its least and
//! largest value over all magnitudes, one by one, and every moving operand reaches both. For 8 bits they are met at -128
//! (taken as -72) and 13 (16) with the alphabet 1, at 5 (4) and 87 (96) with 1, 3, and at 9 (8) with 1, 3, 5, 7, which
//! rounds nothing up.
//!
//! **Where it loses.** A shift by 0 to 3 takes two LUT4s per bit and digit, a second letter a third, and four letters a fourth;
//! one more adds. An exact product by conditional additions takes one per bit of either operand, four per bit and digit, and
//! needs no lane of multiples in the registers of every processing element. Only the alphabet 1 stays clearly below.
use super::family::{Choices, Family, Parameter};
use super::parts::{accumulate_multiples, add_above, shifted, table, twos_complement};
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side, check_operand_bits, check_stages};
use crate::rtl::{Builder, Expr, cat, mux, select, unsigned};
use std::cmp::Ordering;
use std::sync::Arc;

pub const FAMILY: Family = Family {
    name: "asm",
    summary: "weights with digits from an alphabet set, shifts and additions of shared multiples (Sarwar 2016)",
    parameters: &[Parameter {
        name: "alphabet",
        choices: Choices::Integers { min: 1, max: 7, default: &[1] },
        help: "multiples formed once per row, of which the digits of a weight are shifts: [1], [1, 3] or [1, 3, 5, 7]",
    }],
    units: &[
        "operand_bits=8 alphabet=1",
        "operand_bits=8 alphabet=1,3",
        "operand_bits=8 alphabet=1,3,5,7",
        "operand_bits=8 alphabet=1 stages=1",
        "operand_bits=16 alphabet=1",
        "operand_bits=16 alphabet=1,3 stages=2",
    ],
    make: |values| Arc::new(AlphabetSet::new(values.operand_bits, values.integers("alphabet").to_vec(), values.stages)),
};

/// The alphabets of the paper. The encoder relies on it that the digits next to any other value have an even sum.
const ALPHABETS: [&[u32]; 3] = [&[1], &[1, 3], &[1, 3, 5, 7]];

/// The alphabet-set family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlphabetSet {
    /// W, 4..=16.
    operand_bits: u32,
    /// One of `ALPHABETS`.
    alphabet: Vec<u32>,
    /// Pipeline registers inside the product, 0..=2.
    stages: u32,
    /// The stationary code of each magnitude up to `2^(W-1)`, without sign; empty where a parameter is out of range.
    codes: Vec<u32>,
}

/// The place of a digit.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    /// Digits are below `2^bits`: 4 bits, or what is left at the top.
    bits: u32,
    /// Letters below `2^bits`.
    letters: &'a [u32],
}

impl<'a> Place<'a> {
    fn new(bits: u32, alphabet: &'a [u32]) -> Self {
        Self { bits, letters: &alphabet[..alphabet.partition_point(|&letter| letter < 1 << bits)] }
    }

    fn letter_bits(self) -> u32 {
        self.letters.len().ilog2()
    }

    /// The largest shift is bits - 1.
    fn shift_bits(self) -> u32 {
        self.bits.next_power_of_two().ilog2()
    }

    /// Letter and shift of ones alone.
    fn ones(self) -> u32 {
        (1 << (self.letter_bits() + self.shift_bits())) - 1
    }

    /// The digit of an index `{letter, shift}`, where there is one.
    fn digit_at(self, index: u32) -> Option<u32> {
        let shift = index & ((1 << self.shift_bits()) - 1);
        let digit = self.letters[(index >> self.shift_bits()) as usize] << shift;
        (digit < 1 << self.bits).then_some(digit)
    }

    /// Whether a field has a bit that tells 0 from the digit of index [`ones`](Self::ones).
    fn has_nonzero(self) -> bool {
        self.digit_at(self.ones()).is_some()
    }

    /// Width of a digit in the code.
    fn field_bits(self) -> u32 {
        self.letter_bits() + self.shift_bits() + u32::from(self.has_nonzero())
    }

    /// Every digit with its field, ascending.
    fn fields(self) -> Vec<(u32, u32)> {
        let ones = self.ones();
        let nonzero = if self.has_nonzero() { ones + 1 } else { 0 };
        let digits = (0..=ones).filter_map(|index| Some((self.digit_at(index)?, nonzero | (ones ^ index))));
        let mut fields: Vec<(u32, u32)> = std::iter::once((0, 0)).chain(digits).collect();
        fields.sort();
        fields
    }

    /// The digit of a field.
    fn digit(self, field: u32) -> u32 {
        if field == 0 { 0 } else { self.digit_at(self.ones() & !field).expect("a field of an encoder") }
    }

    /// The largest digit and its field.
    fn largest(self) -> (u32, u32) {
        self.fields()[self.fields().len() - 1]
    }

    /// The last digit up to `value`, with its field.
    fn at_most(self, value: u32) -> (u32, u32) {
        let fields = self.fields();
        fields[fields.partition_point(|&(digit, _)| digit <= value) - 1]
    }

    /// The first digit above `value`, with its field.
    fn above(self, value: u32) -> Option<(u32, u32)> {
        self.fields().into_iter().find(|&(digit, _)| digit > value)
    }

    fn has(self, value: u32) -> bool {
        self.at_most(value).0 == value
    }

    /// Four bits that are no digit, against the middle of the digits next to them; 16 follows the largest as a carry.
    fn against_middle(self, value: u32) -> Ordering {
        let upper = self.above(value).map_or(16, |(digit, _)| digit);
        (2 * value).cmp(&(self.at_most(value).0 + upper))
    }
}

impl AlphabetSet {
    /// Operands of `operand_bits` bits, `stages` pipeline registers inside the product.
    pub fn new(operand_bits: u32, alphabet: Vec<u32>, stages: u32) -> Self {
        let mut family = Self { operand_bits, alphabet, stages, codes: Vec::new() };
        if family.validate().is_ok() {
            let values = family.representable();
            let (mut nearest, others) = (values[0], &values[1..]);
            let mut next = others.iter().peekable();
            family.codes = (0..=1 << (operand_bits - 1))
                .map(|magnitude: u32| {
                    while let Some(&value) =
                        next.next_if(|&&(value, _)| value.abs_diff(magnitude) < magnitude.abs_diff(nearest.0))
                    {
                        nearest = value;
                    }
                    nearest.1
                })
                .collect();
        }
        family
    }

    /// The places of the digits, the lowest first.
    fn places(&self) -> impl DoubleEndedIterator<Item = Place<'_>> + ExactSizeIterator {
        let bits = self.operand_bits - 1;
        (0..bits).step_by(4).map(move |low| Place::new((bits - low).min(4), &self.alphabet))
    }

    /// Every magnitude that has digits, with its code, ascending.
    fn representable(&self) -> Vec<(u32, u32)> {
        self.places().rev().fold(vec![(0, 0)], |upper, place| {
            let with = |(value, code): (u32, u32)| {
                let append = move |(digit, field)| (value << 4 | digit, code << place.field_bits() | field);
                place.fields().into_iter().map(append)
            };
            upper.into_iter().flat_map(with).collect()
        })
    }

    fn sign_bit(&self) -> u32 {
        self.places().map(Place::field_bits).sum()
    }

    fn magnitude(&self, code: u32) -> i64 {
        let mut fields = code;
        let mut magnitude = 0;
        for (i, place) in self.places().enumerate() {
            magnitude += i64::from(place.digit(fields & ((1 << place.field_bits()) - 1))) << (4 * i);
            fields >>= place.field_bits();
        }
        magnitude
    }

    /// The operand w' of a stationary code.
    fn rounded(&self, code: u32) -> i64 {
        let sign_bit = self.sign_bit();
        let magnitude = self.magnitude(code & ((1 << sign_bit) - 1));
        if code >> sign_bit == 0 { magnitude } else { -magnitude }
    }

    /// The digits of the number nearest to a magnitude of W bits, as fields; see the module's documentation.
    fn round_rtl(&self, m: &mut Builder, magnitude: &Expr) -> Expr {
        let places: Vec<Place> = self.places().collect();
        let top = places.len() - 1;
        // The top place has the bit of 2^(W-1) as well, which is above its digits.
        let bits = |i: usize| if i == top { places[i].bits + 1 } else { places[i].bits };
        let name = |i: usize| m.wire(&format!("place{i}"), magnitude.slice(4 * i as u32, bits(i)));
        let digits: Vec<Expr> = (0..=top).map(name).collect();

        // Is a place above the digits? Were it the topmost wrong one, is the upper neighbour the nearer?
        let (mut beyond, mut nearer) = (Vec::new(), Vec::new());
        let mut above_half: Option<Expr> = None;
        for (i, &place) in places.iter().enumerate() {
            let (digit, largest) = (&digits[i], place.largest().0);
            let constant = |value: u32| Expr::constant(digit.ty(), value.into());
            beyond.push(m.wire(&format!("beyond{i}"), constant(largest).lt(digit)));
            // Nothing carries out of the top.
            let wrong = |value: u32| !place.has(value) && (i < top || value < largest);
            let is = |order| among(digit, |value| wrong(value) && place.against_middle(value) == order);
            let middle = is(Ordering::Equal);
            if i < top || middle.is_some() {
                above_half = above_half.map(|above| m.wire(&format!("above_half{}", i - 1), above));
            }
            let middle = middle.zip(above_half.as_ref()).map(|(middle, above)| middle & above);
            let cases = is(Ordering::Greater).into_iter().chain(middle).reduce(|a, b| a | b);
            nearer.push(m.wire(&format!("nearer{i}"), cases.unwrap_or(Expr::zero(unsigned(1)))));
            if i < top {
                let half = constant(largest / 2);
                let above = half.lt(digit);
                above_half = Some(above_half.map_or(above.clone(), |lower| above | (digit.eq(&half) & lower)));
            }
        }

        // From the top: the first wrong digit goes up or down to the next one, or by a carry the digit before it goes up.
        let mut raised: Option<Expr> = None;
        let mut settled: Option<Expr> = None;
        let mut fields = Vec::new();
        for (i, &place) in places.iter().enumerate().rev() {
            let digit = &digits[i];
            let mut up = &nearer[i] & !&beyond[i];
            if i > 0 {
                let before = among(digit, |value| place.has(value) && place.has(value + 1)).expect("0 is before 1");
                up = up | (before & &nearer[i - 1] & &beyond[i - 1]);
            }
            let up = settled.as_ref().map_or(up.clone(), |settled| up & !settled);
            let up = m.wire(&format!("up{i}"), up);
            let (width, (_, largest)) = (place.field_bits(), place.largest());
            let lower = table(digit, width, |value| place.at_most(value).1);
            let upper = table(digit, width, |value| place.above(value).map_or(largest, |(_, field)| field));
            let next = m.wire(&format!("next{i}"), mux(&up, &upper, &lower));
            // Digits that follow, and one above all others, are 0 after one that went up, else the largest.
            let follows = settled.as_ref().map_or(beyond[i].clone(), |settled| settled | &beyond[i]);
            fields.push((follows, Expr::constant(unsigned(width), largest.into()), next));
            raised = Some(raised.map_or(up.clone(), |raised| raised | up));
            if i > 0 {
                let wrong = among(digit, |value| !place.has(value)).expect("the digits end before the place");
                let wrong = settled.map_or(wrong.clone(), |settled| settled | wrong);
                settled = Some(m.wire(&format!("settled{}", i - 1), wrong));
            }
        }
        let lowered = m.wire("lowered", !raised.expect("a digit at least"));
        let fields = fields.into_iter().map(|(follows, largest, next)| mux(&follows, &largest.gate(&lowered), &next));
        cat(&fields.collect::<Vec<_>>())
    }

    /// The multiples of the moving operand, one per letter. `upper(i, e, k)`: the multiple of letter i without its low k bits,
    /// which are those of the earlier multiple e.
    fn multiples(&self, operand: Expr, mut upper: impl FnMut(usize, &Expr, u32) -> Expr) -> Vec<Expr> {
        let mut multiples = vec![operand];
        for (i, &letter) in self.alphabet.iter().enumerate().skip(1) {
            let k = letter.ilog2();
            let earlier = self.alphabet.iter().position(|&other| other == letter - (1 << k)).expect("an alphabet");
            let earlier = &multiples[earlier];
            multiples.push(cat(&[upper(i, earlier, k), earlier.slice(0, k)]).as_signed());
        }
        multiples
    }

    /// The multiple of the moving operand that a digit stands for.
    fn digit_rtl(&self, m: &mut Builder, name: &str, place: Place, multiples: &[Expr], field: &Expr) -> Expr {
        let width = self.operand_bits + place.bits;
        let letter_bits = place.letter_bits();
        let shift_bits = place.shift_bits();
        let keep = if place.has_nonzero() { field.msb() } else { field.any() };
        let mut value = multiples[0].clone();
        if letter_bits > 0 {
            let wide = multiples[place.letters.len() - 1].width();
            // The field has the complement of the letter's index.
            let choices: Vec<Expr> =
                multiples[..place.letters.len()].iter().rev().map(|multiple| multiple.extend(wide)).collect();
            value = m.wire(&format!("{name}_letter"), select(&field.slice(shift_bits, letter_bits), &choices));
        }
        for step in 0..shift_bits {
            let wide = width.min(value.width() + (1 << step));
            let next = mux(&field.bit(step), &value.extend(wide), &shifted(&value, 1 << step, wide));
            let last = step + 1 == shift_bits;
            let name = if last { name.to_owned() } else { format!("{name}_shifted{}", 1 << step) };
            value = m.wire(&name, if last { next.gate(&keep) } else { next });
        }
        if shift_bits == 0 { m.wire(name, value.gate(&keep)) } else { value }
    }
}

impl Arithmetic for AlphabetSet {
    fn name(&self) -> &'static str {
        "asm"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, alphabet, stages, .. } = self;
        format!("operand_bits={operand_bits} alphabet={} stages={stages}", list(alphabet))
    }

    fn validate(&self) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits)?;
        let alphabet = &self.alphabet;
        let text = list(alphabet);
        let problem = if let Some(letter) = alphabet.iter().find(|&letter| letter % 2 == 0 || *letter > 7) {
            format!("{letter} is no letter, only 1, 3, 5 and 7 are")
        } else if !alphabet.contains(&1) {
            format!("an alphabet without 1 cannot represent the weight 1: `{text}`")
        } else if !alphabet.is_sorted_by(|a, b| a < b) {
            format!("`{text}` is not ascending")
        } else if !ALPHABETS.contains(&alphabet.as_slice()) {
            format!("`{text}` is no alphabet that has hardware")
        } else {
            return check_stages(self.stages);
        };
        Err(ParameterError::new("alphabet", problem, "choose [1], [1, 3] or [1, 3, 5, 7]"))
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn is_symmetric(&self) -> bool {
        false
    }

    fn code_bits(&self, side: Side) -> u32 {
        match side {
            Side::Moving => self.operand_bits,
            Side::Stationary => 1 + self.sign_bit(),
        }
    }

    /// The multiple of a letter `2^k + e` has W + k + 1 bits, and the lane all of them but the low k.
    fn lane_bits(&self, side: Side) -> u32 {
        match side {
            Side::Moving => self.operand_bits + (self.alphabet.len() as u32 - 1) * (self.operand_bits + 1),
            Side::Stationary => self.code_bits(side),
        }
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// The largest magnitudes of either side: `2^(W-1)` and what that is rounded to.
    fn product_bound(&self) -> i64 {
        self.magnitude(self.codes[self.codes.len() - 1]) << (self.operand_bits - 1)
    }

    /// The extremes of rounding a stationary operand, as the module's documentation says.
    fn error_bound(&self) -> ErrorBound {
        let error = |(magnitude, &code): (usize, &u32)| self.magnitude(code) as f64 / magnitude as f64 - 1.0;
        let errors = || self.codes.iter().enumerate().skip(1).map(error);
        ErrorBound {
            relative_low: errors().fold(0.0, f64::min),
            relative_high: errors().fold(0.0, f64::max),
            absolute: 0.0,
        }
    }

    #[inline]
    fn encode(&self, side: Side, operand: i64, _: u32) -> u32 {
        debug_assert!(operand >> (self.operand_bits - 1) == operand >> 63);
        match side {
            Side::Moving => operand as u32 & ((1 << self.operand_bits) - 1),
            Side::Stationary => u32::from(operand < 0) << self.sign_bit() | self.codes[operand.unsigned_abs() as usize],
        }
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        twos_complement(moving, self.operand_bits) * self.rounded(stationary)
    }

    fn accumulate(&self, moving: &[u32], stationary: &[u32], n: usize, sums: &mut [i64]) {
        accumulate_multiples(|code| self.rounded(code), self.operand_bits, moving, stationary, n, sums);
    }

    fn encode_rtl(&self, m: &mut Builder, side: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        match side {
            Side::Moving => operand.value(m).as_unsigned(),
            Side::Stationary => {
                let magnitude = operand.magnitude(m);
                cat(&[operand.sign(m), self.round_rtl(m, &magnitude)])
            }
        }
    }

    fn lane_rtl(&self, m: &mut Builder, side: Side, code: &Expr) -> Expr {
        if side == Side::Stationary || self.alphabet.len() == 1 {
            return code.clone();
        }
        let width = self.operand_bits + 1;
        let operand = m.wire("operand", code.as_signed());
        let mut lane = vec![operand.clone()];
        self.multiples(operand.clone(), |i, earlier, k| {
            let rest = earlier.slice(k, earlier.width() - k).as_signed();
            let upper = m.wire(&format!("upper{}", self.alphabet[i]), rest.extend(width) + operand.extend(width));
            lane.push(upper.clone());
            upper
        });
        lane.reverse();
        cat(&lane)
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let operand_bits = self.operand_bits;
        let operand = moving.slice(0, operand_bits).as_signed();
        let multiples = self.multiples(operand, |i, _, _| {
            moving.slice(operand_bits + (i as u32 - 1) * (operand_bits + 1), operand_bits + 1)
        });
        let named = self.alphabet.iter().zip(multiples);
        let multiples: Vec<Expr> =
            named.map(|(letter, multiple)| m.wire(&format!("times{letter}"), multiple)).collect();
        let mut negative = stationary.msb();

        // Sums over places: value, lowest bit, bits of the stationary operand.
        let mut sums = Vec::new();
        let mut low = 0;
        for (i, place) in self.places().enumerate() {
            let name = format!("digit{i}");
            let field = stationary.slice(low, place.field_bits());
            low += place.field_bits();
            let mut value = self.digit_rtl(m, &name, place, &multiples, &field);
            if self.stages == 2 {
                value = m.reg_unreset(&format!("{name}_q"), value);
            }
            sums.push((value, place.bits));
        }
        if self.stages == 2 {
            negative = m.reg_unreset("negative_q", negative);
        }
        while sums.len() > 1 {
            let pairs = std::mem::take(&mut sums);
            for (i, pair) in pairs.chunks(2).enumerate() {
                sums.push(match pair {
                    [(low, at), (high, bits)] => {
                        let high = Addend { value: high.clone(), negative: None };
                        let name = format!("digits{at}_{i}");
                        (add_above(m, &name, low, &high, *at, operand_bits + at + bits), at + bits)
                    }
                    one => one[0].clone(),
                });
            }
        }
        let bits = self.product_bits();
        let mut value = m.wire("product", sums[0].0.extend(bits));
        if self.stages > 0 {
            value = m.reg_unreset("product_q", value);
        }
        Addend { value, negative: Some(negative) }
    }
}

/// Whether `value` is among those for which `is` holds, if there are any.
fn among(value: &Expr, is: impl Fn(u32) -> bool) -> Option<Expr> {
    let end = 1 << value.width();
    let constant = |v: u32| Expr::constant(value.ty(), v.into());
    // From the first value on and up to the last one it may hold for several.
    let first = (0..end).find(|&v| !is(v)).unwrap_or(end);
    let last = (first..end).rev().find(|&v| !is(v)).unwrap_or(first);
    let mut terms: Vec<Expr> = (first..last).filter(|&v| is(v)).map(|v| value.eq(&constant(v))).collect();
    if first > 0 {
        terms.insert(0, value.le(&constant(first - 1)));
    }
    if last + 1 < end {
        terms.push(constant(last + 1).le(value));
    }
    terms.into_iter().reduce(|a, b| a | b)
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asm(operand_bits: u32, alphabet: &[u32]) -> AlphabetSet {
        let family = AlphabetSet::new(operand_bits, alphabet.to_vec(), 0);
        family.validate().unwrap();
        family
    }

    fn every() -> impl Iterator<Item = AlphabetSet> {
        (4..=16).flat_map(|bits| ALPHABETS.map(|alphabet| asm(bits, alphabet)))
    }

    fn product(family: &AlphabetSet, a: i64, b: i64) -> i64 {
        family.product(family.encode(Side::Moving, a, 0), family.encode(Side::Stationary, b, 0))
    }

    /// The operand that the stationary one is replaced by.
    fn rounded(family: &AlphabetSet, operand: i64) -> i64 {
        product(family, 1, operand)
    }

    /// Whether all digits of four bits are letters shifted, from the definition.
    fn has_digits(alphabet: &[u32], magnitude: i64) -> bool {
        let is_digit = |digit: i64| digit == 0 || alphabet.contains(&(digit as u32 >> digit.trailing_zeros()));
        (0..4).all(|place| is_digit(magnitude >> (4 * place) & 15))
    }

    #[test]
    fn magnitudes_of_7_bits_are_as_many_and_round_as_far_as_published() {
        for (alphabet, values, largest) in [(&[1][..], 20, 55), (&[1, 3], 48, 19), (&[1, 3, 5, 7], 96, 1)] {
            let family = asm(8, alphabet);
            assert_eq!((0..128).filter(|&x| rounded(&family, x) == x).count(), values);
            assert_eq!((0..128).map(|x| (rounded(&family, x) - x).abs()).max(), Some(largest));
        }
    }

    #[test]
    fn operands_become_the_nearest_that_have_digits() {
        for family in every() {
            let least = -1 << (family.operand_bits - 1);
            let with_digits: Vec<i64> = (0..-least).filter(|&x| has_digits(&family.alphabet, x)).collect();
            for operand in least..-least {
                // Of two equally near the first.
                let next = with_digits.partition_point(|&x| x < operand.abs());
                let around = &with_digits[next.saturating_sub(1)..with_digits.len().min(next + 1)];
                let nearest = around.iter().min_by_key(|&x| (x - operand.abs()).abs()).unwrap();
                assert_eq!(rounded(&family, operand), operand.signum() * nearest, "{family:?}: {operand}");
            }
        }
    }

    #[test]
    fn known_roundings_and_products() {
        let one = asm(8, &[1]);
        for (operand, expected) in [(3, 2), (6, 4), (7, 8), (12, 8), (13, 16), (52, 40), (53, 64), (127, 72)] {
            assert_eq!(rounded(&one, operand), expected, "{operand}");
        }
        assert_eq!(product(&one, -128, -128), 128 * 72);
        assert_eq!(product(&one, 127, -128), -127 * 72);
        let two = asm(8, &[1, 3]);
        for (operand, expected) in [(5, 4), (7, 6), (11, 12), (14, 12), (15, 16), (87, 96), (-128, -108)] {
            assert_eq!(rounded(&two, operand), expected, "{operand}");
        }
        // 0xd.ee is as far from 0xc.cc as from 0x10.
        let wide = asm(16, &[1, 3]);
        assert_eq!([rounded(&wide, 0x1e66), rounded(&wide, 0x1e67)], [0x1ccc, 0x2000]);
        assert_eq!(rounded(&wide, -0x8000), -0x6ccc);
        // 4 and 6 are letters shifted, and 5 is half-way: what follows decides.
        assert_eq!([rounded(&wide, 0x566), rounded(&wide, 0x567)], [0x4cc, 0x600]);
        // A carry into a digit whose next is two away does not pay.
        assert_eq!(rounded(&wide, 0x4ff), 0x4cc);
    }

    #[test]
    fn codes_are_as_documented() {
        let code = |bits, alphabet: &[u32], x| asm(bits, alphabet).encode(Side::Stationary, x, 0);
        let fields = |text: &str| u32::from_str_radix(&text.replace(' ', ""), 2).unwrap();
        // {sign, ~shift of two bits, nonzero and ~shift of two bits}: 40 = 2 * 16 + 8.
        assert_eq!(code(8, &[1], -40), fields("1 10 100"));
        assert_eq!(code(8, &[1], 1), fields("0 00 111"));
        // {sign, ~letter ~shift, ~letter ~shift}: 54 = 3 * 16 + (3 << 1).
        assert_eq!(code(8, &[1, 3], 54), fields("0 011 010"));
        assert_eq!(code(8, &[1, 3, 5, 7], -0x5e), fields("1 0111 0010"));
        // A top digit of one bit is {nonzero}.
        assert_eq!(code(6, &[1, 3, 5, 7], 0x17), fields("0 1 0011"));
        let widths = |bits: u32| ALPHABETS.map(|alphabet| asm(bits, alphabet).code_bits(Side::Stationary));
        assert_eq!([widths(4), widths(5), widths(8), widths(16)], [[3, 4, 5], [4, 4, 5], [6, 7, 9], [12, 13, 17]]);
        assert_eq!(asm(8, &[1, 3, 5, 7]).encode(Side::Moving, -2, 0), 0xfe);
    }

    #[test]
    fn zero_has_the_zero_code_and_nothing_else_has() {
        for family in every() {
            let half = 1 << (family.operand_bits - 1);
            for side in [Side::Moving, Side::Stationary] {
                for operand in -half..half {
                    let code = family.encode(side, operand, 0);
                    assert_eq!(code == 0, operand == 0);
                    assert_eq!(code >> family.code_bits(side), 0);
                }
                assert_eq!(family.product(family.encode(Side::Moving, -half, 0), 0), 0);
            }
        }
    }

    #[test]
    fn products_are_odd() {
        for family in ALPHABETS.map(|alphabet| asm(8, alphabet)) {
            for a in 0..128 {
                for b in 0..128 {
                    let positive = product(&family, a, b);
                    assert_eq!(product(&family, -a, b), -positive);
                    assert_eq!(product(&family, a, -b), -positive);
                    assert_eq!(product(&family, -a, -b), positive);
                }
            }
        }
    }

    #[test]
    fn both_bounds_are_reached_and_not_passed() {
        for bits in [4, 5, 6, 8] {
            for family in ALPHABETS.map(|alphabet| asm(bits, alphabet)) {
                let half = 1i64 << (bits - 1);
                let (mut largest, mut low, mut high) = (0, 0f64, 0f64);
                let bound = family.error_bound();
                for (a, b) in (-half..half).flat_map(|a| (-half..half).map(move |b| (a, b))) {
                    let p = product(&family, a, b);
                    assert!(bound.holds(a, b, p), "{family:?}: {a} * {b} = {p}");
                    largest = largest.max(p.abs());
                    if a * b != 0 {
                        let error = p as f64 / (a * b) as f64 - 1.0;
                        (low, high) = (low.min(error), high.max(error));
                    }
                }
                assert_eq!(largest, family.product_bound());
                assert!((low - bound.relative_low).abs() < 1e-12 && (high - bound.relative_high).abs() < 1e-12);
            }
        }
        for family in ALPHABETS.map(|alphabet| asm(16, alphabet)) {
            assert_eq!(product(&family, -32768, -32768), family.product_bound());
        }
    }

    #[test]
    fn the_extremes_of_rounding_are_those_of_the_documentation() {
        let error = |family: &AlphabetSet, x: i64| rounded(family, x) as f64 / x as f64 - 1.0;
        for (alphabet, low, high) in [(&[1][..], -128, 13), (&[1, 3], 5, 87), (&[1, 3, 5, 7], 9, 1)] {
            let family = asm(8, alphabet);
            let bound = family.error_bound();
            assert_eq!((error(&family, low), error(&family, high)), (bound.relative_low, bound.relative_high));
        }
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let error = |bits, alphabet: &[u32], stages| {
            let error = AlphabetSet::new(bits, alphabet.to_vec(), stages).validate().unwrap_err();
            format!("{}: {}", error.parameter, error.problem)
        };
        assert!(error(17, &[1], 0).starts_with("operand_bits: "));
        assert!(error(8, &[1], 3).starts_with("stages: "));
        assert_eq!(error(8, &[3, 5], 0), "alphabet: an alphabet without 1 cannot represent the weight 1: `3,5`");
        assert!(error(8, &[], 0).starts_with("alphabet: an alphabet without 1 "));
        assert_eq!(error(8, &[1, 2], 0), "alphabet: 2 is no letter, only 1, 3, 5 and 7 are");
        assert!(error(8, &[1, 9], 0).starts_with("alphabet: 9 is no letter"));
        assert_eq!(error(8, &[3, 1], 0), "alphabet: `3,1` is not ascending");
        assert_eq!(error(8, &[1, 1], 0), "alphabet: `1,1` is not ascending");
        assert_eq!(error(8, &[1, 5], 0), "alphabet: `1,5` is no alphabet that has hardware");
    }
}
