//! Scores of sources from an attribution to tokens.

use inseq_core::aggregators::{Aggregator as _, Chain, Pipeline, Scaling};
use inseq_core::{Argument, SequenceAttribution};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::CitationContext;
use super::method::{CitationScores, plain};
use crate::Result;
use crate::attributed::{default_aggregation, one_per_step, one_score_per_token};
use crate::attribution_model::AttributionModel;
use crate::request::AttributionRequest;

/// The argument `aggregators` of methods that read tokens.
pub(super) const AGGREGATORS: Argument = Argument::new(
    "aggregators",
    "none",
    "Names of the aggregators that make one score per token, in order. By default those of the kind of scores: the L2 norm over \
     features, and the mean over heads, then over layers. The absolute scores of a sentence then sum to 1.",
);

/// The argument `aggregator_args` of methods that read tokens.
pub(super) const AGGREGATOR_ARGS: Argument =
    Argument::new("aggregator_args", "{}", "Arguments of the aggregators. Each takes those that it knows.");

/// The argument `through` of methods that read tokens.
pub(super) const THROUGH: Argument = Argument::new(
    "through",
    "none",
    "With `reasoning`, the influence that came through earlier text of the answer is given back to the prompt, by the rule of the \
     aggregator `chain`; the scores of a sentence then sum to 1 over the tokens of the prompt. By default only direct influence counts.",
);

/// Text through which influence of the prompt on a sentence is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Through {
    /// What the model wrote before the sentence.
    Reasoning,
}

/// An attribution of the sentences of an answer, and how it becomes one score per token.
pub(super) struct TokenAttribution<'m> {
    /// The method, the attributed function and their arguments.
    pub(super) request: AttributionRequest,
    /// Names of aggregators in place of those of the kind of scores.
    pub(super) aggregators: &'m Option<Vec<String>>,
    /// Arguments of the aggregators.
    pub(super) aggregator_args: &'m Map<String, Value>,
    /// Text through which influence is followed.
    pub(super) through: Option<Through>,
}

impl TokenAttribution<'_> {
    /// Checks the options, before a text is read.
    ///
    /// # Errors
    /// The method, the function, an aggregator or an argument is unknown, or does not fit the model.
    pub(super) fn check(&self, model: &AttributionModel) -> Result<()> {
        self.given(model)?;
        let request = AttributionRequest { input_texts: vec![String::new()], ..self.request.clone() };
        model.facts(&request).map(|_| ())
    }

    /// The scores of the sources for each sentence.
    ///
    /// # Errors
    /// As those of [`sums`](Self::sums).
    pub(super) fn scores(&self, context: &mut CitationContext) -> Result<CitationScores> {
        let sums = self.sums(context)?.into_iter().map(|of_sources| of_sources.into_iter().map(plain).collect());
        Ok(sums.collect::<Vec<_>>().into())
    }

    /// The sums of the scores of each source for each sentence, `[sentence][source]`.
    ///
    /// # Errors
    /// As those of [`check`](Self::check); the device fails, or the call is cancelled.
    pub(super) fn sums(&self, context: &mut CitationContext) -> Result<Vec<Vec<f64>>> {
        let rows = context.source_rows()?;
        let given = self.given(context.model())?;
        let aggregate = |raw: &SequenceAttribution| match &given {
            Some(pipeline) => one_score_per_token(pipeline, raw),
            None => one_score_per_token(&default_aggregation(raw, Scaling::Normalize), raw),
        };
        let sentences = context.spans();
        let each = match self.through {
            None => {
                let raw = one_per_step(&context.attributed(&self.request, sentences, (None, None))?)?;
                raw.iter().map(aggregate).collect::<Result<Vec<_>>>()?
            }
            Some(Through::Reasoning) => {
                // Whatever lies between two sentences is a link of the chain, too.
                let steps = sentences.with_gaps();
                let places = sentences.among(&steps);
                let request = self.request.clone().attribute_target(true);
                let runs = context.attributed(&request, steps, (None, None))?;
                let chained =
                    runs.iter().map(|run| Ok(Chain.aggregate(&aggregate(run)?)?)).collect::<Result<Vec<_>>>()?;
                let each = one_per_step(&chained)?;
                places.into_iter().filter_map(|place| each.get(place).cloned()).collect()
            }
        };
        each.iter().map(|scores| rows.sums(scores)).collect()
    }

    /// The given aggregators.
    fn given(&self, model: &AttributionModel) -> Result<Option<Pipeline>> {
        let Some(names) = self.aggregators else { return Ok(None) };
        let stages: Vec<(&str, Map<String, Value>)> = names.iter().map(|name| (name.as_str(), Map::new())).collect();
        Ok(Some(model.aggregators.pipeline(&stages, self.aggregator_args)?))
    }
}
