//! The accelerator as AXI has it: an AXI4-Lite slave for single words, and an AXI4-Stream sink for many.
//!
//! No output depends on an input of the same clock cycle, on either interface.

use super::arbiter::host_arbiter;
use super::behind::Answers;
use crate::accelerator::accelerator;
use crate::design::Design;
use crate::rtl::{Builder, ElaborationError, Expr, Module, Register, cat, mux, unsigned};
use std::sync::Arc;

/// Name of the top module.
pub const TOP: &str = "axi_accelerator";

/// Bits of a word address, those of the host port; AXI4-Lite counts bytes.
const ADDRESS_BITS: u32 = 24;
const BYTE_ADDRESS_BITS: u32 = ADDRESS_BITS + 2;

/// The inputs of [`axi_lite_slave`] and [`axi_stream_sink`] on the side of the bus, and their widths.
const LITE_INPUTS: [(&str, u32); 11] = [
    ("s_axi_awaddr_i", BYTE_ADDRESS_BITS),
    ("s_axi_awprot_i", 3),
    ("s_axi_awvalid_i", 1),
    ("s_axi_wdata_i", 32),
    ("s_axi_wstrb_i", 4),
    ("s_axi_wvalid_i", 1),
    ("s_axi_bready_i", 1),
    ("s_axi_araddr_i", BYTE_ADDRESS_BITS),
    ("s_axi_arprot_i", 3),
    ("s_axi_arvalid_i", 1),
    ("s_axi_rready_i", 1),
];
const STREAM_INPUTS: [(&str, u32); 3] = [("s_axis_tdata_i", 32), ("s_axis_tvalid_i", 1), ("s_axis_tlast_i", 1)];
const LITE_OUTPUTS: [&str; 8] = [
    "s_axi_awready_o",
    "s_axi_wready_o",
    "s_axi_bresp_o",
    "s_axi_bvalid_o",
    "s_axi_arready_o",
    "s_axi_rdata_o",
    "s_axi_rresp_o",
    "s_axi_rvalid_o",
];
const STREAM_OUTPUT: &str = "s_axis_tready_o";

