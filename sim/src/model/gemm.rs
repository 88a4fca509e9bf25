//! GEMM: gather, multiply, requantise, scatter.
//!
//! Totals are exact 64-bit sums, wrapped to A bits once: the same as wrapping at each tile. The order of
//! the hardware's loops shows only in the accumulator memory and in the rounding generators.
use super::memory::{View, compute_copy, pass, saturate, wrap};
use super::requantise::Requantiser;
use super::shape::Shape;
use super::{Model, count};
use anyhow::Result;
use logloom_hdl::arith::Side;
use logloom_hdl::control::isa::{Dest, Gemm, Moving, Rounding, Stationary};

impl Model {
    pub(super) fn gemm(&mut self, gemm: &Gemm) -> Result<()> {
        let dest = self.destination(gemm)?;
        self.gather_operands(gemm)?;
        self.multiply(gemm);
        self.store_accumulators(gemm);
        match dest {
            Destination::Activation(view) => self.write_activations(gemm, view),
            Destination::Gradient { view, mask } => self.write_gradients(gemm, view, mask),
            Destination::Weight(view) => self.update_weights(gemm, view),
            Destination::Accumulator => {}
        }
        Ok(())
    }

    fn destination(&self, gemm: &Gemm) -> Result<Destination> {
        let memory = &self.memory;
        let tiles = (gemm.dest_base, gemm.dest_stride);
        let shape = (gemm.m.into(), gemm.n.into());
        let by = gemm.dest_by;
        Ok(match gemm.dest {
            Dest::Activation => Destination::Activation(memory.activation.view(tiles, by, shape)?),
            Dest::Gradient => {
                let mask = (gemm.mask_base, gemm.mask_stride);
                Destination::Gradient {
                    view: memory.gradient.view(tiles, by, shape)?,
                    mask: memory.activation.view(mask, by, shape)?,
                }
            }
            Dest::Weight => Destination::Weight(memory.weight.view(tiles, by, shape)?),
            Dest::Accumulator => Destination::Accumulator,
        })
    }

    fn gather_operands(&mut self, gemm: &Gemm) -> Result<()> {
        let (memory, scratch) = (&self.memory, &mut self.scratch);
        let Shape { moving_mask, stationary_mask, stationary_offset, .. } = self.shape;

        let moving = match gemm.moving {
            Moving::Activation => &memory.activation,
            Moving::Gradient => &memory.gradient,
        };
        let tiles = (gemm.moving_base, gemm.moving_stride);
        let shape = (gemm.m.into(), gemm.k.into());
        let view = moving.view(tiles, gemm.moving_by, shape)?;
        moving.gather(view, &mut scratch.moving, |entry| entry & moving_mask);

        let stationary = match gemm.stationary {
            Stationary::WeightCode => &memory.weight_code,
            Stationary::Gradient => &memory.gradient,
            Stationary::Activation => &memory.activation,
        };
        let tiles = (gemm.stationary_base, gemm.stationary_stride);
        let shape = (gemm.k.into(), gemm.n.into());
        let view = stationary.view(tiles, gemm.stationary_by, shape)?;
        let offset = if gemm.stationary == Stationary::Activation { stationary_offset } else { 0 };
        stationary.gather(view, &mut scratch.stationary, |entry| entry >> offset & stationary_mask);
        Ok(())
    }

    fn multiply(&mut self, gemm: &Gemm) {
        let scratch = &mut self.scratch;
        let (m, k, n) = dimensions(gemm);
        scratch.sums.clear();
        scratch.sums.resize(m * n, 0);
        self.design.arithmetic.accumulate(&scratch.moving, &scratch.stationary, n, &mut scratch.sums);
        for sum in &mut scratch.sums {
            *sum = wrap(*sum, self.shape.accumulator_bits);
        }

        let (rows, columns) = (self.shape.rows, self.shape.columns);
        let passes = n.div_ceil(columns);
        let padding = m * (k.next_multiple_of(rows) - k);
        let zeros = scratch.moving.iter().filter(|&&code| code == 0).count();
        count(&mut self.counters.busy, passes * k.div_ceil(rows) * m);
        count(&mut self.counters.zero_codes, passes * (zeros + padding));
    }

    /// What the array leaves in the accumulator memory. Later tiles overwrite earlier ones.
    fn store_accumulators(&mut self, gemm: &Gemm) {
        let (m, _, n) = dimensions(gemm);
        let columns = self.shape.columns;
        let depth = self.shape.accumulator_depth;
        for (tile, first) in (0..n).step_by(columns).enumerate() {
            let width = columns.min(n - first);
            for vector in 0..m {
                let offset = match gemm.dest {
                    Dest::Accumulator => tile * m + vector,
                    _ => vector % usize::from(gemm.block),
                };
                let address = (usize::from(gemm.acc_base) + offset) % depth;
                let entry = &mut self.memory.accumulator[address * columns..][..columns];
                let (inside, padding) = entry.split_at_mut(width);
                inside.copy_from_slice(&self.scratch.sums[vector * n + first..][..width]);
                padding.fill(0);
            }
        }
    }

