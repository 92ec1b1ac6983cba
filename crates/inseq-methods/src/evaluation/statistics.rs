//! Means with intervals and tests.

use inseq_core::MetricSummary;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Number of resamples of the bootstrap, and of random sign flips.
const RESAMPLES: usize = 10_000;

/// Largest number of texts for which all sign flips are counted.
const EXACT: usize = 13;

/// Summaries of values `[method][text]`.
pub(super) fn summaries(values: &[Vec<Option<f64>>], higher_is_better: Option<bool>, seed: u64) -> Vec<MetricSummary> {
    let mut summaries: Vec<MetricSummary> = values
        .iter()
        .map(|values| {
            let known: Vec<f64> = values.iter().copied().flatten().collect();
            MetricSummary {
                mean: (!known.is_empty()).then(|| mean(&known)),
                interval: interval(&known, seed),
                texts: known.len(),
                ..MetricSummary::default()
            }
        })
        .collect();
    let Some(higher) = higher_is_better else { return summaries };
    let better = |one: f64, other: f64| if higher { one > other } else { one < other };
    let means: Vec<Option<f64>> = summaries.iter().map(|summary| summary.mean).collect();
    for summary in &mut summaries {
        let Some(own) = summary.mean else { continue };
        summary.rank = Some(1 + means.iter().flatten().filter(|other| better(**other, own)).count());
    }
    let Some(best) = summaries.iter().position(|summary| summary.rank == Some(1)) else { return summaries };
    let tests = (0..values.len()).filter(|&method| method != best).filter_map(|method| {
        let pairs = values[best].iter().zip(&values[method]);
        let differences: Vec<f64> = pairs.filter_map(|(best, own)| Some((*best)? - (*own)?)).collect();
        Some((method, sign_flip(&differences, seed)?))
    });
    for (method, p) in holm(tests.collect()) {
        summaries[method].p_value = Some(p);
    }
    summaries
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The 95 % percentile bootstrap interval of a mean.
fn interval(values: &[f64], seed: u64) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut resample = || {
        let sum: f64 = (0..values.len()).map(|_| values[random.random_range(0..values.len())]).sum();
        sum / values.len() as f64
    };
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| resample()).collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
    Some((at(0.025), at(0.975)))
}

/// The two-sided probability of a mean difference as large as this one if the sign of every difference were random.
fn sign_flip(differences: &[f64], seed: u64) -> Option<f64> {
    if differences.len() < 2 {
        return None;
    }
    let sum = |is_negative: &mut dyn FnMut(usize) -> bool| -> f64 {
        differences
            .iter()
            .enumerate()
            .map(|(i, difference)| if is_negative(i) { -difference } else { *difference })
            .sum()
    };
    let observed = sum(&mut |_| false).abs();
    // Sums in another order differ by rounding.
    let reaches = |sum: f64| sum.abs() >= observed * (1.0 - 1e-9);
    Some(match differences.len() <= EXACT {
        true => {
            let all = 1usize << differences.len();
            let count = (0..all).filter(|bits| reaches(sum(&mut |i| bits >> i & 1 == 1))).count();
            count as f64 / all as f64
        }
        false => {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let count = (0..RESAMPLES).filter(|_| reaches(sum(&mut |_| random.random_bool(0.5)))).count();
            (count + 1) as f64 / (RESAMPLES + 1) as f64
        }
    })
}

/// Probabilities of several tests, corrected by Holm's procedure.
fn holm(mut tests: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    tests.sort_by(|one, other| one.1.total_cmp(&other.1));
    let count = tests.len();
    let mut largest = 0f64;
    for (place, (_, p)) in tests.iter_mut().enumerate() {
        largest = largest.max((*p * (count - place) as f64).min(1.0));
        *p = largest;
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_have_known_probabilities() {
        // All three differences have one sign: 2 of 8 flips reach the sum.
        assert_eq!(sign_flip(&[1.0, 2.0, 3.0], 0), Some(0.25));
        assert_eq!(sign_flip(&[0.0; 4], 0), Some(1.0));
        assert_eq!(sign_flip(&[1.0], 0), None);
        // Holm (1979): 3 x 0.01, 2 x 0.02, and no less than the one before.
        assert_eq!(holm(vec![(0, 0.02), (1, 0.01), (2, 0.03)]), [(1, 0.03), (0, 0.04), (2, 0.04)]);
        let many: Vec<f64> = (0..40).map(|i| f64::from(i % 2) - 0.5).collect();
        assert!(sign_flip(&many, 0).unwrap() > 0.9);
        let all: Vec<f64> = (1..40).map(f64::from).collect();
        assert!(sign_flip(&all, 0).unwrap() < 1e-3);
    }

    #[test]
    fn methods_are_ranked_by_their_means() {
        let values = [vec![Some(1.0), Some(2.0)], vec![Some(3.0), Some(4.0)], vec![None, None], vec![Some(3.5), None]];
        let found = summaries(&values, Some(true), 0);
        assert_eq!(found.iter().map(|one| one.rank).collect::<Vec<_>>(), [Some(3), Some(1), None, Some(1)]);
        let lower = summaries(&values, Some(false), 0);
        assert_eq!(lower[0].rank, Some(1));
        let (least, most) = found[0].interval.unwrap();
        assert!(least == 1.0 && most == 2.0 && found[3].interval.is_none());
        assert!(summaries(&values, None, 0).iter().all(|one| one.rank.is_none() && one.p_value.is_none()));
    }
}
