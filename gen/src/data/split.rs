//! Which samples train, which test, and in which order an epoch visits them.

use super::{DataError, Dataset};
use crate::random::SplitMix64;

/// Streams of the seed: epoch `e` shuffles with stream `e`, the split takes one that no epoch reaches.
const SPLIT_STREAM: u64 = u64::MAX;

/// A data set in two disjoint parts that together are the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    pub train: Dataset,
    pub test: Dataset,
}

/// Parts `data` at random; both parts keep the order of the file.
///
/// `round(samples * test_fraction)` samples are for testing. Stratified, each class gives its share of them,
/// rounded by largest remainder; equal remainders favour the lower class.
///
/// # Errors
/// [`DataError::Fraction`] if a part would be empty or the fraction is not a number.
pub fn split(data: &Dataset, test_fraction: f64, seed: u64, stratified: bool) -> Result<Split, DataError> {
    let samples = data.samples();
    // A negative number or NaN becomes 0, infinity saturates.
    let test_samples = ((samples as f64 * test_fraction).round() as usize).min(samples);
    if test_samples == 0 || test_samples == samples {
        return Err(DataError::Fraction {
            fraction: test_fraction,
            samples,
            train: samples - test_samples,
            test: test_samples,
        });
    }

    let mut groups: Vec<Vec<usize>> = vec![Vec::new()];
    for (sample, &label) in data.labels.iter().enumerate() {
        let group = if stratified { usize::from(label) } else { 0 };
        if groups.len() <= group {
            groups.resize(group + 1, Vec::new());
        }
        groups[group].push(sample);
    }

    let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
    let mut random = SplitMix64::stream(seed, SPLIT_STREAM);
    let mut in_test = vec![false; samples];
    for (mut group, quota) in groups.into_iter().zip(quotas(&sizes, test_samples)) {
        random.shuffle(&mut group);
        for &sample in &group[..quota] {
            in_test[sample] = true;
        }
    }
    let part = |test: bool| {
        let chosen = || (0..samples).filter(|&sample| in_test[sample] == test);
        Dataset {
            inputs: chosen().flat_map(|sample| data.sample(sample)).copied().collect(),
            features: data.features,
            labels: chosen().map(|sample| data.labels[sample]).collect(),
        }
    };
    Ok(Split { train: part(false), test: part(true) })
}

/// Shares `total` among groups in proportion to `sizes`, in integers, by largest remainder.
/// No share exceeds its size, as `total` does not exceed the sum of sizes.
fn quotas(sizes: &[usize], total: usize) -> Vec<usize> {
    let whole = sizes.iter().sum::<usize>() as u128;
    let exact = |size: usize| size as u128 * total as u128;
    let mut quotas: Vec<usize> = sizes.iter().map(|&size| (exact(size) / whole) as usize).collect();
    let missing = total - quotas.iter().sum::<usize>();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&group| std::cmp::Reverse(exact(sizes[group]) % whole)); // stable
    for &group in &order[..missing] {
        quotas[group] += 1;
    }
    quotas
}

/// The order in which epoch `epoch` visits the samples: a permutation of `0..samples` by
/// [`SplitMix64::shuffle`] with stream `epoch` of `seed`. It depends on nothing else.
///
/// # Panics
/// If `samples` exceeds 2^32.
pub fn epoch_order(samples: usize, seed: u64, epoch: u64) -> Vec<u32> {
    let mut order: Vec<u32> =
        (0..samples).map(|sample| u32::try_from(sample).expect("a data set has at most 2^32 samples")).collect();
    SplitMix64::stream(seed, epoch).shuffle(&mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sample i has the inputs 2 i and 2 i + 1; classes 0, 2 and 7 in unequal numbers.
    fn uneven() -> Dataset {
        let labels: Vec<u16> = (0..53).map(|i| if i % 5 == 0 { 7 } else { (i % 3 / 2) * 2 }).collect();
        Dataset { inputs: (0..106).map(|v| v as f32).collect(), features: 2, labels }
    }

    #[test]
    fn parts_are_disjoint_whole_and_keep_pairs() {
        let data = uneven();
        for stratified in [false, true] {
            let Split { train, test } = split(&data, 0.2, 4, stratified).unwrap();
            assert_eq!((train.samples(), test.samples()), (42, 11));
            let mut seen: Vec<usize> = Vec::new();
            for part in [&train, &test] {
                for i in 0..part.samples() {
                    let original = part.sample(i)[0] as usize / 2;
                    assert_eq!(part.sample(i), data.sample(original));
                    assert_eq!(part.labels[i], data.labels[original]);
                    seen.push(original);
                }
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..53).collect::<Vec<_>>());
        }
    }

    #[test]
    fn stratified_keeps_proportions_for_every_seed() {
        let data = uneven();
        let count = |labels: &[u16], class| labels.iter().filter(|&&l| l == class).count();
        for seed in 0..50 {
            let test = split(&data, 0.2, seed, true).unwrap().test;
            for class in [0, 2, 7] {
                let exact = count(&data.labels, class) as f64 * 11.0 / 53.0;
                assert!((count(&test.labels, class) as f64 - exact).abs() < 1.0, "seed {seed}, class {class}");
            }
        }
    }

    #[test]
    fn seed_decides() {
        let data = uneven();
        assert_eq!(split(&data, 0.3, 1, true).unwrap(), split(&data, 0.3, 1, true).unwrap());
        assert_ne!(split(&data, 0.3, 1, true).unwrap(), split(&data, 0.3, 2, true).unwrap());
    }

    #[test]
    fn empty_parts_are_refused() {
        for fraction in [0.0, 1.0, -0.5, 0.009, 0.999, f64::NAN, f64::INFINITY] {
            let error = split(&uneven(), fraction, 0, true).unwrap_err();
            assert!(matches!(error, DataError::Fraction { .. }), "{fraction}");
        }
        let empty = Dataset { inputs: vec![], features: 1, labels: vec![] };
        assert!(split(&empty, 0.5, 0, false).is_err());
    }

    #[test]
    fn quotas_by_largest_remainder() {
        assert_eq!(quotas(&[10, 10, 10], 4), [2, 1, 1]);
        assert_eq!(quotas(&[1, 0, 9], 5), [1, 0, 4]);
        assert_eq!(quotas(&[3, 5], 8), [3, 5]);
        assert_eq!(quotas(&[6, 4], 2), [1, 1]);
    }

    /// Pinned: a change here changes every published training run.
    #[test]
    fn epoch_order_is_fixed() {
        assert_eq!(epoch_order(8, 1, 0), PINNED[0]);
        assert_eq!(epoch_order(8, 1, 1), PINNED[1]);
    }
    /// From a second implementation, in Python, of what `random.rs` documents.
    const PINNED: [[u32; 8]; 2] = [[6, 1, 5, 0, 4, 7, 2, 3], [2, 4, 1, 7, 0, 6, 3, 5]];

    #[test]
    fn epoch_order_is_a_permutation() {
        for samples in [0, 1, 2, 1437] {
            let mut order = epoch_order(samples, 7, 3);
            assert!(samples <= 2 || !order.is_sorted());
            order.sort_unstable();
            assert_eq!(order, (0..samples as u32).collect::<Vec<_>>());
        }
        assert_ne!(epoch_order(100, 7, 3), epoch_order(100, 7, 4));
        assert_ne!(epoch_order(100, 7, 3), epoch_order(100, 8, 3));
    }
}
