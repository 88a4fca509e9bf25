//! How far products are from exact ones: every pair of operands, swept.
//!
//! Products keep signs (a law of [`Arithmetic`]), so that the pairs of negative operands stand for all: there every magnitude
//! occurs, that of the least operand too. All pairs are swept of units that waive the law.

use std::ops::Range;

use logloom_hdl::arith::{Arithmetic, Coded, Side, WeightBound};
use rayon::prelude::*;
use serde::Serialize;

use super::BoundOfWeights;
use super::draws::{are_neighbours, extremes};

/// Errors over all pairs of operands. Relative errors are p / ab - 1, over pairs without a zero. The stationary operand is one
/// like an activation: weights with a coding of their own have [errors](WeightErrors) of their own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ErrorStatistics {
    /// Pairs without a zero operand that stand for all.
    pub pairs: u64,
    /// Mean of |relative error|.
    pub mean: f64,
    /// Mean of the relative error.
    pub bias: f64,
    /// Most negative and most positive relative error, each with the first operands that reach it; where codes are drawn, with
    /// one of the two codes that each operand can have.
    pub lowest: Extreme<f64>,
    pub highest: Extreme<f64>,
    /// Largest |p - ab|, in units of the full product.
    pub worst_case: Extreme<i64>,
    /// Share of all pairs whose product is not exact; those with a zero count too.
    pub probability: f64,
    /// Error weighted by the distribution of the stationary operand ([`weight_distribution`]), relative to 2^(2W):
    /// sum over b of D(b) * mean over a of |p - ab| / 2^(2W), after Mrazek et al., 2016.
    pub weighted: f64,
    /// Whether every product kept the family's bound, of every code that an operand can have.
    pub within_bound: bool,
    /// Whether codes are drawn at random: then the means are estimates, of one draw for each pair. Extremes and bound are of
    /// all codes.
    pub drawn: bool,
    /// Of products with weights, where those have a coding of their own.
    pub weights: Option<WeightErrors>,
}

/// Errors of products with weights that have a coding of their own, over all pairs of a moving operand and a weight. Relative ones
/// are left out: a weight of 1 that is drawn as the largest one says nothing of training, where the mean over draws counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WeightErrors {
    /// The bound that the family proves.
    #[serde(with = "BoundOfWeights")]
    pub bound: WeightBound,
    /// As of [`ErrorStatistics`], like all below.
    pub worst_case: Extreme<i64>,
    pub weighted: f64,
    pub within_bound: bool,
    pub drawn: bool,
}

/// A value and the operands that reach it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Extreme<T> {
    pub value: T,
    /// Moving and stationary operand.
    pub operands: [i64; 2],
}

/// Sums over a part of the pairs. Sums of floating-point numbers are made per moving operand and added in order, so that the
/// result does not depend on the number of threads.
struct Row {
    moving: i64,
    absolute: f64,
    signed: f64,
    weighted: f64,
    /// Pairs that this one stands for, by stationary operand, whose product is not exact.
    wrong: f64,
    lowest: f64,
    highest: f64,
    worst: f64,
    within: bool,
}

/// Sums and extremes that run side by side, so that the compiler may use vector instructions.
struct Lanes {
    absolute: [f64; LANES],
    signed: [f64; LANES],
    weighted: [f64; LANES],
    wrong: [f64; LANES],
    lowest: [f64; LANES],
    highest: [f64; LANES],
    worst: [f64; LANES],
    outside: [u64; LANES],
}

const LANES: usize = 4;

/// The greater of two numbers; unlike `f64::max` one instruction, since none is NaN.
#[inline]
fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            absolute: [0.0; LANES],
            signed: [0.0; LANES],
            weighted: [0.0; LANES],
            wrong: [0.0; LANES],
            lowest: [f64::INFINITY; LANES],
            highest: [f64::NEG_INFINITY; LANES],
            worst: [0.0; LANES],
            outside: [0; LANES],
        }
    }
}

/// The distribution of operands that [`ErrorStatistics::weighted`] assumes, by operand from -2^(W-1) up: normal, with a
/// standard deviation of a quarter of the range's half, as trained weights roughly are.
pub fn weight_distribution(operand_bits: u32) -> Vec<f64> {
    let half = 1i64 << (operand_bits - 1);
    let density = |x: i64| (-0.5 * (4.0 * x as f64 / half as f64).powi(2)).exp();
    let total: f64 = (-half..half).map(density).sum();
    (-half..half).map(|x| density(x) / total).collect()
}

