//! The request of one `attribute` call.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::feature_groups::FeatureGroups;
use crate::limits::Limits;
use crate::method::Method;
use crate::step_functions::SharedStepFunction;
use crate::target_spans::TargetSpans;
use inseq_models::tokenizer::Chat;

/// An attribution method by name, or as a value with its options.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MethodChoice {
    /// One of the model's [`methods`](crate::AttributionModel::methods), with the request's `attribution_args`.
    Named(String),
    /// A method as a value: one of this crate with its options, or your own.
    Own(Arc<dyn Method>),
}

impl From<&str> for MethodChoice {
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

impl From<String> for MethodChoice {
    fn from(name: String) -> Self {
        Self::Named(name)
    }
}

impl From<&String> for MethodChoice {
    fn from(name: &String) -> Self {
        Self::Named(name.clone())
    }
}

impl From<Arc<dyn Method>> for MethodChoice {
    fn from(method: Arc<dyn Method>) -> Self {
        Self::Own(method)
    }
}

impl<M: Method + 'static> From<M> for MethodChoice {
    fn from(method: M) -> Self {
        Self::Own(Arc::new(method))
    }
}

/// A step function by name, or as a value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StepFunctionChoice {
    /// One of [`crate::step_functions::list`].
    Named(String),
    /// Your own, for instance from [`crate::step_functions::from_closure`].
    Own(SharedStepFunction),
}

impl From<&str> for StepFunctionChoice {
    fn from(name: &str) -> Self {
        Self::Named(name.to_string())
    }
}

impl From<String> for StepFunctionChoice {
    fn from(name: String) -> Self {
        Self::Named(name)
    }
}

impl From<SharedStepFunction> for StepFunctionChoice {
    fn from(function: SharedStepFunction) -> Self {
        Self::Own(function)
    }
}

/// One `attribute` call: texts and options, with the reference's names and defaults.
///
/// ```
/// use inseq_methods::AttributionRequest;
///
/// let request = AttributionRequest::new(["Hello world"])
///     .method("integrated_gradients")
///     .attribution_argument("n_steps", 20)
///     .attribute_target(true)
///     .step_scores(["probability", "entropy"]);
/// assert!(request.attribute_target);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AttributionRequest {
    /// Texts to attribute.
    pub input_texts: Vec<String>,
    /// Given outputs, one per input; without them the model generates.
    pub generated_texts: Option<Vec<String>>,
    /// Given outputs as ids, including the decoder start or the prompt, as in results; they take precedence over
    /// `generated_texts`.
    pub generated_token_ids: Option<Vec<Vec<u32>>>,
    /// The attribution method; `None` uses the model's default.
    pub method: Option<MethodChoice>,
    /// Arguments of a named method, by the reference's names.
    pub attribution_args: Map<String, Value>,
    /// The attributed function; `None` uses the model's default (`probability`, and its logarithm for [spans](Self::target_spans)).
    pub attributed_fn: Option<StepFunctionChoice>,
    /// Arguments of the attributed function, by the reference's names.
    pub attributed_fn_args: Map<String, Value>,
    /// Step scores, which the result contains beside the attributions.
    pub step_scores: Vec<StepFunctionChoice>,
    /// Arguments of the step scores, by the reference's names.
    pub step_scores_args: Map<String, Value>,
    /// First target position to attribute; `None` is the first possible one. Position 0 is the decoder start, or the
    /// first token of a decoder-only model's prompt. For an encoder-decoder, a negative position counts from the end of each text. For
    /// a decoder-only model, a start before the end of the prompt, including a negative one, becomes the end of the prompt, as in the
    /// reference. A text without the requested positions gets an attribution without steps, and a warning; the
    /// call fails if no text has them.
    pub attr_pos_start: Option<i64>,
    /// Position after the last one to attribute; a negative position counts from the end of each text.
    pub attr_pos_end: Option<i64>,
    /// Whether the target prefix is also attributed (encoder-decoder models).
    pub attribute_target: bool,
    /// Whether the raw output of each step is kept.
    pub output_step_attributions: bool,
    /// Whether the baseline replaces the end-of-sequence token too.
    pub include_eos_baseline: bool,
    /// Whether texts are encoded without special tokens.
    pub skip_special_tokens: bool,
    /// Whether shown tokens lose the tokenizer's marks (`▁`).
    pub clean_special_chars: bool,
    /// Whether `generated_texts` are prefixes that the model continues, instead of whole targets.
    pub generate_from_target_prefix: bool,
    /// Number of texts that go through the model at once; `None` uses the memory budget.
    pub batch_size: Option<usize>,
    /// Groups of input tokens that are attributed together.
    pub feature_groups: FeatureGroups,
    /// Spans of generated tokens that are attributed together. With spans, the default attributed function is the log probability.
    pub target_spans: TargetSpans,
    /// Arguments of generation, by the names of `generation_config.json`.
    pub generation_args: Map<String, Value>,
    /// Whether texts that are too long for the model are cut instead of refused.
    pub truncate: bool,
    /// Whether an encoder-decoder model reads an input without text as its special tokens alone, as the reference does, instead of
    /// refusing it.
    pub empty_inputs: bool,
    /// Whether each input is a message of a user to a chat model, with the model's chat template; generated texts and
    /// contrast targets are then answers.
    pub chat: bool,
    /// Chats in place of [`input_texts`](Self::input_texts), with the model's chat template: with a system message
    /// or several turns. Generated texts and contrast targets are then answers; a contrast source is another last message of the
    /// user.
    pub chats: Vec<Chat>,
    /// Limits of the call: memory, files, and time.
    pub limits: Limits,
}

