// The PLL as a wire: a cycle of the simulation is one of the clock that the PLL makes. SPDX-License-Identifier: MIT OR Apache-2.0
module pll #(
    parameter FEEDBACK_PATH = "SIMPLE",
    parameter DELAY_ADJUSTMENT_MODE_FEEDBACK = "FIXED",
    parameter DELAY_ADJUSTMENT_MODE_RELATIVE = "FIXED",
    parameter PLLOUT_SELECT = "GENCLK",
    parameter SHIFTREG_DIV_MODE = 1'b0,
    parameter FDA_FEEDBACK = 4'd0,
    parameter FDA_RELATIVE = 4'd0,
    parameter DIVR = 4'd0,
    parameter DIVF = 7'd0,
    parameter DIVQ = 3'd0,
    parameter FILTER_RANGE = 3'd0,
    parameter ENABLE_ICEGATE = 1'b0,
    parameter TEST_MODE = 1'b0
) (
    input  wire REFERENCECLK,
    output wire PLLOUTCORE,
    output wire PLLOUTGLOBAL,
    input  wire EXTFEEDBACK,
    input  wire [7:0] DYNAMICDELAY,
    output wire LOCK,
    input  wire BYPASS,
    input  wire RESETB,
    input  wire LATCHINPUTVALUE,
    output wire SDO,
    input  wire SDI,
    input  wire SCLK
);
  assign PLLOUTCORE = REFERENCECLK;
  assign PLLOUTGLOBAL = REFERENCECLK;
  assign LOCK = RESETB;
  assign SDO = 1'b0;
endmodule
