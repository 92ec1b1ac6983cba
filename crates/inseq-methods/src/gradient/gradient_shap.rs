//! GradientSHAP.

use inseq_core::{About, Argument};
use inseq_models::model::Model;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::noise::{Noisy, Sample, check_stdevs};
use crate::arguments::SEED;
use crate::engine::TextSteps;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, fields, from_arguments};
use crate::{Count, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new("n_samples", "5", "Number of random points, 1 to 100000."),
    Argument::new("stdevs", "0.0", "Standard deviation of the noise on embeddings, 0 to 1000000."),
    Argument::new(
        "multiply_by_inputs",
        "true",
        "Whether gradients are multiplied by the difference of the noisy input and the baseline.",
    ),
    SEED,
    super::RETURN_CONVERGENCE_DELTA,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "gradient_shap",
            description: "How much does each feature contribute on average over random points between the baseline and the \
                          noisy input?",
            details: "The mean over random points of the gradient times the difference of the noisy input and the baseline. \
                      Each point is at a random position on the line between the two, the same for source and \
                      target. Scores are signed.",
            arguments: ARGUMENTS,
        },
        cost: "n_samples forwards, n_samples pullbacks per step",
        citation: "Lundberg & Lee (2017), A Unified Approach to Interpreting Model Predictions, \
                   https://arxiv.org/abs/1705.07874",
        make: from_arguments::<GradientShap>("gradient_shap"),
    }
}

/// How much does each feature contribute on average over random points between the baseline and the noisy input?
///
/// Granular scores `[input, step, feature]`, signed. Cost: `n_samples` forwards, `n_samples` pullbacks per step.
/// Lundberg & Lee, 2017, <https://arxiv.org/abs/1705.07874>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct GradientShap {
    /// Number of random points.
    pub n_samples: Count<1>,
    /// Standard deviation of the noise on embeddings.
    pub stdevs: f64,
    /// Whether gradients are multiplied by the difference of the noisy input and the baseline.
    pub multiply_by_inputs: bool,
    /// Seed of the random number generator.
    pub seed: u64,
    /// Whether the step score `deltas` gives the error of completeness.
    pub return_convergence_delta: bool,
}

impl Default for GradientShap {
    fn default() -> Self {
        Self {
            n_samples: Count::of::<5>(),
            stdevs: 0.0,
            multiply_by_inputs: true,
            seed: 0,
            return_convergence_delta: false,
        }
    }
}

impl Method for GradientShap {
    fn name(&self) -> &str {
        "gradient_shap"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn validate(&self) -> Result<()> {
        check_stdevs(self.name(), self.stdevs)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let samples: Vec<Sample> =
            (0..self.n_samples.get()).map(|_| Sample { alpha: random.random(), noise: random.random() }).collect();
        let noisy = Noisy::new(context, text, self.stdevs)?;
        let [mean, _] = noisy.moments(context, &samples, self.multiply_by_inputs, false)?;
        let mut result = mean;
        if self.return_convergence_delta {
            let (start, end) = noisy.ends(context)?;
            result.step_scores.push(("deltas".into(), super::delta(&result, &start, &end)));
        }
        Ok(result)
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(self.n_samples.get(), self.n_samples.get())
    }
}