/// Sweeps all pairs; operands of 16 bits take some seconds.
pub fn statistics(family: &dyn Arithmetic) -> ErrorStatistics {
    let of_operands = Coded::Operand(Side::Stationary);
    let errors = Sweep::new(family, of_operands, WeightBound::Product(family.error_bound())).all();
    let weights = family.weight_coding().map(|coding| {
        let bound = coding.error_bound();
        let ErrorStatistics { worst_case, weighted, within_bound, drawn, .. } =
            Sweep::new(family, Coded::Weight, bound).all();
        WeightErrors { bound, worst_case, weighted, within_bound, drawn }
    });
    ErrorStatistics { weights, ..errors }
}

struct Sweep<'a> {
    family: &'a dyn Arithmetic,
    /// What the stationary operands are.
    coded: Coded,
    bound: WeightBound,
    operands: Range<i64>,
    /// Moving draws that give every code of an operand, and for each stationary one that does, the codes of all operands.
    moving_draws: Vec<u32>,
    stationary: Vec<Codes>,
    distribution: Vec<f64>,
    /// Operands that each stationary one stands for.
    counts: Vec<f64>,
    drawn: bool,
    /// Whether these are all codes: so for every family, or its bound is not shown.
    all_codes: bool,
}

/// The codes of many operands: an operand's product is looked up, since far more operands than codes have one.
struct Codes {
    distinct: Vec<u32>,
    /// For each operand, the place of its code.
    places: Vec<u32>,
}

impl Codes {
    fn new(codes: Vec<u32>) -> Self {
        let mut distinct = codes.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let places = codes.iter().map(|code| distinct.partition_point(|other| other < code) as u32).collect();
        Codes { distinct, places }
    }
}

impl<'a> Sweep<'a> {
    fn new(family: &'a dyn Arithmetic, coded: Coded, bound: WeightBound) -> Self {
        let half = 1i64 << (family.operand_bits() - 1);
        let signs = family.keeps_signs();
        let operands = if signs { -half..0 } else { -half..half };
        let sides = [Coded::Operand(Side::Moving), coded];
        let drawn = sides.iter().any(|side| side.draw_bits(family) > 0);
        let [moving_draws, stationary_draws] = sides.map(|side| extremes(side.draw_bits(family)));
        let codes = |&draw| Codes::new(operands.clone().map(|b| coded.encode(family, b, draw)).collect());
        let stationary = stationary_draws.iter().map(codes).collect();
        let all_codes = sides.iter().all(|&side| are_neighbours(family, side));
        // Of the two operands of a magnitude; the magnitude 2^(W-1) has one.
        let count = |b| if signs && b > -half { 2.0 } else { 1.0 };
        let counts: Vec<f64> = operands.clone().map(count).collect();
        let distribution = weight_distribution(family.operand_bits());
        let distribution = distribution.iter().zip(&counts).map(|(density, count)| density * count).collect();
        Self { family, coded, bound, operands, moving_draws, stationary, distribution, counts, drawn, all_codes }
    }

    /// Over all pairs.
    fn all(&self) -> ErrorStatistics {
        let row = |products: &mut Vec<i64>, moving| self.row(moving, products);
        let size = self.operands.clone().count();
        let rows: Vec<Row> = self.operands.clone().into_par_iter().map_init(|| vec![0; size], row).collect();
        self.total(&rows)
    }

    /// Products of one moving operand, with a draw for each.
    fn draw(&self, moving: i64, products: &mut [i64]) {
        let mut draws = Draws(moving as u64);
        for (b, product) in self.operands.clone().zip(products) {
            let mut code = |coded: Coded, x| coded.encode(self.family, x, draws.bits(coded.draw_bits(self.family)));
            let codes = (code(Coded::Operand(Side::Moving), moving), code(self.coded, b));
            *product = self.family.product(codes.0, codes.1);
        }
    }

