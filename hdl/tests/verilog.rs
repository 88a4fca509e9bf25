//! The printed Verilog of small modules.

mod zoo;

use logloom_hdl::rtl::verilog::print;

#[test]
fn the_zoo_prints_as_reviewed() {
    for module in zoo::all() {
        for module in module.hierarchy().unwrap() {
            insta::assert_snapshot!(
                format!("verilog_{}", module.name),
                print(&module, "// SPDX-License-Identifier: MIT\n")
            );
        }
    }
}
