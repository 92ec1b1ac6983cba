//! Gradients.

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
use crate::method::{fields, options};
use crate::request::{AttributionRequest, StepFunctionChoice};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new(
        "method",
        "input_x_gradient",
        "Gradient method, by its name. Another attribution method works, too, but may need more forwards.",
    ),
    Argument::new("method_args", "{}", "Arguments of the gradient method."),
    Argument::new(
        "attributed_fn",
        "none",
        "Step function whose sum over the tokens of a sentence is attributed. By default the log probability.",
    ),
    Argument::new("attributed_fn_args", "{}", "Arguments of the step function."),
    AGGREGATORS,
    AGGREGATOR_ARGS,
    THROUGH,
];

/// The entry of the list of methods.
pub(super) fn info() -> CitationMethodInfo {
    CitationMethodInfo {
        about: About {
            name: "gradient",
            description: "How much does the log-probability of the sentence depend on the tokens of the source?",
            details: "A gradient method attributes the log-probability of the sentence to the tokens of the prompt. The score of a source is \
                      the sum over its tokens, of absolute scores that sum to 1 over all tokens before the sentence. All sentences share \
                      one forward, and each costs one pullback. Unlike methods that leave sources out, a gradient says how the answer \
                      would change if the source changed a little.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward, 1 pullback per sentence",
        citation: "Shrikumar et al. (2016), Not Just a Black Box, https://arxiv.org/abs/1605.01713",
        make: |arguments| Ok(Arc::new(options::<Gradient>("gradient", arguments)?)),
    }
}

/// How much does the log-probability of the sentence depend on the tokens of the source?
///
/// Score: share of the source's tokens in the scores of a gradient method, with the sentence as one span. Cost: one forward, and one
/// pullback per sentence.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gradient {
    /// Attribution method, by its name.
    pub method: String,
    /// Arguments of the attribution method.
    pub method_args: Map<String, Value>,
    /// Step function whose sum over the tokens of a sentence is attributed; `None` is the log probability.
    pub attributed_fn: Option<String>,
    /// Arguments of the step function.
    pub attributed_fn_args: Map<String, Value>,
    /// Names of the aggregators that make one score per token; `None` are those of the kind of scores.
    pub aggregators: Option<Vec<String>>,
    /// Arguments of the aggregators.
    pub aggregator_args: Map<String, Value>,
    /// Text through which influence is followed; `None` counts direct influence only.
    pub through: Option<Through>,
}

impl Default for Gradient {
    fn default() -> Self {
        Self {
            method: "input_x_gradient".to_owned(),
            method_args: Map::new(),
            attributed_fn: None,
            attributed_fn_args: Map::new(),
            aggregators: None,
            aggregator_args: Map::new(),
            through: None,
        }
    }
}

impl Gradient {
    fn attribution(&self) -> TokenAttribution<'_> {
        let mut request = AttributionRequest::default()
            .method(&self.method)
            .attribution_args(self.method_args.clone())
            .attributed_fn_args(self.attributed_fn_args.clone());
        request.attributed_fn = self.attributed_fn.clone().map(StepFunctionChoice::Named);
        let (aggregators, aggregator_args) = (&self.aggregators, &self.aggregator_args);
        TokenAttribution { request, aggregators, aggregator_args, through: self.through }
    }

    /// The scores as numbers, `[sentence][source]`.
    pub(super) fn shares(&self, context: &mut CitationContext) -> Result<Vec<Vec<f64>>> {
        self.attribution().sums(context)
    }
}

impl CitationMethod for Gradient {
    fn name(&self) -> &str {
        "gradient"
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
