//! The weight-stationary array: R x C processing elements with the skew of their inputs.

use super::pe::{Interconnect, Subtraction, pe};
use crate::arith::{Arithmetic, Side, edge};
use crate::rtl::{Builder, Connection, ElaborationError, Expr, Module, cat, lanes, mux, unsigned};
use std::sync::Arc;

/// Cycles from a moving vector at the array to its sum in column 0.
pub fn latency(arith: &dyn Arithmetic, rows: u32) -> u32 {
    rows + 1 + arith.latency()
}

/// Cycles from the sum in column 0 to that in the last column.
pub fn column_skew(interconnect: Interconnect, columns: u32) -> u32 {
    match interconnect {
        Interconnect::Systolic => columns - 1,
        Interconnect::Broadcast => 0,
    }
}

/// Lane l of a vector delayed by `delay(l)` cycles. Stage s holds the lanes that are delayed by more than s cycles,
/// so the registers form a triangle.
pub(crate) fn skew(m: &mut Builder, name: &str, vector: &Expr, count: u32, delay: impl Fn(u32) -> u32) -> Vec<Expr> {
    let width = vector.width() / count;
    let mut out: Vec<Expr> = (0..count).map(|l| vector.lane(l, width)).collect();
    let longest = (0..count).map(&delay).max().unwrap_or(0);
    for stage in 0..longest {
        let held: Vec<u32> = (0..count).filter(|&l| delay(l) > stage).collect();
        let parts: Vec<Expr> = held.iter().map(|&l| out[l as usize].clone()).collect();
        let register = m.reg_unreset(&format!("{name}{}_q", stage + 1), lanes(&parts));
        for (position, &l) in held.iter().enumerate() {
            out[l as usize] = register.lane(position as u32, width);
        }
    }
    out
}

/// The lane codes of stored codes, by one edge module per lane where the family has one.
fn lane_codes(m: &mut Builder, arith: &dyn Arithmetic, side: Side, codes: &[Expr]) -> Result<Expr, ElaborationError> {
    let codes_in = lanes(codes);
    let Some(module) = edge(arith, side)? else { return Ok(codes_in) };
    let axis = match side {
        Side::Moving => "row",
        Side::Stationary => "column",
    };
    let inputs = vec![("code_i", Connection::Element(codes_in))];
    Ok(m.array(&module.name, &module, &[(axis, codes.len() as u32)], inputs).get("lane_o"))
}