inseq_core::setters! {
    AttributionRequest {
        generated_token_ids: impl Into<Option<Vec<Vec<u32>>>>,
        attribution_args: Map<String, Value>,
        attributed_fn_args: Map<String, Value>,
        step_scores_args: Map<String, Value>,
        attr_pos_start: impl Into<Option<i64>>,
        attr_pos_end: impl Into<Option<i64>>,
        attribute_target: bool,
        output_step_attributions: bool,
        include_eos_baseline: bool,
        skip_special_tokens: bool,
        clean_special_chars: bool,
        generate_from_target_prefix: bool,
        batch_size: impl Into<Option<usize>>,
        feature_groups: FeatureGroups,
        target_spans: TargetSpans,
        generation_args: Map<String, Value>,
        truncate: bool,
        empty_inputs: bool,
        chat: bool,
        chats: Vec<Chat>,
        limits: Limits,
    }
    some { attributed_fn: impl Into<StepFunctionChoice> }
    own { input_texts, generated_texts, method, step_scores }
}

impl AttributionRequest {
    /// A request with the default options.
    #[must_use]
    pub fn new<T: Into<String>>(input_texts: impl IntoIterator<Item = T>) -> Self {
        Self { input_texts: input_texts.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// A request whose inputs are chats, with the default options.
    #[must_use]
    pub fn of_chats(chats: impl IntoIterator<Item = Chat>) -> Self {
        Self { chats: chats.into_iter().collect(), ..Self::default() }
    }

    /// Sets the given outputs.
    #[must_use]
    pub fn generated_texts<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.generated_texts = Some(texts.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the texts to attribute.
    #[must_use]
    pub fn input_texts<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.input_texts = texts.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the attribution method: a name, one of this crate's methods with its options, or your own.
    ///
    /// ```
    /// use inseq_methods::gradient::IntegratedGradients;
    /// use inseq_methods::{AttributionRequest, Count};
    ///
    /// let n_steps = Count::of::<20>();
    /// let request = AttributionRequest::new(["Hello world"]).method(IntegratedGradients { n_steps, ..Default::default() });
    /// # let _ = request;
    /// ```
    #[must_use]
    pub fn method(mut self, method: impl Into<MethodChoice>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Sets one argument of the method.
    #[must_use]
    pub fn attribution_argument(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attribution_args.insert(name.into(), value.into());
        self
    }

    /// Sets one argument of generation.
    #[must_use]
    pub fn generation_argument(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.generation_args.insert(name.into(), value.into());
        self
    }

    /// Sets the step scores.
    #[must_use]
    pub fn step_scores<T: Into<StepFunctionChoice>>(mut self, functions: impl IntoIterator<Item = T>) -> Self {
        self.step_scores = functions.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the target positions to attribute, `start..end`.
    #[must_use]
    pub fn positions(mut self, start: Option<i64>, end: Option<i64>) -> Self {
        (self.attr_pos_start, self.attr_pos_end) = (start, end);
        self
    }
}
