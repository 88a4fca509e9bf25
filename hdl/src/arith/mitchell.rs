//! Logarithmic products after J. N. Mitchell, "Computer Multiplication and Division Using Binary
//! Logarithms", IRE Transactions on Electronic Computers, 1962.
//!
//! With |x| = 2^k (1 + f), log2 |x| is taken as k + f. A product is the antilogarithm `2^K (1 + F)` of the
//! sum K + F of two such codes. The code rounds f to a few bits, and the product drops low bits.
use super::family::{Choices, Family, Parameter};
use super::parts::{magnitude, normalise};
use super::{Addend, Arithmetic, ErrorBound, ParameterError, Side, accumulate_by, check_operand_bits, check_stages};
use crate::rtl::{Builder, Expr, cat, mux, unsigned};
use std::sync::Arc;

pub const FAMILY: Family = Family {
    name: "mitchell",
    summary: "sums of logarithms (Mitchell 1962), with short fractions and dropped product bits",
    parameters: &[
        Parameter {
            name: "fraction_bits",
            // Full precision needs fewer bits in narrow formats.
            choices: Choices::Integer { min: 0, max: 15, default: |operand_bits| 4.min(operand_bits - 1) },
            help: "fraction bits of the log code",
        },
        Parameter {
            name: "dropped_bits",
            choices: Choices::Integer { min: 0, max: 30, default: |_| 0 },
            help: "low product bits that are never formed",
        },
    ],
    units: &[
        "operand_bits=8 fraction_bits=6",
        "operand_bits=8 fraction_bits=4",
        "operand_bits=8 fraction_bits=3 dropped_bits=4 stages=1",
        "operand_bits=16 fraction_bits=14 stages=1",
        "operand_bits=16 fraction_bits=4 dropped_bits=8",
        "operand_bits=16 fraction_bits=4 dropped_bits=16",
        "operand_bits=16 fraction_bits=3 dropped_bits=16 stages=2",
    ],
    make: |values| {
        Arc::new(Mitchell {
            operand_bits: values.operand_bits,
            fraction_bits: values.integer("fraction_bits"),
            dropped_bits: values.integer("dropped_bits"),
            stages: values.stages,
        })
    },
};

/// The Mitchell family.
///
/// A code is `{nonzero, sign, k, f}`, most significant first, of 1 + 1 + ceil(log2 W) + F bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mitchell {
    /// W, 4..=16.
    pub operand_bits: u32,
    /// F: bits kept of the fraction, 0..=W-1. Full from W-2 on.
    pub fraction_bits: u32,
    /// Low product bits that are not formed, 0..=2W-2.
    pub dropped_bits: u32,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

impl Mitchell {
    /// Width of the characteristic k, which is at most W - 1.
    pub fn characteristic_bits(&self) -> u32 {
        // ceil(log2 W) for W >= 2.
        32 - (self.operand_bits - 1).leading_zeros()
    }

    /// Whether every operand keeps its whole fraction.
    ///
    /// Magnitudes below `2^(W-1)` have at most W - 2 fraction bits; `2^(W-1)` itself has none.
    pub fn is_full(&self) -> bool {
        self.fraction_bits + 2 >= self.operand_bits
    }

    /// Number of low bits of the characteristic sum K that shift the mantissa bit by bit: the shifted mantissa then
    /// spans no more than two groups of `2^fine` bits, since `F <= 2^fine`.
    fn fine_bits(&self) -> u32 {
        self.fraction_bits.max(1).next_power_of_two().ilog2()
    }
}

