//! Units under Verilator against their references, over all pairs of codes.

use crate::needs;
use logloom::flow::Tool;
use logloom::units::sweep::{Subject, sweep};
use logloom_hdl::arith::{Arithmetic, FAMILIES, Family};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every unit of up to 8 bits, and every family with its defaults and operands of 8 bits.
fn narrow() -> Vec<Arc<dyn Arithmetic>> {
    let defaults = FAMILIES.iter().filter_map(|family| family.parse("operand_bits=8 stages=2").ok());
    FAMILIES.iter().flat_map(Family::made).filter(|unit| unit.operand_bits() <= 8).chain(defaults).collect()
}

#[test]
fn narrow_units_are_their_references() {
    if !needs(&[Tool::Verilator, Tool::Make, Tool::Cxx]) {
        return;
    }
    let subjects: Vec<Subject> = narrow().iter().flat_map(Subject::all).collect();
    let done = AtomicU64::new(0);
    sweep(&subjects, &|pairs| {
        done.fetch_add(pairs, Ordering::Relaxed);
    })
    .unwrap();
    assert_eq!(done.into_inner(), subjects.iter().map(Subject::pairs).sum::<u64>());
    assert!(subjects.iter().all(|subject| subject.pairs() >= 256));
}
