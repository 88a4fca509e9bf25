//! The transactions of a training run.

use anyhow::Result;
use logloom_sim::model::Model;

use super::{Part, Recorder, digest};
use crate::compile::Compiled;
use crate::data::epoch_order;
use crate::train::driver::{Driver, rounding_seed, sample_seed, weight_seed};
use crate::train::weights::{Samples, quantised_weights};

/// The first `steps` steps of training on the software model, as [`train`](crate::train::session::train) does them with
/// this seed, and every word of every memory after them.
///
/// # Errors
/// The accelerator stops with an error.
pub fn record_training(compiled: &Compiled, training: &Samples, seed: u64, steps: u64) -> Result<Vec<Part>> {
    let (design, task) = (compiled.design(), compiled.task());
    let model = Model::new(design, digest::word(design))?;
    let mut recorder = Recorder::new(model, "weights", "Constants and initial weights.");
    let weights = quantised_weights(task, seed, design.weight);
    Driver::new(&mut recorder, compiled)?.load_weights(&weights, weight_seed(seed))?;

    let about = format!("Steps of training: {steps}. Each one: samples, labels, run, counters.");
    recorder.part("steps", &about);
    let mut driver = Driver::new(&mut recorder, compiled)?;
    let batches = (0..).flat_map(|epoch| {
        let order = epoch_order(training.len(), seed, epoch);
        let mode = task.training(epoch);
        order.chunks(task.batch as usize).map(|indices| (mode, indices.to_vec())).collect::<Vec<_>>()
    });
    for (step, (mode, indices)) in (0..steps).zip(batches) {
        driver.load_samples(training, &indices, sample_seed(seed, step))?;
        driver.run(mode, indices.len() as u32, rounding_seed(seed, step))?;
    }

    recorder.part("expected", "Every word of every memory after the last step.");
    recorder.read_everything(design)?;
    Ok(recorder.into_parts())
}
