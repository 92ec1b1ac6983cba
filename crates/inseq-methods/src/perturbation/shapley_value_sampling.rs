//! Shapley values by sampled orders.

use inseq_core::{About, Argument};
use inseq_models::model::Model;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{PerturbationsPerEval, Perturbed};
use crate::arguments::SEED;
use crate::engine::TextSteps;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, fields, from_arguments};
use crate::{Count, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] =
    &[Argument::new("n_samples", "25", "Number of random orders, 1 to 100000."), SEED, super::PERTURBATIONS_PER_EVAL];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "shapley_value_sampling",
            description: "How much does a token add to the score on average over all orders of the tokens?",
            details: "Tokens are changed from their baseline to the text one after another, in random orders. The score of a \
                      token is its mean change of the attributed function. Scores are signed and sum to the difference \
                      between the text and its baseline for any number of samples. All steps share the samples.",
            arguments: ARGUMENTS,
        },
        cost: "n_samples forwards per token",
        citation: "Castro et al. (2009), Polynomial calculation of the Shapley value based on sampling, \
                   https://doi.org/10.1016/j.cor.2008.04.004",
        make: from_arguments::<ShapleyValueSampling>("shapley_value_sampling"),
    }
}

/// How much does a token add to the score on average over all orders of the tokens?
///
/// Coarse scores `[input, step]`, signed; they sum to the difference of the attributed function at text and baseline. Cost:
/// `n_samples` forwards per token for all steps together. Castro et al., 2009, <https://doi.org/10.1016/j.cor.2008.04.004>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShapleyValueSampling {
    /// Number of random orders.
    pub n_samples: Count<1>,
    /// Seed of the random number generator.
    pub seed: u64,
    /// Accepted as in Captum; has no effect, because the memory budget decides.
    pub perturbations_per_eval: PerturbationsPerEval,
}

impl Default for ShapleyValueSampling {
    fn default() -> Self {
        Self { n_samples: Count::of::<25>(), seed: 0, perturbations_per_eval: None }
    }
}

impl Method for ShapleyValueSampling {
    fn name(&self) -> &str {
        "shapley_value_sampling"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let perturbed = Perturbed::new(context, text)?;
        let steps = text.steps.len();
        let mut order = perturbed.changing();
        // Those that no step sees change nothing, wherever they come in an order.
        let forwards = order.iter().filter(|&&i| perturbed.is_ever_seen(&perturbed.features[i])).count() + 1;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut sums = vec![vec![0f64; steps]; perturbed.features.len()];
        for _ in 0..self.n_samples.get() {
            order.shuffle(&mut random);
            let mut mask: Vec<bool> = perturbed.features.iter().map(|feature| !feature.changes).collect();
            let mut masks = vec![mask.clone()];
            for &feature in &order {
                mask[feature] = true;
                masks.push(mask.clone());
            }
            let outputs = perturbed.scores(&masks, forwards, &mut |masks| (context.advance)(masks * steps))?;
            for (&feature, pair) in order.iter().zip(outputs.windows(2)) {
                for (sum, (before, after)) in sums[feature].iter_mut().zip(pair[0].iter().zip(&pair[1])) {
                    *sum += f64::from(after - before);
                }
            }
        }
        let mean = |sum: &f64| (sum / self.n_samples.get() as f64) as f32;
        let scores: Vec<Vec<f32>> = sums.iter().map(|steps| steps.iter().map(mean).collect()).collect();
        Ok(perturbed.attributions(&scores))
    }

    fn cost(&self, _: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        Cost::exactly(self.n_samples.get() * (text.count_changing(attribute_target).seen + 1), 0)
    }
}
