//! Aggregator that merges the pieces of words.

use std::ops::Range;

use super::{Aggregator, Merging, Spans};
use crate::{Result, SequenceAttribution, Token};

/// Merges the pieces of words. The reference's `subwords` aggregator.
///
/// A word starts with a token that begins with one of the special characters (`▁` of SentencePiece; `Ġ` of GPT-2), or, where
/// they mark suffixes (`##` of WordPiece), with one that does not. Unlike in the reference, a last word keeps its last piece,
/// and special tokens such as `</s>`, which begin with none, are not merged into the word before them.
#[derive(Clone, Debug, PartialEq)]
pub struct Subwords {
    /// Characters that begin a word, or a suffix.
    pub special_chars: Vec<String>,
    /// Whether the characters mark suffixes rather than beginnings.
    pub is_suffix_symbol: bool,
    /// Whether source tokens are merged.
    pub aggregate_source: bool,
    /// Whether target tokens are merged.
    pub aggregate_target: bool,
    /// What makes one score of a word's.
    pub merging: Merging,
}

impl Default for Subwords {
    fn default() -> Self {
        Self {
            special_chars: Self::default_special_chars(),
            is_suffix_symbol: false,
            aggregate_source: true,
            aggregate_target: true,
            merging: Merging::default(),
        }
    }
}

impl Subwords {
    /// What begins words in SentencePiece and in byte pairs.
    pub(super) fn default_special_chars() -> Vec<String> {
        vec!["▁".into(), "Ġ".into()]
    }

    /// Of SentencePiece and byte-pair tokens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Words begin with other characters.
    pub fn special_chars<T: Into<String>>(self, characters: impl IntoIterator<Item = T>) -> Self {
        Self { special_chars: characters.into_iter().map(Into::into).collect(), ..self }
    }

    /// Whether the characters mark suffixes rather than beginnings.
    pub fn is_suffix_symbol(self, is_suffix_symbol: bool) -> Self {
        Self { is_suffix_symbol, ..self }
    }

    /// Whether source tokens are merged.
    pub fn aggregate_source(self, aggregate_source: bool) -> Self {
        Self { aggregate_source, ..self }
    }

    /// Whether target tokens are merged.
    pub fn aggregate_target(self, aggregate_target: bool) -> Self {
        Self { aggregate_target, ..self }
    }

    /// Merges scores so; an [`AggregationFunction`](super::AggregationFunction) serves for attributions and step scores.
    pub fn merging(self, merging: impl Into<Merging>) -> Self {
        Self { merging: merging.into(), ..self }
    }

    /// The spans of words of several pieces.
    pub fn spans(&self, tokens: &[Token]) -> Vec<Range<usize>> {
        let is_marked =
            |token: &Token| self.special_chars.iter().any(|mark| token.written().starts_with(mark.as_str()));
        if !tokens.iter().any(is_marked) {
            return Vec::new();
        }
        let mut spans: Vec<Range<usize>> = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            let goes_on = is_marked(token) == self.is_suffix_symbol && !is_special(token.written());
            match spans.last_mut().filter(|span| goes_on && !is_special(tokens[span.start].written())) {
                Some(span) => span.end = index + 1,
                None => spans.push(index..index + 1),
            }
        }
        spans.retain(|span| span.len() > 1);
        spans
    }
}

/// Whether a token stands for no text: `</s>`, `<pad>`, `<|endoftext|>`, `>>fra<<`, `[SEP]`.
fn is_special(text: &str) -> bool {
    let within = |open: char, close: char| text.len() > 2 && text.starts_with(open) && text.ends_with(close);
    within('<', '>') || within('[', ']') || (text.starts_with(">>") && text.ends_with("<<"))
}

impl Aggregator for Subwords {
    fn name(&self) -> &str {
        "subwords"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        let spans = |merges: bool, tokens: &[Token]| if merges { self.spans(tokens) } else { Vec::new() };
        Spans::new()
            .source(spans(self.aggregate_source, &attribution.source))
            .target(spans(self.aggregate_target, &attribution.target))
            .merging(self.merging.clone())
            .aggregate(attribution)
    }
}
