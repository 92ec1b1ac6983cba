//! The index of a sharded checkpoint.

use indexmap::IndexMap;
use inseq_core::mismatch;
use serde::Deserialize;

use crate::{Error, Result};

/// `model.safetensors.index.json` or `pytorch_model.bin.index.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Index {
    /// The shard of each tensor.
    pub(super) weight_map: IndexMap<String, String>,
}

impl Index {
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Self> {
        mismatch::parse(bytes).map_err(|e| Error::Checkpoint {
            file: file.to_string(),
            message: format!("not the index of a sharded checkpoint: {e}"),
        })
    }

    /// The shards, each once, in order.
    pub(super) fn shards(&self) -> Vec<&str> {
        let mut shards: Vec<&str> = self.weight_map.values().map(String::as_str).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }
}
