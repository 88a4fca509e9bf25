//! Training runs: epochs, evaluation, checkpoints, resumption; and prediction.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Result;
use logloom_hdl::control::isa::Rounding;
use logloom_hdl::host::map::Register;
use logloom_sim::model::Model;
use logloom_sim::target::Target;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::checkpoint::{Checkpoint, CheckpointError, Tensor, state_digest};
use super::curve::EpochRecord;
use super::driver::{Counters, Driver, rounding_seed, sample_seed, weight_seed};
use super::weights::{Samples, Weights, codes_of, quantised_weights, weights_of};
use crate::compile::{Compiled, Mode};
use crate::data::epoch_order;

/// Version of a checkpoint's metadata.
const FORMAT_VERSION: &str = "2";

/// How long a run lasts and what it leaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Epochs of the whole run, those before a resumption included.
    pub epochs: u32,
    /// Of initial weights, the order of samples, and the rounding generators.
    pub seed: u64,
    /// Where each epoch's checkpoint goes; the last one stays.
    pub checkpoint: Option<PathBuf>,
}

/// What a run has achieved.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainResult {
    /// Fraction of the test samples that the final weights classify correctly.
    pub test_accuracy: f64,
    /// Fraction of the training samples that were classified correctly during the last epoch, each before the step
    /// that it was part of; for a run without epochs, that of the initial weights.
    pub train_accuracy: f64,
    /// Mean loss of the same samples, nats.
    pub loss: f64,
    /// Weight updates of the whole run, one per batch.
    pub steps: u64,
    /// Clock cycles of those steps, without evaluation and host transfers; none on a target without a clock.
    pub cycles: Option<u64>,
    /// SHA-256 of all weights and biases: layers in order, each (inputs + 1) x outputs row-major with the bias last, each
    /// value as a little-endian `i32`.
    pub state_sha256: String,
    /// One per completed epoch, those before a resumption included.
    pub records: Vec<EpochRecord>,
    /// Whether the observer stopped the run before its last epoch. The epoch that was under way is forgotten.
    pub stopped: bool,
}

/// Where a run is, for a progress display.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    /// Completed epochs.
    pub epoch: u32,
    pub epochs: u32,
    /// Completed steps of this epoch.
    pub step: u32,
    pub steps: u32,
    /// Mean loss and accuracy of the epoch under way.
    pub loss: f64,
    pub accuracy: f64,
    /// Set when an epoch has just been completed.
    pub record: Option<&'a EpochRecord>,
}

/// A checkpoint that does not continue this run.
#[derive(Debug, Error)]
pub enum ResumeError {
    #[error(transparent)]
    Weights(#[from] CheckpointError),
    #[error("the checkpoint has no {key}; resume from a file that `logloom train` wrote")]
    Missing { key: &'static str },
    #[error(
        "the checkpoint's {key} is {found}, this run's is {expected}; resume with the configuration and data it began with"
    )]
    Different { key: &'static str, found: String, expected: String },
    #[error("the checkpoint's {key} cannot be understood: {found}")]
    Malformed { key: &'static str, found: String },
    #[error("the checkpoint has completed {epoch} epochs, more than the {epochs} of this run; raise training.epochs")]
    Beyond { epoch: u32, epochs: u32 },
}

/// Sums over the runs of an epoch or an evaluation.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    samples: u64,
    loss: u64,
    correct: u64,
    saturated: u64,
    zero_updates: u64,
    cycles: u64,
}

impl Totals {
    fn add(&mut self, samples: usize, counters: &Counters) {
        self.samples += samples as u64;
        self.loss += u64::from(counters.loss);
        self.correct += u64::from(counters.correct);
        self.saturated += u64::from(counters.saturated);
        self.zero_updates += u64::from(counters.zero_updates);
        self.cycles += u64::from(counters.cycles);
    }

    /// Nats per sample; LOSS counts in 2^-8 bits.
    fn loss(&self) -> f64 {
        self.loss as f64 / 256.0 * std::f64::consts::LN_2 / self.samples.max(1) as f64
    }

