// A broken-array multiplier: 8 x 8 bits, unsigned, without the partial products of the four lowest columns.
// SPDX-License-Identifier: MIT OR Apache-2.0
module bam8u (A, B, O);
  input [7:0] A;
  input [7:0] B;
  output [15:0] O;

  wire [15:0] row0 = {8'd0, A[7:4] & {4{B[0]}}, 4'd0};
  wire [15:0] row1 = {7'd0, A[7:3] & {5{B[1]}}, 4'd0};
  wire [15:0] row2 = {6'd0, A[7:2] & {6{B[2]}}, 4'd0};
  wire [15:0] row3 = {5'd0, A[7:1] & {7{B[3]}}, 4'd0};
  wire [15:0] row4 = {4'd0, A & {8{B[4]}}, 4'd0};
  wire [15:0] row5 = {3'd0, A & {8{B[5]}}, 5'd0};
  wire [15:0] row6 = {2'd0, A & {8{B[6]}}, 6'd0};
  wire [15:0] row7 = {1'd0, A & {8{B[7]}}, 7'd0};

  assign O = ((row0 + row1) + (row2 + row3)) + ((row4 + row5) + (row6 + row7));
endmodule
