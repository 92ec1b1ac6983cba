//! The interface of citation methods.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use inseq_core::{About, Entry, SourceScore};
use serde_json::{Map, Value};

use super::context::CitationContext;
use crate::Result;
use crate::attribution_model::AttributionModel;
use crate::engine::TextSteps;
use crate::method::{Bounds, Cost};
use crate::request::AttributionRequest;

/// A method that scores every source of a prompt for every sentence of an answer.
pub trait CitationMethod: fmt::Debug + Send + Sync {
    /// Name of the method in results.
    fn name(&self) -> &str;

    /// Scores of the sources. Gains need not be computed.
    ///
    /// # Errors
    /// An option does not fit the sources, the device fails, or the call is cancelled.
    fn scores(&self, context: &mut CitationContext) -> Result<CitationScores>;

    /// Upper bound of the number of forwards for so many sources, without those of an attribution.
    fn forwards(&self, sources: usize) -> usize;

    /// Attributions to tokens that the method makes, beside its [`forwards`](Self::forwards); the steps of `text` are the sentences
    /// of the answer.
    ///
    /// # Errors
    /// An option has no meaning for the model.
    fn attributions(&self, model: &AttributionModel, text: &TextSteps) -> Result<AttributionWork> {
        let _ = (model, text);
        Ok(AttributionWork::default())
    }

    /// Whether the method reads scores of tokens, of which some may be put [aside](super::CitationRequest::aside).
    fn reads_tokens(&self) -> bool {
        false
    }

    /// Warnings about options that have no effect on so many sources, one sentence each.
    fn unused_options(&self, sources: usize) -> Vec<String> {
        let _ = sources;
        Vec::new()
    }

    /// Refuses a model for which the options have no meaning, before an answer is generated.
    ///
    /// # Errors
    /// An option has no meaning for the model.
    fn check(&self, model: &AttributionModel) -> Result<()> {
        let _ = model;
        Ok(())
    }

    /// The method's arguments by name, for results.
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    /// Checks the options.
    ///
    /// # Errors
    /// An option is out of range.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// Number of forwards and pullbacks of attributions to tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttributionWork {
    /// Number of forwards of the prompt with the answer.
    pub forwards: Bounds,
    /// Number of pullbacks, each of a sentence or of a token.
    pub pullbacks: Bounds,
    /// Number of sentences or tokens that have scores at the same time; `None` for as many as fit into a part of the memory budget.
    pub steps: Option<usize>,
}

inseq_core::setters! {
    AttributionWork { forwards: Bounds, pullbacks: Bounds, steps: impl Into<Option<usize>> }
}

impl AttributionWork {
    /// Those of a request that attributes every step of a text.
    pub(super) fn of(model: &AttributionModel, request: &AttributionRequest, text: &TextSteps) -> Result<Self> {
        let method = model.choices.method(&model.text_model, request)?;
        let Cost { forwards, pullbacks } = method.cost(model.model(), text, model.model().is_decoder_only());
        let steps = text.steps.len();
        Ok(Self { forwards, pullbacks: Bounds::exactly(pullbacks * steps), steps: Some(steps) })
    }
}

/// What a citation method found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CitationScores {
    /// Scores of the sources, `[sentence][source]`.
    pub scores: Vec<Vec<SourceScore>>,
    /// Indices of the sources that were not tested, in order. Their scores are 0.
    pub untested: Vec<usize>,
}

inseq_core::setters! {
    CitationScores { scores: Vec<Vec<SourceScore>>, untested: Vec<usize> }
}

impl From<Vec<Vec<SourceScore>>> for CitationScores {
    /// Scores of sources that were all tested.
    fn from(scores: Vec<Vec<SourceScore>>) -> Self {
        Self { scores, untested: Vec::new() }
    }
}

/// A score without confidence and gain.
pub(super) fn plain(score: f64) -> SourceScore {
    SourceScore { score, confidence: None, gain: None }
}

/// Makes a citation method from its arguments.
type MakeCitationMethod = fn(&Map<String, Value>) -> Result<Arc<dyn CitationMethod>>;

/// Entry of a citation method in [`list_methods`](super::list_methods).
#[derive(Clone, Debug)]
pub struct CitationMethodInfo {
    /// Name and arguments of the method, the question that it answers, and how it works.
    pub about: About,
    /// Number of forwards.
    pub cost: &'static str,
    /// Citation of the paper.
    pub citation: &'static str,
    pub(super) make: MakeCitationMethod,
}

impl Deref for CitationMethodInfo {
    type Target = About;

    fn deref(&self) -> &About {
        &self.about
    }
}

impl Entry for CitationMethodInfo {
    const KIND: &'static str = "citation method";

    fn facts(&self) -> Vec<(&'static str, &'static str)> {
        vec![("Cost", self.cost), ("Paper", self.citation)]
    }
}

impl CitationMethodInfo {
    /// Makes the method with the given arguments.
    ///
    /// # Errors
    /// An argument is unknown, or has a wrong type or value.
    ///
    /// ```
    /// use inseq_methods::citations::method_named;
    /// use serde_json::json;
    ///
    /// let method = method_named("context_cite")?.with(json!({"n_masks": 32}).as_object().unwrap())?;
    /// assert_eq!(method.forwards(40), 32);
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    pub fn with(&self, arguments: &Map<String, Value>) -> Result<Arc<dyn CitationMethod>> {
        let method = (self.make)(arguments)?;
        method.validate().map(|()| method)
    }
}
