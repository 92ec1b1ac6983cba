//! Aggregator that merges the pieces of words.

use std::ops::Range;

use super::{Aggregator, Merging, Spans};
use crate::{Error, Piece, Result, SequenceAttribution, Token, text};

/// Merges the pieces of words. The reference's `subwords` aggregator.
///
/// Words follow the text ([`text::words`]) or given marks: a word starts with a token that begins with a mark or,
/// if the marks are for suffixes (`##` of WordPiece), with a token that does not. Unlike in the reference, the last word keeps
/// its last piece, and special tokens such as `</s>`, which have no mark, are not merged into the word before them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Subwords {
    /// Marks at the beginning of a word or suffix. Without marks, words follow the text.
    pub special_chars: Option<Vec<String>>,
    /// Whether the marks begin suffixes rather than words.
    pub is_suffix_symbol: bool,
    /// Whether source tokens are merged.
    pub aggregate_source: bool,
    /// Whether target tokens are merged.
    pub aggregate_target: bool,
    /// Functions that merge the scores of a word; an [`AggregationFunction`](super::AggregationFunction) applies to attributions and
    /// step scores.
    pub merging: Merging,
}

impl Default for Subwords {
    fn default() -> Self {
        Self {
            special_chars: None,
            is_suffix_symbol: false,
            aggregate_source: true,
            aggregate_target: true,
            merging: Merging::default(),
        }
    }
}

crate::setters! {
    Subwords {
        is_suffix_symbol: bool,
        aggregate_source: bool,
        aggregate_target: bool,
        merging: impl Into<Merging>,
    }
    own { special_chars }
}

impl Subwords {
    /// Merges the words of the text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds words by these marks instead of the text.
    #[must_use]
    pub fn special_chars<T: Into<String>>(self, characters: impl IntoIterator<Item = T>) -> Self {
        Self { special_chars: Some(characters.into_iter().map(Into::into).collect()), ..self }
    }

    /// Refuses marks that mark nothing.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |problem: &str| Err(Error::Invalid(format!("the aggregator `subwords`: {problem}")));
        match &self.special_chars {
            Some(marks) if marks.is_empty() || marks.iter().any(String::is_empty) => {
                refuse("`special_chars` needs at least one mark, none of them empty")
            }
            None if self.is_suffix_symbol => {
                refuse("`is_suffix_symbol` says what `special_chars` mark; give these, such as \"##\"")
            }
            _ => Ok(()),
        }
    }

    /// Spans of the words that consist of several pieces.
    pub fn spans(&self, tokens: &[Token]) -> Vec<Range<usize>> {
        let mut spans = match &self.special_chars {
            None => text::words(tokens),
            Some(marks) => self.marked(tokens, marks),
        };
        spans.retain(|span| span.len() > 1);
        spans
    }

    /// The words that the marks give; none if no token has a mark.
    fn marked(&self, tokens: &[Token], marks: &[String]) -> Vec<Range<usize>> {
        let is_marked = |token: &Token| marks.iter().any(|mark| token.written().starts_with(mark.as_str()));
        if !tokens.iter().any(is_marked) {
            return Vec::new();
        }
        let special: Vec<bool> = text::pieces(tokens).iter().map(|piece| *piece == Piece::Special).collect();
        let mut spans: Vec<Range<usize>> = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            let goes_on = is_marked(token) == self.is_suffix_symbol && !special[index];
            match spans.last_mut().filter(|span| goes_on && !special[span.start]) {
                Some(span) => span.end = index + 1,
                None => spans.push(index..index + 1),
            }
        }
        spans
    }
}

impl Aggregator for Subwords {
    fn name(&self) -> &str {
        "subwords"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        self.check()?;
        let spans = |merges: bool, tokens: &[Token]| if merges { self.spans(tokens) } else { Vec::new() };
        Spans::new()
            .source(spans(self.aggregate_source, &attribution.source))
            .target(spans(self.aggregate_target, &attribution.target))
            .merging(self.merging.clone())
            .aggregate(attribution)
    }
}
