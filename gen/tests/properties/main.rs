//! What the two sides of a bus link may rely on, proved of the Verilog that is emitted: for every sequence of inputs up to a
//! depth from reset, and by induction for every longer one. Properties that find no planted mistake would prove nothing.

use logloom::flow::testing::needs;
use logloom::flow::{Invocation, Tool, yosys};
use logloom_hdl::link::arbiter::host_arbiter;
use logloom_hdl::link::axi::{axi_lite_slave, axi_stream_sink};
use logloom_hdl::link::wishbone::wishbone_slave;
use logloom_hdl::rtl::{ElaborationError, Module, verilog};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Clock cycles from reset that are searched whole.
const DEPTH: u32 = 16;
/// Clock cycles from which the induction concludes the next.
const INDUCTION: u32 = 3;
/// Adds to the properties how registers go with them, which the induction needs. Mistakes must be found without.
const HELP: &str = "-DINDUCTION";

struct Link {
    module: fn() -> Result<Arc<Module>, ElaborationError>,
    /// SystemVerilog that stands inside the module.
    properties: &'static str,
    /// Parts of the Verilog, and the mistakes to put in their place.
    mistakes: &'static [(&'static str, &'static str)],
}

const WISHBONE: Link = Link {
    module: wishbone_slave,
    properties: include_str!("wishbone_slave.sv"),
    mistakes: &[
        // An answer to nobody.
        ("wb_ack_o = ack_q & asked", "wb_ack_o = ack_q"),
        ("wb_err_o = err_q & asked", "wb_err_o = err_q"),
        // An end, a refusal or a request too many.
        ("(busy_q | ack_q | err_q)", "(busy_q | err_q)"),
        ("(busy_q | ack_q | err_q)", "(busy_q | ack_q)"),
        ("(busy_q | ack_q | err_q)", "(ack_q | err_q)"),
        ("err_q <= starts &", "err_q <= asked &"),
        ("takes = starts & (&wb_sel_i)", "takes = starts"),
        // The answer to a cycle that was left, given to the next one.
        ("done & asked & ~left_q", "done & asked"),
        ("(left_q | ~asked)", "~asked"),
        // An end too few.
        ("left_q <= busy_q & ~done &", "left_q <="),
        ("takes = starts & (&wb_sel_i)", "takes = starts & (&wb_sel_i) & wb_we_i"),
        // Other data, another address, another moment.
        ("end else if (done) begin\n      read_q", "end else if (ack_q) begin\n      read_q"),
        ("read_q <= host_data_i", "read_q <= {host_data_i[31:1], 1'b0}"),
        ("address_q <= wb_adr_i", "address_q <= {wb_adr_i[22:0], 1'b0}"),
        ("host_valid_o = busy_q", "host_valid_o = busy_q & ~left_q"),
        ("host_data_o = data_q", "host_data_o = wb_dat_i"),
    ],
};

const AXI_LITE: Link = Link {
    module: axi_lite_slave,
    properties: include_str!("axi_lite_slave.sv"),
    mistakes: &[
        // A response that is not kept for a master that is not ready.
        ("written | (b_valid_q & s_axi_bready_i)", "written | b_valid_q"),
        ("read | (r_valid_q & s_axi_rready_i)", "read | r_valid_q"),
        ("aw_full_q & w_full_q & ~b_valid_q", "aw_full_q & w_full_q"),
        ("ar_full_q & ~r_valid_q", "ar_full_q"),
        ("end else if (read) begin\n      read_data_q", "end else if (ar_full_q) begin\n      read_data_q"),
        // One that nobody has asked for, or that does not end.
        ("aw_full_q & w_full_q & ~b_valid_q", "aw_full_q & ~b_valid_q"),
        ("(done & write_q) | refused", "done | refused"),
        ("read | (r_valid_q & s_axi_rready_i)", "read"),
        // One that says something else.
        ("slave_error_q <= refused", "slave_error_q <= done"),
        ("whole_q <= &s_axi_wstrb_i", "whole_q <= |s_axi_wstrb_i"),
        ("read_data_q <= host_data_i", "read_data_q <= {host_data_i[30:0], host_data_i[31]}"),
        // A request that is taken and forgotten, or carried out twice, or otherwise.
        ("takes_aw = s_axi_awvalid_i & ~aw_full_q", "takes_aw = s_axi_awvalid_i"),
        ("end else if (takes_w | written) begin", "end else if (takes_w | done) begin"),
        ("end else if (takes_ar | read) begin", "end else if (takes_ar) begin"),
        ("s_axi_awaddr_i[25:2]", "s_axi_awaddr_i[24:1]"),
        ("s_axi_araddr_i[25:2]", "s_axi_awaddr_i[25:2]"),
        ("starts = ~busy_q & (", "starts = ("),
        ("host_address_o = write_q ?", "host_address_o = write_waits ?"),
        ("starts = ~busy_q & (write_waits | read_waits)", "starts = ~busy_q & read_waits"),
    ],
};