    /// All products of one moving operand, handed over in turn: of each code that it can have, with each code of the
    /// stationary ones.
    fn products(&self, moving: i64, products: &mut [i64], mut each: impl FnMut(&[i64])) {
        for &draw in &self.moving_draws {
            let code = self.family.encode(Side::Moving, moving, draw);
            for Codes { distinct, places } in &self.stationary {
                let mut of_codes = vec![0; distinct.len()];
                // Code 0 is passed over there, by a law that a guest may break.
                match code {
                    0 => of_codes.iter_mut().zip(distinct).for_each(|(p, &other)| *p = self.family.product(0, other)),
                    _ => self.family.accumulate(&[code], distinct, distinct.len(), &mut of_codes),
                }
                for (product, &place) in products.iter_mut().zip(places) {
                    *product = of_codes[place as usize];
                }
                each(products);
            }
        }
    }

    fn row(&self, moving: i64, products: &mut [i64]) -> Row {
        let mut row: Option<Row> = None;
        self.products(moving, products, |products| {
            let next = self.measure(moving, products);
            row = Some(match &row {
                None => next,
                Some(row) => Row {
                    lowest: row.lowest.min(next.lowest),
                    highest: row.highest.max(next.highest),
                    worst: row.worst.max(next.worst),
                    within: row.within && next.within,
                    ..next
                },
            });
        });
        let row = row.expect("an operand has a code");
        if !self.drawn {
            return row;
        }
        self.draw(moving, products);
        let Row { absolute, signed, weighted, wrong, .. } = self.measure(moving, products);
        Row { absolute, signed, weighted, wrong, ..row }
    }

    fn measure(&self, moving: i64, products: &[i64]) -> Row {
        // Nearly all products fit 32 bits, and those convert to floating point many at a time.
        match i32::try_from(self.family.product_bound()) {
            Ok(_) => self.measure_by(moving, products, |product| f64::from(product as i32)),
            Err(_) => self.measure_by(moving, products, |product| product as f64),
        }
    }

    #[inline]
    fn measure_by(&self, moving: i64, products: &[i64], real: impl Fn(i64) -> f64) -> Row {
        let unit = f64::from(1u32 << self.family.dropped_bits());
        let mut lanes = Lanes::default();
        // Where products keep signs, one is at least 0 here; where they do not, an error counts without its sign.
        let (low, high, absolute, least) = match self.bound {
            WeightBound::Product(bound) if !self.family.keeps_signs() => {
                assert_eq!((bound.relative_low, bound.relative_high), (0.0, 0.0), "a bound of errors without signs");
                (0.0, 0.0, bound.absolute + 1e-9, f64::NEG_INFINITY)
            }
            WeightBound::Product(bound) => (bound.relative_low, bound.relative_high, bound.absolute + 1e-9, 0.0),
            WeightBound::Distance { distance } => {
                (0.0, 0.0, distance * moving.unsigned_abs() as f64 + 1e-9, f64::NEG_INFINITY)
            }
        };
        let mut b: [f64; LANES] = std::array::from_fn(|lane| self.operands.start as f64 + lane as f64);
        // There are 2^(W-1) operands, W at least 4.
        let weights = self.distribution.as_chunks::<LANES>().0.iter().zip(self.counts.as_chunks::<LANES>().0);
        for (products, (weights, counts)) in products.as_chunks::<LANES>().0.iter().zip(weights) {
            for lane in 0..LANES {
                let product = real(products[lane]) * unit;
                let exact = moving as f64 * b[lane];
                let error = product - exact;
                let slack = 1e-9 * exact.abs() + absolute;
                let outside = (error < low * exact - slack) | (error > high * exact + slack) | (product < least);
                lanes.outside[lane] |= u64::from(outside);
                lanes.weighted[lane] += weights[lane] * error.abs();
                lanes.wrong[lane] += if error == 0.0 { 0.0 } else { counts[lane] };
                lanes.worst[lane] = greater(lanes.worst[lane], error.abs());
                // Nothing is relative to a zero.
                let relative = error / exact;
                let counted = if exact == 0.0 { 0.0 } else { relative };
                lanes.absolute[lane] += counted.abs();
                lanes.signed[lane] += counted;
                if exact != 0.0 {
                    lanes.lowest[lane] = -greater(-lanes.lowest[lane], -relative);
                    lanes.highest[lane] = greater(lanes.highest[lane], relative);
                }
                b[lane] += LANES as f64;
            }
        }
        let least = |values: [f64; LANES]| values.into_iter().fold(f64::INFINITY, f64::min);
        let most = |values: [f64; LANES]| values.into_iter().fold(f64::NEG_INFINITY, f64::max);
        Row {
            moving,
            absolute: lanes.absolute.iter().sum(),
            signed: lanes.signed.iter().sum(),
            weighted: lanes.weighted.iter().sum(),
            wrong: lanes.wrong.iter().sum(),
            lowest: least(lanes.lowest),
            highest: most(lanes.highest),
            worst: most(lanes.worst),
            within: lanes.outside == [0; LANES],
        }
    }

