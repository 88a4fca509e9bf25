// Multiplies pairs of operands while the assertions of unit_bound.sv watch. SPDX-License-Identifier: MIT OR Apache-2.0
//
// Pairs: {{ stimulus }}.
// Exit status 0 if all assertions held, 1 if one did not.

#include <cstdint>
#include <cstdio>
#include <memory>

#include "Vunit_bound.h"
#include "verilated.h"

namespace {

constexpr int kLatency = {{ latency }};
constexpr uint32_t kOperandMask = {{ operand_mask }};
{%- if not exhaustive %}
constexpr int32_t kCorners[] = { {{- corners | join(sep=", ") -}} };
constexpr uint32_t kRandomPairs = {{ random_pairs }};
{%- endif %}

// Galois, 32 bits, of full period.
class Lfsr {
 public:
  uint32_t Next() {
    for (int i = 0; i < 32; ++i) state_ = (state_ >> 1) ^ (-(state_ & 1) & 0xA3000000u);
    return state_;
  }

 private:
  uint32_t state_ = 1;
};

class Testbench {
 public:
  Testbench() {
    // A failed assertion ends the run below, with a status of its own.
    context_->fatalOnError(false);
    top_->rst_ni = 0;
    for (int i = 0; i <= kLatency; ++i) Cycle();
    top_->rst_ni = 1;
  }

  void Multiply(uint32_t moving, uint32_t stationary, uint32_t draw) {
    top_->moving_i = moving & kOperandMask;
    top_->stationary_i = stationary & kOperandMask;
{%- if moving_draw_bits > 0 %}
    top_->moving_draw_i = draw & ((1u << {{ moving_draw_bits }}) - 1);
{%- endif %}
{%- if stationary_draw_bits > 0 %}
    top_->stationary_draw_i = draw >> 16 & ((1u << {{ stationary_draw_bits }}) - 1);
{%- endif %}
{%- if weight_bound and weight_draw_bits > 0 %}
    top_->weight_draw_i = draw >> 16 & ((1u << {{ weight_draw_bits }}) - 1);
{%- endif %}
    static_cast<void>(draw);
    Cycle();
    ++pairs_;
  }

  bool Failed() const { return context_->gotError() || context_->gotFinish(); }

  // After the last pair has left the pipeline.
  int Finish() {
    for (int i = 0; i < kLatency; ++i) Cycle();
    if (Failed()) {
      std::printf("FAIL: an assertion of unit_bound.sv does not hold\n");
      return 1;
    }
    std::printf("PASS: %llu products within the bound\n", static_cast<unsigned long long>(pairs_));
    return 0;
  }

 private:
  // Assertions see what stands before the edge.
  void Cycle() {
    top_->clk_i = 0;
    top_->eval();
    top_->clk_i = 1;
    top_->eval();
  }

  const std::unique_ptr<VerilatedContext> context_ = std::make_unique<VerilatedContext>();
  const std::unique_ptr<Vunit_bound> top_ = std::make_unique<Vunit_bound>(context_.get());
  uint64_t pairs_ = 0;
};

// `draw` gives the random bits of each product.
template <typename Draw>
void Run(Testbench& testbench, Lfsr& lfsr, Draw draw) {
{%- if exhaustive %}
  static_cast<void>(lfsr);
  for (uint32_t a = 0; a <= kOperandMask && !testbench.Failed(); ++a) {
    for (uint32_t b = 0; b <= kOperandMask; ++b) testbench.Multiply(a, b, draw());
  }
{%- else %}
  for (const int32_t corner : kCorners) {
    const uint32_t other = static_cast<uint32_t>(corner);
    for (uint32_t x = 0; x <= kOperandMask && !testbench.Failed(); ++x) {
      testbench.Multiply(x, other, draw());
      testbench.Multiply(other, x, draw());
    }
  }
  for (uint32_t i = 0; i < kRandomPairs && !testbench.Failed(); ++i) {
    const uint32_t bits = lfsr.Next();
    testbench.Multiply(bits, bits >> 16, draw());
  }
{%- endif %}
}

}  // namespace

int main() {
  Testbench testbench;
  Lfsr lfsr;
{%- if drawn %}
  // The least and the greatest draw give every code that an operand can have.
  Run(testbench, lfsr, [] { return 0u; });
  Run(testbench, lfsr, [] { return ~0u; });
  Run(testbench, lfsr, [&] { return lfsr.Next(); });
{%- else %}
  Run(testbench, lfsr, [] { return 0u; });
{%- endif %}
  return testbench.Finish();
}
