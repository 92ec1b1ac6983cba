//! Every checkpoint in the other ways that repositories store the same weights: the logits stay what they are.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use burn::tensor::{DType, Tensor};
use inseq_models::architectures::{self, LoadedModel};
use inseq_models::checkpoint::{HubOptions, Repository, StoredDType, Weights};
use inseq_models::device;
use inseq_models::model::Source;
use inseq_tests::{assert_close, fixture};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Shape and values by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// How values are stored: their type in safetensors, their storage in PyTorch, and their bytes.
struct Stored {
    dtype: Dtype,
    storage: &'static str,
    bytes: fn(f32) -> Vec<u8>,
}

const F32: Stored = Stored { dtype: Dtype::F32, storage: "FloatStorage", bytes: |x| x.to_le_bytes().to_vec() };
const F16: Stored =
    Stored { dtype: Dtype::F16, storage: "HalfStorage", bytes: |x| half::f16::from_f32(x).to_le_bytes().to_vec() };
const BF16: Stored = Stored {
    dtype: Dtype::BF16,
    storage: "BFloat16Storage",
    bytes: |x| half::bf16::from_f32(x).to_le_bytes().to_vec(),
};

impl Stored {
    fn all(&self, values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|&value| (self.bytes)(value)).collect()
    }
}

/// A checkpoint of the fixtures.
struct Checkpoint {
    name: String,
    config: Vec<u8>,
    tensors: Tensors,
    /// Ids of a text and of what is generated from it.
    ids: [Vec<u32>; 2],
}

impl Checkpoint {
    fn read(name: String) -> Self {
        let folder = fixture("architectures").join(&name);
        let repository = Repository::open(folder.to_str().unwrap(), &HubOptions::default()).unwrap();
        let weights = Weights::open(&repository).unwrap();
        let stored = weights.names().map(|name| weights.tensor(name).unwrap());
        // Masks of old repositories are whole numbers.
        let stored = stored.filter(|tensor| !matches!(tensor.dtype, StoredDType::U8 | StoredDType::Bool));
        let tensors = stored.map(|t| (t.name.to_string(), (t.shape.clone(), t.to_f32().unwrap()))).collect();
        let golden = repository.json("golden.json").unwrap().unwrap();
        let ids = ["prompt_ids", "target_ids"].map(|field| serde_json::from_value(golden[field][0].clone()).unwrap());
        Self { name, config: repository.read("config.json").unwrap().unwrap().into_owned(), tensors, ids }
    }

    fn all() -> Vec<Self> {
        let folders = std::fs::read_dir(fixture("architectures")).unwrap();
        folders.map(|folder| Self::read(folder.unwrap().file_name().to_string_lossy().into_owned())).collect()
    }

    fn config(&self) -> Value {
        serde_json::from_slice(&self.config).unwrap()
    }

    fn load(&self, files: Vec<(String, Vec<u8>)>) -> inseq_models::Result<LoadedModel> {
        let files = files.into_iter().chain([("config.json".to_string(), self.config.clone())]);
        let repository = Repository::in_memory(&self.name, files);
        architectures::load(&repository, &device::parse("flex").unwrap(), DType::F32)
    }

    /// The logits of files, and the tensors of them that nothing asked for.
    fn logits(&self, what: &str, files: Vec<(String, Vec<u8>)>) -> (Vec<f32>, Vec<String>) {
        let loaded = self.load(files).unwrap_or_else(|error| panic!("{}, {what}: {error}", self.name));
        let model = &loaded.model;
        let source = model.encoder.as_ref().map(|encoder| {
            let embeddings = encoder.embedding.forward(&self.ids[0], 1);
            Source { lengths: vec![embeddings.dims()[1]], embeddings }
        });
        let trace = model.trace(source.as_ref(), model.target_embedding.forward(&self.ids[1], 1));
        let logits: Tensor<3> = model.logits(trace.hidden().clone());
        (logits.try_into_vec_as::<f32>().unwrap(), loaded.unexpected_tensors)
    }

    /// Asserts that tensors give the logits of others, and that nothing of them is left over.
    fn same(&self, what: &str, tensors: &Tensors) {
        let expected = self.logits("as it is", safetensors(&self.tensors, &F32, 1));
        let got = self.logits(what, safetensors(tensors, &F32, 1));
        assert_eq!(got, expected, "{}, {what}", self.name);
        assert!(got.1.is_empty(), "{}, {what}: nothing asked for {:?}", self.name, got.1);
    }

    /// The prefix that the names of a model without its head lack.
    fn prefix(&self) -> &'static str {
        match self.config()["model_type"].as_str().unwrap() {
            "gpt2" | "bloom" | "gpt_neo" | "gptj" => "transformer.",
            "gpt_neox" => "gpt_neox.",
            "t5" | "mt5" | "umt5" => "",
            _ => "model.",
        }
    }
}

