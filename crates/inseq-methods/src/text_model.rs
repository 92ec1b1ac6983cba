//! A model with its tokenizer, for encoding and decoding texts.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use inseq_core::Token;
use inseq_models::architectures::LoadedModel;
use inseq_models::checkpoint::Repository;
use inseq_models::device;
use inseq_models::generation::GenerationConfig;
use inseq_models::model::Model;
use inseq_models::tokenizer::{Role, SpecialTokens, Tokenizer};
use serde_json::Map;

use crate::loading::{LoadOptions, checked_budget};
use crate::{Error, Result};

/// A model with its tokenizer and generation configuration, in the form that attribution methods get.
#[derive(Debug)]
pub struct TextModel {
    name: String,
    loaded: LoadedModel,
    tokenizer: Arc<Tokenizer>,
    generation: GenerationConfig,
}

impl TextModel {
    /// Loads a folder or a model of the hub.
    ///
    /// # Errors
    /// A file is missing or invalid; the error names it.
    pub fn load_with(name_or_path: &str, options: &LoadOptions) -> Result<Self> {
        Self::from_repository(&Repository::open(name_or_path, &options.hub)?, options)
    }

    /// Loads the files of a repository, which may be in memory.
    ///
    /// # Errors
    /// A file is missing or invalid; the error names it.
    pub fn from_repository(repository: &Repository, options: &LoadOptions) -> Result<Self> {
        checked_budget(options.memory_budget)?;
        // The configuration first: nothing large of a model that is not supported is fetched.
        options.architectures.of(repository)?;
        let tokenizer = match &options.tokenizer {
            Some(name) => Tokenizer::load_with(&Repository::open(name, &options.hub)?, &options.languages)?,
            None => Tokenizer::load_with(repository, &options.languages)?,
        };
        let device = device::parse(&options.device)?;
        let mut loaded = options.architectures.load(repository, &device, options.dtype)?;
        let mut generation = GenerationConfig::load(repository)?;
        loaded.warnings.extend(generation.problems());
        if let Some(language) = tokenizer.forced_bos_token_id() {
            generation = generation.merge(&Map::from_iter([("forced_bos_token_id".into(), language.into())]))?;
        }
        Ok(Self::from_parts(repository.name(), loaded, tokenizer, generation))
    }

    /// Makes a model from its parts.
    pub fn from_parts(
        name: impl Into<String>,
        loaded: LoadedModel,
        tokenizer: Tokenizer,
        generation: GenerationConfig,
    ) -> Self {
        Self { name: name.into(), loaded, tokenizer: Arc::new(tokenizer), generation }
    }

    /// A copy with the weights on another device; the tokenizer is shared ([`Model::to_device`]).
    #[must_use]
    pub fn to_device(&self, device: &Device) -> Self {
        Self {
            name: self.name.clone(),
            loaded: LoadedModel { model: self.loaded.model.to_device(device), ..self.loaded.clone() },
            tokenizer: self.tokenizer.clone(),
            generation: self.generation.clone(),
        }
    }

    /// Name or path of the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The default generation configuration. Its
    /// [`warnings`](GenerationConfig::warnings) name unsupported fields; the warnings of a call are in its result.
    pub fn generation(&self) -> &GenerationConfig {
        &self.generation
    }

    /// The network.
    pub fn model(&self) -> &Model {
        &self.loaded.model
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Class of the model in transformers.
    pub fn model_class(&self) -> &str {
        &self.loaded.model_class
    }

    /// Id of the decoder start token, in encoder-decoder models.
    pub fn decoder_start(&self) -> Option<u32> {
        self.loaded.decoder_start
    }

    /// Warnings about the checkpoint for the user, one line each.
    pub fn warnings(&self) -> &[String] {
        &self.loaded.warnings
    }

    /// Checkpoint tensors that the model did not use, except known non-weights. If there are any, the checkpoint may contain a
    /// different model than its configuration describes, or a different head.
    pub fn unexpected_tensors(&self) -> &[String] {
        &self.loaded.unexpected_tensors
    }

    /// Device of the model.
    pub fn device(&self) -> Device {
        self.model().device()
    }

    /// The special tokens: those of the configuration or, if it does not name them, of the tokenizer. Without an unknown token, the
    /// padding token is used.
    pub fn special_tokens(&self) -> SpecialTokens {
        let tokenizer = self.tokenizer.special_tokens();
        let configured = self.loaded.special_tokens;
        let pad = tokenizer.pad.or(configured.pad).or(configured.eos);
        SpecialTokens {
            bos: configured.bos.or(tokenizer.bos),
            eos: configured.eos.or(tokenizer.eos).or(pad),
            pad,
            unk: tokenizer.unk.or(pad),
            ..tokenizer.clone()
        }
    }

    /// The role for the tokenizer: a decoder-only model has only one vocabulary.
    pub(crate) fn role(&self, role: Role) -> Role {
        if self.model().is_decoder_only() { Role::Source } else { role }
    }

    /// Decodes ids to text.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn decode(&self, ids: &[u32], role: Role, skip_special_tokens: bool) -> Result<String> {
        Ok(self.tokenizer.decode(ids, self.role(role), skip_special_tokens)?)
    }

    /// The embeddings of a text, `[1, position, feature]`, scaled, without positions.
    ///
    /// # Errors
    /// The tokenizer fails, or the text has no tokens.
    pub fn embed(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Tensor<3>> {
        let ids = self.encode(text, role, add_special_tokens)?;
        if ids.is_empty() {
            return Err(Error::argument("text", format!("the text {text:?} has no tokens, so it has no embeddings")));
        }
        Ok(match (&self.model().encoder, role) {
            (Some(encoder), Role::Source) => encoder.embedding.forward(&ids, 1),
            _ => self.model().target_embedding.forward(&ids, 1),
        })
    }

    /// The tokens of ids with their pieces of the text, which is `given` or was generated.
    pub(crate) fn tokens(&self, ids: &[u32], role: Role, given: Option<&str>, clean: bool) -> Result<Vec<Token>> {
        let role = self.role(role);
        let mut tokens = self.tokenizer.tokens(ids, role, given);
        if clean {
            for (token, id) in tokens.iter_mut().zip(ids) {
                let cleaned = self.decode_whole(&[*id], role, token.piece.as_ref())?;
                if !cleaned.is_empty() {
                    token.text = cleaned;
                }
            }
        }
        Ok(tokens)
    }

    /// The text of ids; if it is not a whole number of characters, the text of `piece`.
    pub(crate) fn decode_whole(&self, ids: &[u32], role: Role, piece: Option<&inseq_core::Piece>) -> Result<String> {
        Ok(match piece {
            Some(piece) if !piece.is_whole() => piece.to_string(),
            _ => self.decode(ids, role, false)?,
        })
    }
}
