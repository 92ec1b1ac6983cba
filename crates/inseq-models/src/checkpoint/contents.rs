//! Describes the files of a repository, for errors that name the way out.

use super::adapter::{Adapter, is_adapter};

/// Names of weights files and indices of shards, in the order in which transformers looks for them.
pub(super) const WHOLE_OR_SHARDS: [&str; 4] =
    ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];

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

/// The content of a repository, as the end of a message: its adapter, or its files by kind.
pub(super) fn described(files: &[String], adapter: Option<&Adapter>, is_cached: bool) -> String {
    if let Some(adapter) = adapter {
        return format!("; it holds {}", adapter.described());
    }
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
    let cache = match is_cached {
        true => {
            "; only the cache was looked at, as the hub is not asked or cannot be reached: fetch the model once with it"
        }
        false => "",
    };
    match way_out {
        Some(way_out) => format!("; it holds {}; {way_out}{cache}", parts.join("; ")),
        None if files.is_empty() => format!("; it holds nothing{cache}"),
        None => format!("; it holds {}{cache}", listed(&files.iter().collect::<Vec<_>>())),
    }
}

fn listed(files: &[&String]) -> String {
    let names: Vec<&str> = files.iter().take(NAMED).map(|file| file.as_str()).collect();
    let more = files.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
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
