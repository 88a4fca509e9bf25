// The accelerator, compiled by Verilator. SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "Vaccelerator.h"
#include "verilated.h"

class Simulator {
 public:
  void Reset(bool active) { top_.rst_ni = !active; }

  void Request(bool valid, bool write, uint32_t address, uint32_t data) {
    top_.host_valid_i = valid;
    top_.host_write_i = write;
    top_.host_address_i = address;
    top_.host_data_i = data;
  }

  // The low half of a cycle: outputs follow the inputs.
  void Low() {
    top_.clk_i = 0;
    top_.eval();
  }

  // The rising edge.
  void High() {
    top_.clk_i = 1;
    top_.eval();
  }

  bool Ready() const { return top_.host_ready_o; }
  uint32_t Data() const { return top_.host_data_o; }

 private:
  VerilatedContext context_;
  Vaccelerator top_{&context_};
};
