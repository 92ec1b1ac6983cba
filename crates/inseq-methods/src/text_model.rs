//! A model with its tokenizer: texts become ids, and ids texts.

use burn::tensor::{Device, Tensor};
use inseq_core::Token;
use inseq_models::architectures::{self, Architecture, LoadedModel};
use inseq_models::checkpoint::Repository;
use inseq_models::device;
use inseq_models::generation::GenerationConfig;
use inseq_models::model::Model;
use inseq_models::tokenizer::{Role, SpecialTokens, Tokenizer};
use serde_json::Map;

use crate::Result;
use crate::loading::{LoadOptions, checked_budget};

/// A model with its tokenizer and how it generates: what attribution methods know of a model.
#[derive(Debug)]
pub struct TextModel {
    name: String,
    loaded: LoadedModel,
    tokenizer: Tokenizer,
    generation: GenerationConfig,
}

impl TextModel {
    /// Loads a folder or a model of the hub.
    ///
    /// # Errors
    /// When a file is missing or does not fit, naming it.
    pub fn load_with(name_or_path: &str, options: &LoadOptions) -> Result<Self> {
        Self::from_repository(&Repository::open(name_or_path, &options.hub)?, options)
    }

    /// Loads the files of a repository, which may lie in memory.
    ///
    /// # Errors
    /// When a file is missing or does not fit, naming it.
    pub fn from_repository(repository: &Repository, options: &LoadOptions) -> Result<Self> {
        checked_budget(options.memory_budget)?;
        // The configuration first: nothing large of a model that is not supported is fetched.
        Architecture::of(repository)?;
        let tokenizer = match &options.tokenizer {
            Some(name) => Tokenizer::load_with(&Repository::open(name, &options.hub)?, &options.languages)?,
            None => Tokenizer::load_with(repository, &options.languages)?,
        };
        let device = device::parse(&options.device)?;
        let mut loaded = architectures::load(repository, &device, options.dtype)?;
        let mut generation = GenerationConfig::load(repository)?;
        loaded.warnings.extend(generation.problems());
        if let Some(language) = tokenizer.forced_bos_token_id() {
            generation = generation.merge(&Map::from_iter([("forced_bos_token_id".into(), language.into())]))?;
        }
        Ok(Self::from_parts(repository.name(), loaded, tokenizer, generation))
    }

    /// A model that is made of its parts.
    pub fn from_parts(
        name: impl Into<String>,
        loaded: LoadedModel,
        tokenizer: Tokenizer,
        generation: GenerationConfig,
    ) -> Self {
        Self { name: name.into(), loaded, tokenizer, generation }
    }

    /// The name or path that the model was loaded by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the model generates texts where a call says nothing else. Its
    /// [`warnings`](GenerationConfig::warnings) name what of it is not honoured; those of a call are in its result.
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

    /// The class that transformers loads the checkpoint with.
    pub fn model_class(&self) -> &str {
        &self.loaded.model_class
    }

    /// The token that a decoder starts from, in encoder-decoder models.
    pub fn decoder_start(&self) -> Option<u32> {
        self.loaded.decoder_start
    }

    /// What a user should know of how the checkpoint was read, one line each.
    pub fn warnings(&self) -> &[String] {
        &self.loaded.warnings
    }

    /// Tensors of the checkpoint that the model does not use, except those that are known to be no weights. Where there are
    /// any, the checkpoint may hold another model than its configuration says, or a head of another kind.
    pub fn unexpected_tensors(&self) -> &[String] {
        &self.loaded.unexpected_tensors
    }

    /// Where the model computes.
    pub fn device(&self) -> Device {
        self.model().device()
    }

    /// The special tokens, of the configuration where it names them and of the tokenizer where it does not; where no token
    /// stands for what is unknown, the one that fills batches does.
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

    /// The tokenizer's role: a decoder-only model writes what it reads.
    pub(crate) fn role(&self, role: Role) -> Role {
        if self.model().is_decoder_only() { Role::Source } else { role }
    }

    /// The text of ids.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn decode(&self, ids: &[u32], role: Role, skip_special_tokens: bool) -> Result<String> {
        Ok(self.tokenizer.decode(ids, self.role(role), skip_special_tokens)?)
    }

    /// The embeddings of a text, `[1, position, feature]`, scaled, without positions.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn embed(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Tensor<3>> {
        let ids = self.encode(text, role, add_special_tokens)?;
        Ok(match (&self.model().encoder, role) {
            (Some(encoder), Role::Source) => encoder.embedding.forward(&ids, 1),
            _ => self.model().target_embedding.forward(&ids, 1),
        })
    }

    /// Tokens with what they stand for in their text, which is `given` or was generated.
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

    /// The text of ids; where it is not a whole number of characters, that of the `piece` that they are.
    pub(crate) fn decode_whole(&self, ids: &[u32], role: Role, piece: Option<&inseq_core::Piece>) -> Result<String> {
        Ok(match piece {
            Some(piece) if !piece.is_whole() => piece.to_string(),
            _ => self.decode(ids, role, false)?,
        })
    }
}
