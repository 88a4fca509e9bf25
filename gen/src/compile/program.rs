//! Programs: the instructions of a training step, an evaluation or a prediction.

use logloom_hdl::arith::Arithmetic;
use logloom_hdl::control::isa::{By, Dest, Gemm, Instruction, Moving, Passes, Rounding, Softmax, Stationary};
use logloom_hdl::design::{Design, Format};

use std::sync::Arc;

use super::error::CompileError;
use super::memory_map::memory_map;
use crate::compile::plan::{Matrix, MemoryPlan};

/// Fraction bits of a logit (specification, section 4).
const LOGIT_FRAC: i64 = 8;

/// What is to be trained, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Layer sizes n_0 .. n_L: inputs, hidden layers, classes.
    pub network: Vec<u32>,
    /// Samples of a full batch.
    pub batch: u32,
    /// The learning rate is 2^-shift, on the sum of a batch's gradients divided by the next power of two >= batch.
    pub learning_rate_shift: u32,
    /// Completed epochs after which the learning rate is halved; one that stands here twice quarters it.
    pub milestones: Vec<u32>,
    /// How an update is rounded to the master's grid.
    pub rounding: Rounding,
    /// s for each layer: its weights are master weights times 2^-s, so that they fill the range of their format.
    pub weight_scales: Vec<u32>,
}

impl Task {
    /// The mode of the steps of an epoch, counted from 0.
    pub fn training(&self, epoch: u64) -> Mode {
        Mode::Train { halvings: self.halvings(epoch) }
    }

    /// How often the learning rate has been halved before an epoch, counted from 0.
    pub fn halvings(&self, epoch: u64) -> u8 {
        self.milestones.iter().filter(|&&milestone| u64::from(milestone) <= epoch).count() as u8
    }

    /// Format of the master weights into layer l, l = 1 .. L, on a design with this format.
    pub fn weight_format(&self, l: usize, format: Format) -> Format {
        Format { frac: format.frac + self.weight_scales[l - 1], ..format }
    }
}

/// What a program does with the samples in the input matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// One step of gradient descent, at the learning rate after so many halvings. Loss and correct predictions are counted
    /// from the weights before the step.
    Train { halvings: u8 },
    /// Forward pass, predictions, and the counts of loss and correct predictions. Labels are needed.
    Evaluate,
    /// Forward pass, predictions, and the logarithm of each sample's sum of exponentials. No labels are needed.
    Predict,
}

/// Right shifts of the requantiser for the GEMMs of a layer. A product of operands with a and b fraction bits has p = a + b; with `dropped`
/// product bits dropped and `lift` added again, a result of r fraction bits takes `p - r - dropped + lift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shifts {
    /// Activations times weights to activations, or to logits in the last layer.
    pub forward: u8,
    /// Gradients times weights to gradients; 0 in the first layer, whose inputs have none.
    pub gradient: u8,
    /// Activations times gradients to weights, learning rate before its first halving and mean over the batch included.
    pub update: u8,
}

/// A network made ready for a design.
#[derive(Clone, Debug)]
pub struct Compiled {
    task: Task,
    design: Design,
    plan: MemoryPlan,
    /// By layer.
    shifts: Vec<Shifts>,
}

impl Compiled {
    /// Lays the network out and works out its shifts. The design must be valid.
    ///
    /// # Errors
    /// [`CompileError`]: the network does not fit, a shift does not fit an instruction, or a sum could exceed an
    /// accumulator.
    pub fn new(task: &Task, design: &Design) -> Result<Self, CompileError> {
        let plan = memory_map(&task.network, task.batch, design)?;
        let shifts = shifts(task, design)?;
        check_sums(task, design)?;
        Ok(Compiled { task: task.clone(), design: design.clone(), plan, shifts })
    }

    /// The same network on the design that the family is tested with, if that is another one; its memories are the same, its
    /// accumulators as wide as exact sums need.
    ///
    /// # Errors
    /// As [`Compiled::new`].
    pub fn tested_with(&self) -> Result<Option<Self>, CompileError> {
        let Some(arithmetic) = self.design.arithmetic.tested_with() else { return Ok(None) };
        self.with_arithmetic(arithmetic).map(Some)
    }