const AXI_STREAM: Link = Link {
    module: axi_stream_sink,
    properties: include_str!("axi_stream_sink.sv"),
    mistakes: &[
        ("ready = ~full_q | done", "ready = 1'b1"),
        ("ready = ~full_q | done", "ready = ~full_q"),
        ("in_packet_q <= ~s_axis_tlast_i", "in_packet_q <= 1'b1"),
        ("takes_data = takes & in_packet_q", "takes_data = takes"),
        ("end else if (takes_address | done) begin", "end else if (takes) begin"),
        ("end else if (takes_data | done) begin", "end else if (takes_data) begin"),
        ("address_q + 24'd1", "address_q + 24'd2"),
        ("end else if (takes_data) begin\n      data_q", "end else if (s_axis_tvalid_i) begin\n      data_q"),
    ],
};

const ARBITER: Link = Link {
    module: host_arbiter,
    properties: include_str!("host_arbiter.sv"),
    mistakes: &[
        ("held_q ? second_q : ~first_valid_i", "~first_valid_i"),
        ("held_q ? second_q : ~first_valid_i", "held_q ? second_q : second_valid_i"),
        ("held_q <= valid & ~host_ready_i", "held_q <= valid"),
        ("first_ready_o = host_ready_i & ~second", "first_ready_o = host_ready_i"),
        ("second_ready_o = host_ready_i & second", "second_ready_o = host_ready_i & ~first_valid_i"),
        ("host_write_o = second | first_write_i", "host_write_o = first_write_i"),
        ("host_data_o = second ?", "host_data_o = second_valid_i ?"),
    ],
};

/// The module with its properties, as the solver takes it. `defines`: for the reader of both.
fn model(folder: &Path, top: &str, verilog: &str, properties: &str, defines: &str) {
    let (module, rest) = verilog.rsplit_once("endmodule").expect("a module has an end");
    std::fs::write(folder.join("link.sv"), format!("{module}\n{properties}\nendmodule{rest}")).unwrap();
    let passes = "async2sync; chformal -lower; write_smt2 -wires link.smt2";
    yosys::run(folder, &format!("read_verilog -formal -sv {defines} link.sv; prep -top {top}; {passes}")).unwrap();
}

/// Whether the solver agrees, and all that it says.
fn solve(folder: &Path, arguments: &[&str], steps: u32) -> (bool, String) {
    // yosys-smtbmc looks for its solver on PATH.
    let solver = Tool::Yices.find().unwrap().program;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(solver.parent().map(Into::into).into_iter().chain(std::env::split_paths(&path)));
    let call = Invocation::new(Tool::YosysSmtbmc).unwrap().folder(folder).env("PATH", path.unwrap());
    let call = call.limit(Duration::from_secs(300));
    let steps = steps.to_string();
    let finished = call.args(["-s", "yices", "-t", &steps]).args(arguments).arg("link.smt2").finish().unwrap();
    let passed = finished.stdout.contains("Status: PASSED");
    assert!(passed || finished.stdout.contains("Status: FAILED"), "{}{}", finished.stdout, finished.stderr);
    (passed, finished.stdout)
}

fn prove(link: &Link) {
    if !needs(&[Tool::Yosys, Tool::YosysSmtbmc, Tool::Yices]) {
        return;
    }
    let module = (link.module)().unwrap();
    let text = verilog::print(&module, "");
    let folder = tempfile::tempdir().unwrap();
    for (what, defines, arguments, steps) in [
        // Whatever has happened, what is assumed must leave a way to go on.
        ("within the depth", "", &["--presat"][..], DEPTH),
        ("reached", "", &["-c"], DEPTH),
        ("where the induction begins", HELP, &[], INDUCTION),
        ("by induction", HELP, &["-i"], INDUCTION),
    ] {
        model(folder.path(), &module.name, &text, link.properties, defines);
        let (passed, said) = solve(folder.path(), arguments, steps);
        assert!(passed, "{}: not {what}:\n{said}", module.name);
    }
    for &(right, wrong) in link.mistakes {
        assert_eq!(text.matches(right).count(), 1, "{}: `{right}` is not where a mistake can be planted", module.name);
        model(folder.path(), &module.name, &text.replace(right, wrong), link.properties, "");
        let (passed, _) = solve(folder.path(), &[], DEPTH);
        assert!(!passed, "{}: nobody minds `{wrong}` in place of `{right}`", module.name);
    }
}

#[test]
fn wishbone_cycles_end_once_with_what_the_host_port_says() {
    prove(&WISHBONE);
}

#[test]
fn axi_lite_requests_are_carried_out_and_answered_once() {
    prove(&AXI_LITE);
}

#[test]
fn axi_stream_packets_are_written_as_they_come() {
    prove(&AXI_STREAM);
}

#[test]
fn the_arbiter_keeps_requests_whole_and_nobody_waiting() {
    prove(&ARBITER);
}
