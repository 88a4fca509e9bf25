{{ header }}`default_nettype none

// The accelerator on the board {{ title }}: clock, reset and pins.
module board_top (
    // {{ input_mhz }} MHz
    input  wire clk_i,
{%- if reset %}
    // button, {{ reset }} while pressed
    input  wire reset_i,
{%- endif %}
    // serial line
    input  wire rx_i,
    output wire tx_o{% if led %},
    // {{ led }} lights the LED: clock and reset are as they should be
    output wire led_o{% endif %}
);

  // {{ mhz }} MHz; the oscillator inside runs at {{ vco_mhz }} MHz.
  wire clk;
  wire locked;
{% if primitive == "ice40" %}
  {% if pad %}SB_PLL40_PAD{% else %}SB_PLL40_CORE{% endif %} #(
      .FEEDBACK_PATH("SIMPLE"),
      .DIVR         (4'd{{ divr }}),
      .DIVF         (7'd{{ divf }}),
      .DIVQ         (3'd{{ divq }}),
      .FILTER_RANGE (3'd{{ filter_range }})
  ) u_pll (
      .{% if pad %}PACKAGEPIN  {% else %}REFERENCECLK{% endif %} (clk_i),
      .PLLOUTGLOBAL (clk),
      .LOCK         (locked),
      .RESETB       (1'b1),
      .BYPASS       (1'b0)
  );
{% elif primitive == "ecp5" %}
  (* ICP_CURRENT="12", LPF_RESISTOR="8", MFG_ENABLE_FILTEROPAMP="1", MFG_GMCREF_SEL="2" *)
  EHXPLLL #(
      .CLKI_DIV     ({{ clki_div }}),
      .CLKFB_DIV    ({{ clkfb_div }}),
      .CLKOP_DIV    ({{ clkop_div }}),
      .CLKOP_CPHASE ({{ clkop_cphase }}),
      .CLKOP_ENABLE ("ENABLED"),
      .FEEDBK_PATH  ("CLKOP")
  ) u_pll (
      .CLKI         (clk_i),
      .CLKFB        (clk),
      .CLKOP        (clk),
      .LOCK         (locked),
      .RST          (1'b0),
      .STDBY        (1'b0),
      .PHASESEL0    (1'b0),
      .PHASESEL1    (1'b0),
      .PHASEDIR     (1'b1),
      .PHASESTEP    (1'b1),
      .PHASELOADREG (1'b1),
      .PLLWAKESYNC  (1'b0),
      .ENCLKOP      (1'b0)
  );
{% else %}
  rPLL #(
      .FCLKIN   ("{{ input_mhz }}"),
      .IDIV_SEL ({{ idiv_sel }}),
      .FBDIV_SEL({{ fbdiv_sel }}),
      .ODIV_SEL ({{ odiv_sel }}),
      .DEVICE   ("{{ device }}")
  ) u_pll (
      .CLKIN  (clk_i),
      .CLKOUT (clk),
      .LOCK   (locked),
      .RESET  (1'b0),
      .RESET_P(1'b0),
      .CLKFB  (1'b0),
      .FBDSEL (6'd0),
      .IDSEL  (6'd0),
      .ODSEL  (6'd0),
      .DUTYDA (4'd0),
      .PSDA   (4'd0),
      .FDLY   (4'd0)
  );
{% endif %}
  // Reset until the PLL has locked{% if reset %}, and while the button is pressed{% endif %}; it ends in step with the clock.
  wire ready = locked{% if reset == "low" %} & reset_i{% elif reset == "high" %} & ~reset_i{% endif %};
  reg [1:0] release_q;
  // High in reset, as the cells have it, and by itself: it goes everywhere.
  reg rst_q;
  wire rst_n = ~rst_q;

  always @(posedge clk or negedge ready) begin
    if (!ready) release_q <= 2'b00;
    else release_q <= {release_q[0], 1'b1};
  end

  always @(posedge clk) rst_q <= ~release_q[1];

  serial_accelerator u_serial_accelerator (
      .clk_i (clk),
      .rst_ni(rst_n),
      .rx_i  (rx_i),
      .tx_o  (tx_o)
  );
{%- if led %}

  assign led_o = {% if led == "low" %}~{% endif %}release_q[1];
{%- endif %}
endmodule

`default_nettype wire
