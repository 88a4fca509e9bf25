// The block memory of ECP5 for a simulation, as Yosys uses it for a memory with one port that writes; Yosys itself has it as a black box.
// Written from the description that Yosys chooses by and its mapping (lattice/brams_16kd.txt, lattice/brams_map_16kd.v). What else the cell can do has no model: a parameter that is not here, or not as
// below, is an error when a netlist is compiled; a reset, or a write at B, is one when it is simulated.
// SPDX-License-Identifier: MIT OR Apache-2.0
//
// 18,432 bits: 512 rows of four bytes of nine bits. An address counts bits, eight to a byte. A port of nine bits or more takes whole
// bytes; a narrower one leaves the ninth bit of each byte alone. Where A is wider than a byte, the lowest bits of its address enable
// its bytes. 36 bits are written at A and read at B, by the data pins of both: those of A are the lower half.
module DP16KD (
    input CLKA, CEA, OCEA, WEA, RSTA, CSA2, CSA1, CSA0,
    input CLKB, CEB, OCEB, WEB, RSTB, CSB2, CSB1, CSB0,
    input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
    input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0,
    input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
);
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18;
  parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG";
  // Only of a port that also reads.
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL";
  parameter CSDECODE_A = "0b000", CSDECODE_B = "0b000";
  parameter CLKAMUX = "CLKA", CLKBMUX = "CLKB";
  // They only say what a reset does.
  parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", GSR = "ENABLED";
  // Contents at power-up: of each, 16 halves of rows, 18 bits in 20.
  parameter [319:0]
      INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0, INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0,
      INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0, INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0,
      INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0, INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0,
      INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0, INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0,
      INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0, INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0,
      INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0, INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0,
      INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0, INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0,
      INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0, INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;

  function is_width(input integer width);
    is_width = width == 1 || width == 2 || width == 4 || width == 9 || width == 18 || width == 36;
  endfunction

  localparam Known = is_width(DATA_WIDTH_A) && is_width(DATA_WIDTH_B) && REGMODE_A == "NOREG" && REGMODE_B == "NOREG" &&
      (WRITEMODE_A == "NORMAL" || WRITEMODE_A == "WRITETHROUGH" || WRITEMODE_A == "READBEFOREWRITE") &&
      CSDECODE_A == "0b000" && CSDECODE_B == "0b000" && CLKAMUX == "CLKA" && CLKBMUX == "CLKB";

  generate
    if (!Known) begin : g_unknown
      DP16KD_has_no_model_of_these_parameters unknown ();
    end
  endgenerate

  // Where in its row the word of a port begins.
  function [5:0] first(input [4:0] address, input integer width);
    case (width)
      1: first = 9 * address[4:3] + address[2:0];
      2: first = 9 * address[4:3] + 2 * address[2:1];
      4: first = 9 * address[4:3] + 4 * address[2];
      9: first = 9 * address[4:3];
      18: first = 18 * address[4];
      default: first = 0;
    endcase
  endfunction

  // The bits of the word that a write changes.
  function [35:0] changed(input [3:0] enables, input integer width);
    case (width)
      18: changed = {18'b0, {9{enables[1]}}, {9{enables[0]}}};
      36: changed = {{9{enables[3]}}, {9{enables[2]}}, {9{enables[1]}}, {9{enables[0]}}};
      default: changed = (36'b1 << width) - 36'b1;
    endcase
  endfunction

  localparam [64*320-1:0] Contents = {
      INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38, INITVAL_37, INITVAL_36,
      INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C,
      INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22,
      INITVAL_21, INITVAL_20, INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
      INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10, INITVAL_0F, INITVAL_0E,
      INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04,
      INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
  };

  reg [35:0] rows [0:511];
  integer half;

  initial begin
    for (half = 0; half < 1024; half = half + 1) begin
      rows[half / 2][18 * (half % 2) +: 18] = Contents[20 * half +: 18];
    end
  end

  wire [13:0] address_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [13:0] address_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  wire [35:0] data = {
      DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
      DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0
  };
  wire enable_a = CEA && {CSA2, CSA1, CSA0} == 0;
  wire enable_b = CEB && {CSB2, CSB1, CSB0} == 0;

  wire [8:0] row_a = address_a[13:5];
  wire [8:0] row_b = address_b[13:5];
  wire [5:0] first_a = first(address_a[4:0], DATA_WIDTH_A);
  wire [5:0] first_b = first(address_b[4:0], DATA_WIDTH_B);
  wire [35:0] written = enable_a && WEA ? changed(address_a[3:0], DATA_WIDTH_A) << first_a : 0;
  wire [35:0] new_row = rows[row_a] & ~written | data << first_a & written;
  // What B reads of bits that A writes at the same time is not defined: here they come inverted, so that who needs them is found out.
  wire [35:0] undefined = row_a == row_b ? written : 0;
  reg [35:0] read_a = 0, read_b = 0;

  always @(posedge CLKA) begin
    rows[row_a] <= new_row;
    if (enable_a && (!WEA || WRITEMODE_A != "NORMAL")) begin
      read_a <= (WRITEMODE_A == "WRITETHROUGH" ? new_row : rows[row_a]) >> first_a;
    end
    if (RSTA || RSTB || WEB) $fatal(1, "DP16KD: no model of resets, nor of writes at B");
  end

  always @(posedge CLKB) begin
    if (enable_b) read_b <= (rows[row_b] ^ undefined) >> first_b;
  end

  assign {
      DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0
  } = DATA_WIDTH_B == 36 ? read_b[17:0] : read_a[17:0];
  assign {
      DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
  } = DATA_WIDTH_B == 36 ? read_b[35:18] : read_b[17:0];
endmodule
