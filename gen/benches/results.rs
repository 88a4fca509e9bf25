//! Measures what the documentation states and writes `docs/results.md`: accuracy over seeds, area of the processing
//! elements, occupation of the array, speed of the tools, and the whole accelerators that are kept in `docs/builds`. `make bench`
//! runs it.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use logloom::build::{kept, page};
use logloom::compile::{Compiled, Mode, cycles};
use logloom::config::Configuration;
use logloom::emit;
use logloom::flow::cache::Cache;
use logloom::flow::{Fabric, measure};
use logloom::target::{Kind, open};
use logloom::train::driver::{Driver, rounding_seed};
use logloom::train::run::RunData;
use logloom::train::session::{Progress, Settings, train};
use logloom::train::{data, float};
use logloom_hdl::arith::ternary::Ternary;
use logloom_hdl::arith::{Arithmetic, Exact, Form, MAX_STAGES, Mitchell, Pow2, Rounded, mitchell};
use logloom_hdl::array::pe::pe;
use logloom_hdl::control::isa::{Gemm, Instruction};
use logloom_hdl::design::Design;
use logloom_hdl::design::{Interconnect, Subtraction};
use logloom_sim::model::Model;

const SEEDS: std::ops::Range<u32> = 0..5;
/// Repetitions of a timing; median and range are printed.
const REPETITIONS: usize = 5;
/// Seeds of the placer.
const PLACEMENTS: [u32; 5] = [1, 2, 3, 4, 5];

fn main() -> Result<()> {
    // `cargo bench` passes this flag, `cargo test --benches` does not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace folder")?;
    let digits = Configuration::load(&root.join("examples/digits.toml"), &[])?;
    let samples = RunData::load(&digits)?;

    let mut page = String::from(
        "<!-- Written by `make bench`; do not edit. -->\n\n# Results\n\n\
         Measured by one run of `make bench`",
    );
    writeln!(
        page,
        " of Logloom {}, but for the builds at the end, which are those kept in `docs/builds`: each is made again by `make bench` and \
         compared by `make bench-check`.",
        env!("CARGO_PKG_VERSION")
    )?;
    accuracy(&mut page, root, &digits, &samples)?;
    elements(&mut page, &digits, &Cache::new(root.join("target/measurements")))?;
    occupation(&mut page, digits.compiled.design())?;
    speed(&mut page, &digits, &samples)?;
    page += &page::section(&kept::load_all(&root.join("docs/builds"))?);
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

fn accuracy(page: &mut String, root: &Path, digits: &Configuration, samples: &RunData) -> Result<()> {
    let compiled = &digits.compiled;
    let exact = Arc::new(Exact { operand_bits: 16, form: Form::Rows, stages: 0 });
    let mut rows = vec![("`digits` preset".to_string(), compiled.clone())];
    for preset in kept::all()? {
        let configuration = Configuration::load(&root.join(format!("examples/{}.toml", preset.name)), &[])?;
        rows.push((format!("`{}` preset", preset.name), configuration.compiled));
    }
    rows.push(("exact, 16 bits".to_string(), with_arithmetic(compiled, exact)?));
    let epochs = digits.training.epochs;
    let task = compiled.task();
    writeln!(
        page,
        "\n## Accuracy\n\nHandwritten digits (1437 training, 360 test samples), network {:?}, {epochs} epochs; test \
         accuracy after the last epoch in %, nothing selected on the test set. Same initial weights and order for equal seeds.\n\n\
         | arithmetic | seeds 0 to 4 | mean | worst |\n|---|---|---|---|",
        task.network
    )?;
    let mut row = |name: &str, accuracies: Vec<f64>| {
        let percent: Vec<f64> = accuracies.iter().map(|a| a * 100.0).collect();
        let each: Vec<String> = percent.iter().map(|p| format!("{p:.2}")).collect();
        let mean = percent.iter().sum::<f64>() / percent.len() as f64;
        let worst = percent.iter().copied().fold(f64::INFINITY, f64::min);
        writeln!(page, "| {name} | {} | {mean:.2} | {worst:.2} |", each.join(" "))
    };
    for (name, compiled) in rows {
        eprintln!("accuracy: {name}");
        let label =
            format!("{name}, batch {}: {}", compiled.task().batch, about(compiled.design().arithmetic.as_ref()));
        let results = SEEDS.map(|seed| {
            let mut model = Model::new(compiled.design(), 0)?;
            let settings = Settings { epochs, seed: seed.into(), checkpoint: None };
            let go_on = &mut |_: &Progress<'_>| ControlFlow::Continue(());
            Ok(train(&mut model, &compiled, &samples.training, &samples.test, &settings, None, go_on)?.test_accuracy)
        });
        row(&label, results.collect::<Result<_>>()?)?;
    }
    eprintln!("accuracy: float32");
    let load = |source| data::load(source);
    let training = load(&digits.data.train)?;
    let logloom::config::Test::Source(test) = &digits.data.test else { anyhow::bail!("digits has a test set") };
    let test = load(test)?;
    let results = SEEDS.map(|seed| {
        Ok(float::train(task, &training, &test, &digits.data.normalise, epochs, seed.into())?.test_accuracy)
    });
    row(&format!("float32 SGD, batch {}", task.batch), results.collect::<Result<_>>()?)?;
    Ok(())
}

/// A processing element of the table: what it is, its products, the width of its sums.
struct Element {
    name: &'static str,
    arithmetic: fn(u32) -> Arc<dyn Arithmetic>,
    sum_bits: u32,
}

/// In one frame: operand, stationary and shadow register, product, adder to the partial sum.
const ELEMENTS: [Element; 10] = [
    Element {
        name: "log, 16-bit range, f = 4, 16 product bits dropped (`digits`)",
        arithmetic: |s| log(4, 16, s),
        sum_bits: 20,
    },
    Element { name: "log, 16-bit range, f = 3, 16 dropped", arithmetic: |s| log(3, 16, s), sum_bits: 20 },
    Element { name: "log, 16-bit range, f = 4, 8 dropped", arithmetic: |s| log(4, 8, s), sum_bits: 28 },
    Element { name: "log, 16-bit range, full fraction", arithmetic: |s| log(15, 0, s), sum_bits: 40 },
    Element { name: "int8 x power of two", arithmetic: pow2, sum_bits: 24 },
    Element { name: "int8 x ternary", arithmetic: ternary, sum_bits: 20 },
    Element { name: "exact 16 x 16, conditional-add rows", arithmetic: |s| exact(16, Form::Rows, s), sum_bits: 40 },
    Element { name: "exact 16 x 16, `*`", arithmetic: |s| exact(16, Form::Star, s), sum_bits: 40 },
    Element { name: "exact 8 x 8, conditional-add rows", arithmetic: |s| exact(8, Form::Rows, s), sum_bits: 24 },
    Element { name: "exact 8 x 8, `*`", arithmetic: |s| exact(8, Form::Star, s), sum_bits: 24 },
];

fn log(fraction_bits: u32, dropped_bits: u32, stages: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Mitchell { operand_bits: 16, fraction_bits, dropped_bits, rounding: mitchell::Rounding::Nearest, stages })
}

