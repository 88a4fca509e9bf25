//! Reconfigurable constant coefficient multipliers, after the idea of J. Faraone, M. Kumm, M. Hardieck, P. Zipf, X. Liu,
//! D. Boland, P. H. W. Leong, "AddNet: Deep Neural Networks Using FPGA-Optimized Multipliers", IEEE Transactions on VLSI
//! Systems, 2020: adders, fixed shifts and multiplexers, of which a configuration word makes one of a few coefficients. The
//! topologies and coefficients here are not those of that paper.
//!
//! **Definition.** There are two or three multiplexers, each with a pair of shifts s < t. A multiplexer has one of four
//! values, chosen by two bits of the configuration word:
//!
//! | choice | 0 | 1 | 2 | 3 |
//! |---|---|---|---|---|
//! | value | 0 | `2^s` | `2^t` | `-2^s` |
//!
//! The coefficient of a word is the sum of these: one adder joins two multiplexers, a chain of two adders joins three. With
//! d dropped bits, a coefficient c stands for the stationary operand `c 2^d`; those of W - 1 - d bits at most are used, and
//! each magnitude is taken as the nearest one, of two equally near ones the larger. The word is the smallest whose coefficient
//! is c or -c. The product of a moving operand x is `x * c`, exactly, in units of `2^d`.
//!
//! **Codes.** The moving code is x itself, W bits in two's complement. The stationary code is `{negative, choices}`, the
//! choice of the last pair of shifts first: 1 + 2n bits for n multiplexers. The bit negative negates the coefficient of the
//! word, to the sign of the operand. Word 0 has the coefficient 0; an operand that is taken as 0 has the code 0.
//!
//! **Hardware.** The stationary encoder is a table of magnitudes. It need not read their d - 1 lowest bits: half-way points
//! between multiples of `2^d` are multiples of `2^(d-1)`, and ties go up. In a processing element, a bit of a multiplexer
//! depends on two bits of x and two of the choice: one LUT4. The choice 3 is the complement, and the adder behind the
//! multiplexer takes the one that is missing as its carry-in. Each adder begins at the lower shift of its multiplexer, bits
//! below it pass by; so the multiplexers are added in the order of these shifts, and the first has the shift 0. It has no
//! adder to take the one that its complement lacks: with f for "the first choice is 3", the adders make S and the product is
//! S + f. Since `S + 1 = -~S`, the sum is complemented by f in the LUTs of the last adder, and the sign of the product
//! is that of the code, exclusive or f; the adder of the column subtracts by it.
//!
//! **The shifts.** [`search`] finds the shifts with the least error for weights of a given histogram. Those of the
//! default have the least mean square for three multiplexers, coefficients of 7 bits, and a discrete [`laplacian`] with a mean
//! magnitude of 16, an eighth of the range.
//!
//! **Error bound.** The product is exact in c: `||p| 2^d - |ab|| = |a| * ||c| 2^d - |b||`. That is at most `2^(W-1) r`, with r the
//! farthest that a magnitude is from its coefficient, looked up over all of them; a = `-2^(W-1)` reaches it with that
//! magnitude. It is an absolute bound: the smallest weights may be taken as 0.
//!
//! **Where it loses.** A multiplexer and its adder take two LUT4s per bit for two bits of the configuration word; two
//! conditional additions of an exact product take as many for two bits of a weight. What is won is only that few
//! coefficients, near 0 dense and far out sparse, serve as well as many equally spaced ones. Where weights are spread
//! evenly, fewer bits of an exact product are the better choice.
use super::family::{Choices, Family, Parameter};
use super::parts::{accumulate_multiples, add_above, shifted, table, twos_complement};
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side, check_operand_bits, check_stages};
use crate::rtl::{Builder, Expr, cat, select, signed};
use std::sync::Arc;

/// What [`search`] finds for a Laplacian; a test repeats it.
const DEFAULT_SHIFTS: &[u32] = &[0, 5, 1, 6, 3, 4];

