// What the two sides of `axi_stream_sink` may rely on. Included inside the module, before its `endmodule`.
//
// Reset comes first, and at any time after; sender and host port do what they like, when they like.

  reg f_begun = 1'b0;
  always @(posedge clk_i) f_begun <= 1'b1;
  always @(*) if (!f_begun) assume (!rst_ni);

  wire f_beat = s_axis_tvalid_i && s_axis_tready_o;
  wire f_handshake = host_valid_o && host_ready_i;

  // Where the packet stands, and the word that is to be written.
  reg f_in_packet, f_held;
  reg [23:0] f_next, f_address;
  reg [31:0] f_data;
  always @(posedge clk_i) begin
    if (!rst_ni) {f_in_packet, f_held} <= 2'd0;
    else begin
      f_held <= f_beat && f_in_packet || f_held && !f_handshake;
      if (f_beat) f_in_packet <= !s_axis_tlast_i;
    end
    if (f_beat) f_next <= f_in_packet ? f_next + 24'd1 : s_axis_tdata_i[23:0];
    if (f_beat && f_in_packet) {f_address, f_data} <= {f_next, s_axis_tdata_i};
  end

  // The cycle before.
  reg f_was_host;
  reg [55:0] f_was_request;
  always @(posedge clk_i) begin
    f_was_host <= rst_ni && host_valid_o && !host_ready_i;
    f_was_request <= {host_address_o, host_data_o};
  end

  always @(posedge clk_i) if (rst_ni) begin
    // A write for each word of data and for nothing else, at the address that its place in the packet gives.
    assert (host_valid_o == f_held);
    if (f_held) assert (host_address_o == f_address && host_data_o == f_data);
    if (f_was_host) assert (host_valid_o && {host_address_o, host_data_o} == f_was_request);
    // Closed only while a word waits at the host port.
    assert (s_axis_tready_o == (!f_held || f_handshake));
  end

`ifdef INDUCTION
  // What the induction needs: how the registers go with the above.
  always @(posedge clk_i) if (rst_ni) begin
    assert (in_packet_q == f_in_packet);
    if (f_was_host) assert (f_held && f_was_request == {f_address, f_data});
    if (f_held && f_in_packet) assert (f_next == f_address + 24'd1);
    if (f_in_packet) assert (address_q == f_next - f_held);
  end
`endif

  // That all of this happens.
  always @(posedge clk_i) if (rst_ni) begin
    cover (f_handshake && host_address_o == 24'h500001 && host_data_o == 32'hC0FFEE00);
    cover (f_beat && !f_in_packet && f_handshake);
    cover (f_beat && !f_in_packet && s_axis_tlast_i);
    cover (f_was_host);
  end
