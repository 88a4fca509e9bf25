// What the two sides of `axi_lite_slave` may rely on. Included inside the module, before its `endmodule`.
//
// Reset comes first, and at any time after; master and host port do what they like, when they like.

  reg f_begun = 1'b0;
  always @(posedge clk_i) f_begun <= 1'b1;
  always @(*) if (!f_begun) assume (!rst_ni);

  wire f_aw = s_axi_awvalid_i && s_axi_awready_o;
  wire f_w = s_axi_wvalid_i && s_axi_wready_o;
  wire f_b = s_axi_bvalid_o && s_axi_bready_i;
  wire f_ar = s_axi_arvalid_i && s_axi_arready_o;
  wire f_r = s_axi_rvalid_o && s_axi_rready_i;
  wire f_write = host_valid_o && host_write_o && host_ready_i;
  wire f_read = host_valid_o && !host_write_o && host_ready_i;

  // What was taken and is not carried out yet, and the responses that are due.
  reg f_aw_held, f_w_held, f_ar_held, f_b_due, f_r_due;
  reg [23:0] f_write_address, f_read_address;
  reg [31:0] f_write_data, f_read_data;
  reg [3:0] f_strobes;
  reg [1:0] f_response;
  wire f_complete = f_aw_held && f_w_held && !f_b_due;
  wire f_refused = f_complete && !(&f_strobes);
  wire f_write_waits = f_complete && &f_strobes;
  wire f_read_waits = f_ar_held && !f_r_due;
  always @(posedge clk_i) begin
    if (!rst_ni) begin
      {f_aw_held, f_w_held, f_ar_held, f_b_due, f_r_due} <= 5'd0;
    end else begin
      f_aw_held <= f_aw || f_aw_held && !f_write && !f_refused;
      f_w_held <= f_w || f_w_held && !f_write && !f_refused;
      f_ar_held <= f_ar || f_ar_held && !f_read;
      f_b_due <= f_write || f_refused || f_b_due && !f_b;
      f_r_due <= f_read || f_r_due && !f_r;
    end
    if (f_aw) f_write_address <= s_axi_awaddr_i[25:2];
    if (f_w) f_write_data <= s_axi_wdata_i;
    if (f_w) f_strobes <= s_axi_wstrb_i;
    if (f_ar) f_read_address <= s_axi_araddr_i[25:2];
    if (f_write || f_refused) f_response <= f_refused ? 2'b10 : 2'b00;
    if (f_read) f_read_data <= host_data_i;
  end

  // Requests and responses, counted one by one.
  reg [1:0] f_aw_open, f_w_open, f_ar_open;
  always @(posedge clk_i) begin
    if (!rst_ni) {f_aw_open, f_w_open, f_ar_open} <= 6'd0;
    else begin
      f_aw_open <= f_aw_open + f_aw - f_b;
      f_w_open <= f_w_open + f_w - f_b;
      f_ar_open <= f_ar_open + f_ar - f_r;
    end
  end

  // The cycle before; and whether the other kind has gone first since a request waits.
  reg f_was_b, f_was_r, f_was_host, f_was_waiting, f_read_passed, f_write_passed;
  reg [1:0] f_was_bresp;
  reg [33:0] f_was_rdata;
  reg [56:0] f_was_request;
  always @(posedge clk_i) begin
    f_was_b <= rst_ni && s_axi_bvalid_o && !s_axi_bready_i;
    f_was_r <= rst_ni && s_axi_rvalid_o && !s_axi_rready_i;
    f_was_host <= rst_ni && host_valid_o && !host_ready_i;
    f_was_waiting <= rst_ni && !host_valid_o && (f_write_waits || f_read_waits);
    f_was_bresp <= s_axi_bresp_o;
    f_was_rdata <= {s_axi_rdata_o, s_axi_rresp_o};
    f_was_request <= {host_write_o, host_address_o, host_data_o};
    f_read_passed <= rst_ni && f_read_waits && !f_read && (f_read_passed || f_write);
    f_write_passed <= rst_ni && f_write_waits && !f_write && (f_write_passed || f_read);
  end

  always @(posedge clk_i) if (rst_ni) begin
    // A response stays as it is until it is taken.
    if (f_was_b) assert (s_axi_bvalid_o && s_axi_bresp_o == f_was_bresp);
    if (f_was_r) assert (s_axi_rvalid_o && {s_axi_rdata_o, s_axi_rresp_o} == f_was_rdata);
    // None without a request; none lost, for none is overtaken.
    if (s_axi_bvalid_o) assert (f_aw_open != 2'd0 && f_w_open != 2'd0);
    if (s_axi_rvalid_o) assert (f_ar_open != 2'd0);
    assert (f_aw_open == f_aw_held + f_b_due && f_w_open == f_w_held + f_b_due && f_ar_open == f_ar_held + f_r_due);
    assert (s_axi_bvalid_o == f_b_due && s_axi_rvalid_o == f_r_due);
    if (f_b_due) assert (s_axi_bresp_o == f_response);
    if (f_r_due) assert (s_axi_rdata_o == f_read_data && s_axi_rresp_o == 2'b00);
    // A channel is closed only while what it brought waits.
    assert (s_axi_awready_o == !f_aw_held && s_axi_wready_o == !f_w_held && s_axi_arready_o == !f_ar_held);
    // The host port is asked for what was taken, at once, and without a change.
    if (host_valid_o && host_write_o) assert (f_write_waits && host_address_o == f_write_address && host_data_o == f_write_data);
    if (host_valid_o && !host_write_o) assert (f_read_waits && host_address_o == f_read_address);
    if (f_was_host) assert (host_valid_o);
    if (f_was_host) assert ({host_write_o, host_address_o} == f_was_request[56:32]);
    if (f_was_host && host_write_o) assert (host_data_o == f_was_request[31:0]);
    if (f_was_waiting) assert (host_valid_o);
    // Neither reads nor writes keep the other waiting for more than one of them.
    if (f_read_passed) assert (!f_write);
    if (f_write_passed) assert (!f_read);
  end

`ifdef INDUCTION
  // What the induction needs: how the registers go with the above.
  always @(posedge clk_i) if (rst_ni) begin
    assert (aw_full_q == f_aw_held && w_full_q == f_w_held && ar_full_q == f_ar_held);
    if (f_aw_held) assert (write_address_q == f_write_address);
    if (f_w_held) assert (write_data_q == f_write_data && whole_q == &f_strobes);
    if (f_ar_held) assert (read_address_q == f_read_address);
    if (f_read_passed) assert (f_read_waits && !(busy_q && write_q) && (busy_q || f_b_due));
    if (f_write_passed) assert (f_write_waits && !(busy_q && !write_q) && (busy_q || f_r_due));
    if (f_was_host) assert (f_was_request[56:32] == {host_write_o, host_address_o});
    if (f_was_b) assert (f_b_due);
    if (f_was_r) assert (f_r_due);
  end
`endif

  // That all of this happens.
  always @(posedge clk_i) if (rst_ni) begin
    cover (f_b && s_axi_bresp_o == 2'b00 && f_was_b);
    cover (f_b && s_axi_bresp_o == 2'b10);
    cover (f_r && s_axi_rdata_o == 32'hC0FFEE00 && f_was_r);
    cover (f_aw_open == 2'd2 && f_w_open == 2'd2 && f_ar_open == 2'd2);
    cover (f_read_passed);
    cover (f_write_passed);
  end
