//! Measures every unit and writes `docs/units.md`, a picture for each fabric, and a page for each family. `make units` runs it;
//! the fabrics to measure may be named, as in `make units FABRICS="ice40 ecp5"`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use logloom::config::Configuration;
use logloom::flow::Fabric;
use logloom::flow::cache::Cache;
use logloom::flow::doctor::version;
use logloom::flow::tool::Tool;
use logloom::units::accuracy::accuracy;
use logloom::units::array::{Shape, array};
use logloom::units::cost::cost;
use logloom::units::proof::prove;
use logloom::units::{Measured, page, select};
use logloom_hdl::arith::FAMILIES;

const SEEDS: u32 = 5;

/// Whole arrays: family, settings, shape.
const ARRAYS: &[(Fabric, &str, &str, Shape)] =
    &[(Fabric::Ecp5, "pow2", "operand_bits=8 side=stationary", Shape { rows: 30, columns: 30 })];

/// What the tables of proofs say.
const PROOF: &str = "\
Hardware = reference, under Verilator: every operand with every draw through the encoders, every pair of different codes through the \
product; together every pair of operands. The bounds on errors are swept over every pair of operands too, with both codes that a drawn \
operand can have. Seconds include the compilation, on all cores.\n\n";

fn main() -> Result<()> {
    // `cargo bench` passes this flag, `cargo test --benches` does not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let named: Vec<Fabric> = std::env::args().skip(1).filter_map(|name| Fabric::from_str(&name, true).ok()).collect();
    let fabrics = if named.is_empty() { Fabric::ALL.to_vec() } else { named };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace folder")?;
    let cache = Cache::new(root.join("target/measurements"));
    let digits = Configuration::load(&root.join("gen/benches/units.toml"), &[])?;
    let units = select(None, None)?;

    let mut measured = Vec::new();
    for unit in &units {
        eprintln!("errors and accuracy: {} {}", unit.name(), unit.parameters());
        let mut one = Measured::new(unit.as_ref())?;
        let accuracy = accuracy(&digits, unit, SEEDS, &|| ())?;
        // Where exact products do not train the digits, it is the training that is wrong, and no unit can be judged by it.
        let trains = accuracy.worst > 0.95 || unit.name() != "exact" || unit.operand_bits() != 16;
        ensure!(trains, "gen/benches/units.toml: exact products reach {:?} only", accuracy.each);
        one.accuracy = Some(accuracy);
        eprintln!("sweep: {} {}", unit.name(), unit.parameters());
        one.proof = Some(prove(unit, &cache, &|_| ())?);
        measured.push(one);
    }
    let tools = [Tool::Yosys, Tool::NextpnrIce40, Tool::NextpnrEcp5, Tool::NextpnrGowin, Tool::Verilator];
    let tools =
        tools.iter().map(|&tool| Ok(format!("{} {}", tool.name(), version(tool)?))).collect::<Result<Vec<_>>>()?;
    let mut text = format!(
        "<!-- Written by `make units`; do not edit. -->\n\n# Units of arithmetic\n\n\
         Measured by Logloom {} with {}; processing elements are those of an array of eight rows. What each family is: [units/](units/).\n",
        env!("CARGO_PKG_VERSION"),
        tools.join(", ")
    );
    let all: Vec<&Measured> = measured.iter().collect();
    write!(
        text,
        "\n## Errors\n\nOver all pairs of operands; the share of wrong products and relative errors in percent. WMED is weighted by a normal distribution of the stationary \
         operand, with a standard deviation of a quarter of its range's half. Codes that are drawn at random are right on average, \
         not one by one.\n\n{}",
        page::errors(&all)
    )?;
    write!(text, "\n## Proof\n\n{PROOF}{}", page::proofs(&all))?;
    write!(
        text,
        "\n## Training\n\nHandwritten digits, network {:?}, {} epochs, learning rate halved after the epochs {:?}, seeds 0 to {}; test accuracy after \
         the last epoch in %. Formats suit the operand width. `logloom units --train gen/benches/units.toml` trains the same.\n\n{}",
        digits.compiled.task().network,
        digits.training.epochs,
        digits.compiled.task().milestones,
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
        let title = format!("Units on {}: filled marks have operands of more than 8 bits", fabric.device().name);
        std::fs::write(root.join("docs").join(&picture), page::pareto(&title, &measured))?;
        write!(
            text,
            "\n## On {}\n\n{}, {SEEDS} seeds of the placer. *LUTs* are the places that LUTs and carries take: a carry cell of an ECP5 takes two, \
             one of a Gowin one, and those of an iCE40 stand beside LUTs. *Edge* is one encoder of each kind, once per row or column; *exact rows / PE* \
             compares with the smallest exact element of the same operand width; *toggles* counts the bits of registers and named \
             signals that change per product (a product written `*` shows none of its inside, and only its result counts), on every \
             fabric those of the element that subtracts by complements.\n\n\
             ![LUTs against error]({picture})\n\n{}",
            fabric.name(),
            fabric.device().name,
            page::costs(&all, &measured)
        )?;
        let mut arrays = Vec::new();
        for (_, family, settings, shape) in ARRAYS.iter().filter(|(on, ..)| *on == fabric) {
            let unit = select(Some(family), Some(settings))?.remove(0);
            eprintln!("{}: {shape} {} {}", fabric.name(), unit.name(), unit.parameters());
            let routed = array(unit.as_ref(), *shape, fabric, 1, &cache)?;
            arrays.push((unit, routed));
        }
        if !arrays.is_empty() {
            write!(
                text,
                "\nWhole arrays, with the registers that skew their inputs and the loading of tiles, between registers at all ports; one seed; \
                 what placing and routing takes is that of one core, shared or not:\n\n{}",
                page::arrays(&arrays)
            )?;
        }
    }
    std::fs::write(root.join("docs/units.md"), text)?;
    families(root, &measured)?;
    eprintln!("wrote docs/units.md");
    Ok(())
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
             ## Proof\n\n{PROOF}{3}\nCost and training: [all units](../units.md).\n",
            family.name,
            family.summary,
            page::errors(&own),
            page::proofs(&own)
        );
        std::fs::write(folder.join(format!("{}.md", family.name)), text)?;
    }
    Ok(())
}
