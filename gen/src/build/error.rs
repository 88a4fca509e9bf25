//! Why there is no bitstream, though every tool works.

use std::collections::BTreeMap;

use logloom_hdl::design::{Design, WeightCodes};
use thiserror::Error;

use super::path::{Unit, described};
use crate::board::{self, Board};
use crate::flow::nextpnr::Utilisation;

#[derive(Debug, Error)]
pub enum BuildError {
    #[error("{place}: {why}; choose link.kind = \"uart\", or put what logloom gen writes into a design of your own")]
    Link {
        /// File, line and key.
        place: String,
        why: &'static str,
    },
    #[error("{place}: {problem}")]
    Baud {
        /// File, line and key.
        place: String,
        problem: String,
    },
    #[error(
        "{place}: the weight codes take an SPRAM for each of {wanted} banks, and {device} of {board} has {}; {remedy}",
        if *available == 0 { "none".to_string() } else { available.to_string() }
    )]
    Sprams {
        /// File, line and key.
        place: String,
        board: String,
        device: String,
        wanted: u32,
        available: u32,
        remedy: &'static str,
    },
    #[error(
        "{place}: {device} of {board} has no multiplier blocks that Logloom uses; choose \"rows\" or \"star\", or a board with an \
         iCE40 UP5K ({})",
        board::with_multiplier_blocks().join(", ")
    )]
    Blocks {
        /// File, line and key.
        place: String,
        board: String,
        device: String,
    },
    #[error(
        "the design does not fit {device} of {board}: it takes {}; {remedy}",
        over.iter().map(|(kind, places)| format!("{} {kind} of {} ({:.0} %)", places.used, places.available, places.percent()))
            .collect::<Vec<_>>().join(", ")
    )]
    DoesNotFit {
        board: String,
        device: String,
        /// Of what it takes more than there is.
        over: BTreeMap<String, Utilisation>,
        remedy: String,
    },
    #[error(
        "a clock of {wanted} MHz is not reached on {board}: the {} runs at {reached:.2} MHz, {:.1} % less, limited by {}; {}",
        if *seeds == 1 { "placement".to_string() } else { format!("fastest of {seeds} placements") },
        100.0 * (1.0 - reached / wanted),
        described(path),
        match possible {
            Some(mhz) => format!("choose build.clock_mhz = {mhz:.3}, more --seeds, or a smaller array"),
            None => "the PLL makes no clock that is slow enough; choose a smaller array, or more arithmetic.stages".to_string(),
        }
    )]
    TooFast {
        board: String,
        wanted: f64,
        reached: f64,
        seeds: u32,
        /// The fastest clock of the PLL that the placement allows.
        possible: Option<f64>,
        path: Vec<Unit>,
    },
}

/// The error with what would fit, of a design that takes these places; none if there are enough of each kind.
pub(super) fn does_not_fit(
    design: &Design,
    board: &Board,
    places: &BTreeMap<String, Utilisation>,
) -> Option<BuildError> {
    let over = places.iter().filter(|(_, places)| places.used > places.available);
    let over: BTreeMap<String, Utilisation> = over.map(|(kind, places)| (kind.clone(), *places)).collect();
    if over.is_empty() {
        return None;
    }
    let memory = over.keys().any(|kind| is_memory(kind));
    let logic = over.keys().any(|kind| !is_memory(kind));
    let mut remedies = Vec::new();
    if memory && design.weight_codes == WeightCodes::Stored && !design.draws_weights() {
        remedies.push("memory.weight_codes = \"encoded\"".to_string());
    }
    let in_spram = Design { weight_codes: WeightCodes::Spram, ..design.clone() };
    if memory && design.weight_codes == WeightCodes::Stored && in_spram.sprams() <= board.device.sprams {
        remedies.push("memory.weight_codes = \"spram\"".to_string());
    }
    if memory {
        remedies.push("a smaller training.batch".to_string());
    }
    if logic {
        // Logic other than the array's grows with the number of banks and columns.
        let excess = over.iter().filter(|(kind, _)| !is_memory(kind)).map(|(_, places)| places.percent() / 100.0);
        let scale = excess.fold(1.0, f64::max).sqrt();
        let [rows, columns] =
            [design.rows, design.columns].map(|size| ((f64::from(size) / scale).floor() as u32).min(size - 1));
        if rows > 0 && columns > 0 {
            remedies.push(format!("an array of about {rows} x {columns}"));
        }
    }
    // Every device has LUTs of four inputs, so what one takes, another takes about as much of; and a memory of one device fits a
    // block of every larger one.
    let most = |of_memory: bool| {
        let kinds = places.iter().filter(|(kind, _)| is_memory(kind) == of_memory);
        kinds.map(|(_, places)| places.used).max().unwrap_or(0)
    };
    // What only this device has, a larger one has not.
    let has_others = design.sprams() == 0 && !uses_blocks(places);
    let larger = if has_others { board::larger(board, most(false), most(true)) } else { Vec::new() };
    if !larger.is_empty() {
        remedies.push(format!("a larger device (--board {})", larger.join(", ")));
    }
    let remedy = match remedies.is_empty() {
        true => "no board that Logloom knows is large enough; choose shorter formats, or a family of smaller products \
                 (`logloom units` lists them)"
            .to_string(),
        false => format!("choose {}", remedies.join(", or ")),
    };
    Some(BuildError::DoesNotFit { board: board.title.clone(), device: board.device.name.clone(), over, remedy })
}

/// Whether multiplier blocks of an iCE40 UP5K are used.
pub(super) fn uses_blocks(places: &BTreeMap<String, Utilisation>) -> bool {
    places.get("ICESTORM_DSP").is_some_and(|blocks| blocks.used > 0)
}

/// Whether places of that kind, as nextpnr names it, are block memories.
fn is_memory(kind: &str) -> bool {
    ["RAM", "DP16KD", "BSRAM"].iter().any(|name| kind.contains(name))
        && !kind.contains("RAMW")
        && !kind.contains("RAM16")
}