    /// The same network with other products, on accumulators as wide as their sums need.
    ///
    /// # Errors
    /// As [`Compiled::new`].
    pub fn with_arithmetic(&self, arithmetic: Arc<dyn Arithmetic>) -> Result<Self, CompileError> {
        let mut design = Design { arithmetic, ..self.design.clone() };
        design.accumulator_bits = accumulator_bits(&design, &self.task.network, self.task.batch);
        Self::new(&self.task, &design)
    }

    pub fn task(&self) -> &Task {
        &self.task
    }

    pub fn design(&self) -> &Design {
        &self.design
    }

    /// Where each matrix lies.
    pub fn plan(&self) -> &MemoryPlan {
        &self.plan
    }

    /// Shifts of layer l, l = 1 .. L.
    pub fn shifts(&self, l: usize) -> Shifts {
        self.shifts[l - 1]
    }

    /// Inputs per sample, n_0.
    pub fn inputs(&self) -> usize {
        self.task.network[0] as usize
    }

    /// Classes, n_L.
    pub fn classes(&self) -> usize {
        self.task.network[self.layers()] as usize
    }

    /// Weights and biases of all layers: the updates of one step.
    pub fn weight_count(&self) -> u64 {
        self.plan.weight.matrices.iter().map(|m| u64::from(m.rows) * u64::from(m.columns)).sum()
    }

    /// L: weight layers.
    fn layers(&self) -> usize {
        self.task.network.len() - 1
    }

    /// The instructions for the first `samples` rows of the input matrix, HALT last. The shifts do not depend on
    /// `samples`: the last, shorter batch of an epoch weighs each of its samples like any other.
    ///
    /// # Errors
    /// [`CompileError::Samples`] if there are none or more than a batch.
    pub fn program(&self, mode: Mode, samples: u32) -> Result<Vec<Instruction>, CompileError> {
        if !(1..=self.task.batch).contains(&samples) {
            return Err(CompileError::Samples { samples, batch: self.task.batch });
        }
        let mut program: Vec<Instruction> =
            (1..=self.layers()).map(|l| Instruction::Gemm(self.forward(l, samples))).collect();
        program.push(Instruction::Softmax(self.softmax(mode, samples)));
        if let Mode::Train { halvings } = mode {
            for l in (1..=self.layers()).rev() {
                // The input gradient needs the weights as they were in the forward pass.
                if l > 1 {
                    program.push(Instruction::Gemm(self.input_gradient(l, samples)));
                }
                program.push(Instruction::Gemm(self.update(l, samples, halvings)));
            }
        }
        program.push(Instruction::Halt);
        Ok(program)
    }

    /// Activations of layer l, l = 0 .. L-1.
    fn activation(&self, l: usize) -> &Matrix {
        &self.plan.activation.matrices[l]
    }

    /// Gradients of layer l, l = 1 .. L.
    fn gradient(&self, l: usize) -> &Matrix {
        &self.plan.gradient.matrices[l - 1]
    }

    /// Weights into layer l, l = 1 .. L.
    fn weight(&self, l: usize) -> &Matrix {
        &self.plan.weight.matrices[l - 1]
    }

    /// `Y = relu(X W)`, the constant column of X meeting the bias row of W; the last layer's logits stay in the
    /// accumulators.
    fn forward(&self, l: usize, samples: u32) -> Gemm {
        let (x, w) = (self.activation(l - 1), self.weight(l));
        let gemm = Gemm {
            moving: Moving::Activation,
            stationary: Stationary::WeightCode,
            m: narrow(samples),
            k: narrow(w.rows),
            n: narrow(w.columns),
            block: self.block(samples),
            ..Gemm::default()
        };
        let gemm = with_moving(with_stationary(gemm, w), x);
        if l == self.layers() {
            Gemm { dest: Dest::Accumulator, ..gemm }
        } else {
            with_dest(Gemm { dest: Dest::Activation, shift: self.shifts(l).forward, ..gemm }, self.activation(l))
        }
    }

    fn softmax(&self, mode: Mode, samples: u32) -> Softmax {
        let gradient = self.gradient(self.layers());
        Softmax {
            passes: match mode {
                Mode::Train { .. } => Passes::Gradient,
                Mode::Evaluate => Passes::Loss,
                Mode::Predict => Passes::LogSum,
            },
            shift: self.shifts(self.layers()).forward,
            m: narrow(samples),
            n: narrow(gradient.columns),
            dest_base: narrow(gradient.base),
            dest_stride: narrow(gradient.stride),
            acc_base: 0,
        }
    }

