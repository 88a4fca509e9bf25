// The accelerator, compiled by CXXRTL of Yosys. SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

// Written by `make cxxrtl`.
#include "accelerator.cc"

class Simulator {
 public:
  void Reset(bool active) { top_.p_rst__ni.set<bool>(!active); }

  void Request(bool valid, bool write, uint32_t address, uint32_t data) {
    top_.p_host__valid__i.set<bool>(valid);
    top_.p_host__write__i.set<bool>(write);
    top_.p_host__address__i.set<uint32_t>(address);
    top_.p_host__data__i.set<uint32_t>(data);
  }

  // The low half of a cycle: outputs follow the inputs.
  void Low() {
    top_.p_clk__i.set<bool>(false);
    top_.step();
  }

  // The rising edge.
  void High() {
    top_.p_clk__i.set<bool>(true);
    top_.step();
  }

  bool Ready() const { return top_.p_host__ready__o.get<bool>(); }
  uint32_t Data() const { return top_.p_host__data__o.get<uint32_t>(); }

 private:
  cxxrtl_design::p_accelerator top_;
};
