//! Measures what the documentation states and writes `docs/results.md`: accuracy over seeds, area of the processing elements,
//! occupation of the array, speed of the tools, equality of netlists and model, and the whole accelerators that are kept in
//! `docs/builds`. `make bench` runs it.

mod accuracy;
mod element;
mod equality;
mod occupation;
mod speed;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use logloom::build::{kept, page};
use logloom::compile::Compiled;
use logloom::config::Configuration;
use logloom::flow::cache::Cache;
use logloom::run::RunData;
use logloom_hdl::arith::Arithmetic;
use logloom_hdl::design::Design;

fn main() -> Result<()> {
    // `cargo bench` passes this flag, `cargo test --benches` does not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace folder")?;
    // Where targets keep their simulators.
    std::env::set_current_dir(root).with_context(|| root.display().to_string())?;
    let examples = root.join("examples");
    let digits = Configuration::load(&examples.join("digits.toml"), &[])?;
    let samples = RunData::load(&digits)?;

    let mut page = format!(
        "<!-- Written by `make bench`; do not edit. -->\n\n# Results\n\n\
         Measured by one run of `make bench` of Logloom {}, but for the builds at the end, which are those kept in `docs/builds`: each is \
         made again by `make bench` and compared by `make bench-check`.\n",
        env!("CARGO_PKG_VERSION")
    );
    accuracy::write(&mut page, root, &digits, &samples)?;
    element::write(&mut page, &digits, &Cache::new(root.join("target/measurements")))?;
    occupation::write(&mut page, digits.compiled.design())?;
    speed::write(&mut page, &examples, &digits, &samples)?;
    equality::write(&mut page, &examples)?;
    page += &page::section(&kept::load_all(root)?);
    let path = root.join("docs/results.md");
    std::fs::write(&path, &page).with_context(|| path.display().to_string())?;
    eprintln!("wrote docs/results.md");
    Ok(())
}

/// Median and range.
fn spread(mut values: Vec<f64>, digits: usize) -> String {
    values.sort_by(f64::total_cmp);
    let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    format!("{median:.digits$} ({least:.digits$} .. {most:.digits$})")
}

/// The configuration's network with other products, on accumulators that hold their sums.
fn with_arithmetic(compiled: &Compiled, arithmetic: Arc<dyn Arithmetic>) -> Result<Compiled> {
    let mut design = Design { arithmetic, ..compiled.design().clone() };
    design.accumulator_bits = 40;
    Ok(Compiled::new(compiled.task(), &design)?)
}

fn about(arithmetic: &dyn Arithmetic) -> String {
    format!("{} ({})", arithmetic.name(), arithmetic.parameters())
}
