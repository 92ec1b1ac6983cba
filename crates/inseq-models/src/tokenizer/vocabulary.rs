//! Vocabularies in a `vocab.json`.

use indexmap::IndexMap;

use crate::checkpoint::{Repository, json};
use crate::{Error, Result};

/// A vocabulary with an unknown token for missing tokens.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) ids: IndexMap<String, u32>,
    pub(super) tokens: IndexMap<u32, String>,
    pub(super) unk: u32,
}

impl Vocabulary {
    /// Reads a vocabulary with the unknown token `unk`.
    pub(super) fn load(repository: &Repository, file: &str, unk: &str) -> Result<Self> {
        let ids = read(repository, file)?;
        let unk = *ids
            .get(unk)
            .ok_or_else(|| Error::checkpoint(file.to_string(), format!("the unknown token `{unk}` is missing")))?;
        let tokens = ids.iter().map(|(token, id)| (*id, token.clone())).collect();
        Ok(Self { ids, tokens, unk })
    }

    pub(super) fn id(&self, token: &str) -> u32 {
        self.ids.get(token).copied().unwrap_or(self.unk)
    }
}

/// The ids of a file of tokens.
pub(super) fn read(repository: &Repository, file: &str) -> Result<IndexMap<String, u32>> {
    let bytes = required(repository, file)?;
    json::parse(file, &bytes, "expected an object of tokens and their ids")
}

/// Reads a file that a tokenizer needs.
pub(super) fn required(repository: &Repository, file: &str) -> Result<Vec<u8>> {
    let bytes = repository.read(file)?.ok_or_else(|| {
        Error::checkpoint(
            file.to_string(),
            format!("not found in `{}`; the tokenizer's ids come from it", repository.name()),
        )
    })?;
    Ok(bytes.into_owned())
}
