//! What a unit of arithmetic is worth: its errors, its cost on a fabric, its use in training.

pub mod accuracy;
pub mod array;
pub mod cost;
pub mod draws;
pub mod energy;
pub mod error;
pub mod folder;
pub mod page;
pub mod proof;
pub mod sweep;

use std::sync::Arc;

use logloom_hdl::arith::FAMILIES;
use logloom_hdl::arith::family::{self, Family};
use logloom_hdl::arith::{Arithmetic, ErrorBound, ParameterError, WeightBound};
use serde::Serialize;
use thiserror::Error;

use accuracy::Accuracy;
use array::Array;
use cost::{Cost, Luts};
use error::ErrorStatistics;
use proof::Proof;

/// A choice of units that names none.
#[derive(Debug, Error)]
pub enum SelectError {
    #[error("no family `{}`; {remedy}", name.escape_debug())]
    Family { name: String, remedy: String },
    #[error("{family}: {error}")]
    Settings { family: &'static str, error: ParameterError },
}

/// The units of all families, or of one; or the one unit with these settings.
///
/// # Errors
/// There is no such family, or the settings do not suit it.
pub fn select(name: Option<&str>, settings: Option<&str>) -> Result<Vec<Arc<dyn Arithmetic>>, SelectError> {
    let Some(name) = name else { return Ok(FAMILIES.iter().flat_map(Family::made).collect()) };
    let family = family::find(name).ok_or_else(|| {
        let names = || FAMILIES.iter().map(|family| family.name);
        let remedy = match crate::nearest::nearest(name, names()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("choose one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        SelectError::Family { name: name.to_owned(), remedy }
    })?;
    let Some(settings) = settings else { return Ok(family.made().collect()) };
    let unit = family.parse(settings).map_err(|error| SelectError::Settings { family: family.name, error })?;
    Ok(vec![unit])
}

/// The fields of [`ErrorBound`], for JSON.
#[derive(Serialize)]
#[serde(remote = "ErrorBound")]
pub(crate) struct Bound {
    relative_low: f64,
    relative_high: f64,
    absolute: f64,
}

/// The fields of [`WeightBound`], for JSON: those of an [`ErrorBound`], or a distance.
#[derive(Serialize)]
#[serde(remote = "WeightBound", untagged)]
pub(crate) enum BoundOfWeights {
    Product(#[serde(with = "Bound")] ErrorBound),
    Distance { distance: f64 },
}

/// A unit and what was measured of it.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub family: &'static str,
    pub parameters: String,
    pub operand_bits: u32,
    /// Low product bits that are never formed.
    pub dropped_bits: u32,
    /// The bound that the family proves.
    #[serde(with = "Bound")]
    pub bound: ErrorBound,
    pub errors: ErrorStatistics,
    /// The first operands whose product is not 0 though one of them is, with that product: of a guest that nothing can be trained with.
    pub product_of_zero: Option<[i64; 3]>,
    /// Bits that change in a processing element per product: see [`energy::toggles`].
    pub toggles: f64,
    /// Where they were asked for: on iCE40 and ECP5.
    pub luts: Vec<Luts>,
    /// Where a fabric was given.
    pub cost: Option<Cost>,
    /// Where a shape was given as well.
    pub array: Option<Array>,
    /// Where a configuration was given to train.
    pub accuracy: Option<Accuracy>,
    /// Where the hardware was swept.
    pub proof: Option<Proof>,
}

impl Measured {
    /// Errors and toggles: what needs no tools and no data.
    ///
    /// # Errors
    /// If the unit's hardware cannot be elaborated.
    pub fn new(unit: &dyn Arithmetic) -> anyhow::Result<Self> {
        Ok(Self {
            family: unit.name(),
            parameters: unit.parameters(),
            operand_bits: unit.operand_bits(),
            dropped_bits: unit.dropped_bits(),
            bound: unit.error_bound(),
            errors: error::statistics(unit),
            product_of_zero: None,
            toggles: energy::toggles(unit)?,
            luts: Vec::new(),
            cost: None,
            array: None,
            accuracy: None,
            proof: None,
        })
    }
}

/// LUTs of the smallest exact processing element of the same operand width among `units`, over those of this unit: below 1,
/// the unit loses.
pub fn against_exact(unit: &Measured, units: &[Measured]) -> Option<f64> {
    let luts = |unit: &Measured| unit.cost.as_ref().map(|cost| cost.pe.sites);
    let exact = units.iter().filter(|other| other.family == "exact" && other.operand_bits == unit.operand_bits);
    Some(exact.filter_map(luts).min()? as f64 / luts(unit)? as f64)
}
