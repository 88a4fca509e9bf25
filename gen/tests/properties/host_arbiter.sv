// What the three sides of `host_arbiter` may rely on. Included inside the module, before its `endmodule`.
//
// Reset comes first, and at any time after; the host port answers when it likes.

  reg f_begun = 1'b0;
  always @(posedge clk_i) f_begun <= 1'b1;
  always @(*) if (!f_begun) assume (!rst_ni);

  // The data of a read mean nothing.
  wire [56:0] f_first = {first_write_i, first_address_i, first_write_i ? first_data_i : 32'd0};
  wire [55:0] f_second = {second_address_i, second_data_i};
  wire [56:0] f_host = {host_write_o, host_address_o, host_write_o ? host_data_o : 32'd0};
  wire f_first_done = first_valid_i && first_ready_o;
  wire f_second_done = second_valid_i && second_ready_o;

  // The cycle before; and whether the other one has gone first since a request waits.
  reg f_first_waited, f_first_ended, f_second_waited, f_host_waited, f_first_passed, f_second_passed;
  reg [56:0] f_was_first, f_was_host;
  reg [55:0] f_was_second;
  always @(posedge clk_i) begin
    f_first_waited <= rst_ni && first_valid_i && !first_ready_o;
    f_first_ended <= rst_ni && f_first_done;
    f_second_waited <= rst_ni && second_valid_i && !second_ready_o;
    f_host_waited <= rst_ni && host_valid_o && !host_ready_i;
    f_was_first <= f_first;
    f_was_second <= f_second;
    f_was_host <= f_host;
    f_first_passed <= rst_ni && first_valid_i && !f_first_done && (f_first_passed || f_second_done);
    f_second_passed <= rst_ni && second_valid_i && !f_second_done && (f_second_passed || f_first_done);
  end

  // What the masters promise, and their properties prove: a request stands until it is answered, and the first one leaves a
  // cycle before its next.
  always @(*) if (rst_ni) begin
    if (f_first_waited) assume (first_valid_i && f_first == f_was_first);
    if (f_first_ended) assume (!first_valid_i);
    if (f_second_waited) assume (second_valid_i && f_second == f_was_second);
  end

  always @(posedge clk_i) if (rst_ni) begin
    // Whoever asks, the host port is asked; and the answer is for whom it is asked.
    assert (host_valid_o == (first_valid_i || second_valid_i));
    assert (!(first_ready_o && second_ready_o));
    if (host_valid_o && host_ready_i) assert (f_first_done || f_second_done);
    if (f_first_done) assert (host_ready_i && f_host == f_first);
    if (f_second_done) assert (host_ready_i && f_host == {1'b1, f_second});
    // A request stands as it is until it is answered.
    if (f_host_waited) assert (host_valid_o && f_host == f_was_host);
    // Neither waits for more than one request of the other.
    if (f_first_passed) assert (!f_second_done);
    if (f_second_passed) assert (!f_first_done);
  end

`ifdef INDUCTION
  // What the induction needs: how the registers go with the above.
  always @(posedge clk_i) if (rst_ni) begin
    assert (held_q == f_host_waited);
    if (held_q && second_q) assert (f_second_waited && f_was_host == {1'b1, f_was_second});
    if (held_q && !second_q) assert (f_first_waited && f_was_host == f_was_first);
    if (f_first_passed) assert (f_first_waited && !(held_q && second_q));
    if (f_second_passed) assert (f_second_waited && (f_first_ended || held_q && second_q));
  end
`endif

  // That all of this happens.
  always @(posedge clk_i) if (rst_ni) begin
    cover (f_first_passed && f_first_done);
    cover (f_second_passed && f_second_done && f_host_waited);
  end
