//! Test accuracy over seeds.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use logloom::build::kept;
use logloom::config::{Configuration, Test};
use logloom::data;
use logloom::run::RunData;
use logloom::train::float;
use logloom::train::session::{Progress, Settings, train};
use logloom_hdl::arith::{Exact, Form};
use logloom_sim::model::Model;

use super::{about, with_arithmetic};

const SEEDS: std::ops::Range<u32> = 0..5;

pub fn write(page: &mut String, root: &Path, digits: &Configuration, samples: &RunData) -> Result<()> {
    let compiled = &digits.compiled;
    let exact = Arc::new(Exact { operand_bits: 16, form: Form::Rows, stages: 0 });
    let mut rows = vec![("`digits` preset".to_string(), compiled.clone())];
    for preset in kept::all()? {
        let configuration = Configuration::load(&preset.example(root), &[])?;
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
    let Test::Source(test) = &digits.data.test else { anyhow::bail!("digits has a test set") };
    let test = load(test)?;
    let results = SEEDS.map(|seed| {
        Ok(float::train(task, &training, &test, &digits.data.normalise, epochs, seed.into())?.test_accuracy)
    });
    row(&format!("float32 SGD, batch {}", task.batch), results.collect::<Result<_>>()?)?;
    Ok(())
}
