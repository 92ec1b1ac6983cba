//! Sampling: the filters of tokens, and the draw.

use rand::Rng;

use super::GenerationConfig;

/// Removes the tokens that may not be drawn, by transformers' filters in their order.
pub(super) fn warp(config: &GenerationConfig, scores: &mut [f32]) {
    // Beams need one token to go on with beside those that end a text.
    let keep = if config.num_beams > 1 { (config.end_tokens().len() + 1).max(2) } else { 1 };
    if config.temperature != 1.0 {
        // A temperature beyond the largest number of 32 bits makes all tokens equally likely, too. A banned token stays banned.
        let temperature = (config.temperature as f32).min(f32::MAX);
        scores.iter_mut().for_each(|score| *score /= temperature);
    }
    if let Some(top_h) = config.top_h {
        keep_entropy(scores, top_h as f32);
    }
    if config.top_k > 0 {
        let kth = kth_largest(scores, config.top_k.max(keep));
        ban(scores, |_, score| score < kth);
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
    if config.typical_p < 1.0 {
        keep_typical(scores, config.typical_p as f32, keep);
    }
    // Hewitt et al., 2022, <https://arxiv.org/abs/2210.15191>.
    if 0.0 < config.epsilon_cutoff && config.epsilon_cutoff < 1.0 {
        cut_off(scores, config.epsilon_cutoff as f32, keep);
    }
    if 0.0 < config.eta_cutoff && config.eta_cutoff < 1.0 {
        let epsilon = config.eta_cutoff as f32;
        let eta = epsilon.min(epsilon.sqrt() * (-entropy(&softmax(scores))).exp());
        cut_off(scores, eta, keep);
    }
}

fn ban(scores: &mut [f32], is_banned: impl Fn(usize, f32) -> bool) {
    for (index, score) in scores.iter_mut().enumerate() {
        if is_banned(index, *score) {
            *score = f32::NEG_INFINITY;
        }
    }
}

/// The `k`-th largest score, or the smallest if there are fewer.
fn kth_largest(scores: &[f32], k: usize) -> f32 {
    let mut sorted = scores.to_vec();
    let k = k.clamp(1, sorted.len().max(1)) - 1;
    if k >= sorted.len() { f32::NEG_INFINITY } else { *sorted.select_nth_unstable_by(k, |a, b| b.total_cmp(a)).1 }
}

/// Keeps the tokens with at least a probability, and the `keep` likeliest.
fn cut_off(scores: &mut [f32], least: f32, keep: usize) {
    let probabilities = softmax(scores);
    let kth = kth_largest(scores, keep);
    ban(scores, |index, score| probabilities[index] < least && score < kth);
}

/// Top-H (Baghaei Potraghloo et al., 2025, <https://arxiv.org/abs/2509.02510>): keeps the likeliest tokens that together have a
/// share of the entropy.
fn keep_entropy(scores: &mut [f32], share: f32) {
    const MOST: usize = 100;
    let likeliest = super::top::largest(scores, MOST.min(scores.len()));
    let probabilities = softmax(&likeliest.iter().map(|&index| scores[index]).collect::<Vec<_>>());
    let budget = entropy(&probabilities) * share;
    let mut sum = 0.0;
    let mut kept = vec![false; scores.len()];
    for (rank, (&index, p)) in likeliest.iter().zip(&probabilities).enumerate() {
        sum += -p * p.ln();
        // A token without a probability makes the sum NaN, which is within no budget.
        kept[index] = rank == 0 || sum <= budget;
    }
    ban(scores, |index, _| !kept[index]);
}

/// Typical sampling (Meister et al., 2022, <https://arxiv.org/abs/2202.00666>): keeps the tokens whose surprisal is nearest to
/// the entropy, up to a total probability.
fn keep_typical(scores: &mut [f32], mass: f32, keep: usize) {
    let probabilities = softmax(scores);
    let mut normalized = scores.to_vec();
    crate::layers::log_softmax_row(&mut normalized);
    let expected = entropy(&probabilities);
    let distances: Vec<f32> = normalized.iter().map(|log| (-log - expected).abs()).collect();
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
    let mut sum = 0.0;
    let below = order.iter().take_while(|&&index| {
        sum += probabilities[index];
        sum < mass
    });
    let last = below.count().min(order.len().saturating_sub(1));
    let Some(farthest) = order.get(last).map(|&index| distances[index]) else { return };
    for &index in order.iter().skip(keep).filter(|&&index| distances[index] > farthest) {
        scores[index] = f32::NEG_INFINITY;
    }
}

/// The entropy in nats.
fn entropy(probabilities: &[f32]) -> f32 {
    probabilities.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum()
}

/// Draws a token by its probability.
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

/// Log probabilities with Gumbel noise: the largest ones are a sample without replacement (Kool et al., 2019,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundless_temperature_makes_tokens_equally_likely() {
        let mut config = GenerationConfig::default();
        (config.temperature, config.top_k) = (1e300, 0);
        let mut scores = [3.0, f32::NEG_INFINITY, -40.0];
        warp(&config, &mut scores);
        assert!(scores[1] == f32::NEG_INFINITY && scores[0] - scores[2] < 1e-6, "{scores:?}");
    }
}
