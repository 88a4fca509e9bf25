//! Products after H. Saadat, H. Javaid, A. Ignjatovic and S. Parameswaran, "REALM: Reduced-Error Approximate Log-based
//! Integer Multiplier", Design, Automation and Test in Europe (DATE), 2020: Mitchell's product plus a constant for each
//! pair of segments of the two fractions.
//!
//! # Product
//!
//! With `|a| = 2^k1 (1 + x)` and `|b| = 2^k2 (1 + y)`, whose fractions keep F bits (`fraction_bits`), rounded half up;
//! i and j the segments of x and y, `i / M <= x < (i + 1) / M`, of M = 4, 8 or 16 (`segments`):
//!
//! ```text
//! p = 2^(k1+k2) (1 + x + y + s_ij)        where x + y < 1
//!     2^(k1+k2+1) (x + y + s_ij / 2)      elsewhere: where the fractions carry
//! ```
//!
//! `s_ij` makes the mean of the relative error over its segment 0. With E the error of Mitchell's product, it is,
//! rounded to T bits (`correction_bits`),
//!
//! ```text
//!          integral of E(x, y) over segment (i, j)
//! s_ij = - ----------------------------------------------------
//!          integral of 1 / ((1 + x)(1 + y)) over segment (i, j)
//!
//! E(x, y) = (1 + x + y) / ((1 + x)(1 + y)) - 1     where x + y < 1
//!           2 (x + y) / ((1 + x)(1 + y)) - 1       elsewhere
//! ```
//!
//! All `s_ij` are between 0 and 1/4, and `s_ij = s_ji`. With M = 4 and T = 6 they are, in units of 1/64,
//!
//! ```text
//! 1   3   5   4
//! 3   9  12   5
//! 5  12   9   3
//! 4   5   3   1
//! ```
//!
//! The product drops its low bits (`dropped_bits`).
//!
//! # Code
//!
//! `{nonzero, sign, k, f}`, most significant first: `1 + 1 + ceil(log2 W) + F` bits, for both sides, as in the family
//! `mitchell`. The upper `log2 M` bits of f are the segment.
//!
//! At the edge, an encoder finds the leading one, shifts what follows to the top, and rounds. A processing element adds
//! `{k, f}` of two codes in one adder, adds the constant, halved on a carry, to `{1, f}` of the sum, and shifts that by
//! its k. The table is logic in every element: of `2 log2 M` inputs, so that with M = 4 a bit of it is one LUT4.
//!
//! # Error
//!
//! For fractions as they are in codes, with s the constant of their segments as it is rounded, the relative error is
//!
//! ```text
//! (s - x y) / ((1 + x)(1 + y))                where x + y < 1
//! (s - (1 - x)(1 - y)) / ((1 + x)(1 + y))     elsewhere
//! ```
//!
//! The line `x + y = 1` leaves a segment whole or cuts it from corner to corner. In each part the error is monotone in
//! x for a given y: the derivative has the sign of `-(y + s)` in the first form, and of `2 (1 - y) - s` in the second;
//! likewise in y. So it has its extremes on the border of the part, and there in the corners: along the cut both forms
//! are `(s - x y) / (2 + x y)`, and `x y = x (1 - x)` turns only at `x = 1/2`, which is a border between segments. The
//! bound is taken over the four corners of all segments. Operands reach lower corners, and come close to upper ones.
//!
//! Rounding changes a magnitude by at most `d = 2^-(F+1)` of itself (0 where F is `W - 2` or more: no operand has a
//! longer fraction), which gives the bounds the factors `(1 - d)^2` and `(1 + d)^2`. In the end the floor takes less
//! than one unit of `2^dropped_bits`; in small products it takes most of the correction, and `3 * 3 = 8` is as far off
//! as Mitchell's.
//!
//! # Cost
//!
//! That of `mbm`, and the table: few LUTs with M = 4, many with M = 16. It pays where fractions are long; with short
//! ones most of the error that is left is that of rounding.
use super::family::{Choices, Family, Parameter};
use super::logarithm::{
    Correction, DROPPED_BITS, FRACTION_BITS, Logarithm, Rounding, check_correction_bits, correction_bits,
};
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side};
use crate::rtl::{Builder, Expr};
use std::sync::Arc;

