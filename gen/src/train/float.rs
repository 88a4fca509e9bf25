//! The same training in 32-bit floating point: the yardstick for the fixed-point figures.
//!
//! Same layers, initial weights, order of samples, batches and learning rate as [`session::train`](super::session::train)
//! with the same task and seed; what differs is the arithmetic: multipliers, a true softmax, no rounding to a grid.

use super::weights::initial_weights;
use crate::compile::Task;
use crate::data::{DataError, Dataset, Normalise, epoch_order};

/// A network in floating point. Layer l maps n_(l-1) inputs and a constant one to n_l outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatNetwork {
    sizes: Vec<usize>,
    /// Of each layer, (n_(l-1) + 1) x n_l row-major, the bias last.
    weights: Vec<Vec<f32>>,
}

/// What a floating-point run has achieved; accuracies and loss as in
/// [`TrainResult`](super::session::TrainResult).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatResult {
    pub test_accuracy: f64,
    pub train_accuracy: f64,
    /// Nats.
    pub loss: f64,
}

/// Outputs of every layer for one sample, the inputs first; the last are the logits.
type Activations = Vec<Vec<f32>>;

impl FloatNetwork {
    /// The network that `seed` begins with.
    pub fn new(network: &[u32], seed: u64) -> Self {
        let weights = initial_weights(network, seed);
        FloatNetwork {
            sizes: network.iter().map(|size| *size as usize).collect(),
            weights: weights.into_iter().map(|layer| layer.into_iter().map(|w| w as f32).collect()).collect(),
        }
    }

    /// Of each layer, (n_(l-1) + 1) x n_l row-major, the bias last.
    pub fn weights(&self) -> &[Vec<f32>] {
        &self.weights
    }

    fn forward(&self, input: &[f32]) -> Activations {
        let mut outputs = vec![input.to_vec()];
        for (l, weights) in self.weights.iter().enumerate() {
            let n = self.sizes[l + 1];
            let (matrix, bias) = weights.split_at(self.sizes[l] * n);
            let mut sums = bias.to_vec();
            for (&x, row) in outputs[l].iter().zip(matrix.chunks_exact(n)) {
                for (sum, w) in sums.iter_mut().zip(row) {
                    *sum += x * w;
                }
            }
            if l + 1 < self.weights.len() {
                sums.iter_mut().for_each(|sum| *sum = sum.max(0.0));
            }
            outputs.push(sums);
        }
        outputs
    }

    /// Adds the gradient of one sample's loss to `gradient`, which is shaped like the weights. Gives the loss in nats and
    /// whether the prediction is right.
    pub fn accumulate(&self, input: &[f32], label: u16, gradient: &mut [Vec<f32>]) -> (f64, bool) {
        let outputs = self.forward(input);
        let label = usize::from(label);
        let mut delta = softmax(outputs.last().expect("there is an input layer"));
        let loss = -f64::from(delta[label]).max(f64::MIN_POSITIVE).ln();
        let correct = argmax(&delta) == label;
        delta[label] -= 1.0;
        for l in (0..self.weights.len()).rev() {
            let n = self.sizes[l + 1];
            let inputs = outputs[l].iter().chain(&[1.0]);
            for (&x, row) in inputs.zip(gradient[l].chunks_exact_mut(n)) {
                for (g, d) in row.iter_mut().zip(&delta) {
                    *g += x * d;
                }
            }
            let back = |(x, row): (&f32, &[f32])| {
                if *x > 0.0 { row.iter().zip(&delta).map(|(w, d)| w * d).sum() } else { 0.0 }
            };
            delta = outputs[l].iter().zip(self.weights[l].chunks_exact(n)).map(back).collect();
        }
        (loss, correct)
    }

    /// Zeros shaped like the weights.
    pub fn zeros(&self) -> Vec<Vec<f32>> {
        self.weights.iter().map(|layer| vec![0.0; layer.len()]).collect()
    }

    fn update(&mut self, gradient: &[Vec<f32>], rate: f32) {
        for (weights, gradient) in self.weights.iter_mut().zip(gradient) {
            for (w, g) in weights.iter_mut().zip(gradient) {
                *w -= rate * g;
            }
        }
    }

    /// The most likely class of a sample.
    pub fn classify(&self, input: &[f32]) -> usize {
        argmax(self.forward(input).last().expect("there is an input layer"))
    }
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|z| (z - largest).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.into_iter().map(|e| e / sum).collect()
}

/// The first of the largest.
fn argmax(values: &[f32]) -> usize {
    let better = |best: usize, (i, value): (usize, &f32)| if *value > values[best] { i } else { best };
    values.iter().enumerate().fold(0, better)
}

/// Trains `task`'s network on normalised data. The rounding of the task has no meaning here.
///
/// # Errors
/// If the normalisation fails.
///
/// # Panics
/// If the data do not have the network's inputs or classes; [`Samples::new`](super::weights::Samples::new) checks that.
pub fn train(
    task: &Task,
    training: &Dataset,
    test: &Dataset,
    normalise: &Normalise,
    epochs: u32,
    seed: u64,
) -> Result<FloatResult, DataError> {
    let (inputs, test_inputs) = (normalise.apply(training)?, normalise.apply(test)?);
    let mut network = FloatNetwork::new(&task.network, seed);
    // The accelerator divides by a power of two, for the last, shorter batch too.
    let shift = (task.learning_rate_shift + task.batch.next_power_of_two().ilog2()) as i32;
    let row = |inputs: &[f32], sample: usize| inputs[sample * training.features..][..training.features].to_vec();
    let (mut loss, mut correct) = (0.0, 0);
    for epoch in 0..epochs {
        (loss, correct) = (0.0, 0);
        let rate = 0.5f32.powi(shift + i32::from(task.halvings(epoch.into())));
        for batch in epoch_order(training.samples(), seed, epoch.into()).chunks(task.batch as usize) {
            let mut gradient = network.zeros();
            for &sample in batch {
                let sample = sample as usize;
                let (l, c) = network.accumulate(&row(&inputs, sample), training.labels[sample], &mut gradient);
                loss += l;
                correct += usize::from(c);
            }
            network.update(&gradient, rate);
        }
    }
    let right = |sample: &usize| network.classify(&row(&test_inputs, *sample)) == usize::from(test.labels[*sample]);
    let test_correct = (0..test.samples()).filter(right).count();
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    Ok(FloatResult {
        test_accuracy: share(test_correct, test.samples()),
        train_accuracy: share(correct, training.samples()),
        loss: loss / training.samples().max(1) as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central differences of the loss against the gradient, at every weight.
    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let network = FloatNetwork::new(&[3, 5, 4], 2);
        let (input, label) = ([0.3, -0.8, 0.6], 2);
        let mut gradient = network.zeros();
        network.accumulate(&input, label, &mut gradient);
        assert!(gradient.iter().flatten().any(|g| g.abs() > 0.05));
        let loss = |network: &FloatNetwork| network.accumulate(&input, label, &mut network.zeros()).0;
        for (l, gradient) in gradient.iter().enumerate() {
            for (i, gradient) in gradient.iter().enumerate() {
                let h = 1.0 / 512.0;
                let at = |offset: f32| {
                    let mut moved = network.clone();
                    moved.weights[l][i] += offset;
                    loss(&moved)
                };
                let difference = (at(h) - at(-h)) / f64::from(2.0 * h);
                assert!((difference - f64::from(*gradient)).abs() < 2e-3, "{l} {i}: {difference} {gradient}");
            }
        }
    }

    #[test]
    fn the_smallest_index_wins_a_tie() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(softmax(&[1000.0, 1000.0]), [0.5, 0.5]);
    }
}