impl Arithmetic for Mitchell {
    fn name(&self) -> &'static str {
        "mitchell"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, fraction_bits, dropped_bits, stages } = self;
        format!(
            "operand_bits={operand_bits} fraction_bits={fraction_bits} dropped_bits={dropped_bits} \
             stages={stages}"
        )
    }

    fn validate(&self) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits)?;
        if self.fraction_bits >= self.operand_bits {
            return Err(ParameterError {
                parameter: "fraction_bits",
                problem: format!("{} is more than operand_bits - 1 = {}", self.fraction_bits, self.operand_bits - 1),
            });
        }
        let most = 2 * self.operand_bits - 2;
        if self.dropped_bits > most {
            return Err(ParameterError {
                parameter: "dropped_bits",
                problem: format!("{} leaves nothing of a product below 2^{most}", self.dropped_bits),
            });
        }
        check_stages(self.stages)
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn code_bits(&self, _: Side) -> u32 {
        2 + self.characteristic_bits() + self.fraction_bits
    }

    fn dropped_bits(&self) -> u32 {
        self.dropped_bits
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// `2^(2W-2-dropped)`: the magnitude grows with {k, f} of either code, and the largest of those is
    /// {W-1, 0}, of the operand `-2^(W-1)`.
    fn product_bound(&self) -> i64 {
        1 << (2 * self.operand_bits - 2 - self.dropped_bits)
    }

    /// Rounding f to F bits moves it by at most `2^-(F+1)`, so a magnitude m = 2^k (1 + f) is taken as v
    /// with |v - m| <= d m, d = `2^-(F+1)` (0 with a full fraction). Mitchell's product M of v1 and v2
    /// satisfies `8/9 v1 v2 <= M <= v1 v2`: with fractions x and y, without carry
    /// `M / v1v2 = (1 + x + y) / ((1 + x)(1 + y))`, with carry `2 (x + y) / ((1 + x)(1 + y))`; both are
    /// at most 1, and least at x = y = 1/2. Hence `8/9 (1 - d)^2 ab <= M <= (1 + d)^2 ab`. The floor
    /// then takes less than one unit of `2^dropped`; and nothing when the fraction is full and no bit is
    /// dropped, since M is an integer then.
    fn error_bound(&self) -> ErrorBound {
        let full = self.is_full();
        let rounding = if full { 0.0 } else { 0.5f64.powi(self.fraction_bits as i32 + 1) };
        ErrorBound {
            relative_low: 8.0 / 9.0 * (1.0 - rounding).powi(2) - 1.0,
            relative_high: (1.0 + rounding).powi(2) - 1.0,
            absolute: if full && self.dropped_bits == 0 { 0.0 } else { 2f64.powi(self.dropped_bits as i32) },
        }
    }

    #[inline]
    fn encode(&self, _: Side, operand: i64, _: u32) -> u32 {
        debug_assert!(operand >> (self.operand_bits - 1) == operand >> 63);
        if operand == 0 {
            return 0;
        }
        let fraction_bits = self.fraction_bits;
        let magnitude = operand.unsigned_abs() as u32;
        let k = magnitude.ilog2();
        let rest = magnitude - (1 << k);
        let fraction = if k <= fraction_bits {
            rest << (fraction_bits - k)
        } else {
            let lost = k - fraction_bits;
            (rest + (1 << (lost - 1))) >> lost
        };
        // A fraction that rounds up to 1 carries into k.
        let logarithm = (k << fraction_bits) + fraction;
        let sign = u32::from(operand < 0);
        (0b10 | sign) << (self.characteristic_bits() + fraction_bits) | logarithm
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        let fraction_bits = self.fraction_bits;
        let logarithm_bits = self.characteristic_bits() + fraction_bits;
        let logarithm = (1 << logarithm_bits) - 1;
        let one = 1u32 << fraction_bits;

        let sum = (moving & logarithm) + (stationary & logarithm);
        let antilog = u64::from(one | (sum & (one - 1))) << (sum >> fraction_bits);
        let magnitude = (antilog >> (fraction_bits + self.dropped_bits)) as i64;

        // Branches here would depend on the data; masks cost one operation each.
        let negative = -i64::from((moving ^ stationary) >> logarithm_bits & 1);
        let nonzero = -i64::from((moving & stationary) >> (logarithm_bits + 1));
        ((magnitude ^ negative) - negative) & nonzero
    }

    /// With a short fraction there are few sums of two logarithms, and a table of their products is faster
    /// than two shifts by variable distances.
    fn accumulate(&self, moving: &[u32], stationary: &[u32], n: usize, sums: &mut [i64]) {
        let sign_bit = self.characteristic_bits() + self.fraction_bits;
        // Two bits `{nonzero, sign}` above the sum of two logarithms.
        let entries = 1 << (sign_bit + 3);
        if entries > TABLE || moving.len() * n < entries {
            return accumulate_by(|a, b| self.product(a, b), moving, stationary, n, sums);
        }
        // Products of a positive moving code, by {nonzero and sign of the other, sum of the logarithms}.
        // Magnitudes are at most 2^30. No code has a larger logarithm than {W-1, 0}.
        let mut table = [0; TABLE];
        let logarithm = (1u32 << sign_bit) - 1;
        let positive = 0b10 << sign_bit;
        let largest = (self.operand_bits - 1) << self.fraction_bits;
        for sum in 0..=2 * largest {
            let first = sum.min(largest);
            let product = self.product(positive | first, positive | (sum - first)) as i32;
            let index = 2 * positive as usize + sum as usize;
            table[index] = product;
            table[index + (2 << sign_bit)] = -product;
        }
        let product = |moving: u32, stationary: u32| {
            // The upper bits, added once more, make room for the carry of the sum.
            let index = stationary + (stationary & !logarithm) + (moving & logarithm);
            let product = i64::from(table[index as usize % TABLE]);
            let negative = -i64::from(moving >> sign_bit & 1);
            (product ^ negative) - negative
        };
        accumulate_by(product, moving, stationary, n, sums);
    }

    fn encode_rtl(&self, m: &mut Builder, _: Side, operand: &Expr, _: Option<&Expr>) -> Expr {
        let sign = operand.msb();
        let magnitude = magnitude(m, operand);

        // A full fraction has nothing below it to round by.
        let rounding = u32::from(!self.is_full());
        let (normal, characteristic) = normalise(m, &magnitude, 1 + self.fraction_bits + rounding);
        let nonzero = normal.msb();
        let exact = if self.fraction_bits == 0 {
            characteristic
        } else {
            cat(&[characteristic, normal.slice(rounding, self.fraction_bits)])
        };
        let logarithm = if self.is_full() { exact } else { &exact + normal.bit(0).extend(exact.width()) };
        cat(&[nonzero, sign, logarithm])
    }

    /// With {K, f} the sum of the logarithms, `{1, f}` is shifted left by K. The low bits of K do it bit by bit; the
    /// high ones tell in which two groups of bits of the product the result lies, and each group takes its half of it.
    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let Self { operand_bits, fraction_bits, dropped_bits, stages } = *self;
        let characteristic_bits = self.characteristic_bits();
        let logarithm_bits = characteristic_bits + fraction_bits;
        let sum = |a: &Expr, b: &Expr| {
            let operand = |code: &Expr| code.slice(0, logarithm_bits).extend(logarithm_bits + 1);
            operand(a) + operand(b)
        };
        let mut logarithm = m.wire("logarithm", sum(moving, stationary));
        m.comment(&logarithm, "characteristic and fraction");
        let mut negative = m.wire("negative", moving.bit(logarithm_bits) ^ stationary.bit(logarithm_bits));

        // K below `dropped` leaves nothing. Then a zero code, which is K = k of the other one, at most W - 1, may need
        // no bit of its own, and the top bit of K is 1 in every product that is not 0.
        let mut nonzero = None;
        if dropped_bits >= operand_bits {
            m.discard(moving.msb());
            m.discard(stationary.msb());
        } else {
            nonzero = Some(m.wire("nonzero", moving.msb() & stationary.msb()));
        }
        if stages == 2 {
            logarithm = m.reg("logarithm_q", logarithm);
            negative = m.reg("negative_q", negative);
            nonzero = nonzero.map(|nonzero| m.reg("nonzero_q", nonzero));
        }
        let high = dropped_bits >= 1 << characteristic_bits;
        let keep = match nonzero {
            _ if high => Some(logarithm.msb()),
            other => other,
        };

        // Bits of the shifted mantissa below `offset` belong to no product.
        let offset = if high { 1 << characteristic_bits } else { 0 };
        let fine_bits = self.fine_bits();
        let group = 1 << fine_bits;
        let one = Expr::constant(unsigned(1), 1);
        let mut shifted = if fraction_bits == 0 { one } else { cat(&[one, logarithm.slice(0, fraction_bits)]) };
        if fine_bits == 0 {
            shifted = keep.as_ref().map_or(shifted.clone(), |keep| shifted.gate(keep));
        }
        shifted = m.wire("mantissa", shifted);
        for step in 0..fine_bits {
            let zeros = Expr::zero(unsigned(1 << step));
            let by = logarithm.bit(fraction_bits + step);
            let mut next = mux(&by, &cat(&[shifted.clone(), zeros.clone()]), &cat(&[zeros, shifted]));
            if step == 0 {
                next = keep.as_ref().map_or(next.clone(), |keep| next.gate(keep));
            }
            shifted = m.wire(&format!("shifted{}", 1 << step), next);
        }

        let coarse_bits = characteristic_bits + 1 - fine_bits - u32::from(high);
        let mut coarse =
            (coarse_bits > 0).then(|| m.wire("coarse", logarithm.slice(fraction_bits + fine_bits, coarse_bits)));
        let width = 2 * group;
        let padding = width - shifted.width();
        let mut halves = if padding == 0 { shifted } else { cat(&[Expr::zero(unsigned(padding)), shifted]) };
        if let Some(coarse) = coarse.as_ref().filter(|coarse| coarse.width() >= 2) {
            // Half h (0 low, 1 high) to the groups with index % 2 = h.
            let swapped = cat(&[halves.slice(0, group), halves.slice(group, group)]);
            halves = mux(&coarse.bit(0), &swapped, &halves);
        }
        halves = m.wire("halves", halves);
        if stages >= 1 {
            let name = |base: &str| format!("{base}{stages}_q");
            halves = m.reg(&name("halves"), halves);
            negative = m.reg(&name("negative"), negative);
            coarse = coarse.map(|coarse| m.reg(&name("coarse"), coarse));
        }

        let complement = m.wire("complement", &halves ^ negative.repeat(width));
        let lowest = fraction_bits + dropped_bits - offset;
        let highest = fraction_bits + 2 * operand_bits - 2 - offset;
        let mut parts = vec![negative.clone()];
        let mut used = vec![false; width as usize];
        for index in (lowest / group..=highest / group).rev() {
            // The bits of this group that belong to the product.
            let low = lowest.saturating_sub(index * group);
            let bits = (highest - index * group + 1).min(group) - low;
            let half = |half: u32| complement.slice(half * group + low, bits);
            let nothing = negative.repeat(bits);
            let mut mark = |half: u32| used[(half * group + low) as usize..][..bits as usize].fill(true);
            parts.push(match &coarse {
                Some(coarse) if coarse.width() == 1 => {
                    let mut choice = |number: u32, nothing: &Expr| {
                        (number < 2).then(|| mark(number)).map_or(nothing.clone(), |()| half(number))
                    };
                    mux(coarse, &choice(index.wrapping_sub(1), &nothing), &choice(index, &nothing))
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
            m.discard(complement.bit(bit));
        }
        Addend { value: m.wire("product", cat(&parts).as_signed()), increment: Some(negative) }
    }
}

/// Whether group `index` holds a half of the shifted mantissa, which lies in the groups `coarse` and `coarse + 1`;
/// `coarse` has at least two bits.
fn covers(coarse: &Expr, index: u32) -> Expr {
    let is = |value: u32| coarse.is(i64::from(value));
    match index {
        1 if coarse.width() == 2 => !coarse.bit(1),
        3 if coarse.width() == 2 => coarse.bit(1),
        _ if index % 2 == 1 => coarse.slice(1, coarse.width() - 1).is(i64::from(index / 2)),
        0 => is(0),
        _ if index == 1 << coarse.width() => is(index - 1),
        _ => is(index - 1) | is(index),
    }
}

/// Most entries of a table of products: 32 KiB.
const TABLE: usize = 1 << 13;

#[cfg(test)]
mod tests {
    use super::*;

    fn mitchell(operand_bits: u32, fraction_bits: u32, dropped_bits: u32) -> Mitchell {
        let family = Mitchell { operand_bits, fraction_bits, dropped_bits, stages: 0 };
        family.validate().unwrap();
        family
    }

    /// Unsigned 8-bit magnitudes are the positive operands of 9 bits.
    fn full_8x8() -> Mitchell {
        mitchell(9, 8, 0)
    }

    fn product(family: &Mitchell, a: i64, b: i64) -> i64 {
        family.product(family.encode(Side::Moving, a, 0), family.encode(Side::Moving, b, 0))
    }

    /// Mitchell's product of integers as first defined, without codes and without truncation.
    fn classic(a: i64, b: i64) -> i64 {
        if a == 0 || b == 0 {
            return 0;
        }
        let (k1, k2) = (a.ilog2(), b.ilog2());
        let (x, y) = (a - (1 << k1), b - (1 << k2));
        let whole = 1 << (k1 + k2);
        let s = (x << k2) + (y << k1);
        if s < whole { whole + s } else { 2 * s }
    }

    #[test]
    fn a_full_fraction_gives_the_classic_product() {
        for family in [full_8x8(), mitchell(9, 7, 0)] {
            for a in 0..256 {
                for b in 0..256 {
                    assert_eq!(product(&family, a, b), classic(a, b), "{a} * {b}");
                }
            }
        }
    }

    #[test]
    fn the_signs_are_those_of_the_product() {
        let family = mitchell(9, 3, 2);
        for a in 0..256 {
            for b in (0..256).step_by(7) {
                let positive = product(&family, a, b);
                assert_eq!(product(&family, -a, b), -positive);
                assert_eq!(product(&family, a, -b), -positive);
                assert_eq!(product(&family, -a, -b), positive);
            }
        }
    }

    #[test]
    fn known_products() {
        let family = full_8x8();
        for (a, b, expected) in [(3, 3, 8), (7, 7, 48), (255, 255, 65024), (100, 200, 18432), (128, 64, 8192)] {
            assert_eq!(product(&family, a, b), expected);
        }
    }

    #[test]
    fn the_published_error_table_of_8x8() {
        let family = full_8x8();
        let (mut sum, mut worst, mut worst_absolute, mut exact, mut pairs) = (0.0, 0.0f64, 0, 0, 0);
        for a in 1..256 {
            for b in 1..256 {
                let error = product(&family, a, b) - a * b;
                assert!(error <= 0);
                let relative = error as f64 / (a * b) as f64;
                sum += relative;
                worst = worst.min(relative);
                worst_absolute = worst_absolute.max(-error);
                exact += i64::from(error == 0);
                pairs += 1;
            }
        }
        let percent = |x: f64| 100.0 * x / pairs as f64;
        assert_eq!(format!("{:.3}", percent(sum)), "-3.788");
        assert_eq!(format!("{:.2}", 100.0 * worst), "-11.11");
        assert_eq!(worst_absolute, 4096);
        assert_eq!(format!("{:.1}", percent(exact as f64)), "6.2");
    }

    #[test]
    fn every_8x8_product_is_within_the_bound() {
        for fraction_bits in 0..=8 {
            for dropped_bits in [0, 1, 5, 9, 16] {
                let family = mitchell(9, fraction_bits, dropped_bits);
                let bound = family.error_bound();
                for a in 1..256 {
                    for b in 1..256 {
                        assert!(bound.holds(a, b, product(&family, a, b) << dropped_bits), "{family:?}: {a} * {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_product_bound_is_reached_and_not_passed() {
        for (bits, fraction_bits, dropped_bits) in [(4, 3, 0), (4, 0, 6), (8, 4, 3), (9, 2, 0)] {
            let family = mitchell(bits, fraction_bits, dropped_bits);
            let codes: Vec<u32> =
                (-(1 << (bits - 1))..1 << (bits - 1)).map(|x| family.encode(Side::Moving, x, 0)).collect();
            let largest = codes.iter().flat_map(|&a| codes.iter().map(move |&b| family.product(a, b).abs())).max();
            assert_eq!(largest, Some(family.product_bound()));
        }
        let family = mitchell(16, 15, 0);
        assert_eq!(product(&family, -32768, -32768), family.product_bound());
    }

    #[test]
    fn the_table_has_the_products() {
        for (bits, fraction_bits, dropped_bits) in [(4, 0, 0), (6, 2, 3), (9, 5, 0), (16, 4, 8), (16, 6, 0)] {
            let family = mitchell(bits, fraction_bits, dropped_bits);
            let mut codes: Vec<u32> =
                (-(1 << (bits - 1))..1 << (bits - 1)).map(|x| family.encode(Side::Moving, x, 0)).collect();
            codes.sort();
            codes.dedup();
            let mut sums = vec![1; codes.len() * codes.len()];
            family.accumulate(&codes, &codes, codes.len(), &mut sums);
            for (row, &a) in sums.chunks(codes.len()).zip(&codes) {
                for (&sum, &b) in row.iter().zip(&codes) {
                    assert_eq!(sum, 1 + family.product(a, b), "{family:?} {a:x} * {b:x}");
                }
            }
        }
    }

    #[test]
    fn zero_has_the_zero_code_and_nothing_else_has() {
        for (bits, fraction_bits) in [(4, 0), (9, 8), (16, 4), (16, 15)] {
            let family = mitchell(bits, fraction_bits, 0);
            for operand in -(1 << (bits - 1))..1 << (bits - 1) {
                let code = family.encode(Side::Moving, operand, 0);
                assert_eq!(code == 0, operand == 0);
                assert_eq!(code >> family.code_bits(Side::Moving), 0);
                assert_eq!(family.product(code, 0), 0);
                assert_eq!(family.product(0, code), 0);
            }
        }
    }

    #[test]
    fn a_fraction_that_rounds_up_to_one_carries() {
        let family = mitchell(8, 2, 0);
        // 15 = 8 * 1.875, and 1.875 rounds to 2.
        assert_eq!(family.encode(Side::Moving, 15, 0), family.encode(Side::Moving, 16, 0));
        assert_eq!(family.encode(Side::Moving, 127, 0), 0b101_1100);
        assert_eq!(family.encode(Side::Moving, -128, 0), 0b111_1100);
        // Half rounds up: 9 = 8 * 1.125 is taken as 8 * 1.25.
        assert_eq!(family.encode(Side::Moving, 9, 0), family.encode(Side::Moving, 10, 0));
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let good = mitchell(16, 4, 8);
        let wrong = |family: Mitchell| family.validate().unwrap_err().parameter;
        assert_eq!(wrong(Mitchell { operand_bits: 17, ..good }), "operand_bits");
        assert_eq!(wrong(Mitchell { fraction_bits: 16, ..good }), "fraction_bits");
        assert_eq!(wrong(Mitchell { dropped_bits: 31, ..good }), "dropped_bits");
        assert_eq!(wrong(Mitchell { stages: 3, ..good }), "stages");
    }
}
