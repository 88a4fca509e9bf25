//! From totals to results, and the generators for stochastic rounding.
use super::memory::most;

/// Takes a total t to `sat((t * 2^lift + addend) >> shift, bits)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Requantiser {
    lift: u32,
    shift: u32,
    half: i64,
    /// Largest result; the least is its complement.
    most: i64,
}

impl Requantiser {
    pub fn new(lift: u32, shift: u8, bits: u32) -> Self {
        let shift = shift.into();
        Self { lift, shift, half: if shift == 0 { 0 } else { 1 << (shift - 1) }, most: most(bits) }
    }

    /// Rounds half up. Returns the result and whether it was clipped.
    #[inline]
    pub fn nearest(&self, total: i64) -> (i64, bool) {
        self.finish(total, self.half)
    }

    /// Rounds up with the probability that the lost bits stand for, given a random word.
    #[inline]
    pub fn stochastic(&self, total: i64, random: u32) -> (i64, bool) {
        self.finish(total, i64::from(random) & ((1 << self.shift) - 1))
    }

    #[inline]
    fn finish(&self, total: i64, addend: i64) -> (i64, bool) {
        // A design keeps A + lift <= 62, so this is exact.
        let wide = ((total << self.lift) + addend) >> self.shift;
        let result = wide.clamp(!self.most, self.most);
        (result, result != wide)
    }
}

/// One 32-bit Galois LFSR per column of the array.
#[derive(Debug, Default)]
pub(super) struct Generators(Vec<u32>);

impl Generators {
    /// The state in which a GEMM finds them.
    pub fn load(&mut self, columns: usize, seed: u32, salt: u8) {
        let lanes = 1..=columns as u32;
        let start = seed ^ (u32::from(salt) * 0x0101_0101);
        self.0.clear();
        self.0.extend(lanes.map(|lane| (start ^ 0x9E37_79B9u32.wrapping_mul(lane)) | 0x8000_0000));
    }

    /// The state of a lane, which then steps.
    #[inline]
    pub fn next(&mut self, column: usize) -> u32 {
        let state = self.0[column];
        self.0[column] = (state >> 1) ^ ((state & 1) * 0x8020_0003);
        state
    }
}
