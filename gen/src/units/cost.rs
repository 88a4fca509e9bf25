//! What a unit costs on a fabric: the cells of its processing element and of its edge, and the speed of the element.

use std::sync::Arc;

use anyhow::Result;
use logloom_hdl::arith::{Arithmetic, Coded, Side, edge, encoder};
use logloom_hdl::array::pe::pe;
use logloom_hdl::design::{Interconnect, Subtraction};
use logloom_hdl::rtl::Module;
use serde::Serialize;

use crate::flow::cache::Cache;
use crate::flow::yosys::CellCounts;
use crate::flow::{Fabric, measure};

/// Rows of the array that the width of the partial sum is for.
const ROWS: u64 = 8;

/// Cells and speed on one fabric.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    pub fabric: &'static str,
    /// The processing element of an array of eight rows: operand, stationary and shadow register, product, adder.
    pub pe: CellCounts,
    /// Width of its partial sum.
    pub sum_bits: u32,
    /// LUTs, with those of carries, of one encoder for every code, and of one edge for each side that has one: once per row or column.
    pub edge_luts: u64,
    /// MHz of the processing element after place and route, one for each seed.
    pub fmax: Vec<f64>,
}

impl Cost {
    /// Median, least and greatest of the speeds.
    pub fn speed(&self) -> [f64; 3] {
        let mut speeds = self.fmax.clone();
        speeds.sort_by(f64::total_cmp);
        [speeds[speeds.len() / 2], speeds[0], speeds[speeds.len() - 1]]
    }
}

/// Width of the partial sum of so many products.
pub(super) fn sum_bits(unit: &dyn Arithmetic, rows: u64) -> u32 {
    (rows * unit.product_bound().unsigned_abs()).ilog2() + 2
}

/// What is smallest on a fabric.
pub(super) fn subtraction(fabric: Fabric) -> Subtraction {
    match fabric {
        Fabric::Ice40 => Subtraction::Complement,
        Fabric::Ecp5 | Fabric::Gowin => Subtraction::Adder,
    }
}

/// The processing element that is measured.
fn element(unit: &dyn Arithmetic, fabric: Fabric) -> Result<Arc<Module>> {
    Ok(pe(unit, sum_bits(unit, ROWS), Interconnect::Systolic, subtraction(fabric))?)
}

/// LUTs on one fabric: places that LUTs and carries take together, as [`CellCounts::sites`].
#[derive(Clone, Debug, Serialize)]
pub struct Luts {
    pub fabric: &'static str,
    /// The bare product, of two codes; of a guest, the unit as it was given.
    pub product: u64,
    /// The processing element, as [`Cost::pe`].
    pub pe: u64,
}

/// Synthesises the `product` of a unit and its processing element for iCE40 and ECP5; results are kept in the cache.
///
/// # Errors
/// As [`cost`].
pub fn luts(unit: &dyn Arithmetic, product: &Arc<Module>, cache: &Cache) -> Result<Vec<Luts>> {
    let of = |fabric: Fabric| {
        let sites = |module| Ok::<_, anyhow::Error>(measure::cells(module, fabric, cache)?.sites);
        Ok(Luts { fabric: fabric.name(), product: sites(product)?, pe: sites(&element(unit, fabric)?)? })
    };
    [Fabric::Ice40, Fabric::Ecp5].into_iter().map(of).collect()
}

/// Synthesises, places and routes; results are kept in the cache.
///
/// # Errors
/// A tool is missing or fails, or the cache cannot be written.
pub fn cost(unit: &dyn Arithmetic, fabric: Fabric, seeds: u32, cache: &Cache) -> Result<Cost> {
    let element = element(unit, fabric)?;
    let mut edge_luts = 0;
    for coded in Coded::all(unit) {
        edge_luts += measure::cells(&encoder(unit, coded)?, fabric, cache)?.sites;
    }
    for side in [Side::Moving, Side::Stationary] {
        if let Some(module) = edge(unit, side)? {
            edge_luts += measure::cells(&module, fabric, cache)?.sites;
        }
    }
    Ok(Cost {
        fabric: fabric.name(),
        sum_bits: sum_bits(unit, ROWS),
        edge_luts,
        pe: measure::cells(&element, fabric, cache)?,
        fmax: measure::fmax(&element, fabric, &(1..=seeds).collect::<Vec<_>>(), cache)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::testing::needs;
    use logloom_hdl::arith::family;

    #[test]
    fn an_element_is_placed_on_every_fabric() {
        let unit = family::find("mitchell").unwrap().parse("operand_bits=8 fraction_bits=3").unwrap();
        let cache = tempfile::tempdir().unwrap();
        for fabric in Fabric::ALL {
            if needs(&[crate::flow::Tool::Yosys, fabric.nextpnr()]) {
                let cost = cost(unit.as_ref(), fabric, 1, &Cache::new(cache.path())).unwrap();
                assert!(cost.pe.sites > 20 && cost.pe.dff > 30, "{cost:?}");
                assert!(cost.fmax.len() == 1 && cost.fmax[0] > 20.0, "{cost:?}");
            }
        }
    }
}
