//! The accumulator memory below the array.

use crate::rtl::{
    Builder, Connection, ElaborationError, Module, ReadPort, ReadUnderWrite, WritePort, address_bits, mux, signed,
    unsigned,
};
use std::sync::Arc;

/// Cycles from a tag to its totals.
pub const LATENCY: u32 = 2;

/// Fewest cycles between two tags with the same address: the totals are written back [`LATENCY`] cycles after the read.
pub const TURNAROUND: u32 = LATENCY + 1;

/// Module `accumulator`: the adder of one column. `total_o` = `sum_i`, plus `stored_i` unless `first_i`, a cycle after
/// `valid_i`; it holds until the next one.
fn accumulator(bits: u32, sum_bits: u32) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new("accumulator", "Sums the partial sums of one column over the tiles of a product.");
    let valid = m.input("valid_i", unsigned(1));
    let first = m.input("first_i", unsigned(1));
    let stored = m.input("stored_i", signed(bits));
    let sum = m.input("sum_i", signed(sum_bits));
    let so_far = m.wire("so_far", stored.gate(&!&first));
    let total = m.reg_unreset_when("total_q", &valid, so_far + sum.extend(bits));
    m.output("total_o", total);
    m.finish()
}

/// Module `accumulators`: a memory whose words hold the totals of all C columns, side by side, with an `accumulator` each.
///
/// A tag (`tag_i`, `first_i`, `address_i`) comes one cycle before the sums of a vector (`sums_i`, C x `sum_bits`). `totals_o` = the
/// sums, plus what is stored unless `first_i`; they stand [`LATENCY`] cycles after the tag, are stored, and hold until the next tag
/// or read. `read_i` gives what is stored, the sums being zero then, and stores nothing.
pub fn accumulators(columns: u32, depth: u32, bits: u32, sum_bits: u32) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new("accumulators", "The accumulator memory below the array: a word is a vector of totals.");
    let tag = m.input("tag_i", unsigned(1));
    let first = m.input("first_i", unsigned(1));
    let read = m.input("read_i", unsigned(1));
    let address = m.input("address_i", unsigned(address_bits(depth)));
    let sums = m.input("sums_i", unsigned(columns * sum_bits));

    let valid = m.wire("valid", &tag | read);
    let valid1 = m.reg("valid1_q", &valid);
    let tag1 = m.reg("tag1_q", tag);
    let first1 = m.reg("first1_q", &first);
    let address1 = m.reg("address1_q", &address);
    let tag2 = m.reg("tag2_q", tag1);
    let address2 = m.reg("address2_q", address1);
    let totals = m.forward("totals", unsigned(columns * bits));
    let stored = m.memory(
        "stored",
        depth,
        ReadUnderWrite::Never,
        ReadPort { enable: valid & !first, address },
        WritePort { enable: tag2, address: address2, data: totals.value() },
    );
    let inputs = vec![
        ("valid_i", Connection::All(valid1)),
        ("first_i", Connection::All(first1)),
        ("stored_i", Connection::Element(stored)),
        ("sum_i", Connection::Element(sums)),
    ];
    let out = m.array("accumulator", &accumulator(bits, sum_bits)?, &[("column", columns)], inputs);
    m.assign(&totals, out.get("total_o"));
    m.output("totals_o", totals.value());
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
