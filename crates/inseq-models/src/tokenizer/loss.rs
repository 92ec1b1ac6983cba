//! Loss of text in a tokenizer.

use tokenizers::NormalizedString;

use super::{Role, Tokenizer};
use crate::Result;

/// Difference between a text and the text of its ids.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// The vocabulary lacks tokens for parts of the text.
    Unknown {
        /// The unknown token.
        token: String,
        /// The missing parts, each once.
        parts: Vec<String>,
    },
    /// The ids represent a different text, even if forms of the same character and spaces are ignored.
    Changed {
        /// Some characters of the text, from the first difference on.
        text: String,
        /// The text of the ids at this place.
        read: String,
    },
}

impl Tokenizer {
    /// The loss of encoding a text; `None` if nothing is lost.
    ///
    /// # Errors
    /// The tokenizer fails on the text.
    pub fn loss(&self, text: &str, role: Role) -> Result<Option<Loss>> {
        let encoding = self.encode(text, role, false)?;
        let unknown = self.special.unk.and_then(|id| Some((id, self.token(id, role)?)));
        if let (Some((unknown, token)), Some(offsets)) = (unknown, &encoding.offsets) {
            let mut parts: Vec<String> = Vec::new();
            for range in encoding.ids.iter().zip(offsets).filter(|(id, _)| **id == unknown).map(|(_, range)| range) {
                let part = text.get(range.clone()).unwrap_or_default();
                // A line end by itself is named.
                let part = if part.trim().is_empty() { part } else { part.trim() };
                // Whoever writes the token itself means it.
                if part != token && !parts.iter().any(|known| known == part) {
                    parts.push(part.to_string());
                }
            }
            if !parts.is_empty() {
                return Ok(Some(Loss::Unknown { token, parts }));
            }
        }
        let [own, read] = [text, &self.decode(&encoding.ids, role, false)?].map(comparable);
        let same = own.iter().zip(&read).take_while(|(a, b)| a == b).count();
        let some = |characters: &[char]| characters[same..].iter().take(8).collect::<String>();
        Ok((own != read).then(|| Loss::Changed { text: some(&own), read: some(&read) }))
    }
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        const MOST: usize = 8;
        match self {
            Self::Unknown { token, parts } => {
                let named: Vec<String> = parts.iter().take(MOST).map(|part| format!("{part:?}")).collect();
                let more = if parts.len() > MOST { ", ..." } else { "" };
                write!(f, "the tokenizer has no tokens for {}{more}: it reads `{token}` there", named.join(", "))
            }
            Self::Changed { text, read } if read.is_empty() => write!(f, "the tokenizer leaves out {text:?}"),
            Self::Changed { text, read } => write!(f, "the tokenizer reads {read:?} where the text has {text:?}"),
        }
    }
}

/// The characters of a text in their compatibility forms, without invisible characters and separators of words.
fn comparable(text: &str) -> Vec<char> {
    let mut normalized = NormalizedString::from(text);
    normalized.nfkc();
    let is_mark =
        |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}');
    normalized.get().chars().filter(|&c| !c.is_whitespace() && !c.is_control() && !is_mark(c)).collect()
}
