//! The model of a call, as the command line names it.

use std::path::Path;

use burn::tensor::DType;
use bytesize::ByteSize;
use clap::{Args, ValueEnum, ValueHint};
use inseq_core::did_you_mean;
use inseq_datasets::{ModelFacts, model_facts};
use inseq_methods::{AttributionModel, LoadOptions};
use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::tokenizer::TokenizerOptions;
use serde_json::{Value, json};

use crate::completing::DEVICES;
use crate::failure::Failure;
use crate::json_object::{Object, object};
use crate::progress::downloads;
use crate::verbosity::Verbosity;
use crate::warnings::warn;

/// Which model, and how it is loaded.
#[derive(Debug, PartialEq, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArguments {
    /// Model: a folder, or a name of the Hugging Face hub (org/name or org/name@revision). [default: the English to French demo
    /// model, which is part of the program]
    #[arg(short, long, value_name = "MODEL", value_hint = ValueHint::DirPath)]
    pub model_name_or_path: Option<String>,
    /// Language code of the input texts, for models of several languages, in the model's spelling (en_XX, eng_Latn, en).
    #[arg(long, value_name = "CODE")]
    pub src_lang: Option<String>,
    /// Language code of the output, for models of several languages, in the model's spelling.
    #[arg(long, value_name = "CODE")]
    pub tgt_lang: Option<String>,
    /// Device of the model: auto (the fastest one of this build), cpu, or a name that `inseq list devices` prints.
    #[arg(long, alias = "dev", default_value = "auto", value_name = "DEVICE")]
    #[arg(value_parser = DEVICES, hide_possible_values = true)]
    pub device: String,
    /// Data type of the weights. The device cpu computes in f32 with all of them. [default: f32]
    #[arg(long, value_enum, value_name = "TYPE")]
    pub dtype: Option<Precision>,
    /// Largest size of the tensors of the attribution, without the weights of the model, such as 512MiB or 2GB; more than 0. A
    /// text that needs more is attributed with a warning. [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub memory_budget: Option<ByteSize>,
    /// Arguments for loading the model, as a JSON object: dtype, revision, local_files_only.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub model_kwargs: Object,
    /// Arguments of the tokenizer, as a JSON object: src_lang, tgt_lang.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub tokenizer_kwargs: Object,
}

/// Reads a size of memory.
fn memory(text: &str) -> Result<ByteSize, String> {
    // No machine has as much. Sizes beyond 64 bits are read as the largest number of 64 bits.
    const LARGEST: ByteSize = ByteSize::pib(1024);
    match text.parse::<ByteSize>() {
        Ok(size) if size <= LARGEST => Ok(size),
        Ok(_) => Err(format!("this is more than {LARGEST}; expected a size that a machine has, such as 1GiB")),
        Err(_) => Err("expected a number and a unit, such as 512MiB or 2GB".into()),
    }
}

/// The type that a model computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats (IEEE half precision).
    F16,
    /// 16-bit floats with the exponent range of f32.
    Bf16,
}

/// Loads the model, and says what was found in it.
pub fn load(arguments: &ModelArguments, verbosity: &Verbosity) -> Result<AttributionModel, Failure> {
    let loading = Loading::of(arguments, &mut warn)?;
    let options = LoadOptions::default()
        // Apple's GPUs are reached by WebGPU here.
        .device(if arguments.device == "mps" { "wgpu" } else { arguments.device.as_str() })
        .dtype(match loading.precision {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
        })
        .hub(HubOptions::default().offline(loading.offline).progress(downloads()))
        .memory_budget(match arguments.memory_budget {
            Some(budget) => usize::try_from(budget.as_u64()).unwrap_or(usize::MAX),
            None => inseq_methods::DEFAULT_MEMORY_BUDGET,
        })
        .languages(loading.languages);
    let model = match (&arguments.model_name_or_path, loading.revision) {
        (Some(name), Some(revision)) => AttributionModel::load_with(&format!("{name}@{revision}"), &options)?,
        (Some(name), None) => AttributionModel::load_with(name, &options)?,
        (None, _) => demo(&options)?,
    };
    model.warnings().iter().for_each(|warning| warn(warning));
    if !model.unexpected_tensors().is_empty() {
        warn(&unused(model.unexpected_tensors(), verbosity.is_verbose()));
    }
    Ok(model)
}

/// Which model it is, and how it is loaded, for a folder of results. The model must have been loaded.
pub fn facts(arguments: &ModelArguments) -> Result<(ModelFacts, Object), Failure> {
    let loading = Loading::of(arguments, &mut |_| {})?;
    let precision = match loading.precision {
        Precision::F32 => "float32",
        Precision::F16 => "float16",
        Precision::Bf16 => "bfloat16",
    };
    let languages = &loading.languages;
    let options = [
        ("dtype", json!(precision)),
        ("src_lang", json!(languages.source_language)),
        ("tgt_lang", json!(languages.target_language)),
    ];
    let repository = match (&arguments.model_name_or_path, loading.revision) {
        (Some(name), revision) => {
            let name = revision.map_or_else(|| name.clone(), |revision| format!("{name}@{revision}"));
            let options = HubOptions::default().offline(true);
            Repository::open(&name, &options).map_err(inseq_methods::Error::from)?
        }
        (None, _) => demo_repository()?,
    };
    Ok((model_facts(&repository)?, options.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()))
}

#[cfg(feature = "demo")]
#[expect(clippy::unnecessary_wraps, reason = "a build without the demo model has an error")]
fn demo_repository() -> Result<Repository, Failure> {
    Ok(inseq_models::demo::repository())
}

