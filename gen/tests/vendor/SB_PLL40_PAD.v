// The ports and parameters of a vendor's primitive, as far as board_top uses them, for linters.
module SB_PLL40_PAD #(
    parameter FEEDBACK_PATH = "",
    parameter [3:0] DIVR = 0,
    parameter [6:0] DIVF = 0,
    parameter [2:0] DIVQ = 0,
    parameter [2:0] FILTER_RANGE = 0
) (
    input  wire PACKAGEPIN,
    output wire PLLOUTGLOBAL,
    output wire LOCK,
    input  wire RESETB,
    input  wire BYPASS
);
  assign PLLOUTGLOBAL = PACKAGEPIN & ~BYPASS & (FEEDBACK_PATH == "SIMPLE");
  assign LOCK = RESETB & (|{DIVR, DIVF, DIVQ, FILTER_RANGE});
endmodule
