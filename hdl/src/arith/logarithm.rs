//! Log codes and their products: one encoder, one log adder and one reference for the families that add logarithms.
//!
//! With `|x| = 2^k (1 + f)`, the logarithm of `|x|` to base 2 is taken as `k + f`. A code is `{nonzero, sign, k, f}`,
//! most significant first, of `1 + 1 + ceil(log2 W) + F` bits. A product is the antilogarithm of the sum of two codes;
//! families may add a constant to its mantissa.
use super::parts::Antilogarithm;
use super::{Addend, Choices, Operand, Parameter, ParameterError, check_operand_bits, check_stages};
use crate::rtl::{Builder, Expr, cat, mux, select, unsigned};
use std::fmt;

pub(super) const FRACTION_BITS: Parameter = Parameter {
    name: "fraction_bits",
    // Full precision needs fewer bits in narrow formats.
    choices: Choices::Integer { min: 0, max: 15, default: |operand_bits| 4.min(operand_bits - 1) },
    help: "fraction bits of the log code",
};

pub(super) const DROPPED_BITS: Parameter = Parameter {
    name: "dropped_bits",
    choices: Choices::Integer { min: 0, max: 30, default: |_| 0 },
    help: "low product bits that are never formed",
};

/// Fewest fraction bits of a correction: with less, most would be 0.
const MIN_CORRECTION_BITS: u32 = 3;

/// `correction_bits`, up to `max`.
pub(super) const fn correction_bits(max: u32) -> Parameter {
    Parameter {
        name: "correction_bits",
        choices: Choices::Integer { min: MIN_CORRECTION_BITS, max, default: |_| 6 },
        help: "fraction bits of the constants that correct the mantissa",
    }
}

pub(super) fn check_correction_bits(bits: u32, max: u32) -> Result<(), ParameterError> {
    ParameterError::check("correction_bits", bits, MIN_CORRECTION_BITS..=max)
}

/// Constants to be added to the mantissa, halved when the fractions carry: one for each pair of segments of the two
/// fractions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Correction<'a> {
    /// Upper bits of a fraction that tell its segment.
    pub segment_bits: u32,
    /// T: fraction bits of the constants.
    pub bits: u32,
    /// In units of `2^-T`, below 1, by {segment of the moving code, segment of the stationary one}.
    pub constants: &'a [u32],
}

impl Correction<'_> {
    fn largest(&self) -> u32 {
        self.constants.iter().copied().max().unwrap_or(0)
    }

    /// Width of a constant.
    fn width(&self) -> u32 {
        u32::BITS - self.largest().max(1).leading_zeros()
    }
}

/// Refuses fractions of fewer bits than `least`, or of more than an operand has.
pub(super) fn check_fraction_bits(bits: u32, least: u32, operand_bits: u32) -> Result<(), ParameterError> {
    if least >= operand_bits {
        let problem = format!("{least} fraction bits are needed, and operands have {}", operand_bits - 1);
        return Err(ParameterError::new(
            "operand_bits",
            problem,
            format!("choose operands of {} bits or more", least + 1),
        ));
    }
    if bits >= operand_bits {
        let problem = format!("{bits} is more than operand_bits - 1 = {}", operand_bits - 1);
        let remedy = format!("choose {least} to {}, or wider operands", operand_bits - 1);
        return Err(ParameterError::new("fraction_bits", problem, remedy));
    }
    ParameterError::check("fraction_bits", bits, least..=operand_bits - 1)
}

pub(super) fn check_dropped_bits(bits: u32, operand_bits: u32) -> Result<(), ParameterError> {
    let most = 2 * operand_bits - 2;
    if bits <= most {
        return Ok(());
    }
    let problem = format!("{bits} leaves nothing of a product below 2^{most}");
    Err(ParameterError::new("dropped_bits", problem, format!("choose 0 to {most}")))
}

/// ceil(log2 W): width of a characteristic, which is at most W - 1.
pub(super) fn characteristic_bits(operand_bits: u32) -> u32 {
    32 - (operand_bits - 1).leading_zeros()
}

/// What becomes of the fraction bits below the last one of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// The encoder rounds to the nearest, half up.
    Nearest,
    /// The encoder drops them.
    Truncate,
    /// The encoder drops them; the sum of two logarithms is one unit of the last bit larger: what two fractions lose on
    /// average.
    Carry,
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rounding::Nearest => "nearest",
            Rounding::Truncate => "truncate",
            Rounding::Carry => "carry",
        })
    }
}

