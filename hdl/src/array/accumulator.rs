//! The accumulator memory below each column.

use crate::rtl::{
    Builder, Connection, ElaborationError, Module, ReadPort, ReadUnderWrite, WritePort, address_bits, mux, signed,
    unsigned,
};
use std::sync::Arc;

/// Cycles from the tag of column 0 to its total.
pub const LATENCY: u32 = 2;

/// Fewest cycles between two tags with the same address: the total is written back [`LATENCY`] cycles after the read.
pub const TURNAROUND: u32 = LATENCY + 1;

/// Module `accumulator`: one column. A tag (`valid_i`, `first_i`, `address_i`) comes one cycle before its sum, and is
/// passed to the next column one cycle later. `total_o` = sum, plus the stored total unless `first_i`; it stands two cycles
/// after the tag, is stored, and holds until the next tag.
fn accumulator(depth: u32, bits: u32, sum_bits: u32) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new("accumulator", "Sums the partial sums of one column over the tiles of a product.");
    let valid = m.input("valid_i", unsigned(1));
    let first = m.input("first_i", unsigned(1));
    let address = m.input("address_i", unsigned(address_bits(depth)));
    let sum = m.input("sum_i", signed(sum_bits));

    let valid1 = m.reg("valid1_q", &valid);
    let first1 = m.reg("first1_q", &first);
    let address1 = m.reg("address1_q", &address);
    let valid2 = m.reg("valid2_q", &valid1);
    let address2 = m.reg("address2_q", &address1);
    let total = m.register("total_q", signed(bits));
    let stored = m.memory(
        "totals",
        depth,
        ReadUnderWrite::Never,
        ReadPort { enable: &valid & !&first, address },
        WritePort { enable: valid2, address: address2, data: total.value().as_unsigned() },
    );
    let so_far = m.wire("so_far", stored.as_signed().gate(&!&first1));
    m.drive_when(&total, &valid1, so_far + sum.extend(bits));

    m.output("valid_o", valid1);
    m.output("first_o", first1);
    m.output("address_o", address1);
    m.output("total_o", total.value());
    m.finish()
}

/// Module `accumulators`: one `accumulator` per column. The tag reaches column c after c cycles.
/// `totals_o` holds the C totals side by side.
pub fn accumulators(columns: u32, depth: u32, bits: u32, sum_bits: u32) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new("accumulators", "The accumulator memories, one below each column of the array.");
    let valid = m.input("valid_i", unsigned(1));
    let first = m.input("first_i", unsigned(1));
    let address = m.input("address_i", unsigned(address_bits(depth)));
    let sums = m.input("sums_i", unsigned(columns * sum_bits));

    let one = accumulator(depth, bits, sum_bits)?;
    let inputs: Vec<(&str, Connection)> = vec![
        ("valid_i", m.chain(&one, "valid_o", 0, valid)),
        ("first_i", m.chain(&one, "first_o", 0, first)),
        ("address_i", m.chain(&one, "address_o", 0, address)),
        ("sum_i", Connection::Element(sums)),
    ];
    let out = m.array("accumulator", &one, &[("column", columns)], inputs);
    for port in ["valid_o", "first_o", "address_o"] {
        // The last column passes nothing on.
        m.discard(out.get(port));
    }
    m.output("totals_o", out.get("total_o"));
    m.finish()
}

/// Module `accumulator_address`: where the totals of a GEMM go. A block starts at `base_i`, or, when `keep_i`, where the block
/// before it ended; `start_i` goes back to `base_i`. With each tag (`valid_i`), `tile_first_i` marks the first vector of a tile and
/// `block_end_i` the last one of a block; `address_o` in the same cycle.
pub fn accumulator_address(depth: u32) -> Result<Arc<Module>, ElaborationError> {
    let address = unsigned(address_bits(depth));
    let mut m = Builder::new("accumulator_address", "Addresses of the totals of a GEMM, block after block.");
    let start = m.input("start_i", unsigned(1));
    let base = m.input("base_i", address);
    let keep = m.input("keep_i", unsigned(1));
    let valid = m.input("valid_i", unsigned(1));
    let tile_first = m.input("tile_first_i", unsigned(1));
    let block_end = m.input("block_end_i", unsigned(1));

    let block = m.register("block_q", address);
    let next = m.register("next_q", address);
    let now = m.wire("now", mux(&tile_first, &block.value(), &next.value()));
    let after = m.wire("after", &now + 1);
    m.drive_when(&next, &valid, &after);
    m.drive_when(&block, &start | (&valid & block_end & keep), mux(&start, &base, &after));
    m.output("address_o", now);
    m.finish()
}
