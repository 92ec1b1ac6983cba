//! `tokenizer.json`, through the `tokenizers` crate.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::Tokenizer as Inner;

use super::configuration::Configuration;
use super::{Encoding, SpecialTokens, clean_up_spaces};
use crate::checkpoint::Repository;
use crate::{Error, Result};

#[derive(Debug)]
pub(super) struct Fast {
    inner: Inner,
    cleans_up_spaces: bool,
}

impl Fast {
    pub(super) fn load(repository: &Repository, configuration: &Configuration) -> Result<(Self, SpecialTokens)> {
        let invalid = |message: String| Error::Checkpoint { file: "tokenizer.json".into(), message };
        let bytes = repository.read("tokenizer.json")?.unwrap_or_default();
        let mut inner = guard(|| Inner::from_bytes(&bytes)).map_err(|e| invalid(format!("not a tokenizer: {e}")))?;
        // A saved tokenizer may carry the padding and truncation of its last use.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| invalid(e.to_string()))?;
        // Special tokens that the vocabulary lacks get ids after all that have one.
        let missing: Vec<tokenizers::AddedToken> = configuration
            .special()
            .into_iter()
            .filter(|token| inner.token_to_id(token).is_none())
            .map(|token| tokenizers::AddedToken::from(token, true))
            .collect();
        inner.add_special_tokens(missing).map_err(|e| invalid(e.to_string()))?;
        let id = |name: &str| configuration.token(name).and_then(|token| inner.token_to_id(token));
        let mut all: Vec<u32> =
            configuration.special().into_iter().filter_map(|token| inner.token_to_id(token)).collect();
        all.sort_unstable();
        all.dedup();
        let special = SpecialTokens {
            bos: id("bos_token"),
            eos: id("eos_token"),
            pad: id("pad_token"),
            unk: id("unk_token"),
            all,
            model_max_length: configuration.model_max_length(),
        };
        Ok((Self { inner, cleans_up_spaces: configuration.flag("clean_up_tokenization_spaces") }, special))
    }

    pub(super) fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Encoding> {
        let encoding = guard(|| self.inner.encode(text, add_special_tokens))
            .map_err(|e| Error::Argument(format!("the tokenizer fails on {text:?}: {e}")))?;
        Ok(Encoding {
            ids: encoding.get_ids().to_vec(),
            special: encoding.get_special_tokens_mask().iter().map(|&m| m == 1).collect(),
            offsets: Some(encoding.get_offsets().iter().map(|&(start, end)| start..end).collect()),
        })
    }

    /// What is skipped are the added tokens that `tokenizer.json` calls special, which may be more than
    /// [`SpecialTokens::all`], as in the reference.
    pub(super) fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String> {
        let text = guard(|| self.inner.decode(ids, skip_special_tokens))
            .map_err(|e| Error::Argument(format!("the tokenizer fails on the ids {ids:?}: {e}")))?;
        Ok(if self.cleans_up_spaces { clean_up_spaces(&text) } else { text })
    }

    pub(super) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

/// Runs a part of `tokenizers` that panics on some damaged files (its normalization rules, for one) rather than failing.
fn guard<T>(f: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("its rules are damaged".into()),
    }
}