/// The parameters of codes and products.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logarithm<'a> {
    /// W.
    pub operand_bits: u32,
    /// F.
    pub fraction_bits: u32,
    pub rounding: Rounding,
    pub correction: Option<Correction<'a>>,
    pub dropped_bits: u32,
    pub stages: u32,
}

impl Logarithm<'_> {
    /// `least_fraction_bits`: what the family needs.
    pub fn validate(&self, least_fraction_bits: u32) -> Result<(), ParameterError> {
        check_operand_bits(self.operand_bits)?;
        check_fraction_bits(self.fraction_bits, least_fraction_bits, self.operand_bits)?;
        check_dropped_bits(self.dropped_bits, self.operand_bits)?;
        check_stages(self.stages)
    }

    fn characteristic_bits(&self) -> u32 {
        characteristic_bits(self.operand_bits)
    }

    fn logarithm_bits(&self) -> u32 {
        self.characteristic_bits() + self.fraction_bits
    }

    pub fn code_bits(&self) -> u32 {
        2 + self.logarithm_bits()
    }

    /// Whether every operand keeps its whole fraction.
    ///
    /// Magnitudes below `2^(W-1)` have at most W - 2 fraction bits; `2^(W-1)` itself has none.
    pub fn is_full(&self) -> bool {
        self.fraction_bits + 2 >= self.operand_bits
    }

    /// `2^-F`, the last fraction bit, or 0 where no operand has anything below it.
    pub fn resolution(&self) -> f64 {
        if self.is_full() { 0.0 } else { 0.5f64.powi(self.fraction_bits as i32) }
    }

    /// Product of the largest code, {W-1, 0} of the operand `-2^(W-1)`, with itself.
    pub fn largest_square(&self) -> i64 {
        let code = 0b10 << self.logarithm_bits() | (self.operand_bits - 1) << self.fraction_bits;
        self.product(code, code)
    }

    /// Fraction bits of the mantissa: a halved constant needs one more than the constant.
    fn mantissa_fraction_bits(&self) -> u32 {
        self.correction.map_or(0, |correction| correction.bits + 1).max(self.fraction_bits)
    }

    #[inline]
    pub fn encode(&self, operand: i64) -> u32 {
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
            let half = u32::from(self.rounding == Rounding::Nearest) << (lost - 1);
            (rest + half) >> lost
        };
        // A fraction that rounds up to 1 carries into k.
        let logarithm = (k << fraction_bits) + fraction;
        let sign = u32::from(operand < 0);
        (0b10 | sign) << self.logarithm_bits() | logarithm
    }

    #[inline]
    pub fn product(&self, moving: u32, stationary: u32) -> i64 {
        let fraction_bits = self.fraction_bits;
        let logarithm_bits = self.logarithm_bits();
        let logarithm = (1 << logarithm_bits) - 1;
        let one = 1u32 << fraction_bits;
        let fraction = one - 1;

        let increment = u32::from(self.rounding == Rounding::Carry);
        let sum = (moving & logarithm) + (stationary & logarithm) + increment;
        let point = self.mantissa_fraction_bits();
        let mut mantissa = u64::from(one | (sum & fraction)) << (point - fraction_bits);
        if let Some(Correction { segment_bits, bits, constants }) = self.correction {
            let segment = |code: u32| (code & fraction) >> (fraction_bits - segment_bits);
            let constant = constants[(segment(moving) << segment_bits | segment(stationary)) as usize];
            let carried = ((moving & fraction) + (stationary & fraction)) >> fraction_bits;
            mantissa += u64::from(constant) << (point - bits) >> carried;
        }
        let antilog = mantissa << (sum >> fraction_bits);
        let magnitude = (antilog >> (point + self.dropped_bits)) as i64;

        // Branches here would depend on the data; masks cost one operation each.
        let negative = -i64::from((moving ^ stationary) >> logarithm_bits & 1);
        let nonzero = -i64::from((moving & stationary) >> (logarithm_bits + 1));
        ((magnitude ^ negative) - negative) & nonzero
    }

    pub fn encode_rtl(&self, m: &mut Builder, operand: &Operand) -> Expr {
        let sign = operand.sign(m);
        // A full fraction has nothing below it to round by.
        let rounds = self.rounding == Rounding::Nearest && !self.is_full();
        let below = u32::from(rounds);
        let (normal, characteristic) = operand.normalised(m, 1 + self.fraction_bits + below);
        let nonzero = normal.msb();
        let exact = if self.fraction_bits == 0 {
            characteristic
        } else {
            cat(&[characteristic, normal.slice(below, self.fraction_bits)])
        };
        let logarithm = if rounds { &exact + normal.bit(0).extend(exact.width()) } else { exact };
        cat(&[nonzero, sign, logarithm])
    }

    /// With {K, f} the sum of the logarithms, `{1, f}` plus the correction is shifted left by K.
    pub fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let Self { operand_bits, fraction_bits, rounding, correction, dropped_bits, stages } = *self;
        let characteristic_bits = self.characteristic_bits();
        let logarithm_bits = self.logarithm_bits();
        let operand = |code: &Expr| code.slice(0, logarithm_bits).extend(logarithm_bits + 1);
        let mut sum = operand(moving) + operand(stationary);
        if rounding == Rounding::Carry {
            sum = sum + 1;
        }
        let mut logarithm = m.wire("logarithm", sum);
        m.comment(&logarithm, "characteristic and fraction");
        let mut negative = m.wire("negative", moving.bit(logarithm_bits) ^ stationary.bit(logarithm_bits));

        // Before it is made 0, a product with a zero code, whose {k, f} is 0, is below `2^W`: with {W-1, 0} it is
        // `2^(W-1)` times 1 + 2^-F or 1 + s, and with {W-2, f} it is `2^(W-2)` times at most 1 + f + s < 3.
        let mut nonzero = None;
        if dropped_bits >= operand_bits {
            m.discard(moving.msb());
            m.discard(stationary.msb());
        } else {
            nonzero = Some(m.wire("nonzero", moving.msb() & stationary.msb()));
        }
        let mut constant =
            correction.map(|correction| constant(m, &correction, fraction_bits, moving, stationary, &logarithm));
        if stages == 2 {
            logarithm = m.reg_unreset("logarithm_q", logarithm);
            negative = m.reg_unreset("negative_q", negative);
            nonzero = nonzero.map(|nonzero| m.reg_unreset("nonzero_q", nonzero));
            constant = constant.map(|constant| m.reg_unreset("constant_q", constant));
        }

        let one = Expr::constant(unsigned(1), 1);
        let plain = if fraction_bits == 0 { one } else { cat(&[one, logarithm.slice(0, fraction_bits)]) };
        let point = self.mantissa_fraction_bits();
        let mantissa = match correction.zip(constant) {
            None => plain,
            Some((correction, constant)) => {
                let pad = |value: Expr, zeros: u32| match zeros {
                    0 => value,
                    zeros => cat(&[value, Expr::zero(unsigned(zeros))]),
                };
                let constant = pad(constant, point - correction.bits - 1);
                if correction.largest() << fraction_bits >> correction.bits == 0 {
                    // Every constant lies below the fraction.
                    cat(&[plain, constant.extend(point - fraction_bits)])
                } else {
                    let width = point + 2;
                    pad(plain, point - fraction_bits).extend(width) + constant.extend(width)
                }
            }
        };
        let mantissa = m.wire("mantissa", mantissa);
        let characteristic = logarithm.slice(fraction_bits, characteristic_bits + 1);
        let product_bits = 2 * operand_bits - dropped_bits;
        Antilogarithm { mantissa, point, characteristic, negative, nonzero }.shift(
            m,
            dropped_bits,
            product_bits,
            stages,
        )
    }
}

