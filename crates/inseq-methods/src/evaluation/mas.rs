//! Magnitude-aligned scoring.

use inseq_core::About;

use super::curves::most_first;
use super::metric::{Column, Mask, Metric, MetricInfo, Outputs, Ranked, Text, area};

const COLUMNS: &[Column] = &[("rise", Some(false)), ("mas", Some(false))];

pub(super) fn info() -> MetricInfo {
    MetricInfo {
        about: About {
            name: "mas",
            description: "Does the output fall as fast as the scores say while the most relevant tokens are removed?",
            details: "Tokens are removed in 20 equal groups, the most relevant first. The log-probability of the output is scaled so that it is \
                      1 with the whole input and 0 without any token, and made non-increasing. `rise` is the area under it: lower is better. \
                      For `mas`, the distance to the share of the scores that is not yet removed is added (scores below 0 count as 0), the sum \
                      is scaled to its smallest and largest value, and the area under it is the value: lower is better. A text whose output \
                      is not less likely without any token has no value.",
            arguments: &[],
        },
        columns: COLUMNS,
        cost: "at most 20 forwards per method",
        citation: "Petsiuk et al. (2018), RISE: Randomized Input Sampling for Explanation of Black-box Models, \
                   https://arxiv.org/abs/1806.07421; in the form of FlashTrace (2026), https://arxiv.org/abs/2602.01914",
        metric: &Mas,
    }
}

#[derive(Debug)]
struct Mas;

impl Metric for Mas {
    fn masks(&self, text: &Text, ranked: &Ranked) -> Vec<Mask> {
        most_first(text, ranked)
    }

    fn values(&self, text: &Text, own: usize, outputs: &Outputs) -> Vec<Option<f64>> {
        let ranked = &text.methods[own];
        let masks = most_first(text, ranked);
        let totals: Vec<f64> = masks.iter().map(|mask| outputs.total(mask)).collect();
        match aligned(&totals, &densities(&ranked.scores, &masks)) {
            Some((rise, mas)) => vec![Some(rise), Some(mas)],
            None => vec![None, None],
        }
    }
}

/// The share of the scores that each mask keeps.
fn densities(scores: &[f64], masks: &[Mask]) -> Vec<f64> {
    let kept = |mask: &Mask| scores.iter().zip(mask).filter(|(_, kept)| **kept).map(|(score, _)| score.max(0.0)).sum();
    let sums: Vec<f64> = masks.iter().map(kept).collect();
    let all = sums.first().copied().unwrap_or(0.0);
    sums.into_iter().map(|sum: f64| if all > 0.0 { sum / all } else { 0.0 }).collect()
}

/// The area under outputs, and that under outputs with their distances to densities.
fn aligned(outputs: &[f64], densities: &[f64]) -> Option<(f64, f64)> {
    let (first, last) = (*outputs.first()?, *outputs.last()?);
    if first <= last {
        return None;
    }
    let mut lowest = f64::INFINITY;
    let scaled: Vec<f64> = outputs
        .iter()
        .map(|output| {
            lowest = lowest.min(((output - last) / (first - last)).clamp(0.0, 1.0));
            lowest
        })
        .collect();
    let sums: Vec<f64> =
        scaled.iter().zip(densities).map(|(y, density)| (y + (y - density).abs()).clamp(0.0, 1.0)).collect();
    let (least, most) = sums.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)));
    let range = if most > least { most - least } else { 1.0 };
    let sums: Vec<f64> = sums.iter().map(|sum| (sum - least) / range).collect();
    Some((area(&scaled), area(&sums)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_that_fall_as_the_scores_do_have_no_penalty() {
        // By hand: y is 1, 1/2, 1/4, 0, which is also the share of the scores.
        let (rise, mas) = aligned(&[0.0, -2.0, -3.0, -4.0], &[1.0, 0.5, 0.25, 0.0]).unwrap();
        assert!((rise - 1.25 / 3.0).abs() < 1e-12 && (mas - rise).abs() < 1e-12);
        // The output falls at once; the scores say that half is left: y + |y - d| is 1, 0.5, 0.25, 0.
        let (rise, mas) = aligned(&[0.0, -4.0, -5.0, -4.0], &[1.0, 0.5, 0.25, 0.0]).unwrap();
        assert!((rise - 0.5 / 3.0).abs() < 1e-12 && (mas - 1.25 / 3.0).abs() < 1e-12);
        assert_eq!(aligned(&[-1.0, -2.0, -1.0], &[1.0, 0.5, 0.0]), None);
    }
}
