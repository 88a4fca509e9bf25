//! The memory plan: where every matrix of a network lies. A function of network, batch and array only; it
//! sizes the memories, `check` prints it, and the compiler obeys it.

use serde::Serialize;

/// A matrix in a skewed memory: tiles of N x N elements, tile row after tile row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// For people: `input`, `hidden 1`, `logits`, `weights 1`.
    pub name: String,
    pub rows: u32,
    pub columns: u32,
    /// First tile.
    pub base: u32,
    /// Tiles per tile row.
    pub stride: u32,
}

/// The matrices of one skewed memory, without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Region {
    pub matrices: Vec<Matrix>,
    /// Tiles in use; 64 bits because a network that cannot fit must be countable to say so.
    pub tiles: u64,
    banks: u32,
}

impl Region {
    fn new(banks: u32) -> Self {
        Region { matrices: Vec::new(), tiles: 0, banks }
    }

    fn add(&mut self, name: String, rows: u32, columns: u32) {
        let stride = columns.div_ceil(self.banks);
        self.matrices.push(Matrix {
            name,
            rows,
            columns,
            // A base beyond 32 bits belongs to a network that does not fit; it is never used as an address.
            base: u32::try_from(self.tiles).unwrap_or(u32::MAX),
            stride,
        });
        self.tiles += u64::from(rows.div_ceil(self.banks)) * u64::from(stride);
    }

    /// Words per bank that the region needs; a multiple of the number of banks.
    pub fn depth(&self) -> u64 {
        self.tiles * u64::from(self.banks)
    }
}

/// Where every matrix of a network lies, and what the other memories must hold.
///
/// With layers n_0 .. n_L and a batch of m samples:
/// - activation matrix l (l = 0 .. L-1) is m x (n_l + 1); its last column is the constant one of the bias;
/// - gradient matrix l (l = 1 .. L) is m x n_l;
/// - weight matrix l (l = 1 .. L) is (n_(l-1) + 1) x n_l; its last row is the bias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryPlan {
    /// N: the smallest power of two >= max(rows, columns, 2).
    pub banks: u32,
    pub activation: Region,
    pub gradient: Region,
    pub weight: Region,
    /// Accumulator addresses that a batch of logits takes: m for every `columns` classes. A block of moving
    /// vectors may be smaller than a batch, the logits may not.
    pub accumulator_vectors: u64,
    /// Samples in the per-sample memories.
    pub samples: u32,
    /// Instructions of one training step, HALT included: L forward GEMMs, the softmax, L-1 input gradients,
    /// L updates.
    pub step_instructions: u32,
    /// Instructions of a forward pass with its softmax, HALT included.
    pub forward_instructions: u32,
}

impl MemoryPlan {
    /// `layers` has at least two sizes; `rows` and `columns` are those of the array.
    pub fn new(layers: &[u32], batch: u32, rows: u32, columns: u32) -> Self {
        let banks = rows.max(columns).max(2).next_power_of_two();
        let last = layers.len() - 1;
        let (mut activation, mut gradient, mut weight) = (Region::new(banks), Region::new(banks), Region::new(banks));
        let name = |layer: usize| match layer {
            0 => "input".to_string(),
            layer if layer == last => "logits".to_string(),
            layer => format!("hidden {layer}"),
        };
        for (layer, &size) in layers.iter().enumerate() {
            if layer < last {
                activation.add(name(layer), batch, size + 1);
            }
            if layer > 0 {
                gradient.add(name(layer), batch, size);
                weight.add(format!("weights {layer}"), layers[layer - 1] + 1, size);
            }
        }
        let gemms = last as u32;
        MemoryPlan {
            banks,
            activation,
            gradient,
            weight,
            accumulator_vectors: u64::from(batch) * u64::from(layers[last].div_ceil(columns.max(1))),
            samples: batch,
            step_instructions: 3 * gemms + 1,
            forward_instructions: gemms + 2,
        }
    }

    /// Instructions that the program memory must hold: a step for a full batch, a step for the last, shorter
    /// one of an epoch, and a forward pass for each of the two.
    pub fn instructions(&self) -> u32 {
        2 * (self.step_instructions + self.forward_instructions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_on_8x8() {
        let plan = MemoryPlan::new(&[64, 32, 10], 16, 8, 8);
        assert_eq!(plan.banks, 8);
        // 2 tile rows of ceil(65 / 8) and ceil(33 / 8) tiles.
        assert_eq!(plan.activation.tiles, 2 * 9 + 2 * 5);
        assert_eq!(plan.activation.matrices[1].base, 18);
        assert_eq!(plan.gradient.depth(), (2 * 4 + 2 * 2) * 8);
        assert_eq!(plan.weight.tiles, 9 * 4 + 5 * 2);
        assert_eq!(plan.accumulator_vectors, 32);
        assert_eq!(plan.step_instructions, 7);
    }

    #[test]
    fn matrices_do_not_overlap() {
        let plan = MemoryPlan::new(&[7, 13, 5, 3], 11, 3, 5);
        assert_eq!(plan.banks, 8);
        for region in [&plan.activation, &plan.gradient, &plan.weight] {
            let mut next = 0;
            for matrix in &region.matrices {
                assert_eq!(matrix.base, next);
                assert!(matrix.stride * plan.banks >= matrix.columns);
                next += matrix.rows.div_ceil(plan.banks) * matrix.stride;
            }
            assert_eq!(region.tiles, u64::from(next));
        }
    }
}