    /// The first pair of a row for which `is` holds of its exact product and error.
    fn find(&self, moving: i64, is: impl Fn(f64, f64) -> bool) -> [i64; 2] {
        let unit = f64::from(1u32 << self.family.dropped_bits());
        let mut found = None;
        self.products(moving, &mut vec![0; self.operands.clone().count()], |products| {
            let is = |&(b, &product): &(i64, &i64)| {
                let exact = (moving * b) as f64;
                is(exact, product as f64 * unit - exact)
            };
            found = found.or_else(|| self.operands.clone().zip(products).find(is).map(|(b, _)| b));
        });
        [moving, found.expect("the row has it")]
    }

    fn total(&self, rows: &[Row]) -> ErrorStatistics {
        let nonzero = rows.iter().filter(|row| row.moving != 0).count() as f64;
        let pairs = nonzero.powi(2);
        // All operands but 2^(W-1) and 0 come in pairs of a sign each.
        let over_all =
            |value: fn(&Row) -> f64| rows.iter().zip(&self.counts).map(|(row, count)| value(row) * count).sum::<f64>();
        let operands = 2.0 * -self.operands.start as f64;
        // Of equals, the first row.
        let first = |value: fn(&Row) -> f64| {
            rows.iter().reduce(|best, row| if value(row) > value(best) { row } else { best }).expect("there are rows")
        };
        let (lowest, highest, worst) = (first(|row| -row.lowest), first(|row| row.highest), first(|row| row.worst));
        ErrorStatistics {
            pairs: pairs as u64,
            mean: rows.iter().map(|row| row.absolute).sum::<f64>() / pairs,
            bias: rows.iter().map(|row| row.signed).sum::<f64>() / pairs,
            lowest: Extreme {
                value: lowest.lowest,
                operands: self.find(lowest.moving, |exact, error| error / exact == lowest.lowest),
            },
            highest: Extreme {
                value: highest.highest,
                operands: self.find(highest.moving, |exact, error| error / exact == highest.highest),
            },
            worst_case: Extreme {
                value: worst.worst as i64,
                operands: self.find(worst.moving, |_, error| error.abs() == worst.worst),
            },
            probability: over_all(|row| row.wrong) / operands.powi(2),
            weighted: over_all(|row| row.weighted) / operands / operands.powi(2),
            within_bound: self.all_codes && rows.iter().all(|row| row.within),
            drawn: self.drawn,
            weights: None,
        }
    }
}

/// SplitMix64, for the draws of one row.
struct Draws(u64);