    /// `dX = (dY Wt)` where the activation's `pass` bit is set; without the bias row of W.
    fn input_gradient(&self, l: usize, samples: u32) -> Gemm {
        let (dy, w, dx, mask) = (self.gradient(l), self.weight(l), self.gradient(l - 1), self.activation(l - 1));
        let gemm = Gemm {
            moving: Moving::Gradient,
            stationary: Stationary::WeightCode,
            stationary_by: By::Column,
            dest: Dest::Gradient,
            shift: self.shifts(l).gradient,
            m: narrow(samples),
            k: narrow(dy.columns),
            n: narrow(dx.columns),
            block: self.block(samples),
            mask_base: narrow(mask.base),
            mask_stride: narrow(mask.stride),
            ..Gemm::default()
        };
        with_dest(with_moving(with_stationary(gemm, w), dy), dx)
    }

    /// `W -= Xt dY`, or the same by columns as `Wt -= dYt X`, whichever keeps the array busier. The sums are the same;
    /// stochastic rounding draws other numbers. Where gradients have no stationary code, only the second form remains.
    fn update(&self, l: usize, samples: u32, halvings: u8) -> Gemm {
        let (x, dy, w) = (self.activation(l - 1), self.gradient(l), self.weight(l));
        let gemm = Gemm {
            dest: Dest::Weight,
            rounding: self.task.rounding,
            shift: self.shifts(l).update + halvings,
            // Every layer draws other random numbers.
            salt: (l % 256) as u8,
            k: narrow(samples),
            moving_by: By::Column,
            ..Gemm::default()
        };
        let faster = self.passes(w.rows, w.columns, samples) <= self.passes(w.columns, w.rows, samples);
        let gemm = if faster && self.design.arithmetic.is_symmetric() {
            let gemm = Gemm { m: narrow(w.rows), n: narrow(w.columns), block: self.block(w.rows), ..gemm };
            let gemm = Gemm { moving: Moving::Activation, stationary: Stationary::Gradient, dest_by: By::Row, ..gemm };
            with_moving(with_stationary(gemm, dy), x)
        } else {
            let gemm = Gemm { m: narrow(w.columns), n: narrow(w.rows), block: self.block(w.columns), ..gemm };
            let gemm =
                Gemm { moving: Moving::Gradient, stationary: Stationary::Activation, dest_by: By::Column, ..gemm };
            with_moving(with_stationary(gemm, x), dy)
        };
        with_dest(gemm, w)
    }

    /// Moving vectors per block: as few blocks as the accumulators allow, of equal length. A short last block could not
    /// hide the loading of the next stationary tile.
    fn block(&self, m: u32) -> u16 {
        narrow(m.div_ceil(m.div_ceil(self.design.accumulator_depth)))
    }

    /// About the cycles of an m x k x n GEMM: per stationary tile and block, the longer of moving and loading.
    fn passes(&self, m: u32, n: u32, k: u32) -> u64 {
        let block = u32::from(self.block(m));
        let tiles = u64::from(n.div_ceil(self.design.columns)) * u64::from(k.div_ceil(self.design.rows));
        let (whole, rest) = (m / block, m % block);
        let moving = |length: u32| if length == 0 { 0 } else { u64::from(length.max(self.design.rows)) };
        tiles * (u64::from(whole) * moving(block) + moving(rest))
    }
}

/// Sizes and tiles have been checked against 16 bits by `memory_map`.
fn narrow(value: u32) -> u16 {
    u16::try_from(value).expect("checked by memory_map")
}

fn with_moving(gemm: Gemm, matrix: &Matrix) -> Gemm {
    Gemm { moving_base: narrow(matrix.base), moving_stride: narrow(matrix.stride), ..gemm }
}

fn with_stationary(gemm: Gemm, matrix: &Matrix) -> Gemm {
    Gemm { stationary_base: narrow(matrix.base), stationary_stride: narrow(matrix.stride), ..gemm }
}

fn with_dest(gemm: Gemm, matrix: &Matrix) -> Gemm {
    Gemm { dest_base: narrow(matrix.base), dest_stride: narrow(matrix.stride), ..gemm }
}

