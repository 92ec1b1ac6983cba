//! KernelSHAP.

use inseq_core::{About, Argument};
use inseq_models::model::Model;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{PerturbationsPerEval, Perturbed, regression::least_squares};
use crate::arguments::SEED;
use crate::engine::TextSteps;
use crate::feature_groups::choices;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, fields, from_arguments};
use crate::{Count, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new("n_samples", "200", "Number of subsets of kept tokens, 2 to 100000."),
    SEED,
    super::PERTURBATIONS_PER_EVAL,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "kernel_shap",
            description: "Which Shapley values of the tokens fit random subsets of kept tokens best?",
            details: "A least-squares fit of the attributed function to the subsets of kept tokens, weighted with Shapley's \
                      kernel, under the constraint that scores sum to the difference between the text and its baseline. If \
                      there are at most `n_samples` subsets, all of them are used and the scores are exact Shapley values. \
                      All steps share the samples.",
            arguments: ARGUMENTS,
        },
        cost: "at most n_samples forwards",
        citation: "Lundberg & Lee (2017), A Unified Approach to Interpreting Model Predictions, \
                   https://arxiv.org/abs/1705.07874",
        make: from_arguments::<KernelShap>("kernel_shap"),
    }
}

/// Which Shapley values of the tokens fit random subsets of kept tokens best?
///
/// Coarse scores `[input, step]`, signed; they sum to the difference of the attributed function at text and baseline. Cost: at
/// most `n_samples` forwards for all steps together. Lundberg & Lee, 2017, <https://arxiv.org/abs/1705.07874>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct KernelShap {
    /// Number of subsets of kept tokens.
    pub n_samples: Count<2>,
    /// Seed of the random number generator.
    pub seed: u64,
    /// Accepted as in Captum; has no effect, because the memory budget decides.
    pub perturbations_per_eval: PerturbationsPerEval,
}

impl Default for KernelShap {
    fn default() -> Self {
        Self { n_samples: Count::of::<200>(), seed: 0, perturbations_per_eval: None }
    }
}

impl Method for KernelShap {
    fn name(&self) -> &str {
        "kernel_shap"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let perturbed = Perturbed::new(context, text)?;
        let steps = text.steps.len();
        let changing = perturbed.changing();
        let count = changing.len();
        let mask_of = |is_kept: &dyn Fn(usize) -> bool| {
            let mut mask = vec![true; perturbed.features.len()];
            changing.iter().enumerate().for_each(|(i, &feature)| mask[feature] = is_kept(i));
            mask
        };
        // Nothing kept, everything kept, then the rest.
        let mut masks = vec![mask_of(&|_| false), mask_of(&|_| true)];
        let all = perturbed.all_choices(self.n_samples.get());
        let takes_all = all.is_some();
        match all {
            Some(all) => {
                let between = all.len().saturating_sub(2);
                masks.extend(all.into_iter().skip(1).take(between));
            }
            None => {
                let mut random = ChaCha8Rng::seed_from_u64(self.seed);
                for _ in 2..self.n_samples.get() {
                    // With the probability itself drawn at random every number of kept tokens is equally likely, and that
                    // stays so for the tokens that an earlier step sees: one sample serves all steps.
                    let probability: f64 = random.random();
                    let kept: Vec<bool> = (0..count).map(|_| random.random_bool(probability)).collect();
                    masks.push(mask_of(&|i| kept[i]));
                }
            }
        }
        let forwards = self.forwards(text, context.attribute_target);
        let outputs = perturbed.scores(&masks, forwards, &mut |masks| (context.advance)(masks * steps))?;
        let mut scores = vec![vec![0f32; steps]; perturbed.features.len()];
        for step in 0..steps {
            let own: Vec<usize> =
                changing.iter().copied().filter(|&i| perturbed.is_seen(&perturbed.features[i], step)).collect();
            let Some((&last, rest)) = own.split_last() else { continue };
            let size = own.len() as f64;
            let (nothing, everything) = (f64::from(outputs[0][step]), f64::from(outputs[1][step]));
            let difference = everything - nothing;
            let rows: Vec<(Vec<f64>, f64, f64)> = masks
                .iter()
                .zip(&outputs)
                .filter_map(|(mask, output)| {
                    let kept = own.iter().filter(|&&i| mask[i]).count() as f64;
                    if kept == 0.0 || kept == size {
                        return None;
                    }
                    // Shapley's kernel over the probability of the choice.
                    let weight = match takes_all {
                        true => 1.0 / (binomial(size, kept) * kept * (size - kept)),
                        false => 1.0 / (kept * (size - kept)),
                    };
                    // The last token's score is what the others leave of the difference.
                    let z_last = f64::from(u8::from(mask[last]));
                    let row = rest.iter().map(|&i| f64::from(u8::from(mask[i])) - z_last).collect();
                    Some((row, weight, f64::from(output[step]) - nothing - z_last * difference))
                })
                .collect();
            let found = least_squares(&rows, rest.len(), 0.0);
            for (&i, score) in rest.iter().zip(&found) {
                scores[i][step] = *score as f32;
            }
            scores[last][step] = (difference - found.iter().sum::<f64>()) as f32;
        }
        Ok(perturbed.attributions(&scores))
    }

    fn cost(&self, _: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        Cost::exactly(self.forwards(text, attribute_target), 0)
    }
}

impl KernelShap {
    /// One forward per sample, or per subset of the tokens that the steps see. If no token differs from its baseline, text and
    /// baseline are the same.
    fn forwards(&self, text: &TextSteps, attribute_target: bool) -> usize {
        let samples = self.n_samples.get();
        choices(text.count_changing(attribute_target).seen, samples).map_or(samples, |all| all.max(2))
    }
}

fn binomial(n: f64, k: f64) -> f64 {
    let k = k.min(n - k);
    (1..=k as u64).fold(1.0, |value, i| value * (n - k + i as f64) / i as f64)
}
