// The ports and parameters of a vendor's primitive, as far as board_top uses them, for linters.
module rPLL #(
    parameter FCLKIN = "",
    parameter integer IDIV_SEL = 0,
    parameter integer FBDIV_SEL = 0,
    parameter integer ODIV_SEL = 0,
    parameter DEVICE = ""
) (
    input  wire       CLKIN,
    output wire       CLKOUT,
    output wire       LOCK,
    input  wire       RESET,
    input  wire       RESET_P,
    input  wire       CLKFB,
    input  wire [5:0] FBDSEL,
    input  wire [5:0] IDSEL,
    input  wire [5:0] ODSEL,
    input  wire [3:0] DUTYDA,
    input  wire [3:0] PSDA,
    input  wire [3:0] FDLY
);
  assign CLKOUT = CLKIN & (IDIV_SEL + FBDIV_SEL < ODIV_SEL);
  assign LOCK = CLKIN & (|FCLKIN) & (|DEVICE);
  wire unused_ok = |{RESET, RESET_P, CLKFB, FBDSEL, IDSEL, ODSEL, DUTYDA, PSDA, FDLY};
endmodule
