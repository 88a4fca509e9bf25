//! The critical path by the units of the accelerator it leads through.

use serde::{Deserialize, Serialize};

use crate::flow::nextpnr::Segment;

/// A part of a path within one module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Instances from the top down: `accelerator.requantise.lane`.
    pub unit: String,
    /// The last signal of it that the tools kept the name of.
    pub signal: String,
    /// Cells and the wires to them.
    pub nanoseconds: f64,
}

/// The units of a path in the order in which it passes them.
pub fn units(path: &[Segment]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for Segment { nanoseconds, cell } in path {
        let (unit, signal) = place(cell);
        match units.last_mut().filter(|last| last.unit == unit) {
            Some(last) => {
                last.nanoseconds += nanoseconds;
                last.signal = signal;
            }
            None => units.push(Unit { unit, signal, nanoseconds: *nanoseconds }),
        }
    }
    // Sums of numbers of three decimals.
    for unit in &mut units {
        unit.nanoseconds = (unit.nanoseconds * 1000.0).round() / 1000.0;
    }
    units
}

/// In words.
pub fn described(path: &[Unit]) -> String {
    let parts = path.iter().map(|unit| format!("{} ({}, {:.1} ns)", unit.unit, unit.signal, unit.nanoseconds));
    parts.collect::<Vec<_>>().join(" -> ")
}

/// Module instances and signal of a cell as Yosys names it: `u_a.g_column[2].u_lane.sum_q_SB_DFF_Q_3_D_SB_LUT4_O` is `sum_q` in
/// `a.lane`.
fn place(cell: &str) -> (String, String) {
    let mut parts: Vec<&str> = cell.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    // Yosys appends the type of the cell, and what it is connected through.
    let kinds =
        ["_SB_", "_TRELLIS_", "_LUT", "_CCU2C", "_PFUMX", "_L6MUX", "_DP16KD", "_PDPW16KD", "_DFF", "_ALU", "_MUX2"];
    let end = kinds.iter().filter_map(|kind| last.find(kind)).min().unwrap_or(last.len());
    let instances = parts.iter().filter(|part| !part.starts_with("g_"));
    let names: Vec<&str> = instances.map(|part| part.strip_prefix("u_").unwrap_or(part)).collect();
    let unit = if names.is_empty() { "board".to_string() } else { names.join(".") };
    (unit, last[..end].to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_belong_to_the_units_of_the_description() {
        let segment = |nanoseconds: f64, cell: &str| Segment { nanoseconds, cell: cell.into() };
        let path = [
            segment(0.5, "u_x.u_bank.g_bank[0].u_bank.words.0.0_RAM"),
            segment(1.25, "u_x.u_lane.g_column[2].u_lane.sum_q_SB_DFF_Q_3_D_SB_LUT4_O"),
            segment(0.25, "u_x.u_lane.g_column[2].u_lane.value_q_SB_DFFSR_Q"),
            segment(1.0, "release_q_SB_DFFR_Q"),
        ];
        let names = units(&path).into_iter().map(|unit| (unit.unit, unit.signal, unit.nanoseconds)).collect::<Vec<_>>();
        assert_eq!(names[1], ("x.lane.lane".to_string(), "value_q".to_string(), 1.5));
        assert_eq!(names[2], ("board".to_string(), "release_q".to_string(), 1.0));
        assert_eq!(names.len(), 3);
    }
}
