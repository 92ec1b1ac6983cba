//! The request of one `attribute_context` call.

use std::fmt;
use std::sync::Arc;

use inseq_core::Salience;
use inseq_core::aggregators::Aggregator;
use serde_json::{Map, Value};

use crate::limits::Limits;
use crate::request::{MethodChoice, StepFunctionChoice};

/// How a generated text is divided into its context and the text to study.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputContextStrategy {
    /// The [dialogue](super::ContextDialogue) of the call confirms a proposal, or gives the context.
    #[default]
    Manual,
    /// The proposal is taken.
    Auto,
    /// The context must be given.
    Pre,
}

impl fmt::Display for OutputContextStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manual => "manual",
            Self::Auto => "auto",
            Self::Pre => "pre",
        })
    }
}

/// One `attribute_context` call: a text, its contexts and options, with the reference's names and defaults.
///
/// ```
/// use inseq_methods::ContextRequest;
///
/// let request = ContextRequest::new("His colleagues asked him to come")
///     .input_context_text("George was sick yesterday.".to_owned())
///     .output_current_text("to the hospital".to_owned())
///     .attributed_fn("contrast_prob_diff");
/// assert_eq!(request.context_sensitivity.std_threshold, 1.0);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ContextRequest {
    /// Input whose output is studied: the prompt of a decoder-only model, or the source of an encoder-decoder.
    pub input_current_text: String,
    /// Context on the side of the input.
    pub input_context_text: Option<String>,
    /// Template of the input, with `{current}` and, for an input context, `{context}`. By default the context, a space and the current
    /// text.
    pub input_template: Option<String>,
    /// Context on the side of the output: a prefix of the decoder or, for decoder-only models, a part of the generated text.
    pub output_context_text: Option<String>,
    /// Output to study; `None` generates it.
    pub output_current_text: Option<String>,
    /// Template of the output, with `{current}` and, for an output context, `{context}` before it. By default the context, a space and
    /// the current text.
    pub output_template: Option<String>,
    /// Template of the input without its context, with `{current}`. By default the current text alone.
    pub contextless_input_current_text: Option<String>,
    /// Template of the output without its context, with `{current}`. By default the current text alone.
    pub contextless_output_current_text: Option<String>,
    /// Contrastive step function that compares the output with and without its context.
    pub context_sensitivity_metric: StepFunctionChoice,
    /// Selection of the context-sensitive tokens by the metric.
    pub context_sensitivity: Salience,
    /// Selection of the tokens of the contexts by their scores. Only pictures use it; the result has all scores.
    pub attribution_salience: Salience,
    /// How a generated text is divided if its context is not given.
    pub handle_output_context_strategy: OutputContextStrategy,
    /// A word for each selected token, the most sensitive token first; its first token is the contrast in place of the token that
    /// the model would generate without the context.
    pub contextless_output_next_tokens: Vec<String>,
    /// Whether the [dialogue](super::ContextDialogue) of the call gives these words.
    pub prompt_user_for_contextless_output_next_tokens: bool,
    /// Special tokens that count as text, such as a separator in a template.
    pub special_tokens_to_keep: Vec<String>,
    /// Text between the prompt and the output of a decoder-only model, unless one of them already has it there.
    pub decoder_input_output_separator: String,
    /// The attribution method; `None` uses the model's default.
    pub method: Option<MethodChoice>,
    /// Arguments of a named method, by the reference's names.
    pub attribution_args: Map<String, Value>,
    /// The attributed function; `None` uses the model's default (`probability`). A contrastive function compares with what the model
    /// generates without the context.
    pub attributed_fn: Option<StepFunctionChoice>,
    /// Arguments of the attributed function, by the reference's names. Its contrast is found by the call.
    pub attributed_fn_args: Map<String, Value>,
    /// Makes one score per token; `None` uses the default of the method without scaling.
    pub aggregator: Option<Arc<dyn Aggregator>>,
    /// Whether the default aggregation scales the absolute scores of each selected token to sum to 1.
    pub normalize_attributions: bool,
    /// Arguments of generation, by the names of `generation_config.json`.
    pub generation_args: Map<String, Value>,
    /// Limits of the call: memory, files, and time.
    pub limits: Limits,
}

impl Default for ContextRequest {
    fn default() -> Self {
        Self {
            input_current_text: String::new(),
            input_context_text: None,
            input_template: None,
            output_context_text: None,
            output_current_text: None,
            output_template: None,
            contextless_input_current_text: None,
            contextless_output_current_text: None,
            context_sensitivity_metric: "kl_divergence".into(),
            context_sensitivity: Salience::default(),
            attribution_salience: Salience::default(),
            handle_output_context_strategy: OutputContextStrategy::default(),
            contextless_output_next_tokens: Vec::new(),
            prompt_user_for_contextless_output_next_tokens: false,
            special_tokens_to_keep: Vec::new(),
            decoder_input_output_separator: " ".to_owned(),
            method: None,
            attribution_args: Map::new(),
            attributed_fn: None,
            attributed_fn_args: Map::new(),
            aggregator: None,
            normalize_attributions: false,
            generation_args: Map::new(),
            limits: Limits::default(),
        }
    }
}

inseq_core::setters! {
    ContextRequest {
        input_current_text: impl Into<String>,
        input_context_text: impl Into<Option<String>>,
        input_template: impl Into<Option<String>>,
        output_context_text: impl Into<Option<String>>,
        output_current_text: impl Into<Option<String>>,
        output_template: impl Into<Option<String>>,
        contextless_input_current_text: impl Into<Option<String>>,
        contextless_output_current_text: impl Into<Option<String>>,
        context_sensitivity_metric: impl Into<StepFunctionChoice>,
        context_sensitivity: Salience,
        attribution_salience: Salience,
        handle_output_context_strategy: OutputContextStrategy,
        contextless_output_next_tokens: Vec<String>,
        prompt_user_for_contextless_output_next_tokens: bool,
        special_tokens_to_keep: Vec<String>,
        decoder_input_output_separator: impl Into<String>,
        attribution_args: Map<String, Value>,
        attributed_fn_args: Map<String, Value>,
        normalize_attributions: bool,
        generation_args: Map<String, Value>,
        limits: Limits,
    }
    some { method: impl Into<MethodChoice>, attributed_fn: impl Into<StepFunctionChoice> }
    own { aggregator }
}

impl ContextRequest {
    /// A request with the default options.
    #[must_use]
    pub fn new(input_current_text: impl Into<String>) -> Self {
        Self { input_current_text: input_current_text.into(), ..Self::default() }
    }

    /// Sets the aggregator.
    #[must_use]
    pub fn aggregator(mut self, aggregator: impl Aggregator + 'static) -> Self {
        self.aggregator = Some(Arc::new(aggregator));
        self
    }
}