    fn accuracy(&self) -> f64 {
        self.correct as f64 / self.samples.max(1) as f64
    }
}

/// Trains a network on a target, from the seed or from a checkpoint, and tests it after every epoch.
///
/// Equal arguments give equal weights, records and checkpoints on every target (cycles apart), and a run that was resumed
/// gives those of one that was not interrupted. `observe` is called after every step; `Break` stops the run, which
/// then counts as having ended with its last complete epoch.
///
/// # Errors
/// If the target fails, a checkpoint cannot be written, or ([`ResumeError`]) `resume` belongs to another run.
pub fn train(
    target: &mut dyn Target,
    compiled: &Compiled,
    training: &Samples,
    test: &Samples,
    settings: &Settings,
    resume: Option<&Checkpoint>,
    observe: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<TrainResult> {
    let identity = identity(compiled, training, settings.seed);
    let network = &compiled.task().network;
    let clocked = target.cycles().is_some();
    let mut driver = Driver::new(target, compiled)?;
    let (mut weights, mut records) = match resume {
        Some(checkpoint) => resumed(checkpoint, compiled, &identity, settings)?,
        None => (quantised_weights(compiled.task(), settings.seed, compiled.design().weight), Vec::new()),
    };
    driver.load_weights(&weights, weight_seed(settings.seed))?;
    if let Some(checkpoint) = resume.filter(|_| compiled.design().draws_weights()) {
        driver.load_codes(&codes_of(checkpoint, network)?)?;
    }
    let mut tester = Tester::new(compiled)?;

    let batch = compiled.task().batch as usize;
    let steps = training.len().div_ceil(batch) as u32;
    let mut stopped = false;
    'run: for epoch in records.len() as u32..settings.epochs {
        let order = epoch_order(training.len(), settings.seed, epoch.into());
        let mode = compiled.task().training(epoch.into());
        let mut totals = Totals::default();
        for (step, indices) in (0..).zip(order.chunks(batch)) {
            let number = u64::from(epoch) * u64::from(steps) + u64::from(step);
            driver.load_samples(training, indices, sample_seed(settings.seed, number))?;
            let seed = rounding_seed(settings.seed, number);
            totals.add(indices.len(), &driver.run(mode, indices.len() as u32, seed)?);
            // The epoch's last step is reported with its record.
            if step + 1 < steps {
                let progress = progress(epoch, step + 1, steps, settings, &totals, None);
                if observe(&progress).is_break() {
                    stopped = true;
                    break 'run;
                }
            }
        }
        weights = driver.read_weights()?;
        let tested = tester.evaluate(&mut driver, &weights, test)?;
        records.push(EpochRecord {
            epoch: epoch + 1,
            loss: totals.loss(),
            train_accuracy: totals.accuracy(),
            test_accuracy: tested.accuracy(),
            saturated: Register::Saturated.exists(compiled.design()).then_some(totals.saturated),
            zero_updates: Register::ZeroUpdates.exists(compiled.design()).then_some(totals.zero_updates),
            updates: u64::from(steps) * compiled.weight_count(),
            cycles: clocked.then_some(totals.cycles),
        });
        if let Some(path) = &settings.checkpoint {
            checkpoint(&weights, driver.read_codes()?, &identity, &records).save(path)?;
        }
        let progress = progress(epoch + 1, steps, steps, settings, &totals, records.last());
        if observe(&progress).is_break() {
            stopped = epoch + 1 < settings.epochs;
            break;
        }
    }

    let (train_accuracy, loss, test_accuracy) = match records.last() {
        Some(last) => (last.train_accuracy, last.loss, last.test_accuracy),
        None => {
            // Also after a stop within the first epoch, which the result must not show.
            driver.load_weights(&weights, weight_seed(settings.seed))?;
            let trained = tester.evaluate(&mut driver, &weights, training)?;
            let tested = tester.evaluate(&mut driver, &weights, test)?;
            (trained.accuracy(), trained.loss(), tested.accuracy())
        }
    };
    Ok(TrainResult {
        test_accuracy,
        train_accuracy,
        loss,
        steps: records.len() as u64 * u64::from(steps),
        cycles: clocked.then(|| records.iter().filter_map(|r| r.cycles).sum()),
        state_sha256: state_digest(&Checkpoint { layers: weights, ..Checkpoint::default() }),
        records,
        stopped,
    })
}

fn progress<'a>(
    epoch: u32,
    step: u32,
    steps: u32,
    settings: &Settings,
    totals: &Totals,
    record: Option<&'a EpochRecord>,
) -> Progress<'a> {
    let (loss, accuracy) = (totals.loss(), totals.accuracy());
    Progress { epoch, epochs: settings.epochs, step, steps, loss, accuracy, record }
}