#[cfg(not(feature = "demo"))]
fn demo_repository() -> Result<Repository, Failure> {
    Err(Failure::Argument("this build has no model of its own; name one with --model-name-or-path".into()))
}

#[cfg(feature = "demo")]
fn demo(options: &LoadOptions) -> Result<AttributionModel, Failure> {
    Ok(AttributionModel::demo_with(options)?)
}

#[cfg(not(feature = "demo"))]
fn demo(_: &LoadOptions) -> Result<AttributionModel, Failure> {
    Err(Failure::Argument("this build has no model of its own; name one with --model-name-or-path".into()))
}

/// Arguments in `--model-kwargs` that have an effect.
const MODEL_ARGUMENTS: [&str; 4] = ["dtype", "torch_dtype", "revision", "local_files_only"];
/// Arguments in `--tokenizer-kwargs` that have an effect.
const TOKENIZER_ARGUMENTS: [&str; 2] = ["src_lang", "tgt_lang"];

/// How the model is loaded, from its own flags and from `--model-kwargs`.
#[derive(Default)]
struct Loading {
    precision: Precision,
    revision: Option<String>,
    offline: bool,
    languages: TokenizerOptions,
}

impl Loading {
    /// `warn` gets arguments without an effect.
    fn of(arguments: &ModelArguments, warn: &mut dyn FnMut(&str)) -> Result<Self, Failure> {
        let mut loading = Self::default();
        for (name, value) in &arguments.model_kwargs {
            match (name.as_str(), value) {
                ("revision", Value::String(revision)) => loading.revision = Some(revision.clone()),
                ("local_files_only", Value::Bool(offline)) => loading.offline = *offline,
                ("dtype" | "torch_dtype", Value::String(dtype)) => loading.precision = precision(dtype)?,
                _ => refuse_or_warn(("model", &MODEL_ARGUMENTS), name, value, warn)?,
            }
        }
        for (name, value) in &arguments.tokenizer_kwargs {
            match (name.as_str(), value) {
                ("src_lang", Value::String(code)) => loading.languages.source_language = Some(code.clone()),
                ("tgt_lang", Value::String(code)) => loading.languages.target_language = Some(code.clone()),
                _ => refuse_or_warn(("tokenizer", &TOKENIZER_ARGUMENTS), name, value, warn)?,
            }
        }
        let dtype = ["dtype", "torch_dtype"].iter().find(|name| arguments.model_kwargs.contains_key(**name));
        if let Some(precision) = arguments.dtype {
            if let Some(name) = dtype.filter(|_| loading.precision != precision) {
                return Err(contradict("--dtype", name, "--model-kwargs"));
            }
            loading.precision = precision;
        }
        // What is on this machine has no revisions.
        let is_local = arguments.model_name_or_path.as_ref().is_none_or(|name| Path::new(name).is_dir());
        if is_local && loading.revision.take().is_some() {
            let place = arguments.model_name_or_path.as_deref().unwrap_or("the demo model");
            warn(&format!("model argument `revision` has no effect: {place} is not of the hub"));
        }
        let languages = &mut loading.languages;
        for (flag, given, name, code) in [
            ("--src-lang", &arguments.src_lang, "src_lang", &mut languages.source_language),
            ("--tgt-lang", &arguments.tgt_lang, "tgt_lang", &mut languages.target_language),
        ] {
            if given.is_some() && code.is_some() && given != code {
                return Err(contradict(flag, name, "--tokenizer-kwargs"));
            }
            if given.is_some() {
                code.clone_from(given);
            }
        }
        Ok(loading)
    }
}

/// Refuses an argument of `known` whose value has a wrong type, and warns of any other.
fn refuse_or_warn(
    (kind, known): (&str, &[&str]),
    name: &str,
    value: &Value,
    warn: &mut dyn FnMut(&str),
) -> Result<(), Failure> {
    if known.contains(&name) {
        let expected = if name == "local_files_only" { "true or false" } else { "a text" };
        return Err(Failure::Argument(format!("{kind} argument `{name}` must be {expected}, found {value}")));
    }
    let near = did_you_mean(name, known.iter().copied(), 1);
    warn(&format!("{kind} argument `{name}` has no effect here; those with an effect are {}{near}", known.join(", ")));
    Ok(())
}

/// The error of a flag and an argument that say the same, but differ.
fn contradict(flag: &str, argument: &str, kwargs: &str) -> Failure {
    Failure::Argument(format!("{flag} and `{argument}` in {kwargs} differ; leave one of them out"))
}

/// A type by PyTorch's names.
fn precision(name: &str) -> Result<Precision, Failure> {
    match name.strip_prefix("torch.").unwrap_or(name) {
        "float32" | "float" | "auto" => Ok(Precision::F32),
        "float16" | "half" => Ok(Precision::F16),
        "bfloat16" => Ok(Precision::Bf16),
        _ => Err(Failure::Argument(format!("model argument `dtype` is `{name}`; choose float32, float16 or bfloat16"))),
    }
}

/// A warning of parameters that the model has no use for, with their names where the user asked for more.
fn unused(tensors: &[String], named: bool) -> String {
    let parameters = if tensors.len() == 1 { "1 parameter".into() } else { format!("{} parameters", tensors.len()) };
    let names = if named { tensors.join(", ") } else { "--verbose names them".into() };
    format!("the model does not use {parameters} of the checkpoint ({names})")
}