pub const FAMILY: Family = Family {
    name: "rccm",
    summary: "weights from the coefficients that multiplexed shifts and one or two adders make (idea of AddNet 2020)",
    parameters: &[
        Parameter {
            name: "shifts",
            choices: Choices::Integers { min: 0, max: MAX_SHIFT, default: DEFAULT_SHIFTS },
            help: "two shifts s < t per multiplexer, whose value is 0, 2^s, 2^t or -2^s: four for one adder, six for two",
        },
        Parameter {
            name: "dropped_bits",
            // Coefficients of 7 bits.
            choices: Choices::Integer { min: 0, max: 30, default: |operand_bits| operand_bits.saturating_sub(8) },
            help: "low product bits that are never formed",
        },
    ],
    units: &[
        "operand_bits=8 shifts=0,5,1,6,3,4",
        "operand_bits=8 shifts=0,1,2,3,4,5 dropped_bits=2",
        "operand_bits=8 shifts=0,4,2,3 dropped_bits=2",
        "operand_bits=8 shifts=0,4,2,3 dropped_bits=2 stages=1",
        "operand_bits=16 shifts=0,5,1,6,3,4 dropped_bits=8 stages=2",
        "operand_bits=16 shifts=0,4,2,3 dropped_bits=10",
    ],
    make: |values| {
        let shifts = values.integers("shifts").to_vec();
        Arc::new(Rccm::new(values.operand_bits, shifts, values.integer("dropped_bits"), values.stages))
    },
};

/// Coefficients of up to 8 bits need no larger shifts.
const MAX_SHIFT: u32 = 7;

/// Bits of a coefficient's magnitude: enough for a range to cover, and few enough for a table in the encoder.
const COEFFICIENT_BITS: std::ops::RangeInclusive<u32> = 3..=8;

/// The family of reconfigurable constant coefficient multipliers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rccm {
    /// W, 4..=16.
    operand_bits: u32,
    /// Pairs s < t, one per multiplexer.
    shifts: Vec<u32>,
    /// Low bits of a stationary operand that no coefficient has.
    dropped_bits: u32,
    /// Pipeline registers inside the product, 0..=2.
    stages: u32,
    /// The stationary code of each magnitude up to `2^(W-1)`, for a positive operand; empty where a parameter is out of range.
    codes: Vec<u32>,
}

/// The coefficient of a configuration word.
fn coefficient(shifts: &[u32], word: u32) -> i64 {
    let values = shifts.chunks_exact(2).enumerate().map(|(i, pair)| match word >> (2 * i) & 3 {
        0 => 0,
        1 => 1 << pair[0],
        2 => 1 << pair[1],
        _ => -1 << pair[0],
    });
    values.sum()
}

/// The magnitudes of the coefficients that have at most `bits` bits, ascending.
fn magnitudes(shifts: &[u32], bits: u32) -> Vec<u32> {
    let mut has = vec![false; 1 << bits];
    for word in 0..1 << shifts.len() {
        if let Some(has) = has.get_mut(coefficient(shifts, word).unsigned_abs() as usize) {
            *has = true;
        }
    }
    (0..1 << bits).filter(|&magnitude| has[magnitude as usize]).collect()
}

/// The value nearest to `magnitude` of ascending ones, of two equally near ones the larger.
fn nearest(values: &[u32], magnitude: u32) -> u32 {
    let next = values.partition_point(|&value| value < magnitude);
    let around = values[next.saturating_sub(1)..].iter().take(2);
    *around.min_by_key(|&&value| (value.abs_diff(magnitude), value < magnitude)).expect("0 is a coefficient")
}

/// Neighbours among the magnitudes, and the end of their range after the last, that are farther apart than a quarter of it.
fn hole(magnitudes: &[u32], bits: u32) -> Option<(u32, u32)> {
    let ends = magnitudes.iter().copied().skip(1).chain(std::iter::once(1 << bits));
    magnitudes.iter().copied().zip(ends).find(|(low, high)| high - low > 1 << (bits - 2))
}

/// What [`search`] makes small, on the average over a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deviation {
    Absolute,
    Squared,
}