/// Tensors in so many files, with the index that more than one need.
fn files(
    names: &[&String],
    shards: usize,
    stem: &str,
    suffix: &str,
    write: impl Fn(&[&String]) -> Vec<u8>,
) -> Vec<(String, Vec<u8>)> {
    if shards == 1 {
        return vec![(format!("{stem}.{suffix}"), write(names))];
    }
    let mut map = BTreeMap::new();
    let mut files = Vec::new();
    for (index, part) in names.chunks(names.len().div_ceil(shards)).enumerate() {
        let file = format!("{stem}-{:05}-of-{shards:05}.{suffix}", index + 1);
        map.extend(part.iter().map(|name| (*name, file.clone())));
        files.push((file, write(part)));
    }
    let index = json!({ "metadata": {}, "weight_map": map });
    files.push((format!("{stem}.{suffix}.index.json"), index.to_string().into_bytes()));
    files
}

fn safetensors(tensors: &Tensors, stored: &Stored, shards: usize) -> Vec<(String, Vec<u8>)> {
    files(&tensors.keys().collect::<Vec<_>>(), shards, "model", "safetensors", |names| {
        let bytes: Vec<_> = names.iter().map(|&name| (name, &tensors[name].0, stored.all(&tensors[name].1))).collect();
        let views = bytes
            .iter()
            .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(stored.dtype, shape.to_vec(), bytes).unwrap()));
        safetensors::serialize(views, None).unwrap()
    })
}

/// The pickle of a state dictionary, its storages in the order of the names. `end` ends what it says of a storage.
fn pickled(names: &[&String], tensors: &Tensors, stored: &Stored, end: &[u8]) -> Vec<u8> {
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let number = |number: usize| [b"J", &(number as u32).to_le_bytes()[..]].concat();
    let tuple =
        |numbers: &[usize]| [b"(".to_vec(), numbers.iter().flat_map(|&n| number(n)).collect(), b"t".to_vec()].concat();
    let mut pickle = b"\x80\x02}(".to_vec();
    for (key, &name) in names.iter().enumerate() {
        let (shape, values) = &tensors[name];
        let strides: Vec<usize> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        pickle.extend([text(name), b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(), text("storage")].concat());
        pickle.extend([format!("ctorch\n{}\n", stored.storage).into_bytes(), text(&key.to_string())].concat());
        pickle.extend([text("cpu"), number(values.len()), end.to_vec(), number(0), tuple(shape)].concat());
        pickle.extend([tuple(&strides), b"\x89ccollections\nOrderedDict\n)RtR".to_vec()].concat());
    }
    pickle.extend(b"u.");
    pickle
}

/// As `torch.save` writes a state dictionary.
fn torch(tensors: &Tensors, stored: &Stored, shards: usize) -> Vec<(String, Vec<u8>)> {
    files(&tensors.keys().collect::<Vec<_>>(), shards, "pytorch_model", "bin", |names| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (key, &name) in names.iter().enumerate() {
            zip.start_file(format!("archive/data/{key}"), options).unwrap();
            zip.write_all(&stored.all(&tensors[name].1)).unwrap();
        }
        zip.start_file("archive/data.pkl", options).unwrap();
        zip.write_all(&pickled(names, tensors, stored, b"tQ")).unwrap();
        zip.finish().unwrap().into_inner()
    })
}

/// As `torch.save` wrote it before 1.6.
fn old_torch(tensors: &Tensors, stored: &Stored, shards: usize) -> Vec<(String, Vec<u8>)> {
    files(&tensors.keys().collect::<Vec<_>>(), shards, "pytorch_model", "bin", |names| {
        let mut file =
            b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
        file.extend(pickled(names, tensors, stored, b"NtQ"));
        file.extend(b"\x80\x02]");
        for key in 0..names.len() {
            let key = key.to_string();
            file.extend([b"X", &(key.len() as u32).to_le_bytes()[..], key.as_bytes(), b"a"].concat());
        }
        file.push(b'.');
        for &name in names {
            let values = &tensors[name].1;
            file.extend((values.len() as u64).to_le_bytes());
            file.extend(stored.all(values));
        }
        file
    })
}

/// Whether a tensor is of the head, whose name has no prefix.
fn is_of_head(name: &str) -> bool {
    ["lm_head.", "embed_out.", "final_logits_bias"].iter().any(|start| name.starts_with(start))
}

#[test]
fn names_may_lack_or_have_the_prefix_of_the_model() {
    for checkpoint in Checkpoint::all() {
        let prefix = checkpoint.prefix();
        let renamed = |rename: &dyn Fn(&str) -> String| {
            let each = checkpoint
                .tensors
                .iter()
                .map(|(name, tensor)| (if is_of_head(name) { name.clone() } else { rename(name) }, tensor.clone()));
            each.collect::<Tensors>()
        };
        let without = renamed(&|name| name.strip_prefix(prefix).unwrap_or(name).into());
        checkpoint.same("without the prefix", &without);
        let with = renamed(&|name| if name.starts_with(prefix) { name.into() } else { format!("{prefix}{name}") });
        checkpoint.same("with the prefix", &with);
    }
}

