//! Bad input gets an error that names the thing and the way out.

use std::path::Path;

use inseq_methods::{AttributionModel, AttributionRequest, FeatureGroups, TextSpans, list_methods, method_named};
use inseq_tests::fixture;
use serde_json::json;

const MODEL: &str = "marian/seed2";

fn model() -> AttributionModel {
    AttributionModel::load(fixture(MODEL).to_str().unwrap()).unwrap()
}

fn refused(request: &AttributionRequest, parts: &[&str]) {
    let message = model().attribute(request).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} does not tell {part:?}");
    }
}

/// A copy of the model's folder with one file changed.
fn damaged(file: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(MODEL)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = folder.path().join(file);
    std::fs::write(&path, change(std::fs::read(&path).unwrap())).unwrap();
    folder
}

fn does_not_load(folder: &Path, parts: &[&str]) {
    let message = AttributionModel::load(folder.to_str().unwrap()).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} does not tell {part:?}");
    }
}

#[test]
fn requests_that_make_no_sense() {
    let hi = || AttributionRequest::new(["Hi"]);
    refused(&AttributionRequest::new([" "]), &["input text 1 is empty"]);
    refused(&AttributionRequest::new(Vec::<String>::new()), &["no input text"]);
    refused(&hi().method("salience"), &["`salience`", "did you mean `saliency`", "integrated_gradients"]);
    refused(&hi().attributed_fn("probabilty"), &["`probabilty`", "did you mean `probability`"]);
    refused(&hi().generated_texts(["a", "b"]), &["2 generated texts", "1 input texts"]);
    refused(&hi().generated_texts(["Salut"]).positions(Some(50), None), &["`attr_pos_start` is 50", "positions 1 to"]);
    refused(&hi().generated_texts(["Salut"]).positions(Some(0), None), &["`attr_pos_start` is 0"]);
    refused(
        &hi().generated_texts(["Salut"]).positions(Some(2), Some(2)),
        &["`attr_pos_end` (2)", "after `attr_pos_start`"],
    );
    refused(&AttributionRequest::new(["word ".repeat(300)]), &["input text 1 has", "128 positions", "truncate"]);
    refused(&hi().method("integrated_gradients").attribution_argument("n_step", 3), &["n_step", "n_steps"]);
    refused(&hi().method("integrated_gradients").attribution_argument("n_steps", 0), &["n_steps", "found 0"]);
    refused(
        &hi().method("integrated_gradients").attribution_argument("method", "simpson"),
        &["simpson", "gausslegendre"],
    );
    refused(&hi().batch_size(Some(0)), &["`batch_size`", "at least 1"]);
    refused(&hi().generation_argument("num_beams", 0), &["num_beams", "found 0"]);
    refused(&hi().generation_argument("penalty_alpha", 0.6), &["penalty_alpha", "not supported"]);
    refused(&hi().generation_argument("temperature", "hot"), &["temperature"]);
}

