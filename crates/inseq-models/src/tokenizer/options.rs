//! Options of a tokenizer.

use crate::{Error, Result};

/// Languages of a translation model with language tokens. The defaults are in `tokenizer_config.json`.
///
/// ```
/// use inseq_models::tokenizer::TokenizerOptions;
///
/// let languages = TokenizerOptions::default().source_language("en_XX").target_language("de_DE");
/// assert_eq!(languages.target_language.as_deref(), Some("de_DE"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenizerOptions {
    /// Language of source texts (`src_lang`), in the spelling of the model: `en_XX`, `eng_Latn`, `en`.
    pub source_language: Option<String>,
    /// Language of target texts and of translations (`tgt_lang`).
    pub target_language: Option<String>,
}

inseq_core::setters! {
    TokenizerOptions {}
    some { source_language: impl Into<String>, target_language: impl Into<String> }
}

impl TokenizerOptions {
    /// Refuses a language for a tokenizer without language tokens.
    pub(super) fn refuse(&self, why: &str) -> Result<()> {
        let given = [("source_language", &self.source_language), ("target_language", &self.target_language)];
        match given.into_iter().find_map(|(name, code)| Some((name, code.as_ref()?))) {
            Some((name, code)) => Err(Error::argument(name, format!("the language `{code}` cannot be chosen: {why}"))),
            None => Ok(()),
        }
    }
}
