//! What a caller chooses of a tokenizer.

use crate::{Error, Result};

/// The languages of a translation model that has tokens for them; where none is given, those of `tokenizer_config.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenizerOptions {
    /// What source texts are in (`src_lang`), as the model spells it: `en_XX`, `eng_Latn`, `en`.
    pub source_language: Option<String>,
    /// What target texts are in, and the language to translate into (`tgt_lang`).
    pub target_language: Option<String>,
}

impl TokenizerOptions {
    /// An error where a language is chosen of a tokenizer that has none.
    pub(super) fn refuse(&self, why: &str) -> Result<()> {
        match self.source_language.as_ref().or(self.target_language.as_ref()) {
            Some(code) => Err(Error::Argument(format!("the language `{code}` cannot be chosen: {why}"))),
            None => Ok(()),
        }
    }
}
