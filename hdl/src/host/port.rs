//! The host's side: a memory-mapped slave with valid and ready.

use super::map::{ErrorCode, Region, WORD_BITS};
use crate::design::Design;
use crate::logic::shift_line;
use crate::rtl::{Bits, Builder, ElaborationError, Expr, Module, mux, select, unsigned};
use std::sync::Arc;

/// Module `host_port`.
///
/// A request (`host_valid_i`, `host_write_i`, `host_address_i` = region and word, `host_data_i`) holds until `host_ready_o`. A write
/// is taken at once, or after a cycle where it follows one of a register, and carried out in order; a read's data stand on `host_data_o` in the cycle of ready.
/// Nothing is taken in the first `settles` + 1 cycles after a reset.
///
/// Inside: one cycle after a write, `write_<region>_o` with `region_o`, `word_o`, `data_o`; for a read, but of a register,
/// `read_<region>_o`, and `read_data_i` is taken `fast` or, for the accumulators and for codes that are made when they are read, `slow` cycles later. A read comes `settles` cycles
/// after a write, or later. Only accesses that are allowed come through; others give `error_o`, a code for one cycle.
/// `running_i` is 1 while a program runs, `starting_i` in the cycle before that begins.
pub fn host_port(design: &Design, fast: u32, slow: u32, settles: u32) -> Result<Arc<Module>, ElaborationError> {
    let mut m =
        Builder::new("host_port", "Memory-mapped slave: posted writes, reads with wait states, address checks.");
    let valid = m.input("host_valid_i", unsigned(1));
    let write = m.input("host_write_i", unsigned(1));
    let address = m.input("host_address_i", unsigned(24));
    let data = m.input("host_data_i", unsigned(32));
    let running = m.input("running_i", unsigned(1));
    let starting = m.input("starting_i", unsigned(1));
    let read_data = m.input("read_data_i", unsigned(32));

    // A read waits until the writes before it have settled, then until its data have come.
    let reading = m.register("reading_q", unsigned(1));
    let respond = m.register("respond_q", unsigned(1));
    let starts = m.register("to_register_q", unsigned(1));
    m.comment(&starts.value(), "what is written may start a run, which is known a cycle later");
    let settled = m.register("settled_q", unsigned(1));
    m.comment(&settled.value(), "since a reset: sums of a run that it broke have left the array");
    let free = m.wire("free", &settled.value() & !(reading.value() | respond.value() | starts.value()));
    let take_write = m.wire("take_write", &valid & &write & &free);
    let take_read = m.wire("take_read", &valid & !&write & &free);
    let take = m.wire("take", &take_write | &take_read);
    let (asked_region, asked_word) = (address.slice(WORD_BITS, 4), address.slice(0, WORD_BITS));
    let region = m.reg_when("region_q", &take, &asked_region);
    let word = m.reg_when("word_q", &take, &asked_word);
    let write_data = m.reg_when("write_data_q", &take_write, &data);
    let writing = m.reg("writing_q", &take_write);
    let is_register = |region: &Expr| region.is(Region::Registers.number().into());
    m.drive(&starts, &take_write & is_register(&asked_region));

    // Is the address one?
    let below = |words: u32| {
        let limit = Expr::constant(unsigned(WORD_BITS + 1), words.into());
        asked_word.extend(WORD_BITS + 1).lt(&limit)
    };
    let mut exists: Vec<Expr> = Region::ALL.iter().map(|r| below(r.words(design))).collect();
    exists.push(Expr::zero(unsigned(1)));
    let asked_exists = m.wire("asked_exists", select(&asked_region, &exists));
    let exists = m.reg_when("exists_q", &take, &asked_exists);
    let mut read_only: Vec<Expr> =
        Region::ALL.iter().map(|r| Expr::constant(unsigned(1), (!r.writable(design)).into())).collect();
    read_only.push(Expr::zero(unsigned(1)));
    let read_only = m.wire("asked_read_only", select(&asked_region, &read_only));

    // May it be accessed now? That is decided of a write when it is taken, of a read when it is issued, and known in registers
    // in the cycle after: much hangs on it.
    let runs = m.wire("runs", running | starting);
    let code = |error: ErrorCode| Expr::constant(unsigned(3), error.number().into());
    let refusal = |exists: &Expr, region: &Expr| {
        let running_error = code(ErrorCode::Running).gate(&(&runs & !is_register(region)));
        mux(exists, &running_error, &code(ErrorCode::NoSuchWord))
    };
    let forbidden = m.wire("forbidden", &asked_exists & &read_only);
    let write_refusal = mux(&forbidden, &code(ErrorCode::ReadOnly), &refusal(&asked_exists, &asked_region));
    let write_refusal = m.wire("write_refusal", write_refusal);
    let read_refusal = m.wire("read_refusal", refusal(&exists, &region));
    let settle_bits = u32::BITS - settles.leading_zeros();
    let whole = Bits::from_i64(settle_bits, settles.into());
    let settle = m.register_reset("settle_q", unsigned(settle_bits), whole.clone());
    m.comment(&settle.value(), "cycles until a read sees what came before it");
    let settling = m.wire("settling", settle.value().any());
    m.drive(&settled, settled.value() | !&settling);
    m.drive_when(&settle, &settling | &writing, mux(&writing, &Expr::literal(whole), &(settle.value() - 1)));
    let waiting = m.register("waiting_q", unsigned(1));
    let issue = m.wire("issue", waiting.value() & !(settling | &writing));
    m.drive_when(&waiting, &take_read | &issue, &take_read);
    let mut is_slow = region.is(Region::Accumulator.number().into());
    if !design.stores_weight_codes() {
        is_slow = is_slow | region.is(Region::WeightCode.number().into());
    }
    let is_slow = m.wire("is_slow", is_slow);
    let arrives_fast = shift_line(&mut m, "fast", &(&issue & !&is_slow), fast + 1);
    let arrives_slow = shift_line(&mut m, "slow", &(&issue & &is_slow), slow + 1);
    let arrived = m.wire("arrived", arrives_fast | arrives_slow);
    // Decided when the read is issued: the run that refuses it may end before its data would have come.
    let granted = m.reg_when("granted_q", &issue, !read_refusal.any());
    m.drive_when(&reading, &take_read | &arrived, &take_read);
    m.drive(&respond, &arrived);
    let response = m.reg_when("response_q", &arrived, read_data.gate(&granted));

    m.output("host_ready_o", &take_write | respond.value());
    m.output("host_data_o", response);
    // One bit for each region: what they go to is spread over the device.
    let writes = m.wire("writes", &take_write & !write_refusal.any());
    let reads = m.wire("reads", &issue & !read_refusal.any());
    for &r in Region::ALL {
        let number = r.number().into();
        if r.writable(design) {
            let write = m.reg(&format!("write_{}_q", r.identifier()), &writes & asked_region.is(number));
            m.output(&format!("write_{}_o", r.identifier()), write);
        }
        if r != Region::Registers {
            let read = m.reg(&format!("read_{}_q", r.identifier()), &reads & region.is(number));
            m.output(&format!("read_{}_o", r.identifier()), read);
        }
    }
    let error = m.reg("error_q", write_refusal.gate(&take_write) | read_refusal.gate(&issue));
    m.output("region_o", &region);
    m.output("word_o", &word);
    m.output("data_o", write_data);
    m.output("error_o", error);
    m.finish()
}
