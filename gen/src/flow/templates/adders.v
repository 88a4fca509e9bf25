// What a module add_subtract is built of where carries add or subtract as an input says. As wide as any sum: inputs that are
// not connected are 0, and cells whose outputs are not connected fall away.
module add_subtract (sum_i, value_i, subtract_i, total_o);
  input [63:0] sum_i, value_i;
  input subtract_i;
  output [63:0] total_o;
  wire [63:0] propagate, carry;
  \$alu #(.A_SIGNED(1'b0), .B_SIGNED(1'b0), .A_WIDTH(64), .B_WIDTH(64), .Y_WIDTH(64)) _TECHMAP_REPLACE_ (
      .A(sum_i), .B(value_i), .CI(subtract_i), .BI(subtract_i), .X(propagate), .Y(total_o), .CO(carry)
  );
endmodule
