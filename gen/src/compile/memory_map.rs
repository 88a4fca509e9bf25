//! Whether a network fits a design, and where the host finds each element of its matrices.
//!
//! The layout itself is [`MemoryPlan`], a function of network, batch and array; here it meets the memories that a design
//! has.

use logloom_hdl::design::Design;
use serde::Serialize;

use super::error::{CompileError, DoesNotFit};
use super::memory::Memory;
use crate::compile::plan::{Matrix, MemoryPlan};

/// The smallest legal depths for a network; see [`required_depths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Depths {
    /// Words per bank.
    pub activation: u64,
    /// Words per bank.
    pub gradient: u64,
    /// Words per bank.
    pub weight: u64,
    /// Vectors.
    pub accumulator: u64,
    /// Samples.
    pub batch: u64,
    /// Instructions.
    pub program: u64,
}

impl Depths {
    /// Sets the depths of a design. They must be within the ranges of the specification, which
    /// [`Design::validate`] checks.
    pub fn apply(&self, design: &mut Design) {
        let narrow = |depth: u64| u32::try_from(depth).unwrap_or(u32::MAX);
        design.activation_depth = narrow(self.activation);
        design.gradient_depth = narrow(self.gradient);
        design.weight_depth = narrow(self.weight);
        design.accumulator_depth = narrow(self.accumulator);
        design.batch_depth = narrow(self.batch);
        design.program_depth = narrow(self.program);
    }
}

/// The smallest legal depths with which an array of `rows` x `columns` trains this network at full speed.
///
/// Two of them are larger than the network needs. The accumulators are as deep as the array has rows: shorter
/// blocks of moving vectors could not hide the loading of the next stationary tile. The program memory holds the training
/// step and the forward pass, for a full batch and for the shorter last one, so that no epoch loads a program twice.
///
/// # Errors
/// [`CompileError::Network`] or [`CompileError::Batch`].
pub fn required_depths(network: &[u32], batch: u32, rows: u32, columns: u32) -> Result<Depths, CompileError> {
    let plan = plan(network, batch, rows, columns)?;
    let depth = |memory: Memory| memory.round_up(memory.needed(&plan));
    Ok(Depths {
        activation: depth(Memory::Activation),
        gradient: depth(Memory::Gradient),
        weight: depth(Memory::Weight),
        accumulator: Memory::Accumulator.round_up(Memory::Accumulator.needed(&plan).max(u64::from(rows))),
        batch: depth(Memory::Batch),
        program: Memory::Program.round_up(u64::from(plan.instructions())),
    })
}

/// The layout of a network in the memories of a design. `network` is n_0 .. n_L; `batch` the samples of a full batch.
///
/// # Errors
/// [`CompileError::Network`], [`CompileError::Batch`]; [`CompileError::DoesNotFit`] with every memory that is too small
/// and what would fit; [`CompileError::TooFar`].
pub fn memory_map(network: &[u32], batch: u32, design: &Design) -> Result<MemoryPlan, CompileError> {
    let lacking = |plan: &MemoryPlan| -> Vec<DoesNotFit> {
        let sizes = Memory::ALL.into_iter().map(|memory| DoesNotFit {
            memory,
            needed: memory.needed(plan),
            available: memory.available(design),
            bits: memory.bits(design),
        });
        sizes.filter(|size| size.needed > size.available).collect()
    };
    let for_batch = |batch| plan(network, batch, design.rows, design.columns);
    let plan = for_batch(batch)?;
    let memories = lacking(&plan);
    if !memories.is_empty() {
        // Needs grow with the batch, so if any batch fits, those from 1 to some largest do.
        let fits = |batch| for_batch(batch).is_ok_and(|plan| lacking(&plan).is_empty());
        let largest_batch = fits(1).then(|| {
            let (mut good, mut bad) = (1, batch);
            while bad - good > 1 {
                let middle = good + (bad - good) / 2;
                if fits(middle) { good = middle } else { bad = middle }
            }
            good
        });
        return Err(CompileError::DoesNotFit { memories, largest_batch });
    }
    for region in [&plan.activation, &plan.gradient, &plan.weight] {
        for matrix in &region.matrices {
            if matrix.base.max(matrix.stride) > u32::from(u16::MAX) {
                return Err(CompileError::TooFar { matrix: matrix.name.clone(), tile: matrix.base.into() });
            }
        }
    }
    Ok(plan)
}

/// The layout, whatever it takes.
fn plan(network: &[u32], batch: u32, rows: u32, columns: u32) -> Result<MemoryPlan, CompileError> {
    // One less than 16 bits hold: the bias adds a row to the weights, a constant column to the activations.
    if network.len() < 2 || network.iter().any(|size| !(1..u32::from(u16::MAX)).contains(size)) {
        return Err(CompileError::Network { network: network.to_vec() });
    }
    if !(1..=u32::from(u16::MAX)).contains(&batch) {
        return Err(CompileError::Batch { batch });
    }
    Ok(MemoryPlan::new(network, batch, rows, columns))
}

