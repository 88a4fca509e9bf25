//! A chip that is read back from its bitstream, as a program behind a serial line.

use anyhow::{Context, Result};

use super::testbench::WORDS;
use super::{Plan, gates};
use crate::flow::Fabric;

/// What the Makefile of such a folder makes.
pub const PROGRAM: &str = "build/line";

/// A folder as a testbench has it: `rtl/` with the gates of `chip`, the Verilog of icebox_vlog, and the models of their cells; `tb/`
/// with what drives its pins `clk_i`, `rx_i` and `tx_o`.
///
/// # Errors
/// Yosys has no models of the cells, or the Verilog is not that of icebox_vlog.
pub fn chip(chip: &str) -> Result<Plan> {
    let mut plan = Plan::new("", "");
    let pll = include_str!("templates/chip/pll.v");
    // In the place of a cell that Yosys has no model of.
    let chip = redeclared(chip)?.replace("SB_PLL40_CORE #(", "pll #(");
    gates::with_models(&mut plan, Fabric::Ice40, "chip.v", chip + "\n" + pll)?;
    plan.add("tb/line.cpp", include_str!("templates/chip/line.cpp"));
    plan.add("tb/words.h", WORDS);
    plan.add("tb/Makefile", include_str!("templates/chip/Makefile"));
    Ok(plan)
}

/// icebox_vlog declares its ports in the heading, and again as wires and registers, which Verilator refuses: they are moved
/// out of the heading.
fn redeclared(chip: &str) -> Result<String> {
    const HEADING: &str = "module chip (";
    let parts = chip.split_once(HEADING).and_then(|(before, rest)| Some((before, rest.split_once(");")?)));
    let (before, (heading, body)) = parts.context("icebox_vlog: no module `chip`")?;
    let ports: Vec<(&str, &str)> = heading.split(", ").filter_map(|port| port.split_once(' ')).collect();
    let names: Vec<&str> = ports.iter().map(|(_, name)| *name).collect();
    let declarations: String = ports.iter().map(|(direction, name)| format!("{direction} {name};\n")).collect();
    Ok(format!("{before}{HEADING}{});\n{declarations}{body}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_leave_the_heading() {
        let chip = "\nmodule chip (input clk_i, output tx_o, input rx_i);\nwire clk_i;\nendmodule\n";
        let expected =
            "\nmodule chip (clk_i, tx_o, rx_i);\ninput clk_i;\noutput tx_o;\ninput rx_i;\n\nwire clk_i;\nendmodule\n";
        assert_eq!(redeclared(chip).unwrap(), expected);
        assert!(redeclared("module other ();").is_err());
    }
}