fn shifts(task: &Task, design: &Design) -> Result<Vec<Shifts>, CompileError> {
    let [activation, gradient, weight] = [design.activation, design.gradient, design.weight].map(|f| i64::from(f.frac));
    let (copy, dropped, lift) =
        (i64::from(design.weight_frac()), i64::from(design.dropped()), i64::from(design.lift()));
    let shift = |what: &str, product: i64, result: i64, mean: i64| {
        let shift = product - result - dropped + lift + mean;
        u8::try_from(shift).ok().filter(|shift| *shift <= 31).ok_or_else(|| {
            let mean = if mean > 0 { format!(", {mean} for learning rate and mean") } else { String::new() };
            CompileError::Shift {
                what: what.to_string(),
                shift,
                reason: format!(
                    "{product} fraction bits of the product to {result}, {dropped} dropped, {lift} lifted{mean}"
                ),
            }
        })
    };
    let mean = i64::from(task.batch.next_power_of_two().ilog2()) + i64::from(task.learning_rate_shift);
    let halvings = task.milestones.len() as i64;
    let last = task.weight_scales.len();
    let layer = |(l, &scale): (usize, &u32)| {
        let (copy, weight) = (copy + i64::from(scale), weight + i64::from(scale));
        let (what, result) = if l == last { ("a logit", LOGIT_FRAC) } else { ("an activation", activation) };
        Ok(Shifts {
            forward: shift(what, activation + copy, result, 0)?,
            gradient: if l == 1 { 0 } else { shift("a gradient", gradient + copy, gradient, 0)? },
            update: {
                // Up to the last halving.
                shift("a weight update", activation + gradient, weight, mean + halvings)?;
                shift("a weight update", activation + gradient, weight, mean)?
            },
        })
    };
    (1..).zip(&task.weight_scales).map(layer).collect()
}

/// The least width in which no sum of the network can wrap: the longest of its GEMMs, every product at its bound.
pub fn accumulator_bits(design: &Design, network: &[u32], batch: u32) -> u32 {
    let inner = network.iter().map(|size| size + 1).chain([batch]).max().unwrap_or(1);
    let terms = u64::from(inner.max(design.rows));
    let largest = u128::from(terms) * u128::from(design.arithmetic.product_bound().unsigned_abs());
    (largest.max(1).ilog2() + 2).clamp(16, 48).max(design.sum_bits())
}

