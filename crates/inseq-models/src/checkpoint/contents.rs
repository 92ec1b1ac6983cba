//! Describes repositories without a readable configuration or readable weights, for errors that name the way out.

use super::repository::Repository;
use super::weights::WHOLE_OR_SHARDS;
use crate::{Error, Result};

/// A kind of files that the crate does not read.
struct Kind {
    /// Whether a file is of this kind, by its path in the repository and its name.
    has: fn(&str, &str) -> bool,
    what: &'static str,
    way_out: &'static str,
}

/// The kinds, the most specific first.
const KINDS: &[Kind] = &[
    Kind {
        has: |_, name| name.ends_with(".gguf") || name.starts_with("ggml-") && name.ends_with(".bin"),
        what: "weights for llama.cpp (GGUF)",
        way_out: "take the repository that they were made from, or convert them with transformers: \
                  AutoModelForCausalLM.from_pretrained(folder, gguf_file=name).save_pretrained(other)",
    },
    Kind {
        has: |_, name| variant(name).is_some(),
        what: "weights of a variant",
        way_out: "rename the files and what their index says to names without the variant, or save the model again with \
                  transformers: from_pretrained(folder, variant=...).save_pretrained(other)",
    },
    Kind {
        has: |_, name| name.contains("-of-") && is_weights(name) && !is_adapter(name),
        what: "shards",
        way_out: "fetch the index of the shards as well (model.safetensors.index.json or pytorch_model.bin.index.json)",
    },
    Kind {
        has: |_, name| name.starts_with("consolidated.") || name == "params.json",
        what: "weights in the layout of their authors (consolidated)",
        way_out: "take the repository that transformers loads (often named `-hf`), or convert them with the script \
                  convert_*_weights_to_hf.py of transformers",
    },
    Kind {
        has: |path, _| path == "model.bin",
        what: "a model of CTranslate2",
        way_out: "take the repository that it was converted from",
    },
    Kind {
        has: |_, name| name.starts_with("weights.") && (name.ends_with(".npz") || name.ends_with(".safetensors")),
        what: "weights for MLX",
        way_out: "take the repository that they were converted from",
    },
    Kind {
        has: |path, _| path == "model_index.json",
        what: "a pipeline of diffusers",
        way_out: "it makes images, not text",
    },
    Kind {
        has: |path, name| path != name && WHOLE_OR_SHARDS.contains(&name),
        what: "weights in a folder",
        way_out: "give that folder as the model, with its config.json and the tokenizer's files in it",
    },
    Kind {
        has: |_, name| name.ends_with(".h5"),
        what: "TensorFlow weights",
        way_out: "convert them with transformers 4: from_pretrained(folder, from_tf=True).save_pretrained(other)",
    },
    Kind {
        has: |_, name| name.ends_with(".msgpack"),
        what: "Flax weights",
        way_out: "convert them with transformers 4: from_pretrained(folder, from_flax=True).save_pretrained(other)",
    },
    Kind {
        has: |_, name| name.ends_with(".ckpt") || name.contains(".ckpt."),
        what: "a checkpoint of TensorFlow or Lightning",
        way_out: "load it with the program that trained it and save the model with transformers",
    },
    Kind {
        has: |_, name| name.ends_with(".onnx"),
        what: "ONNX graphs",
        way_out: "take the repository that they were exported from",
    },
    Kind {
        has: |_, name| name.starts_with("openvino_"),
        what: "a model of OpenVINO",
        way_out: "take the repository that it was exported from",
    },
    Kind {
        has: |_, name| {
            [".ot", ".tflite", ".mlmodel", ".nemo", ".llamafile", ".engine", ".npz"].iter().any(|e| name.ends_with(e))
        },
        what: "a model of another program",
        way_out: "take the repository that it was exported from",
    },
    Kind {
        has: |_, name| is_weights(name) && !is_adapter(name) && !is_of_training(name),
        what: "weights of another name",
        way_out: "name them model.safetensors or pytorch_model.bin where transformers saved them, else save the model with \
                  transformers",
    },
];