/// Module `axi_lite_slave`: a master of the host port (`host_*`) for whoever reaches `s_axi_*`.
///
/// Byte addresses, of which the two lowest bits do not count. A write that does not strobe all four bytes is answered with
/// SLVERR, without a request; all others with OKAY. Reads and writes take turns where more of both wait.
pub fn axi_lite_slave() -> Result<Arc<Module>, ElaborationError> {
    let one = unsigned(1);
    let mut m =
        Builder::new("axi_lite_slave", "AXI4-Lite slave: carries out one read or write at a time at the host port.");
    let [aw_address, aw_prot, aw_valid, w_data, w_strobes, w_valid, b_ready, ar_address, ar_prot, ar_valid, r_ready] =
        LITE_INPUTS.map(|(name, width)| m.input(name, unsigned(width)));
    let host_ready = m.input("host_ready_i", one);
    let host_data = m.input("host_data_i", unsigned(32));
    for ignored in [aw_prot, ar_prot, aw_address.slice(0, 2), ar_address.slice(0, 2)] {
        m.discard(ignored);
    }

    // What has been taken from the channels of requests and waits.
    let aw_full = m.register("aw_full_q", one);
    let w_full = m.register("w_full_q", one);
    let ar_full = m.register("ar_full_q", one);
    let takes_aw = m.wire("takes_aw", aw_valid & !aw_full.value());
    let takes_w = m.wire("takes_w", w_valid & !w_full.value());
    let takes_ar = m.wire("takes_ar", ar_valid & !ar_full.value());
    let write_address = m.reg_when("write_address_q", &takes_aw, aw_address.slice(2, ADDRESS_BITS));
    let write_data = m.reg_when("write_data_q", &takes_w, w_data);
    let whole = m.reg_when("whole_q", &takes_w, w_strobes.all());
    let read_address = m.reg_when("read_address_q", &takes_ar, ar_address.slice(2, ADDRESS_BITS));

    // A request begins when there is room for its response, so that none is lost.
    let b_valid = m.register("b_valid_q", one);
    let r_valid = m.register("r_valid_q", one);
    let complete = m.wire("complete", aw_full.value() & w_full.value() & !b_valid.value());
    let refused = m.wire("refused", &complete & !&whole);
    let write_waits = m.wire("write_waits", &complete & &whole);
    let read_waits = m.wire("read_waits", ar_full.value() & !r_valid.value());
    let busy = m.register("busy_q", one);
    m.comment(&busy.value(), "a request is at the host port");
    let write = m.register("write_q", one);
    m.comment(&write.value(), "it is a write");
    let starts = m.wire("starts", !busy.value() & (&write_waits | &read_waits));
    let done = m.wire("done", busy.value() & host_ready);
    m.drive_when(&busy, &starts | &done, &starts);
    // A write goes before a read, and its response keeps the next one back until the read has begun.
    m.drive_when(&write, &starts, &write_waits);

    let written = m.wire("written", (&done & write.value()) | &refused);
    let read = m.wire("read", &done & !write.value());
    let mut fill = |full: &Register, takes: &Expr, empties: &Expr| m.drive_when(full, takes | empties, takes);
    fill(&aw_full, &takes_aw, &written);
    fill(&w_full, &takes_w, &written);
    fill(&ar_full, &takes_ar, &read);
    fill(&b_valid, &written, &(b_valid.value() & b_ready));
    fill(&r_valid, &read, &(r_valid.value() & r_ready));
    let slave_error = m.reg_when("slave_error_q", &written, &refused);
    let read_data = m.reg_when("read_data_q", &read, host_data);

    m.output("s_axi_awready_o", !aw_full.value());
    m.output("s_axi_wready_o", !w_full.value());
    m.output("s_axi_bresp_o", cat(&[slave_error, Expr::zero(one)]));
    m.output("s_axi_bvalid_o", b_valid.value());
    m.output("s_axi_arready_o", !ar_full.value());
    m.output("s_axi_rdata_o", read_data);
    m.output("s_axi_rresp_o", Expr::zero(unsigned(2)));
    m.output("s_axi_rvalid_o", r_valid.value());
    m.output("host_valid_o", busy.value());
    m.output("host_write_o", write.value());
    m.output("host_address_o", mux(&write.value(), &write_address, &read_address));
    m.output("host_data_o", write_data);
    m.finish()
}

/// Module `axi_stream_sink`: a master of the host port that writes what comes on `s_axis_*`. The first word of a packet is a host
/// address (bits 23:0), the others are data for it and the addresses after it. A word per clock cycle where the host port takes it.
pub fn axi_stream_sink() -> Result<Arc<Module>, ElaborationError> {
    let one = unsigned(1);
    let mut m = Builder::new(
        "axi_stream_sink",
        "AXI4-Stream sink: writes packets of an address and data to the host port, at rising addresses.",
    );
    let [data, valid, last] = STREAM_INPUTS.map(|(name, width)| m.input(name, unsigned(width)));
    let host_ready = m.input("host_ready_i", one);

    let full = m.register("full_q", one);
    m.comment(&full.value(), "a word is at the host port");
    let done = m.wire("done", full.value() & host_ready);
    let ready = m.wire("ready", !full.value() | &done);
    let takes = m.wire("takes", valid & &ready);
    let in_packet = m.register("in_packet_q", one);
    m.comment(&in_packet.value(), "the address of the packet has come");
    m.drive_when(&in_packet, &takes, !last);
    let takes_address = m.wire("takes_address", &takes & !in_packet.value());
    let takes_data = m.wire("takes_data", &takes & in_packet.value());
    m.drive_when(&full, &takes_data | &done, &takes_data);
    let address = m.register("address_q", unsigned(ADDRESS_BITS));
    let next = mux(&takes_address, &data.slice(0, ADDRESS_BITS), &(address.value() + 1));
    m.drive_when(&address, &takes_address | &done, next);
    let host_data = m.reg_when("data_q", &takes_data, data);

    m.output(STREAM_OUTPUT, ready);
    m.output("host_valid_o", full.value());
    m.output("host_address_o", address.value());
    m.output("host_data_o", host_data);
    m.finish()
}

