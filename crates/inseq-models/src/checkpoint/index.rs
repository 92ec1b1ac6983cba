//! The index of a sharded checkpoint.

use indexmap::IndexMap;
use serde::Deserialize;

use super::json;
use crate::Result;

/// `model.safetensors.index.json` or `pytorch_model.bin.index.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Index {
    /// The shard of each tensor.
    pub(super) weight_map: IndexMap<String, String>,
}

impl Index {
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Self> {
        json::parse(file, bytes, "not the index of a sharded checkpoint")
    }

    /// The shards, each once, in order.
    pub(super) fn shards(&self) -> Vec<&str> {
        let mut shards: Vec<&str> = self.weight_map.values().map(String::as_str).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }
}