const MAX_CORRECTION_BITS: u32 = 10;

pub const FAMILY: Family = Family {
    name: "realm",
    summary: "sums of logarithms, corrected by a table over segments of the fractions (Saadat 2020)",
    parameters: &[
        Parameter {
            name: "segments",
            choices: Choices::Integer { min: 4, max: 16, default: |_| 4 },
            help: "segments of a fraction, each pair with a correction of its own: 4, 8 or 16",
        },
        FRACTION_BITS,
        correction_bits(MAX_CORRECTION_BITS),
        DROPPED_BITS,
    ],
    units: &[
        "operand_bits=8 segments=4 fraction_bits=6",
        "operand_bits=8 segments=4 fraction_bits=4 correction_bits=4",
        "operand_bits=8 segments=8 fraction_bits=6 correction_bits=5 stages=1",
        "operand_bits=16 segments=16 fraction_bits=14 stages=2",
        "operand_bits=16 segments=8 fraction_bits=6 dropped_bits=8",
        "operand_bits=16 segments=4 fraction_bits=4 correction_bits=4 dropped_bits=16",
        "operand_bits=16 segments=4 fraction_bits=3 correction_bits=4 dropped_bits=16 stages=2",
    ],
    make: |values| {
        Arc::new(Realm::from(Settings {
            operand_bits: values.operand_bits,
            segments: values.integer("segments"),
            fraction_bits: values.integer("fraction_bits"),
            correction_bits: values.integer("correction_bits"),
            dropped_bits: values.integer("dropped_bits"),
            stages: values.stages,
        }))
    },
};

/// What the REALM family is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// W, 4..=16.
    pub operand_bits: u32,
    /// M: 4, 8 or 16.
    pub segments: u32,
    /// F: bits kept of the fraction, log2 M..=W-1. Full from W-2 on.
    pub fraction_bits: u32,
    /// T: fraction bits of the constants, 3..=10.
    pub correction_bits: u32,
    /// Low product bits that are not formed, 0..=2W-2.
    pub dropped_bits: u32,
    /// Pipeline registers inside the product, 0..=2.
    pub stages: u32,
}

/// The REALM family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    settings: Settings,
    /// `s_ij` in units of `2^-T`, row by row.
    constants: Vec<u32>,
}

/// M.
const SEGMENTS: [u32; 3] = [4, 8, 16];

impl From<Settings> for Realm {
    /// Without constants where their settings are out of range: those are for [`Arithmetic::validate`] to refuse, not to integrate.
    fn from(settings: Settings) -> Self {
        let mut family = Self { settings, constants: Vec::new() };
        if SEGMENTS.contains(&settings.segments) && settings.correction_bits <= MAX_CORRECTION_BITS {
            let unit = f64::from(1 << settings.correction_bits);
            family.constants = corrections(settings.segments).map(|s| (s * unit).round() as u32).collect();
        }
        family
    }
}

/// Mitchell's product of 1 + x and 1 + y.
fn mitchell(x: f64, y: f64) -> f64 {
    if x + y < 1.0 { 1.0 + x + y } else { 2.0 * (x + y) }
}

/// `s_ij` for all pairs of M segments, row by row.
fn corrections(segments: u32) -> impl Iterator<Item = f64> {
    let border = move |index: u32| f64::from(index) / f64::from(segments);
    let segment = move |index: u32| (border(index), border(index + 1));
    (0..segments).flat_map(move |i| (0..segments).map(move |j| correction(segment(i), segment(j))))
}

