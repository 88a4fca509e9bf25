// Tabulates a unit: a product per line, hexadecimal, for every pair of operands. Arguments: bits of an operand, latency. Where a
// second pass, in another order and from another state, gives another product: `differs A B FIRST SECOND`.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "Vtabulate.h"
#include "verilated.h"

namespace {

// In the first pass the stationary operand changes with every pair; in the second the moving one does, and both fall.
uint64_t Pair(uint64_t index, unsigned bits, bool again) {
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  const uint64_t back = (uint64_t{1} << 2 * bits) - 1 - index;
  return again ? (back & mask) << bits | back >> bits : index;
}

std::vector<uint32_t> Tabulate(unsigned bits, unsigned latency, bool again) {
  const auto context = std::make_unique<VerilatedContext>();
  context->randReset(2);
  context->randSeed(again ? 2 : 1);
  Vtabulate top{context.get()};
  top.clk_i = 0;
  top.eval();
  const uint64_t pairs = uint64_t{1} << 2 * bits;
  std::vector<uint32_t> products(pairs);
  for (uint64_t turn = 0; turn < pairs + latency; ++turn) {
    const uint64_t pair = Pair(turn < pairs ? turn : 0, bits, again);
    top.moving_i = pair >> bits;
    top.stationary_i = pair & ((uint64_t{1} << bits) - 1);
    top.eval();
    // What was there before the edge is of the operands `latency` edges before.
    if (turn >= latency) products[Pair(turn - latency, bits, again)] = top.product_o;
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  }
  return products;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const unsigned bits = std::atoi(argv[1]);
  const unsigned latency = std::atoi(argv[2]);
  const std::vector<uint32_t> products = Tabulate(bits, latency, false);
  const std::vector<uint32_t> again = Tabulate(bits, latency, true);
  for (size_t pair = 0; pair < products.size(); ++pair) {
    if (products[pair] == again[pair]) continue;
    const unsigned mask = (1u << bits) - 1;
    std::printf("differs %x %x %x %x\n", static_cast<unsigned>(pair >> bits), static_cast<unsigned>(pair) & mask,
                products[pair], again[pair]);
    return 0;
  }
  for (const uint32_t product : products) std::printf("%x\n", product);
  return std::fflush(stdout) == 0 ? 0 : 2;
}
