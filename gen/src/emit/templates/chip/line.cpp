// The chip as its board sees it: a clock, and a serial line. SPDX-License-Identifier: MIT OR Apache-2.0
//
//   line BIT PATIENCE   carries out requests from standard input until that ends
//
// BIT: cycles of the clock per bit of the line, which need not be a whole number. PATIENCE: cycles in which nothing is on the
// line after which no byte is expected any more.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>

#include "Vchip.h"
#include "verilated.h"
#include "words.h"

namespace {

// A start bit, eight data bits, a stop bit.
constexpr int kBits = 10;

class Line {
 public:
  Line(double bit, uint64_t patience) : bit_(bit), patience_(patience) {}

  void Send(uint8_t byte) {
    if (outgoing_.empty()) sending_since_ = static_cast<double>(cycles_);
    outgoing_.push_back(byte);
  }

  // The next byte of the chip, or -1 when nothing comes any more.
  int Receive() {
    for (uint64_t silent = 0; silent < patience_; ++silent) {
      if (const int byte = Cycle(); byte >= 0) return byte;
      if (!outgoing_.empty() || receiving_) silent = 0;
    }
    return -1;
  }

 private:
  int Cycle() {
    const double now = static_cast<double>(cycles_++);
    chip_.rx_i = Sending(now);
    chip_.clk_i = 0;
    chip_.eval();
    const bool high = chip_.tx_o;
    chip_.clk_i = 1;
    chip_.eval();
    return Received(now, high);
  }

  bool Sending(double now) {
    if (!outgoing_.empty() && now - sending_since_ >= kBits * bit_) {
      // The next byte begins with the bit, not with the cycle: no error adds up.
      outgoing_.pop_front();
      sending_since_ += kBits * bit_;
    }
    if (outgoing_.empty()) return true;
    const int bit = static_cast<int>((now - sending_since_) / bit_);
    if (bit == 0) return false;
    return bit > 8 || (outgoing_.front() >> (bit - 1) & 1) != 0;
  }

  // Samples each bit once, in its middle.
  int Received(double now, bool high) {
    const bool fell = high_ && !high;
    high_ = high;
    if (!receiving_) {
      receiving_ = fell;
      receiving_since_ = now;
      count_ = 0;
      bits_ = 0;
      return -1;
    }
    if (now < receiving_since_ + (count_ + 0.5) * bit_) return -1;
    bits_ |= static_cast<unsigned>(high) << count_++;
    // No start bit: the line was low for less than half of one.
    if (count_ == 1 && high) receiving_ = false;
    if (count_ < kBits) return -1;
    receiving_ = false;
    // Without a stop bit there was no byte.
    return high ? static_cast<int>(bits_ >> 1 & 0xff) : -1;
  }

  VerilatedContext context_;
  Vchip chip_{&context_};
  const double bit_;
  const uint64_t patience_;
  uint64_t cycles_ = 0;
  // Bytes on their way to the chip, the first since the given cycle.
  std::deque<uint8_t> outgoing_;
  double sending_since_ = 0;
  // The byte that comes, since its start bit fell: bits so far.
  bool receiving_ = false;
  double receiving_since_ = 0;
  int count_ = 0;
  unsigned bits_ = 0;
  bool high_ = true;
};

// Service on standard input and output.

enum : uint32_t { kDone = 0, kUnknown = 3 };
enum : uint32_t { kSend = 7, kReceive = 8 };

int Serve(Line& line) {
  Put(kHello);
  std::fflush(stdout);
  uint32_t request[3];
  while (Get(request, 3)) {
    switch (request[0]) {
      case kSend:
        for (uint32_t i = 0; i < request[1]; ++i) {
          uint32_t byte = 0;
          if (!Get(&byte, 1)) return 2;
          line.Send(static_cast<uint8_t>(byte));
        }
        Put(kDone);
        break;
      case kReceive: {
        const int byte = line.Receive();
        Put(kDone);
        Put(byte >= 0);
        if (byte >= 0) Put(static_cast<uint32_t>(byte));
        break;
      }
      default:
        Put(kUnknown);
        break;
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s BIT PATIENCE\n", argv[0]);
    return 2;
  }
  Line line(std::strtod(argv[1], nullptr), std::strtoull(argv[2], nullptr, 10));
  return Serve(line);
}
