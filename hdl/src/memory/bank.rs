//! One bank of a skewed memory.

use super::Request;
use crate::rtl::{Builder, ElaborationError, Expr, Module, ReadPort, ReadUnderWrite, WritePort, cat, mux, unsigned};
use std::sync::Arc;

/// Where a bank finds its element of a requested vector.
struct Place {
    /// The bank holds one of the wanted elements.
    enable: Expr,
    address: Expr,
}

/// Bank `index` holds the element whose position along the vector is `index - line` within its tile: in a row that is
/// its column number, in a column its row number. Elements before the first one lie in the next tile.
fn place(m: &mut Builder, prefix: &str, index: &Expr, request: &Request) -> Place {
    let position = m.wire(&format!("{prefix}_position"), index - &request.line);
    let element = m.wire(&format!("{prefix}_element"), &position - &request.lane);
    let wanted = element.extend(element.width() + 1).lt(&request.count);
    let past_edge = position.lt(&request.lane);
    let tile =
        m.wire(&format!("{prefix}_bank_tile"), mux(&past_edge, &(&request.tile + &request.carry), &request.tile));
    Place { enable: &request.valid & wanted, address: cat(&[tile, mux(&request.column, &position, &request.line)]) }
}

/// Module `<name>_bank`: `depth` words of `width` bits and the address arithmetic of its two ports.
///
/// A read request at cycle t gives `data_o` at t + 2; a write request at t is seen by read requests from t + 1 on.
pub(super) fn bank(name: &str, depth: u32, width: u32, lane_bits: u32) -> Result<Arc<Module>, ElaborationError> {
    let tile_bits = super::skewed::tile_bits(depth, lane_bits);
    let mut m = Builder::new(
        &format!("{name}_bank"),
        "One bank of a skewed memory: finds its element of the requested row or column vector.",
    );
    let index = m.input("index_i", unsigned(lane_bits));
    let read = Request::inputs(&mut m, "read", tile_bits, lane_bits);
    let write = Request::inputs(&mut m, "write", tile_bits, lane_bits);
    let data = m.input("write_data_i", unsigned(width));

    let from = place(&mut m, "read", &index, &read);
    let enable = m.reg("read_enable_q", &from.enable);
    // Only wanted addresses: those beyond the edge of a matrix may be beyond the memory.
    let address = m.reg_when("read_address_q", &from.enable, &from.address);
    let to = place(&mut m, "write", &index, &write);
    let write_enable = m.reg("write_enable_q", &to.enable);
    let write_address = m.reg_when("write_address_q", &to.enable, &to.address);
    let write_data = m.reg("write_data_q", &data);
    let word = m.memory(
        "words",
        depth,
        ReadUnderWrite::Never,
        ReadPort { enable, address: fit(&address, depth) },
        WritePort { enable: write_enable, address: fit(&write_address, depth), data: write_data },
    );
    m.output("data_o", word);
    m.finish()
}

/// The tile bits may reach beyond a depth that is one tile.
fn fit(address: &Expr, depth: u32) -> Expr {
    address.slice(0, crate::rtl::address_bits(depth))
}