fn pow2(stages: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Pow2 { operand_bits: 8, rounded: Rounded::Stationary, exponents: 8, stochastic: false, stages })
}

fn ternary(stages: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Ternary { operand_bits: 8, binary: false, stochastic: true, powers: false, stages })
}

fn exact(operand_bits: u32, form: Form, stages: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Exact { operand_bits, form, stages })
}

fn elements(page: &mut String, digits: &Configuration, cache: &Cache) -> Result<()> {
    let element_with = |element: &Element, stages| {
        pe((element.arithmetic)(stages).as_ref(), element.sum_bits, Interconnect::Systolic, Subtraction::Complement)
    };
    let cells = |element, stages| measure::cells(&element_with(element, stages)?, Fabric::Ice40, cache);
    writeln!(
        page,
        "\n## A processing element\n\n\
         Weight-stationary, with operand, stationary and shadow register, product and adder to the partial sum; Yosys 0.70, iCE40, \
         `synth_ice40 -abc9` with `abc9.D 90000`. Each with the number of pipeline stages (0 to {MAX_STAGES}) that needs the fewest LUTs; placed \
         and routed on an {}, {} seeds.\n\n\
         | processing element | sum bits | stages | SB_LUT4 | SB_CARRY | flip-flops | LUTs against `digits` | MHz: median (range) |\n\
         |---|---|---|---|---|---|---|---|",
        Fabric::Ice40.device().name,
        PLACEMENTS.len()
    )?;
    let mut reference = None;
    for element in &ELEMENTS {
        eprintln!("processing element: {}", element.name);
        let all = (0..=MAX_STAGES).map(|stages| Ok((stages, cells(element, stages)?))).collect::<Result<Vec<_>>>()?;
        let (stages, best) =
            all.into_iter().min_by_key(|(stages, cells)| (cells.lut4, *stages)).context("no stages")?;
        let reference = *reference.get_or_insert(best.lut4);
        let speeds = measure::fmax(&element_with(element, stages)?, Fabric::Ice40, &PLACEMENTS, cache)?;
        writeln!(
            page,
            "| {} | {} | {stages} | {} | {} | {} | {:.2} | {} |",
            element.name,
            element.sum_bits,
            best.lut4,
            best.carry,
            best.dff,
            best.lut4 as f64 / reference as f64,
            spread(speeds, 0)
        )?;
    }
    let arithmetic = &digits.compiled.design().arithmetic;
    writeln!(page, "\nThe preset itself: {}.", about(arithmetic.as_ref()))?;
    Ok(())
}

