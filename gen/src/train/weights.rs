//! Weights and samples in fixed point: initial values, quantisation.

use logloom_hdl::design::Format;
use thiserror::Error;

use super::checkpoint::{Checkpoint, CheckpointError, Tensor};
use crate::compile::Task;
use crate::data::{self, DataError, Dataset, Normalise};
use crate::random::SplitMix64;

/// Stream of the seed for initial weights. Epochs count up from 0 and the split takes `u64::MAX`, so neither meets it.
const WEIGHT_STREAM: u64 = u64::MAX - 1;

/// The nearest value of a format, half up, in units of its last bit; clamped to its range. NaN gives 0.
pub fn quantise(value: f64, format: Format) -> i32 {
    let scaled = (value * 2f64.powi(format.frac as i32) + 0.5).floor();
    let limit = 2f64.powi(format.bits as i32 - 1);
    scaled.clamp(-limit, limit - 1.0) as i32
}

/// Initial weights of each layer, (n_(l-1) + 1) x n_l row-major, the last row (the bias) zero.
///
/// Uniform in +-sqrt(6 / (n_(l-1) + n_l)) (Glorot and Bengio, "Understanding the difficulty of training deep
/// feedforward neural networks", AISTATS 2010). A function of the layers and the seed alone: fixed-point and
/// floating-point runs begin at the same point.
pub fn initial_weights(network: &[u32], seed: u64) -> Vec<Vec<f64>> {
    let mut random = SplitMix64::stream(seed, WEIGHT_STREAM);
    let layer = |ends: &[u32]| {
        let (inputs, outputs) = (ends[0] as usize, ends[1] as usize);
        let bound = (6.0 / (inputs + outputs) as f64).sqrt();
        let mut weights: Vec<f64> = (0..inputs * outputs).map(|_| random.uniform(-bound, bound)).collect();
        weights.resize((inputs + 1) * outputs, 0.0);
        weights
    };
    network.windows(2).map(layer).collect()
}

/// The master weights of a network: tensor l - 1, named `layer<l>`, is (n_(l-1) + 1) x n_l, its last row the bias.
///
/// This order (layers, rows, columns) is the one of [`state_digest`](super::checkpoint::state_digest).
pub type Weights = Vec<Tensor>;

/// Name of the weights into layer l, l = 1 .. L.
pub fn tensor_name(l: usize) -> String {
    format!("layer{l}")
}

/// Name of the codes of these weights, which a checkpoint has where they are drawn.
pub fn code_name(l: usize) -> String {
    format!("layer{l}.code")
}

/// [`initial_weights`] as master weights of this format, each layer in its own scale.
pub fn quantised_weights(task: &Task, seed: u64, format: Format) -> Weights {
    let network = &task.network;
    let tensor = |(l, values): (usize, Vec<f64>)| Tensor {
        name: tensor_name(l + 1),
        rows: network[l] as usize + 1,
        cols: network[l + 1] as usize,
        values: values.into_iter().map(|value| quantise(value, task.weight_format(l + 1, format))).collect(),
    };
    initial_weights(network, seed).into_iter().enumerate().map(tensor).collect()
}

fn tensors_of(
    checkpoint: &Checkpoint,
    network: &[u32],
    name: fn(usize) -> String,
) -> Result<Vec<Tensor>, CheckpointError> {
    let layer = |l: usize| checkpoint.tensor(&name(l), network[l - 1] as usize + 1, network[l] as usize).cloned();
    (1..network.len()).map(layer).collect()
}

/// The drawn codes of this network's weights in a checkpoint.
///
/// # Errors
/// As [`weights_of`].
pub fn codes_of(checkpoint: &Checkpoint, network: &[u32]) -> Result<Vec<Tensor>, CheckpointError> {
    tensors_of(checkpoint, network, code_name)
}

/// The weights of this network in a checkpoint.
///
/// # Errors
/// [`CheckpointError::Missing`] or [`CheckpointError::OtherShape`] if it belongs to another network.
pub fn weights_of(checkpoint: &Checkpoint, network: &[u32]) -> Result<Weights, CheckpointError> {
    let weights: Weights = tensors_of(checkpoint, network, tensor_name)?;
    if checkpoint.layers.iter().filter(|tensor| !tensor.name.ends_with(".code")).count() > weights.len() {
        // A deeper network whose first layers agree by chance.
        let found = checkpoint.layers.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(CheckpointError::Missing { name: format!("set of {} layers", weights.len()), found });
    }
    Ok(weights)
}

/// Labelled samples as operands of the accelerator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples {
    /// Units of the activation format's last bit, samples x features, row-major.
    inputs: Vec<i16>,
    features: usize,
    labels: Vec<u16>,
    /// Inputs outside the format's range.
    clipped: usize,
}

/// Why a data set does not suit a network.
#[derive(Debug, Error)]
pub enum SamplesError {
    #[error(
        "the data has {found} values per sample, and the network has {expected} inputs; change network.layers or the data"
    )]
    Features { found: usize, expected: usize },
    #[error("the data has no samples; name a file with at least one")]
    Empty,
    #[error(transparent)]
    Data(#[from] DataError),
}

impl Samples {
    /// Normalises and quantises a data set for a network with that many inputs and classes.
    ///
    /// # Errors
    /// [`SamplesError`]: the sizes differ, a label names no class, there are no samples, or the normalisation fails.
    pub fn new(
        data: &Dataset,
        normalise: &Normalise,
        inputs: usize,
        classes: usize,
        activation: Format,
    ) -> Result<Self, SamplesError> {
        data::check_labels(data, classes)?;
        Self::unlabelled(data, normalise, inputs, activation)
    }

