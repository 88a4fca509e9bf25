//! The whole accelerator passes the checks in every shape, and its Verilog can be printed.

use logloom_hdl::accelerator::accelerator;
use logloom_hdl::arith::{Arithmetic, Exact, Form, Mitchell, mitchell};
use logloom_hdl::design::{Counters, Design, Format, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};
use logloom_hdl::rtl::verilog;
use std::sync::Arc;

/// A small design, with memories for a few tiles.
fn design(rows: u32, columns: u32, arithmetic: Arc<dyn Arithmetic>) -> Design {
    let bits = arithmetic.operand_bits();
    let banks = rows.max(columns).max(2).next_power_of_two();
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
        activation_depth: 32 * banks,
        gradient_depth: 32 * banks,
        weight_depth: 32 * banks,
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
    design
}

fn families() -> Vec<Arc<dyn Arithmetic>> {
    vec![
        Arc::new(Exact { operand_bits: 8, form: Form::Rows, stages: 2 }),
        Arc::new(Mitchell {
            operand_bits: 16,
            fraction_bits: 4,
            dropped_bits: 8,
            rounding: mitchell::Rounding::Nearest,
            stages: 0,
        }),
    ]
}

#[test]
fn every_shape_elaborates_and_prints() {
    for arithmetic in families() {
        for (rows, columns) in [(1, 1), (1, 3), (4, 4), (5, 2), (2, 8)] {
            let design = design(rows, columns, arithmetic.clone());
            let top =
                accelerator(&design, 0).unwrap_or_else(|e| panic!("{} {rows} x {columns}: {e}", arithmetic.name()));
            for module in top.hierarchy().unwrap() {
                let text = verilog::print(&module, "");
                assert!(text.contains(&format!("module {} ", module.name)));
            }
        }
    }
}

/// Tile numbers as wide as the fields of an instruction.
#[test]
fn the_largest_memories_elaborate() {
    let mut design = design(2, 2, families().remove(0));
    design.weight_depth = 1 << 17;
    design.validate().unwrap();
    accelerator(&design, 0).unwrap();
}
