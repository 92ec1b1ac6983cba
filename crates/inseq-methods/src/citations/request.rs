//! The request of one `cite` call.

use std::sync::Arc;

use inseq_core::CitationRule;
use inseq_core::aggregators::Aside;
use serde_json::{Map, Value};

use super::context_cite::ContextCite;
use super::method::CitationMethod;
use super::sources::Sources;
use crate::limits::Limits;

/// One `cite` call: a prompt with its sources, an answer, and options.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CitationRequest {
    /// The prompt with its sources.
    pub sources: Sources,
    /// Given answer; without it the model generates one.
    pub answer: Option<String>,
    /// The method.
    pub method: Arc<dyn CitationMethod>,
    /// Whether a prompt that is no chat goes to the model as it is, although the model has a chat template.
    pub plain: bool,
    /// Whether the result has the answer that the model generates without the sources.
    pub contextless_answer: bool,
    /// Rule that decides which sources are cited. Those have a gain in the result; the scores are those of all sources.
    pub rule: CitationRule,
    /// Tokens whose scores are 0, for methods that read scores of tokens: by default the first token and special tokens.
    pub aside: Aside,
    /// Arguments of generation, by the names of `generation_config.json`.
    pub generation_args: Map<String, Value>,
    /// Limits of the call: memory, files, and time.
    pub limits: Limits,
}

inseq_core::setters! {
    CitationRequest {
        sources: Sources,
        plain: bool,
        contextless_answer: bool,
        rule: CitationRule,
        aside: Aside,
        generation_args: Map<String, Value>,
        limits: Limits,
    }
    some { answer: impl Into<String> }
    own { method }
}

impl CitationRequest {
    /// A request with the default options: the method [`ContextCite`], and a generated answer.
    pub fn new(sources: Sources) -> Self {
        Self {
            sources,
            answer: None,
            method: Arc::new(ContextCite::default()),
            plain: false,
            contextless_answer: true,
            rule: CitationRule::default(),
            aside: Aside::default(),
            generation_args: Map::new(),
            limits: Limits::default(),
        }
    }

    /// Sets the method: one of this module with its options, your own, or one that
    /// [`CitationMethodInfo::with`](super::CitationMethodInfo::with) made.
    #[must_use]
    pub fn method<M: CitationMethod + 'static>(self, method: M) -> Self {
        self.shared_method(Arc::new(method))
    }

    /// As [`method`](Self::method), for a method that is shared.
    #[must_use]
    pub fn shared_method(mut self, method: Arc<dyn CitationMethod>) -> Self {
        self.method = method;
        self
    }
}
