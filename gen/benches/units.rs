//! Measures every unit and writes `docs/units.md`, a picture for each fabric, and a page for each family. `make units` runs it;
//! the fabrics to measure may be named, as in `make units FABRICS="ice40 ecp5"`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;
use logloom::config::Configuration;
use logloom::flow::Fabric;
use logloom::flow::cache::Cache;
use logloom::flow::doctor::version;
use logloom::flow::tool::Tool;
use logloom::units::accuracy::accuracy;
use logloom::units::cost::cost;
use logloom::units::sweep::{codes, encoders, sweep};
use logloom::units::{Measured, page, select};
use logloom_hdl::arith::{Arithmetic, FAMILIES, Side};

const SEEDS: u32 = 5;
/// Pairs of codes that are swept in hardware; some minutes.
const SWEPT: u64 = 1 << 28;

fn main() -> Result<()> {
    // `cargo test --benches` and `cargo bench` pass flags of the standard harness.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let named: Vec<Fabric> = std::env::args().skip(1).filter_map(|name| Fabric::from_str(&name, true).ok()).collect();
    let fabrics = if named.is_empty() { Fabric::ALL.to_vec() } else { named };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace folder")?;
    let cache = Cache::new(root.join("target/measurements"));
    let digits = Configuration::load(&root.join("examples/digits.toml"), &[])?;
    let units = select(None, None)?;

    let mut measured = Vec::new();
    for unit in &units {
        eprintln!("errors and accuracy: {} {}", unit.name(), unit.parameters());
        let mut one = Measured::new(unit.as_ref())?;
        one.accuracy = Some(accuracy(&digits, unit, SEEDS, &|| ())?);
        measured.push(one);
    }
    let mut text = format!(
        "<!-- Written by `make units`; do not edit. -->\n\n# Units of arithmetic\n\n\
         Measured by Logloom {} with {}; processing elements are those of an array of eight rows. What each family is: [units/](units/).\n",
        env!("CARGO_PKG_VERSION"),
        version(Tool::Yosys)?
    );
    let all: Vec<&Measured> = measured.iter().collect();
    write!(
        text,
        "\n## Errors\n\nOver all pairs of operands; relative errors in percent. WMED is weighted by a normal distribution of the stationary \
         operand, with a standard deviation of a quarter of its range's half. Codes that are drawn at random are right on average, \
         not one by one.\n\n{}",
        page::errors(&all)
    )?;
    write!(
        text,
        "\n## Training\n\nHandwritten digits, network {:?}, {} epochs, seeds 0 to {}; test accuracy after the last epoch in %. Formats \
         suit the operand width.\n\n{}",
        digits.compiled.task().network,
        digits.training.epochs,
        SEEDS - 1,
        page::accuracies(&all)
    )?;
    for fabric in fabrics {
        for (unit, one) in units.iter().zip(&mut measured) {
            eprintln!("{}: {} {}", fabric.name(), unit.name(), unit.parameters());
            one.cost = Some(cost(unit.as_ref(), fabric, SEEDS, &cache)?);
        }
        let all: Vec<&Measured> = measured.iter().collect();
        let picture = format!("units-{}.svg", fabric.name());
        let title = format!("Units on {}: filled marks have operands of 16 bits, the others of 8", fabric.device());
        std::fs::write(root.join("docs").join(&picture), page::pareto(&title, &measured))?;
        write!(
            text,
            "\n## On {}\n\n{}, {SEEDS} seeds of the placer. *Edge* is one encoder of each kind, once per row or column; *exact rows / PE* \
             compares with the smallest exact element of the same operand width; *toggles* counts the bits of registers and named \
             signals that change per product (a product written `*` shows none of its inside, and only its result counts).\n\n\
             ![LUTs against error]({picture})\n\n{}",
            fabric.name(),
            fabric.device(),
            page::costs(&all, &measured)
        )?;
    }
    text += &proofs(&units)?;
    std::fs::write(root.join("docs/units.md"), text)?;
    families(root, &measured)?;
    eprintln!("wrote docs/units.md");
    Ok(())
}

/// Sweeps the hardware of every unit against its reference.
fn proofs(units: &[std::sync::Arc<dyn Arithmetic>]) -> Result<String> {
    let mut text = String::from(
        "\n## Hardware against reference\n\nEvery operand through the encoders (built-in simulation), every pair of codes through the product \
         (Verilator): together every pair of operands.\n\n| family | parameters | pairs of codes | result | s |\n|---|---|---|---|---|\n",
    );
    for unit in units {
        eprintln!("sweep: {} {}", unit.name(), unit.parameters());
        let count = |side| codes(unit.as_ref(), side).len() as u64;
        let pairs = count(Side::Moving) * count(Side::Stationary);
        let start = Instant::now();
        let result = if pairs <= SWEPT {
            encoders(unit.as_ref())?;
            sweep(std::slice::from_ref(unit), &mut |_| ())?;
            "equal"
        } else {
            "not swept; sampled by the tests"
        };
        let seconds = if pairs <= SWEPT { format!("{:.0}", start.elapsed().as_secs_f64()) } else { String::new() };
        writeln!(text, "| {} | `{}` | {pairs} | {result} | {seconds} |", unit.name(), unit.parameters())?;
    }
    Ok(text)
}

/// A page for each family: the documentation of its source, and its errors.
fn families(root: &Path, measured: &[Measured]) -> Result<()> {
    let folder = root.join("docs/units");
    std::fs::create_dir_all(&folder)?;
    for family in FAMILIES {
        let source = root.join(format!("hdl/src/arith/{}.rs", family.name));
        let source = std::fs::read_to_string(&source).with_context(|| source.display().to_string())?;
        let about: String = source
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
            .collect();
        let own: Vec<&Measured> = measured.iter().filter(|unit| unit.family == family.name).collect();
        let text = format!(
            "<!-- Written by `make units` from hdl/src/arith/{0}.rs; do not edit. -->\n\n# {0}: {1}\n\n{about}\n## Errors\n\n{2}\n\
             Cost and training: [all units](../units.md).\n",
            family.name,
            family.summary,
            page::errors(&own)
        );
        std::fs::write(folder.join(format!("{}.md", family.name)), text)?;
    }
    Ok(())
}
