//! Sums of signed powers of two in canonical signed digits, after G. W. Reitwiesner, "Binary Arithmetic", Advances in Computers 1,
//! 1960, and Y. C. Lim, S. R. Parker, "FIR Filter Design over a Discrete Powers-of-Two Coefficient Space", IEEE Transactions on
//! Acoustics, Speech, and Signal Processing 31, 1983.
//!
//! **Definition.** A stationary operand w is replaced by w' = t_1 + ... + t_n, n = `terms`: t_i has the sign of what the terms
//! before it leave, `r = w - t_1 - ... - t_(i-1)`, and is the power of two nearest to |r|, of two equally near the larger; it is 0 if
//! r is. The product with a moving operand x is `x * w'`, exactly.
//!
//! **No sum of n signed powers is nearer.** A number has one form in canonical signed digits, of which no two neighbours are
//! nonzero; no other form has fewer nonzero digits, and a number with the leading digit `2^p` is between 2/3 and 4/3 of it. Let S_n be
//! the numbers with at most n such digits, `2^k <= m < 2^(k+1)`, c = 3/2 `2^k`, and v in S_n nearest to m. First, m < c, with the
//! nearest power `2^k`. A v below `2/3 2^k` or above `8/3 2^k` is farther from m than `2^k`, so its leading digit is `2^k`, and
//! `v - 2^k` is in S_(n-1); or it is `2^(k+1)`, and `u = 2^(k+1) - v` is in S_(n-1). If then v >= c, `2^k + u` = 2 c - v is as near to m
//! or nearer. If v < c, u is between `2^(k-1)` and its 4/3, so u = `2^(k-1)` + y with y in S_(n-2), and `v - 2^k = 2^(k-1) - y` is in
//! S_(n-1). So some nearest v is `2^k` and a number of S_(n-1), which must be nearest to m - `2^k`. For m >= c, reflect at c. QED
//!
//! **Codes.** The moving code is x, W bits in two's complement. w' has at most n nonzero canonical digits, each in a slot of its
//! own: slot i, 0 to n - 1, holds a digit at one of the places 2i to 2i + s - 1, s = max(W - 2n + 2, 2). From the top slot
//! down, a slot takes the leading digit that is left, if it is at 2i or above. Places of digits differ by 2 or more, so digit j from
//! the top is at W - 1 - 2j or below, and fits the slot that takes it. The stationary code is the slots, the top one first, each
//! `{sign, nonzero, place - 2i}` of 2 + ceil(log2 s) bits, and 0 without a digit. W / 2 terms, rounded up, are enough for every w'
//! to be w; more are refused.
//!
//! **Hardware.** The encoder subtracts n powers, forms the canonical digits of what they sum to, `(3 w' ^ w') / 2`, and sorts them into
//! slots. The edge of the array makes the signs relative to that of slot 0, which becomes that of the product. A processing
//! element shifts x once per slot, as in the power-of-two family, and adds the shifted ones two places apart, from slot 0 up. A
//! term is subtracted as `S - p = ~(~S + p)`: the last LUTs of the first shifter and those of each adder have an input left
//! for a complement, and between two adders one exclusive or serves both.
//!
//! **Error bound.** Let e_n(m) be the error of m, in units of `2^k` with `2^k <= m <= 2^(k+1)`. e_1 is at most 1/2, and what the first
//! term leaves is at most 1/2 too: it is in [`2^j`, `2^(j+1)`] with j <= k - 2, so e_n is at most a quarter of the largest e_(n-1), hence
//! at most E = `2 / 4^n`. Say that the error is at most q m for n - 1 terms, q = 3 / (`2 4^(n-1)` + 1), where the first is 1/3, of m = 3.
//! If the first of n leaves r above `2^k`, then the error is at most min(q r, E) of m = 1 + r, whose ratio is largest at q r = E: it is
//! 3 / (`2 4^n` + 1). If it leaves r below `2^(k+1)`, m >= 3/2, and 2/3 E is less. So `|w' - w| / |w| <= 3 / (2 4^n + 1)`, for either sign of
//! the error, and the same of products. w = (`2 4^n` + 1) / 3 reaches it: 3, 11, 43.
//!
//! **Where it loses.** A shifter takes two to three LUTs per bit of x, an exact row of a conditional addition one. In narrow formats the
//! exact product is smaller from two terms on. The encoder has one step of leading-one detection per term.
use super::family::{Choices, Family, Parameter};
use super::parts::{accumulate_multiples, after, filled, place, sign_ahead, twos_complement};
use super::shifter::{Shift, distance_bits};
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side, check_operand_bits, check_stages};
use crate::rtl::{Builder, Expr, cat, unsigned};
use std::sync::Arc;

