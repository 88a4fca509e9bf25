//! The testbench folder: Verilog and transactions, simulated by three simulators, without Logloom.

use std::fmt::Write as _;

use logloom_hdl::host::map::{Region, Register, WORD_BITS, status};
use tera::{Context, Tera};

use super::{Part, Plan, Transaction};

/// The words that a simulation exchanges with Logloom; for every harness.
pub(super) const WORDS: &str = include_str!("templates/words.h");

/// Files that are the same for every design, by their paths below `tb/`.
const FIXED: [(&str, &str); 5] = [
    ("harness.cpp", include_str!("templates/harness.cpp")),
    ("words.h", WORDS),
    ("verilator/simulator.h", include_str!("templates/verilator/simulator.h")),
    ("cxxrtl/simulator.h", include_str!("templates/cxxrtl/simulator.h")),
    ("icarus/testbench.v", include_str!("templates/icarus/testbench.v")),
];

/// Adds the folder `tb` to the plan of an accelerator: `make` there repeats the transactions and compares all that is
/// read. Each part becomes a file.
pub fn testbench(plan: &mut Plan, parts: &[Part]) {
    for (path, contents) in FIXED {
        plan.add(format!("tb/{path}"), contents);
    }
    plan.add("tb/regions.h", regions());
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    plan.add("tb/Makefile", render(include_str!("templates/Makefile"), &[("parts", &names)]));
    for part in parts {
        plan.add(format!("tb/{}.hex", part.name), part.text());
    }
}

fn render(template: &str, values: &[(&str, &[&str])]) -> String {
    let mut context = Context::new();
    for (name, value) in values {
        context.insert(*name, value);
    }
    Tera::one_off(template, &context, false).expect("the template matches its values")
}

/// What the harness knows of the address map.
fn regions() -> String {
    let mut text = format!(
        "// The address map, as far as the harness needs it. SPDX-License-Identifier: MIT OR Apache-2.0\n\
         #pragma once\n\n\
         #include <cstdint>\n\n\
         constexpr uint32_t kWordMask = {:#x};\n\
         constexpr uint32_t kStatusAddress = {:#x};\n\
         constexpr uint32_t kStatusRunning = {:#x};\n\n\
         constexpr unsigned kTransactionWrite = {};\n\
         constexpr unsigned kTransactionRead = {};\n\
         constexpr unsigned kTransactionWait = {};\n\n\
         inline const char* RegionName(uint32_t address) {{\n  switch (address >> {WORD_BITS}) {{\n",
        (1u32 << WORD_BITS) - 1,
        Register::Status.address(),
        status::RUNNING,
        Transaction::WRITE,
        Transaction::READ,
        Transaction::WAIT,
    );
    for region in Region::ALL {
        writeln!(text, "    case {}:\n      return \"{}\";", region.number(), region.name())
            .expect("writing to a string");
    }
    text + "    default:\n      return \"nowhere\";\n  }\n}\n"
}
