//! What a `config.json` means that leaves fields out, names them otherwise, or says what the type does not read: defaults and
//! numbers are transformers' (`tests/reference/config_defaults.py` and `config_golden.py`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use burn::tensor::{DType, Tensor, activation};
use inseq_models::architectures::{self, LoadedModel};
use inseq_models::checkpoint::{HubOptions, Repository, Weights};
use inseq_models::device;
use inseq_models::model::Source;
use inseq_tests::fixture;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What transformers' class of a type declares.
#[derive(Deserialize)]
struct Declared {
    /// Each field with its default.
    fields: Map<String, Value>,
    /// Other names of fields.
    aliases: BTreeMap<String, String>,
}

/// What transformers makes of one checkpoint and its changes.
#[derive(Deserialize)]
struct Golden {
    pair: usize,
    same: Vec<f32>,
    cases: Vec<Case>,
}

/// One changed checkpoint.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Case {
    set: Map<String, Value>,
    remove: Vec<String>,
    /// New tensor to the one whose rows it has from the last to the first.
    add: BTreeMap<String, String>,
    drop: Vec<String>,
    expected: Expected,
}

impl Default for Case {
    fn default() -> Self {
        let (set, remove, add, drop) = Default::default();
        Self { set, remove, add, drop, expected: Expected::Probabilities(Vec::new()) }
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Expected {
    /// Those of the unchanged checkpoint where there are none.
    Probabilities(Vec<f32>),
    Refused(String),
}

/// Shape and values by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

struct Checkpoint {
    config: Map<String, Value>,
    tensors: Tensors,
    ids: [Vec<u32>; 2],
}

impl Checkpoint {
    fn read(name: &str, pair: usize) -> Self {
        let folder = fixture("architectures").join(name);
        let repository = Repository::open(folder.to_str().unwrap(), &HubOptions::default()).unwrap();
        let weights = Weights::open(&repository).unwrap();
        let stored = weights.names().map(|name| weights.tensor(name).unwrap());
        let tensors = stored.filter_map(|t| Some((t.name.to_string(), (t.shape.clone(), t.to_f32().ok()?)))).collect();
        let golden = repository.json("golden.json").unwrap().unwrap();
        let ids =
            ["prompt_ids", "target_ids"].map(|field| serde_json::from_value(golden[field][pair].clone()).unwrap());
        Self { config: repository.config().unwrap().as_object().unwrap().clone(), tensors, ids }
    }

    fn load(&self, case: &Case) -> inseq_models::Result<LoadedModel> {
        let mut config = self.config.clone();
        config.extend(case.set.clone());
        config.retain(|field, _| !case.remove.contains(field));
        let mut tensors = self.tensors.clone();
        tensors.retain(|name, _| !case.drop.contains(name));
        for (name, other) in &case.add {
            let (shape, values) = &self.tensors[other];
            let reversed = values.rchunks(shape[1]).flatten().copied().collect();
            tensors.insert(name.clone(), (shape.clone(), reversed));
        }
        let files = [
            ("config.json".to_string(), serde_json::to_vec(&config).unwrap()),
            ("model.safetensors".to_string(), safetensors(&tensors)),
        ];
        architectures::load(&Repository::in_memory("changed", files), &device::parse("flex").unwrap(), DType::F32)
    }

    /// Probabilities of the text's tokens.
    fn probabilities(&self, loaded: &LoadedModel) -> Vec<f32> {
        let model = &loaded.model;
        let source = model.encoder.as_ref().map(|encoder| {
            let embeddings = encoder.embedding.forward(&self.ids[0], 1);
            Source { lengths: vec![embeddings.dims()[1]], embeddings }
        });
        let text = &self.ids[1];
        let trace = model.trace(source.as_ref(), model.target_embedding.forward(text, 1));
        let logits: Tensor<3> = model.logits(trace.hidden().clone());
        let vocabulary = logits.dims()[2];
        let probabilities = activation::softmax(logits, 2).try_into_vec_as::<f32>().unwrap();
        let next = text.iter().skip(1).enumerate();
        next.map(|(position, &id)| probabilities[position * vocabulary + id as usize]).collect()
    }
}

fn safetensors(tensors: &Tensors) -> Vec<u8> {
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let stored: Vec<_> = tensors.iter().map(|(name, (shape, values))| (name, shape, bytes(values))).collect();
    let views = stored
        .iter()
        .map(|(name, shape, bytes)| ((*name).clone(), TensorView::new(Dtype::F32, (*shape).clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

fn read<T: for<'a> Deserialize<'a>>(file: &str) -> BTreeMap<String, T> {
    serde_json::from_slice(&std::fs::read(fixture(file)).unwrap()).unwrap()
}

#[test]
fn absent_fields_are_what_transformers_takes_for_them() {
    let mut declared: BTreeMap<String, Declared> = read("config_defaults.json");
    let mut wrong = String::new();
    for architecture in architectures::list() {
        let name = architecture.model_type;
        let theirs = declared.remove(name).unwrap_or_else(|| panic!("config_defaults.py does not know {name}"));
        for (field, ours) in architecture.fields() {
            // GPT-NeoX has its own names of what others call so.
            let called = match field.as_str() {
                "rotary_emb_base" => "rope_theta",
                "rotary_pct" => "partial_rotary_factor",
                field => field,
            };
            // A field that the class does not declare has no value unless a file gives it one.
            let default = theirs.fields.get(called).unwrap_or(&Value::Null);
            let alike = match (ours.as_f64(), default.as_f64()) {
                (Some(ours), Some(default)) => ours == default,
                _ => ours == *default,
            };
            if !alike {
                writeln!(wrong, "{name}: `{field}` is {ours}, should be {default}").unwrap();
            }
        }
        let fields = architecture.fields();
        let ours: BTreeMap<String, String> =
            architecture.aliases().iter().map(|(other, field)| (other.to_string(), field.to_string())).collect();
        for (other, field) in theirs.aliases.iter().filter(|(_, field)| fields.contains_key(*field)) {
            if ours.get(other) != Some(field) {
                writeln!(wrong, "{name}: `{other}` should be another name of `{field}`").unwrap();
            }
        }
        for (other, field) in &ours {
            if !fields.contains_key(field) || fields.contains_key(other) {
                writeln!(wrong, "{name}: `{other}` cannot be another name of `{field}`").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(declared.is_empty(), "types of config_defaults.py that there are not: {:?}", declared.keys());
}

#[test]
fn numbers_are_those_of_transformers_however_a_configuration_is_written() {
    let mut wrong = String::new();
    for (name, golden) in read::<Golden>("configs.json") {
        let checkpoint = Checkpoint::read(&name, golden.pair);
        for case in &golden.cases {
            let change = json!({ "set": case.set, "remove": case.remove, "add": case.add, "drop": case.drop });
            let found = checkpoint.load(case).map(|loaded| checkpoint.probabilities(&loaded));
            let refused = refused_here(&checkpoint.config, case);
            match (&case.expected, found) {
                (Expected::Refused(_), Err(_)) => {}
                (Expected::Refused(word), Ok(_)) => {
                    writeln!(wrong, "{name}: {change} is {word} by transformers, but loads").unwrap();
                }
                (Expected::Probabilities(_), Err(error)) if refused => {
                    assert!(error.to_string().contains("head is missing"), "{name}: {change}: {error}");
                }
                (Expected::Probabilities(_), Err(error)) => writeln!(wrong, "{name}: {change}: {error}").unwrap(),
                (Expected::Probabilities(_), Ok(_)) if refused => writeln!(wrong, "{name}: {change} loads").unwrap(),
                (Expected::Probabilities(theirs), Ok(ours)) => {
                    let theirs = if theirs.is_empty() { &golden.same } else { theirs };
                    let alike = ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-6);
                    if ours.len() != theirs.len() || !alike {
                        writeln!(wrong, "{name}: {change} gives {ours:?}, should give {theirs:?}").unwrap();
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{wrong}", wrong.lines().count());
}

/// A model of T5's layout whose configuration says that its head is not the embeddings, and whose file has none: transformers 5
/// takes the embeddings whatever the configuration says, those before it make a head up.
fn refused_here(config: &Map<String, Value>, case: &Case) -> bool {
    let is_t5 = ["t5", "mt5", "umt5"].contains(&config["model_type"].as_str().unwrap());
    let tied = case.set.get("tie_word_embeddings").or_else(|| config.get("tie_word_embeddings"));
    is_t5 && case.drop.iter().any(|name| name == "lm_head.weight") && tied == Some(&Value::Bool(false))
}

/// What transformers makes of a checkpoint's head (`tests/reference/heads_golden.py`).
#[derive(Debug, Deserialize)]
struct Head {
    head: String,
    table: String,
    /// What the head is where the file has none and nothing ties it: `new` or `embeddings`.
    without: String,
    /// What transformers writes of a model whose head is not tied.
    saved: Map<String, Value>,
}

fn heads() -> BTreeMap<String, Head> {
    let heads: BTreeMap<String, Head> = serde_json::from_slice(&std::fs::read(fixture("heads.json")).unwrap()).unwrap();
    assert!(heads.len() > 25 && heads.values().any(|head| head.without == "embeddings"));
    heads
}

#[test]
fn a_missing_head_is_refused_in_every_family_and_says_what_transformers_takes() {
    for (name, Head { head, without, .. }) in heads() {
        let (mut checkpoint, case) = changed(&name, json!({ "tie_word_embeddings": false }));
        checkpoint.tensors.remove(&head);
        let message = checkpoint.load(&case).unwrap_err().to_string();
        let taken = match without.as_str() {
            "embeddings" => "transformers 5 takes the embeddings all the same",
            _ => "transformers makes a new, untrained one",
        };
        for part in ["head is missing", &head, taken] {
            assert!(message.contains(part), "{name}: no `{part}` in: {message}");
        }
    }
}

#[test]
fn a_head_of_its_own_is_a_warning_unless_transformers_writes_it_so() {
    let tied = json!({ "tie_word_embeddings": true });
    for (name, Head { head, table, saved, .. }) in heads() {
        let is_quiet = |fields: Value| {
            let (mut checkpoint, mut case) = changed(&name, fields);
            checkpoint.tensors.remove(&head);
            case.add.insert(head.clone(), table.clone());
            let warnings = checkpoint.load(&case).unwrap().warnings;
            assert!(warnings.iter().all(|warning| warning.contains(&head)), "{name}: {warnings:?}");
            warnings.is_empty()
        };
        assert!(is_quiet(Value::Object(saved.clone())), "{name}");
        assert_eq!(is_quiet(tied.clone()), tied == Value::Object(saved), "{name}: two tables in a file that ties them");
    }
}

/// A checkpoint whose configuration says `fields`.
fn changed(name: &str, fields: Value) -> (Checkpoint, Case) {
    let Value::Object(set) = fields else { panic!("fields are an object") };
    (Checkpoint::read(name, 0), Case { set, ..Case::default() })
}

#[test]
fn a_missing_head_is_an_error_that_names_what_the_file_holds() {
    let kinds = [
        ("llama", "lm_head.weight", "LlamaForSequenceClassification"),
        ("gpt_neox", "embed_out.weight", "GPTNeoXModel"),
        ("t5_gated", "lm_head.weight", "T5Model"),
    ];
    for (name, head, class) in kinds {
        let (mut checkpoint, case) = changed(name, json!({ "architectures": [class], "tie_word_embeddings": false }));
        checkpoint.tensors.remove(head).expect("the head");
        checkpoint.tensors.insert("score.weight".into(), (vec![2, 2], vec![0.0; 4]));
        let message = checkpoint.load(&case).unwrap_err().to_string();
        for part in ["head is missing", head, class, "`tie_word_embeddings` is false"] {
            assert!(message.contains(part), "{name}: no `{part}` in: {message}");
        }
    }
}

#[test]
fn two_tables_that_a_configuration_ties_are_a_warning() {
    let kinds =
        [("llama", "lm_head.weight", "model.embed_tokens.weight"), ("t5_gated", "lm_head.weight", "shared.weight")];
    for (name, head, table) in kinds {
        let (checkpoint, case) = changed(name, json!({ "tie_word_embeddings": true }));
        let warnings = checkpoint.load(&case).unwrap().warnings;
        let [warning] = &warnings[..] else { panic!("{name}: {warnings:?}") };
        for part in [head, table, "tie_word_embeddings"] {
            assert!(warning.contains(part), "{name}: no `{part}` in: {warning}");
        }
    }
    // Nothing to say of tables that are not tied, or that are alike.
    let quiet = [("llama", json!({ "tie_word_embeddings": false })), ("bart", json!({ "tie_word_embeddings": true }))];
    for (name, fields) in quiet {
        let (checkpoint, case) = changed(name, fields);
        assert_eq!(checkpoint.load(&case).unwrap().warnings, [""; 0], "{name}");
    }
}

#[test]
fn all_missing_tensors_are_counted() {
    // All of them, though the file has a fraction of what the model takes.
    for name in ["llama", "mistral", "t5_gated"] {
        let (mut checkpoint, case) = changed(name, json!({}));
        let all = checkpoint.tensors.len();
        checkpoint.tensors.retain(|name, _| name.contains("norm"));
        let missing = all - checkpoint.tensors.len();
        let message = checkpoint.load(&case).unwrap_err().to_string();
        assert!(message.contains(&format!(" {missing} tensors")), "{name}: {missing} are missing: {message}");
    }
}

#[test]
fn a_t5_or_umt5_that_transformers_5_saved_again_is_the_same_model() {
    // What 5.23 writes of these two checkpoints, whatever they say.
    let saved = [
        ("t5_gated", json!({ "tie_word_embeddings": true, "scale_decoder_outputs": false })),
        ("umt5", json!({ "tie_word_embeddings": true })),
        ("mt5", json!({ "tie_word_embeddings": true })),
    ];
    for (name, fields) in saved {
        let (checkpoint, case) = changed(name, fields);
        let [before, after] =
            [&Case::default(), &case].map(|case| checkpoint.probabilities(&checkpoint.load(case).unwrap()));
        assert_eq!(before, after, "{name}");
    }
}
