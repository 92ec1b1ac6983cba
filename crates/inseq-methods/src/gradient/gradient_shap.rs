//! GradientSHAP.

use inseq_models::model::Model;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::noise::{Noisy, Sample};
use crate::engine::TextSteps;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, names_of, options};
use crate::{Count, Error, Result};

pub(crate) const INFO: MethodInfo = MethodInfo {
    name: "gradient_shap",
    description: "What does each feature contribute on average over random points between the baseline and the noisy input?",
    cost: "n_samples forwards, n_samples pullbacks a step",
    paper: "Lundberg & Lee (2017), A Unified Approach to Interpreting Model Predictions, https://arxiv.org/abs/1705.07874",
    details: "The gradient at a random point of the line from the baseline to the input with noise, times the way between them, \
              averaged. Source and target share the place on the line. Signed. Arguments: `n_samples` (5), `stdevs` (0.0: of the \
              noise), `multiply_by_inputs` (true), `seed` (0), `return_convergence_delta` (false).",
    arguments: names_of::<GradientShap>,
    make: |arguments| {
        let method: GradientShap = options("gradient_shap", arguments)?;
        if !(method.stdevs >= 0.0 && method.stdevs.is_finite()) {
            return Err(Error::Argument(format!(
                "gradient_shap: `stdevs` must be a number of 0 or more, found {}",
                method.stdevs
            )));
        }
        Ok(Box::new(method))
    },
};

/// What does each feature contribute on average over random points between the baseline and the noisy input?
///
/// Granular scores `[input, step, feature]`, signed. Cost: `n_samples` forwards, `n_samples` pullbacks a step.
/// Lundberg & Lee, 2017, <https://arxiv.org/abs/1705.07874>.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GradientShap {
    /// Random points.
    pub n_samples: Count<1>,
    /// Standard deviation of the noise on embeddings.
    pub stdevs: f64,
    /// Whether gradients are multiplied by the way from the baseline to the input.
    pub multiply_by_inputs: bool,
    /// Seed of the random number generator.
    pub seed: u64,
    /// Whether the step score `deltas` tells by how much completeness is missed.
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
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let texts = context.point.texts.clone();
        texts.into_iter().map(|text| self.attribute_text(context, text)).collect()
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(self.n_samples.get(), self.n_samples.get())
    }
}

impl GradientShap {
    fn attribute_text<'a>(&self, context: &mut MethodContext<'a>, text: &'a TextSteps) -> Result<Attributions> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let samples: Vec<Sample> =
            (0..self.n_samples.get()).map(|_| Sample { alpha: random.random(), noise: random.random() }).collect();
        let noisy = Noisy::new(context, text, self.stdevs);
        let [mean, _] = noisy.moments(context, &samples, self.multiply_by_inputs, false)?;
        let mut result = mean;
        if self.return_convergence_delta {
            let (start, end) = noisy.ends(context)?;
            result.step_scores.push(("deltas".into(), super::delta(&result, &start, &end)));
        }
        Ok(result)
    }
}