fn occupation(page: &mut String, design: &Design) -> Result<()> {
    writeln!(
        page,
        "\n## Occupation of the array\n\nCycles of one GEMM on the {} x {} array, and the part of them in which a moving vector enters \
         it. The prediction is exact (tested against the simulation); what is not busy is one tile load, the pipeline, and the fetch.\n\n\
         | m x k x n | cycles | busy |\n|---|---|---|",
        design.rows, design.columns
    )?;
    for (m, k, n) in [(8, 8, 8), (16, 64, 32), (64, 16, 32), (64, 64, 64), (128, 128, 128)] {
        let gemm = Gemm { m, k, n, block: m.min(design.accumulator_depth as u16), ..Gemm::default() };
        let (all, busy) = (cycles::cycles(&Instruction::Gemm(gemm), design), cycles::busy_cycles(&gemm, design));
        writeln!(page, "| {m} x {k} x {n} | {all} | {:.1} % |", 100.0 * busy as f64 / all as f64)?;
    }
    Ok(())
}

/// Steps of training per second, and the cycles of a step.
fn steps_per_second(kind: Kind, digits: &Configuration, samples: &RunData, steps: u64) -> Result<(Vec<f64>, u64)> {
    let mut target = open(&kind, digits)?;
    let mut driver = Driver::new(target.as_mut(), &digits.compiled)?;
    let batch: Vec<u32> = (0..digits.compiled.task().batch).collect();
    let mut rates = Vec::new();
    let mut clocks = 0;
    for _ in 0..REPETITIONS {
        let before = driver.target().cycles().unwrap_or(0);
        let start = Instant::now();
        for step in 0..steps {
            driver.load_samples(&samples.training, &batch, 0)?;
            driver.run(Mode::Train { halvings: 0 }, batch.len() as u32, rounding_seed(0, step))?;
        }
        rates.push(steps as f64 / start.elapsed().as_secs_f64());
        clocks = (driver.target().cycles().unwrap_or(0) - before) / steps;
    }
    Ok((rates, clocks))
}

fn speed(page: &mut String, digits: &Configuration, samples: &RunData) -> Result<()> {
    eprintln!("speed");
    let (simulated, clocks) = steps_per_second(Kind::Sim, digits, samples, 10)?;
    let (modelled, _) = steps_per_second(Kind::Model, digits, samples, 2000)?;
    let rate = |rates: &[f64]| rates.iter().map(|r| r * clocks as f64).collect::<Vec<_>>();
    let ratio = modelled.iter().zip(&simulated).map(|(m, s)| m / s).collect::<Vec<_>>();
    let program = digits.compiled.program(Mode::Train { halvings: 0 }, digits.compiled.task().batch)?;
    let large = Design { rows: 16, columns: 16, ..digits.compiled.design().clone() };
    let emitted = (0..REPETITIONS)
        .map(|_| {
            let start = Instant::now();
            emit::accelerator(&large, "")?;
            Ok(start.elapsed().as_secs_f64() * 1000.0)
        })
        .collect::<Result<Vec<_>>>()?;
    writeln!(
        page,
        "\n## Speed\n\nMedian and range of {REPETITIONS} repetitions on one thread; the machine is whatever ran `make bench`.\n\n\
         | | |\n|---|---|\n\
         | clock cycles of a training step of `digits`, on chip | {} |\n\
         | the same with the host's transfers, simulated | {clocks} |\n\
         | built-in simulation, cycles/s | {} |\n\
         | model, equivalent cycles/s | {} |\n\
         | model against simulation | {} |\n\
         | elaborating and printing a 16 x 16 accelerator, ms | {} |",
        cycles::program_cycles(&program, digits.compiled.design()),
        spread(rate(&simulated), 0),
        spread(rate(&modelled), 0),
        spread(ratio, 0),
        spread(emitted, 1),
    )?;
    Ok(())
}
