// Drives the accelerator through its host port. SPDX-License-Identifier: MIT OR Apache-2.0
//
// Carries out the transactions in +transactions=FILE, Count of them, and compares every word that is read with the
// expected one. X counts as a difference.
`timescale 1ns / 1ps
`default_nettype none

module testbench;
  parameter integer Count = 1;

  localparam [7:0] Write = 8'h01;
  localparam [7:0] Read = 8'h02;
  localparam [7:0] Wait = 8'h03;
  localparam [23:0] Status = 24'h000004;
  localparam integer AnswerLimit = 10000;

  reg clk = 1'b0;
  reg rst_n = 1'b0;
  reg valid = 1'b0;
  reg write = 1'b0;
  reg [23:0] address = 24'd0;
  reg [31:0] data = 32'd0;
  wire ready;
  wire [31:0] read_data;

  accelerator u_accelerator (
      .clk_i(clk),
      .rst_ni(rst_n),
      .host_valid_i(valid),
      .host_write_i(write),
      .host_address_i(address),
      .host_data_i(data),
      .host_ready_o(ready),
      .host_data_o(read_data)
  );

  always #5 clk = ~clk;

  // Operation, address, data.
  reg [63:0] transaction[0:Count-1];
  reg [8*256-1:0] file;
  reg [31:0] answer;
  integer index, waited, equal, different;

  // A request stands from one falling edge to the one after ready.
  task access(input is_write, input [23:0] at, input [31:0] value);
    begin
      valid = 1'b1;
      write = is_write;
      address = at;
      data = value;
      waited = 0;
      #4;
      while (ready !== 1'b1) begin
        waited = waited + 1;
        if (waited > AnswerLimit) begin
          $display("FAIL: transaction %0d: the host port does not answer", index);
          $finish;
        end
        #10;
      end
      answer = read_data;
      #6 valid = 1'b0;
    end
  endtask

  initial begin
    if (!$value$plusargs("transactions=%s", file)) begin
      $display("FAIL: +transactions=FILE is missing");
      $finish;
    end
    $readmemh(file, transaction);
    equal = 0;
    different = 0;
    repeat (4) @(negedge clk);
    rst_n = 1'b1;
    for (index = 0; index < Count; index = index + 1) begin
      case (transaction[index][63:56])
        Write: access(1'b1, transaction[index][55:32], transaction[index][31:0]);
        Read: begin
          access(1'b0, transaction[index][55:32], 32'd0);
          if (answer === transaction[index][31:0]) begin
            equal = equal + 1;
          end else begin
            if (different == 0) begin
              $display("transaction %0d: first difference: address %h: expected %h, read %h", index,
                       transaction[index][55:32], transaction[index][31:0], answer);
            end
            different = different + 1;
          end
        end
        Wait: begin
          access(1'b0, Status, 32'd0);
          while (answer[0] === 1'b1) access(1'b0, Status, 32'd0);
        end
        default: begin
          $display("transaction %0d: no such transaction", index);
          different = different + 1;
        end
      endcase
    end
    if (different == 0 && equal > 0) $display("PASS: %0d words equal", equal);
    else $display("FAIL: %0d of %0d words differ", different, equal + different);
    $finish;
  end
endmodule

`default_nettype wire
