// Tabulates a unit: a product per line, hexadecimal, for the pairs of operands in a file, 32 bits each, little endian: the first
// operand above the second. Arguments: the file, bits of an operand, latency, where to write: the unit itself may print. Where a
// second pass, in another order and from another state, gives another product: `differs A B FIRST SECOND`.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "Vtabulate.h"
#include "verilated.h"

namespace {

// Their number is a power of two, so that an odd step meets each of them.
size_t Place(size_t turn, size_t pairs, bool again) { return (again ? turn * 0x9e3779b1 : turn) & (pairs - 1); }

std::vector<uint32_t> Tabulate(const std::vector<uint32_t>& pairs, unsigned bits, unsigned latency,
                               bool again) {
  const auto context = std::make_unique<VerilatedContext>();
  context->randReset(2);
  context->randSeed(again ? 2 : 1);
  Vtabulate top{context.get()};
  top.clk_i = 0;
  top.eval();
  const size_t count = pairs.size();
  std::vector<uint32_t> products(count);
  for (size_t turn = 0; turn < count + latency; ++turn) {
    const uint32_t pair = pairs[Place(turn, count, again)];
    top.moving_i = pair >> bits;
    top.stationary_i = pair & ((1u << bits) - 1);
    top.eval();
    // What was there before the edge is of the operands `latency` edges before.
    if (turn >= latency) products[Place(turn - latency, count, again)] = top.product_o;
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  }
  return products;
}

std::vector<uint32_t> Read(const char* path) {
  std::vector<uint32_t> pairs;
  std::FILE* file = std::fopen(path, "rb");
  unsigned char bytes[4];
  while (file && std::fread(bytes, 1, 4, file) == 4) {
    pairs.push_back(bytes[0] | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 | uint32_t{bytes[3]} << 24);
  }
  if (file) std::fclose(file);
  return pairs;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::vector<uint32_t> pairs = Read(argv[1]);
  const unsigned bits = std::atoi(argv[2]);
  const unsigned latency = std::atoi(argv[3]);
  const std::vector<uint32_t> products = Tabulate(pairs, bits, latency, false);
  const std::vector<uint32_t> again = Tabulate(pairs, bits, latency, true);
  std::FILE* file = std::fopen(argv[4], "w");
  if (!file) return 2;
  size_t place = 0;
  while (place < products.size() && products[place] == again[place]) ++place;
  if (place < products.size()) {
    std::fprintf(file, "differs %x %x %x %x\n", pairs[place] >> bits, pairs[place] & ((1u << bits) - 1),
                 products[place], again[place]);
  } else {
    for (const uint32_t product : products) std::fprintf(file, "%x\n", product);
  }
  return std::fclose(file) == 0 ? 0 : 2;
}
