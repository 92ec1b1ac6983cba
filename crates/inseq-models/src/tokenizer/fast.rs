//! `tokenizer.json`, through the `tokenizers` crate.

use serde_json::Value;
use tokenizers::Tokenizer as Inner;

use super::{Encoding, SpecialTokens, max_length, token_text};
use crate::checkpoint::Repository;
use crate::{Error, Result};

#[derive(Debug)]
pub(super) struct Fast {
    inner: Inner,
}

impl Fast {
    pub(super) fn load(repository: &Repository, config: &Value) -> Result<(Self, SpecialTokens)> {
        let file = || "tokenizer.json".to_string();
        let bytes = repository.read("tokenizer.json")?.unwrap_or_default();
        let mut inner = Inner::from_bytes(&bytes)
            .map_err(|e| Error::Checkpoint { file: file(), message: format!("not a tokenizer: {e}") })?;
        // A saved tokenizer may carry the padding and truncation of its last use.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| Error::Checkpoint { file: file(), message: e.to_string() })?;
        let map = repository.json("special_tokens_map.json")?.unwrap_or(Value::Null);
        let id = |name: &str| {
            let text = token_text(config, name).or_else(|| token_text(&map, name))?;
            inner.token_to_id(text)
        };
        let mut all: Vec<u32> =
            inner.get_added_tokens_decoder().iter().filter(|(_, token)| token.special).map(|(id, _)| *id).collect();
        let (bos, eos, pad, unk) = (id("bos_token"), id("eos_token"), id("pad_token"), id("unk_token"));
        all.extend([bos, eos, pad, unk].into_iter().flatten());
        all.sort_unstable();
        all.dedup();
        let special = SpecialTokens { bos, eos, pad, unk, all, model_max_length: max_length(config) };
        Ok((Self { inner }, special))
    }

    pub(super) fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Encoding> {
        let encoding = self
            .inner
            .encode(text, add_special_tokens)
            .map_err(|e| Error::Argument(format!("the tokenizer fails on {text:?}: {e}")))?;
        Ok(Encoding {
            ids: encoding.get_ids().to_vec(),
            special: encoding.get_special_tokens_mask().iter().map(|&m| m == 1).collect(),
            offsets: Some(encoding.get_offsets().iter().map(|&(start, end)| start..end).collect()),
        })
    }

    pub(super) fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, false).map_err(|e| Error::Argument(format!("the tokenizer fails on ids: {e}")))
    }

    pub(super) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}