/// The accumulators have no way to say that they wrapped, so every sum must fit at its bound.
fn check_sums(task: &Task, design: &Design) -> Result<(), CompileError> {
    let network = &task.network;
    let last = network.len() - 1;
    let mut sums: Vec<(String, u32)> = vec![("a weight update".to_string(), task.batch)];
    for l in 1..=last {
        let what = if l == last { "a logit".to_string() } else { format!("an activation of layer {l}") };
        sums.push((what, network[l - 1] + 1));
        if l > 1 {
            sums.push((format!("a gradient of layer {}", l - 1), network[l]));
        }
    }
    let bound = design.arithmetic.product_bound();
    for (what, terms) in sums {
        let largest = u128::from(terms) * u128::from(bound.unsigned_abs());
        // Either sign: 2^n takes n + 2 bits.
        let needed = largest.max(1).ilog2() + 2;
        if needed > design.accumulator_bits {
            return Err(CompileError::AccumulatorTooNarrow {
                what,
                terms,
                bound,
                needed,
                available: design.accumulator_bits,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture::{self, compiled, exact, mitchell, task};
    use logloom_hdl::control::isa::disassemble;
    use proptest::prelude::*;

    fn listing(program: &[Instruction]) -> String {
        disassemble(&program.iter().flat_map(Instruction::encode).collect::<Vec<u32>>())
    }

    #[test]
    fn a_step_of_the_digits_network() {
        let compiled = compiled(&[64, 32, 10], 16, 8, 8, mitchell(4, 16));
        // p = 22 to 10 fraction bits, 16 dropped, lift 4; p = 24 to 12, and 3 + 4 for rate and mean.
        assert_eq!(compiled.shifts(1), Shifts { forward: 0, gradient: 0, update: 7 });
        assert_eq!(compiled.shifts(2), Shifts { forward: 2, gradient: 0, update: 7 });
        insta::assert_snapshot!(listing(&compiled.program(Mode::Train { halvings: 0 }, 16).unwrap()), @r"
        0  gemm moving=activation moving_by=row stationary=weight stationary_by=row dest=activation dest_by=row rounding=nearest m=16 k=65 n=32 block=16 moving_stride=9 stationary_stride=4 dest_base=18 dest_stride=5
        1  gemm moving=activation moving_by=row stationary=weight stationary_by=row dest=accumulator dest_by=row rounding=nearest m=16 k=33 n=10 block=16 moving_base=18 moving_stride=5 stationary_base=36 stationary_stride=2
        2  softmax passes=gradient shift=2 m=16 n=10 dest_base=8 dest_stride=2
        3  gemm moving=gradient moving_by=row stationary=weight stationary_by=column dest=gradient dest_by=row rounding=nearest m=16 k=10 n=32 block=16 moving_base=8 moving_stride=2 stationary_base=36 stationary_stride=2 dest_stride=4 mask_base=18 mask_stride=5
        4  gemm moving=gradient moving_by=column stationary=activation stationary_by=row dest=weight dest_by=column rounding=nearest shift=7 salt=2 m=10 k=16 n=33 block=10 moving_base=8 moving_stride=2 stationary_base=18 stationary_stride=5 dest_base=36 dest_stride=2
        5  gemm moving=activation moving_by=column stationary=gradient stationary_by=row dest=weight dest_by=row rounding=nearest shift=7 salt=1 m=65 k=16 n=32 block=22 moving_stride=9 stationary_stride=4 dest_stride=4
        6  halt
        ");
    }

    #[test]
    fn evaluation_and_prediction_stop_before_gradients() {
        let compiled = compiled(&[5, 4, 3], 6, 2, 2, exact());
        for (mode, passes) in [(Mode::Evaluate, Passes::Loss), (Mode::Predict, Passes::LogSum)] {
            let program = compiled.program(mode, 5).unwrap();
            assert_eq!(program.len(), 4);
            assert!(matches!(program[2], Instruction::Softmax(s) if s.passes == passes && s.m == 5));
            assert_eq!(program[3], Instruction::Halt);
        }
    }

    /// The same shifts in a shorter batch, so that a sample's weight does not depend on its batch.
    #[test]
    fn a_partial_batch_changes_nothing_but_the_sample_count() {
        let compiled = compiled(&[5, 4, 3], 6, 2, 2, exact());
        let shift = |samples| -> Vec<u8> {
            let program = compiled.program(Mode::Train { halvings: 0 }, samples).unwrap();
            program
                .iter()
                .map(|i| match i {
                    Instruction::Gemm(g) => g.shift,
                    Instruction::Softmax(s) => s.shift,
                    Instruction::Halt => 0,
                })
                .collect()
        };
        assert_eq!(shift(6), shift(1));
        for samples in [0, 7] {
            assert!(matches!(
                compiled.program(Mode::Train { halvings: 0 }, samples),
                Err(CompileError::Samples { .. })
            ));
        }
    }

    /// Smaller weights on the same grid of integers: results shift right by as much more, updates by as much less.
    #[test]
    fn the_scale_of_a_layer_moves_its_shifts() {
        let plain = compiled(&[5, 4, 3], 6, 2, 2, exact());
        let scaled = Task { weight_scales: vec![2, 1], ..plain.task().clone() };
        let scaled = Compiled::new(&scaled, plain.design()).unwrap();
        for (l, scale) in [(1, 2), (2, 1)] {
            let (plain, scaled) = (plain.shifts(l), scaled.shifts(l));
            assert_eq!(scaled.forward, plain.forward + scale);
            assert_eq!(scaled.gradient, if l == 1 { 0 } else { plain.gradient + scale });
            assert_eq!(scaled.update, plain.update - scale);
        }
    }

    #[test]
    fn milestones_halve_the_learning_rate() {
        let plain = compiled(&[5, 4, 3], 6, 2, 2, exact());
        let task = Task { milestones: vec![3, 1, 3], ..plain.task().clone() };
        assert_eq!([0, 1, 2, 3, 9].map(|epoch| task.halvings(epoch)), [0, 1, 1, 3, 3]);
        let compiled = Compiled::new(&task, plain.design()).unwrap();
        let shifts = |epoch| -> Vec<u8> {
            let program = compiled.program(task.training(epoch), 6).unwrap();
            let updates = program.iter().filter_map(|instruction| match instruction {
                Instruction::Gemm(gemm) if gemm.dest == Dest::Weight => Some(gemm.shift),
                _ => None,
            });
            updates.collect()
        };
        let first = shifts(0);
        assert_eq!(first.len(), 2);
        assert_eq!(shifts(3), first.iter().map(|shift| shift + 3).collect::<Vec<_>>());
        // The last one counts for what an instruction can hold.
        let endless = Task { milestones: vec![1; 32], ..task };
        assert!(matches!(Compiled::new(&endless, plain.design()), Err(CompileError::Shift { .. })));
    }

    #[test]
    fn shifts_outside_an_instruction_are_refused() {
        let design = fixture::design(8, 8);
        let slow = Task { learning_rate_shift: 31, ..task(&[4, 3, 2], 2) };
        let error = Compiled::new(&slow, &design).unwrap_err().to_string();
        assert!(error.contains("weight update") && error.contains("32") && error.contains("0..=31"), "{error}");
        assert!(Compiled::new(&Task { learning_rate_shift: 30, ..slow }, &design).is_ok());
    }

    #[test]
    fn sums_that_could_wrap_are_refused() {
        // 65 products of up to 2^30, either sign: 2^36 < 65 * 2^30 < 2^37, so 38 bits.
        let mut design = Design { arithmetic: exact(), ..fixture::design(8, 8) };
        design.accumulator_bits = 38;
        assert!(Compiled::new(&task(&[64, 32, 10], 16), &design).is_ok());
        design.accumulator_bits = 37;
        let error = Compiled::new(&task(&[64, 32, 10], 16), &design).unwrap_err().to_string();
        assert!(
            error.contains("activation of layer 1") && error.contains("38 bits") && error.contains("has 37"),
            "{error}"
        );
    }

    proptest! {
        /// Every matrix that an instruction names has the shape that the instruction gives it, blocks fit the
        /// accumulators, and no instruction reads one memory twice.
        #[test]
        fn instructions_are_legal(
            network in prop::collection::vec(1u32..40, 2..5), batch in 1u32..70, rows in 1u32..10, columns in 1u32..10, samples in 1u32..70,
        ) {
            let compiled = compiled(&network, batch, rows, columns, exact());
            let samples = samples.min(batch);
            let program = compiled.program(Mode::Train { halvings: 0 }, samples).unwrap();
            prop_assert_eq!(program.len(), 3 * (network.len() - 1) + 1);
            let plan = compiled.plan();
            let stored = |region: &crate::compile::plan::Region, base: u16, stride: u16| {
                region.matrices.iter().find(|m| (m.base, m.stride) == (base.into(), stride.into())).map(|m| (m.rows, m.columns)).unwrap()
            };
            let turned = |by: By, (rows, columns): (u32, u32)| if by == By::Row { (rows, columns) } else { (columns, rows) };
            for instruction in &program {
                let Instruction::Gemm(g) = instruction else { continue };
                let (m, k, n) = (u32::from(g.m), u32::from(g.k), u32::from(g.n));
                prop_assert!((1..=compiled.design().accumulator_depth).contains(&g.block.into()));
                let region = if g.moving == Moving::Activation { &plan.activation } else { &plan.gradient };
                let moving = turned(g.moving_by, stored(region, g.moving_base, g.moving_stride));
                prop_assert!(m <= moving.0 && k <= moving.1, "{:?} {:?}", moving, g);
                let region = match g.stationary {
                    Stationary::WeightCode => &plan.weight,
                    Stationary::Gradient => &plan.gradient,
                    Stationary::Activation => &plan.activation,
                };
                let stationary = turned(g.stationary_by, stored(region, g.stationary_base, g.stationary_stride));
                prop_assert!(k <= stationary.0 && n <= stationary.1, "{:?} {:?}", stationary, g);
                prop_assert!(!matches!((g.moving, g.stationary), (Moving::Activation, Stationary::Activation) | (Moving::Gradient, Stationary::Gradient)));
                match g.dest {
                    Dest::Accumulator => prop_assert!(n.div_ceil(columns) * m <= compiled.design().accumulator_depth),
                    dest => {
                        let region = match dest {
                            Dest::Activation => &plan.activation,
                            Dest::Gradient => &plan.gradient,
                            _ => &plan.weight,
                        };
                        let dest = turned(g.dest_by, stored(region, g.dest_base, g.dest_stride));
                        prop_assert!(m <= dest.0 && n <= dest.1, "{:?} {:?}", dest, g);
                        if g.dest == Dest::Weight {
                            prop_assert_eq!((m, n), dest);
                        }
                    }
                }
            }
        }
    }
}
