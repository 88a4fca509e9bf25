//! No linter has anything to say.

use super::{everything, write};
use logloom::flow::lint::lint;
use logloom::flow::testing::needs;
use logloom::flow::tool::Tool;
use logloom_hdl::arith::{self, Arithmetic, Exact, FAMILIES, Form, Mitchell, mitchell};
use logloom_hdl::design::{Counters, Design, Format, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};
use logloom_hdl::link::uart::{TOP, serial_accelerator};
use logloom_hdl::rtl::Module;
use std::sync::Arc;

fn assert_clean(top: &Arc<Module>) {
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), top);
    for report in lint(&files, &top.name) {
        assert!(!report.is_failure(), "{report}");
    }
}

/// Counts the linters that are missing.
fn count_missing() {
    for tool in [Tool::Verilator, Tool::VeribleLint, Tool::Pyslang, Tool::Yosys, Tool::Iverilog] {
        needs(&[tool]);
    }
}

#[test]
fn the_zoo_is_clean() {
    count_missing();
    assert_clean(&everything());
}

/// A multiplier by itself, of each family.
#[test]
fn units_are_clean() {
    count_missing();
    for family in FAMILIES {
        let unit = family.made().next().expect("a family has a unit");
        assert_clean(&arith::unit(unit.as_ref()).unwrap());
    }
}

/// With its serial link, and so everything that it is made of.
#[test]
fn the_accelerator_is_clean() {
    count_missing();
    let families: [(u32, u32, Arc<dyn Arithmetic>); 2] = [
        (3, 2, Arc::new(Exact { operand_bits: 8, form: Form::Rows, stages: 1 })),
        (
            1,
            1,
            Arc::new(Mitchell {
                operand_bits: 16,
                fraction_bits: 4,
                dropped_bits: 8,
                rounding: mitchell::Rounding::Nearest,
                stages: 0,
            }),
        ),
    ];
    for (rows, columns, arithmetic) in families {
        let bits = arithmetic.operand_bits();
        let mut design = Design {
            name: "test".into(),
            rows,
            columns,
            activation: Format { bits, frac: bits / 2 },
            gradient: Format { bits, frac: bits - 2 },
            arithmetic,
            weight: Format { bits: 16, frac: 12 },
            accumulator_bits: 40,
            accumulator_depth: 16,
            activation_depth: 128,
            gradient_depth: 128,
            weight_depth: 128,
            weight_codes: WeightCodes::Stored,
            roundings: Roundings::Any,
            interconnect: Interconnect::Systolic,
            subtraction: Subtraction::Complement,
            softmax_lanes: SoftmaxLanes::All,
            counters: Counters::All,
            batch_depth: 16,
            program_depth: 8,
        };
        design.accumulator_bits = design.accumulator_bits.min(62 - design.lift());
        let choices = [(Subtraction::Complement, WeightCodes::Stored), (Subtraction::Adder, WeightCodes::Spram)];
        for (subtraction, weight_codes) in choices {
            (design.subtraction, design.weight_codes) = (subtraction, weight_codes);
            let top = serial_accelerator(&design, 0, 12_000_000, 1_000_000).unwrap();
            assert_eq!(top.name, TOP);
            assert_clean(&top);
        }
    }
}