/// The sum of the deviations of all that a histogram counts: `histogram[m]` weights of magnitude m, in units of
/// `2^dropped_bits`, are rounded to the nearest coefficient. The histogram has `2^bits` entries.
pub fn deviation(shifts: &[u32], histogram: &[u64], kind: Deviation) -> u128 {
    let values = magnitudes(shifts, histogram.len().ilog2());
    let each = (0..).zip(histogram).map(|(magnitude, &count)| {
        let error = u128::from(nearest(&values, magnitude).abs_diff(magnitude));
        u128::from(count)
            * match kind {
                Deviation::Absolute => error,
                Deviation::Squared => error * error,
            }
    });
    each.sum()
}

/// The shifts of `multiplexers` multiplexers with the least deviation for a histogram of magnitudes (see [`deviation`]); of
/// equally good ones the first in order. Shifts that [`Arithmetic::validate`] refuses are left out.
///
/// # Panics
/// If no shifts are left, or the histogram is not one of coefficients: `2^bits` entries for 3 to 8 bits.
pub fn search(multiplexers: usize, histogram: &[u64], kind: Deviation) -> Vec<u32> {
    let bits = histogram.len().ilog2();
    assert!(COEFFICIENT_BITS.contains(&bits) && histogram.len() == 1 << bits, "a histogram of {}", histogram.len());
    let pairs: Vec<[u32; 2]> = (0..=MAX_SHIFT).flat_map(|s| (s + 1..=MAX_SHIFT).map(move |t| [s, t])).collect();
    // Multisets of pairs, ascending, the first with the shift 0.
    let first = pairs.iter().take_while(|pair| pair[0] == 0).map(|pair| pair.to_vec());
    let sets = (1..multiplexers).fold(first.collect::<Vec<_>>(), |sets, _| {
        let larger = |set: &Vec<u32>| {
            let last = pairs.partition_point(|pair| pair[..] < set[set.len() - 2..]);
            let set = set.clone();
            pairs[last..].iter().map(move |pair| [&set[..], pair].concat()).collect::<Vec<_>>()
        };
        sets.iter().flat_map(larger).collect()
    });
    let covering = sets.into_iter().filter(|set| hole(&magnitudes(set, bits), bits).is_none());
    covering.min_by_key(|set| deviation(set, histogram, kind)).expect("shifts without a hole")
}

/// A histogram of magnitudes that fall off geometrically, as those of a Laplacian: `2^bits` entries, `mean` their mean but for
/// what the range cuts off.
pub fn laplacian(bits: u32, mean: u64) -> Vec<u64> {
    let each = std::iter::successors(Some(1u64 << 40), |count| Some(count * mean / (mean + 1)));
    each.take(1 << bits).collect()
}

impl Rccm {
    /// Operands of `operand_bits` bits, `stages` pipeline registers inside the product.
    pub fn new(operand_bits: u32, shifts: Vec<u32>, dropped_bits: u32, stages: u32) -> Self {
        let mut family = Self { operand_bits, shifts, dropped_bits, stages, codes: Vec::new() };
        if family.validate().is_ok() {
            let values = family.magnitudes();
            let code = |magnitude: u32| {
                let words = (0..1 << family.shifts.len()).map(|word| (word, coefficient(&family.shifts, word)));
                let mut words = words.filter(|(_, c)| c.unsigned_abs() == u64::from(magnitude));
                let (word, c) = words.next().expect("a word of each magnitude");
                u32::from(c < 0) << family.sign_bit() | word
            };
            let codes: Vec<u32> = values.iter().map(|&value| code(value)).collect();
            let scaled: Vec<u32> = values.iter().map(|value| value << dropped_bits).collect();
            let rounded = (0..=1 << (operand_bits - 1)).map(|magnitude| nearest(&scaled, magnitude));
            family.codes = rounded.map(|value| codes[scaled.partition_point(|&other| other < value)]).collect();
        }
        family
    }

    /// Bits of a coefficient's magnitude.
    fn coefficient_bits(&self) -> u32 {
        (self.operand_bits - 1).saturating_sub(self.dropped_bits)
    }

    fn magnitudes(&self) -> Vec<u32> {
        magnitudes(&self.shifts, self.coefficient_bits())
    }

    /// Above the two bits of each multiplexer, of which each has two shifts.
    fn sign_bit(&self) -> u32 {
        self.shifts.len() as u32
    }

    /// The coefficient of a stationary code.
    fn coefficient(&self, code: u32) -> i64 {
        let coefficient = coefficient(&self.shifts, code);
        if code >> self.sign_bit() == 0 { coefficient } else { -coefficient }
    }
}

