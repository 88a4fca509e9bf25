//! Training that must go wrong: what the figures of training runs would be worth if anything trained.

use std::ops::ControlFlow;
use std::path::Path;

use logloom::compile::Mode;
use logloom::config::Configuration;
use logloom::data::epoch_order;
use logloom::run::RunData;
use logloom::train::driver::{Driver, rounding_seed, sample_seed, weight_seed};
use logloom::train::session::{Progress, Settings, train};
use logloom::train::weights::quantised_weights;
use logloom_hdl::control::isa::{Instruction, Passes};
use logloom_hdl::host::map::{self, Region};
use logloom_sim::model::Model;
use rayon::prelude::*;

const EPOCHS: u32 = 40;

/// The digits, exact products of 16 bits, and what `settings` change of that.
fn digits(settings: &str) -> (Configuration, RunData) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/digits");
    let file = |name: &str| format!("{:?}", data.join(name));
    let text = format!(
        "preset = \"digits\"\n[data]\ntrain = {}\ntrain_labels = {}\ntest = {}\ntest_labels = {}\nzero = 0\none = 16\n{settings}",
        file("train-images.idx"),
        file("train-labels.idx"),
        file("test-images.idx"),
        file("test-labels.idx"),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.toml");
    std::fs::write(&path, text).unwrap();
    let configuration = Configuration::load(&path, &[]).unwrap();
    let data = RunData::load(&configuration).unwrap();
    (configuration, data)
}

const EXACT: &str = "[array]\naccumulator_bits = 48\n[arithmetic]\nfamily = \"exact\"\n";

/// Test accuracy in percent after the last epoch.
fn trained(settings: &str, seed: u64) -> f64 {
    let (configuration, data) = digits(settings);
    let compiled = &configuration.compiled;
    let mut model = Model::new(compiled.design(), 0).unwrap();
    let settings = Settings { epochs: EPOCHS, seed, checkpoint: None };
    let go_on = &mut |_: &Progress<'_>| ControlFlow::Continue(());
    100.0 * train(&mut model, compiled, &data.training, &data.test, &settings, None, go_on).unwrap().test_accuracy
}

/// The mean of three seeds, side by side.
fn mean(run: impl Fn(u64) -> f64 + Send + Sync) -> f64 {
    let all: Vec<f64> = (0..3u64).into_par_iter().map(run).collect();
    eprintln!("{all:.2?} %");
    all.iter().sum::<f64>() / all.len() as f64
}

/// With the initial masters the same, ternary weights of 1 have sixteen times the variance of such of 1/4.
#[test]
fn ternary_weights_of_one_train_worse_than_fitting_ones() {
    let with_scale = |scale: &str| {
        let ternary =
            "[array]\naccumulator_bits = 48\n[arithmetic]\nfamily = \"ternary\"\n[formats]\nweight = \"Q0.15\"\n";
        mean(|seed| trained(&format!("{ternary}[training]\nweight_scale = {scale}\n"), seed))
    };
    let (fitting, of_one) = (with_scale("[\"2^-2\", \"2^-1\"]"), with_scale("[\"2^0\", \"2^0\"]"));
    assert!(fitting >= 93.0 && of_one <= fitting - 3.0, "fitting {fitting:.2} %, of one {of_one:.2} %");
}

/// Updates below half a step of the master weights are lost unless they are rounded at random.
#[test]
fn narrow_master_weights_need_stochastic_rounding() {
    let narrow = |rounding: &str| {
        let settings = format!("{EXACT}[formats]\nweight = \"Q3.4\"\n[training]\nrounding = \"{rounding}\"\n");
        mean(|seed| trained(&settings, seed))
    };
    let (nearest, stochastic) = (narrow("nearest"), narrow("stochastic"));
    assert!(nearest <= stochastic - 1.0, "nearest {nearest:.2} %, stochastic {stochastic:.2} %");
}

/// Trains with a gradient of p - 1 for the label's class, where p comes from approximate logarithms: its sum over the
/// classes is not zero, and what is left pulls at all classes alike. (The accelerator takes the negated sum of the others.)
#[test]
fn a_gradient_that_does_not_sum_to_zero_trains_worse() {
    let (configuration, data) = digits(EXACT);
    let compiled = &configuration.compiled;
    let plan = compiled.plan();
    let logits = plan.gradient.matrices.last().unwrap();
    let one = 1 << compiled.design().gradient.frac;

    let run = |zero_sum: bool, seed: u64| {
        let mut model = Model::new(compiled.design(), 0).unwrap();
        let mut driver = Driver::new(&mut model, compiled).unwrap();
        let weights = quantised_weights(compiled.task(), seed, compiled.design().weight);
        driver.load_weights(&weights, weight_seed(seed)).unwrap();
        let batch = compiled.task().batch as usize;
        let mut number = 0;
        for epoch in 0..EPOCHS {
            let order = epoch_order(data.training.len(), seed, epoch.into());
            for indices in order.chunks(batch) {
                driver.load_samples(&data.training, indices, sample_seed(seed, number)).unwrap();
                let samples = indices.len() as u32;
                let (_, program) =
                    driver.begin(compiled.task().training(epoch.into()), samples, rounding_seed(seed, number)).unwrap();
                for instruction in &program {
                    let softmax =
                        matches!(instruction, Instruction::Softmax(softmax) if softmax.passes == Passes::Gradient);
                    if !softmax || zero_sum {
                        driver.step().unwrap();
                        continue;
                    }
                    let label = |row: u32| map::address(Region::Label, row);
                    // No class is the label: the gradient of every class is its p.
                    let none: Vec<_> = (0..samples).map(|row| (label(row), 0xffff)).collect();
                    driver.target().write(&none).unwrap();
                    driver.step().unwrap();
                    for (row, &index) in (0..).zip(indices) {
                        let class = data.training.labels()[index as usize];
                        let address = map::address(Region::Gradient, logits.word(plan.banks, row, class.into()));
                        let mut p = [0];
                        driver.target().read(address, &mut p).unwrap();
                        let gradient = (p[0] as i32 - one) as u32;
                        driver.target().write(&[(address, gradient), (label(row), class.into())]).unwrap();
                    }
                }
                driver.check().unwrap();
                number += 1;
            }
        }
        let mut correct = 0;
        let all: Vec<u32> = (0..data.test.len() as u32).collect();
        for indices in all.chunks(batch) {
            driver.load_samples(&data.test, indices, 0).unwrap();
            correct += driver.run(Mode::Evaluate, indices.len() as u32, 0).unwrap().correct;
        }
        100.0 * f64::from(correct) / data.test.len() as f64
    };
    let (with, without) = (mean(|seed| run(true, seed)), mean(|seed| run(false, seed)));
    assert!(with >= 96.7 && without <= with - 2.0, "with {with:.2} %, without {without:.2} %");
}
