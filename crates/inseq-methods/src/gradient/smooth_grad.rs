//! SmoothGrad and its relatives.

use inseq_core::{About, Argument};
use inseq_models::model::Model;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::noise::{Noisy, Sample, check_stdevs};
use crate::arguments::SEED;
use crate::device::read;
use crate::engine::TextSteps;
use crate::method::{
    Attributions, Cost, INCLUDE_EOS_BASELINE, Method, MethodContext, MethodInfo, fields, from_arguments,
};
use crate::{Count, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new("n_samples", "20", "Number of inputs with noise, 1 to 100000."),
    Argument::new(
        "stdevs",
        "none",
        "Standard deviation of the noise, 0 to 1000000; by default 0.15 of the range of the text's embeddings.",
    ),
    Argument::new(
        "nt_type",
        "smoothgrad",
        "Statistic of the gradients: smoothgrad (their mean), smoothgrad_sq (the mean of their squares) or \
         vargrad (their variance).",
    ),
    Argument::new("abs", "true", "Whether scores are absolute values of the mean gradient."),
    SEED,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "smoothgrad",
            description: "How sensitive is the score to each feature, on average over inputs with noise?",
            details: "A statistic of the gradients at inputs with normal noise: the absolute value of their mean, the mean of \
                      their squares, or their variance.",
            arguments: ARGUMENTS,
        },
        cost: "n_samples forwards, n_samples pullbacks per step",
        citation: "Smilkov et al. (2017), SmoothGrad: removing noise by adding noise, \
                   https://arxiv.org/abs/1706.03825; VarGrad: Adebayo et al. (2018), \
                   https://arxiv.org/abs/1810.03292",
        make: from_arguments::<SmoothGrad>("smoothgrad"),
    }
}

/// Standard deviation of the noise, as a share of the range of the embeddings: the middle of the paper's recommended range.
const NOISE: f64 = 0.15;

/// How sensitive is the score to each feature, on average over inputs with noise?
///
/// Granular scores `[input, step, feature]`, not negative unless `abs` is off. Cost: `n_samples` forwards, `n_samples`
/// pullbacks per step. Smilkov et al., 2017, <https://arxiv.org/abs/1706.03825>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmoothGrad {
    /// Number of inputs with noise.
    pub n_samples: Count<1>,
    /// Standard deviation of the noise; `None` means 0.15 of the range of the text's embeddings.
    pub stdevs: Option<f64>,
    /// Statistic of the gradients.
    pub nt_type: NoiseTunnel,
    /// Whether scores are absolute values of the mean gradient.
    pub abs: bool,
    /// Seed of the random number generator.
    pub seed: u64,
}

/// Statistic of the gradients at inputs with noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub enum NoiseTunnel {
    /// Their mean.
    #[default]
    #[serde(rename = "smoothgrad")]
    SmoothGrad,
    /// The mean of their squares.
    #[serde(rename = "smoothgrad_sq")]
    SmoothGradSquared,
    /// Their variance.
    #[serde(rename = "vargrad")]
    VarGrad,
}

impl Default for SmoothGrad {
    fn default() -> Self {
        Self { n_samples: Count::of::<20>(), stdevs: None, nt_type: NoiseTunnel::SmoothGrad, abs: true, seed: 0 }
    }
}

impl Method for SmoothGrad {
    fn name(&self) -> &str {
        "smoothgrad"
    }

    fn unused_options(&self) -> &'static [&'static str] {
        &[INCLUDE_EOS_BASELINE]
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn validate(&self) -> Result<()> {
        self.stdevs.map_or(Ok(()), |stdevs| check_stdevs(self.name(), stdevs))
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let samples: Vec<Sample> =
            (0..self.n_samples.get()).map(|_| Sample { alpha: 1.0, noise: random.random() }).collect();
        let stdev = match self.stdevs {
            Some(stdev) => stdev,
            None => {
                let mut range = 0f32;
                // The noise of a step is the same whichever steps are asked for: the range is that of the whole text.
                let whole = TextSteps { steps: (text.first..text.target.len()).into(), ..text.clone() };
                for embeddings in Noisy::new(context, &whole, 0.0)?.embeddings() {
                    let values = read(embeddings.clone(), "embeddings")?;
                    let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
                    range = range.max(high - low);
                }
                f64::from(range) * NOISE
            }
        };
        let noisy = Noisy::new(context, text, stdev)?;
        let squares = self.nt_type != NoiseTunnel::SmoothGrad;
        let [mut mean, mut square] = noisy.moments(context, &samples, false, squares)?;
        let sides = |attributions: &mut Attributions| [attributions.source.take(), attributions.target.take()];
        let [means, mut squares] = [sides(&mut mean), sides(&mut square)];
        match self.nt_type {
            NoiseTunnel::SmoothGrad => {
                [mean.source, mean.target] =
                    means.map(|mean| mean.map(|mean| if self.abs { mean.mapv_into(f32::abs) } else { mean }));
                return Ok(mean);
            }
            NoiseTunnel::SmoothGradSquared => {}
            NoiseTunnel::VarGrad => {
                for (square, mean) in squares.iter_mut().zip(means) {
                    if let (Some(square), Some(mean)) = (square.as_mut(), mean) {
                        square.zip_mut_with(&mean, |square, mean| *square = (*square - mean * mean).max(0.0));
                    }
                }
            }
        }
        [square.source, square.target] = squares;
        Ok(square)
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(self.n_samples.get(), self.n_samples.get())
    }
}
