//! Address generator: walks the vectors of a stored matrix.

use super::{Request, Shape};
use crate::rtl::{Builder, ElaborationError, Expr, Module, mux, unsigned};
use std::sync::Arc;

/// The commands of a walker, one bit each; a command shows in the request of the next cycle.
pub struct Steps {
    /// To the first vector and the first element.
    pub start: Expr,
    /// To the next vector (next line).
    pub line_step: Expr,
    /// To the first vector again. Wins over `line_step`.
    pub line_home: Expr,
    /// The elements that follow (next group of lanes).
    pub lane_step: Expr,
    /// The first elements again. Wins over `lane_step`.
    pub lane_home: Expr,
    /// Only in a walker that can return: with `line_step`, the next vector becomes the one to return to; without, back to it.
    pub line_save: Option<Expr>,
    pub line_return: Option<Expr>,
}

impl Steps {
    /// The input ports of the walker with these values.
    pub fn connections(&self) -> Vec<(&'static str, &Expr)> {
        let mut ports = vec![
            ("start_i", &self.start),
            ("line_step_i", &self.line_step),
            ("line_home_i", &self.line_home),
            ("lane_step_i", &self.lane_step),
            ("lane_home_i", &self.lane_home),
        ];
        ports.extend(self.line_save.iter().map(|e| ("line_save_i", e)));
        ports.extend(self.line_return.iter().map(|e| ("line_return_i", e)));
        ports
    }
}

/// Module `name`: the request for vector `line`, elements `lane ..`, of the matrix at `base_i` with `stride_i` tiles per
/// tile row, by rows or (`column_i`) by columns. Lanes advance by `lanes` elements; `length_i` is the number of elements
/// of a vector, so that the count of the last request is what remains.
///
/// Base, stride, `column_i` and length must hold still while the walker is used. `start_i` needs them too.
pub fn walker(name: &str, lanes: u32, shape: Shape, can_return: bool) -> Result<Arc<Module>, ElaborationError> {
    let Shape { tile_bits, lane_bits, length_bits, wraps } = shape;
    let mut m = Builder::new(
        name,
        "Address generator: the request for one vector of a matrix, stepped along vectors (lines) and elements (lanes).",
    );
    let base = m.input("base_i", unsigned(tile_bits));
    let stride = m.input("stride_i", unsigned(tile_bits));
    let column = m.input("column_i", unsigned(1));
    let length = m.input("length_i", unsigned(length_bits));
    let start = m.input("start_i", unsigned(1));
    let line_step = m.input("line_step_i", unsigned(1));
    let line_home = m.input("line_home_i", unsigned(1));
    let lane_step = m.input("lane_step_i", unsigned(1));
    let lane_home = m.input("lane_home_i", unsigned(1));

    // Tiles between neighbours along a line and across lines: 1 within a tile row, the stride between tile rows.
    let one = Expr::constant(unsigned(tile_bits), 1);
    let line_unit = m.wire("line_unit", mux(&column, &one, &stride));
    let lane_unit = m.wire("lane_unit", mux(&column, &stride, &one));

    let line = m.register("line_q", unsigned(lane_bits));
    let line_offset = m.register("line_offset_q", unsigned(tile_bits));
    let line_wraps = line.value().all();
    let next_line = m.wire("next_line", line.value() + 1);
    let next_line_offset = m.wire("next_line_offset", line_offset.value() + line_unit.gate(&line_wraps));
    let home = m.wire("line_to_home", &line_home | &start);
    let (mut line_to, mut line_offset_to, mut line_moves) =
        (next_line.clone(), next_line_offset.clone(), line_step.clone());
    if can_return {
        let save = m.input("line_save_i", unsigned(1));
        let back = m.input("line_return_i", unsigned(1));
        let keep = m.wire("line_keep", &save | &home);
        let saved = m.reg_when("saved_line_q", &keep, next_line.gate(&!&home));
        let saved_offset = m.reg_when("saved_line_offset_q", &keep, next_line_offset.gate(&!&home));
        line_to = mux(&back, &saved, &line_to);
        line_offset_to = mux(&back, &saved_offset, &line_offset_to);
        line_moves = line_moves | back;
    }
    let line_moves = m.wire("line_moves", line_moves | &home);
    m.drive_when(&line, &line_moves, line_to.gate(&!&home));
    m.drive_when(&line_offset, &line_moves, line_offset_to.gate(&!&home));

    let lane_offset = m.register("lane_offset_q", unsigned(tile_bits));
    let left = m.register("left_q", unsigned(length_bits));
    m.comment(&left.value(), "elements of the vector from this lane on");
    let first = m.wire("lane_to_home", &lane_home | &start);
    let moves = m.wire("lane_moves", &lane_step | &first);
    let next_tile = if wraps {
        let lane = m.register("lane_q", unsigned(lane_bits));
        let wide = m.wire("lane_sum", lane.value().extend(lane_bits + 1) + i64::from(lanes));
        m.drive_when(&lane, &moves, wide.slice(0, lane_bits).gate(&!&first));
        m.output("lane_o", lane.value());
        m.output("carry_o", &lane_unit);
        lane_unit.gate(&wide.msb())
    } else {
        lane_unit
    };
    m.drive_when(&lane_offset, &moves, (lane_offset.value() + next_tile).gate(&!&first));
    m.drive_when(&left, &moves, mux(&first, &length, &(left.value() - i64::from(lanes))));

    let whole = Expr::constant(unsigned(length_bits), lanes.into()).le(&left.value());
    let count_type = unsigned(lane_bits + 1);
    m.output("tile_o", base + line_offset.value() + lane_offset.value());
    m.output("line_o", line.value());
    m.output("count_o", mux(&whole, &Expr::constant(count_type, lanes.into()), &left.value().truncate(lane_bits + 1)));
    m.finish()
}

/// An instance of a walker with the request it makes; `valid` and `column` are the caller's.
pub struct Walk<'a> {
    pub base: &'a Expr,
    pub stride: &'a Expr,
    pub column: &'a Expr,
    pub length: &'a Expr,
}

impl Walk<'_> {
    /// The request, made while `valid` is 1.
    pub fn request(&self, m: &mut Builder, name: &str, walker: &Arc<Module>, steps: &Steps, valid: &Expr) -> Request {
        let mut inputs = vec![
            ("base_i", self.base),
            ("stride_i", self.stride),
            ("column_i", self.column),
            ("length_i", self.length),
        ];
        inputs.extend(steps.connections());
        let out = m.instance(name, walker, &inputs);
        let wraps = walker.output("carry_o").is_some();
        Request {
            valid: valid.clone(),
            tile: out.get("tile_o"),
            carry: wraps.then(|| out.get("carry_o")),
            lane: if wraps { out.get("lane_o") } else { Expr::zero(out.get("line_o").ty()) },
            line: out.get("line_o"),
            column: self.column.clone(),
            count: out.get("count_o"),
        }
    }
}