pub const FAMILY: Family = Family {
    name: "csd",
    summary: "weights as sums of a few signed powers of two: shifts and additions",
    parameters: &[Parameter {
        name: "terms",
        choices: Choices::Integer { min: 1, max: 4, default: |_| 2 },
        help: "signed powers of two whose sum a weight is, at most",
    }],
    units: &[
        "operand_bits=8 terms=1",
        "operand_bits=8 terms=2",
        "operand_bits=8 terms=3 stages=1",
        "operand_bits=8 terms=4",
        "operand_bits=16 terms=2",
        "operand_bits=12 terms=3 stages=1",
        "operand_bits=10 terms=4 stages=2",
    ],
    make: |values| {
        Arc::new(Csd { operand_bits: values.operand_bits, terms: values.integer("terms"), stages: values.stages })
    },
};

/// The family of signed digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Csd {
    /// W, 4..=16.
    pub operand_bits: u32,
    /// n, 1..=4, and at most half of W, rounded up.
    pub terms: u32,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

impl Csd {
    /// Terms that are enough for every operand.
    fn enough(&self) -> u32 {
        self.operand_bits.div_ceil(2)
    }

    /// s: the places of a digit in its slot.
    fn places(&self) -> u32 {
        (self.operand_bits + 2).saturating_sub(2 * self.terms).max(2)
    }

    /// Width of `{sign, nonzero, place}`.
    fn slot_bits(&self) -> u32 {
        2 + distance_bits(self.places() - 1)
    }

    /// w' of w.
    fn nearest(&self, operand: i64) -> i64 {
        let mut rest = operand;
        for _ in 0..self.terms {
            let magnitude = rest.abs();
            if magnitude != 0 {
                let below = 1 << magnitude.ilog2();
                let nearest = if 2 * magnitude < 3 * below { below } else { 2 * below };
                rest -= rest.signum() * nearest;
            }
        }
        operand - rest
    }

    /// w' of a code.
    fn value(&self, code: u32) -> i64 {
        let slot = |index: u32| {
            let slot = code >> (index * self.slot_bits());
            let place_bits = self.slot_bits() - 2;
            let place = 2 * index + (slot & ((1 << place_bits) - 1));
            let (nonzero, sign) = (i64::from(slot >> place_bits & 1), i64::from(slot >> (place_bits + 1) & 1));
            ((1 - 2 * sign) * nonzero) << place
        };
        (0..self.terms).map(slot).sum()
    }

    /// |w'| of a magnitude: less what n steps leave of it.
    fn nearest_rtl(&self, m: &mut Builder, magnitude: &Expr) -> Expr {
        let mut rest = magnitude.clone();
        // Whether the rest is negative.
        let mut negative = Expr::zero(unsigned(1));
        for step in 1..=self.terms {
            // Below the leading one; a one next to it makes the next power the nearest, and the rest that to it.
            let below = after(&filled(m, &format!("filled{step}"), &rest));
            let below = m.wire(&format!("below{step}"), below);
            let next = &rest & &below & !after(&below);
            let up = m.wire(&format!("up{step}"), next.any());
            let low = (&rest ^ up.repeat(rest.width())) & below;
            rest = m.wire(&format!("rest{step}"), low + up.extend(rest.width()));
            negative = m.wire(&format!("negative{step}"), negative ^ up);
        }
        let positive = !negative;
        let rest = rest.clone() ^ positive.repeat(rest.width());
        m.wire("value", magnitude + rest + positive.extend(magnitude.width()))
    }
}

