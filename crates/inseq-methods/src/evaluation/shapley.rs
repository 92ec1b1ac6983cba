//! Agreement with exact Shapley values.

use inseq_core::{About, spearman};

use super::metric::{Column, Mask, Metric, MetricInfo, Outputs, Ranked, Text};

/// Largest number of tokens of which all subsets are run.
const MOST: usize = 12;

const COLUMNS: &[Column] = &[("shapley", Some(true))];

pub(super) fn info() -> MetricInfo {
    MetricInfo {
        about: About {
            name: "shapley",
            description: "Are the tokens in the order of their exact Shapley values?",
            details: "Spearman's correlation of the scores with the exact Shapley values of the log-probability of the output, from all subsets of \
                      the tokens. Higher is better. Texts of more than 12 ranked tokens have no value.",
            arguments: &[],
        },
        columns: COLUMNS,
        cost: "at most 4096 forwards for all methods",
        citation: "Shapley (1953), A Value for n-Person Games",
        metric: &Shapley,
    }
}

#[derive(Debug)]
struct Shapley;

impl Metric for Shapley {
    fn masks(&self, text: &Text, _: &Ranked) -> Vec<Mask> {
        match text.tokens <= MOST {
            true => (0..1usize << text.tokens).map(|bits| subset(bits, text.tokens)).collect(),
            false => Vec::new(),
        }
    }

    fn values(&self, text: &Text, own: usize, outputs: &Outputs) -> Vec<Option<f64>> {
        if text.tokens > MOST {
            return vec![None];
        }
        let exact = shapley_values(text.tokens, |bits| outputs.total(&subset(bits, text.tokens)));
        vec![spearman(&text.methods[own].scores, &exact)]
    }
}

fn subset(bits: usize, tokens: usize) -> Mask {
    (0..tokens).map(|token| bits >> token & 1 == 1).collect()
}

/// The Shapley values of a function of subsets.
fn shapley_values(tokens: usize, output: impl Fn(usize) -> f64) -> Vec<f64> {
    let outputs: Vec<f64> = (0..1usize << tokens).map(output).collect();
    // The weight of a subset of each size: size! (n - 1 - size)! / n!.
    let mut weights = vec![1.0 / tokens.max(1) as f64];
    for size in 1..tokens {
        weights.push(weights[size - 1] * size as f64 / (tokens - size) as f64);
    }
    let value = |token: usize| -> f64 {
        let without = (0..outputs.len()).filter(|bits| bits >> token & 1 == 0);
        without.map(|bits| weights[bits.count_ones() as usize] * (outputs[bits | 1 << token] - outputs[bits])).sum()
    };
    (0..tokens).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_a_known_game() {
        // The glove game: token 0 has a left glove, 1 and 2 a right one each; a pair is worth 1.
        let worth = |bits: usize| f64::from(u8::from(bits & 1 == 1 && bits > 1));
        let values = shapley_values(3, worth);
        for (found, expected) in values.iter().zip([2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0]) {
            assert!((found - expected).abs() < 1e-12, "{values:?}");
        }
    }
}
