//! Products under Verilator against their references, over all pairs of codes.

use crate::needs;
use logloom::flow::Tool;
use logloom::units::sweep::{encoders, sweep};
use logloom_hdl::arith::{Arithmetic, FAMILIES, Family};
use std::sync::Arc;

/// Every unit of up to 8 bits, and every family with its defaults and operands of 8 bits.
fn narrow() -> Vec<Arc<dyn Arithmetic>> {
    let defaults = FAMILIES.iter().filter_map(|family| family.parse("operand_bits=8 stages=2").ok());
    FAMILIES.iter().flat_map(Family::made).filter(|unit| unit.operand_bits() <= 8).chain(defaults).collect()
}

#[test]
fn products_of_narrow_operands_are_the_references() {
    if !needs(&[Tool::Verilator, Tool::Make, Tool::Cxx]) {
        return;
    }
    let units = narrow();
    let swept = sweep(&units, &mut |_| ()).unwrap();
    assert_eq!(swept.len(), units.len());
    assert!(swept.iter().all(|s| s.moving_codes > 8 && s.stationary_codes > 1));
    units.iter().for_each(|unit| encoders(unit.as_ref()).unwrap());
}