/// Minus the integral of the relative error `mitchell(x, y) / ((1 + x)(1 + y)) - 1` over a segment, divided by that of
/// `1 / ((1 + x)(1 + y))`.
fn correction((x0, x1): (f64, f64), (y0, y1): (f64, f64)) -> f64 {
    // Along y the integral is known: with a = 1 + x and b = 1 + y,
    // 1 + x + y = a + b - 1 below the line x + y = 1, and 2 (x + y) = 2 (a + b - 2) above.
    let along_y = |x: f64| {
        let line = (1.0 - x).clamp(y0, y1);
        let below = ((1.0 + line) / (1.0 + y0)).ln();
        let above = ((1.0 + y1) / (1.0 + line)).ln();
        below + (line - y0 - below) / (1.0 + x) + 2.0 * above + (2.0 * (y1 - line) - 4.0 * above) / (1.0 + x)
            - (y1 - y0)
    };
    // Along x by Simpson's rule: smooth inside a segment, which the line x + y = 1 crosses from corner to corner or not
    // at all.
    const STEPS: u32 = 64;
    let step = (x1 - x0) / f64::from(STEPS);
    let weight = |n: u32| if n == 0 || n == STEPS { 1.0 } else { f64::from(2 + n % 2 * 2) };
    let error: f64 = (0..=STEPS).map(|n| weight(n) * along_y(x0 + f64::from(n) * step)).sum::<f64>() * step / 3.0;
    let area = ((1.0 + x1) / (1.0 + x0)).ln() * ((1.0 + y1) / (1.0 + y0)).ln();
    -error / area
}

impl Realm {
    #[inline]
    fn logarithm(&self) -> Logarithm<'_> {
        let Settings { operand_bits, fraction_bits, correction_bits, dropped_bits, stages, .. } = self.settings;
        let correction =
            Correction { segment_bits: self.segment_bits(), bits: correction_bits, constants: &self.constants };
        Logarithm {
            operand_bits,
            fraction_bits,
            rounding: Rounding::Nearest,
            correction: Some(correction),
            dropped_bits,
            stages,
        }
    }

    fn segment_bits(&self) -> u32 {
        self.settings.segments.ilog2()
    }

    /// The constant of a pair of segments.
    fn constant(&self, i: u32, j: u32) -> f64 {
        let constant = self.constants[(i * self.settings.segments + j) as usize];
        f64::from(constant) / f64::from(1 << self.settings.correction_bits)
    }
}

impl Arithmetic for Realm {
    fn name(&self) -> &'static str {
        "realm"
    }

    fn parameters(&self) -> String {
        let Settings { operand_bits, segments, fraction_bits, correction_bits, dropped_bits, stages } = self.settings;
        format!(
            "operand_bits={operand_bits} segments={segments} fraction_bits={fraction_bits} \
             correction_bits={correction_bits} dropped_bits={dropped_bits} stages={stages}"
        )
    }

    fn validate(&self) -> Result<(), ParameterError> {
        let Settings { segments, correction_bits, .. } = self.settings;
        if !SEGMENTS.contains(&segments) {
            let problem = format!("{segments} segments have no table");
            return Err(ParameterError::new("segments", problem, "choose 4, 8 or 16"));
        }
        self.logarithm().validate(self.segment_bits())?;
        check_correction_bits(correction_bits, MAX_CORRECTION_BITS)
    }

    fn operand_bits(&self) -> u32 {
        self.settings.operand_bits
    }

    fn code_bits(&self, _: Side) -> u32 {
        self.logarithm().code_bits()
    }

    fn dropped_bits(&self) -> u32 {
        self.settings.dropped_bits
    }

    fn latency(&self) -> u32 {
        self.settings.stages
    }

    /// Within a pair of segments the magnitude grows with both codes: at the line x + y = 1, both forms of the product
    /// are 2 + s. So the largest one is of the largest codes: those of the largest operand of each segment below
    /// `2^(W-1)`, and of `-2^(W-1)`.
    fn product_bound(&self) -> i64 {
        let Settings { operand_bits, segments, fraction_bits, .. } = self.settings;
        // Bits of the fraction that operands from `2^(W-2)` on have and keep.
        let kept = fraction_bits.min(operand_bits - 2);
        let last = |segment: u32| i64::from(((segment + 1) << kept).div_ceil(segments)) - 1;
        let operand = |segment: u32| ((1 << kept) + last(segment)) << (operand_bits - 2 - kept);
        let operands = (0..segments).map(operand).chain([-(1 << (operand_bits - 1))]);
        let codes: Vec<u32> = operands.map(|operand| self.encode(Side::Moving, operand, 0)).collect();
        let products = codes.iter().flat_map(|&a| codes.iter().map(move |&b| self.product(a, b).abs()));
        products.max().expect("there are segments")
    }

    /// Proven in the documentation of this module.
    fn error_bound(&self) -> ErrorBound {
        let segments = self.settings.segments;
        let border = |index: u32| f64::from(index) / f64::from(segments);
        let (mut low, mut high) = (f64::INFINITY, 0.0f64);
        for i in 0..segments {
            for j in 0..segments {
                for (x, y) in [(i, j), (i, j + 1), (i + 1, j), (i + 1, j + 1)].map(|(x, y)| (border(x), border(y))) {
                    let ratio = (mitchell(x, y) + self.constant(i, j)) / ((1.0 + x) * (1.0 + y));
                    low = low.min(ratio);
                    high = high.max(ratio);
                }
            }
        }
        let rounding = self.logarithm().resolution() / 2.0;
        ErrorBound {
            relative_low: low * (1.0 - rounding).powi(2) - 1.0,
            relative_high: high * (1.0 + rounding).powi(2) - 1.0,
            absolute: 2f64.powi(self.settings.dropped_bits as i32),
        }
    }

    #[inline]
    fn encode(&self, _: Side, operand: i64, _: u32) -> u32 {
        self.logarithm().encode(operand)
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        self.logarithm().product(moving, stationary)
    }

    fn encode_rtl(&self, m: &mut Builder, _: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        self.logarithm().encode_rtl(m, operand)
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        self.logarithm().product_rtl(m, moving, stationary)
    }
}

