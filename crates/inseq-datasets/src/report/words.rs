//! Words of texts, and lists of words.

use std::collections::HashSet;
use std::ops::Range;

use inseq_core::{Piece, Token, text};

/// A list of words with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordClass {
    /// Name of the list.
    pub name: String,
    words: HashSet<String>,
}

impl WordClass {
    /// A list of words. Case does not matter.
    pub fn new<T: AsRef<str>>(name: impl Into<String>, words: impl IntoIterator<Item = T>) -> Self {
        Self { name: name.into(), words: words.into_iter().map(|word| word.as_ref().trim().to_lowercase()).collect() }
    }
}

/// The token spans of the words of a text, each with the index of the first list that has the word, or the number of lists. Special
/// tokens are no words.
pub(super) fn by_token(tokens: &[Token], classes: &[WordClass]) -> Vec<(Range<usize>, usize)> {
    if classes.is_empty() {
        return Vec::new();
    }
    let pieces = text::pieces(tokens);
    let spans = text::words(tokens)
        .into_iter()
        .filter(|span| pieces[span.clone()].iter().any(|piece| *piece != Piece::Special));
    let class = |span: &Range<usize>| {
        let bytes: Vec<u8> = span.clone().flat_map(|token| tokens[token].bytes(&pieces[token]).to_vec()).collect();
        let word = String::from_utf8_lossy(&bytes).to_lowercase();
        let word = word.trim_matches(|character: char| !character.is_alphanumeric());
        classes.iter().position(|class| class.words.contains(word)).unwrap_or(classes.len())
    };
    spans.map(|span| (span.clone(), class(&span))).collect()
}