impl Matrix {
    /// The host port's word of element (i, j) in its region: address in the bank * N + bank (specification, sections 2
    /// and 5).
    ///
    /// # Panics
    /// In debug builds, if the element lies outside the matrix.
    pub fn word(&self, banks: u32, i: u32, j: u32) -> u32 {
        debug_assert!(i < self.rows && j < self.columns, "({i}, {j}) is outside {self:?}");
        let tile = self.base + (i / banks) * self.stride + j / banks;
        let address = tile * banks + i % banks;
        address * banks + (i + j) % banks
    }

    /// The element behind a word of the region, if that word belongs to this matrix: the inverse of
    /// [`Matrix::word`].
    pub fn element(&self, banks: u32, word: u32) -> Option<(u32, u32)> {
        let (address, bank) = (word / banks, word % banks);
        let tile = (address / banks).checked_sub(self.base)?;
        let i = tile / self.stride * banks + address % banks;
        let j = tile % self.stride * banks + (bank + banks - address % banks) % banks;
        (i < self.rows && j < self.columns).then_some((i, j))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::fixture;
    use proptest::prelude::*;

    /// The skew that the specification defines, on a case small enough to write down: N = 2, a 3 x 3 matrix.
    #[test]
    fn words_follow_the_specification() {
        let matrix = Matrix { name: "x".into(), rows: 3, columns: 3, base: 1, stride: 2 };
        // Tile 1 + i/2*2 + j/2; address tile*2 + i%2; word address*2 + (i+j)%2.
        let words: Vec<u32> = (0..9).map(|e| matrix.word(2, e / 3, e % 3)).collect();
        assert_eq!(words, [4, 5, 8, 7, 6, 11, 12, 13, 16]);
    }

    proptest! {
        /// No two elements share a word, every word is within the depth, and `element` inverts `word`.
        #[test]
        fn every_element_has_a_word_of_its_own(
            network in prop::collection::vec(1u32..20, 2..5), batch in 1u32..20, rows in 1u32..10, columns in 1u32..10,
        ) {
            let plan = plan(&network, batch, rows, columns).unwrap();
            for region in [&plan.activation, &plan.gradient, &plan.weight] {
                let mut seen = vec![false; (region.depth() * u64::from(plan.banks)) as usize];
                for matrix in &region.matrices {
                    for (i, j) in (0..matrix.rows).flat_map(|i| (0..matrix.columns).map(move |j| (i, j))) {
                        let word = matrix.word(plan.banks, i, j);
                        prop_assert!(!std::mem::replace(&mut seen[word as usize], true));
                        for other in &region.matrices {
                            let expected = (other == matrix).then_some((i, j));
                            prop_assert_eq!(other.element(plan.banks, word), expected);
                        }
                    }
                }
            }
        }

        /// The advice is true: the batch that is said to fit fits, the next larger one does not.
        #[test]
        fn the_largest_batch_is_the_largest(batch in 1u32..40, other in 1u32..40) {
            let mut design = fixture::design(4, 2);
            required_depths(&[5, 7, 3], other, 4, 2).unwrap().apply(&mut design);
            let map = |batch| memory_map(&[5, 7, 3], batch, &design);
            match map(batch) {
                Ok(_) => prop_assert!(batch <= other.next_power_of_two()),
                Err(CompileError::DoesNotFit { largest_batch: Some(largest), .. }) => {
                    prop_assert!(largest >= other && largest < batch);
                    prop_assert!(map(largest).is_ok() && map(largest + 1).is_err());
                }
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
    }

    #[test]
    fn the_required_depths_fit_and_less_does_not() {
        let mut design = fixture::design(8, 8);
        let depths = required_depths(&[64, 32, 10], 16, 8, 8).unwrap();
        assert_eq!((depths.accumulator, depths.batch, depths.program), (32, 16, 32));
        depths.apply(&mut design);
        design.validate().unwrap();
        assert!(memory_map(&[64, 32, 10], 16, &design).is_ok());

        design.weight_depth -= 8;
        let error = memory_map(&[64, 32, 10], 16, &design).unwrap_err().to_string();
        for part in ["weight memory", "holds 360", "needs 368", "memory.weight_depth = 368", "no smaller batch"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        depths.apply(&mut design);
        design.gradient_depth = 64;
        let error = memory_map(&[64, 32, 10], 16, &design).unwrap_err().to_string();
        for part in ["gradient memory", "holds 64", "needs 96", "batch of up to 8"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn senseless_networks_are_refused() {
        let design = fixture::design(2, 2);
        for network in [&[][..], &[4], &[4, 0], &[70_000, 2], &[u32::MAX, u32::MAX]] {
            assert!(matches!(memory_map(network, 1, &design), Err(CompileError::Network { .. })), "{network:?}");
        }
        assert!(matches!(memory_map(&[4, 2], 0, &design), Err(CompileError::Batch { .. })));
        assert!(matches!(memory_map(&[6000, 6000], 1, &design), Err(CompileError::DoesNotFit { .. })));
    }
}
