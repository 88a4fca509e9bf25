//! A unit of arithmetic in a folder of its own: its Verilog, and a testbench that asserts its bound and needs no Logloom.
//!
//! | path | contents |
//! |---|---|
//! | `rtl/<module>.v`, `rtl/files.f` | as of an accelerator; the top module is `unit`, beside it `weight_unit` where weights are coded otherwise |
//! | `tb/unit_bound.sv` | the bound, as assertions |
//! | `tb/main.cpp`, `tb/Makefile` | pairs of operands; `make` runs them under Verilator |
//! | `unit.json` | parameters, widths, bound, and the operands of the largest errors |

use std::collections::BTreeSet;

use logloom_hdl::arith::{self, Arithmetic, Coded, ErrorBound, Side, WeightBound, WeightCoding};
use logloom_hdl::rtl::{ElaborationError, Module};
use serde::Serialize;
use tera::{Context, Tera};

use super::Bound;
use super::error::{ErrorStatistics, Extreme};
use crate::emit::{Plan, add_verilog};
use crate::files::sha256;

/// Operands of at most this many bits are multiplied in all pairs.
const EXHAUSTIVE_BITS: u32 = 8;

/// Pairs of wider operands besides those with a corner.
const RANDOM_PAIRS: u32 = 1 << 22;

/// Version of `unit.json`; changes when a field changes its meaning or goes away.
const FORMAT_VERSION: u32 = 1;

/// `unit.json`.
#[derive(Serialize)]
struct Description<'a> {
    format_version: u32,
    generator: &'static str,
    version: &'static str,
    family: &'static str,
    parameters: String,
    operand_bits: u32,
    /// Cycles from operands to product.
    latency: u32,
    product_bits: u32,
    /// A product p stands for `p * 2^dropped_bits`.
    dropped_bits: u32,
    code_bits: Sides,
    draw_bits: Sides,
    #[serde(with = "Bound")]
    bound: ErrorBound,
    /// Swept over all pairs, with the operands that reach the extremes.
    errors: &'a ErrorStatistics,
    /// That the testbench multiplies.
    testbench_pairs: u64,
}

#[derive(Serialize)]
struct Sides {
    moving: u32,
    stationary: u32,
}

/// What the testbench instantiates.
#[derive(Serialize)]
struct Multiplier<'a> {
    module: &'a str,
    reset: bool,
    /// The wire of its product.
    product: &'static str,
    draw_bits: u32,
    /// The port that its stationary operand is drawn by.
    draw: &'static str,
}

impl<'a> Multiplier<'a> {
    /// That of two operands.
    fn of_operands(unit: &dyn Arithmetic, module: &'a Module) -> Self {
        Self::new(module, "product", unit.draw_bits(Side::Stationary), "stationary_draw_i")
    }

    /// That of an operand and a weight, where weights are coded otherwise.
    fn of_weights(unit: &dyn Arithmetic, module: &'a Module) -> Self {
        Self::new(module, "weight_product", unit.weight_draw_bits(), "weight_draw_i")
    }

    fn new(module: &'a Module, product: &'static str, draw_bits: u32, draw: &'static str) -> Self {
        Self { module: &module.name, reset: module.is_reset(), product, draw_bits, draw }
    }
}

impl Sides {
    fn of(bits: impl Fn(Side) -> u32) -> Self {
        Self { moving: bits(Side::Moving), stationary: bits(Side::Stationary) }
    }
}

