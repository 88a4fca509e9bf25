//! The loops of a SOFTMAX: passes, samples, groups of classes.

use super::timing;
use crate::design::Design;
use crate::rtl::{Builder, ElaborationError, Expr, Module, address_bits, mux, unsigned};
use std::sync::Arc;

/// Module `softmax_control`: reads the logits from the accumulators, group after group of each sample, once per pass.
///
/// `start_i` with `samples_i`, `classes_i`, `base_i` and `last_pass_i` (0 argmax .. 3 gradient), which hold still. `valid_o` with
/// `address_o` reads one vector; `sample_end_o` marks the last of a sample; `clear_o` precedes each pass; `active_o` until everything is written.
///
/// With one lane, `valid_o` marks every logit: that of `column_o` in the vector that `read_o` reads, up to `group_end_o`.
pub fn softmax_control(design: &Design) -> Result<Arc<Module>, ElaborationError> {
    let word = unsigned(design.dimension_bits());
    let address = unsigned(address_bits(design.accumulator_depth));
    let lanes = i64::from(design.loss_lanes());
    let mut m = Builder::new("softmax_control", "The loops of a SOFTMAX: passes, samples, groups of classes.");
    let start = m.input("start_i", unsigned(1));
    let samples = m.input("samples_i", word);
    let classes = m.input("classes_i", word);
    let base = m.input("base_i", address);
    let last_pass = m.input("last_pass_i", unsigned(2));

    let running = m.register("running_q", unsigned(1));
    let samples_left = m.register("samples_left_q", word);
    let classes_left = m.register("classes_left_q", word);
    let sample_address = m.register("sample_address_q", address);
    let position = m.register("address_q", address);
    let pass = m.register("pass_q", unsigned(2));

    let cycles = timing::softmax_drain(design);
    let drain_type = unsigned(u32::BITS - cycles.leading_zeros());
    let drain = m.register("drain_q", drain_type);
    let draining = m.wire("draining", drain.value().any());
    let drained = m.wire("drained", drain.value().is(1));
    let again = m.wire("again", &drained & pass.value().ne(&last_pass));
    let begin = m.wire("begin_pass", &start | &again);

    let sample_ends = m.wire("sample_ends", running.value() & classes_left.value().le(&Expr::constant(word, lanes)));
    let pass_ends = m.wire("pass_ends", &sample_ends & samples_left.value().is(1));
    m.drive_when(&running, &begin | &pass_ends, &begin);
    m.drive_when(&samples_left, &begin | &sample_ends, mux(&begin, &samples, &(samples_left.value() - 1)));
    let reload = m.wire("reload_classes", &begin | &sample_ends);
    m.drive_when(&classes_left, running.value() | &begin, mux(&reload, &classes, &(classes_left.value() - lanes)));
    // The groups of a sample are one block of samples apart.
    let next_sample = m.wire("next_sample", mux(&begin, &base, &(sample_address.value() + 1)));
    m.drive_when(&sample_address, &reload, &next_sample);
    let block = samples.truncate(address.width);
    let group_ends = match design.splits_logits() {
        false => running.value(),
        true => {
            // The logits of a group one by one; its vector is read once and holds.
            let column = m.register("column_q", unsigned(address_bits(design.columns)));
            let last = m.wire("last_column", column.value().is(i64::from(design.columns) - 1));
            let ends = m.wire("group_ends", running.value() & (&last | &sample_ends));
            let restart = m.wire("first_column_next", &ends | &begin);
            m.drive_when(&column, running.value() | &begin, (column.value() + 1).gate(&!restart));
            m.output("read_o", running.value() & !column.value().any());
            m.output("column_o", column.value());
            m.output("group_end_o", &ends);
            ends
        }
    };
    let moves = m.wire("address_moves", group_ends | &begin);
    m.drive_when(&position, moves, mux(&reload, &next_sample, &(position.value() + block)));
    m.drive_when(&pass, &begin, (pass.value() + 1).gate(&!&start));
    m.drive_when(
        &drain,
        &pass_ends | &draining,
        mux(&pass_ends, &Expr::constant(drain_type, cycles.into()), &(drain.value() - 1)),
    );

    m.output("active_o", running.value() | draining);
    m.output("clear_o", begin);
    m.output("valid_o", running.value());
    m.output("sample_end_o", sample_ends);
    m.output("address_o", position.value());
    m.output("pass_o", pass.value());
    m.finish()
}
