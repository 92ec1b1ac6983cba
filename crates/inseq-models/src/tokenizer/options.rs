//! Options of a tokenizer.

use crate::{Error, Result};

/// Languages of a translation model with language tokens. The defaults are in `tokenizer_config.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenizerOptions {
    /// Language of source texts (`src_lang`), in the spelling of the model: `en_XX`, `eng_Latn`, `en`.
    pub source_language: Option<String>,
    /// Language of target texts and of translations (`tgt_lang`).
    pub target_language: Option<String>,
}

impl TokenizerOptions {
    /// Refuses a language for a tokenizer without language tokens.
    pub(super) fn refuse(&self, why: &str) -> Result<()> {
        match self.source_language.as_ref().or(self.target_language.as_ref()) {
            Some(code) => Err(Error::Argument(format!("the language `{code}` cannot be chosen: {why}"))),
            None => Ok(()),
        }
    }
}
