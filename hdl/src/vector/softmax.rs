//! Prediction, loss and output gradient, in the log domain: no multiplier, no divider.
//!
//! A pass streams the logits of all samples through the lanes, one group of C classes per cycle or one class, and leaves one number per
//! sample in a memory for the next pass: the largest logit, the logarithm of the sum of exponentials, and the sum of
//! the wrong classes' probabilities, which becomes the (negative) gradient of the right class so that the gradient of a
//! sample sums to zero.

use crate::design::Design;
use crate::logic::sum;
use crate::rtl::{
    Builder, ElaborationError, Expr, Module, ReadPort, ReadUnderWrite, WritePort, address_bits, cat, lanes, mux,
    select, signed, unsigned,
};
use std::sync::Arc;

/// Width of a logit; 8 of its bits are fraction.
const LOGIT_BITS: u32 = 16;
/// Width of a probability or exponential with 16 fraction bits: at most 1.
const ANTILOG_BITS: u32 = 17;
/// Width of the sum of the exponentials of up to 2^15 classes.
const SUM_BITS: u32 = 32;

/// Cycles from a vector of logits to its gradient.
pub const GRADIENT_LATENCY: u32 = 6;

/// Levels of a binary tree over the lanes, one register each.
fn levels(lanes: u32) -> u32 {
    lanes.next_power_of_two().trailing_zeros()
}

/// Cycles from a vector of logits to the last memory that a pass writes, with the encoding of a gradient.
pub fn latency(design: &Design) -> u32 {
    levels(design.loss_lanes()) + 13
}

/// Number of the predictions in the host's selection: label, maximum, log sum, rest, prediction.
const PREDICTION: i64 = 4;

/// A registered binary tree: `combine` joins two neighbours, an odd one out waits.
fn tree(
    m: &mut Builder,
    name: &str,
    mut nodes: Vec<Expr>,
    combine: impl Fn(&mut Builder, &str, &Expr, &Expr) -> Expr,
) -> Expr {
    let mut level = 0;
    while nodes.len() > 1 {
        level += 1;
        nodes = nodes
            .chunks(2)
            .enumerate()
            .map(|(i, pair)| {
                let label = format!("{name}{level}_{i}");
                let joined = match pair {
                    [a, b] => combine(m, &label, a, b),
                    _ => pair[0].clone(),
                };
                m.reg(&format!("{label}_q"), joined)
            })
            .collect();
    }
    nodes.remove(0)
}

/// `((256 + f) << 8) >> k` for u = f / 256 - k <= 0 in steps of 1/256: 2^u with 16 fraction bits, straight between powers.
fn antilog(m: &mut Builder, name: &str, u: &Expr) -> Expr {
    let whole = m.wire(&format!("{name}_exponent"), -u.slice(8, u.width() - 8));
    let mantissa = cat(&[Expr::constant(unsigned(1), 1), u.slice(0, 8), Expr::zero(unsigned(8))]);
    let vanishes = whole.slice(5, whole.width() - 5).any();
    mantissa.shr(&whole.slice(0, 5)).gate(&!vanishes)
}

/// A row of one-lane values as named registers.
fn stage(m: &mut Builder, name: &str, values: Vec<Expr>) -> Vec<Expr> {
    values.into_iter().enumerate().map(|(c, v)| m.reg(&format!("{name}{c}_q"), v)).collect()
}

