//! MIRAGE.

use std::collections::BTreeMap;
use std::sync::Arc;

use inseq_core::aggregators::Scaling;
use inseq_core::{About, Argument, Salience};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::CitationContext;
use super::method::{AttributionWork, CitationMethod, CitationMethodInfo, CitationScores, plain};
use crate::attributed::{default_aggregation, one_per_step, one_score_per_token};
use crate::attribution_model::AttributionModel;
use crate::call::Call;
use crate::context::cues::check_arguments;
use crate::context::sensitivity::Sensitivity;
use crate::engine::{Steps, TextSteps};
use crate::limits::Limits;
use crate::method::{Bounds, fields, options};
use crate::other_contexts::OtherIds;
use crate::request::{AttributionRequest, StepFunctionChoice};
use crate::{Error, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new(
        "metric",
        "kl_divergence",
        "Contrastive step function that compares the answer without the sources with that with them.",
    ),
    Argument::new(
        "std_threshold",
        "1.0",
        "Threshold of context-sensitive tokens of the answer: the mean plus this number of standard deviations, 0 or more.",
    ),
    Argument::new(
        "kept",
        "-5",
        "Tokens of the sources whose scores count for a context-sensitive token: with a positive number so many of the highest; with a \
         negative one those within so many percent of the range below the highest; with 0 those at the mean or above.",
    ),
    Argument::new("method", "saliency", "Attribution method, by its name."),
    Argument::new("method_args", "{}", "Arguments of the attribution method."),
    Argument::new(
        "attributed_fn",
        "contrast_prob_diff",
        "Attributed function. A contrastive one compares with the likeliest token without the sources.",
    ),
    Argument::new("attributed_fn_args", "{\"logprob\":true}", "Arguments of the attributed function."),
];

/// The entry of the list of methods.
pub(super) fn info() -> CitationMethodInfo {
    CitationMethodInfo {
        about: About {
            name: "mirage",
            description: "On which tokens of the sources do the context-sensitive tokens of the sentence depend?",
            details: "A token of the answer is context-sensitive if the sources change its distribution much: its `metric` is at least the \
                      mean of the answer plus `std_threshold` standard deviations (of the population). Each of these tokens is attributed, \
                      in contrast to the token that the model would write without the sources. Of its scores for the tokens of the \
                      sources only the highest count, by `kept`. The score of a source is their sum over its tokens and over the \
                      context-sensitive tokens of the sentence. A sentence without one cites nothing.",
            arguments: ARGUMENTS,
        },
        cost: "3 forwards, 1 pullback per context-sensitive token",
        citation: "Qi et al. (2024), Model Internals-based Answer Attribution for Trustworthy Retrieval-Augmented Generation, \
                   https://arxiv.org/abs/2406.13663",
        make: |arguments| Ok(Arc::new(options::<Mirage>("mirage", arguments)?)),
    }
}

/// On which tokens of the sources do the context-sensitive tokens of the sentence depend?
///
/// Score: sum of the highest scores of a contrastive attribution, never negative for the default method. Cost: four forwards, and one
/// pullback per context-sensitive token. Qi et al., 2024, <https://arxiv.org/abs/2406.13663>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mirage {
    /// Contrastive step function that compares the answer without the sources with that with them.
    pub metric: String,
    /// Threshold of context-sensitive tokens of the answer, in standard deviations above the mean.
    pub std_threshold: f64,
    /// Tokens of the sources whose scores count: a number of the highest, a percentage of the range below the highest as a negative
    /// number, or 0 for those at the mean or above.
    pub kept: i64,
    /// Attribution method, by its name.
    pub method: String,
    /// Arguments of the attribution method.
    pub method_args: Map<String, Value>,
    /// Attributed function.
    pub attributed_fn: String,
    /// Arguments of the attributed function.
    pub attributed_fn_args: Map<String, Value>,
}

impl Default for Mirage {
    fn default() -> Self {
        Self {
            metric: "kl_divergence".to_owned(),
            std_threshold: 1.0,
            kept: -5,
            method: "saliency".to_owned(),
            method_args: Map::new(),
            attributed_fn: "contrast_prob_diff".to_owned(),
            attributed_fn_args: Map::from_iter([("logprob".to_owned(), true.into())]),
        }
    }
}

