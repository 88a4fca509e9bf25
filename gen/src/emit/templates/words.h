// Requests and replies: words of 32 bits, low byte first, on standard input and output.
// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>

// What a simulation says first: "LLP1", the protocol and its version.
constexpr uint32_t kHello = 0x31504C4C;

inline bool Get(uint32_t* words, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    unsigned char bytes[4];
    if (std::fread(bytes, 1, 4, stdin) != 4) return false;
    words[i] = bytes[0] | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 | uint32_t{bytes[3]} << 24;
  }
  return true;
}

inline void Put(uint32_t word) {
  for (int shift = 0; shift < 32; shift += 8) std::putchar(static_cast<int>(word >> shift & 0xff));
}
