//! The reader's known answers: which passage of a prompt a sentence of an answer was read in, or that it was known anyway.

use std::sync::Arc;
use std::time::{Duration, Instant};

use inseq_core::CitedSentence;
use inseq_methods::citations::{CitationMethod, CitationRequest, Document, PromptTemplate, Slot};
use inseq_methods::{AttributionModel, Error};
use serde::Deserialize;

use crate::fixture;

/// A prompt that the reader was not trained on (`xtask/reader/facts.py`).
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// Passages, each with a fact.
    pub passages: Vec<String>,
    /// Question about one or two facts.
    pub question: String,
    /// Right answer, with a sentence per fact.
    pub answer: String,
    /// What is known of each sentence.
    pub sentences: Vec<Expected>,
}

/// What is known of a sentence of an answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Expected {
    /// Where the fact is from.
    pub kind: Kind,
    /// Passages that hold the fact.
    pub right: Vec<usize>,
}

/// Where a fact is from.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One passage.
    Read,
    /// One passage, which says something else than the weights.
    Contradicted,
    /// Two passages that say the same.
    Twice,
    /// The weights; a passage says the same.
    Known,
    /// The weights; no passage has the fact.
    Absent,
}

impl Kind {
    /// All kinds, in the order of the table.
    pub const ALL: [Self; 5] = [Self::Read, Self::Contradicted, Self::Twice, Self::Known, Self::Absent];

    /// Whether the model would not have known the fact without the passages.
    pub fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::Contradicted | Self::Twice)
    }
}

/// Log-probability gain, in nats, from which a sentence counts as read: the source makes it ten times likelier.
pub const READ: f64 = std::f64::consts::LN_10;

/// The folder of the reader.
pub fn reader() -> AttributionModel {
    let folder = fixture("citations/reader");
    AttributionModel::load(folder.to_str().expect("a path of letters")).expect("the fixture is a checkpoint")
}

/// The held-out prompts.
///
/// # Panics
/// When the fixture is not there.
pub fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(fixture("citations/heldout.jsonl")).expect("the fixture is there");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is a case")).collect()
}

/// The first prompts of each kind, and of those with two questions.
pub fn some_cases(of_each: usize) -> Vec<Case> {
    let mut taken: Vec<Vec<Kind>> = Vec::new();
    let mut is_wanted = |case: &Case| {
        let kinds: Vec<Kind> = case.sentences.iter().map(|sentence| sentence.kind).collect();
        let before = taken.iter().filter(|other| **other == kinds).count();
        taken.push(kinds);
        before < of_each
    };
    cases().into_iter().filter(|case| is_wanted(case)).collect()
}

impl Case {
    /// The prompt of the default template of `inseq cite`, with the passages as sources.
    ///
    /// # Panics
    /// When a passage has no text.
    pub fn request(&self) -> CitationRequest {
        let document = |(index, text): (usize, &String)| Document::new(format!("passage {}", index + 1), text);
        let documents = self.passages.iter().enumerate().map(document).collect();
        let template = PromptTemplate::parse(PromptTemplate::QUESTION).expect("the template has its slots");
        let slots = [("documents", Slot::Documents(documents)), ("question", Slot::Fixed(self.question.clone()))];
        CitationRequest::new(template.fill(slots).expect("passages have text"))
    }
}

/// Number of right decisions of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Right ones.
    pub right: usize,
    /// All of them.
    pub all: usize,
}

impl Share {
    fn count(&mut self, is_right: bool) {
        self.right += usize::from(is_right);
        self.all += 1;
    }

    /// Percent of right decisions.
    pub fn percent(self) -> f64 {
        100.0 * self.right as f64 / self.all.max(1) as f64
    }

    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { right: self.right + other.right, all: self.all + other.all }
    }
}

/// What a method finds on prompts with known answers.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Sentences whose first source holds the fact, by kind; of kinds that are read.
    pub first: [Share; 5],
    /// Sentences that are told to be read or known by the gain of their first source, by kind.
    pub told: [Share; 5],
    /// Sentences that are told to be read or known by the gain of all sources together, by kind.
    pub told_by_all: [Share; 5],
    /// Forwards per prompt.
    pub forwards: f64,
    /// Time per prompt.
    pub time: Duration,
}

/// Cites the right answers of prompts.
///
/// # Errors
/// What the method fails with.
pub fn figures(model: &AttributionModel, cases: &[Case], method: &Arc<dyn CitationMethod>) -> Result<Figures, Error> {
    let mut figures = Figures::default();
    let mut forwards = 0;
    let started = Instant::now();
    for case in cases {
        let request = case.request().answer(&case.answer).contextless_answer(false).shared_method(Arc::clone(method));
        let citations = model.cite(&request)?;
        forwards += citations.forwards;
        assert_eq!(citations.sentences.len(), case.sentences.len(), "a sentence for each fact: {}", case.answer);
        for (found, expected) in citations.sentences.iter().zip(&case.sentences) {
            let kind = expected.kind as usize;
            let first = first_source(found);
            if expected.kind.is_read() {
                figures.first[kind].count(first.is_some_and(|first| expected.right.contains(&first)));
            }
            let gain = first.and_then(|first| found.scores[first].gain).unwrap_or(0.0);
            figures.told[kind].count((gain >= READ) == expected.kind.is_read());
            let of_all = found.log_probability - found.contextless_log_probability;
            figures.told_by_all[kind].count((of_all >= READ) == expected.kind.is_read());
        }
    }
    let count = cases.len().max(1);
    figures.time = started.elapsed() / count as u32;
    figures.forwards = forwards as f64 / count as f64;
    Ok(figures)
}

/// The source with the highest score, if that is above 0.
fn first_source(sentence: &CitedSentence) -> Option<usize> {
    sentence.cited(&inseq_core::CitationRule::default()).first().copied()
}