#[cfg(test)]
mod tests {
    use super::super::errors::{check_bounds, check_signs, check_zero, errors_8x8, errors_on_a_grid_of_16x16, product};
    use super::*;

    fn settings(operand_bits: u32, segments: u32, fraction_bits: u32, correction_bits: u32) -> Settings {
        Settings { operand_bits, segments, fraction_bits, correction_bits, dropped_bits: 0, stages: 0 }
    }

    fn realm(operand_bits: u32, segments: u32, fraction_bits: u32, correction_bits: u32) -> Realm {
        settings(operand_bits, segments, fraction_bits, correction_bits).into()
    }

    /// The product of integers as defined, without codes.
    fn classic(family: &Realm, a: i64, b: i64) -> i64 {
        if a == 0 || b == 0 {
            return 0;
        }
        let Settings { segments, correction_bits, .. } = family.settings;
        let (k1, k2) = (a.ilog2(), b.ilog2());
        let (x, y) = (a - (1 << k1), b - (1 << k2));
        let segment = |rest: i64, k: u32| (rest * i64::from(segments)) >> k;
        let constant = family.constants[(segment(x, k1) * i64::from(segments) + segment(y, k2)) as usize];
        let whole = 1 << (k1 + k2);
        let s = (x << k2) + (y << k1);
        let mitchell = if s < whole { whole + s } else { 2 * s };
        ((mitchell << correction_bits) + i64::from(constant) * whole) >> correction_bits
    }

    #[test]
    fn a_full_fraction_gives_the_classic_product() {
        for segments in [4, 8, 16] {
            let family = realm(9, segments, 7, 6);
            for a in 0..256 {
                for b in 0..256 {
                    assert_eq!(product(&family, a, b), classic(&family, a, b), "{a} * {b}");
                }
            }
        }
    }

    #[test]
    fn the_constants_of_four_segments() {
        #[rustfmt::skip]
        let expected = [
            1,  3,  5, 4,
            3,  9, 12, 5,
            5, 12,  9, 3,
            4,  5,  3, 1,
        ];
        assert_eq!(realm(8, 4, 6, 6).constants, expected);
    }

    /// The integrals again, by a grid of midpoints.
    #[test]
    fn the_constants_remove_the_mean_error_of_every_segment() {
        const GRID: u32 = 400;
        for segments in [4, 8] {
            for (index, constant) in (0..).zip(corrections(segments)) {
                let (i, j): (u32, u32) = (index / segments, index % segments);
                let middle = |segment: u32, n: u32| {
                    (f64::from(segment) + (f64::from(n) + 0.5) / f64::from(GRID)) / f64::from(segments)
                };
                let points = || (0..GRID).flat_map(|m| (0..GRID).map(move |n| (middle(i, m), middle(j, n))));
                let rest: f64 =
                    points().map(|(x, y)| (mitchell(x, y) + constant) / ((1.0 + x) * (1.0 + y)) - 1.0).sum();
                assert!((rest / f64::from(GRID * GRID)).abs() < 1e-6, "{segments}: {i} {j}");
            }
        }
    }