/// Largest number of file names in a message.
const NAMED: usize = 4;

fn is_weights(name: &str) -> bool {
    [".safetensors", ".bin", ".pt", ".pth"].iter().any(|ending| name.ends_with(ending))
}

fn is_adapter(name: &str) -> bool {
    name.starts_with("adapter_model.") || name == "pytorch_adapter.bin" || name == "adapters.safetensors"
}

/// Whether a file holds the state of a training script.
fn is_of_training(name: &str) -> bool {
    ["training_args", "optimizer", "scheduler", "rng_state", "scaler"].iter().any(|start| name.starts_with(start))
}

/// Variant of a weights file or an index: `fp16` for `model.fp16.safetensors`.
fn variant(name: &str) -> Option<&str> {
    let shards = |rest: &'_ str| rest.split_once('-').map_or(rest.len(), |(variant, _)| variant.len());
    for (stem, ending) in [("model.", ".safetensors"), ("pytorch_model.", ".bin")] {
        let index = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix(&ending[1..]));
        if let Some(variant) = index.and_then(|rest| rest.strip_prefix(".index.")?.strip_suffix(".json")) {
            return Some(variant);
        }
        if let Some(rest) = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(ending)) {
            return rest.get(..shards(rest)).filter(|variant| !variant.is_empty());
        }
    }
    None
}

/// Error for a repository without `config.json`.
pub(super) fn without_config(repository: &Repository) -> Error {
    let message = format!(
        "not found; a model folder holds config.json, the tokenizer's files and the weights{}",
        found(repository).unwrap_or_else(|error| format!(" ({error})"))
    );
    Error::Checkpoint { file: format!("{}/config.json", repository.name()), message }
}

/// Error for a repository without readable weights.
pub(super) fn without_weights(repository: &Repository) -> Error {
    let message = format!(
        "no weights found; expected model.safetensors, pytorch_model.bin, or one of their .index.json with shards{}",
        found(repository).unwrap_or_else(|error| format!(" ({error})"))
    );
    Error::Checkpoint { file: repository.name().to_string(), message }
}

/// The content of the repository, as the end of a message.
fn found(repository: &Repository) -> Result<String> {
    if let Some(adapter) = Adapter::read(repository)? {
        return Ok(format!("; it holds {}", adapter.described()));
    }
    let files = repository.files()?;
    let name = |path: &'_ str| path.rsplit('/').next().map_or(0, |name| path.len() - name.len());
    let of = |kind: &Kind| files.iter().filter(|path| (kind.has)(path, &path[name(path)..])).collect::<Vec<_>>();
    let mut parts = Vec::new();
    let mut way_out = None;
    let mut seen: Vec<&String> = Vec::new();
    for kind in KINDS {
        let files: Vec<&String> = of(kind).into_iter().filter(|file| !seen.contains(file)).collect();
        if files.is_empty() {
            continue;
        }
        parts.push(format!("{}: {}", kind.what, listed(&files)));
        way_out = way_out.or(Some(kind.way_out));
        seen.extend(files);
    }
    let cache = match repository.is_cached() {
        true => {
            "; only the cache was looked at, as the hub is not asked or cannot be reached: fetch the model once with it"
        }
        false => "",
    };
    Ok(match way_out {
        Some(way_out) => format!("; it holds {}; {way_out}{cache}", parts.join("; ")),
        None if files.is_empty() => format!("; it holds nothing{cache}"),
        None => format!("; it holds {}{cache}", listed(&files.iter().collect::<Vec<_>>())),
    })
}

fn listed(files: &[&String]) -> String {
    let names: Vec<&str> = files.iter().take(NAMED).map(|file| file.as_str()).collect();
    let more = files.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}

