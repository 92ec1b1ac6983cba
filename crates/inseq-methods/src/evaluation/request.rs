//! The request of one `evaluate` call.

use std::ops::Range;
use std::time::Duration;

use serde_json::{Map, Value};

use super::removal::Removal;
use crate::limits::Limits;
use crate::request::MethodChoice;

/// Methods of a request that names none.
const METHODS: [&str; 5] = ["saliency", "input_x_gradient", "integrated_gradients", "attention", "value_zeroing"];

/// Metrics of a request that names none.
const METRICS: [&str; 4] = ["aopc", "logprob_drop", "morf", "lds"];

/// One `evaluate` call: texts, methods, metrics and options.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EvaluationRequest {
    /// Input texts.
    pub input_texts: Vec<String>,
    /// Given generated texts; without them the model generates them.
    pub generated_texts: Option<Vec<String>>,
    /// Attribution methods: names, with their default arguments or those of `method_args`, or your own.
    pub methods: Vec<MethodChoice>,
    /// Arguments of methods that are given by name.
    pub method_args: Map<String, Value>,
    /// Names of metrics, of [`list_metrics`](super::list_metrics).
    pub metrics: Vec<String>,
    /// How tokens are removed.
    pub removal: Removal,
    /// Spans of characters of each input text that are known to decide the output, for the metric `recovery`.
    pub gold_spans: Option<Vec<Vec<Range<usize>>>>,
    /// Seed of everything that is random.
    pub seed: u64,
    /// Time after which no further text is begun; the first text is evaluated in any case. `None` evaluates all texts.
    pub time_budget: Option<Duration>,
    /// Arguments of generation, by the names of `generation_config.json`.
    pub generation_args: Map<String, Value>,
    /// Limits of the call: memory, files, and time.
    pub limits: Limits,
}

inseq_core::setters! {
    EvaluationRequest {
        method_args: Map<String, Value>,
        removal: Removal,
        gold_spans: impl Into<Option<Vec<Vec<Range<usize>>>>>,
        seed: u64,
        time_budget: impl Into<Option<Duration>>,
        generation_args: Map<String, Value>,
        limits: Limits,
    }
    own { input_texts, generated_texts, methods, metrics }
}

impl EvaluationRequest {
    /// A request with the default methods and metrics.
    pub fn new<T: Into<String>>(input_texts: impl IntoIterator<Item = T>) -> Self {
        Self {
            input_texts: input_texts.into_iter().map(Into::into).collect(),
            generated_texts: None,
            methods: METHODS.map(MethodChoice::from).to_vec(),
            method_args: Map::new(),
            metrics: METRICS.map(str::to_owned).to_vec(),
            removal: Removal::default(),
            gold_spans: None,
            seed: 0,
            time_budget: None,
            generation_args: Map::new(),
            limits: Limits::default(),
        }
    }

    /// Sets the input texts.
    #[must_use]
    pub fn input_texts<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.input_texts = texts.into_iter().map(Into::into).collect();
        self
    }

    /// Gives the generated texts.
    #[must_use]
    pub fn generated_texts<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.generated_texts = Some(texts.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the methods.
    #[must_use]
    pub fn methods<T: Into<MethodChoice>>(mut self, methods: impl IntoIterator<Item = T>) -> Self {
        self.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the metrics.
    #[must_use]
    pub fn metrics<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.metrics = names.into_iter().map(Into::into).collect();
        self
    }
}