impl CitationMethod for Mirage {
    fn name(&self) -> &str {
        "mirage"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn reads_tokens(&self) -> bool {
        true
    }

    fn attributions(&self, model: &AttributionModel, text: &TextSteps) -> Result<AttributionWork> {
        // At most half of the values are as far above their mean as their deviation; with a smaller threshold, all may be.
        let tokens = text.steps.tokens().count();
        let most = if self.std_threshold >= 1.0 { tokens.div_ceil(2) } else { tokens };
        let token = TextSteps { steps: Steps::at(text.steps.tokens().take(1)), ..text.clone() };
        let each = AttributionWork::of(model, &self.request(), &token)?;
        let of_tokens = |each: Bounds| Bounds { least: each.least, most: each.most.saturating_mul(most) };
        // The two texts have a forward each, for the sensitivity.
        let forwards = Bounds { least: each.forwards.least + 2, most: each.forwards.most + 2 };
        Ok(AttributionWork { forwards, pullbacks: of_tokens(each.pullbacks), steps: None })
    }

    fn validate(&self) -> Result<()> {
        if !(self.std_threshold >= 0.0 && self.std_threshold.is_finite()) {
            let problem =
                format!("mirage: `std_threshold` must be a number of 0 or more, found {}", self.std_threshold);
            return Err(Error::argument("std_threshold", problem));
        }
        if self.kept < -100 {
            let problem =
                format!("mirage: `kept` as a negative number is a percentage, down to -100, found {}", self.kept);
            return Err(Error::argument("kept", problem));
        }
        check_arguments(&self.attributed_fn_args)
    }

    fn check(&self, model: &AttributionModel) -> Result<()> {
        let parts = (&model.text_model, &model.choices);
        Sensitivity::check(parts, &self.metric(), &Limits::default(), "metric")?;
        let request = AttributionRequest { input_texts: vec![String::new()], ..self.request() };
        Call::resolve_with(parts.0, parts.1, &request, Some(OtherIds::default())).map(|_| ())
    }

    fn scores(&self, context: &mut CitationContext) -> Result<CitationScores> {
        let rows = context.source_rows()?;
        let (with, without) = (context.output_with_all(), context.output_without()?);
        let request = self.request();
        let forward = context.forward(&with, &request)?;
        let sensitivity = context.sensitivity(&self.metric(), (&with, &without), &forward)?;
        let mut selected = self.selected(&sensitivity.scores);
        selected.sort_unstable();
        let mut sums = vec![vec![0.0; context.sources()]; context.sentences().len()];
        if selected.is_empty() {
            return Ok(self.found(sums));
        }
        let function =
            context.model().choices.attributed_fn(context.variants.model, &request, &request.attributed_fn_args)?;
        let forces = function.contrast().is_some_and(|contrast| contrast.contrast_force_inputs);
        let alternatives: BTreeMap<usize, u32> =
            selected.iter().map(|&index| (index, sensitivity.likeliest[index])).collect();
        let other = with.compared_with((&without, sensitivity.states.clone()), &alternatives, forces);
        let sentence_of = |context: &CitationContext, position: usize| {
            let token = position - with.first;
            context.sentences().iter().position(|tokens| tokens.contains(&token))
        };
        for selected in selected.chunks(context.steps_at_once()) {
            let steps = Steps::at(selected.iter().map(|&index| with.positions[index]));
            let runs = context.attributed(&request, steps, (Some(other.clone()), Some(&forward)))?;
            for (&index, raw) in selected.iter().zip(&one_per_step(&runs)?) {
                let Some(sentence) = sentence_of(context, with.positions[index]) else { continue };
                let scores = rows.scores(&one_score_per_token(&default_aggregation(raw, Scaling::None), raw)?)?;
                let least = least_kept(&scores.concat(), self.kept);
                for (sum, scores) in sums[sentence].iter_mut().zip(&scores) {
                    *sum += scores.iter().filter(|score| **score >= least).sum::<f64>();
                }
            }
        }
        Ok(self.found(sums))
    }

    fn forwards(&self, _: usize) -> usize {
        0
    }
}

impl Mirage {
    fn metric(&self) -> StepFunctionChoice {
        self.metric.as_str().into()
    }

    fn request(&self) -> AttributionRequest {
        AttributionRequest::default()
            .method(&self.method)
            .attribution_args(self.method_args.clone())
            .attributed_fn(self.attributed_fn.as_str())
            .attributed_fn_args(self.attributed_fn_args.clone())
    }

    /// Indices of the context-sensitive tokens of an answer, whose scores by the metric are given.
    fn selected(&self, scores: &[f32]) -> Vec<usize> {
        // The rule counts sample deviations; MIRAGE counts those of the population.
        let count = scores.len().max(1) as f64;
        Salience::default().std_threshold(self.std_threshold * ((count - 1.0) / count).sqrt()).select(scores)
    }

    fn found(&self, sums: Vec<Vec<f64>>) -> CitationScores {
        let scores: Vec<_> = sums.into_iter().map(|sums| sums.into_iter().map(plain).collect()).collect();
        scores.into()
    }
}

/// The smallest score of a token that counts.
fn least_kept(scores: &[f64], kept: i64) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|one, other| other.total_cmp(one));
    let (Some(&highest), Some(&lowest)) = (sorted.first(), sorted.last()) else { return 0.0 };
    match usize::try_from(kept) {
        Ok(0) => sorted.iter().sum::<f64>() / sorted.len() as f64,
        Ok(count) => sorted[count.min(sorted.len()) - 1],
        Err(_) => highest + kept as f64 / 100.0 * (highest - lowest),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_highest_scores_count() {
        let scores = [0.0, 0.1, 0.5, 1.0];
        for (kept, least) in [(-5, 0.95), (-100, 0.0), (0, 0.4), (1, 1.0), (3, 0.1), (9, 0.0)] {
            assert!((least_kept(&scores, kept) - least).abs() < 1e-12, "{kept}");
        }
        assert_eq!(least_kept(&[], -5), 0.0);
    }

    #[test]
    fn the_deviation_is_that_of_the_population() {
        // The mean is 1, the population's deviation 1, the sample's 1.1547.
        let scores = [0.0, 0.0, 2.0, 2.0];
        assert_eq!(Mirage::default().selected(&scores), [2, 3]);
        let above = Mirage { std_threshold: 1.01, ..Mirage::default() };
        assert!(above.selected(&scores).is_empty());
        assert_eq!(Mirage::default().selected(&[0.5]), [0]);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for (arguments, part) in [
            (json!({"std_threshold": -1}), "`std_threshold` must be a number of 0 or more"),
            (json!({"kept": -101}), "`kept` as a negative number is a percentage"),
            (
                json!({"attributed_fn_args": {"contrast_targets": "a"}}),
                "`contrast_targets` says what the attributed function compares",
            ),
            (json!({"top": 1}), "top"),
        ] {
            let error = info().with(arguments.as_object().unwrap()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