/// The constant for two codes with T + 1 fraction bits, halved when their fractions carry.
fn constant(
    m: &mut Builder,
    correction: &Correction,
    fraction_bits: u32,
    moving: &Expr,
    stationary: &Expr,
    logarithm: &Expr,
) -> Expr {
    let bit = |sum: &Expr| sum.bit(fraction_bits);
    let carried = m.wire("carried", bit(logarithm) ^ bit(moving) ^ bit(stationary));
    let Correction { segment_bits, constants, .. } = *correction;
    let width = correction.width();
    let literal = |value: u32| Expr::constant(unsigned(width), value.into());
    let whole = if segment_bits == 0 {
        literal(constants[0])
    } else {
        let segment = |code: &Expr| code.slice(fraction_bits - segment_bits, segment_bits);
        let column = m.wire("column", segment(stationary));
        let rows: Vec<Expr> = constants
            .chunks(1 << segment_bits)
            .enumerate()
            .map(|(row, constants)| {
                let constants: Vec<Expr> = constants.iter().map(|&value| literal(value)).collect();
                m.wire(&format!("row{row}"), select(&column, &constants))
            })
            .collect();
        let row = m.wire("row", segment(moving));
        m.wire("correction", select(&row, &rows))
    };
    let zero = Expr::zero(unsigned(1));
    m.wire("constant", mux(&carried, &cat(&[zero.clone(), whole.clone()]), &cat(&[whole, zero])))
}
