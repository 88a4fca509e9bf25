//! A design of three rows and two columns, whose memories a test can write and read back whole.
use logloom_hdl::arith::{Arithmetic, Mitchell, mitchell};
use logloom_hdl::design::{Counters, Design, Format, Interconnect, Roundings, SoftmaxLanes, Subtraction, WeightCodes};
use std::sync::Arc;

pub fn design(arithmetic: Arc<dyn Arithmetic>) -> Design {
    Design {
        name: "small".into(),
        rows: 3,
        columns: 2,
        arithmetic,
        activation: Format { bits: 16, frac: 10 },
        gradient: Format { bits: 16, frac: 14 },
        weight: Format { bits: 18, frac: 14 },
        weight_codes: WeightCodes::Stored,
        roundings: Roundings::Any,
        interconnect: Interconnect::Systolic,
        subtraction: Subtraction::Complement,
        softmax_lanes: SoftmaxLanes::All,
        counters: Counters::All,
        accumulator_bits: 40,
        accumulator_depth: 4,
        activation_depth: 16,
        gradient_depth: 16,
        weight_depth: 16,
        batch_depth: 4,
        program_depth: 4,
    }
}

pub fn logarithmic() -> Arc<dyn Arithmetic> {
    let rounding = mitchell::Rounding::Nearest;
    Arc::new(Mitchell { operand_bits: 16, fraction_bits: 4, dropped_bits: 8, rounding, stages: 0 })
}
