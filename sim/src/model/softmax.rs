//! SOFTMAX: prediction, loss and output gradient by base-2 logarithms, without multiplier or divider.
use super::memory::{View, most};
use super::requantise::Requantiser;
use super::{Model, count};
use anyhow::Result;
use logloom_hdl::control::isa::{By, Passes, Softmax};

/// Fraction bits of logits and logarithms.
const LOG_FRAC: u32 = 8;
/// Fraction bits of an antilogarithm.
const ANTILOG_FRAC: u32 = 16;

impl Model {
    pub(super) fn softmax(&mut self, softmax: &Softmax) -> Result<()> {
        let shape = (softmax.m.into(), softmax.n.into());
        let gradient = match softmax.passes {
            Passes::Gradient => {
                let tiles = (softmax.dest_base, softmax.dest_stride);
                Some(self.memory.gradient.view(tiles, By::Row, shape)?)
            }
            _ => None,
        };
        self.gather_logits(softmax);
        self.predict(softmax);
        if softmax.passes == Passes::Argmax {
            return Ok(());
        }
        self.normalise(softmax);
        if softmax.passes == Passes::LogSum {
            return Ok(());
        }
        self.measure(softmax, gradient);
        Ok(())
    }

    /// Logits of 8 fraction bits, m x n, into the scratch operands.
    fn gather_logits(&mut self, softmax: &Softmax) {
        let requantiser = Requantiser::new(self.shape.lift, softmax.shift, 16);
        let (m, n) = (usize::from(softmax.m), usize::from(softmax.n));
        let columns = self.shape.columns;
        let depth = self.shape.accumulator_depth;
        let logits = &mut self.scratch.operands;
        logits.clear();
        for sample in 0..m {
            for (tile, first) in (0..n).step_by(columns).enumerate() {
                let address = (usize::from(softmax.acc_base) + tile * m + sample) % depth;
                let totals = &self.memory.accumulator[address * columns..];
                let totals = &totals[..columns.min(n - first)];
                logits.extend(totals.iter().map(|&total| requantiser.nearest(total).0));
            }
        }
    }

    /// Pass 1: largest logit and the class that has it.
    fn predict(&mut self, softmax: &Softmax) {
        let memory = &mut self.memory;
        let rows = self.scratch.operands.chunks_exact(softmax.n.into());
        for (sample, logits) in rows.enumerate() {
            let (mut best, mut maximum) = (0, logits[0]);
            for (class, &logit) in logits.iter().enumerate() {
                if logit > maximum {
                    (best, maximum) = (class, logit);
                }
            }
            memory.maximum[sample] = maximum as i16;
            memory.prediction[sample] = best as u16;
            let correct = memory.prediction[sample] == memory.label[sample];
            count(&mut self.counters.correct, usize::from(correct));
        }
    }

    /// Pass 2: logits become base-2 logarithms relative to the largest, in place; their sum.
    fn normalise(&mut self, softmax: &Softmax) {
        let memory = &mut self.memory;
        let rows = self.scratch.operands.chunks_exact_mut(softmax.n.into());
        for (sample, logits) in rows.enumerate() {
            let maximum = i64::from(memory.maximum[sample]);
            let mut sum = 0;
            for value in logits {
                let d = *value - maximum;
                // log2(e) is about 1 + 1/2 - 1/16.
                *value = d + (d >> 1) - (d >> 4);
                sum += antilog(*value);
            }
            memory.log_sum[sample] = log2(sum) as u16;
        }
    }

    /// Passes 3 and 4: loss, probability of the wrong classes, and the gradient if it has a place.
    fn measure(&mut self, softmax: &Softmax, gradient: Option<View>) {
        let memory = &mut self.memory;
        let largest = most(self.shape.operand_bits);
        let lost = ANTILOG_FRAC - self.design.gradient.frac;
        let rows = self.scratch.operands.chunks_exact_mut(softmax.n.into());
        for (sample, logarithms) in rows.enumerate() {
            let label = usize::from(memory.label[sample]);
            let log_sum = i64::from(memory.log_sum[sample]);
            let mut rest = 0;
            for (class, value) in logarithms.iter_mut().enumerate() {
                let u = *value - log_sum;
                let p = (antilog(u) >> lost).min(largest);
                *value = p;
                if class == label {
                    count(&mut self.counters.loss, -u as usize);
                } else {
                    rest += p;
                }
            }
            let rest = rest.min(largest);
            memory.rest[sample] = rest as u16;
            if let Some(value) = logarithms.get_mut(label) {
                *value = -rest;
            }
        }
        if let Some(view) = gradient {
            if self.shape.draws {
                self.draws.samples(softmax.m.into(), softmax.n.into(), &mut self.scratch.draws);
            }
            self.write_gradient_operands(view);
        }
    }
}

/// `2^u` for u <= 0 with 8 fraction bits, its mantissa linear; 16 fraction bits.
fn antilog(u: i64) -> i64 {
    let mantissa = (1 << LOG_FRAC) + (u & ((1 << LOG_FRAC) - 1));
    (mantissa << (ANTILOG_FRAC - LOG_FRAC)) >> (-(u >> LOG_FRAC)).min(31)
}

/// log2 of a number of at least 1 with 16 fraction bits, its mantissa linear; 8 fraction bits.
fn log2(sum: i64) -> i64 {
    let q = sum.ilog2();
    let fraction = (sum >> (q - LOG_FRAC)) & ((1 << LOG_FRAC) - 1);
    (i64::from(q - ANTILOG_FRAC) << LOG_FRAC) + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn antilog_of_whole_and_half_powers() {
        assert_eq!(antilog(0), 65536);
        assert_eq!(antilog(-256), 32768);
        // 2^-0.5 is taken as (1 + 0.5) / 2.
        assert_eq!(antilog(-128), 49152);
        assert_eq!(antilog(-16 * 256), 1);
        assert_eq!(antilog(-17 * 256), 0);
        assert_eq!(antilog(-1_000_000), 0);
    }

    #[test]
    fn log2_undoes_antilog_on_powers() {
        assert_eq!(log2(1 << 16), 0);
        assert_eq!(log2(3 << 16), 256 + 128);
        assert_eq!(log2((1 << 20) - 1), 3 * 256 + 255);
    }
}
