// What a module multiplier_block is built of on an iCE40 UP5K: a signed block with its registers for operands and product.
module multiplier_block (clk_i, moving_i, stationary_i, product_o);
  input clk_i;
  input [15:0] moving_i, stationary_i;
  output [31:0] product_o;
  SB_MAC16 #(
      .A_SIGNED(1'b1), .B_SIGNED(1'b1), .MODE_8x8(1'b0), .NEG_TRIGGER(1'b0),
      .A_REG(1'b1), .B_REG(1'b1), .C_REG(1'b0), .D_REG(1'b0),
      .TOP_8x8_MULT_REG(1'b0), .BOT_8x8_MULT_REG(1'b0),
      .PIPELINE_16x16_MULT_REG1(1'b0), .PIPELINE_16x16_MULT_REG2(1'b1),
      .TOPOUTPUT_SELECT(2'b11), .BOTOUTPUT_SELECT(2'b11),
      .TOPADDSUB_LOWERINPUT(2'b00), .BOTADDSUB_LOWERINPUT(2'b00),
      .TOPADDSUB_UPPERINPUT(1'b0), .BOTADDSUB_UPPERINPUT(1'b0),
      .TOPADDSUB_CARRYSELECT(2'b00), .BOTADDSUB_CARRYSELECT(2'b00)
  ) _TECHMAP_REPLACE_ (
      .CLK(clk_i), .CE(1'b1), .A(moving_i), .B(stationary_i), .C(16'b0), .D(16'b0), .O(product_o),
      .AHOLD(1'b0), .BHOLD(1'b0), .CHOLD(1'b0), .DHOLD(1'b0), .OHOLDTOP(1'b0), .OHOLDBOT(1'b0),
      .IRSTTOP(1'b0), .IRSTBOT(1'b0), .ORSTTOP(1'b0), .ORSTBOT(1'b0), .OLOADTOP(1'b0), .OLOADBOT(1'b0),
      .ADDSUBTOP(1'b0), .ADDSUBBOT(1'b0), .CI(1'b0), .ACCUMCI(1'b0), .SIGNEXTIN(1'b0)
  );
endmodule
