//! A token as a person reads it, with its id.

use serde::{Deserialize, Serialize};

/// One token of a source or target text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Token {
    /// The token's text in the tokenizer's own spelling (`▁hello`, `Ġhello`).
    #[serde(rename = "token")]
    pub text: String,
    /// The token's id in its vocabulary; -1 where a shown token stands for no single id.
    pub id: i64,
}

/// What stands between the two texts of a [compared](Token::compared) token.
const ARROW: &str = " → ";

impl Token {
    /// A token from its text and id.
    pub fn new(text: impl Into<String>, id: i64) -> Self {
        Self { text: text.into(), id }
    }

    /// A token that is shown with the one it is compared with, `other → written`: two tokens of one text as they are, two of
    /// different texts with the id -1.
    ///
    /// ```
    /// use inseq_core::Token;
    ///
    /// let token = Token::compared("▁Rome", &Token::new("▁Paris", 7));
    /// assert_eq!((token.text.as_str(), token.id), ("▁Rome → ▁Paris", -1));
    /// assert_eq!(token.written(), "▁Paris");
    /// ```
    pub fn compared(other: &str, written: &Token) -> Self {
        match other == written.text {
            true => written.clone(),
            false => Self::new(format!("{other}{ARROW}{}", written.text), -1),
        }
    }

    /// The text of the token itself, without one that it is compared with.
    pub fn written(&self) -> &str {
        self.sides().1
    }

    /// The text that the token is compared with, and its own; of most tokens the same.
    fn sides(&self) -> (&str, &str) {
        let sides = self.text.rsplit_once(ARROW).filter(|_| self.id == -1);
        sides.unwrap_or((&self.text, &self.text))
    }

    /// One token of several, with the id -1.
    pub(crate) fn joined(tokens: &[Token]) -> Self {
        let (other, written): (String, String) = tokens.iter().map(Token::sides).unzip();
        Self::compared(&other, &Self::new(written, -1))
    }
}
