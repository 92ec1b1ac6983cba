//! What a tokenizer does not carry over from a text.

use tokenizers::NormalizedString;

use super::{Role, Tokenizer};
use crate::Result;

/// What is not carried over from a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The vocabulary has no tokens for parts of it.
    Unknown {
        /// The token that stands for them.
        token: String,
        /// The parts, each once.
        parts: Vec<String>,
    },
    /// Its ids stand for another text, also where forms of one character and spaces do not count.
    Changed {
        /// Where it begins to differ, some characters of it.
        text: String,
        /// What the ids stand for there.
        read: String,
    },
}

impl Tokenizer {
    /// What is not carried over from a text.
    ///
    /// # Errors
    /// When the tokenizer fails on the text.
    pub fn loss(&self, text: &str, role: Role) -> Result<Option<Loss>> {
        let encoding = self.encode(text, role, false)?;
        let unknown = self.special.unk.and_then(|id| Some((id, self.token(id, role)?)));
        if let (Some((unknown, token)), Some(offsets)) = (unknown, &encoding.offsets) {
            let mut parts: Vec<String> = Vec::new();
            for range in encoding.ids.iter().zip(offsets).filter(|(id, _)| **id == unknown).map(|(_, range)| range) {
                let part = text.get(range.clone()).unwrap_or_default().trim();
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

/// The characters of a text in their compatible forms, without those that take no place or only part words.
fn comparable(text: &str) -> Vec<char> {
    let mut normalized = NormalizedString::from(text);
    normalized.nfkc();
    let is_mark =
        |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}');
    normalized.get().chars().filter(|&c| !c.is_whitespace() && !c.is_control() && !is_mark(c)).collect()
}
