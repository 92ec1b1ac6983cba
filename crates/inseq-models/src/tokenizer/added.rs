//! Tokens that are added to a vocabulary and cut out of a text before anything else.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use indexmap::IndexMap;
use serde::Deserialize;

use super::configuration::Configuration;

/// A token with the rules that it is found by.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct AddedToken {
    pub(super) content: String,
    /// Only where spaces, or the text's ends, surround it.
    #[serde(default)]
    pub(super) single_word: bool,
    /// Takes the spaces before it.
    #[serde(default)]
    pub(super) lstrip: bool,
    /// Takes the spaces after it.
    #[serde(default)]
    pub(super) rstrip: bool,
    /// Looked for in the normalized text rather than in the text itself; by default what special tokens are not.
    #[serde(default)]
    pub(super) normalized: Option<bool>,
    /// Left out of a decoded text when special tokens are.
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

    /// As the `tokenizers` crate has it.
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

    /// Those of a tokenizer with a vocabulary of its own: what has an id in a file, then special tokens, which get the next
    /// free ids where they have none.
    pub(super) fn numbered(configuration: &Configuration, vocabulary: &IndexMap<String, u32>) -> Result<Self, String> {
        let mut tokens = configuration.added.clone();
        let mut ids = vocabulary.clone();
        ids.extend(tokens.iter().map(|(id, token)| (token.content.clone(), *id)));
        for token in configuration.special() {
            if tokens.values().all(|known| known.content != token.content) {
                let next = ids.len() as u32;
                let id = *ids.entry(token.content.clone()).or_insert(next);
                tokens.insert(id, AddedToken::special(&token.content));
            }
        }
        Self::new(tokens)
    }

    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    pub(super) fn text(&self, id: u32) -> Option<&str> {
        self.tokens.get(&id).map(|token| token.content.as_str())
    }

    /// The added tokens in a text, and what lies between them.
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

/// Whether Python counts a character as a space.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// A text without the spaces around it, as Python strips them.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}
