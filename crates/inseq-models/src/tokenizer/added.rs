//! Tokens that are added to a vocabulary and found in a text before any other processing.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use indexmap::IndexMap;
use serde::Deserialize;

/// A token with its matching rules.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct AddedToken {
    pub(super) content: String,
    /// Whether the token matches only between spaces or the ends of the text.
    #[serde(default)]
    pub(super) single_word: bool,
    /// Whether the token includes the spaces before it.
    #[serde(default)]
    pub(super) lstrip: bool,
    /// Whether the token includes the spaces after it.
    #[serde(default)]
    pub(super) rstrip: bool,
    /// Whether the token is searched for in the normalized text; by default true for tokens that are not special.
    #[serde(default)]
    pub(super) normalized: Option<bool>,
    /// Whether the token is special; decoding can omit special tokens.
    #[serde(default)]
    pub(super) special: bool,
}

impl AddedToken {
    pub(super) fn plain(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: None,
            special: false,
        }
    }

    pub(super) fn special(content: impl Into<String>) -> Self {
        Self { special: true, ..Self::plain(content) }
    }

    /// The token in the type of the `tokenizers` crate.
    pub(super) fn to_backend(&self) -> tokenizers::AddedToken {
        tokenizers::AddedToken::from(self.content.as_str(), self.special)
            .single_word(self.single_word)
            .lstrip(self.lstrip)
            .rstrip(self.rstrip)
            .normalized(self.normalized.unwrap_or(!self.special))
    }
}

/// Added tokens by id, and a search for all of them at once.
#[derive(Debug)]
pub(super) struct AddedTokens {
    tokens: IndexMap<u32, AddedToken>,
    ids: IndexMap<String, u32>,
    search: AhoCorasick,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// An added token, by id.
    Token(u32, Range<usize>),
    /// Text to be cut into pieces.
    Text(Range<usize>),
}

impl AddedTokens {
    pub(super) fn new(tokens: IndexMap<u32, AddedToken>) -> Result<Self, String> {
        let ids: IndexMap<String, u32> = tokens.iter().map(|(id, token)| (token.content.clone(), *id)).collect();
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(ids.keys().filter(|text| !text.is_empty()))
            .map_err(|e| format!("the added tokens cannot be searched for: {e}"))?;
        Ok(Self { tokens, ids, search })
    }

    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    pub(super) fn text(&self, id: u32) -> Option<&str> {
        self.tokens.get(&id).map(|token| token.content.as_str())
    }

    /// The added tokens in a text, and the parts between them.
    pub(super) fn split(&self, text: &str) -> Vec<Part> {
        let mut ranges = Vec::new();
        let mut at = 0;
        for found in self.search.find_iter(text) {
            ranges.extend([at..found.start(), found.range()].into_iter().filter(|range| !range.is_empty()));
            at = found.end();
        }
        if at < text.len() {
            ranges.push(at..text.len());
        }
        // In the reference's order: what a rule does to a neighbour is seen by the rules of the tokens that follow.
        for i in 0..ranges.len() {
            let range = ranges[i].clone();
            let Some(token) = self.id(&text[range.clone()]).and_then(|id| self.tokens.get(&id)) else { continue };
            let left = i.checked_sub(1).map(|i| ranges[i].clone()).filter(|range| !range.is_empty());
            let right = ranges.get(i + 1).cloned().filter(|range| !range.is_empty());
            if let Some(right) = right.clone().filter(|_| token.rstrip) {
                ranges[i + 1].start = right.end - trim_start(&text[right]).len();
            }
            if let Some(left) = left.clone().filter(|_| token.lstrip) {
                ranges[i - 1].end = left.start + trim_end(&text[left]).len();
            }
            if token.single_word {
                if left.is_some_and(|left| !text[left].ends_with(' ')) {
                    ranges[i - 1].end = range.end;
                    ranges[i] = range.end..range.end;
                } else if right.is_some_and(|right| !text[right].starts_with(' ')) {
                    ranges[i + 1].start = range.start;
                    ranges[i] = range.start..range.start;
                }
            }
        }
        let part = |range: Range<usize>| match self.id(&text[range.clone()]) {
            Some(id) => Part::Token(id, range),
            None => Part::Text(range),
        };
        ranges.into_iter().filter(|range| !range.is_empty()).map(part).collect()
    }
}

/// Whether a character is white space in Python.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// A text without the white space around it, as with Python's `strip`.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}
