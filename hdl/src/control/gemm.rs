//! The loops of a GEMM: blocks, tiles, moving vectors.
//!
//! A *slot* moves the vectors of one tile while the next tile is loaded. The loader runs one slot ahead and owns the loop
//! nest; what it knows of its tile becomes the moving side's at the end of the slot.

use super::timing;
use crate::design::Design;
use crate::rtl::{Bits, Builder, ElaborationError, Expr, Module, mux, unsigned};
use std::sync::Arc;

/// Module `gemm_control`. Ports besides the dimensions (`m_i`, `k_i`, `n_i`, `block_i`, which hold still):
/// - `start_i`; `active_o` from the next cycle until everything is written;
/// - stationary side: `load_o` (one cycle per row of a tile, R in all), `load_first_o`, `load_row_o` (the row exists),
///   and the walker's steps;
/// - moving side: `move_o`, `move_first_o` (first vector of a tile), `k_first_o`, `k_last_o` (first, last tile of a sum),
///   `m_end_o` (last vector of the matrix), and the walker's steps.
pub fn gemm_control(design: &Design) -> Result<Arc<Module>, ElaborationError> {
    let (rows, columns) = (i64::from(design.rows), i64::from(design.columns));
    let word = unsigned(design.dimension_bits());
    let mut m =
        Builder::new("gemm_control", "The loops of a GEMM: moves one tile's vectors while it loads the next tile.");
    let start = m.input("start_i", unsigned(1));
    let m_size = m.input("m_i", word);
    let k_size = m.input("k_i", word);
    let n_size = m.input("n_i", word);
    let block = m.input("block_i", word);

    let running = m.register("running_q", unsigned(1));
    let loading = m.register("loading_q", unsigned(1));
    let moving = m.register("moving_q", unsigned(1));
    let time = m.register("time_q", word);
    let slot_ends_next = m.register("slot_before_last_q", word);
    m.comment(&time.value(), "cycle within the slot");
    let at = |value: i64| Expr::constant(word, value);
    // A slot has three cycles or more.
    let slot_end = m.reg("slot_end_q", running.value() & time.value().eq(&slot_ends_next.value()));
    m.drive_when(&time, running.value() | &start, (time.value() + 1).gate(&!(&slot_end | &start)));

    // The loop nest, of the tile being loaded: what remains, this tile included. It changes at the end of a slot; what follows
    // from it takes two cycles.
    let k_left = m.register("k_left_q", word);
    let m_left = m.register("m_left_q", word);
    let n_left = m.register("n_left_q", word);
    let k_is_last = m.reg("load_k_last_q", k_left.value().le(&at(rows)));
    let m_is_last = m.reg("load_m_last_q", m_left.value().le(&block));
    let n_is_last = m.reg("load_n_last_q", n_left.value().le(&at(columns)));
    let load_end = m.wire("load_end", &slot_end & loading.value());
    let k_ends = m.wire("k_ends", &load_end & &k_is_last);
    let m_ends = m.wire("m_ends", &k_ends & &m_is_last);
    let reload_k = &start | &k_ends;
    m.drive_when(&k_left, &start | &load_end, mux(&reload_k, &k_size, &(k_left.value() - rows)));
    let reload_m = &start | &m_ends;
    m.drive_when(&m_left, &start | &k_ends, mux(&reload_m, &m_size, &(m_left.value() - &block)));
    m.drive_when(&n_left, &start | &m_ends, mux(&start, &n_size, &(n_left.value() - columns)));
    let finished = m.wire("load_finished", &m_ends & &n_is_last);
    m.drive_when(&loading, &start | &load_end, &start | !&finished);

    // The slot that follows moves the tile just loaded.
    let block_length = m.reg("block_length_q", mux(&m_is_last, &m_left.value(), &block));
    let shortest = i64::from(timing::least_slot(design));
    let next_length = m.wire("next_length", mux(&at(shortest).lt(&block_length), &block_length, &at(shortest)));
    let first_slot = Expr::literal(Bits::from_i64(word.width, shortest - 2));
    m.drive_when(&slot_ends_next, &start | &load_end, mux(&start, &first_slot, &(&next_length - 2)));
    m.drive_when(&moving, &start | &slot_end, loading.value() & !&start);
    let last = m.reg_when("last_vector_q", &load_end, &block_length - 1);
    let k_first = m.reg_when("k_first_q", &load_end, k_left.value().eq(&k_size));
    let k_last = m.reg_when("k_last_q", &load_end, &k_is_last);
    let m_last = m.reg_when("m_last_q", &load_end, &m_is_last);

    // After the last tile: wait until its results are written.
    let drain_cycles = timing::gemm_drain(design);
    let drain_type = unsigned(u32::BITS - drain_cycles.leading_zeros());
    let drain = m.register("drain_q", drain_type);
    let draining = m.wire("draining", drain.value().any());
    let last_slot = m.wire("last_slot_ends", &slot_end & moving.value() & !loading.value());
    m.drive_when(&running, &start | &last_slot, &start);
    m.drive_when(
        &drain,
        &last_slot | &draining,
        mux(&last_slot, &Expr::constant(drain_type, drain_cycles.into()), &(drain.value() - 1)),
    );
    m.output("active_o", running.value() | &draining);

    // Stationary side.
    let load = m.wire("load", running.value() & loading.value() & time.value().lt(&at(rows)));
    let begins = m.wire("slot_begins", !time.value().any());
    let row = m.wire("load_row", &load & time.value().lt(&k_left.value()));
    m.output("load_o", &load);
    m.output("load_first_o", &load & &begins);
    m.output("load_row_o", &row);
    m.output("load_line_home_o", &k_ends);
    m.output("load_lane_step_o", &m_ends);

    // Moving side.
    let moves = m.register("move_q", unsigned(1));
    let vector_last = m.wire("vector_last", moves.value() & time.value().eq(&last));
    m.drive(&moves, mux(&slot_end, &loading.value(), &(moves.value() & !&vector_last)));
    let tile_last = m.wire("tile_last", &vector_last & &k_last);
    let matrix_last = m.wire("matrix_last", &tile_last & &m_last);
    m.output("move_o", moves.value());
    m.output("move_first_o", moves.value() & begins);
    m.output("k_first_o", k_first);
    m.output("k_last_o", &k_last);
    m.output("m_end_o", &matrix_last);
    m.output("move_line_home_o", matrix_last);
    m.output("move_line_save_o", &tile_last);
    m.output("move_line_return_o", &vector_last & !&k_last);
    m.output("move_lane_step_o", &vector_last & !&k_last);
    m.output("move_lane_home_o", tile_last);
    m.finish()
}
