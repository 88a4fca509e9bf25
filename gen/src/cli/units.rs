//! `logloom units`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use logloom_hdl::arith::{Arithmetic, product};
use serde::Serialize;

use super::Outcome;
use super::output::{Output, grouped, table};
use super::progress::bar;
use crate::config::Configuration;
use crate::emit::Plan;
use crate::emit::plan::Contents;
use crate::flow::Fabric;
use crate::flow::cache::Cache;
use crate::units::accuracy::accuracy;
use crate::units::array::{Shape, array};
use crate::units::cost::{cost, luts};
use crate::units::error::Extreme;
use crate::units::proof::{pairs, prove};
use crate::units::{Measured, against_exact, folder, select};

/// List the units of arithmetic with their errors; prove their hardware, measure their cost on a fabric and what they train to
#[derive(Args)]
pub struct Arguments {
    /// Only this family
    #[arg(conflicts_with = "guest")]
    family: Option<String>,
    /// One unit of that family, for example "operand_bits=8 fraction_bits=4"
    #[arg(requires = "family", group = "one")]
    settings: Option<String>,
    /// The multiplier of your own that this configuration describes, compared with what is stated of it; with its LUTs
    #[arg(long, value_name = "CONFIG", group = "one")]
    guest: Option<PathBuf>,
    /// Synthesise the bare product and the processing element of each unit, for iCE40 and ECP5
    #[arg(long)]
    luts: bool,
    /// Synthesise, place and route each unit for this fabric
    #[arg(long, value_enum)]
    fabric: Option<Fabric>,
    /// Place and route a whole array of this shape as well, for example 16x16
    #[arg(long, value_name = "ROWSxCOLUMNS", requires = "fabric", requires = "one")]
    array: Option<Shape>,
    /// Train the network of this configuration with each unit, on the model
    #[arg(long, value_name = "CONFIG")]
    train: Option<PathBuf>,
    /// Sweep each unit's hardware against its reference: all pairs of operands, under Verilator
    #[arg(long)]
    prove: bool,
    /// Write the unit's Verilog and a testbench that asserts its bound into this folder; absent, empty, or written before
    #[arg(short, long, value_name = "FOLDER", requires = "one")]
    output: Option<PathBuf>,
    /// Placements and training runs per unit
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: u32,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    units: Vec<Measured>,
    /// The folder of `--output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<Contents>,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    // To be characterised, a unit may be good for nothing else.
    let is_used = arguments.train.is_some() || arguments.prove || arguments.output.is_some();
    let load = |path: &Path| Configuration::load_guest(path, is_used).map(Arc::new);
    let guest = arguments.guest.as_deref().map(load).transpose()?;
    let units = match &guest {
        Some(guest) => vec![Arc::clone(guest) as Arc<dyn Arithmetic>],
        None => select(arguments.family.as_deref(), arguments.settings.as_deref())?,
    };
    // Before minutes of work.
    arguments.output.as_deref().map_or(Ok(()), Plan::check_folder)?;
    let configuration = arguments.train.as_deref().map(|path| Configuration::load(path, &[])).transpose()?;
    // A sweep takes minutes where all the rest takes seconds.
    let work: Vec<u64> = units.iter().map(|unit| if arguments.prove { pairs(unit) } else { 1 }).collect();
    let bar = bar("{msg}  {wide_bar} {percent} %  {eta}");
    bar.set_length(work.iter().sum());
    let cache = Cache::standard();
    let mut measured = Vec::new();
    let mut done = 0;
    let mut written = None;
    for (unit, work) in units.iter().zip(work) {
        bar.set_message(format!("{} {}", unit.name(), unit.parameters()));
        let mut one = Measured::new(unit.as_ref())?;
        one.product_of_zero = guest.as_ref().and_then(|guest| guest.product_of_zero());
        if arguments.luts || guest.is_some() {
            let product = guest.as_ref().map_or_else(|| product(unit.as_ref()), |guest| guest.hardware())?;
            one.luts = luts(unit.as_ref(), &product, &cache)?;
        }
        if let Some(folder) = &arguments.output {
            let plan = folder::plan(unit.as_ref(), &one.errors)?;
            written = Some((folder, plan.write(folder)?, plan));
        }
        if let Some(fabric) = arguments.fabric {
            one.cost = Some(cost(unit.as_ref(), fabric, arguments.seeds, &cache)?);
            if let Some(shape) = arguments.array {
                one.array = Some(array(unit.as_ref(), shape, fabric, 1, &cache)?);
            }
        }
        if let Some(configuration) = &configuration {
            one.accuracy = Some(accuracy(configuration, unit, arguments.seeds, &|| bar.tick())?);
        }
        if arguments.prove {
            one.proof = Some(prove(unit, &cache, &|pairs| bar.inc(pairs))?);
        }
        measured.push(one);
        done += work;
        bar.set_position(done);
    }
    bar.finish_and_clear();
    if arguments.json {
        output.json(&Report { units: measured, written: written.map(|(_, _, plan)| plan.contents()) })?;
        return Ok(Outcome::Good);
    }
    output.text(&errors(&measured))?;
    for [a, b, product] in measured.iter().filter_map(|unit| unit.product_of_zero) {
        output.line("")?;
        output.line(&format!("{a} x {b} is {product} and not 0: nothing can be trained with this unit"))?;
    }
    if measured.iter().any(|unit| unit.errors.weights.is_some()) {
        output.line("")?;
        output.line("Weights that are coded otherwise than the stationary operands above:")?;
        output.text(&weights(&measured))?;
    }
    if arguments.fabric.is_some() {
        output.line("")?;
        output.text(&costs(&measured))?;
    }
    for array in measured.iter().filter_map(|unit| unit.array.as_ref()) {
        output.line("")?;
        output.line(&format!(
            "{}x{} on {}: {:.1} MHz; {}",
            array.rows,
            array.columns,
            array.device,
            array.routed.fmax,
            array.usage()
        ))?;
    }
    if let Some((folder, written, plan)) = &written {
        output.line("")?;
        output.written(folder, plan, written, "multiplies under Verilator and asserts the bound")?;
    }
    Ok(Outcome::Good)
}