impl Arithmetic for Rccm {
    fn name(&self) -> &'static str {
        "rccm"
    }

    fn parameters(&self) -> String {
        let Self { operand_bits, shifts, dropped_bits, stages, .. } = self;
        let shifts: Vec<String> = shifts.iter().map(u32::to_string).collect();
        let shifts = shifts.join(",");
        format!("operand_bits={operand_bits} shifts={shifts} dropped_bits={dropped_bits} stages={stages}")
    }

    fn validate(&self) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits)?;
        check_stages(self.stages)?;
        let bits = self.coefficient_bits();
        if !COEFFICIENT_BITS.contains(&bits) {
            let (least, most) = (COEFFICIENT_BITS.start(), COEFFICIENT_BITS.end());
            let problem = format!("{} leaves coefficients of {bits} bits, outside {least}..={most}", self.dropped_bits);
            let magnitude = self.operand_bits - 1;
            let remedy = format!("choose {} to {}", magnitude.saturating_sub(*most), magnitude - least);
            return Err(ParameterError::new("dropped_bits", problem, remedy));
        }
        let shifts = &self.shifts;
        if let Some(&shift) = shifts.iter().find(|&&shift| shift > MAX_SHIFT) {
            ParameterError::check("shifts", shift, 0..=MAX_SHIFT)?;
        }
        let (problem, remedy) = if ![4, 6].contains(&shifts.len()) {
            (format!("there are {}", shifts.len()), "choose 4 for one adder, or 6 for two")
        } else if let Some(pair) = shifts.chunks_exact(2).find(|pair| pair[0] >= pair[1]) {
            (format!("{},{} do not ascend", pair[0], pair[1]), "choose pairs s, t with s < t")
        } else if !shifts.contains(&0) {
            ("all coefficients are even".to_owned(), "lower the shifts and drop more bits")
        } else if let Some((low, high)) = hole(&self.magnitudes(), bits) {
            let (all, problem) = ((1 << bits) - 1, format!("no coefficient lies between {low} and {high}"));
            (format!("{problem}, more than a quarter of 0..={all} apart"), "choose others, or other dropped_bits")
        } else {
            return Ok(());
        };
        Err(ParameterError::new("shifts", problem, remedy))
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

    fn dropped_bits(&self) -> u32 {
        self.dropped_bits
    }

    fn latency(&self) -> u32 {
        self.stages
    }

    /// The moving operand `-2^(W-1)` and the largest coefficient.
    fn product_bound(&self) -> i64 {
        let largest = *self.magnitudes().last().expect("0 is a coefficient");
        i64::from(largest) << (self.operand_bits - 1)
    }

    /// `2^(W-1)` times the farthest that rounding moves a stationary operand, as the module's documentation says.
    fn error_bound(&self) -> ErrorBound {
        let rounded = |code: &u32| self.coefficient(*code) << self.dropped_bits;
        let farthest = (0..).zip(&self.codes).map(|(magnitude, code)| (rounded(code) - magnitude).abs()).max();
        let absolute = (farthest.expect("codes") << (self.operand_bits - 1)) as f64;
        ErrorBound { absolute, ..ErrorBound::EXACT }
    }

    #[inline]
    fn encode(&self, side: Side, operand: i64, _: u32) -> u32 {
        debug_assert!(operand >> (self.operand_bits - 1) == operand >> 63);
        match side {
            Side::Moving => operand as u32 & ((1 << self.operand_bits) - 1),
            Side::Stationary => match self.codes[operand.unsigned_abs() as usize] {
                0 => 0,
                code => code ^ u32::from(operand < 0) << self.sign_bit(),
            },
        }
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        twos_complement(moving, self.operand_bits) * self.coefficient(stationary)
    }

    fn accumulate(&self, moving: &[u32], stationary: &[u32], n: usize, sums: &mut [i64]) {
        accumulate_multiples(|code| self.coefficient(code), self.operand_bits, moving, stationary, n, sums);
    }

    fn encode_rtl(&self, m: &mut Builder, side: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        if side == Side::Moving {
            return operand.value(m).as_unsigned();
        }
        let magnitude = operand.magnitude(m);
        let unread = self.dropped_bits.saturating_sub(1);
        if unread > 0 {
            m.discard(magnitude.slice(0, unread));
        }
        let index = magnitude.slice(unread, self.operand_bits - unread);
        // Magnitudes end with 2^(W-1).
        let code = |index: u32| self.codes[self.codes.len().min((index << unread) as usize + 1) - 1];
        let code = m.wire("positive", table(&index, 1 + self.sign_bit(), code));
        m.comment(&code, "the code of the magnitude");
        let word = code.slice(0, self.sign_bit());
        cat(&[(operand.sign(m) ^ code.msb()) & word.any(), word])
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let Self { operand_bits, stages, .. } = *self;
        let bits = self.product_bits();
        let operand = m.wire("operand", moving.as_signed());
        let mut negative = stationary.msb();
        if stages == 2 {
            negative = m.reg_unreset("negative_q", negative);
        }

        // Each adder begins at the lower shift of its multiplexer.
        let mut order: Vec<usize> = (0..self.shifts.len() / 2).collect();
        order.sort_by_key(|&i| self.shifts[2 * i]);
        let mut sum: Option<Expr> = None;
        let mut first_inverse = None;
        let mut largest = 0;
        for i in order {
            let (low, high) = (self.shifts[2 * i], self.shifts[2 * i + 1]);
            let choice = stationary.slice(2 * i as u32, 2);
            let width = (operand_bits + high - low).min(bits - low);
            let once = shifted(&operand, 0, width.min(operand_bits)).extend(width);
            // The first has no adder that could complement it.
            let last = if sum.is_none() { !once.clone() } else { once.clone() };
            let values = [Expr::zero(signed(width)), once, shifted(&operand, high - low, width), last];
            let mut value = m.wire(&format!("term{i}"), select(&choice, &values));
            let mut inverse = m.wire(&format!("inverse{i}"), choice.all());
            if stages == 2 {
                value = m.reg_unreset(&format!("term{i}_q"), value);
                inverse = m.reg_unreset(&format!("inverse{i}_q"), inverse);
            }
            largest += 1u32 << high;
            let Some(before) = sum else {
                (sum, first_inverse) = (Some(value), Some(inverse));
                continue;
            };
            // |sum| is at most `largest` operands.
            let width = (operand_bits + largest.next_power_of_two().ilog2()).min(bits);
            let before =
                if before.width() > low { before } else { m.wire(&format!("before{i}"), before.extend(low + 1)) };
            let addend = Addend { value, negative: Some(inverse) };
            sum = Some(add_above(m, &format!("sum{i}"), &before, &addend, low, width));
        }
        let (sum, first_inverse) = sum.zip(first_inverse).expect("a multiplexer");
        let mut value = m.wire("product", sum.extend(bits) ^ first_inverse.repeat(bits).as_signed());
        let negative = m.wire("negative", negative ^ first_inverse);
        if stages > 0 {
            value = m.reg_unreset("product_q", value);
        }
        Addend { value, negative: Some(negative) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Radix 4, digits -1 to 2: all coefficients of five bits.
    const EVEN: &[u32] = &[0, 1, 2, 3, 4, 5];
    const ONE_ADDER: &[u32] = &[0, 4, 2, 3];

    fn rccm(operand_bits: u32, shifts: &[u32], dropped_bits: u32) -> Rccm {
        let family = Rccm::new(operand_bits, shifts.to_vec(), dropped_bits, 0);
        family.validate().unwrap();
        family
    }

    fn product(family: &Rccm, a: i64, b: i64) -> i64 {
        family.product(family.encode(Side::Moving, a, 0), family.encode(Side::Stationary, b, 0))
    }

    /// The operand that the stationary one is replaced by.
    fn rounded(family: &Rccm, operand: i64) -> i64 {
        product(family, 1, operand) << family.dropped_bits
    }

    fn some() -> [Rccm; 7] {
        [
            rccm(8, DEFAULT_SHIFTS, 0),
            rccm(8, EVEN, 2),
            rccm(8, ONE_ADDER, 2),
            rccm(4, DEFAULT_SHIFTS, 0),
            rccm(9, DEFAULT_SHIFTS, 1),
            rccm(16, DEFAULT_SHIFTS, 8),
            rccm(16, ONE_ADDER, 10),
        ]
    }

    #[test]
    fn coefficients_are_the_sums_of_the_choices() {
        let words =
            [(0, 0), (0b01, 1), (0b10, 32), (0b11, -1), (0b10_0000, 16), (0b11_0000, -8), (0b10_1111, 16 - 2 - 1)];
        for (word, expected) in words {
            assert_eq!(coefficient(DEFAULT_SHIFTS, word), expected, "{word:b}");
        }
    }

    #[test]
    fn the_topologies_have_as_many_coefficients_as_they_are_known_for() {
        let count = |shifts, bits| magnitudes(shifts, bits).len();
        let largest_gap = |shifts, bits| {
            let values = magnitudes(shifts, bits);
            values.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
        };
        assert_eq!((count(DEFAULT_SHIFTS, 7), largest_gap(DEFAULT_SHIFTS, 7)), (46, 8));
        assert_eq!((count(EVEN, 5), largest_gap(EVEN, 5)), (32, 1));
        assert_eq!(magnitudes(ONE_ADDER, 5), [0, 1, 3, 4, 5, 7, 8, 9, 12, 16, 20, 24]);
    }

    #[test]
    fn operands_become_the_nearest_coefficient() {
        for family in some() {
            let half = 1i64 << (family.operand_bits - 1);
            let mut coefficients: Vec<i64> = (0..1 << family.shifts.len())
                .map(|word| coefficient(&family.shifts, word).abs() << family.dropped_bits)
                .filter(|&magnitude| magnitude < half)
                .collect();
            coefficients.sort_by_key(|&magnitude| std::cmp::Reverse(magnitude));
            for operand in -half..half {
                // Of two equally near the first.
                let nearest = coefficients.iter().min_by_key(|&&c| (c - operand.abs()).abs()).unwrap();
                assert_eq!(rounded(&family, operand), operand.signum() * nearest, "{family:?}: {operand}");
            }
        }
    }

    #[test]
    fn known_roundings_and_products() {
        let chain = rccm(8, DEFAULT_SHIFTS, 0);
        for (operand, expected) in
            [(3, 3), (4, 5), (12, 13), (20, 19), (21, 22), (108, 112), (-127, -112), (-128, -112)]
        {
            assert_eq!(rounded(&chain, operand), expected, "{operand}");
        }
        assert_eq!(product(&chain, -128, -128), 128 * 112);
        let wide = rccm(16, DEFAULT_SHIFTS, 8);
        assert_eq!([127, 128, 255, -127, -128].map(|x| rounded(&wide, x)), [0, 256, 256, 0, -256]);
        // From 3 to 5 there is none, and half-way the larger is taken.
        assert_eq!([1023, 1024, -1024].map(|x| rounded(&wide, x)), [768, 1280, -1280]);
    }

    #[test]
    fn codes_are_as_documented() {
        let chain = rccm(8, DEFAULT_SHIFTS, 0);
        let code = |x| chain.encode(Side::Stationary, x, 0);
        // {negative, choices of (3, 4), (1, 6), (0, 5)}
        assert_eq!(code(1), 0b000_0001);
        assert_eq!(code(-1), 0b100_0001);
        // 30 = 32 - 2.
        assert_eq!([code(30), code(-30)], [0b000_1110, 0b100_1110]);
        // 9 = 8 + 1 is 0b01_0001, and -9 has no smaller word.
        assert_eq!(code(9), 0b001_0001);
        // 3 = 2 + 1 is 0b0101; -2 + -1 is 0b1111.
        assert_eq!(code(-3), 0b100_0101);
        assert_eq!(chain.encode(Side::Moving, -2, 0), 0xfe);
        assert_eq!([chain.code_bits(Side::Stationary), rccm(8, ONE_ADDER, 2).code_bits(Side::Stationary)], [7, 5]);
    }

    #[test]
    fn zero_has_the_zero_code_and_so_has_what_is_taken_as_zero() {
        for family in some() {
            let half = 1 << (family.operand_bits - 1);
            for operand in -half..half {
                let code = family.encode(Side::Stationary, operand, 0);
                assert_eq!(code == 0, rounded(&family, operand) == 0);
                assert_eq!(code >> family.code_bits(Side::Stationary), 0);
            }
            assert_eq!(rounded(&family, 0), 0);
            assert_eq!(product(&family, 0, half - 1), 0);
        }
    }

    #[test]
    fn products_are_odd() {
        for family in some().into_iter().filter(|family| family.operand_bits <= 8) {
            let half = 1 << (family.operand_bits - 1);
            for (a, b) in (0..half).flat_map(|a| (0..half).map(move |b| (a, b))) {
                let positive = product(&family, a, b);
                assert_eq!(product(&family, -a, b), -positive);
                assert_eq!(product(&family, a, -b), -positive);
                assert_eq!(product(&family, -a, -b), positive);
            }
        }
    }

    #[test]
    fn both_bounds_are_reached_and_not_passed() {
        for family in some() {
            let least = -1i64 << (family.operand_bits - 1);
            let bound = family.error_bound();
            let (mut largest, mut farthest) = (0, 0);
            for a in [least, least + 1, -1, 0, 1, -least / 3, -least - 1] {
                for b in least..-least {
                    let p = product(&family, a, b);
                    assert!(bound.holds(a, b, p << family.dropped_bits), "{family:?}: {a} * {b} = {p}");
                    largest = largest.max(p.abs());
                    farthest = farthest.max(((p << family.dropped_bits) - a * b).abs());
                }
            }
            assert_eq!((largest, farthest as f64), (family.product_bound(), bound.absolute));
        }
    }

    #[test]
    fn the_default_is_what_the_search_finds_for_a_laplacian() {
        assert_eq!(search(3, &laplacian(7, 16), Deviation::Squared), DEFAULT_SHIFTS);
        assert_eq!(search(2, &laplacian(5, 4), Deviation::Squared), ONE_ADDER);
    }

    #[test]
    fn the_search_finds_better_shifts_for_other_weights() {
        for (kind, means) in [(Deviation::Absolute, [4, 16]), (Deviation::Squared, [4, 40])] {
            for mean in means {
                let histogram = laplacian(7, mean);
                let found = search(3, &histogram, kind);
                rccm(8, &found, 0);
                assert!(
                    deviation(&found, &histogram, kind) < deviation(DEFAULT_SHIFTS, &histogram, kind),
                    "{found:?}, {kind:?}, {mean}"
                );
            }
        }
        // Nothing is as good for weights that are spread evenly as all coefficients.
        assert_eq!(deviation(&search(3, &[1; 32], Deviation::Squared), &[1; 32], Deviation::Squared), 0);
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let error = |bits, shifts: &[u32], dropped_bits, stages| {
            Rccm::new(bits, shifts.to_vec(), dropped_bits, stages).validate().unwrap_err().to_string()
        };
        assert!(error(17, DEFAULT_SHIFTS, 8, 0).starts_with("operand_bits: "));
        assert!(error(8, DEFAULT_SHIFTS, 0, 3).starts_with("stages: "));
        assert_eq!(
            error(16, DEFAULT_SHIFTS, 0, 0),
            "dropped_bits: 0 leaves coefficients of 15 bits, outside 3..=8; choose 7 to 12"
        );
        assert!(error(8, DEFAULT_SHIFTS, 30, 0).starts_with("dropped_bits: 30 leaves coefficients of 0 bits"));
        assert_eq!(error(8, &[0, 1], 0, 0), "shifts: there are 2; choose 4 for one adder, or 6 for two");
        assert_eq!(error(8, &[0, 1, 2, 8], 0, 0), "shifts: 8 is outside 0..=7; choose 0 to 7");
        assert_eq!(error(8, &[0, 1, 3, 3], 0, 0), "shifts: 3,3 do not ascend; choose pairs s, t with s < t");
        assert_eq!(
            error(8, &[1, 2, 3, 4], 0, 0),
            "shifts: all coefficients are even; lower the shifts and drop more bits"
        );
        assert_eq!(
            error(8, ONE_ADDER, 0, 0),
            "shifts: no coefficient lies between 24 and 128, more than a quarter of 0..=127 apart; choose others, or \
             other dropped_bits"
        );
    }
}
