//! What a model was made of: the tensors that were read, those that the checkpoint lacks, and those that nothing asked for.

use std::collections::HashSet;

use crate::checkpoint::Weights;
use crate::{Error, Result};

/// Tensors that repositories have though they are no weights: masks, tables and versions that transformers once saved, and
/// what it ignores itself.
const NO_WEIGHTS: [&str; 14] = [
    "attn.bias",
    "attn.masked_bias",
    "attention.bias",
    "attention.masked_bias",
    "rotary_emb.inv_freq",
    "rotary_emb.cos_cached",
    "rotary_emb.sin_cached",
    "position_ids",
    "embed_positions.weights",
    "embed_positions._float_tensor",
    "encoder.version",
    "decoder.version",
    "EncDecAttention.relative_attention_bias.weight",
    "final_logits_bias",
];
/// As many names as fit into a message.
const NAMED: usize = 8;

/// The tensors of a checkpoint, as a model is put together from them.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    read: HashSet<String>,
    missing: Vec<String>,
    /// Values that stand in for what is missing.
    standing_in: usize,
}

impl Inventory {
    /// Notes that a tensor was read, or is a copy of one that was.
    pub(super) fn read(&mut self, name: &str) {
        self.read.insert(name.to_string());
    }

    /// Notes that a tensor is missing. Loading goes on with zeros in its place, so that all that are missing can be named.
    ///
    /// # Errors
    /// When the zeros would take more memory than the checkpoint has bytes, which a lying configuration could make them.
    pub(super) fn stand_in(&mut self, weights: &Weights, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.missing.push(name.to_string());
        let values = shape.iter().try_fold(1usize, |values, &size| values.checked_mul(size));
        let values =
            values.filter(|values| values.saturating_add(self.standing_in) <= weights.bytes() / size_of::<f32>());
        match values {
            Some(values) => {
                self.standing_in += values;
                Ok(vec![0.0; values])
            }
            None => Err(self.error(weights)),
        }
    }

    /// The tensors that nothing asked for, and that are not known to be of no use.
    ///
    /// # Errors
    /// When tensors are missing, naming them.
    pub(super) fn close(self, weights: &Weights) -> Result<Vec<String>> {
        if !self.missing.is_empty() {
            return Err(self.error(weights));
        }
        let unexpected = weights.names().filter(|name| !self.read.contains(*name) && !is_no_weight(name));
        Ok(unexpected.map(String::from).collect())
    }

    fn error(&self, weights: &Weights) -> Error {
        let (first, more) = (&self.missing[0], self.missing.len().saturating_sub(NAMED));
        let names = self.missing.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let tensors = if self.missing.len() == 1 { "tensor" } else { "tensors" };
        Error::Checkpoint {
            file: weights.repository().into(),
            message: format!(
                "the checkpoint lacks {} {tensors} that config.json asks for: {names}{more}; nearest to `{first}` are: {}",
                self.missing.len(),
                weights.nearest(first).join(", ")
            ),
        }
    }
}

fn is_no_weight(name: &str) -> bool {
    NO_WEIGHTS
        .iter()
        .any(|known| name.strip_suffix(known).is_some_and(|before| before.is_empty() || before.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_known_by_their_last_names() {
        for name in [
            "h.0.attn.bias",
            "transformer.h.11.attn.attention.masked_bias",
            "decoder.version",
            "model.rotary_emb.inv_freq",
        ] {
            assert!(is_no_weight(name), "{name}");
        }
        for name in
            ["h.0.attn.c_attn.bias", "encoder.layers.0.self_attn.q_proj.bias", "my_decoder.version", "score.weight"]
        {
            assert!(!is_no_weight(name), "{name}");
        }
    }
}
