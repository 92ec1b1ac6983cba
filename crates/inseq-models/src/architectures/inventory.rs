//! The tensors of a checkpoint that were read, that are missing, and that the model did not use.

use std::collections::HashSet;

use crate::checkpoint::Weights;
use crate::{Error, Result};

/// Names of tensors that are not weights: masks, tables and versions that older versions of transformers saved, and tensors that
/// it ignores itself.
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
/// Largest number of names in a message.
const NAMED: usize = 8;
/// Bytes of zeros that may replace missing tensors of a checkpoint of any size.
const SPARE: usize = 64 << 20;

/// Transformers' replacement of a missing head that the configuration does not tie to the embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WithoutHead {
    /// A randomly initialized head.
    New,
    /// The embeddings in version 5; a randomly initialized head in earlier versions.
    Embeddings,
}

impl WithoutHead {
    fn described(self) -> &'static str {
        match self {
            Self::New => "transformers makes a new, untrained one",
            Self::Embeddings => {
                "transformers 5 takes the embeddings all the same, and versions before it make a new, untrained one"
            }
        }
    }
}

/// The use of a checkpoint's tensors while a model is built.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    read: HashSet<String>,
    missing: Vec<String>,
    /// Number of zeros that replace missing tensors.
    standing_in: usize,
    /// Transformers' replacement, if the head is missing and not tied to the embeddings.
    without_head: Option<WithoutHead>,
}

impl Inventory {
    /// Records that a tensor was read, or is a copy of a read tensor.
    pub(super) fn read(&mut self, name: &str) {
        self.read.insert(name.to_string());
    }

    /// Records that the head is missing and not tied to the embeddings.
    pub(super) fn lacks_head(&mut self, without: WithoutHead) {
        self.without_head = Some(without);
    }

    /// Records that a tensor is missing. Loading continues with zeros in its place, so that one error can name all missing tensors.
    ///
    /// # Errors
    /// The zeros would need several times the memory of the checkpoint, for instance because of a malicious configuration.
    pub(super) fn stand_in(&mut self, weights: &Weights, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.missing.push(name.to_string());
        let most = weights.bytes().saturating_mul(4).saturating_add(SPARE) / size_of::<f32>();
        let values = shape.iter().try_fold(1usize, |values, &size| values.checked_mul(size));
        match values.filter(|values| values.saturating_add(self.standing_in) <= most) {
            Some(values) => {
                self.standing_in += values;
                Ok(vec![0.0; values])
            }
            None => Err(self.error(weights, &[], "at least ")),
        }
    }

    /// The tensors that the model did not use, without known non-weights. `classes` are the classes of the checkpoint in
    /// config.json.
    ///
    /// # Errors
    /// Tensors are missing; the error names them.
    pub(super) fn close(self, weights: &Weights, classes: &[String]) -> Result<Vec<String>> {
        if !self.missing.is_empty() {
            return Err(self.error(weights, classes, ""));
        }
        let unexpected = weights.names().filter(|name| !self.read.contains(*name) && !is_no_weight(name));
        Ok(unexpected.map(String::from).collect())
    }

    fn error(&self, weights: &Weights, classes: &[String], least: &str) -> Error {
        let (first, more) = (&self.missing[0], self.missing.len().saturating_sub(NAMED));
        let names = self.missing.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let count = self.missing.len();
        let tensors = if count == 1 { "tensor" } else { "tensors" };
        let held = match classes {
            [] => "config.json does not say what the checkpoint holds (`architectures`)".to_string(),
            classes => {
                format!("config.json says that the checkpoint holds `{}` (`architectures`)", classes.join("`, `"))
            }
        };
        let message = if let Some(without) = self.without_head.filter(|_| count == 1) {
            format!(
                "the model's head is missing: there is no {names}, and `tie_word_embeddings` is false, so that the embeddings \
                 are no head ({}); {held}; load a checkpoint with a language-model head, or set `tie_word_embeddings` to true in \
                 config.json if the embeddings are the head",
                without.described()
            )
        } else {
            let near = match weights.nearest(first)[..] {
                [] => String::new(),
                ref near => format!("nearest to `{first}` are: {}; ", near.join(", ")),
            };
            format!(
                "the checkpoint lacks {least}{count} {tensors} that config.json asks for: {names}{more}; {near}{held}"
            )
        };
        Error::checkpoint(weights.repository(), message)
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
