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

impl Token {
    /// A token from its text and id.
    pub fn new(text: impl Into<String>, id: i64) -> Self {
        Self { text: text.into(), id }
    }
}
