//! The accelerator as a slave on a Wishbone B4 bus: classic cycles, 32 data bits, word addresses.

use super::behind::Answers;
use crate::accelerator::accelerator;
use crate::design::Design;
use crate::rtl::{Builder, ElaborationError, Module, unsigned};
use std::sync::Arc;

/// Name of the top module.
pub const TOP: &str = "wishbone_accelerator";

/// Bits of a word address, those of the host port.
const ADDRESS_BITS: u32 = 24;

/// Module `wishbone_slave`: a master of the host port (`host_*`) for whoever holds the bus (`wb_*`).
///
/// A cycle ends with `wb_ack_o`, two clock cycles after its strobe at the earliest, or, unless it selects all four bytes,
/// with `wb_err_o` and without a request. A master that leaves a cycle before its end gets neither; the request that it has begun
/// goes on, and the next cycle waits for that.
pub fn wishbone_slave() -> Result<Arc<Module>, ElaborationError> {
    let one = unsigned(1);
    let word = unsigned(32);
    let mut m = Builder::new(
        "wishbone_slave",
        "Wishbone B4 slave, classic cycles: carries each out as one request to the host port.",
    );
    let cycle = m.input("wb_cyc_i", one);
    let strobe = m.input("wb_stb_i", one);
    let write = m.input("wb_we_i", one);
    let address = m.input("wb_adr_i", unsigned(ADDRESS_BITS));
    let data = m.input("wb_dat_i", word);
    let selected = m.input("wb_sel_i", unsigned(4));
    let host_ready = m.input("host_ready_i", one);
    let host_data = m.input("host_data_i", word);

    let asked = m.wire("asked", cycle & strobe);
    let busy = m.register("busy_q", one);
    m.comment(&busy.value(), "a request is at the host port");
    let ack = m.register("ack_q", one);
    let err = m.register("err_q", one);
    let starts = m.wire("starts", &asked & !(busy.value() | ack.value() | err.value()));
    let takes = m.wire("takes", &starts & selected.all());
    let done = m.wire("done", busy.value() & host_ready);
    m.drive_when(&busy, &takes | &done, &takes);

    // The host port ends what it has begun, whatever becomes of the master; the answer is then nobody's.
    let left = m.register("left_q", one);
    m.comment(&left.value(), "the master has left the cycle of that request");
    m.drive(&left, busy.value() & !&done & (left.value() | !&asked));
    m.drive(&ack, &done & &asked & !left.value());
    m.drive(&err, &starts & !selected.all());

    m.output("wb_ack_o", ack.value() & &asked);
    m.output("wb_err_o", err.value() & &asked);
    let read = m.reg_when("read_q", &done, host_data);
    m.output("wb_dat_o", read);
    m.output("host_valid_o", busy.value());
    let host_write = m.reg_when("write_q", &takes, write);
    m.output("host_write_o", host_write);
    let host_address = m.reg_when("address_q", &takes, address);
    m.output("host_address_o", host_address);
    let host_data = m.reg_when("data_q", &takes, data);
    m.output("host_data_o", host_data);
    m.finish()
}

/// The accelerator of `design` on a Wishbone bus. `digest`: value of the register DIGEST.
///
/// Ports: `clk_i`, `rst_ni`, and those of [`wishbone_slave`] on the side of the bus.
///
/// # Errors
/// The accelerator cannot be elaborated.
pub fn wishbone_accelerator(design: &Design, digest: u32) -> Result<Arc<Module>, ElaborationError> {
    let accelerator = accelerator(design, digest)?;
    let mut m = Builder::new(TOP, "The accelerator as a slave on a Wishbone B4 bus.");
    let cycle = m.input("wb_cyc_i", unsigned(1));
    let strobe = m.input("wb_stb_i", unsigned(1));
    let write = m.input("wb_we_i", unsigned(1));
    let address = m.input("wb_adr_i", unsigned(ADDRESS_BITS));
    m.comment(&address, "of words, not of bytes");
    let data = m.input("wb_dat_i", unsigned(32));
    let selected = m.input("wb_sel_i", unsigned(4));
    let answers = Answers::new(&mut m);
    let (host_ready, host_data) = answers.values();
    let slave = m.instance(
        "wishbone_slave",
        &wishbone_slave()?,
        &[
            ("wb_cyc_i", &cycle),
            ("wb_stb_i", &strobe),
            ("wb_we_i", &write),
            ("wb_adr_i", &address),
            ("wb_dat_i", &data),
            ("wb_sel_i", &selected),
            ("host_ready_i", &host_ready),
            ("host_data_i", &host_data),
        ],
    );
    answers.connect(&mut m, &accelerator, &slave);
    for port in ["wb_ack_o", "wb_err_o", "wb_dat_o"] {
        m.output(port, slave.get(port));
    }
    m.finish()
}