/// Runs `each` batch of all samples in their order.
fn batches(
    driver: &mut Driver<'_>,
    samples: &Samples,
    mut each: impl FnMut(&mut Driver<'_>, u32) -> Result<()>,
) -> Result<()> {
    let indices: Vec<u32> = (0..samples.len() as u32).collect();
    for indices in indices.chunks(driver.compiled().task().batch as usize) {
        driver.load_samples(samples, indices, 0)?;
        each(driver, indices.len() as u32)?;
    }
    Ok(())
}

fn evaluate(driver: &mut Driver<'_>, samples: &Samples) -> Result<Totals> {
    let mut totals = Totals::default();
    batches(driver, samples, |driver, count| {
        totals.add(count as usize, &driver.run(Mode::Evaluate, count, 0)?);
        Ok(())
    })?;
    Ok(totals)
}

/// Where a network is tested: on the target itself, or on the model of the accelerator that its family is tested with.
struct Tester(Option<(Model, Compiled)>);

impl Tester {
    fn new(compiled: &Compiled) -> Result<Self> {
        let Some(twin) = compiled.tested_with()? else { return Ok(Self(None)) };
        Ok(Self(Some((Model::new(twin.design(), 0)?, twin))))
    }

    /// Loss and correct predictions of these weights, which are those of `driver`.
    fn evaluate(&mut self, driver: &mut Driver<'_>, weights: &Weights, samples: &Samples) -> Result<Totals> {
        match &mut self.0 {
            None => evaluate(driver, samples),
            Some((model, twin)) => {
                let mut driver = Driver::new(model, twin)?;
                driver.load_weights(weights, 0)?;
                evaluate(&mut driver, samples)
            }
        }
    }
}

/// The class that a network gives a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    pub class: u16,
    /// Of that class, by the accelerator's logarithmic softmax: 0 to 1.
    pub probability: f64,
}

/// Classifies all samples with the weights of a checkpoint; on the model where the family is tested with another arithmetic
/// than the target's.
///
/// # Errors
/// If the target fails, or ([`CheckpointError`]) the checkpoint belongs to another network.
pub fn predict(
    target: &mut dyn Target,
    compiled: &Compiled,
    checkpoint: &Checkpoint,
    samples: &Samples,
) -> Result<Vec<Prediction>> {
    let weights = weights_of(checkpoint, &compiled.task().network)?;
    let mut tester = Tester::new(compiled)?;
    let mut driver = match &mut tester.0 {
        None => Driver::new(target, compiled)?,
        Some((model, twin)) => Driver::new(model, twin)?,
    };
    driver.load_weights(&weights, 0)?;
    let mut predictions = Vec::with_capacity(samples.len());
    batches(&mut driver, samples, |driver, count| {
        driver.run(Mode::Predict, count, 0)?;
        // The largest logit's own exponential is 1, so its share of the sum is 2^-log_sum.
        predictions.extend(
            driver
                .predictions(count)?
                .into_iter()
                .map(|(class, log_sum)| Prediction { class, probability: (-f64::from(log_sum) / 256.0).exp2() }),
        );
        Ok(())
    })?;
    Ok(predictions)
}

