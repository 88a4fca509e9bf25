//! The random numbers of the host side: shuffling, splitting, initial weights.
//!
//! The generator is written out here, not taken from a crate, because its output is part of what a
//! seed means: a run must give the same bytes after any dependency changed.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
///
/// The state advances by the odd constant `0x9E3779B97F4A7C15` (2^64 over the golden ratio) and every
/// output is a bijective mix of the state, so the period is 2^64 for any seed, zero included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitMix64 {
    state: u64,
}

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// The output function of SplitMix64 (variant 13 of Stafford's 64-bit mixers).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl SplitMix64 {
    /// The generator whose first output is `mix(seed + gamma)`, as in the reference implementation.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// One of 2^64 generators that belong to `seed`: state `mix(mix(seed + gamma) + stream)`.
    ///
    /// Both numbers pass through the mixer, so neighbouring seeds or streams share no sequence.
    pub fn stream(seed: u64, stream: u64) -> Self {
        Self::new(mix(mix(seed.wrapping_add(GAMMA)).wrapping_add(stream)))
    }

    /// The next 64 bits, uniform.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// A uniform integer in `0..n`, without modulo bias (Lemire, "Fast random integer generation in an
    /// interval", ACM TOMACS 2019). Takes one output, rarely more.
    ///
    /// # Panics
    /// If `n` is 0: there is no such integer.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "SplitMix64::below(0): the range is empty");
        // The 2^64 mod n smallest low halves are the surplus that would favour some results.
        let surplus = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if (product as u64) >= surplus {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniform number in `low..high`: `low + (high - low) * k / 2^53` with `k` the 53 upper bits of one
    /// output. `high` itself can appear by rounding only.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        let unit = (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        low + (high - low) * unit
    }

    /// Fisher-Yates, from the last element down: swap `i` with `below(i + 1)`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation (Vigna, splitmix64.c) prints these for the seed 1234567.
    #[test]
    fn reference_vector() {
        let mut random = SplitMix64::new(1_234_567);
        let got: Vec<u64> = (0..5).map(|_| random.next_u64()).collect();
        assert_eq!(
            got,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }

    #[test]
    fn below_is_even_and_in_range() {
        let mut random = SplitMix64::new(1);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[random.below(7) as usize] += 1;
        }
        // Standard deviation is 93, so 500 is more than five of them.
        for count in counts {
            assert!(count.abs_diff(10_000) < 500, "{counts:?}");
        }
        assert_eq!(random.below(1), 0);
    }

    /// With n = 3 * 2^62 a quarter of the outputs is surplus; taking them all would make the first of
    /// every three results twice as frequent.
    #[test]
    fn below_rejects_the_surplus() {
        let n = 3u64 << 62;
        let mut random = SplitMix64::new(5);
        let hits = (0..30_000).filter(|_| random.below(n).is_multiple_of(3)).count();
        assert!(hits.abs_diff(10_000) < 500, "{hits}");
    }

    #[test]
    fn uniform_fills_its_interval() {
        let mut random = SplitMix64::new(9);
        let values: Vec<f64> = (0..20_000).map(|_| random.uniform(-0.25, 0.25)).collect();
        assert!(values.iter().all(|v| (-0.25..=0.25).contains(v)));
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.006, "{mean}");
        assert!(values.iter().any(|v| *v < -0.24) && values.iter().any(|v| *v > 0.24));
    }

    #[test]
    fn streams_differ_and_repeat() {
        let first = |seed, stream| SplitMix64::stream(seed, stream).next_u64();
        assert_eq!(first(3, 4), first(3, 4));
        assert_ne!(first(3, 4), first(3, 5));
        assert_ne!(first(3, 4), first(4, 4));
        assert_ne!(first(3, 4), first(4, 3));
    }

    #[test]
    fn shuffle_reaches_every_order_of_three() {
        let mut random = SplitMix64::new(2);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            *counts.entry(items).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Standard deviation is 29.
        assert!(counts.values().all(|c| c.abs_diff(1000) < 160), "{counts:?}");
    }
}