/// An adapter: a small change of a model that is in another repository.
pub(crate) struct Adapter {
    /// Type of the adapter in PEFT (`LORA`).
    kind: Option<String>,
    base: Option<String>,
    task: Option<String>,
}

impl Adapter {
    /// The adapter whose weights are in a repository, beside a model or alone.
    ///
    /// # Errors
    /// When its configuration is not JSON.
    pub(crate) fn beside(repository: &Repository) -> Result<Option<Self>> {
        let adapter = Self::read(repository)?;
        Ok(if repository.files()?.iter().any(|file| is_adapter(file)) { adapter } else { None })
    }

    /// Warning about an incomplete adapter beside a model, which transformers ignores: weights without a
    /// configuration, or a configuration without weights, which a merged model may keep.
    ///
    /// # Errors
    /// When its configuration is not JSON.
    pub(crate) fn in_part(repository: &Repository) -> Result<Option<String>> {
        let files = repository.files()?;
        let weights = files.iter().find(|file| is_adapter(file));
        Ok(match (weights, Self::read(repository)?) {
            (Some(file), None) => Some(format!(
                "{file} lies beside the model and is not applied, as there is no adapter_config.json that says how"
            )),
            (None, Some(adapter)) => Some(format!(
                "adapter_config.json lies beside the model, but no weights of {} do: the model's own weights are taken as they \
                 are",
                adapter.title()
            )),
            (Some(_), Some(_)) | (None, None) => None,
        })
    }

    fn read(repository: &Repository) -> Result<Option<Self>> {
        let Some(config) = repository.json("adapter_config.json")? else { return Ok(None) };
        let field = |names: &[&str]| {
            names.iter().find_map(|name| config.get(*name)?.as_str().filter(|text| !text.is_empty()).map(String::from))
        };
        Ok(Some(Self {
            kind: field(&["peft_type", "fine_tune_type"]),
            base: field(&["base_model_name_or_path", "model_name", "model"]),
            task: field(&["task_type"]),
        }))
    }

    /// Description of the adapter, its base model, and the way out.
    pub(crate) fn described(&self) -> String {
        let kind = self.kind.as_deref().unwrap_or("");
        let base = match &self.base {
            Some(base) => format!("of the model `{base}`"),
            None => "of a model that adapter_config.json does not name".into(),
        };
        let is_prompt = ["PROMPT", "PREFIX", "P_TUNING"].iter().any(|part| kind.to_ascii_uppercase().contains(part));
        let way_out = if is_prompt {
            "it trains a prompt, which cannot be merged into weights".to_string()
        } else {
            let class = match self.task.as_deref() {
                Some("SEQ_2_SEQ_LM") => "AutoPeftModelForSeq2SeqLM",
                _ => "AutoPeftModelForCausalLM",
            };
            format!(
                "merge the two with PEFT and load the result: {class}.from_pretrained(adapter).merge_and_unload()\
                 .save_pretrained(other), with the tokenizer saved there too"
            )
        };
        format!("{} (adapter_config.json) {base}, which is not applied; {way_out}", self.title())
    }

    fn title(&self) -> String {
        let kind = self.kind.as_deref().unwrap_or("");
        match kind.to_ascii_uppercase().as_str() {
            "" => "an adapter".to_string(),
            "LORA" => "a LoRA adapter".into(),
            _ => format!("an adapter of the type {kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_between_stem_and_ending() {
        for (name, expected) in [
            ("model.fp16.safetensors", Some("fp16")),
            ("model.fp16-00001-of-00002.safetensors", Some("fp16")),
            ("model.safetensors.index.fp16.json", Some("fp16")),
            ("pytorch_model.bf16.bin", Some("bf16")),
            ("pytorch_model.bin.index.bf16.json", Some("bf16")),
            ("model.safetensors", None),
            ("model-00001-of-00002.safetensors", None),
            ("model.safetensors.index.json", None),
            ("adapter_model.safetensors", None),
        ] {
            assert_eq!(variant(name), expected, "{name}");
        }
    }
}