/// Plans the folder of a unit whose errors are known.
///
/// # Errors
/// The hardware cannot be elaborated.
pub fn plan(unit: &dyn Arithmetic, errors: &ErrorStatistics) -> Result<Plan, ElaborationError> {
    let name = format!("{} {}", unit.name(), unit.parameters());
    let digest = sha256(name.as_bytes());
    let mut plan = Plan::new(&digest, &name);
    let (top, weight_top) = (arith::unit(unit)?, arith::weight_unit(unit)?);
    let tops: Vec<_> = weight_top.iter().chain([&top]).cloned().collect();
    add_verilog(&mut plan, &tops, &digest)?;
    let mut multipliers = vec![Multiplier::of_operands(unit, &top)];
    multipliers.extend(weight_top.as_ref().map(|module| Multiplier::of_weights(unit, module)));

    let stimulus = Stimulus::new(unit, errors);
    let draw_bits = Sides::of(|side| unit.draw_bits(side));
    let mut context = Context::new();
    context.insert("name", unit.name());
    context.insert("parameters", &unit.parameters());
    context.insert("bound", &unit.error_bound().to_string());
    context.insert("keeps_signs", &unit.keeps_signs());
    context.insert("operand_bits", &unit.operand_bits());
    context.insert("operand_mask", &((1u32 << unit.operand_bits()) - 1));
    context.insert("product_bits", &unit.product_bits());
    context.insert("dropped_bits", &unit.dropped_bits());
    context.insert("latency", &unit.latency());
    context.insert("moving_draw_bits", &draw_bits.moving);
    context.insert("stationary_draw_bits", &draw_bits.stationary);
    context.insert("drawn", &stimulus.drawn);
    context.insert("exhaustive", &stimulus.corners.is_empty());
    context.insert("corners", &stimulus.corners);
    context.insert("random_pairs", &RANDOM_PAIRS);
    context.insert("stimulus", &stimulus.to_string());
    let of_weights = unit.weight_coding().map(WeightCoding::error_bound);
    let check = Check::new(unit, WeightBound::Product(unit.error_bound()));
    let weight_check = of_weights.map(|bound| Check::new(unit, bound));
    let bits = check.bits.max(weight_check.as_ref().map_or(0, |check| check.bits));
    let literal = |value: i128| format!("{}{}'sd{}", if value < 0 { "-" } else { "" }, bits, value.unsigned_abs());
    context.insert("scale", &SCALE);
    context.insert("bits", &bits);
    context.insert("weight_bound", &of_weights.map(|bound| bound.to_string()));
    context.insert("weight_draw_bits", &unit.weight_draw_bits());
    context.insert("multipliers", &multipliers);
    context.insert("weights_keep_signs", &matches!(of_weights, Some(WeightBound::Product(_))));
    if let Some(check) = &weight_check {
        context.insert("weight_low", &literal(check.low));
        context.insert("weight_high", &literal(check.high));
        context.insert("weight_absolute", &literal(check.absolute));
        context.insert("weight_distance", &literal(check.distance));
    }
    context.insert("low", &literal(check.low));
    context.insert("high", &literal(check.high));
    context.insert("absolute", &literal(check.absolute));
    for (path, template) in [
        ("tb/unit_bound.sv", include_str!("templates/unit/unit_bound.sv")),
        ("tb/main.cpp", include_str!("templates/unit/main.cpp")),
        ("tb/Makefile", include_str!("templates/unit/Makefile")),
    ] {
        plan.add(path, Tera::one_off(template, &context, false).expect("the template matches its values"));
    }

    let description = Description {
        format_version: FORMAT_VERSION,
        generator: "logloom",
        version: env!("CARGO_PKG_VERSION"),
        family: unit.name(),
        parameters: unit.parameters(),
        operand_bits: unit.operand_bits(),
        latency: unit.latency(),
        product_bits: unit.product_bits(),
        dropped_bits: unit.dropped_bits(),
        code_bits: Sides::of(|side| unit.code_bits(side)),
        draw_bits,
        bound: unit.error_bound(),
        errors,
        testbench_pairs: stimulus.pairs(),
    };
    let mut json = serde_json::to_string_pretty(&description).expect("strings and numbers");
    json.push('\n');
    plan.add("unit.json", json);
    Ok(plan)
}

/// Relative bounds count in units of `2^-SCALE`: they stay within 1e-9, and for operands of 16 bits within half a unit of the
/// product.
const SCALE: u32 = 32;

/// A bound in whole numbers, in units of `2^-SCALE`.
#[derive(Debug, PartialEq, Eq)]
struct Check {
    low: i128,
    high: i128,
    absolute: i128,
    /// Times |a|.
    distance: i128,
    /// That hold every number of the comparison, signed.
    bits: u32,
}

impl Check {
    fn new(unit: &dyn Arithmetic, bound: WeightBound) -> Self {
        let (ErrorBound { relative_low, relative_high, absolute }, distance) = match bound {
            WeightBound::Product(bound) => (bound, 0.0),
            WeightBound::Distance { distance } => (ErrorBound::EXACT, distance),
        };
        let distance = least_above(distance);
        let (low, high, absolute) = (-least_above(-relative_low), least_above(relative_high), least_above(absolute));
        let bits = |number: i128| 128 - number.unsigned_abs().leading_zeros();
        let (product, exact) = (unit.product_bits() + unit.dropped_bits(), 2 * unit.operand_bits());
        let widest = [
            product.max(exact) + SCALE,
            exact + bits(low),
            exact + bits(high),
            bits(absolute),
            unit.operand_bits() + bits(distance),
        ];
        // A sum or difference of two of these, and its sign.
        Self { low, high, absolute, distance, bits: 2 + widest.into_iter().max().expect("there are numbers") }
    }
}

/// A whole number of units of `2^-SCALE` that is above the value for certain, whatever was lost in computing that; 0 is exact.
fn least_above(value: f64) -> i128 {
    let scaled = (value * 2f64.powi(SCALE as i32)).ceil() as i128;
    if value == 0.0 { 0 } else { scaled + 1 }
}

/// The pairs that the testbench multiplies.
struct Stimulus {
    operand_bits: u32,
    /// Operands that are multiplied by all others; none if all are.
    corners: Vec<i64>,
    drawn: bool,
}

