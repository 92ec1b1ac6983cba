//! Architectures: one file each, and the registry of model types.

mod bart;
mod bloom;
mod configuration;
mod dropout;
mod encoder_decoder;
mod fused;
mod gated_decoder;
mod gemma;
mod gemma2;
mod gemma3_text;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gptj;
mod inventory;
mod lfm2;
mod llama;
mod loader;
mod m2m_100;
mod marian;
mod mbart;
mod mistral;
mod mixtral;
mod mt5;
mod olmo2;
mod opt;
mod pegasus;
mod phi3;
mod qwen2;
mod qwen3;
mod rope;
mod sizes;
mod smollm3;
mod t5;
mod umt5;
mod unsupported;

use burn::tensor::{DType, Device};
use serde_json::{Map, Value};

use crate::checkpoint::{self, Adapter, Repository};
use crate::model::Model;
use crate::{Error, Result};
use configuration::{Configuration, Fields};

pub use loader::Loader;

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
    fn new(model: Model, decoder_start: Option<u32>, model_class: &str) -> Self {
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
    fn read(configuration: &Configuration) -> Self {
        let token = |name: &str| configuration.token(name);
        Self { bos: token("bos_token_id"), eos: token("eos_token_id"), pad: token("pad_token_id") }
    }
}

/// A model type: its name in `config.json`, its fields, and its loader.
#[derive(Clone, Copy)]
pub struct Architecture {
    /// `model_type` in `config.json`.
    pub model_type: &'static str,
    /// Name of the models.
    pub title: &'static str,
    /// Address of the paper.
    pub paper: &'static str,
    fields: Fields,
    load: fn(&Configuration, &Loader) -> Result<LoadedModel>,
}

impl std::fmt::Debug for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Architecture").field("model_type", &self.model_type).finish_non_exhaustive()
    }
}

impl Architecture {
    /// The fields of `config.json` that are read, with their defaults.
    pub fn fields(&self) -> Map<String, Value> {
        self.fields.defaults()
    }

    /// Other names of these fields, as `(other, name)`.
    pub fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        self.fields.aliases
    }
}

const ARCHITECTURES: &[Architecture] = &[
    marian::ARCHITECTURE,
    t5::ARCHITECTURE,
    mt5::ARCHITECTURE,
    umt5::ARCHITECTURE,
    bart::ARCHITECTURE,
    mbart::ARCHITECTURE,
    pegasus::ARCHITECTURE,
    m2m_100::ARCHITECTURE,
    gpt2::ARCHITECTURE,
    opt::ARCHITECTURE,
    bloom::ARCHITECTURE,
    gpt_neox::ARCHITECTURE,
    gpt_neo::ARCHITECTURE,
    gptj::ARCHITECTURE,
    llama::ARCHITECTURE,
    mistral::ARCHITECTURE,
    mixtral::ARCHITECTURE,
    qwen2::ARCHITECTURE,
    qwen3::ARCHITECTURE,
    gemma::ARCHITECTURE,
    gemma2::ARCHITECTURE,
    gemma3_text::ARCHITECTURE,
    phi3::ARCHITECTURE,
    olmo2::ARCHITECTURE,
    smollm3::ARCHITECTURE,
    lfm2::ARCHITECTURE,
];

/// The supported model types.
pub fn list() -> &'static [Architecture] {
    ARCHITECTURES
}

impl Architecture {
    /// The architecture of a repository, from its configuration. No weights of a hub model are downloaded.
    ///
    /// # Errors
    /// The model type is not supported, the weights are quantized, or there is an adapter beside them.
    pub fn of(repository: &Repository) -> Result<Self> {
        let config = repository.config()?;
        let invalid = |message| Error::Checkpoint { file: "config.json".into(), message };
        let model_type = match config.get("model_type") {
            Some(Value::String(model_type)) => model_type,
            found => {
                let found = found.map_or_else(|| "is missing".to_string(), |found| format!("is {found}"));
                return Err(invalid(format!("`model_type` {found}; it must be one of: {}", unsupported::names())));
            }
        };
        let architecture = ARCHITECTURES.iter().find(|a| a.model_type == model_type).copied();
        let architecture = architecture.ok_or_else(|| invalid(unsupported::reason(model_type, config)))?;
        checkpoint::check_configuration(repository)?;
        match Adapter::beside(repository)? {
            // transformers would add it to the weights, so that they alone are another model.
            Some(adapter) => Err(Error::Checkpoint {
                file: repository.name().into(),
                message: format!("beside the model there is {}, or remove adapter_config.json", adapter.described()),
            }),
            None => Ok(architecture),
        }
    }
}

/// Loads the model of a repository onto a device, with weights of type `dtype`.
///
/// # Errors
/// The architecture is not supported (see [`Architecture::of`]), or a configuration field or tensor is missing or
/// has a wrong type, value or shape.
pub fn load(repository: &Repository, device: &Device, dtype: DType) -> Result<LoadedModel> {
    let architecture = Architecture::of(repository)?;
    let configuration = Configuration::new(repository.config()?, &architecture.fields);
    let loader = Loader::new(repository, device, dtype);
    let loaded = (architecture.load)(&configuration, &loader)?;
    let (unexpected_tensors, mut warnings) = loader.close(configuration.architectures())?;
    warnings.extend(Adapter::in_part(repository)?);
    Ok(LoadedModel { special_tokens: ConfiguredTokens::read(&configuration), unexpected_tensors, warnings, ..loaded })
}
