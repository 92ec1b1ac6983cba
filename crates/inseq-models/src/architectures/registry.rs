//! The registry of model types.

use burn::tensor::{DType, Device};
use serde_json::Value;

use super::architecture::Architecture;
use super::configuration::Configuration;
use super::loaded::{ConfiguredTokens, LoadedModel};
use super::loader::Loader;
use super::{
    bart, bloom, gemma, gemma2, gemma3_text, gpt_neo, gpt_neox, gpt2, gptj, lfm2, llama, m2m_100, marian, mbart,
    mistral, mixtral, mt5, olmo2, opt, pegasus, phi3, qwen2, qwen3, smollm3, t5, umt5, unsupported,
};
use crate::checkpoint::{self, Repository};
use crate::{Error, Result};

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

/// The model types of this crate.
pub fn list() -> &'static [Architecture] {
    ARCHITECTURES
}

/// The model types that can be loaded: those of this crate, and types that a program adds.
///
/// ```
/// use inseq_models::architectures::gated_decoder::{Kind, QueryKeyNorms, llama_fields};
/// use inseq_models::architectures::{Architecture, Architectures};
/// use serde_json::json;
///
/// // Llama with a norm per head of queries and keys, and another default for a missing field.
/// const MY_LLAMA: Kind = Kind {
///     model_class: "MyLlamaForCausalLM",
///     query_key_norms: QueryKeyNorms::Heads,
///     ..Kind::LLAMA
/// };
/// let my_llama =
///     Architecture::gated_decoder("my_llama", &MY_LLAMA, || llama_fields(json!({"rms_norm_eps": 1e-5})));
/// let architectures = Architectures::default().with(my_llama);
/// assert!(architectures.iter().any(|architecture| architecture.model_type == "my_llama"));
/// ```
#[derive(Clone, Debug)]
pub struct Architectures(Vec<Architecture>);

impl Default for Architectures {
    /// The model types of this crate.
    fn default() -> Self {
        Self(ARCHITECTURES.to_vec())
    }
}

impl Architectures {
    /// Adds a model type. It replaces a type with the same name.
    #[must_use]
    pub fn with(mut self, architecture: Architecture) -> Self {
        self.0.retain(|known| known.model_type != architecture.model_type);
        self.0.push(architecture);
        self
    }

    /// The model types.
    pub fn iter(&self) -> impl Iterator<Item = &Architecture> {
        self.0.iter()
    }

    /// The architecture of a repository, from its configuration. No weights of a hub model are downloaded.
    ///
    /// # Errors
    /// The model type is not supported, the weights are quantized, or there is an adapter beside them.
    pub fn of(&self, repository: &Repository) -> Result<Architecture> {
        let config = repository.config()?;
        let invalid = |message| Error::checkpoint("config.json", message);
        let model_type = match config.get("model_type") {
            Some(Value::String(model_type)) => model_type,
            found => {
                let found = found.map_or_else(|| "is missing".to_string(), |found| format!("is {found}"));
                let names = unsupported::names(&self.0);
                return Err(invalid(format!("`model_type` {found}; it must be one of: {names}")));
            }
        };
        let architecture = self.iter().find(|known| known.model_type == model_type).copied();
        let architecture = architecture.ok_or_else(|| invalid(unsupported::reason(model_type, config, &self.0)))?;
        checkpoint::check_configuration(repository)?;
        match repository.adapter()? {
            // transformers would add it to the weights, so that they alone are another model.
            Some(adapter) => Err(Error::checkpoint(
                repository.name(),
                format!("beside the model there is {}, or remove adapter_config.json", adapter.described()),
            )),
            None => Ok(architecture),
        }
    }

    /// Loads the model of a repository onto a device, with weights of type `dtype`.
    ///
    /// # Errors
    /// The architecture is not supported (see [`of`](Self::of)), or a configuration field or tensor is missing or
    /// has a wrong type, value or shape.
    pub fn load(&self, repository: &Repository, device: &Device, dtype: DType) -> Result<LoadedModel> {
        let architecture = self.of(repository)?;
        let configuration = Configuration::new(repository.config()?, &architecture.fields);
        if !matches!(dtype, DType::F64 | DType::F32 | DType::F16 | DType::BF16) {
            return Err(Error::argument(
                "dtype",
                format!("weights cannot be kept as {dtype:?}; expected one of F64, F32, F16, BF16"),
            ));
        }
        let loader = Loader::new(repository, device, dtype);
        let loaded = architecture.assemble(&configuration, &loader)?;
        let (unexpected_tensors, mut warnings) = loader.close(configuration.architectures())?;
        warnings.extend(repository.incomplete_adapter()?);
        Ok(LoadedModel {
            special_tokens: ConfiguredTokens::read(&configuration),
            unexpected_tensors,
            warnings,
            ..loaded
        })
    }
}

/// Loads the model of a repository, of one of the types of this crate, onto a device, with weights of type `dtype`.
///
/// # Errors
/// Those of [`Architectures::load`].
pub fn load(repository: &Repository, device: &Device, dtype: DType) -> Result<LoadedModel> {
    Architectures::default().load(repository, device, dtype)
}
