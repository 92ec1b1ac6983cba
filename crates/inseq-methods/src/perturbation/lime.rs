//! LIME.

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
use crate::{Count, Error, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new("n_samples", "50", "Number of samples for the regression, 2 to 100000."),
    Argument::new("mask_prob", "0.3", "Probability that a token is replaced with its baseline, above 0 and below 1."),
    Argument::new("alpha", "1.0", "Weight of the ridge penalty, 0 or more."),
    SEED,
    super::PERTURBATIONS_PER_EVAL,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "lime",
            description: "Which linear model of kept tokens predicts the score near the text?",
            details: "Random tokens are replaced with their baseline. A ridge regression of the attributed function on the \
                      kept tokens, with the number of kept tokens as weight of a sample, has one coefficient per token: \
                      its score, signed. If there are at most `n_samples` subsets, all of them are used, weighted with \
                      their expected frequency. All steps share the samples. If a step has only one token to remove, this \
                      token gets the whole difference between text and baseline.",
            arguments: ARGUMENTS,
        },
        cost: "at most n_samples forwards",
        citation: "Ribeiro et al. (2016), \"Why Should I Trust You?\", https://arxiv.org/abs/1602.04938",
        make: from_arguments::<Lime>("lime"),
    }
}

/// Which linear model of kept tokens predicts the score near the text?
///
/// Coarse scores `[input, step]`, signed: coefficients of a ridge regression. Cost: at most `n_samples` forwards for all
/// steps together. Ribeiro et al., 2016, <https://arxiv.org/abs/1602.04938>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lime {
    /// Number of samples for the regression, which needs at least two.
    pub n_samples: Count<2>,
    /// Probability that a token is replaced with its baseline.
    pub mask_prob: f64,
    /// Weight of the ridge penalty.
    pub alpha: f64,
    /// Seed of the random number generator.
    pub seed: u64,
    /// Accepted as in Captum; has no effect, because the memory budget decides.
    pub perturbations_per_eval: PerturbationsPerEval,
}

impl Default for Lime {
    fn default() -> Self {
        Self { n_samples: Count::of::<50>(), mask_prob: 0.3, alpha: 1.0, seed: 0, perturbations_per_eval: None }
    }
}

impl Method for Lime {
    fn name(&self) -> &str {
        "lime"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn validate(&self) -> Result<()> {
        let (mask_prob, alpha) = (self.mask_prob, self.alpha);
        if !(mask_prob > 0.0 && mask_prob < 1.0) {
            let problem = format!("lime: `mask_prob` must lie between 0 and 1, found {mask_prob}");
            return Err(Error::argument("mask_prob", problem));
        }
        if !(alpha >= 0.0 && alpha.is_finite()) {
            return Err(Error::argument(
                "alpha",
                format!("lime: `alpha` must be a number of 0 or more, found {alpha}"),
            ));
        }
        Ok(())
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let perturbed = Perturbed::new(context, text)?;
        let steps = text.steps.len();
        let changing = perturbed.changing();
        let (masks, shares) = match perturbed.all_choices(self.n_samples.get()) {
            Some(masks) => {
                // Each as often as it is to be expected among the samples.
                let share = |mask: &Vec<bool>| {
                    let kept = changing.iter().filter(|&&i| mask[i]).count() as i32;
                    let left_out = changing.len() as i32 - kept;
                    self.n_samples.get() as f64 * (1.0 - self.mask_prob).powi(kept) * self.mask_prob.powi(left_out)
                };
                let shares = masks.iter().map(share).collect();
                (masks, shares)
            }
            None => {
                let mut random = ChaCha8Rng::seed_from_u64(self.seed);
                let mut mask = || perturbed.features.iter().map(|_| !random.random_bool(self.mask_prob)).collect();
                let masks: Vec<Vec<bool>> = (0..self.n_samples.get()).map(|_| mask()).collect();
                let shares: Vec<f64> = vec![1.0; masks.len()];
                (masks, shares)
            }
        };
        let forwards = self.forwards(text, context.attribute_target);
        let outputs = perturbed.scores(&masks, forwards, &mut |masks| (context.advance)(masks * steps))?;
        let mut scores = vec![vec![0f32; steps]; perturbed.features.len()];
        for step in 0..steps {
            let seen: Vec<usize> =
                (0..perturbed.features.len()).filter(|&i| perturbed.is_seen(&perturbed.features[i], step)).collect();
            let own: Vec<usize> = changing.iter().copied().filter(|i| seen.contains(i)).collect();
            // What there is to share out is known where one feature has it all.
            if let &[only] = own.as_slice() {
                let without = masks.iter().position(|mask| !mask[only]);
                let without = without.map_or(perturbed.unchanged.scores[step], |sample| outputs[sample][step]);
                scores[only][step] = perturbed.unchanged.scores[step] - without;
                continue;
            }
            let is_kept = |mask: &[bool], i: usize| mask[i] || !perturbed.features[i].changes;
            let kept = |mask: &[bool]| seen.iter().filter(|&&i| is_kept(mask, i)).count() as f64;
            let weights: Vec<f64> = masks.iter().zip(&shares).map(|(mask, share)| share * kept(mask)).collect();
            // The intercept is not penalized: weighted means are taken away instead.
            let total: f64 = weights.iter().sum();
            let mean = |value: &dyn Fn(usize) -> f64| {
                weights.iter().enumerate().map(|(sample, w)| w * value(sample)).sum::<f64>()
                    / total.max(f64::MIN_POSITIVE)
            };
            let kept = |sample: usize, i: usize| f64::from(u8::from(masks[sample][i]));
            let means: Vec<f64> = own.iter().map(|&i| mean(&|sample| kept(sample, i))).collect();
            let mean_output = mean(&|sample| f64::from(outputs[sample][step]));
            let rows: Vec<(Vec<f64>, f64, f64)> = (0..masks.len())
                .map(|sample| {
                    let row = own.iter().zip(&means).map(|(&i, mean)| kept(sample, i) - mean).collect();
                    (row, weights[sample], f64::from(outputs[sample][step]) - mean_output)
                })
                .collect();
            for (&i, coefficient) in own.iter().zip(least_squares(&rows, own.len(), self.alpha)) {
                scores[i][step] = coefficient as f32;
            }
        }
        Ok(perturbed.attributions(&scores))
    }

    fn cost(&self, _: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        Cost::exactly(self.forwards(text, attribute_target), 0)
    }
}

impl Lime {
    /// One forward per sample, or per subset of the tokens that the steps see.
    fn forwards(&self, text: &TextSteps, attribute_target: bool) -> usize {
        let samples = self.n_samples.get();
        choices(text.count_changing(attribute_target).seen, samples).unwrap_or(samples)
    }
}