/// Errors in percent, and toggles; with accuracies and proofs where there are any.
fn errors(units: &[Measured]) -> String {
    let percent = |value: f64| format!("{:.2}", 100.0 * value);
    let mut heading = [
        "family",
        "parameters",
        "mean RE %",
        "bias %",
        "lowest %",
        "highest %",
        "WCE",
        "of",
        "wrong %",
        "0 x b",
        "WMED %",
        "toggles",
    ]
    .to_vec();
    let fabrics = units.first().map_or(&[][..], |unit| &unit.luts);
    let fabrics: Vec<String> = fabrics.iter().map(|luts| format!("{} LUTs: product, PE", luts.fabric)).collect();
    heading.extend(fabrics.iter().map(String::as_str));
    let trained = units.iter().any(|unit| unit.accuracy.is_some());
    if trained {
        heading.extend(["trained %", "worst %"]);
    }
    if units.iter().any(|unit| unit.proof.is_some()) {
        heading.extend(["pairs swept", "s"]);
    }
    let mut rows = vec![heading.into_iter().map(String::from).collect::<Vec<_>>()];
    for unit in units {
        let errors = &unit.errors;
        let about = if errors.drawn { "~" } else { "" };
        let mut row = vec![
            unit.family.to_string(),
            unit.parameters.clone(),
            format!("{about}{}", percent(errors.mean)),
            format!("{about}{}", percent(errors.bias)),
            percent(errors.lowest.value),
            percent(errors.highest.value),
            errors.worst_case.value.to_string(),
            match errors.worst_case {
                Extreme { value: 0, .. } => String::new(),
                Extreme { operands: [a, b], .. } => format!("{a} x {b}"),
            },
            format!("{about}{}", percent(errors.probability)),
            match unit.product_of_zero {
                None => "0".to_string(),
                Some([a, b, product]) => format!("{a} x {b} = {product}"),
            },
            format!("{about}{:.4}", 100.0 * errors.weighted),
            format!("{:.1}", unit.toggles),
        ];
        row.extend(unit.luts.iter().map(|luts| format!("{}, {}", luts.product, luts.pe)));
        if let Some(accuracy) = &unit.accuracy {
            row.extend([percent(accuracy.mean), percent(accuracy.worst)]);
        }
        if let Some(proof) = &unit.proof {
            row.extend([grouped(proof.pairs), format!("{:.0}", proof.seconds)]);
        }
        rows.push(row);
    }
    let right: Vec<bool> = (0..rows[0].len()).map(|column| column >= 2).collect();
    table(&rows, &right)
}

/// Errors of products with weights that have a coding of their own.
fn weights(units: &[Measured]) -> String {
    let mut rows = vec![["family", "parameters", "bound", "WCE", "WMED %"].map(String::from).to_vec()];
    for unit in units {
        let Some(errors) = &unit.errors.weights else { continue };
        let about = if errors.drawn { "~" } else { "" };
        rows.push(vec![
            unit.family.to_string(),
            unit.parameters.clone(),
            errors.bound.to_string(),
            errors.worst_case.value.to_string(),
            format!("{about}{:.4}", 100.0 * errors.weighted),
        ]);
    }
    table(&rows, &[false, false, false, true, true])
}

/// Cells and speed; last, how many times more LUTs the exact rows of the same width take.
fn costs(units: &[Measured]) -> String {
    let heading =
        ["family", "parameters", "sum bits", "edge LUTs", "PE LUTs", "carries", "FFs", "MHz (range)", "exact / PE"];
    let mut rows = vec![heading.map(String::from).to_vec()];
    for unit in units {
        let Some(cost) = &unit.cost else { continue };
        let [median, least, most] = cost.speed();
        rows.push(vec![
            unit.family.to_string(),
            unit.parameters.clone(),
            cost.sum_bits.to_string(),
            cost.edge_luts.to_string(),
            cost.pe.sites.to_string(),
            cost.pe.carry.to_string(),
            cost.pe.dff.to_string(),
            format!("{median:.0} ({least:.0} .. {most:.0})"),
            match against_exact(unit, units) {
                Some(ratio) if ratio < 1.0 => format!("{ratio:.2}, loses"),
                Some(ratio) => format!("{ratio:.2}"),
                None => String::new(),
            },
        ]);
    }
    let right: Vec<bool> = (0..rows[0].len()).map(|column| column >= 2).collect();
    table(&rows, &right)
}