    fn write_activations(&mut self, gemm: &Gemm, view: View) {
        let width = self.shape.operand_bits;
        let Shape { pass_bit, stationary_offset, .. } = self.shape;
        self.requantise(gemm, width);

        self.draw(gemm);
        let scratch = &mut self.scratch;
        for y in &mut scratch.operands {
            *y = (*y).max(0);
        }
        let arithmetic = &self.design.arithmetic;
        scratch.encode(arithmetic.as_ref(), Side::Moving);
        let activation = &mut self.memory.activation;
        activation.for_each(view, &mut scratch.codes, |entry, code| *entry = *code);
        if !arithmetic.is_symmetric() {
            scratch.encode(arithmetic.as_ref(), Side::Stationary);
            activation.for_each(view, &mut scratch.codes, |entry, code| *entry |= *code << stationary_offset);
        }
        activation.for_each(view, &mut scratch.operands, |entry, y| *entry |= u32::from(pass(*y, width)) << pass_bit);
    }

    fn write_gradients(&mut self, gemm: &Gemm, view: View, mask: View) {
        let pass_bit = self.shape.pass_bit;
        self.requantise(gemm, self.shape.operand_bits);

        self.draw(gemm);
        let scratch = &mut self.scratch;
        let activation = &mut self.memory.activation;
        activation.for_each(mask, &mut scratch.operands, |entry, g| {
            *g *= i64::from(*entry >> pass_bit);
        });
        self.write_gradient_operands(view);
    }

    /// Encodes the operands in the scratch buffer and writes them as a matrix of gradients.
    pub(super) fn write_gradient_operands(&mut self, view: View) {
        let scratch = &mut self.scratch;
        scratch.encode(self.design.arithmetic.as_ref(), Side::Moving);
        let gradient = &mut self.memory.gradient;
        gradient.for_each(view, &mut scratch.codes, |entry, code| *entry = *code);
    }

    fn update_weights(&mut self, gemm: &Gemm, view: View) {
        let master_bits = self.shape.master_bits;
        match gemm.rounding {
            Rounding::Nearest => self.requantise(gemm, master_bits),
            Rounding::Stochastic => self.requantise_stochastically(gemm, master_bits),
        }
        let (width, shift) = (self.shape.operand_bits, self.shape.weight_shift);
        self.draw(gemm);
        let scratch = &mut self.scratch;
        let (mut zeros, mut clipped) = (0, 0);
        let weight = &mut self.memory.weight;
        weight.for_each(view, &mut scratch.operands, |master, value| {
            let update = *value;
            let wide = i64::from(*master) - update;
            let updated = saturate(wide, master_bits);
            zeros += usize::from(update == 0);
            clipped += usize::from(updated != wide);
            *master = updated as i32;
            *value = compute_copy(updated, shift, width);
        });
        count(&mut self.counters.zero_updates, zeros);
        count(&mut self.counters.weights_saturated, clipped);

        scratch.encode_weights(self.design.arithmetic.as_ref());
        let weight_code = &mut self.memory.weight_code;
        weight_code.for_each(view, &mut scratch.codes, |entry, code| *entry = *code);
    }

    /// The random bits of the elements about to be written, where the family's codes take any.
    fn draw(&mut self, gemm: &Gemm) {
        if self.shape.draws {
            let (m, _, n) = dimensions(gemm);
            self.draws.matrix(m, n, &mut self.scratch.draws);
        }
    }

    /// Totals to results in the scratch buffers, rounded to nearest.
    fn requantise(&mut self, gemm: &Gemm, bits: u32) {
        let requantiser = Requantiser::new(self.shape.lift, gemm.shift, bits);
        let Self { scratch, counters, .. } = self;
        let mut saturated = 0;
        scratch.operands.clear();
        scratch.operands.extend(scratch.sums.iter().map(|&total| {
            let (result, clipped) = requantiser.nearest(total);
            saturated += usize::from(clipped);
            result
        }));
        count(&mut counters.saturated, saturated);
    }

    /// Totals to results in the scratch buffers, in the order in which the array finishes them, since a
    /// lane steps once for each.
    fn requantise_stochastically(&mut self, gemm: &Gemm, bits: u32) {
        let requantiser = Requantiser::new(self.shape.lift, gemm.shift, bits);
        let (m, _, n) = dimensions(gemm);
        let columns = self.shape.columns;
        let Self { scratch, counters, .. } = self;
        scratch.operands.resize(m * n, 0);
        let generators = &mut scratch.generators;
        generators.load(columns, self.registers.seed, gemm.salt);
        let mut saturated = 0;
        for first in (0..n).step_by(columns) {
            let width = columns.min(n - first);
            for vector in 0..m {
                let start = vector * n + first;
                let totals = &scratch.sums[start..][..width];
                let results = &mut scratch.operands[start..][..width];
                for (column, (result, &total)) in results.iter_mut().zip(totals).enumerate() {
                    let clipped;
                    (*result, clipped) = requantiser.stochastic(total, generators.next(column));
                    saturated += usize::from(clipped);
                }
            }
        }
        count(&mut counters.saturated, saturated);
    }
}

/// Where the result goes.
enum Destination {
    Activation(View),
    Gradient { view: View, mask: View },
    Weight(View),
    Accumulator,
}

fn dimensions(gemm: &Gemm) -> (usize, usize, usize) {
    (gemm.m.into(), gemm.k.into(), gemm.n.into())
}