/// Everything that decides the weights after a given epoch, by name. A checkpoint of the same identity continues the
/// run; the number of epochs is not part of it.
fn identity(compiled: &Compiled, training: &Samples, seed: u64) -> Vec<(&'static str, String)> {
    let task = compiled.task();
    let network = task.network.iter().map(u32::to_string).collect::<Vec<_>>().join("-");
    let mut data = Sha256::new();
    for sample in 0..training.len() {
        data.update(training.labels()[sample].to_le_bytes());
        let input: Vec<u8> = training.input(sample).iter().flat_map(|v| v.to_le_bytes()).collect();
        data.update(input);
    }
    let milestones: Vec<String> = task.milestones.iter().map(u32::to_string).collect();
    let rounding = match task.rounding {
        Rounding::Nearest => "nearest",
        Rounding::Stochastic => "stochastic",
    };
    vec![
        ("format_version", FORMAT_VERSION.to_string()),
        ("network", network),
        ("design", hex(Sha256::digest(compiled.design().digest_text()))),
        ("batch", task.batch.to_string()),
        ("learning_rate", format!("2^-{}", task.learning_rate_shift)),
        ("milestones", milestones.join(" ")),
        ("rounding", rounding.to_string()),
        ("weight_scale", task.weight_scales.iter().map(|s| format!("2^-{s}")).collect::<Vec<_>>().join(" ")),
        ("seed", seed.to_string()),
        ("data", hex(data.finalize())),
    ]
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

const EPOCH_KEY: &str = "epoch";
const HISTORY_KEY: &str = "history";

fn checkpoint(
    weights: &Weights,
    codes: Vec<Tensor>,
    identity: &[(&'static str, String)],
    records: &[EpochRecord],
) -> Checkpoint {
    let layers = [weights.clone(), codes].concat();
    let mut checkpoint = Checkpoint { layers, ..Checkpoint::default() };
    let history = serde_json::to_string(records).expect("records are plain numbers");
    let progress = [(EPOCH_KEY, records.len().to_string()), (HISTORY_KEY, history)];
    checkpoint.metadata.extend(identity.iter().cloned().chain(progress).map(|(key, value)| (key.to_string(), value)));
    checkpoint
}

/// Weights and records of a checkpoint of the same run.
fn resumed(
    checkpoint: &Checkpoint,
    compiled: &Compiled,
    identity: &[(&'static str, String)],
    settings: &Settings,
) -> Result<(Weights, Vec<EpochRecord>), ResumeError> {
    let value = |key: &'static str| checkpoint.metadata.get(key).ok_or(ResumeError::Missing { key });
    // The network first: its error says more than two digests.
    let weights = weights_of(checkpoint, &compiled.task().network)?;
    for &(key, ref expected) in identity {
        let found = value(key)?;
        if found != expected {
            return Err(ResumeError::Different { key, found: found.clone(), expected: expected.clone() });
        }
    }
    let malformed = |key: &'static str, found: &str| ResumeError::Malformed { key, found: found.to_string() };
    let history = value(HISTORY_KEY)?;
    let records: Vec<EpochRecord> =
        serde_json::from_str(history).map_err(|error| malformed(HISTORY_KEY, &error.to_string()))?;
    let epoch = value(EPOCH_KEY)?;
    if *epoch != records.len().to_string() {
        return Err(malformed(EPOCH_KEY, epoch));
    }
    // Masters outside their format would be cut by the host port without a word.
    let limit = 1i32 << (compiled.design().weight.bits - 1);
    for tensor in &weights {
        if let Some(wrong) = tensor.values.iter().find(|v| !(-limit..limit).contains(v)) {
            return Err(malformed("weights", &format!("{wrong} in {}", tensor.name)));
        }
    }
    let epoch = records.len() as u32;
    if epoch > settings.epochs {
        return Err(ResumeError::Beyond { epoch, epochs: settings.epochs });
    }
    Ok((weights, records))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::Task;
    use crate::compile::fixture::{self, compiled, exact, mitchell};
    use crate::data::{Dataset, Normalise, Source, load};
    use crate::train::float::{self, FloatNetwork};
    use logloom_hdl::arith::{Arithmetic, family};
    use logloom_sim::model::Model;
    use rayon::prelude::*;
    use std::path::Path;
    use std::sync::Arc;

    fn digits(part: &str) -> Dataset {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/digits");
        let file = |kind: &str| folder.join(format!("{part}-{kind}.idx"));
        load(&Source::Idx { inputs: file("images"), labels: file("labels") }).unwrap()
    }

    fn samples(data: &Dataset, compiled: &Compiled) -> Samples {
        let range = Normalise::Range { min: 0.0, max: 16.0 };
        Samples::new(data, &range, compiled.inputs(), compiled.classes(), compiled.design().activation).unwrap()
    }

    fn run(compiled: &Compiled, epochs: u32, seed: u64) -> TrainResult {
        let mut model = Model::new(compiled.design(), 0).unwrap();
        let (training, test) = (samples(&digits("train"), compiled), samples(&digits("test"), compiled));
        let settings = Settings { epochs, seed, checkpoint: None };
        train(&mut model, compiled, &training, &test, &settings, None, &mut |_| ControlFlow::Continue(())).unwrap()
    }

    /// Mean and worst test accuracy in percent, over the seeds 0..5.
    fn accuracy(arithmetic: Arc<dyn Arithmetic>) -> (f64, f64) {
        let compiled = compiled(&[64, 32, 10], 16, 8, 8, arithmetic);
        let one = |seed| 100.0 * run(&compiled, 40, seed).test_accuracy;
        let all: Vec<f64> = (0..5u64).into_par_iter().map(one).collect();
        eprintln!("{all:.2?} %");
        (all.iter().sum::<f64>() / 5.0, all.iter().copied().fold(100.0, f64::min))
    }

    /// The promised figures: last epoch, nothing chosen on the test set.
    #[test]
    fn logarithmic_arithmetic_trains_digits() {
        let (mean, worst) = accuracy(mitchell(4, 16));
        assert!(mean >= 96.7 && worst >= 96.0, "mean {mean:.2} %, worst {worst:.2} %");
        let (exact_mean, _) = accuracy(exact());
        assert!((exact_mean - mean).abs() <= 0.5, "exact {exact_mean:.2} %, mitchell {mean:.2} %");
    }

    /// The yardstick itself must train, or being near it would mean nothing.
    #[test]
    fn floating_point_trains_digits() {
        let (task, range) = (fixture::task(&[64, 32, 10], 16), Normalise::Range { min: 0.0, max: 16.0 });
        let (training, test) = (digits("train"), digits("test"));
        let result = |seed| float::train(&task, &training, &test, &range, 40, seed).unwrap().test_accuracy;
        let all: Vec<f64> = (0..5).map(|seed| 100.0 * result(seed)).collect();
        eprintln!("{all:.2?} %");
        let mean = all.iter().sum::<f64>() / 5.0;
        assert!(mean >= 96.5, "{mean:.2} %");
    }

    /// Three classes that a line cannot part, 40 samples; the last batch of 16 has 8.
    fn rings(count: usize) -> Dataset {
        let point = |i: usize| {
            let (class, angle) = (i % 3, i as f32 * 2.4);
            let radius = 0.2 + 0.35 * class as f32;
            [radius * angle.cos(), radius * angle.sin()]
        };
        let labels = (0..count).map(|i| (i % 3) as u16).collect();
        Dataset { inputs: (0..count).flat_map(point).collect(), features: 2, labels }
    }

    struct Rings {
        compiled: Compiled,
        samples: Samples,
    }

    impl Rings {
        fn new(rounding: Rounding) -> Self {
            let nearest = compiled(&[2, 12, 3], 16, 3, 2, mitchell(4, 8));
            let task = Task { rounding, ..nearest.task().clone() };
            let compiled = Compiled::new(&task, nearest.design()).unwrap();
            let samples = Samples::new(&rings(40), &Normalise::None, 2, 3, compiled.design().activation).unwrap();
            Rings { compiled, samples }
        }

        /// With weights and activations whose codes are drawn at random.
        fn drawn() -> Self {
            let rings = Self::new(Rounding::Nearest);
            let ternary = family::find("ternary").unwrap().parse("operand_bits=16").unwrap();
            Rings { compiled: rings.compiled.with_arithmetic(ternary).unwrap(), ..rings }
        }

        /// With a learning rate that falls.
        fn falling() -> Self {
            let rings = Self::new(Rounding::Stochastic);
            let task = Task { milestones: vec![2, 5], ..rings.compiled.task().clone() };
            Rings { compiled: Compiled::new(&task, rings.compiled.design()).unwrap(), ..rings }
        }

        fn train(
            &self,
            settings: &Settings,
            resume: Option<&Checkpoint>,
            stop_at: Option<(u32, u32)>,
        ) -> Result<TrainResult> {
            let mut model = Model::new(self.compiled.design(), 0).unwrap();
            let mut observe = |p: &Progress<'_>| {
                if Some((p.epoch, p.step)) == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            super::train(&mut model, &self.compiled, &self.samples, &self.samples, settings, resume, &mut observe)
        }
    }

    fn settings(epochs: u32, checkpoint: Option<&Path>) -> Settings {
        Settings { epochs, seed: 7, checkpoint: checkpoint.map(Path::to_path_buf) }
    }

    /// Stochastic rounding draws from a seed per step, so it would show a step that is counted twice. Drawn weights are part of
    /// the state.
    #[test]
    fn a_resumed_run_is_the_same_run() {
        let plain = [Rings::new(Rounding::Nearest), Rings::new(Rounding::Stochastic)];
        for rings in plain.into_iter().chain([Rings::drawn(), Rings::falling()]) {
            let folder = tempfile::tempdir().unwrap();
            let (whole_path, path) = (folder.path().join("whole"), folder.path().join("parts"));
            let whole = rings.train(&settings(6, Some(&whole_path)), None, None).unwrap();
            assert_eq!((whole.records.len(), whole.steps, whole.stopped), (6, 18, false));

            // Stopped in the middle of the fifth epoch, which is begun again.
            let first = rings.train(&settings(6, Some(&path)), None, Some((4, 2))).unwrap();
            assert!(first.stopped && first.records.len() == 4);
            let checkpoint = Checkpoint::load(&path).unwrap();
            let rest = rings.train(&settings(6, Some(&path)), Some(&checkpoint), None).unwrap();
            assert_eq!(rest, whole);
            assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&whole_path).unwrap());
            assert_ne!(first.state_sha256, whole.state_sha256);
        }
        let digest = |rounding| Rings::new(rounding).train(&settings(1, None), None, None).unwrap().state_sha256;
        assert_ne!(digest(Rounding::Nearest), digest(Rounding::Stochastic));
        let falling = |epochs| Rings::falling().train(&settings(epochs, None), None, None).unwrap().state_sha256;
        let even =
            |epochs| Rings::new(Rounding::Stochastic).train(&settings(epochs, None), None, None).unwrap().state_sha256;
        assert_eq!(falling(2), even(2));
        assert_ne!(falling(3), even(3));
    }

    #[test]
    fn a_run_without_an_epoch_judges_its_initial_weights() {
        let rings = Rings::new(Rounding::Nearest);
        let none = rings.train(&settings(0, None), None, None).unwrap();
        // Also one that is stopped before its first epoch is complete.
        let stopped = rings.train(&settings(3, None), None, Some((0, 1))).unwrap();
        assert_eq!(TrainResult { stopped: false, ..stopped }, none);
        assert!(none.steps == 0 && none.records.is_empty() && none.loss > 0.0);
    }

    #[test]
    fn checkpoints_of_other_runs_are_refused() {
        let rings = Rings::new(Rounding::Nearest);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        rings.train(&settings(2, Some(&path)), None, None).unwrap();
        let good = Checkpoint::load(&path).unwrap();
        let refused = |rings: &Rings, settings: &Settings, checkpoint: &Checkpoint| {
            rings.train(settings, Some(checkpoint), None).unwrap_err().to_string()
        };
        let other_seed = Settings { seed: 8, ..settings(2, None) };
        let error = refused(&rings, &other_seed, &good);
        assert!(error.contains("seed is 7, this run's is 8"), "{error}");
        assert!(refused(&Rings::new(Rounding::Stochastic), &settings(2, None), &good).contains("rounding is nearest"));
        assert!(refused(&rings, &settings(1, None), &good).contains("2 epochs"));

        let mut bad = good.clone();
        bad.metadata.remove("history");
        assert!(refused(&rings, &settings(2, None), &bad).contains("no history"));
        let mut bad = good.clone();
        bad.metadata.insert("epoch".into(), "1".into());
        assert!(refused(&rings, &settings(2, None), &bad).contains("epoch cannot be understood: 1"));
        let mut bad = good.clone();
        bad.layers[1].values[3] = 40_000;
        assert!(refused(&rings, &settings(2, None), &bad).contains("40000 in layer2"));
        let mut bad = good;
        bad.layers[0].name = "other".into();
        assert!(refused(&rings, &settings(2, None), &bad).contains("another network"));
    }

    #[test]
    fn predictions_agree_with_the_test_accuracy() {
        let rings = Rings::new(Rounding::Nearest);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let result = rings.train(&settings(60, Some(&path)), None, None).unwrap();
        assert!(result.test_accuracy > 0.7, "{result:?}");
        let mut model = Model::new(rings.compiled.design(), 0).unwrap();
        let checkpoint = Checkpoint::load(&path).unwrap();
        let predictions = predict(&mut model, &rings.compiled, &checkpoint, &rings.samples).unwrap();
        let right = predictions.iter().zip(rings.samples.labels()).filter(|(p, label)| p.class == **label).count();
        assert_eq!(right as f64 / 40.0, result.test_accuracy);
        // Three classes: the likeliest has a third at least, but for the coarse logarithm.
        assert!(predictions.iter().all(|p| (0.3..=1.0).contains(&p.probability)), "{predictions:?}");
    }

    /// The first update against the gradient of the floating-point network, which has been checked by differences.
    #[test]
    fn the_update_follows_the_gradient() {
        let rings = Rings::new(Rounding::Nearest);
        let exact = compiled(&[2, 12, 3], 16, 3, 2, exact());
        for (compiled, least_cosine) in [(&exact, 0.995), (&rings.compiled, 0.98)] {
            let weight = compiled.design().weight;
            let before = quantised_weights(compiled.task(), 5, weight);
            let mut model = Model::new(compiled.design(), 0).unwrap();
            let mut driver = Driver::new(&mut model, compiled).unwrap();
            driver.load_weights(&before, 0).unwrap();
            let batch: Vec<u32> = (0..16).collect();
            driver.load_samples(&rings.samples, &batch, 0).unwrap();
            driver.run(Mode::Train { halvings: 0 }, 16, 0).unwrap();
            let after = driver.read_weights().unwrap();

            let network = FloatNetwork::new(&compiled.task().network, 5);
            let mut gradient = network.zeros();
            let data = rings_inputs();
            for (sample, input) in data.iter().enumerate().take(16) {
                network.accumulate(input, (sample % 3) as u16, &mut gradient);
            }
            for ((before, after), gradient) in before.iter().zip(&after).zip(&gradient) {
                let update = before.values.iter().zip(&after.values).map(|(b, a)| f64::from(b - a));
                let update: Vec<f64> = update.map(|u| u / f64::from(1 << weight.frac)).collect();
                // Rate 2^-3, mean over 16.
                let expected: Vec<f64> = gradient.iter().map(|g| f64::from(*g) / 128.0).collect();
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
                let (size, expected_size) = (dot(&update, &update).sqrt(), dot(&expected, &expected).sqrt());
                let cosine = dot(&update, &expected) / (size * expected_size);
                assert!(cosine > least_cosine, "{} {cosine}", before.name);
                assert!((0.85..1.15).contains(&(size / expected_size)), "{} {size} {expected_size}", before.name);
            }
        }
    }

    fn rings_inputs() -> Vec<Vec<f32>> {
        let data = rings(40);
        (0..data.samples()).map(|sample| data.sample(sample).to_vec()).collect()
    }
}
