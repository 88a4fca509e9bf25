//! Random bits for codes (section 3 of the specification).

/// One generator per column of the array: 31 bits of the sequence s(n + 31) = s(n + 3) ^ s(n), sixteen more with each step.
#[derive(Debug, Default)]
pub(super) struct DrawGenerators(Vec<u32>);

impl DrawGenerators {
    /// The state after a reset, in which all draws are 0.
    pub fn new(columns: usize) -> Self {
        Self(vec![0; columns])
    }

    /// What a write of SEED does.
    pub fn seed(&mut self, seed: u32) {
        for (state, lane) in self.0.iter_mut().zip(1u32..) {
            *state = (seed ^ lane.wrapping_mul(0x9E37_79B9)) & 0x3FFF_FFFF | 0x4000_0000;
        }
    }

    /// The state of a lane, which then steps.
    #[inline]
    pub fn next(&mut self, column: usize) -> u32 {
        let state = self.0[column];
        self.0[column] = state >> 16 | ((state ^ state >> 3) & 0xFFFF) << 15;
        state
    }

    /// Draws for the elements of an m x n matrix, row-major, in the order in which the array finishes them: as many
    /// columns at a time as the array has, row by row.
    pub fn matrix(&mut self, rows: usize, columns: usize, draws: &mut Vec<u32>) {
        draws.clear();
        draws.resize(rows * columns, 0);
        let width = self.0.len();
        for first in (0..columns).step_by(width) {
            for row in draws.chunks_exact_mut(columns) {
                let last = columns.min(first + width);
                for (lane, draw) in row[first..last].iter_mut().enumerate() {
                    *draw = self.next(lane);
                }
            }
        }
    }

    /// The same for gradients of the loss, which come sample by sample.
    pub fn samples(&mut self, rows: usize, columns: usize, draws: &mut Vec<u32>) {
        let width = self.0.len();
        draws.clear();
        for _ in 0..rows {
            draws.extend((0..columns).map(|column| self.next(column % width)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the sequence, bit by bit.
    #[test]
    fn a_step_is_sixteen_bits_of_the_sequence() {
        let mut generators = DrawGenerators::new(1);
        generators.seed(12345);
        let first = generators.next(0);
        let mut bits: Vec<u32> = (0..31).map(|i| first >> i & 1).collect();
        for n in 0..160 {
            bits.push(bits[n + 3] ^ bits[n]);
        }
        for step in 1..10 {
            let state = generators.next(0);
            let expected = (0..31).fold(0, |word, i| word | bits[16 * step + i] << i);
            assert_eq!(state, expected, "step {step}");
        }
    }
}
