//! What a network reaches when it is trained with a unit.

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Result;
use logloom_hdl::arith::Arithmetic;
use logloom_hdl::design::{Design, Format};
use logloom_sim::model::Model;
use rayon::prelude::*;
use serde::Serialize;

use crate::compile::{Compiled, Task};
use crate::config::Configuration;
use crate::run::RunData;
use crate::train::session::{Progress, Settings, train};

/// Test accuracy after the last epoch, over seeds counted from 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Accuracy {
    pub mean: f64,
    pub worst: f64,
    pub each: Vec<f64>,
}

/// Formats for operands of that many bits: those that train the digits well.
fn formats(operand_bits: u32) -> [Format; 3] {
    let format = |int: u32, bits: u32| Format { bits, frac: bits - 1 - int };
    match operand_bits {
        ..=10 => [format(4.min(operand_bits - 1), operand_bits), format(0, operand_bits), format(2, 16)],
        _ => [format(5, operand_bits), format(1, operand_bits), format(3, 16)],
    }
}

/// The configuration's network and training with products of this unit: formats and accumulators suit it, all else is kept.
///
/// # Errors
/// As [`Compiled::new`].
pub fn compiled(configuration: &Configuration, unit: Arc<dyn Arithmetic>) -> Result<Compiled> {
    let own = &configuration.compiled;
    let [activation, gradient, mut weight] = formats(unit.operand_bits());
    let mut task = own.task().clone();
    if unit.weight_coding().is_some() {
        // Weights are -W0, 0 or W0, and the masters fill that range.
        weight = Format { bits: weight.bits, frac: weight.bits - 1 };
        task.weight_scales = glorot(&task);
    }
    let design = Design { activation, gradient, weight, ..own.design().clone() };
    // Accumulators and shifts are worked out with the unit itself.
    let design = Design { arithmetic: unit.clone(), accumulator_bits: 48, ..design };
    let design =
        Design { accumulator_bits: crate::compile::accumulator_bits(&design, &task.network, task.batch), ..design };
    Ok(Compiled::new(&task, &design)?)
}

/// The bound of the initial weights of each layer, as the next power of two. (Lin et al. 2016 take half of it, and batch
/// normalisation, which makes up for small weights.)
fn glorot(task: &Task) -> Vec<u32> {
    let scale = |ends: &[u32]| {
        let bound = (6.0 / f64::from(ends[0] + ends[1])).sqrt();
        (-bound.log2()).floor().max(0.0) as u32
    };
    task.network.windows(2).map(scale).collect()
}

/// Trains on the model once per seed, as many at a time as the machine has processors; `observe` is called after each.
///
/// # Errors
/// If the data cannot be loaded, or the network does not suit the unit.
pub fn accuracy(
    configuration: &Configuration,
    unit: &Arc<dyn Arithmetic>,
    seeds: u32,
    observe: &(dyn Fn() + Sync),
) -> Result<Accuracy> {
    let compiled = compiled(configuration, unit.clone())?;
    let data = RunData::load(&Configuration { compiled: compiled.clone(), ..configuration.clone() })?;
    let run = |seed: u32| -> Result<f64> {
        let mut model = Model::new(compiled.design(), 0)?;
        let settings = Settings { epochs: configuration.training.epochs, seed: seed.into(), checkpoint: None };
        let go_on = &mut |_: &Progress<'_>| ControlFlow::Continue(());
        let result = train(&mut model, &compiled, &data.training, &data.test, &settings, None, go_on)?;
        observe();
        Ok(result.test_accuracy)
    };
    let each: Vec<f64> = (0..seeds).into_par_iter().map(run).collect::<Result<_>>()?;
    let mean = each.iter().sum::<f64>() / each.len() as f64;
    let worst = each.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(Accuracy { mean, worst, each })
}