    /// The same without a look at the labels, for prediction.
    ///
    /// # Errors
    /// As [`Samples::new`].
    pub fn unlabelled(
        data: &Dataset,
        normalise: &Normalise,
        inputs: usize,
        activation: Format,
    ) -> Result<Self, SamplesError> {
        if data.samples() == 0 {
            return Err(SamplesError::Empty);
        }
        if data.features != inputs {
            return Err(SamplesError::Features { found: data.features, expected: inputs });
        }
        let values = normalise.apply(data)?;
        let limit = 2f64.powi((activation.bits - 1 - activation.frac) as i32);
        Ok(Samples {
            clipped: values.iter().filter(|&&v| f64::from(v) >= limit || f64::from(v) < -limit).count(),
            // Operands have at most 16 bits.
            inputs: values.iter().map(|&v| quantise(v.into(), activation) as i16).collect(),
            features: data.features,
            labels: data.labels.clone(),
        })
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never, for samples that [`Samples::new`] made.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values per sample.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The operands of one sample.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn input(&self, sample: usize) -> &[i16] {
        &self.inputs[sample * self.features..][..self.features]
    }

    /// The class of each sample.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// How many inputs lay outside the activation format's range and were clamped: more than a few say that the
    /// normalisation is wrong.
    pub fn clipped(&self) -> usize {
        self.clipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture::task;

    fn format(text: &str) -> Format {
        text.parse().unwrap()
    }

    #[test]
    fn quantisation_rounds_half_up_and_saturates() {
        let q = |value| quantise(value, format("Q1.2"));
        assert_eq!([0.0, 0.124, 0.125, -0.125, -0.126, 1.0].map(q), [0, 0, 1, 0, -1, 4]);
        assert_eq!([1.75, 1.9, 100.0, -2.0, -2.1, -1e300, f64::NAN].map(q), [7, 7, 7, -8, -8, -8, 0]);
        assert_eq!(quantise(1.0, format("Q0.15")), 32767);
    }

    #[test]
    fn initial_weights_fill_their_bound_and_biases_are_zero() {
        let weights = initial_weights(&[64, 32, 10], 0);
        assert_eq!([weights[0].len(), weights[1].len()], [65 * 32, 33 * 10]);
        let bound = (6.0f64 / 96.0).sqrt();
        let (matrix, bias) = weights[0].split_at(64 * 32);
        assert!(bias.iter().all(|w| *w == 0.0));
        assert!(matrix.iter().all(|w| w.abs() <= bound) && matrix.iter().any(|w| w.abs() > 0.99 * bound));
        // The mean of 2048 uniform numbers: standard deviation bound / sqrt(3 * 2048).
        assert!((matrix.iter().sum::<f64>() / 2048.0).abs() < 5.0 * bound / 78.0);
        assert_eq!(initial_weights(&[64, 32, 10], 0), weights);
        assert_ne!(initial_weights(&[64, 32, 10], 1), weights);
        let tensors = quantised_weights(&task(&[64, 32, 10], 16), 0, format("Q3.12"));
        assert_eq!((tensors[1].name.as_str(), tensors[1].rows, tensors[1].cols), ("layer2", 33, 10));
        assert!((f64::from(tensors[0].values[5]) / 4096.0 - weights[0][5]).abs() <= 0.5 / 4096.0);
    }

    #[test]
    fn checkpoints_of_other_networks_are_refused() {
        let layers = quantised_weights(&task(&[4, 3, 2], 4), 0, format("Q3.12"));
        let checkpoint = Checkpoint { layers: layers.clone(), ..Checkpoint::default() };
        assert_eq!(weights_of(&checkpoint, &[4, 3, 2]).unwrap(), layers);
        assert!(matches!(weights_of(&checkpoint, &[4, 3]), Err(CheckpointError::Missing { .. })));
        assert!(matches!(weights_of(&checkpoint, &[4, 3, 2, 2]), Err(CheckpointError::Missing { .. })));
        assert!(matches!(weights_of(&checkpoint, &[5, 3, 2]), Err(CheckpointError::OtherShape { .. })));
    }

    #[test]
    fn samples_are_checked_and_quantised() {
        let data = Dataset { inputs: vec![0.0, 8.0, 16.0, 640.0], features: 2, labels: vec![0, 2] };
        let range = Normalise::Range { min: 0.0, max: 16.0 };
        let samples = Samples::new(&data, &range, 2, 3, format("Q5.10")).unwrap();
        assert_eq!(samples.input(0), [0, 512]);
        assert_eq!(samples.input(1), [1024, 32767]);
        assert_eq!((samples.len(), samples.clipped()), (2, 1));
        assert!(matches!(Samples::new(&data, &range, 2, 2, format("Q5.10")), Err(SamplesError::Data(_))));
        let error = Samples::new(&data, &range, 3, 3, format("Q5.10")).unwrap_err().to_string();
        assert!(error.contains("2 values per sample") && error.contains("3 inputs"), "{error}");
        let empty = Dataset { inputs: vec![], features: 2, labels: vec![] };
        assert!(matches!(Samples::new(&empty, &range, 2, 3, format("Q5.10")), Err(SamplesError::Empty)));
    }
}
