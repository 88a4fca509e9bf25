// The multiplier block of an iCE40 UP5K, signed, without its registers and its accumulator.
module multiplier_block (moving_i, stationary_i, product_o);
  input [15:0] moving_i, stationary_i;
  output [31:0] product_o;
  SB_MAC16 #(
      .A_SIGNED(1'b1), .B_SIGNED(1'b1), .MODE_8x8(1'b0), .NEG_TRIGGER(1'b0),
      .A_REG(1'b0), .B_REG(1'b0), .C_REG(1'b0), .D_REG(1'b0),
      .TOP_8x8_MULT_REG(1'b0), .BOT_8x8_MULT_REG(1'b0),
      .PIPELINE_16x16_MULT_REG1(1'b0), .PIPELINE_16x16_MULT_REG2(1'b0),
      .TOPOUTPUT_SELECT(2'b11), .BOTOUTPUT_SELECT(2'b11),
      .TOPADDSUB_LOWERINPUT(2'b10), .BOTADDSUB_LOWERINPUT(2'b10),
      .TOPADDSUB_UPPERINPUT(1'b0), .BOTADDSUB_UPPERINPUT(1'b0),
      .TOPADDSUB_CARRYSELECT(2'b10), .BOTADDSUB_CARRYSELECT(2'b00)
  ) _TECHMAP_REPLACE_ (.A(moving_i), .B(stationary_i), .O(product_o));
endmodule