impl Draws {
    fn bits(&mut self, bits: u32) -> u32 {
        if bits == 0 {
            return 0;
        }
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> (64 - bits)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logloom_hdl::arith::{ErrorBound, family};

    fn of(family: &str, settings: &str) -> ErrorStatistics {
        statistics(family::find(family).unwrap().parse(settings).unwrap().as_ref())
    }

    #[test]
    fn exact_products_have_no_error() {
        let errors = of("exact", "operand_bits=8");
        assert_eq!((errors.mean, errors.bias, errors.weighted), (0.0, 0.0, 0.0));
        assert_eq!(errors.worst_case.value, 0);
        assert_eq!(errors.pairs, 128 * 128);
        assert!(errors.within_bound && !errors.drawn);
    }

    /// The published figures of unsigned 8 x 8 products, which the magnitudes of 9 signed bits are but for -256: that row and
    /// column have no error.
    #[test]
    fn mitchell_errors_are_the_published_ones() {
        let errors = of("mitchell", "operand_bits=9 fraction_bits=7");
        let scale = errors.pairs as f64 / (255.0 * 255.0);
        assert_eq!(format!("{:.3} {:.3}", 100.0 * errors.mean * scale, 100.0 * errors.bias * scale), "3.788 -3.788");
        assert_eq!(format!("{:.2}", 100.0 * errors.lowest.value), "-11.11");
        assert_eq!(errors.highest.value, 0.0);
        assert_eq!(errors.worst_case.value, 4096);
        let [a, b] = errors.worst_case.operands;
        assert_eq!((a * b).abs() - 4096, 32768);
        assert!(errors.within_bound);
    }

    /// Both codes of a drawn operand count: 2^6 stands for as much as 127, and 2^7 for as little as 65.
    #[test]
    fn extremes_of_drawn_codes_are_swept() {
        let errors = of("ternary", "operand_bits=8");
        assert!(errors.drawn && errors.within_bound);
        assert_eq!((errors.lowest.value, errors.lowest.operands[1]), (-63.0 / 127.0, -127));
        assert_eq!((errors.highest.value, errors.highest.operands[1]), (63.0 / 65.0, -65));
    }

    /// A bound that one of the codes breaks is not kept, however seldom that code is drawn.
    #[test]
    fn one_code_outside_breaks_the_bound() {
        let unit = family::find("ternary").unwrap().parse("operand_bits=8").unwrap();
        let within = |relative_high| {
            let bound = WeightBound::Product(ErrorBound { relative_high, ..unit.error_bound() });
            let sweep = Sweep::new(unit.as_ref(), Coded::Operand(Side::Stationary), bound);
            (-128..0).all(|moving| sweep.row(moving, &mut [0; 128]).within)
        };
        assert!(within(128.0 / 65.0 - 1.0) && !within(128.0 / 65.0 - 1.001));
    }

    /// `-2^15` is taken as `3 * 2^14`, and its square has 32 bits without a sign.
    #[test]
    fn products_beyond_32_bits_are_measured() {
        let unit = family::find("drum").unwrap().parse("operand_bits=16 kept_bits=2").unwrap();
        assert!(unit.product_bound() > i32::MAX.into());
        let bound = WeightBound::Product(unit.error_bound());
        let row = Sweep::new(unit.as_ref(), Coded::Operand(Side::Stationary), bound).row(-32768, &mut [0; 32768]);
        assert!(row.within);
        assert_eq!((row.highest, row.worst), (1.25, 1.25 * 2f64.powi(30)));
    }

    /// Binary weights differ from ternary ones, and from the activations that share their side: 1 may be drawn as -W0.
    #[test]
    fn weights_have_errors_of_their_own() {
        let [binary, ternary] =
            ["binary", "ternary"].map(|levels| of("ternary", &format!("operand_bits=8 levels={levels}")));
        let weights = |errors: &ErrorStatistics| errors.weights.unwrap();
        let worst = |errors: &ErrorStatistics| weights(errors).worst_case.value;
        assert_eq!((worst(&binary), worst(&ternary)), (128 * 255, 128 * 127));
        assert_eq!(weights(&binary).worst_case.operands, [-128, -127]);
        assert!([&binary, &ternary].iter().all(|errors| weights(errors).within_bound && weights(errors).drawn));
        assert!(weights(&binary).weighted > weights(&ternary).weighted);
        let pow2 = weights(&of("pow2", "operand_bits=8 codes=stochastic"));
        assert!(pow2.within_bound && !pow2.drawn);
        let nearest = of("pow2", "operand_bits=8 codes=nearest");
        assert_eq!((pow2.worst_case, pow2.weighted), (nearest.worst_case, nearest.weighted));
        assert_eq!(nearest.weights, None);
    }

    /// A bound of weights that is exceeded by one code of one weight is not kept.
    #[test]
    fn one_weight_outside_breaks_the_bound() {
        for (settings, most) in [("levels=binary", 255.0), ("codes=nearest", 64.0)] {
            let unit = family::find("ternary").unwrap().parse(&format!("operand_bits=8 {settings}")).unwrap();
            let within = |distance| {
                Sweep::new(unit.as_ref(), Coded::Weight, WeightBound::Distance { distance }).all().within_bound
            };
            assert!(within(most) && !within(most - 0.5), "{settings}");
        }
    }

    #[test]
    fn the_distribution_of_weights_is_one() {
        let distribution = weight_distribution(8);
        assert_eq!(distribution.len(), 256);
        assert!((distribution.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(distribution[128] > distribution[127] && distribution[127] > distribution[0]);
    }
}