impl Arithmetic for Csd {
    fn name(&self) -> &'static str {
        "csd"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, terms, stages } = self;
        format!("operand_bits={operand_bits} terms={terms} stages={stages}")
    }

    fn validate(&self) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits)?;
        ParameterError::check("terms", self.terms, 1..=4)?;
        if self.terms > self.enough() {
            let problem = format!("{} are more than operands of {} bits have", self.terms, self.operand_bits);
            return Err(ParameterError::new("terms", problem, format!("choose 1 to {}", self.enough())));
        }
        check_stages(self.stages)
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
            Side::Stationary => self.terms * self.slot_bits(),
        }
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// That of `-2^(W-1)` with itself: it is one term, and nothing is rounded to more.
    fn product_bound(&self) -> i64 {
        1 << (2 * self.operand_bits - 2)
    }

    /// As the page of the family proves.
    fn error_bound(&self) -> ErrorBound {
        if self.terms == self.enough() {
            return ErrorBound::EXACT;
        }
        let largest = 3.0 / (2.0 * 4f64.powi(self.terms as i32) + 1.0);
        ErrorBound { relative_low: -largest, relative_high: largest, absolute: 0.0 }
    }

    fn encode(&self, side: Side, operand: i64, _: u32) -> u32 {
        debug_assert!(operand >> (self.operand_bits - 1) == operand >> 63);
        if side == Side::Moving {
            return operand as u32 & ((1 << self.operand_bits) - 1);
        }
        // Canonical digits, the lowest first: an odd rest loses 1 or -1, so that a multiple of 4 remains.
        let (mut digits, mut negative) = (0u32, 0u32);
        let mut rest = self.nearest(operand);
        for place in 0.. {
            if rest == 0 {
                break;
            }
            if rest & 1 == 1 {
                let digit = 2 - (rest & 3);
                digits |= 1 << place;
                negative |= u32::from(digit < 0) << place;
                rest -= digit;
            }
            rest >>= 1;
        }
        let mut code = 0;
        for slot in (0..self.terms).rev() {
            code <<= self.slot_bits();
            let left = digits >> (2 * slot);
            if left != 0 {
                let place = left.ilog2();
                let sign = negative >> (2 * slot + place) & 1;
                code |= (sign << 1 | 1) << (self.slot_bits() - 2) | place;
                digits ^= 1 << (2 * slot + place);
            }
        }
        code
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        twos_complement(moving, self.operand_bits) * self.value(stationary)
    }

    fn accumulate(&self, moving: &[u32], stationary: &[u32], n: usize, sums: &mut [i64]) {
        accumulate_multiples(|code| self.value(code), self.operand_bits, moving, stationary, n, sums);
    }

    fn encode_rtl(&self, m: &mut Builder, side: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        if side == Side::Moving {
            return operand.value(m).as_unsigned();
        }
        let bits = self.operand_bits;
        let sign = operand.sign(m);
        let magnitude = operand.magnitude(m);
        let value = if self.terms == self.enough() { magnitude } else { self.nearest_rtl(m, &magnitude) };

        let half = m.wire("half", after(&value));
        let mut digits = m.wire("digits", (&value + &half) ^ &half);
        let negative = m.wire("negative", half & &digits);
        let mut slots = Vec::new();
        for slot in (0..self.terms).rev() {
            let low = 2 * slot;
            let places = self.places().min(bits - low);
            let name = |what: &str| format!("{what}_slot{slot}");
            // Digits above the slot are in others.
            let window = m.wire(&name("window"), digits.slice(low, places));
            let taken = match places {
                1 => window.clone(),
                _ => &window & !after(&filled(m, &name("filled"), &window)),
            };
            let taken = m.wire(&name("taken"), taken);
            let nonzero = window.any();
            let minus = m.wire(&name("minus"), (&taken & negative.slice(low, places)).any() ^ (&sign & &nonzero));
            slots.extend([minus, nonzero, place(&taken, self.slot_bits() - 2)]);
            if slot > 0 {
                // What the window below, two places lower, still sees.
                let seen = self.places().min(bits - low + 2) - 2;
                digits = digits.slice(0, low);
                if seen > 0 {
                    let left = window.slice(0, seen) & !taken.slice(0, seen);
                    digits = cat(&[m.wire(&name("left"), left), digits]);
                }
            }
        }
        cat(&slots)
    }

    /// Signs relative to that of the lowest slot.
    fn lane_rtl(&self, _: &mut Builder, side: Side, code: &Expr) -> Expr {
        let bits = self.slot_bits();
        if side == Side::Moving || self.terms == 1 {
            return code.clone();
        }
        let sign = code.bit(bits - 1);
        let upper = (1..self.terms).rev().flat_map(|slot| {
            let low = slot * bits;
            [code.bit(low + bits - 1) ^ &sign, code.slice(low, bits - 1)]
        });
        cat(&upper.chain([code.slice(0, bits)]).collect::<Vec<_>>())
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let Self { terms, stages, .. } = *self;
        let (slot_bits, product_bits) = (self.slot_bits(), self.product_bits());
        let place_bits = slot_bits - 2;
        let operand = m.wire("operand", moving.as_signed());
        let shifted = |m: &mut Builder, slot: u32, stages: u32| {
            let low = slot * slot_bits;
            let name = format!("term{slot}_");
            let (nonzero, place) = (stationary.bit(low + place_bits), stationary.slice(low, place_bits));
            let most = self.places() - 1;
            Shift { name: &name, value: &operand, nonzero: &nonzero, distance: Some(&place), most }.build(m, stages)
        };
        let negative = sign_ahead(m, stationary.bit(slot_bits - 1), stages);
        if terms == 1 {
            // There is no sum to put a register before.
            let value = shifted(m, 0, stages);
            return Addend { value: m.wire("product", value.extend(product_bits)), negative: Some(negative) };
        }

        // Whether a slot is subtracted, from the first that can be.
        let mut minus: Vec<Expr> = (1..terms).map(|slot| stationary.bit((slot + 1) * slot_bits - 1)).collect();
        let lowest = shifted(m, 0, 0);
        let mut sum = m.wire("sum0", &lowest ^ minus[0].repeat(lowest.width()).as_signed());
        if stages >= 1 {
            sum = m.reg_unreset("sum0_q", sum);
            minus = (1..).zip(minus).map(|(slot, minus)| m.reg_unreset(&format!("minus{slot}_q"), minus)).collect();
        }
        let mut low = Vec::new();
        for slot in 1..terms {
            // A difference is the complement of the sum with the complement: this one is done, the next one may be due.
            let own = &minus[slot as usize - 1];
            let term = shifted(m, slot, stages.min(1));
            low.insert(0, sum.slice(0, 2) ^ own.repeat(2));
            let bits = product_bits - 2 * slot;
            let upper = sum.slice(2, sum.width() - 2).as_signed();
            let mut flip = own.clone();
            if let Some(next) = minus.get(slot as usize) {
                flip = m.wire(&format!("flip{slot}"), own ^ next);
                m.keep(&flip);
            }
            let fit = |value: &Expr| if value.width() > bits { value.truncate(bits) } else { value.extend(bits) };
            let added = fit(&upper) + fit(&term);
            sum = m.wire(&format!("sum{slot}"), added ^ flip.repeat(bits).as_signed());
        }
        low.insert(0, sum);
        let mut value = cat(&low).as_signed();
        if stages == 2 {
            value = m.reg_unreset("sum_terms_q", value);
        }
        Addend { value: m.wire("product", value), negative: Some(negative) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::errors::{check_bounds, check_signs, check_zero};
    use super::*;

    fn csd(operand_bits: u32, terms: u32) -> Csd {
        let family = Csd { operand_bits, terms, stages: 0 };
        family.validate().unwrap();
        family
    }

    /// What a weight is taken as.
    fn value(family: &Csd, weight: i64) -> i64 {
        family.value(family.encode(Side::Stationary, weight, 0))
    }

    /// All sums of at most `terms` signed powers of two below `2^bits`.
    fn sums(terms: u32, bits: u32) -> Vec<i64> {
        let mut sums = vec![0];
        for _ in 0..terms {
            let powers = || (0..bits).flat_map(|place| [1 << place, -(1 << place)]);
            sums = sums.iter().flat_map(|sum| powers().chain([0]).map(move |power| sum + power)).collect();
            sums.sort();
            sums.dedup();
        }
        sums
    }

    #[test]
    fn no_sum_of_as_many_powers_is_nearer() {
        for (bits, terms) in [(4, 1), (5, 2), (8, 1), (8, 2), (8, 3), (8, 4), (16, 1), (16, 2), (16, 3), (16, 4)] {
            let family = csd(bits, terms);
            let sums = sums(terms, bits + 1);
            for weight in -(1i64 << (bits - 1))..1 << (bits - 1) {
                let above = sums.partition_point(|&sum| sum < weight);
                let nearest = (sums[above] - weight).min(weight - sums[above.max(1) - 1]);
                assert_eq!((value(&family, weight) - weight).abs(), nearest, "{weight} in {terms} terms");
            }
        }
    }

    #[test]
    fn weights_are_what_the_terms_leave_least_of() {
        for (terms, weight, expected) in
            [(1, 11, 8), (1, 12, 16), (2, 11, 12), (2, 13, 12), (2, 43, 40), (3, 43, 44), (2, 127, 127), (2, 85, 80)]
        {
            assert_eq!(value(&csd(8, terms), weight), expected, "{weight}");
            assert_eq!(value(&csd(8, terms), -weight), -expected, "-{weight}");
        }
    }

    #[test]
    fn half_as_many_terms_as_bits_are_enough() {
        for (bits, terms) in [(4, 2), (5, 3), (6, 3), (7, 4), (8, 4)] {
            let family = csd(bits, terms);
            assert_eq!(family.error_bound(), ErrorBound::EXACT);
            assert!((-(1 << (bits - 1))..1 << (bits - 1)).all(|weight| value(&family, weight) == weight));
        }
    }

    #[test]
    #[allow(clippy::unusual_byte_groupings, reason = "grouped by field")]
    fn codes_are_digits_in_slots() {
        let family = csd(8, 2);
        // 127 = 128 - 1: slot 1 from place 2, slot 0 from place 0, each of six places.
        assert_eq!(family.encode(Side::Stationary, 127, 0), 0b0_1_101__1_1_000);
        // One digit takes the top slot, if it is high enough for it.
        assert_eq!(family.encode(Side::Stationary, -4, 0), 0b1_1_000__0_0_000);
        assert_eq!(family.encode(Side::Stationary, 2, 0), 0b0_0_000__0_1_001);
        assert_eq!(csd(8, 4).encode(Side::Stationary, 85, 0), 0b010_010_010_010);
    }

    #[test]
    fn products_keep_the_rules_of_zero_and_signs_and_both_bounds() {
        for (bits, terms) in [(4, 1), (4, 2), (7, 3), (8, 1), (8, 2), (8, 3), (8, 4), (9, 2)] {
            check_zero(&csd(bits, terms));
            check_signs(&csd(bits, terms));
            check_bounds(&csd(bits, terms));
        }
    }

    #[test]
    fn the_error_bound_is_reached() {
        for (terms, weight) in [(1, 3), (2, 11), (3, 43)] {
            let family = csd(8, terms);
            let error = (value(&family, weight) - weight).abs() as f64 / weight as f64;
            assert!((error - family.error_bound().relative_high).abs() < 1e-12);
        }
        let error = (value(&csd(10, 4), 171) - 171).abs() as f64 / 171.0;
        assert!((error - csd(10, 4).error_bound().relative_high).abs() < 1e-12);
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let wrong = |operand_bits, terms, stages| Csd { operand_bits, terms, stages }.validate().unwrap_err().parameter;
        assert_eq!(wrong(17, 2, 0), "operand_bits");
        assert_eq!(wrong(8, 0, 0), "terms");
        assert_eq!(wrong(8, 5, 0), "terms");
        assert_eq!(wrong(4, 3, 0), "terms");
        assert_eq!(wrong(8, 2, 3), "stages");
    }
}
