//! Designs for tests.

use std::sync::Arc;

use logloom_hdl::arith::{Arithmetic, Exact, Form, Mitchell, mitchell};
use logloom_hdl::design::{Counters, Design, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};

use super::{Compiled, Rounding, Task, required_depths};

pub(crate) fn mitchell(fraction_bits: u32, dropped_bits: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Mitchell {
        operand_bits: 16,
        fraction_bits,
        dropped_bits,
        rounding: mitchell::Rounding::Nearest,
        stages: 0,
    })
}

pub(crate) fn exact() -> Arc<dyn Arithmetic> {
    Arc::new(Exact { operand_bits: 16, form: Form::Rows, stages: 0 })
}

/// 16-bit formats and f = 4 with 16 bits dropped, as in the digits preset; generous memories.
pub(crate) fn design(rows: u32, columns: u32) -> Design {
    let banks = rows.max(columns).max(2).next_power_of_two();
    Design {
        name: "test".into(),
        rows,
        columns,
        arithmetic: mitchell(4, 16),
        activation: "Q5.10".parse().unwrap(),
        gradient: "Q1.14".parse().unwrap(),
        weight: "Q3.12".parse().unwrap(),
        accumulator_bits: 48,
        accumulator_depth: 64,
        activation_depth: 64 * banks,
        gradient_depth: 64 * banks,
        weight_depth: 64 * banks,
        weight_codes: WeightCodes::Stored,
        roundings: Roundings::Any,
        interconnect: Interconnect::Systolic,
        subtraction: Subtraction::Complement,
        softmax_lanes: SoftmaxLanes::All,
        counters: Counters::All,
        batch_depth: 64,
        program_depth: 32,
    }
}

/// A network on the smallest memories that [`required_depths`] finds, at learning rate 2^-3.
pub(crate) fn compiled(
    network: &[u32],
    batch: u32,
    rows: u32,
    columns: u32,
    arithmetic: Arc<dyn Arithmetic>,
) -> Compiled {
    let mut design = Design { arithmetic, ..design(rows, columns) };
    required_depths(network, batch, rows, columns).unwrap().apply(&mut design);
    design.validate().unwrap();
    Compiled::new(&task(network, batch), &design).unwrap()
}

pub(crate) fn task(network: &[u32], batch: u32) -> Task {
    Task {
        network: network.to_vec(),
        batch,
        learning_rate_shift: 3,
        milestones: Vec::new(),
        rounding: Rounding::Nearest,
        weight_scales: vec![0; network.len() - 1],
    }
}