/// Module `array`: ports
/// - `moving_i`: R codes, lane l meets row l of the stationary tile (zero codes when nothing moves);
/// - `swap_i`: with the first moving vector of a tile: the loaded tile takes effect;
/// - `stationary_i`, `load_i`, `load_first_i`: C codes of one row of the next tile, rows in ascending order, one per cycle;
///   `load_first_i` with row 0. A load of R rows may begin in the cycle of a swap, and a swap may follow R cycles later;
/// - `sums_o`: C sums, [`latency`] cycles after the moving vector, column c of a systolic array c cycles later.
///
/// Row r of the array holds row R - 1 - r of the tile: rows enter at the top and sink, the first one to the bottom.
pub fn systolic(
    arith: &dyn Arithmetic,
    rows: u32,
    columns: u32,
    sum_bits: u32,
    interconnect: Interconnect,
    subtraction: Subtraction,
) -> Result<Arc<Module>, ElaborationError> {
    let kind = match interconnect {
        Interconnect::Systolic => "systolic ",
        Interconnect::Broadcast => "",
    };
    let mut m =
        Builder::new("array", &format!("Weight-stationary {kind}array of {rows} x {columns} processing elements."));
    let moving = m.input("moving_i", unsigned(rows * arith.code_bits(Side::Moving)));
    let swap = m.input("swap_i", unsigned(1));
    let stationary = m.input("stationary_i", unsigned(columns * arith.code_bits(Side::Stationary)));
    let load = m.input("load_i", unsigned(1));
    let load_first = m.input("load_first_i", unsigned(1));

    // Lane l goes to row R - 1 - l, which the partial sums reach R - 1 - l cycles after row 0.
    let mut skewed = skew(&mut m, "moving_skew", &moving, rows, |l| rows - 1 - l);
    skewed.reverse();
    let moving = lane_codes(&mut m, arith, Side::Moving, &skewed)?;
    let skewed = skew(&mut m, "stationary_skew", &stationary, columns, |c| c.min(column_skew(interconnect, columns)));
    let stationary = lane_codes(&mut m, arith, Side::Stationary, &skewed)?;
    let swap = if rows == 1 {
        swap
    } else {
        let late = m.register("swap_rows_q", unsigned(rows - 1));
        let all = m.wire("swap_rows", cat(&[late.value(), swap]));
        m.drive(&late, all.slice(0, rows - 1));
        all
    };
    // A row may shift as soon as the swap has passed it, and must not after its code has arrived: row r shifts in the
    // last R - r cycles of a load.
    let sinking = m.register("load_rows_q", unsigned(rows));
    let top = Expr::constant(unsigned(1), 1);
    let deeper = if rows == 1 { top.clone() } else { cat(&[sinking.value().slice(0, rows - 1), top.clone()]) };
    let load_rows = m.wire("load_rows", mux(&load_first, &top.extend(rows), &deeper).gate(&load));
    m.comment(&load_rows, "rows whose shadow registers shift");
    m.drive(&sinking, &load_rows);
    // The last row is followed by none: one row alone follows none either.
    m.discard(sinking.value().msb());

    let pe = pe(arith, sum_bits, interconnect, subtraction)?;
    let across = |m: &mut Builder, port: &str, first: Expr| match interconnect {
        Interconnect::Systolic => m.chain(&pe, port, 1, first),
        Interconnect::Broadcast => {
            let width = first.width() / rows;
            let row = |r| first.lane(r, width).repeat(columns);
            Connection::Element(lanes(&(0..rows).map(row).collect::<Vec<_>>()))
        }
    };
    let moving = match interconnect {
        Interconnect::Systolic => moving,
        Interconnect::Broadcast => m.reg_unreset("moving_q", moving),
    };
    let moving = across(&mut m, "moving_o", moving);
    let swap = across(&mut m, "swap_o", swap);
    let load = across(&mut m, "load_o", load_rows);
    let stationary = m.chain(&pe, "stationary_o", 0, stationary);
    // Where elements tell their signs upwards, a sum of 0 enters as its complement for a negative product in row 0.
    let signs = pe.output("above_o").map(|_| m.forward("signs", unsigned(rows * columns)));
    let first = match &signs {
        Some(signs) => {
            let top = m.reg_unreset("top_signs_q", signs.value().slice(0, columns));
            lanes(&(0..columns).map(|c| top.bit(c).repeat(sum_bits)).collect::<Vec<_>>())
        }
        None => Expr::zero(unsigned(columns * sum_bits)),
    };
    let sums = m.chain(&pe, "sum_o", 0, first);
    let mut inputs: Vec<(&str, Connection)> =
        vec![("moving_i", moving), ("swap_i", swap), ("load_i", load), ("stationary_i", stationary), ("sum_i", sums)];
    if let Some(signs) = &signs {
        // Sums leave the last row plain.
        let mut below = Expr::zero(unsigned(columns));
        if rows > 1 {
            below = cat(&[below, signs.value().slice(columns, (rows - 1) * columns)]);
        }
        inputs.push(("below_i", Connection::Element(below)));
    }
    let out = m.array("pe", &pe, &[("row", rows), ("column", columns)], inputs);
    // The last column and the last row pass nothing on.
    m.discard(out.get("stationary_o"));
    if interconnect == Interconnect::Systolic {
        for port in ["moving_o", "swap_o", "load_o"] {
            m.discard(out.get(port));
        }
    }
    if let Some(signs) = &signs {
        m.assign(signs, out.get("above_o"));
    }
    m.output("sums_o", out.last("sum_o"));
    m.finish()
}
