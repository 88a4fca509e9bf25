//! One bank of a skewed memory.

use super::{Ports, Shape};
use crate::rtl::{Builder, ElaborationError, Expr, Module, ReadPort, ReadUnderWrite, WritePort, cat, mux, unsigned};
use std::sync::Arc;

/// Whether and where a bank has an element of a requested vector, a cycle after the request.
///
/// Bank `index` holds the element whose position along the vector is `index - line` within its tile: in a row that is
/// its column number, in a column its row number. Elements before the first one lie in the next tile.
fn place(m: &mut Builder, prefix: &str, index: &Expr, shape: Shape) -> (Expr, Expr) {
    let mut input = |name: &str, width| m.input(&format!("{prefix}_{name}_i"), unsigned(width));
    let valid = input("valid", 1);
    let line = input("line", shape.lane_bits);
    let lane = input("lane", shape.lane_bits);
    let column = input("column", 1);
    let count = input("count", shape.lane_bits + 1);
    let mut tile = input("tile", shape.tile_bits);
    let next_tile = shape.wraps.then(|| input("next_tile", shape.tile_bits));

    let position = m.wire(&format!("{prefix}_position"), index - &line);
    let element = m.wire(&format!("{prefix}_element"), &position - &lane);
    let wanted = element.extend(element.width() + 1).lt(&count);
    let enable = m.reg(&format!("{prefix}_enable_q"), valid & wanted);
    let within_tile = m.reg_unreset(&format!("{prefix}_within_tile_q"), mux(&column, &position, &line));
    if let Some(next_tile) = next_tile {
        let past_edge = m.reg_unreset(&format!("{prefix}_past_edge_q"), position.lt(&lane));
        tile = m.wire(&format!("{prefix}_bank_tile"), mux(&past_edge, &next_tile, &tile));
    }
    (enable, cat(&[tile, within_tile]))
}

/// Module `<name>_bank`: `depth` words of `width` bits, and which of them a request means.
///
/// A read request at cycle t gives `data_o` at t + 2; a write request at t is seen by read requests from t + 1 on. The tiles of a
/// request (`*_tile_i`, and `*_next_tile_i` for what lies past the edge) are the same for all banks, and come a cycle after it.
pub(super) fn bank(
    name: &str,
    depth: u32,
    width: u32,
    shape: Shape,
    ports: Ports,
) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new(
        &format!("{name}_bank"),
        "One bank of a skewed memory: finds its element of the requested row or column vector.",
    );
    let index = m.input("index_i", unsigned(shape.lane_bits));
    let (read_enable, read_address) = place(&mut m, "read", &index, shape);
    let (write_enable, write_address) = place(&mut m, "write", &index, shape);
    let data = m.input("write_data_i", unsigned(width));
    let write_data = m.reg_unreset("write_data_q", &data);
    let read_address = fit(&mut m, &read_address, depth);
    let write_address = fit(&mut m, &write_address, depth);
    let word = match ports {
        Ports::ReadAndWrite => m.memory(
            "words",
            depth,
            ReadUnderWrite::Never,
            ReadPort { enable: read_enable, address: read_address },
            WritePort { enable: write_enable, address: write_address, data: write_data },
        ),
        Ports::One => {
            let address = m.wire("address", mux(&write_enable, &write_address, &read_address));
            m.spram("words", depth, &read_enable, WritePort { enable: write_enable, address, data: write_data })
        }
    };
    m.output("data_o", word);
    m.finish()
}

/// A memory of one tile needs no tile number.
fn fit(m: &mut Builder, address: &Expr, depth: u32) -> Expr {
    m.discard(address);
    address.slice(0, crate::rtl::address_bits(depth))
}
