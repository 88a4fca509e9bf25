// The ports and parameters of a vendor's primitive, as far as board_top uses them, for linters.
module EHXPLLL #(
    parameter integer CLKI_DIV = 1,
    parameter integer CLKFB_DIV = 1,
    parameter integer CLKOP_DIV = 1,
    parameter integer CLKOP_CPHASE = 0,
    parameter CLKOP_ENABLE = "",
    parameter FEEDBK_PATH = ""
) (
    input  wire CLKI,
    input  wire CLKFB,
    output wire CLKOP,
    output wire LOCK,
    input  wire RST,
    input  wire STDBY,
    input  wire PHASESEL0,
    input  wire PHASESEL1,
    input  wire PHASEDIR,
    input  wire PHASESTEP,
    input  wire PHASELOADREG,
    input  wire PLLWAKESYNC,
    input  wire ENCLKOP
);
  assign CLKOP = CLKI & (CLKOP_ENABLE == "ENABLED") & (FEEDBK_PATH == "CLKOP");
  assign LOCK = CLKI & (CLKI_DIV + CLKFB_DIV + CLKOP_DIV > CLKOP_CPHASE);
  wire unused_ok = |{CLKFB, RST, STDBY, PHASESEL0, PHASESEL1, PHASEDIR, PHASESTEP, PHASELOADREG, PLLWAKESYNC, ENCLKOP};
endmodule