#[test]
fn tied_weights_may_be_there_or_not() {
    let mut tied = 0;
    for checkpoint in Checkpoint::all() {
        let config = checkpoint.config();
        let mut tensors = checkpoint.tensors.clone();
        let shared = ["model.shared.weight", "shared.weight"].into_iter().find(|name| tensors.contains_key(*name));
        if let Some(name) = shared {
            // Under the names of its two users, as old files have it.
            let table = tensors.remove(name).unwrap();
            let prefix = name.strip_suffix("shared.weight").unwrap();
            for side in ["encoder", "decoder"] {
                tensors.insert(format!("{prefix}{side}.embed_tokens.weight"), table.clone());
            }
            checkpoint.same("with the embeddings under the names of their users", &tensors);
            tensors.insert(name.into(), table);
            checkpoint.same("with the embeddings under all names", &tensors);
        }
        if is_tied(&config) {
            let table = ["shared", "embed_tokens", "wte", "word_embeddings"]
                .iter()
                .find_map(|table| tensors.iter().find(|(name, _)| name.ends_with(&format!("{table}.weight"))))
                .map(|(_, table)| table.clone())
                .unwrap();
            tensors.insert("lm_head.weight".into(), table);
            checkpoint.same("with the head", &tensors);
            tensors.remove("lm_head.weight");
            checkpoint.same("without the head", &tensors);
            tied += 1;
        }
    }
    assert!(tied >= 15, "{tied} checkpoints are tied");
}

/// Whether the head is the embeddings: as the configuration says, or as its type does.
fn is_tied(config: &Value) -> bool {
    let untied = ["gpt_neox", "gptj", "llama", "mistral", "qwen2", "qwen3", "phi3", "olmo2"];
    let of_type = !untied.contains(&config["model_type"].as_str().unwrap());
    config["tie_word_embeddings"].as_bool().unwrap_or(of_type)
}

#[test]
fn shards_and_pickles_of_any_precision_hold_the_same() {
    for checkpoint in Checkpoint::all() {
        let exact = checkpoint.logits("as it is", safetensors(&checkpoint.tensors, &F32, 1)).0;
        for (stored, tolerance) in [(&F32, 0.0), (&F16, 0.01), (&BF16, 0.08)] {
            let logits = |what: &str, files| checkpoint.logits(what, files).0;
            let whole = logits("whole", safetensors(&checkpoint.tensors, stored, 1));
            assert_close(&format!("{}, {:?}", checkpoint.name, stored.dtype), &whole, &exact, tolerance);
            for shards in [1, 3] {
                let what = format!("{}, {shards} files of {:?}", checkpoint.name, stored.dtype);
                assert_eq!(logits(&what, torch(&checkpoint.tensors, stored, shards)), whole, "{what}: pickles");
                assert_eq!(logits(&what, old_torch(&checkpoint.tensors, stored, shards)), whole, "{what}: old pickles");
                assert_eq!(logits(&what, safetensors(&checkpoint.tensors, stored, shards)), whole, "{what}");
            }
        }
    }
}

#[test]
fn what_is_no_part_of_the_model_is_told() {
    for checkpoint in Checkpoint::all() {
        let mut tensors = checkpoint.tensors.clone();
        tensors.insert("score.weight".into(), (vec![2, 2], vec![0.0; 4]));
        tensors.insert("h.7.attn.bias".into(), (vec![1], vec![0.0]));
        let (_, unexpected) = checkpoint.logits("with a classifier", safetensors(&tensors, &F32, 1));
        assert_eq!(unexpected, ["score.weight"], "{}", checkpoint.name);
    }
}

#[test]
fn all_missing_tensors_are_named() {
    for checkpoint in Checkpoint::all() {
        let mut tensors = checkpoint.tensors.clone();
        let is_norm = |name: &&String| (name.contains("norm") || name.contains("ln_")) && name.ends_with("weight");
        let norms: Vec<String> = tensors.keys().filter(is_norm).take(2).cloned().collect();
        let missing = match &norms[..] {
            [_, _] => norms,
            // Norms without weights: something else, then.
            _ => tensors.keys().filter(|name| name.contains("layers.1")).take(2).cloned().collect(),
        };
        assert_eq!(missing.len(), 2, "{}", checkpoint.name);
        missing.iter().for_each(|name| drop(tensors.remove(name)));
        let message = checkpoint.load(safetensors(&tensors, &F32, 1)).map(|_| ()).unwrap_err().to_string();
        for part in ["lacks 2 tensors", &missing[0], &missing[1], "nearest to"] {
            assert!(message.contains(part), "{}: {message:?} does not tell {part:?}", checkpoint.name);
        }
    }
}

/// A configuration may ask for more than a checkpoint has, but not for more memory.
#[test]
fn a_large_model_of_a_small_checkpoint_is_refused_at_once() {
    let checkpoint = Checkpoint::read("llama".into());
    let config = Value::from_iter(checkpoint.config().as_object().unwrap().clone().into_iter().map(|(name, value)| {
        let value = if name == "num_hidden_layers" { json!(900) } else { value };
        (name, value)
    }));
    let checkpoint = Checkpoint { config: config.to_string().into_bytes(), ..checkpoint };
    let message = checkpoint.load(safetensors(&checkpoint.tensors, &F32, 1)).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("model.layers.2.") && message.contains("more"), "{message}");
}
