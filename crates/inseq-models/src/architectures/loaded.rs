//! A loaded model.

use super::configuration::Configuration;
use crate::model::Model;

/// A loaded model, with the facts in its configuration about its use.
#[derive(Clone, Debug)]
pub struct LoadedModel {
    /// The model.
    pub model: Model,
    /// Id of the decoder start token, in encoder-decoder models.
    pub decoder_start: Option<u32>,
    /// Class of the model in transformers.
    pub model_class: String,
    /// Special tokens in the configuration.
    pub special_tokens: ConfiguredTokens,
    /// Checkpoint tensors that the model did not use, except known non-weights.
    pub unexpected_tensors: Vec<String>,
    /// Warnings about the checkpoint for the user, one sentence each.
    pub warnings: Vec<String>,
}

impl LoadedModel {
    pub(super) fn new(model: Model, decoder_start: Option<u32>, model_class: &str) -> Self {
        Self {
            model,
            decoder_start,
            model_class: model_class.into(),
            special_tokens: ConfiguredTokens::default(),
            unexpected_tensors: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// Ids of special tokens in `config.json`, which may differ from the tokenizer's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfiguredTokens {
    /// Beginning of a text.
    pub bos: Option<u32>,
    /// End of a text; the first of several.
    pub eos: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
}

impl ConfiguredTokens {
    pub(super) fn read(configuration: &Configuration) -> Self {
        let token = |name: &str| configuration.token(name);
        Self { bos: token("bos_token_id"), eos: token("eos_token_id"), pad: token("pad_token_id") }
    }
}
