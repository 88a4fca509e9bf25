// The bound on the error of the multiplier, as assertions. SPDX-License-Identifier: MIT OR Apache-2.0
//
//   {{ name }} ({{ parameters }})
//   {{ bound }}, with p = product_o{% if dropped_bits > 0 %} * 2^{{ dropped_bits }}{% endif %}; p {% if keeps_signs %}has the sign of ab or is 0, and {% endif %}is 0 where a or b is.
{%- if weight_bound %}
//   Where b is a weight, which is coded otherwise: {{ weight_bound }}{% if weights_keep_signs %}, of the same signs{% endif %}.
{%- endif %}
//
// In whole numbers: relative bounds count in units of 2^-{{ scale }} and the absolute one in 2^-{{ scale }} of a unit of the product. They
// are rounded away from 0 error, and one unit further unless they are 0, for they were computed in floating point. So the
// check is never stricter than the bound, and looser by no more than 2^-{{ scale - 1 }} (|ab| + 1).
module unit_bound (
    input wire clk_i,
    input wire rst_ni,  // low until the pipeline holds products of the operands below
    input wire signed [{{ operand_bits - 1 }}:0] moving_i,
{%- if moving_draw_bits > 0 %}
    input wire [{{ moving_draw_bits - 1 }}:0] moving_draw_i,
{%- endif %}
{%- if stationary_draw_bits > 0 %}
    input wire [{{ stationary_draw_bits - 1 }}:0] stationary_draw_i,
{%- endif %}
{%- if weight_bound and weight_draw_bits > 0 %}
    input wire [{{ weight_draw_bits - 1 }}:0] weight_draw_i,
{%- endif %}
    input wire signed [{{ operand_bits - 1 }}:0] stationary_i
);
  localparam integer Bits = {{ bits }};
  localparam signed [Bits-1:0] Low = {{ low }};
  localparam signed [Bits-1:0] High = {{ high }};
  localparam signed [Bits-1:0] Absolute = {{ absolute }};
{%- for multiplier in multipliers %}

  wire signed [{{ product_bits - 1 }}:0] {{ multiplier.product }};
  {{ multiplier.module }} u_{{ multiplier.module }} (
{%- if latency > 0 %}
      .clk_i(clk_i),
{%- endif %}
{%- if multiplier.reset %}
      .rst_ni(rst_ni),
{%- endif %}
      .moving_i(moving_i),
{%- if moving_draw_bits > 0 %}
      .moving_draw_i(moving_draw_i),
{%- endif %}
{%- if multiplier.draw_bits > 0 %}
      .stationary_draw_i({{ multiplier.draw }}),
{%- endif %}
      .stationary_i(stationary_i),
      .product_o({{ multiplier.product }})
  );
{%- endfor %}

  // The operands in the cycle of their product.
{%- if latency == 0 %}
  wire signed [{{ operand_bits - 1 }}:0] a = moving_i;
  wire signed [{{ operand_bits - 1 }}:0] b = stationary_i;
{%- else %}
{%- for stage in range(end=latency) %}
  reg signed [{{ operand_bits - 1 }}:0] a{{ stage + 1 }}_q;
  reg signed [{{ operand_bits - 1 }}:0] b{{ stage + 1 }}_q;
{%- endfor %}
  always @(posedge clk_i) begin
{%- for stage in range(end=latency) %}
    a{{ stage + 1 }}_q <= {% if stage == 0 %}moving_i{% else %}a{{ stage }}_q{% endif %};
    b{{ stage + 1 }}_q <= {% if stage == 0 %}stationary_i{% else %}b{{ stage }}_q{% endif %};
{%- endfor %}
  end
  wire signed [{{ operand_bits - 1 }}:0] a = a{{ latency }}_q;
  wire signed [{{ operand_bits - 1 }}:0] b = b{{ latency }}_q;
{%- endif %}

  wire signed [Bits-1:0] exact = Bits'(a) * Bits'(b);
  wire signed [Bits-1:0] p = Bits'(product) <<< {{ dropped_bits }};
  wire signed [Bits-1:0] magnitude = exact < 0 ? -exact : exact;
  wire signed [Bits-1:0] error = ((p < 0 ? -p : p) - magnitude) <<< {{ scale }};

  bound_low :
  assert property (@(posedge clk_i) disable iff (!rst_ni) Low * magnitude - Absolute <= error)
  else $error("below the bound: a = %0d, b = %0d, product_o = %0d", $sampled(a), $sampled(b), $sampled(product));

  bound_high :
  assert property (@(posedge clk_i) disable iff (!rst_ni) error <= High * magnitude + Absolute)
  else $error("above the bound: a = %0d, b = %0d, product_o = %0d", $sampled(a), $sampled(b), $sampled(product));
{%- if keeps_signs %}

  sign :
  assert property (@(posedge clk_i) disable iff (!rst_ni) p != 0 |-> (p < 0) == (exact < 0))
  else $error("of the wrong sign: a = %0d, b = %0d, product_o = %0d", $sampled(a), $sampled(b), $sampled(product));
{%- endif %}

  zero :
  assert property (@(posedge clk_i) disable iff (!rst_ni) exact == 0 |-> p == 0)
  else $error("not zero: a = %0d, b = %0d, product_o = %0d", $sampled(a), $sampled(b), $sampled(product));
{%- if weight_bound %}

  localparam signed [Bits-1:0] WeightLow = {{ weight_low }};
  localparam signed [Bits-1:0] WeightHigh = {{ weight_high }};
  localparam signed [Bits-1:0] WeightAbsolute = {{ weight_absolute }};
  localparam signed [Bits-1:0] WeightDistance = {{ weight_distance }};

  // The distance to the exact product, positive away from zero: a product of the wrong sign is farther than zero.
  wire signed [Bits-1:0] weight_p = Bits'(weight_product) <<< {{ dropped_bits }};
  wire signed [Bits-1:0] weight_error = (exact < 0 ? exact - weight_p : weight_p - exact) <<< {{ scale }};
  wire signed [Bits-1:0] weight_slack = WeightAbsolute + WeightDistance * (a < 0 ? -Bits'(a) : Bits'(a));

  weight_bound_low :
  assert property (@(posedge clk_i) disable iff (!rst_ni) WeightLow * magnitude - weight_slack <= weight_error)
  else $error("weight below the bound: a = %0d, b = %0d, product_o = %0d", $sampled(a), $sampled(b), $sampled(weight_product));

  weight_bound_high :
  assert property (@(posedge clk_i) disable iff (!rst_ni) weight_error <= WeightHigh * magnitude + weight_slack)
  else $error("weight above the bound: a = %0d, b = %0d, product_o = %0d", $sampled(a), $sampled(b), $sampled(weight_product));
{%- if weights_keep_signs %}

  weight_sign :
  assert property (@(posedge clk_i) disable iff (!rst_ni) weight_p != 0 |-> (weight_p < 0) == (exact < 0))
  else $error("weight of the wrong sign: a = %0d, b = %0d, product_o = %0d", $sampled(a), $sampled(b), $sampled(weight_product));
{%- endif %}

  weight_zero :
  assert property (@(posedge clk_i) disable iff (!rst_ni) exact == 0 |-> weight_p == 0)
  else $error("weight not zero: a = %0d, b = %0d, product_o = %0d", $sampled(a), $sampled(b), $sampled(weight_product));
{%- endif %}
endmodule