/// Adds the inputs of both interfaces.
fn bus_inputs(m: &mut Builder) -> Vec<(&'static str, Expr)> {
    LITE_INPUTS.iter().chain(&STREAM_INPUTS).map(|&(name, width)| (name, m.input(name, unsigned(width)))).collect()
}

/// Ports of an instance: those of the bus, and others.
fn connected<'a>(bus: &'a [(&'static str, Expr)], others: &[(&'a str, &'a Expr)]) -> Vec<(&'a str, &'a Expr)> {
    bus.iter().map(|(name, value)| (*name, value)).chain(others.iter().copied()).collect()
}

/// Module `axi_slave`: both interfaces before one host port. What a master has sent to one of them before it sends to the other
/// is carried out in that order.
pub fn axi_slave() -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new("axi_slave", "AXI4-Lite slave and AXI4-Stream sink before one host port.");
    let inputs = bus_inputs(&mut m);
    let host_ready = m.input("host_ready_i", unsigned(1));
    let host_data = m.input("host_data_i", unsigned(32));
    let (lite_inputs, stream_inputs) = inputs.split_at(LITE_INPUTS.len());
    let lite_ready = m.forward("lite_ready", unsigned(1));
    let stream_ready = m.forward("stream_ready", unsigned(1));
    let ready = [lite_ready.value(), stream_ready.value()];
    let lite = connected(lite_inputs, &[("host_ready_i", &ready[0]), ("host_data_i", &host_data)]);
    let lite = m.instance("axi_lite_slave", &axi_lite_slave()?, &lite);
    let stream = connected(stream_inputs, &[("host_ready_i", &ready[1])]);
    let stream = m.instance("axi_stream_sink", &axi_stream_sink()?, &stream);
    let arbiter = m.instance(
        "host_arbiter",
        &host_arbiter()?,
        &[
            ("first_valid_i", &lite.get("host_valid_o")),
            ("first_write_i", &lite.get("host_write_o")),
            ("first_address_i", &lite.get("host_address_o")),
            ("first_data_i", &lite.get("host_data_o")),
            ("second_valid_i", &stream.get("host_valid_o")),
            ("second_address_i", &stream.get("host_address_o")),
            ("second_data_i", &stream.get("host_data_o")),
            ("host_ready_i", &host_ready),
        ],
    );
    m.assign(&lite_ready, arbiter.get("first_ready_o"));
    m.assign(&stream_ready, arbiter.get("second_ready_o"));
    for port in LITE_OUTPUTS {
        m.output(port, lite.get(port));
    }
    m.output(STREAM_OUTPUT, stream.get(STREAM_OUTPUT));
    for port in ["host_valid_o", "host_write_o", "host_address_o", "host_data_o"] {
        m.output(port, arbiter.get(port));
    }
    m.finish()
}

/// The accelerator of `design` with an AXI4-Lite slave and an AXI4-Stream sink. `digest`: value of the register DIGEST.
///
/// Ports: `clk_i`, `rst_ni`, and those of [`axi_slave`] on the side of the bus.
///
/// # Errors
/// The accelerator cannot be elaborated.
pub fn axi_accelerator(design: &Design, digest: u32) -> Result<Arc<Module>, ElaborationError> {
    let accelerator = accelerator(design, digest)?;
    let mut m = Builder::new(TOP, "The accelerator with an AXI4-Lite slave and an AXI4-Stream sink.");
    let inputs = bus_inputs(&mut m);
    let answers = Answers::new(&mut m);
    let (host_ready, host_data) = answers.values();
    let slave = connected(&inputs, &[("host_ready_i", &host_ready), ("host_data_i", &host_data)]);
    let slave = m.instance("axi_slave", &axi_slave()?, &slave);
    answers.connect(&mut m, &accelerator, &slave);
    for port in LITE_OUTPUTS.into_iter().chain([STREAM_OUTPUT]) {
        m.output(port, slave.get(port));
    }
    m.finish()
}