#[test]
fn damaged_checkpoints() {
    let weights = "model.safetensors";
    does_not_load(Path::new("/no/such/folder"), &["/no/such/folder"]);
    does_not_load(damaged(weights, |b| b[..b.len() / 2].to_vec()).path(), &[weights, "not a whole safetensors file"]);
    does_not_load(damaged(weights, |b| b[..4].to_vec()).path(), &[weights]);
    // A header that claims more bytes than there are.
    let lying = |mut b: Vec<u8>| {
        b[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        b
    };
    does_not_load(damaged(weights, lying).path(), &[weights]);
    let nan = |mut b: Vec<u8>| {
        let at = b.len() - 8;
        b[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        b
    };
    does_not_load(damaged(weights, nan).path(), &["NaN", "damaged"]);
    let replace = |from: &'static str, to: &'static str| {
        move |b: Vec<u8>| {
            let text = String::from_utf8(b).unwrap();
            assert!(text.contains(from), "{from}");
            text.replace(from, to).into_bytes()
        }
    };
    let config = "config.json";
    does_not_load(
        damaged(config, replace("\"d_model\": 32", "\"d_model\": 30")).path(),
        &["d_model", "30", "attention_heads"],
    );
    does_not_load(damaged(config, replace("\"d_model\": 32", "\"d_model\": 64")).path(), &["shape", "64", "32"]);
    does_not_load(damaged(config, replace("\"d_model\": 32", "\"d_model\": \"x\"")).path(), &["d_model"]);
    does_not_load(
        damaged(config, replace("\"model_type\": \"marian\"", "\"model_type\": \"mamba\"")).path(),
        &["mamba", "marian"],
    );
    does_not_load(
        damaged(config, replace("\"encoder_layers\": 2", "\"encoder_layers\": 1000000000000")).path(),
        &["encoder_layers"],
    );
    does_not_load(damaged("vocab.json", replace("\"<unk>\"", "\"<no>\"")).path(), &["vocab.json", "<unk>"]);
    does_not_load(damaged("source.spm", |b| b[..b.len() / 3].to_vec()).path(), &["source.spm"]);
}

#[test]
fn a_pickle_with_a_foreign_global_is_never_run() {
    // A protocol 2 pickle that would call `os.getcwd()`.
    let pickle = b"\x80\x02cos\ngetcwd\n)R.".to_vec();
    let folder = damaged("config.json", |b| b);
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    std::fs::write(folder.path().join("pytorch_model.bin"), stored_zip("archive/data.pkl", &pickle)).unwrap();
    does_not_load(folder.path(), &["os.getcwd", "safetensors"]);
    std::fs::write(folder.path().join("pytorch_model.bin"), stored_zip("archive/data.pkl", &pickle[..6])).unwrap();
    does_not_load(folder.path(), &["data.pkl"]);
    std::fs::write(folder.path().join("pytorch_model.bin"), b"\x80\x02abc").unwrap();
    does_not_load(folder.path(), &["a pickle that PyTorch did not write"]);
    std::fs::write(folder.path().join("pytorch_model.bin"), pickle).unwrap();
    does_not_load(folder.path(), &["a pickle that PyTorch did not write", "os.getcwd"]);
}

/// A zip archive of one stored member.
fn stored_zip(name: &str, data: &[u8]) -> Vec<u8> {
    let crc = crc32(data).to_le_bytes();
    let (size, length) = ((data.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
    let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &crc, &size, &size, &length, &[0, 0]].concat();
    let local = [b"PK\x03\x04", &common[..], name.as_bytes(), data].concat();
    let central = [b"PK\x01\x02", &[20, 0][..], &common, &[0; 14], name.as_bytes()].concat();
    let end = [
        b"PK\x05\x06",
        &[0, 0, 0, 0, 1, 0, 1, 0][..],
        &(central.len() as u32).to_le_bytes(),
        &(local.len() as u32).to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    [local, central, end].concat()
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn arguments_that_methods_cannot_use_are_named() {
    let cases = [
        ("occlusion", r#"{"sliding_window_shapes": 0}"#, "at least 1 token"),
        ("occlusion", r#"{"window": 2}"#, "sliding_window_shapes"),
        ("occlusion", r#"{"strides": 2}"#, "`strides` (2) must not be wider than `sliding_window_shapes` (1)"),
        ("occlusion", r#"{"sliding_window_shapes": [[2, 8], [1, 8]], "strides": 2}"#, "must not be wider"),
        ("occlusion", r#"{"sliding_window_shapes": []}"#, "`sliding_window_shapes` has 0 pairs"),
        ("occlusion", r#"{"strides": [[1, 8], [1, 8], [1, 8]]}"#, "`strides` has 3 pairs"),
        ("occlusion", r#"{"sliding_window_shapes": [2, 0]}"#, "a pair of 0 features"),
        ("occlusion", r#"{"perturbations_per_eval": 0}"#, "`perturbations_per_eval` must be"),
        ("lime", r#"{"perturbations_per_eval": 0}"#, "`perturbations_per_eval` must be"),
        ("kernel_shap", r#"{"perturbations_per_eval": -1}"#, "`perturbations_per_eval` must be"),
        ("shapley_value_sampling", r#"{"perturbations_per_eval": 0.5}"#, "`perturbations_per_eval` must be"),
        ("lime", r#"{"n_samples": 1}"#, "`n_samples` must be a whole number between 2 and 100000, found 1"),
        ("lime", r#"{"alpha": -1}"#, "`alpha` must be a number of 0 or more"),
        ("lime", r#"{"mask_prob": 1.0}"#, "between 0 and 1"),
        ("kernel_shap", r#"{"n_samples": 1}"#, "`n_samples` must be a whole number between 2 and 100000, found 1"),
        ("shapley_value_sampling", r#"{"n_samples": 0}"#, "between 1 and 100000"),
        ("partition_shap", r#"{"max_evals": 1}"#, "`max_evals` must be a whole number between 2 and"),
        ("reagent", r#"{"replacing_ratio": 2.0}"#, "between 0 and 1"),
        ("reagent", r#"{"keep_top_n": 0}"#, "keep_ratio"),
        ("reagent", r#"{"keep_ratio": 0.5}"#, "`keep_ratio` has no effect where `keep_top_n` is 5"),
        ("reagent", r#"{"keep_top_n": 0, "keep_ratio": 1.5}"#, "`keep_ratio` must be above 0 and up to 1, found 1.5"),
        ("reagent", r#"{"replacements": {"words": {}}}"#, "there are none"),
        ("reagent", r#"{"replacements": {"words": {"noun": []}}}"#, "there are none"),
        ("reagent", r#"{"replacements": {"words": {"noun": ["door", ""]}}}"#, "an empty word"),
        (
            "reagent",
            r#"{"replacements": {"words": {"a": ["door"], "b": ["door"]}}}"#,
            "is in the lists \"a\" and \"b\"",
        ),
        ("reagent", r#"{"replacements": {"words": {"noun": ["antidisestablishmentarianism"]}}}"#, "none of the words"),
        ("gradient_shap", r#"{"stdevs": -1.0}"#, "0 or more"),
        ("gradient_shap", r#"{"stdevs": 1e300}"#, "up to 1000000"),
        ("smoothgrad", r#"{"stdevs": 1e30}"#, "up to 1000000"),
        ("smoothgrad", r#"{"nt_type": "median"}"#, "vargrad"),
        ("deeplift", r#"{"rule": "half"}"#, "captum"),
        ("sequential_integrated_gradients", r#"{"n_steps": 0}"#, "between 1 and 100000"),
        ("discretized_integrated_gradients", r#"{"n_steps": 1}"#, "between 2 and 100000"),
        ("integrated_gradients", r#"{"n_steps": 1, "method": "riemann_left"}"#, "at least 2"),
        ("integrated_gradients", r#"{"internal_batch_size": 0}"#, "`internal_batch_size` must be"),
        ("discretized_integrated_gradients", r#"{"method": "best"}"#, "maxcount"),
        ("layer_integrated_gradients", r#"{"target_layer": "encoder.99"}"#, "there is no layer encoder.99"),
        ("layer_gradient_x_activation", r#"{"target_layer": "top"}"#, "names no layer"),
        ("layer_deeplift", r#"{"target_layer": 3}"#, "must be a name"),
        ("value_zeroing", r#"{"decoder_zeroed_units_indices": [77]}"#, "there is no head 77"),
        ("value_zeroing", r#"{"decoder_zeroed_units_indices": []}"#, "names no head"),
        ("value_zeroing", r#"{"cross_zeroed_units_indices": {}}"#, "names no head"),
        ("value_zeroing", r#"{"encoder_zeroed_units_indices": {"0": []}}"#, "names no head"),
        ("value_zeroing", r#"{"cross_zeroed_units_indices": {"0": 77}}"#, "there is no head 77"),
        ("value_zeroing", r#"{"similarity_metric": "manhattan"}"#, "euclidean"),
        ("reagent", r#"{"replacements": "nouns"}"#, "given_model"),
        ("reagent", r#"{"replacements": {"given_model": "/no/such/folder"}}"#, "/no/such/folder"),
        ("reagent", r#"{"replacements": {"words": "/no/such/words.json"}}"#, "/no/such/words.json"),
        ("attention", r#"{"layer": 1}"#, "layer"),
        ("dummy", r#"{"n_steps": 1}"#, "n_steps"),
        ("oclusion", "{}", "occlusion"),
    ];
    let model = AttributionModel::demo().unwrap();
    for (method, arguments, expected) in cases {
        let mut request = AttributionRequest::new(["The doors are white."]).method(method);
        request.attribution_args = serde_json::from_str(arguments).unwrap();
        let message = model.attribute(&request).unwrap_err().to_string();
        assert!(message.contains(expected), "{method} {arguments}: {message}");
    }
}

/// Every number of samples, steps or probes has a largest value: what is beyond it is refused before anything is made for it.
#[test]
fn counts_have_limits_that_are_named() {
    let counts = [
        ("integrated_gradients", "n_steps"),
        ("integrated_gradients", "internal_batch_size"),
        ("sequential_integrated_gradients", "n_steps"),
        ("discretized_integrated_gradients", "n_steps"),
        ("discretized_integrated_gradients", "n_neighbors"),
        ("layer_integrated_gradients", "n_steps"),
        ("gradient_shap", "n_samples"),
        ("smoothgrad", "n_samples"),
        ("lime", "n_samples"),
        ("kernel_shap", "n_samples"),
        ("shapley_value_sampling", "n_samples"),
        ("partition_shap", "max_evals"),
        ("reagent", "num_probes"),
        ("reagent", "max_probe_steps"),
        ("reagent", "stopping_condition_top_k"),
    ];
    let absurd = [
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1_000_000_000_000_000_000u64),
        json!(1e18),
        json!(2.5),
    ];
    for (method, argument) in counts {
        for value in &absurd {
            let arguments = [(argument.to_owned(), value.clone())].into_iter().collect();
            let message = method_named(method, &arguments).unwrap_err().to_string();
            let parts = [format!("`{method}`"), format!("`{argument}` must be a whole number between")];
            assert!(parts.iter().all(|part| message.contains(part)), "{value}: {message}");
            assert!(message.contains("found"), "{value}: {message}");
        }
    }
    let dropout = AttributionRequest::new(["Hi"]).step_scores(["mc_dropout_prob_avg"]);
    for value in absurd {
        let mut request = dropout.clone();
        request.step_scores_args.insert("n_mcd_steps".into(), value);
        refused(&request, &["mc_dropout_prob_avg", "`n_mcd_steps` must be a whole number between 2 and 1000"]);
    }
}

#[test]
fn every_method_names_unknown_arguments_with_the_known_and_refuses_wrong_types() {
    for method in list_methods() {
        let ask = |arguments: serde_json::Value| {
            let error = method_named(method.name, arguments.as_object().unwrap()).unwrap_err();
            error.to_string()
        };
        let message = ask(json!({ "no_such_argument": 1 }));
        assert!(message.contains(method.name) && message.contains("`no_such_argument`"), "{message}");
        let known: Vec<&str> = message.split('`').skip(1).step_by(2).skip(2).collect();
        for argument in &known {
            let message = ask([((*argument).to_owned(), json!([[["x"]]]))].into_iter().collect());
            assert!(
                message.contains(method.name) || message.contains(argument),
                "{} {argument}: {message}",
                method.name
            );
        }
        let listed: Vec<&str> = method.arguments.iter().map(|argument| argument.name).collect();
        assert_eq!(known, listed, "{}", method.name);
    }
}

#[test]
fn groups_that_make_no_sense_are_named() {
    let hi = |json: &str| {
        AttributionRequest::new(["Hi"])
            .generated_texts(["Salut"])
            .feature_groups(FeatureGroups::from_json(json).unwrap())
    };
    refused(
        &hi(r#"{"source": [[0, 99]]}"#),
        &["text 1: the source span 1 of its feature groups is", "[0, 99]", "source tokens"],
    );
    refused(&hi(r#"{"target": [[0, 2], [1, 3]]}"#), &["target span 2", "overlap"]);
    refused(&hi(r#"[{"source": [[0, 1]]}, {}]"#), &["given for 2 texts, but there are 1"]);
    let spans = FeatureGroups::Spans(vec![TextSpans::default()]);
    refused(&AttributionRequest::new(["Hi"]).feature_groups(spans), &["feature groups", "found no span"]);
}

fn said(warnings: &[inseq_core::Warning]) -> String {
    warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// What the reference runs with gets a warning, and the rest an error.
#[test]
fn contrasts_that_make_no_sense() {
    let gpt2 = AttributionModel::load(fixture("architectures/gpt2").to_str().unwrap()).unwrap();
    let contrast = |arguments: serde_json::Value| {
        let mut request = AttributionRequest::new(["the cat"]).generated_texts(["the cat sat"]).method("dummy");
        request.step_scores_args = arguments.as_object().cloned().unwrap();
        gpt2.attribute(&request.step_scores(["contrast_prob"]))
    };
    let warnings = |arguments| contrast(arguments).unwrap().info.warnings.map(|warnings| said(&warnings));
    assert_eq!(warnings(json!({ "contrast_targets": "the cat ran" })), None);
    let other = warnings(json!({ "contrast_targets": "a dog ran" })).unwrap();
    assert!(other.contains("does not begin with its prompt") && other.contains("the cat"), "{other}");
    assert_eq!(warnings(json!({ "contrast_sources": "a dog", "contrast_targets": "a dog ran" })), None);
    let unused = warnings(json!({ "contrast_sources": "a dog", "contrast_targets_alignments": "auto" })).unwrap();
    assert!(unused.contains("`contrast_targets_alignments` has no effect"), "{unused}");
    let pairs = json!({ "contrast_targets": "the cat ran", "contrast_targets_alignments": [[[1, 1]], [[1, 1]]] });
    let message = contrast(pairs).unwrap_err().to_string();
    assert!(message.contains("pairs for 2 texts, but there are 1"), "{message}");
}

#[test]
fn a_prompt_without_room_for_more_is_said_to_be_one() {
    let gpt2 = AttributionModel::load(fixture("architectures/gpt2").to_str().unwrap()).unwrap();
    let message = |request: AttributionRequest| gpt2.attribute(&request.method("dummy")).unwrap_err().to_string();
    let long = "the cat sat ".repeat(30);
    let full = message(AttributionRequest::new([long.as_str()]).truncate(true));
    assert!(full.contains("fill the model's 40 positions") && full.contains("tokens were cut off"), "{full}");
    assert!(!full.contains("max_length"), "{full}");
    let whole = AttributionRequest::new([long.as_str()]).generated_texts([format!("{long}on")]).truncate(true);
    let cut = message(whole);
    assert!(cut.contains("nothing after its prompt") && cut.contains("tokens were cut off"), "{cut}");
    assert!(!cut.contains("written as one"), "{cut}");
    let space = message(AttributionRequest::new(["the cat "]).generated_texts(["the cat sat"]));
    assert!(space.contains("written as one") && space.contains("no token comes after it"), "{space}");
    assert!(!space.contains("attribution starts"), "{space}");
}