    /// Nothing that a mathematical library may do to the last digits changes a constant; and all are below 1/4, or
    /// rounded to it.
    #[test]
    fn no_constant_is_near_a_tie() {
        for segments in [4, 8, 16] {
            for constant in corrections(segments) {
                assert!((0.0..0.25).contains(&constant));
                for bits in 3..=MAX_CORRECTION_BITS {
                    let scaled = constant * f64::from(1 << bits);
                    assert!((scaled.fract() - 0.5).abs() > 1e-6, "{segments} segments, {bits} bits: {constant}");
                }
            }
        }
    }

    /// With 16 bits, mean errors are 1.38, 0.75 and 0.42 %: the paper's abstract has 0.4 to 1.6 % for all its settings.
    /// With 8, peaks are higher: corrections of small products are below one unit.
    #[test]
    fn the_errors_of_8x8_and_16x16() {
        for (segments, narrow, wide) in [
            (4, "1.487 / +0.099 / -11.11..5.21", 1.382),
            (8, "0.843 / +0.044 / -11.11..2.88", 0.754),
            (16, "0.507 / +0.081 / -11.11..1.79", 0.419),
        ] {
            assert_eq!(errors_8x8(&realm(9, segments, 8, 6)).to_string(), narrow);
            let errors = errors_on_a_grid_of_16x16(&realm(17, segments, 15, 6));
            assert!((errors.mean - wide).abs() < 0.005, "{errors}");
        }
    }

    #[test]
    fn no_product_leaves_its_bounds() {
        for segments in [4, 8, 16u32] {
            for correction_bits in [3, 4, 6, 10] {
                for fraction_bits in segments.ilog2()..=8 {
                    let settings = settings(9, segments, fraction_bits, correction_bits);
                    check_bounds(&Realm::from(settings));
                    check_bounds(&Realm::from(Settings { dropped_bits: 10, ..settings }));
                }
            }
        }
        check_bounds(&realm(4, 4, 2, 6));
        check_bounds(&realm(4, 8, 3, 6));
        check_bounds(&realm(5, 16, 4, 10));
    }

    #[test]
    fn the_bounds_are_close() {
        for segments in [4, 8, 16] {
            let family = realm(16, segments, 15, 6);
            let bound = family.error_bound();
            let errors = super::super::errors::errors(&family, (16384..32768).step_by(7));
            assert!((errors.lowest / 100.0 - bound.relative_low).abs() < 0.0005, "{errors} {bound:?}");
            assert!((errors.highest / 100.0 - bound.relative_high).abs() < 0.0005, "{errors} {bound:?}");
        }
    }

    #[test]
    fn signs_and_zero() {
        check_signs(&realm(9, 4, 3, 4));
        for (bits, segments, fraction_bits) in [(4, 8, 3), (9, 16, 8), (16, 4, 4), (16, 16, 15)] {
            check_zero(&realm(bits, segments, fraction_bits, 6));
        }
    }

    #[test]
    fn parameters_outside_their_range_are_named() {
        let good = settings(16, 8, 4, 6);
        Realm::from(good).validate().unwrap();
        let wrong = |settings: Settings| Realm::from(settings).validate().unwrap_err().parameter;
        assert_eq!(wrong(Settings { operand_bits: 17, ..good }), "operand_bits");
        assert_eq!(wrong(Settings { segments: 5, ..good }), "segments");
        assert_eq!(wrong(Settings { segments: 2, ..good }), "segments");
        assert_eq!(wrong(Settings { segments: 32, ..good }), "segments");
        assert!(Realm::from(Settings { segments: 5, ..good }).constants.is_empty(), "nothing is integrated in vain");
        assert_eq!(wrong(Settings { fraction_bits: 16, ..good }), "fraction_bits");
        assert_eq!(wrong(Settings { fraction_bits: 2, ..good }), "fraction_bits");
        assert_eq!(wrong(Settings { correction_bits: 2, ..good }), "correction_bits");
        assert_eq!(wrong(Settings { correction_bits: 11, ..good }), "correction_bits");
        assert_eq!(wrong(Settings { dropped_bits: 31, ..good }), "dropped_bits");
        assert_eq!(wrong(Settings { stages: 3, ..good }), "stages");
    }
}
