//! Occlusion.

use inseq_core::{About, Argument};
use inseq_models::model::Model;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Feature, PerturbationsPerEval, Perturbed, Side};
use crate::engine::TextSteps;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, fields, from_arguments};
use crate::{Error, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new(
        "sliding_window_shapes",
        "1",
        "Number of tokens in a window, 1 or more; also `[tokens, features]`, or one such pair each for source and \
         target. The features are not used.",
    ),
    Argument::new("strides", "1", "Number of tokens from one window to the next, 1 or more, in the same forms."),
    super::PERTURBATIONS_PER_EVAL,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "occlusion",
            description: "How much does the score change if a token is replaced with its baseline?",
            details: "A window slides over the tokens; the tokens in it take the embedding of the baseline token. The score of \
                      a token is the absolute mean difference to the attributed function of the unchanged text, over the \
                      windows that cover the token. Each token has one score, which is never negative.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward per window",
        citation: "Zeiler & Fergus (2013), Visualizing and Understanding Convolutional Networks, \
                   https://arxiv.org/abs/1311.2901",
        make: from_arguments::<Occlusion>("occlusion"),
    }
}

/// How much does the score change if a token is replaced with its baseline?
/// `|mean over windows (score(x) - score(x occluded))|`.
///
/// Coarse scores `[input, step]`, never negative. Cost: one forward per window for all steps together.
/// Zeiler & Fergus, 2013, <https://arxiv.org/abs/1311.2901>.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Occlusion {
    /// Number of tokens in a window.
    pub sliding_window_shapes: Window,
    /// Number of tokens from one window to the next.
    pub strides: Window,
    /// Accepted as in Captum; has no effect, because the memory budget decides.
    pub perturbations_per_eval: PerturbationsPerEval,
}

/// A number of tokens, in one of the reference's forms.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "expected a number of tokens, a shape such as [3, 1] of tokens and features, or a list of such shapes"
)]
#[non_exhaustive]
pub enum Window {
    /// Number of tokens.
    Tokens(usize),
    /// Numbers of tokens and features for source and target.
    Each(Vec<(usize, usize)>),
    /// Numbers of tokens and features.
    Shape((usize, usize)),
}

impl Default for Window {
    fn default() -> Self {
        Self::Tokens(1)
    }
}

impl Window {
    fn of(&self, side: Side) -> usize {
        match self {
            Window::Tokens(tokens) | Window::Shape((tokens, _)) => *tokens,
            Window::Each(each) => match side {
                Side::Source => each.first(),
                Side::Target => each.last(),
            }
            .map_or(1, |shape| shape.0),
        }
    }
}

/// Number of windows over `length` tokens; the last window may reach beyond them.
fn windows(length: usize, size: usize, stride: usize) -> usize {
    if length == 0 { 0 } else { length.saturating_sub(size).div_ceil(stride) + 1 }
}

impl Method for Occlusion {
    fn name(&self) -> &str {
        "occlusion"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn validate(&self) -> Result<()> {
        let refuse = |name: &str, message: String| Err(Error::argument(name, format!("occlusion: {message}")));
        for (name, window) in [("sliding_window_shapes", &self.sliding_window_shapes), ("strides", &self.strides)] {
            match window {
                Window::Each(each) if !(1..=2).contains(&each.len()) => {
                    return refuse(
                        name,
                        format!(
                            "`{name}` has {} pairs; give a number of tokens, one pair, or one pair each for source and target",
                            each.len()
                        ),
                    );
                }
                Window::Each(each) if each.iter().any(|pair| pair.1 == 0) => {
                    return refuse(name, format!("`{name}` has a pair of 0 features; windows cover all of them"));
                }
                Window::Shape((_, 0)) => {
                    return refuse(name, format!("`{name}` is a pair of 0 features; windows cover all of them"));
                }
                _ => {}
            }
        }
        for side in [Side::Source, Side::Target] {
            let (window, stride) = (self.sliding_window_shapes.of(side), self.strides.of(side));
            if window == 0 || stride == 0 {
                let name = if stride == 0 { "strides" } else { "sliding_window_shapes" };
                return refuse(name, "windows and strides must be at least 1 token".into());
            }
            if stride > window {
                return refuse(
                    "strides",
                    format!(
                        "`strides` ({stride}) must not be wider than `sliding_window_shapes` ({window}): no window would cover \
                     the tokens between"
                    ),
                );
            }
        }
        Ok(())
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let perturbed = Perturbed::new(context, text)?;
        let steps = text.steps.len();
        let everything = vec![true; perturbed.features.len()];
        let mut masks = vec![everything.clone()];
        // Windows by the side they lie on, as features.
        let mut covered: Vec<(Side, usize, Vec<usize>)> = Vec::new();
        let is_under_any = |feature: &Feature, side| feature.side == side && perturbed.is_ever_seen(feature);
        for side in [Side::Source, Side::Target] {
            let features: Vec<usize> =
                (0..perturbed.features.len()).filter(|&i| is_under_any(&perturbed.features[i], side)).collect();
            let (size, stride) = (self.sliding_window_shapes.of(side), self.strides.of(side));
            for window in 0..windows(features.len(), size, stride) {
                let from = window.saturating_mul(stride).min(features.len());
                let under = features[from..from.saturating_add(size).min(features.len())].to_vec();
                let mut mask = everything.clone();
                under.iter().for_each(|&feature| mask[feature] = false);
                masks.push(mask);
                covered.push((side, window, under));
            }
        }
        let scores = perturbed.scores(&masks, masks.len(), &mut |masks| (context.advance)(masks * steps))?;
        let mut sums = vec![vec![(0f32, 0usize); steps]; perturbed.features.len()];
        for ((side, window, under), scores_under) in covered.iter().zip(&scores[1..]) {
            for step in 0..steps {
                let seen = |&feature: &usize| perturbed.is_seen(&perturbed.features[feature], step);
                let length =
                    perturbed.features.iter().filter(|f| f.side == *side && perturbed.is_seen(f, step)).count();
                if *window >= windows(length, self.sliding_window_shapes.of(*side), self.strides.of(*side)) {
                    continue;
                }
                for &feature in under.iter().filter(|f| seen(f)) {
                    let (sum, count) = &mut sums[feature][step];
                    *sum += scores[0][step] - scores_under[step];
                    *count += 1;
                }
            }
        }
        let mean = |(sum, count): &(f32, usize)| if *count == 0 { 0.0 } else { (sum / *count as f32).abs() };
        let scores: Vec<Vec<f32>> = sums.iter().map(|steps| steps.iter().map(mean).collect()).collect();
        Ok(perturbed.attributions(&scores))
    }

    fn cost(&self, _: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        let of = |length, side| windows(length, self.sliding_window_shapes.of(side), self.strides.of(side));
        let target = if attribute_target { of(text.seen_target_features().count(), Side::Target) } else { 0 };
        Cost::exactly(1 + of(text.source_features.len(), Side::Source) + target, 0)
    }
}
