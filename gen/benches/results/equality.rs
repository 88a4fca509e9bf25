//! What is built equals the model: training steps on netlists and on a bitstream, compared in every word.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, ensure};
use logloom::compare::{Comparison, compare};
use logloom::config::Configuration;
use logloom::flow::Fabric;
use logloom::run::RunData;
use logloom::target::Kind;
use rayon::prelude::*;

/// What is compared with the model: an example, what runs it, training steps.
const COMPARED: [(&str, Kind, u64); 5] = [
    ("digits", Kind::Netlist(Fabric::Ice40), 3),
    ("digits", Kind::Netlist(Fabric::Ecp5), 3),
    ("digits-hx8k", Kind::Netlist(Fabric::Ice40), 3),
    ("digits-up5k", Kind::Netlist(Fabric::Ice40), 1),
    ("tiny", Kind::Bitstream, 1),
];

pub fn write(page: &mut String, examples: &Path) -> Result<()> {
    write!(
        page,
        "\n## Netlists and bitstream equal the model\n\nSteps of training, and after every instruction each word of every memory, and each register but \
         the clock counters, compared with the model (`logloom verify`). A netlist is the cells that Yosys makes for the whole accelerator; the \
         bitstream is read back by IceStorm and driven at its pins, through its serial line. The state is the SHA-256 of the weights and biases \
         at the end.\n\n\
         | example | array | target | steps | instructions | words equal | state |\n|---|---|---|---|---|---|---|\n"
    )?;
    // Gates take minutes to compile and to simulate, on one core each.
    let rows: Vec<String> = COMPARED.into_par_iter().map(|compared| row(examples, compared)).collect::<Result<_>>()?;
    *page += &rows.concat();
    Ok(())
}

/// Compares one of them.
fn row(examples: &Path, (name, kind, steps): (&str, Kind, u64)) -> Result<String> {
    let configuration = Configuration::load(&examples.join(format!("{name}.toml")), &[])?;
    let data = RunData::load(&configuration)?;
    let targets = [Kind::Model, kind.clone()];
    let comparison = Comparison { targets: &targets, steps, faults: &[], wave: Path::new("difference.vcd") };
    let (report, _) = compare(&configuration, &data, &comparison, &mut |_| ())?;
    ensure!(report.equal, "{name}: {kind} is not the model: {:?}", report.first_difference);
    eprintln!("equality: {name} on {kind}");
    let design = configuration.design();
    Ok(format!(
        "| `{name}` | {} x {} | {kind} | {steps} | {} | {} | `{}...` |\n",
        design.rows,
        design.columns,
        report.instructions,
        report.words_compared,
        &report.state_sha256[..12]
    ))
}
