//! Sampling: which tokens may be drawn, and the draw.

use rand::Rng;

use super::GenerationConfig;

/// Temperature, top-k, top-p and min-p, in transformers' order.
pub(super) fn warp(config: &GenerationConfig, scores: &mut [f32]) {
    let keep = if config.num_beams > 1 { config.end_tokens().len() + 1 } else { 1 };
    if config.temperature != 1.0 {
        let temperature = config.temperature as f32;
        scores.iter_mut().for_each(|score| *score /= temperature);
    }
    if config.top_k > 0 {
        let k = config.top_k.max(keep).min(scores.len());
        let mut sorted = scores.to_vec();
        let (_, kth, _) = sorted.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
        let kth = *kth;
        scores.iter_mut().filter(|score| **score < kth).for_each(|score| *score = f32::NEG_INFINITY);
    }
    if config.top_p < 1.0 {
        let order = ascending(scores);
        let probabilities = softmax(scores);
        let mut below = 0f32;
        for &index in &order[..scores.len().saturating_sub(keep)] {
            below += probabilities[index];
            if f64::from(below) <= 1.0 - config.top_p {
                scores[index] = f32::NEG_INFINITY;
            }
        }
    }
    if let Some(min_p) = config.min_p {
        let order = ascending(scores);
        let probabilities = softmax(scores);
        let least = probabilities.iter().copied().fold(0f32, f32::max) * min_p as f32;
        for &index in &order[..scores.len().saturating_sub(keep)] {
            if probabilities[index] < least {
                scores[index] = f32::NEG_INFINITY;
            }
        }
    }
}

/// A token drawn by its probability.
pub(super) fn draw(scores: &[f32], rng: &mut impl Rng) -> u32 {
    let probabilities = softmax(scores);
    let total: f64 = probabilities.iter().map(|p| f64::from(*p)).sum();
    let mut rest = rng.random::<f64>() * total;
    let mut last = 0;
    for (index, &p) in probabilities.iter().enumerate() {
        if p > 0.0 {
            last = index;
            rest -= f64::from(p);
            if rest < 0.0 {
                break;
            }
        }
    }
    last as u32
}

/// Logarithms of probabilities with Gumbel noise: their largest are a draw without replacement (Kool et al., 2019,
/// <https://arxiv.org/abs/1903.06059>).
pub(super) fn perturb(scores: &[f32], rng: &mut impl Rng) -> Vec<f32> {
    scores
        .iter()
        .map(|score| {
            let u: f64 = rng.random::<f64>().max(f64::MIN_POSITIVE);
            score - (-u.ln()).ln() as f32
        })
        .collect()
}

fn ascending(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    order
}

fn softmax(scores: &[f32]) -> Vec<f32> {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut values: Vec<f32> = scores.iter().map(|score| (score - max).exp()).collect();
    let total: f32 = values.iter().sum();
    values.iter_mut().for_each(|value| *value /= total);
    values
}
