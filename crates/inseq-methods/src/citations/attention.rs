//! Attention.

use std::sync::Arc;

use inseq_core::{About, Argument};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::CitationContext;
use super::method::{AttributionWork, CitationMethod, CitationMethodInfo, CitationScores};
use super::token_attribution::{AGGREGATOR_ARGS, AGGREGATORS, THROUGH, Through, TokenAttribution};
use crate::Result;
use crate::attribution_model::AttributionModel;
use crate::engine::TextSteps;
use crate::internals::AttentionWeights;
use crate::method::{fields, options};
use crate::request::AttributionRequest;

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[AGGREGATORS, AGGREGATOR_ARGS, THROUGH];

/// The entry of the list of methods.
pub(super) fn info() -> CitationMethodInfo {
    CitationMethodInfo {
        about: About {
            name: "attention",
            description: "How much does the model attend to the source when it writes the sentence?",
            details: "The attention weights of the tokens that predict the sentence, with their mean over the tokens, heads and layers. The \
                      score of a source is the sum over its tokens. It is never negative, and says where the model looks, not what it \
                      takes from there. With `aggregators` such as max, then mean, the strongest head of each layer counts.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward",
        citation: "Bahdanau et al. (2015), Neural Machine Translation by Jointly Learning to Align and Translate, \
                   https://arxiv.org/abs/1409.0473",
        make: |arguments| Ok(Arc::new(options::<Attention>("attention", arguments)?)),
    }
}

/// How much does the model attend to the source when it writes the sentence?
///
/// Score: share of the source's tokens in the attention, never negative. Cost: one forward. Bahdanau et al., 2015,
/// <https://arxiv.org/abs/1409.0473>.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attention {
    /// Names of the aggregators that make one score per token; `None` is the mean over heads, then over layers.
    pub aggregators: Option<Vec<String>>,
    /// Arguments of the aggregators.
    pub aggregator_args: Map<String, Value>,
    /// Text through which influence is followed; `None` counts direct influence only.
    pub through: Option<Through>,
}

impl Attention {
    fn attribution(&self) -> TokenAttribution<'_> {
        TokenAttribution {
            request: AttributionRequest::default().method(AttentionWeights),
            aggregators: &self.aggregators,
            aggregator_args: &self.aggregator_args,
            through: self.through,
        }
    }
}

impl CitationMethod for Attention {
    fn name(&self) -> &str {
        "attention"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn reads_tokens(&self) -> bool {
        true
    }

    fn attributions(&self, model: &AttributionModel, text: &TextSteps) -> Result<AttributionWork> {
        AttributionWork::of(model, &self.attribution().request, text)
    }

    fn check(&self, model: &AttributionModel) -> Result<()> {
        self.attribution().check(model)
    }

    fn scores(&self, context: &mut CitationContext) -> Result<CitationScores> {
        self.attribution().scores(context)
    }

    fn forwards(&self, _: usize) -> usize {
        0
    }
}
