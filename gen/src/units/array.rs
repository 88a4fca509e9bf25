//! How much of a device a whole array of a unit takes, and how fast it is there.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use logloom_hdl::arith::Arithmetic;
use logloom_hdl::array::systolic::systolic;
use logloom_hdl::design::Interconnect;
use serde::Serialize;

use super::cost::{subtraction, sum_bits};
use crate::flow::Fabric;
use crate::flow::cache::Cache;
use crate::flow::measure::{self, Routed};

/// What nextpnr may take.
const LIMIT: Duration = Duration::from_secs(2 * 3600);

/// Rows and columns, written `30x30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub rows: u32,
    pub columns: u32,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('x').and_then(|(rows, columns)| Some((rows.parse().ok()?, columns.parse().ok()?)));
        match parsed {
            Some((rows @ 1..=64, columns @ 1..=64)) => Ok(Shape { rows, columns }),
            _ => Err("choose rows and columns from 1 to 64, written as in 16x16".into()),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.rows, self.columns)
    }
}

/// An array on a device, between registers for its inputs and outputs.
#[derive(Clone, Debug, Serialize)]
pub struct Array {
    pub fabric: &'static str,
    pub device: String,
    pub rows: u32,
    pub columns: u32,
    /// Width of the sums of a column.
    pub sum_bits: u32,
    #[serde(flatten)]
    pub routed: Routed,
}

impl Array {
    /// What it takes of each kind of place that it uses.
    pub fn usage(&self) -> String {
        let used = self.routed.utilisation.iter().filter(|(_, places)| places.used > 0);
        let each = used.map(|(kind, places)| {
            let percent = 100.0 * places.used as f64 / places.available as f64;
            format!("{kind} {} of {} ({percent:.0} %)", places.used, places.available)
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

/// Places and routes an array: processing elements, the registers that skew its inputs, and the loading of tiles. The result is
/// kept in the cache.
///
/// # Errors
/// A tool is missing or fails, the array does not fit the device, or routing takes longer than two hours.
pub fn array(unit: &dyn Arithmetic, shape: Shape, fabric: Fabric, seed: u32, cache: &Cache) -> Result<Array> {
    let sum_bits = sum_bits(unit, shape.rows.into());
    let module = systolic(unit, shape.rows, shape.columns, sum_bits, Interconnect::Systolic, subtraction(fabric))?;
    let routed = measure::routed(&module, fabric, seed, LIMIT, cache)?;
    Ok(Array {
        fabric: fabric.name(),
        device: fabric.device().name,
        rows: shape.rows,
        columns: shape.columns,
        sum_bits,
        routed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read() {
        assert_eq!("30x29".parse(), Ok(Shape { rows: 30, columns: 29 }));
        assert_eq!(Shape { rows: 30, columns: 29 }.to_string(), "30x29");
        for wrong in ["", "30", "x", "0x4", "65x1", "3x", "3x4x5", "-1x4", "3 x 4"] {
            assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
        }
    }
}
