//! A token with its spelling, its id and the text that it stands for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One token of a source or target text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Token {
    /// Text of the token in the tokenizer's own spelling (`▁hello`, `Ġhello`).
    #[serde(rename = "token")]
    pub text: String,
    /// Id of the token in its vocabulary; `None` if the token has no single id.
    #[serde(with = "saved_id")]
    pub id: Option<u32>,
    /// Part of the text that the token stands for, from its tokenizer; `None` without a tokenizer, as in files of the
    /// reference. Then [`text::pieces`](crate::text::pieces) derives it from the spelling.
    #[serde(skip)]
    pub piece: Option<Piece>,
    /// Text before the token that no token represents, because the vocabulary lacks it; known only for given
    /// texts.
    #[serde(skip)]
    pub skipped: String,
}

/// Ids in the form of the reference's files: -1 means none.
pub(crate) mod saved_id {
    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// The number that stands for an id.
    pub(crate) fn of(id: Option<u32>) -> i64 {
        id.map_or(-1, i64::from)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    pub(crate) fn serialize<S: Serializer>(id: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
        of(*id).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
        let id = i64::deserialize(deserializer)?;
        let invalid = |_| D::Error::invalid_value(Unexpected::Signed(id), &"a token id (-1 for none)");
        if id == -1 { Ok(None) } else { u32::try_from(id).map(Some).map_err(invalid) }
    }
}

/// Part of a text that a token stands for: known text, unknown text, or none. There will be no other variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Bytes of the text in UTF-8, with the spaces that belong to the token. They are whole characters, unless the
    /// tokenizer cuts inside a character.
    Text(Vec<u8>),
    /// Original text that the vocabulary lacks (`<unk>`); empty if it is unknown.
    Unknown(String),
    /// No text: a start, an end, padding, a language, a turn of a chat.
    Special,
}

impl Piece {
    /// Whether the piece is a whole number of characters.
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).is_ok(),
            Self::Unknown(_) | Self::Special => true,
        }
    }
}

impl fmt::Display for Piece {
    /// The text of the piece. A byte that is part of no whole character is written as `<0xC3>`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(bytes) => bytes.utf8_chunks().try_for_each(|chunk| {
                formatter.write_str(chunk.valid())?;
                chunk.invalid().iter().try_for_each(|byte| write!(formatter, "<0x{byte:02X}>"))
            }),
            Self::Unknown(text) => formatter.write_str(text),
            Self::Special => Ok(()),
        }
    }
}

/// Separator of the two texts of a [compared](Token::compared) token.
const ARROW: &str = " → ";

impl Token {
    /// Makes a token from its text and id.
    pub fn new(text: impl Into<String>, id: impl Into<Option<u32>>) -> Self {
        Self { text: text.into(), id: id.into(), piece: None, skipped: String::new() }
    }

    /// Sets the part of the text that the token stands for.
    #[must_use]
    pub fn with_piece(self, piece: impl Into<Option<Piece>>) -> Self {
        Self { piece: piece.into(), ..self }
    }

    /// A token that is shown with the one it is compared with, `other → written`. Equal texts give `written` unchanged; different
    /// texts give a token without an id. The token has the piece of `written`.
    ///
    /// ```
    /// use inseq_core::Token;
    ///
    /// let token = Token::compared("▁Rome", &Token::new("▁Paris", 7));
    /// assert_eq!((token.text.as_str(), token.id), ("▁Rome → ▁Paris", None));
    /// assert_eq!(token.written(), "▁Paris");
    /// ```
    pub fn compared(other: &str, written: &Token) -> Self {
        match other == written.text {
            true => written.clone(),
            false => Self { text: format!("{other}{ARROW}{}", written.text), id: None, ..written.clone() },
        }
    }

    /// Whether the token has no text: a start, an end, padding, a language, a turn of a chat. False without a tokenizer.
    pub fn is_special(&self) -> bool {
        self.piece == Some(Piece::Special)
    }

    /// The text of the token itself, without the text that it is compared with.
    pub fn written(&self) -> &str {
        self.sides().1
    }

    /// The text that the token is compared with, if any.
    pub fn compared_with(&self) -> Option<&str> {
        let (other, written) = self.sides();
        (other.len() < self.text.len() && written.len() < self.text.len()).then_some(other)
    }

    /// The text that the token is compared with, and its own text; for most tokens they are the same.
    fn sides(&self) -> (&str, &str) {
        let sides = self.text.rsplit_once(ARROW).filter(|_| self.id.is_none());
        sides.unwrap_or((&self.text, &self.text))
    }

    /// Joins several tokens into one without an id.
    pub fn joined(tokens: &[Token]) -> Self {
        let (other, written): (String, String) = tokens.iter().map(Token::sides).unzip();
        let piece = if !tokens.is_empty() && tokens.iter().all(Self::is_special) {
            Some(Piece::Special)
        } else {
            let bytes = tokens.iter().enumerate().map(|(index, token)| {
                let skipped = if index > 0 { token.skipped.as_bytes() } else { &[] };
                Some([skipped, token.bytes(token.piece.as_ref()?)].concat())
            });
            bytes.collect::<Option<Vec<_>>>().map(|bytes| Piece::Text(bytes.concat()))
        };
        let skipped = tokens.first().map(|token| token.skipped.clone()).unwrap_or_default();
        Self::compared(&other, &Self { text: written, id: None, piece, skipped })
    }

    /// The bytes that a reader sees for a token with this piece: those of the text, or those of the spelling if it has no text.
    pub fn bytes<'a>(&'a self, piece: &'a Piece) -> &'a [u8] {
        match piece {
            Piece::Text(bytes) => bytes,
            Piece::Unknown(text) if !text.is_empty() => text.as_bytes(),
            Piece::Unknown(_) | Piece::Special => self.written().as_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_a_character_become_one_character() {
        let halves = [("Ã", 0xc3), ("©", 0xa9)];
        let halves = halves.map(|(text, byte)| Token::new(text, 1).with_piece(Piece::Text(vec![byte])));
        let merged = Token::joined(&halves);
        assert_eq!((merged.text.as_str(), merged.id), ("Ã©", None));
        assert_eq!(merged.piece, Some(Piece::Text("é".into())));
        let special = Token::new("</s>", 0).with_piece(Piece::Special);
        assert_eq!(Token::joined(&[special.clone(), special.clone()]).piece, Some(Piece::Special));
        assert_eq!(Token::joined(&[special.clone(), Token::new("a", 2)]).piece, None);
        let unknown = Token::new("<unk>", 3).with_piece(Piece::Unknown("ï".into()));
        assert_eq!(Token::joined(&[special, unknown]).piece, Some(Piece::Text("</s>ï".into())));
    }
}
