// What the two sides of `wishbone_slave` may rely on. Included inside the module, before its `endmodule`.
//
// Reset comes first, and at any time after; the host port answers when it likes. A master may leave a cycle at any time.

  reg f_begun = 1'b0;
  always @(posedge clk_i) f_begun <= 1'b1;
  always @(*) if (!f_begun) assume (!rst_ni);

  wire f_asked = wb_cyc_i && wb_stb_i;
  wire f_end = wb_ack_o || wb_err_o;
  wire f_handshake = host_valid_o && host_ready_i;
  wire [60:0] f_bus = {wb_we_i, wb_adr_i, wb_dat_i, wb_sel_i};
  wire [56:0] f_host = {host_write_o, host_address_o, host_data_o};

  // The cycle before.
  reg f_was_asked, f_had_end, f_was_valid, f_had_handshake;
  reg [60:0] f_was_bus;
  reg [56:0] f_was_host;
  always @(posedge clk_i) begin
    f_was_asked <= f_asked && rst_ni;
    f_had_end <= f_end && rst_ni;
    f_was_valid <= host_valid_o && rst_ni;
    f_had_handshake <= f_handshake && rst_ni;
    f_was_bus <= f_bus;
    f_was_host <= f_host;
  end

  // A master does not change what it asks for (rule 3.60 of the standard and what it implies).
  always @(*) if (rst_ni && f_asked && f_was_asked && !f_had_end) assume (f_bus == f_was_bus);

  // For the strobe that stands: whether a request was made, whether it was answered, and with what.
  wire f_request = host_valid_o && !f_was_valid;
  reg f_requested, f_answered;
  reg [56:0] f_answered_request;
  reg [31:0] f_answered_data;
  always @(posedge clk_i) begin
    if (!rst_ni || !f_asked || f_end) begin
      f_requested <= 1'b0;
      f_answered <= 1'b0;
    end else begin
      // A request in the first cycle of a strobe is that of the strobe before, which was left.
      f_requested <= f_requested || (f_request && f_was_asked);
      f_answered <= f_handshake && (f_requested || (f_request && f_was_asked));
      f_answered_request <= f_host;
      f_answered_data <= host_data_i;
    end
  end

  always @(posedge clk_i) if (rst_ni) begin
    // An end, of one kind, of a cycle that stands; and one for each strobe.
    if (f_end) assert (f_asked);
    assert (!(wb_ack_o && wb_err_o));
    if (f_had_end) assert (!f_end);
    // Acknowledged is what was carried out, at once, with the data of the host port.
    assert ((f_asked && f_answered) == wb_ack_o);
    if (wb_ack_o) begin
      assert (&wb_sel_i);
      assert (f_answered_request == {wb_we_i, wb_adr_i, wb_dat_i});
      assert (wb_dat_o == f_answered_data);
    end
    // Refused is what does not select the whole word, and nothing is done.
    if (wb_err_o) assert (!(&wb_sel_i) && !f_requested && !f_request);
    // A request for each strobe, when the one before is done: no more, and no less.
    if (f_request) begin
      assert (f_was_asked && !f_requested);
      assert (f_host == f_was_bus[60:4] && &f_was_bus[3:0]);
    end
    if (f_was_asked && !f_had_end && !f_was_valid && !f_requested && &f_was_bus[3:0]) assert (host_valid_o || wb_ack_o);
    if (f_was_asked && !f_had_end && !f_was_valid && !(&f_was_bus[3:0]) && f_asked) assert (wb_err_o);
    // The request stands as it is until it is answered, and ends there.
    if (f_was_valid && !f_had_handshake) assert (host_valid_o && f_host == f_was_host);
    if (f_had_handshake) assert (!host_valid_o);
  end

`ifdef INDUCTION
  // What the induction needs: how the registers go with the above.
  always @(posedge clk_i) if (rst_ni) begin
    assert (ack_q + err_q + busy_q <= 2'd1);
    if (left_q) assert (busy_q && f_was_valid);
    if (f_asked) assert ((busy_q && !left_q && f_was_asked) == (f_requested && !f_answered || f_request));
    if (f_requested) assert (f_was_asked && !f_had_end);
    if (f_requested && !f_answered) assert (f_was_valid);
    if (f_answered) assert (f_requested && f_had_handshake);
    if (busy_q && !left_q && f_was_valid && !f_had_handshake) assert (f_requested);
    if (ack_q) assert (f_answered && {write_q, address_q, data_q} == f_answered_request && read_q == f_answered_data);
    if (ack_q && f_was_asked || f_requested) assert (f_was_bus == {write_q, address_q, data_q, 4'hF});
    if (err_q) assert (f_was_asked && !f_had_end && !(&f_was_bus[3:0]) && !f_was_valid);
  end
`endif

  // That all of this happens.
  always @(posedge clk_i) if (rst_ni) begin
    cover (wb_ack_o && wb_we_i && f_had_handshake);
    cover (wb_ack_o && !wb_we_i && wb_dat_o == 32'hC0FFEE00);
    cover (wb_err_o);
    cover (host_valid_o && f_asked && !f_was_asked);
  end