/// Module `softmax`: the loss unit and the per-sample memories.
///
/// `valid_i` with `values_i` (C x V bits, logits in the low 16 bits): the next group of classes of the next sample, classes
/// first; `clear_i` before a pass. `pass_i`: 0 argmax, 1 sum, 2 loss, 3 gradient. Gradients stand in `gradients_o` (C x V
/// bits) [`GRADIENT_LATENCY`] cycles later.
///
/// With one lane, `valid_i` comes with the logit in column `column_i` of `values_i`, and the gradients stand when those of all
/// columns have come.
pub fn softmax(design: &Design) -> Result<Arc<Module>, ElaborationError> {
    let lane_count = design.loss_lanes();
    let bits = design.vector_bits();
    let operand = design.operand_bits();
    let frac = design.gradient.frac;
    let height = levels(lane_count);
    let dimension = unsigned(design.dimension_bits());
    let address_bits = address_bits(design.batch_depth);
    let mut m = Builder::new(
        "softmax",
        "Prediction, loss and output gradient from the logits, by logarithms: no multiplier, no divider.",
    );
    let clear = m.input("clear_i", unsigned(1));
    let pass = m.input("pass_i", unsigned(2));
    let classes = m.input("classes_i", dimension);
    let valid = m.input("valid_i", unsigned(1));
    let values = m.input("values_i", unsigned(design.columns * bits));
    let column = design.splits_logits().then(|| m.input("column_i", unsigned(self::address_bits(design.columns))));
    let label_write = m.input("label_write_i", unsigned(1));
    let label_value = m.input("label_data_i", unsigned(16));
    let host_read = m.input("host_read_i", unsigned(1));
    let host_memory = m.input("host_memory_i", unsigned(3));
    let host_address = m.input("host_address_i", unsigned(address_bits));

    // Which sample and which classes the vector belongs to.
    let sample = m.register("sample_q", unsigned(address_bits));
    let first_class = m.register("first_class_q", dimension);
    let left = m.register("classes_left_q", dimension);
    let last = m.wire("last", left.value().le(&Expr::constant(dimension, lane_count.into())));
    let first = m.wire("first", !first_class.value().any());
    let sample_ends = m.wire("sample_ends", &valid & &last);
    let restart = m.wire("restart", &clear | &sample_ends);
    let moves = m.wire("moves", &valid | &clear);
    m.drive_when(&sample, &restart, (sample.value() + 1).gate(&!&clear));
    m.drive_when(&first_class, &moves, (first_class.value() + i64::from(lane_count)).gate(&!&restart));
    m.drive_when(&left, &moves, mux(&restart, &classes, &(left.value() - i64::from(lane_count))));

    // What each pass leaves for the next. Declared before the pipeline that writes them.
    let statistics_write = m.register("statistics_write_q", unsigned(1));
    let best_write = m.register("best_write_q", unsigned(1));
    let best_sample = m.register("best_sample_q", unsigned(address_bits));
    let best = m.register("best_q", signed(LOGIT_BITS));
    let best_class = m.register("best_class_q", unsigned(16));
    let sum_sample = m.register("sum_sample_q", unsigned(address_bits));
    let log_sum = m.register("log_of_sum_q", unsigned(16));
    let rest = m.register("rest_of_sum_q", unsigned(operand));

    // Labels, which the host writes, and predictions, which the passes write, are halves of one memory.
    let half = |predictions: Expr, address: &Expr| match design.batch_depth {
        1 => predictions,
        _ => cat(&[predictions, address.clone()]),
    };
    let [labels, predictions] = [0, 1].map(|half| Expr::constant(unsigned(1), half));
    let asked = half(host_memory.is(PREDICTION), &host_address);
    let read_address = m.wire("class_read_address", mux(&host_read, &asked, &half(labels.clone(), &sample.value())));
    let best_address = half(predictions, &best_sample.value());
    let write_address = m.wire("class_write_address", mux(&label_write, &half(labels, &host_address), &best_address));
    let class_q = m.memory(
        "label_and_prediction",
        2 * design.batch_depth,
        ReadUnderWrite::Never,
        ReadPort { enable: &valid | &host_read, address: read_address },
        WritePort {
            enable: &label_write | best_write.value(),
            address: write_address,
            data: mux(&label_write, &label_value, &best_class.value()),
        },
    );
    // The others are read when the pipeline needs their number, which spares the registers that would carry it there.
    let mut memory = |name: &str, later: u32, enable: Expr, address: Expr, data: Expr| {
        let needed = m.delay(&format!("{name}_request"), cat(&[valid.clone(), sample.value()]), later);
        let read = ReadPort {
            enable: needed.msb() | &host_read,
            address: mux(&host_read, &host_address, &needed.slice(0, address_bits)),
        };
        m.memory(name, design.batch_depth, ReadUnderWrite::Never, read, WritePort { enable, address, data })
    };
    let sums_write = |on: i64| statistics_write.value() & pass.is(on);
    let maximum_q = memory("maximum", 0, best_write.value(), best_sample.value(), best.value().as_unsigned());
    let log_sum_q = memory("log_sum", 2, sums_write(1), sum_sample.value(), log_sum.value());
    let rest_q = memory("rest", 4, sums_write(2), sum_sample.value(), rest.value());
    let read_data = [&class_q, &maximum_q, &log_sum_q, &rest_q.extend(16), &class_q].map(Expr::clone);
    m.output("host_data_o", select(&host_memory, &read_data));

    // Cycle 1: the logits meet what is known of their sample.
    let valid1 = m.reg("valid1_q", &valid);
    let tags = m.reg("tags1_q", cat(&[first_class.value(), sample.value(), last.clone(), first.clone()]));
    let first_class1 = m.wire("first_class1", tags.slice(2 + address_bits, dimension.width).extend(16));
    let count1 = m.reg("count1_q", left.value());
    let mut logits: Vec<Expr> = (0..design.columns).map(|c| values.slice(c * bits, LOGIT_BITS).as_signed()).collect();
    if bits > LOGIT_BITS {
        for c in 0..design.columns {
            m.discard(values.slice(c * bits + LOGIT_BITS, bits - LOGIT_BITS));
        }
    }
    if let Some(column) = &column {
        logits = vec![select(column, &logits)];
    }
    let logits1 = stage(&mut m, "logit", logits);
    let kept1: Vec<Expr> = (0..lane_count).map(|c| Expr::constant(dimension, c.into()).lt(&count1)).collect();
    let kept1 = m.wire("kept1", lanes(&kept1));
    let label_lane = m.wire("label_lane", &class_q - &first_class1);
    let labelled: Vec<Expr> = (0..lane_count).map(|c| label_lane.is(c.into())).collect();
    let labelled1 = m.wire("labelled1", lanes(&labelled));

    // Argmax: a tree over the lanes, then over the groups of classes. The smaller index wins a tie.
    let index_bits = height.max(1);
    let candidates = (0..lane_count)
        .map(|c| {
            let floor = Expr::constant(signed(LOGIT_BITS), -(1 << (LOGIT_BITS - 1)));
            let value = mux(&kept1.bit(c), &logits1[c as usize], &floor);
            m.wire(&format!("candidate{c}"), cat(&[value, Expr::constant(unsigned(index_bits), c.into())]))
        })
        .collect();
    let logit_of = |node: &Expr| node.slice(index_bits, LOGIT_BITS).as_signed();
    let winner = tree(&mut m, "winner", candidates, |_, _, a, b| mux(&logit_of(a).lt(&logit_of(b)), b, a));
    let arrived = m.delay("best_tags", cat(&[valid1.clone(), tags.clone()]), height);
    let arrived = m.wire("best_tags", arrived);
    let (best_valid, best_first, best_last) = (arrived.msb() & pass.is(0), arrived.bit(0), arrived.bit(1));
    let takes = m.wire("takes_best", &best_valid & (&best_first | best.value().lt(&logit_of(&winner))));
    m.drive_when(&best, &takes, logit_of(&winner));
    let winner_class =
        winner.slice(0, index_bits).extend(16) + arrived.slice(2 + address_bits, dimension.width).extend(16);
    m.drive_when(&best_class, &takes, winner_class);
    m.drive(&best_sample, arrived.slice(2, address_bits));
    m.drive(&best_write, &best_valid & &best_last);
    let label_of_best = m.delay("label_of_best", &class_q, height + 1);
    m.output("correct_o", best_write.value() & best_class.value().eq(&label_of_best));

    // Cycles 2 to 4: u = log2(e) * (logit - maximum) - log2 of the sum.
    let difference_bits = LOGIT_BITS + 1;
    let maximum = m.wire("largest_logit", maximum_q.as_signed());
    let differences = logits1.iter().map(|z| z.extend(difference_bits) - maximum.extend(difference_bits)).collect();
    let differences = stage(&mut m, "difference", differences);
    let scaled_bits = difference_bits + 1;
    let scaled = differences
        .iter()
        .enumerate()
        .map(|(c, d)| {
            let d = m.wire(&format!("difference{c}"), d.extend(scaled_bits));
            let by = |n: i64| d.shr(&Expr::constant(unsigned(3), n));
            // 1 + 1/2 - 1/16 = 1.4375, for log2(e) = 1.4427.
            &d + by(1) - by(4)
        })
        .collect();
    let scaled = stage(&mut m, "scaled", scaled);
    let offset = m.wire("offset", log_sum_q.gate(&pass.bit(1)));
    let exponent_bits = scaled_bits + 1;
    let exponents = scaled.iter().map(|t| t.extend(exponent_bits) - offset.extend(exponent_bits).as_signed()).collect();
    let exponents = stage(&mut m, "exponent", exponents);

    // Cycle 5: exponentials, or probabilities; and the loss of the right class.
    let antilogs = exponents.iter().enumerate().map(|(c, u)| antilog(&mut m, &format!("antilog{c}"), u)).collect();
    let antilogs = stage(&mut m, "antilog", antilogs);
    let kept4 = m.delay("kept", &kept1, 3);
    let labelled4 = m.delay("labelled", &labelled1, 3);
    let right4 = m.wire("right", &kept4 & &labelled4);
    let valid4 = m.delay("valid_to", &valid1, 3);
    let losses: Vec<Expr> =
        exponents.iter().enumerate().map(|(c, u)| (-u.as_unsigned()).gate(&right4.bit(c as u32))).collect();
    let loss = losses.into_iter().reduce(|a, b| a | b).expect("at least one column");
    let loss = m.reg("loss_q", loss.gate(&(&valid4 & &pass.is(2))));
    m.output("loss_o", loss);

    // Cycle 6: probabilities in the gradient's format, at most its largest value.
    let kept5 = m.reg("kept4_q", &kept4);
    let labelled5 = m.reg("labelled4_q", &labelled4);
    let largest = (1i64 << (operand - 1)) - 1;
    let mut terms = Vec::new();
    let mut gradients = Vec::new();
    for (c, a) in antilogs.iter().enumerate() {
        // A format has fewer than 16 fraction bits.
        let width = operand.max(frac + 1);
        let scaled = a.slice(16 - frac, frac + 1).extend(width);
        let limit = Expr::constant(unsigned(width), largest);
        let limited = mux(&limit.lt(&scaled), &limit, &scaled);
        let probability = m.wire(&format!("probability{c}"), limited).slice(0, operand);
        let (kept, right) = (kept5.bit(c as u32), labelled5.bit(c as u32));
        let wrong = &kept & !&right;
        let term_bits = ANTILOG_BITS.max(operand);
        terms.push(mux(&pass.bit(1), &probability.extend(term_bits).gate(&wrong), &a.extend(term_bits).gate(&kept)));
        gradients.push(mux(&right, &-rest_q.extend(bits), &probability.extend(bits)));
    }
    let gradients = match column {
        None => stage(&mut m, "gradient", gradients),
        Some(column) => {
            let column = m.delay("column", column, GRADIENT_LATENCY - 1);
            let register = |c: u32| m.reg_when(&format!("gradient{c}_q"), column.is(c.into()), &gradients[0]);
            (0..design.columns).map(register).collect()
        }
    };
    m.output("gradients_o", lanes(&gradients));
    let terms = stage(&mut m, "term", terms);

    // The sum over the lanes, then over the groups of classes.
    let terms =
        terms.into_iter().enumerate().map(|(c, t)| m.wire(&format!("wide_term{c}"), t.extend(SUM_BITS))).collect();
    let total = tree(&mut m, "sum", terms, |_, _, a, b| sum(&[a.clone(), b.clone()], unsigned(SUM_BITS)));
    let arrived = m.delay("sum_tags", cat(&[valid1, tags]), 5 + height);
    let arrived = m.wire("sum_tags", arrived);
    let running = m.register("sum_q", unsigned(SUM_BITS));
    m.drive_when(&running, arrived.msb(), mux(&arrived.bit(0), &total, &(running.value() + &total)));
    let complete = m.reg("sum_complete_q", arrived.msb() & arrived.bit(1));
    let complete_sample = m.reg("complete_sample_q", arrived.slice(2, address_bits));

    // log2: position of the leading one, and the eight bits below it, in two cycles.
    let mut normal = running.value();
    let mut position = Vec::new();
    for step in [16, 8, 4, 2, 1] {
        if step == 4 {
            // What follows moves up by less than 8.
            normal = m.reg("sum_normal_q", normal.slice(SUM_BITS - 16, 16));
            position = vec![m.reg("sum_position_q", cat(&position))];
        }
        let width = normal.width();
        let high = m.wire(&format!("sum_high{step}"), normal.slice(width - step, step).any());
        let up = cat(&[normal.slice(0, width - step), Expr::zero(unsigned(step))]);
        normal = m.wire(&format!("sum_normal{step}"), mux(&high, &normal, &up));
        position.push(high);
    }
    // The sum of exponentials is at least 1, 2^16: 16 is a plain bit of the position.
    let whole = m.wire("sum_position", cat(&position));
    m.drive(&log_sum, cat(&[Expr::zero(unsigned(4)), whole.slice(0, 4), normal.slice(normal.width() - 9, 8)]));
    let limit = Expr::constant(unsigned(SUM_BITS), largest);
    let limited = m.wire("limited_sum", mux(&limit.lt(&running.value()), &limit, &running.value()));
    let limited = m.reg("limited_sum_q", limited.slice(0, operand));
    let complete_sample = m.reg("ready_sample_q", complete_sample);
    let complete = m.reg("sum_ready_q", complete);
    m.drive(&rest, limited);
    m.drive(&sum_sample, complete_sample);
    m.drive(&statistics_write, complete);
    m.finish()
}
