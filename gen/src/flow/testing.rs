//! What tests that call external tools share.

use std::io::Write as _;
#[cfg(test)]
use std::path::{Path, PathBuf};

use super::tool::Tool;

/// A clean module, in the style of the emitted Verilog.
#[cfg(test)]
pub(super) const COUNTER: &str = "\
// Counts the cycles in which `enable_i` is high, modulo 2^Width.
`default_nettype none

module counter #(
    parameter integer Width = 8
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire             enable_i,
    output wire [Width-1:0] count_o
);
  reg  [Width-1:0] count_q;
  wire [Width-1:0] count_d = count_q + {{(Width - 1) {1'b0}}, 1'b1};

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= {Width{1'b0}};
    end else if (enable_i) begin
      count_q <= count_d;
    end
  end

  assign count_o = count_q;
endmodule

`default_nettype wire
";

/// Whether a test can go on. A missing tool skips it, with a line on standard error that can be counted; where `CI` is
/// set, it fails it, unless the project does not bring that tool.
///
/// # Panics
/// When `CI` is set and a pinned tool is missing.
pub fn needs(tools: &[Tool]) -> bool {
    for &tool in tools {
        if let Err(error) = tool.find() {
            assert!(!(super::in_ci() && tool.is_pinned()), "in CI every pinned tool must be there: {error}");
            let test = std::thread::current().name().unwrap_or("?").to_string();
            // Not `eprintln!`: the test harness would swallow it.
            let _ = writeln!(std::io::stderr(), "SKIP {test}: {} is missing", tool.name());
            return false;
        }
    }
    true
}

#[cfg(test)]
pub(super) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
