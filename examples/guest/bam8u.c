// What bam8u.v computes. SPDX-License-Identifier: MIT OR Apache-2.0
#include <stdint.h>

uint64_t bam8u(const uint64_t A, const uint64_t B) {
  uint64_t O = 0;
  for (int row = 0; row < 8; ++row) {
    if (B >> row & 1) O += (A << row) & ~(uint64_t)15;
  }
  return O;
}
