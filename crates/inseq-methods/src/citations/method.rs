//! The interface of citation methods.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use inseq_core::{About, Entry, SourceScore};
use serde_json::{Map, Value};

use super::answer::Answer;
use super::prompt::Mask;
use super::token_scores::log_probability_of;
use super::variants::Variants;
use crate::Result;

/// A method that scores every source of a prompt for every sentence of an answer.
pub trait CitationMethod: fmt::Debug + Send + Sync {
    /// Name of the method in results.
    fn name(&self) -> &str;

    /// Scores of the sources, `[sentence][source]`. Gains need not be computed.
    ///
    /// # Errors
    /// An option does not fit the sources, the device fails, or the call is cancelled.
    fn scores(&self, context: &mut CitationContext) -> Result<Vec<Vec<SourceScore>>>;

    /// Upper bound of the number of forwards for so many sources.
    fn forwards(&self, sources: usize) -> usize;

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

/// What a citation method reads: the sentences of an answer, and forwards of the prompt with some of its sources.
pub struct CitationContext<'a, 'c> {
    pub(super) variants: &'a mut Variants<'c>,
    pub(super) answer: &'a Answer,
    pub(super) sources: usize,
}

impl fmt::Debug for CitationContext<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CitationContext").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl CitationContext<'_, '_> {
    /// Number of sources.
    pub fn sources(&self) -> usize {
        self.sources
    }

    /// Tokens of each sentence, as spans of the answer's tokens.
    pub fn sentences(&self) -> Vec<Range<usize>> {
        self.answer.sentences.iter().map(|sentence| sentence.tokens.clone()).collect()
    }

    /// Log-odds of the answer's tokens after the prompt with the kept sources, `[mask][token]`. A mask says whether each source is
    /// kept. A mask that has been run in the call is not run again.
    ///
    /// # Errors
    /// The prompt has no token without the sources, the device fails, or the call is cancelled.
    pub fn log_odds(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
        self.variants.log_odds(masks)
    }

    /// Log-probabilities of the sentences after the prompt with the kept sources, in nats, `[mask][sentence]`.
    ///
    /// # Errors
    /// As those of [`log_odds`](Self::log_odds).
    pub fn log_probabilities(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
        let odds = self.log_odds(masks)?;
        let of_mask = |odds: &Vec<f64>| {
            let sum = |tokens: Range<usize>| odds[tokens].iter().map(|&odds| log_probability_of(odds)).sum();
            self.sentences().into_iter().map(sum).collect()
        };
        Ok(odds.iter().map(of_mask).collect())
    }

    /// Jensen-Shannon divergences, in nats, between the next-token distributions after the whole prompt and after the prompt with the
    /// kept sources, `[mask][token]`.
    ///
    /// # Errors
    /// As those of [`log_odds`](Self::log_odds).
    pub fn divergences(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
        self.variants.divergences(masks)
    }
}

/// The masks that leave out one source each, in the order of the sources.
pub(super) fn each_left_out(sources: usize) -> Vec<Mask> {
    (0..sources).map(|source| (0..sources).map(|other| other != source).collect()).collect()
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