impl Stimulus {
    fn new(unit: &dyn Arithmetic, errors: &ErrorStatistics) -> Self {
        let operand_bits = unit.operand_bits();
        let most = (1i64 << (operand_bits - 1)) - 1;
        // Zero, the ends, both sides of every power of two, and what has the largest errors.
        let mut corners = BTreeSet::from([0, most, -most, -most - 1]);
        if operand_bits <= EXHAUSTIVE_BITS {
            corners.clear();
        } else {
            for power in (0..operand_bits - 1).map(|k| 1 << k) {
                corners.extend([power, -power, power - 1, 1 - power, power + power / 2]);
            }
            let operands = |Extreme { operands, .. }: Extreme<f64>| operands;
            corners.extend(operands(errors.lowest));
            corners.extend(operands(errors.highest));
            corners.extend(errors.worst_case.operands);
            corners.extend(errors.weights.iter().flat_map(|errors| errors.worst_case.operands));
        }
        let drawn = Coded::all(unit).into_iter().any(|coded| coded.draw_bits(unit) > 0);
        Self { operand_bits, corners: corners.into_iter().collect(), drawn }
    }

    fn pairs(&self) -> u64 {
        let operands = 1u64 << self.operand_bits;
        let once = match self.corners.len() as u64 {
            0 => operands * operands,
            corners => 2 * corners * operands + u64::from(RANDOM_PAIRS),
        };
        once * if self.drawn { 3 } else { 1 }
    }
}

impl std::fmt::Display for Stimulus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.corners.len() {
            0 => f.write_str("all")?,
            corners => {
                write!(
                    f,
                    "every operand with {corners} corner operands on either side, and {RANDOM_PAIRS} from an LFSR"
                )?;
            }
        }
        if self.drawn {
            f.write_str(", with the least draw, the greatest, and one from an LFSR")?;
        }
        write!(f, "; {} in all", self.pairs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::error::statistics;
    use logloom_hdl::arith::{FAMILIES, Family, family};

    fn made(name: &str, settings: &str) -> std::sync::Arc<dyn Arithmetic> {
        family::find(name).unwrap().parse(settings).unwrap()
    }

    /// Not stricter than the bound, not looser than 1e-9.
    #[test]
    fn the_check_is_the_bound() {
        let unit = 2f64.powi(-(SCALE as i32));
        for family in FAMILIES.iter().flat_map(Family::made) {
            let (bound, check) =
                (family.error_bound(), Check::new(family.as_ref(), WeightBound::Product(family.error_bound())));
            for (real, whole) in
                [(-bound.relative_low, -check.low), (bound.relative_high, check.high), (bound.absolute, check.absolute)]
            {
                let slack = whole as f64 * unit - real;
                assert!((0.0..1e-9).contains(&slack), "{} {}: {slack}", family.name(), family.parameters());
            }
            assert!((32 + 2 * family.operand_bits()..=100).contains(&check.bits));
        }
        assert_eq!(least_above(0.0), 0);
        assert_eq!(least_above(-0.25), -(1 << 30) + 1);
        assert_eq!(least_above(0.3), (0.3 * 2f64.powi(32)) as i128 + 2);
    }

    #[test]
    fn a_folder_has_all_that_it_needs() {
        let family = made("ternary", "operand_bits=9 stages=1");
        let plan = super::plan(family.as_ref(), &statistics(family.as_ref())).unwrap();
        let paths: Vec<&str> = plan.files().map(|(path, _)| path).collect();
        let expected = [
            "rtl/files.f",
            "rtl/moving_encoder.v",
            "rtl/product.v",
            "rtl/stationary_encoder.v",
            "rtl/unit.v",
            "rtl/weight_encoder.v",
            "rtl/weight_unit.v",
            "tb/Makefile",
            "tb/main.cpp",
            "tb/unit_bound.sv",
            "unit.json",
        ];
        assert_eq!(paths, expected);
        let json: serde_json::Value = serde_json::from_slice(plan.get("unit.json").unwrap()).unwrap();
        assert_eq!((&json["latency"], &json["draw_bits"]["stationary"]), (&1.into(), &8.into()));
        assert_eq!(json["bound"]["relative_low"], -0.5);
        assert_eq!(json["errors"]["weights"]["bound"]["distance"], 255.0);
        let assertions = String::from_utf8_lossy(plan.get("tb/unit_bound.sv").unwrap()).into_owned();
        assert!(assertions.contains("|p - ab| <= 255 |a|"), "{assertions}");
        assert!(json["errors"]["highest"]["operands"].is_array());
        let main = String::from_utf8_lossy(plan.get("tb/main.cpp").unwrap()).into_owned();
        assert!(main.contains(&format!("; {} in all", json["testbench_pairs"])), "{main}");
    }
}
