//! Every unit of every family, from the list alone: a family that is added is tested.
use crate::check;
use logloom_hdl::arith::{Arithmetic, FAMILIES, MAX_STAGES, Side};
use std::sync::Arc;

/// Pairs of codes that are swept rather than sampled: all products of operands of 8 bits are fewer.
const SWEPT: usize = 1 << 20;

fn every_unit(check: impl Fn(&dyn Arithmetic)) {
    for unit in units() {
        check(unit.as_ref());
    }
}

fn units() -> impl Iterator<Item = Arc<dyn Arithmetic>> {
    FAMILIES.iter().flat_map(|family| family.made())
}

/// Every family with each operand width up to 8 and its defaults, and as many registers as it has places for.
fn narrow() -> impl Iterator<Item = Arc<dyn Arithmetic>> {
    let narrow = |bits, stages| FAMILIES.iter().map(move |f| f.parse(&format!("operand_bits={bits} stages={stages}")));
    (4..=8).flat_map(move |bits| (0..=MAX_STAGES).flat_map(move |stages| narrow(bits, stages))).filter_map(Result::ok)
}

#[test]
fn encoders_are_the_references() {
    every_unit(check::encoders);
    narrow().for_each(|unit| check::encoders(unit.as_ref()));
}

#[test]
fn references_keep_the_laws_of_zero_and_of_sums() {
    every_unit(check::references);
}

#[test]
fn products_are_the_references() {
    every_unit(|unit| {
        let count = |side| check::codes(unit, side).len();
        if count(Side::Moving) * count(Side::Stationary) <= SWEPT {
            check::every_product(unit);
        } else {
            check::some_products(unit);
        }
    });
}

#[test]
fn multipliers_are_encoders_and_product() {
    every_unit(check::whole);
}

#[test]
fn products_of_narrow_operands_are_the_references() {
    narrow().for_each(|unit| check::every_product(unit.as_ref()));
}

#[test]
fn no_product_leaves_the_bound() {
    every_unit(|unit| {
        if unit.operand_bits() <= 8 {
            check::bound(unit);
        }
    });
    narrow().filter(|unit| unit.latency() == 0).for_each(|unit| check::bound(unit.as_ref()));
}

#[test]
fn the_partial_sum_takes_one_cycle() {
    every_unit(|unit| {
        check::element(unit, unit.product_bits() + 4, 1000);
        check::element(unit, unit.product_bits(), 500);
    });
    narrow().for_each(|unit| check::element(unit.as_ref(), unit.product_bits() + 2, 300));
}
