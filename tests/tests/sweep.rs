//! Checkpoints in the styles of several versions of transformers, against what transformers says of them (made by
//! `tests/reference/sweep.py`).
//!
//! `tests/fixtures/sweep` is a fixed sample. `INSEQ_SWEEP=FOLDER` names a folder of a whole sweep to compare instead.

use std::path::{Path, PathBuf};

use inseq_methods::{AttributionModel, AttributionRequest, Result};
use inseq_tests::fixture;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Largest difference of a probability.
const TOLERANCE: f32 = 1e-4;

/// `style.json`: how a checkpoint was made. Files that are those of the repository it was made from are not stored again.
#[derive(Deserialize)]
struct Style {
    #[serde(default)]
    base: String,
    #[serde(default)]
    from_base: Vec<String>,
}

/// `expected.json`: what transformers says of a checkpoint, or why it does not load it.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Cases(Vec<Case>),
    Refused(String),
}

#[derive(Deserialize)]
struct Case {
    prompt: String,
    /// The text whose steps are scored; a decoder-only model has the prompt before it.
    answer: String,
    prompt_ids: Vec<u32>,
    /// Ids of the target, from the decoder's start token or the prompt on.
    target_ids: Vec<u32>,
    probabilities: Vec<f32>,
    greedy: Greedy,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Greedy {
    Ids(Vec<u32>),
    /// transformers does not generate with this checkpoint.
    Error(#[expect(dead_code)] String),
}

#[test]
fn checkpoints_of_every_style_agree_with_transformers() {
    let root = std::env::var_os("INSEQ_SWEEP").map_or_else(|| fixture("sweep"), PathBuf::from);
    let entries = std::fs::read_dir(&root).expect("the folder of checkpoints is there");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    folders.retain(|folder| folder.join("expected.json").exists());
    folders.sort();
    assert!(!folders.is_empty(), "no checkpoint in {}", root.display());
    let differences: Vec<String> = folders.iter().flat_map(|folder| differences(folder)).collect();
    assert!(
        differences.is_empty(),
        "{} differences in {} checkpoints:\n{}",
        differences.len(),
        folders.len(),
        differences.join("\n")
    );
}

/// The folder of a whole checkpoint: `folder`, or a copy in `whole` with the files that are not stored again.
fn repository(folder: &Path, whole: &Path) -> PathBuf {
    let bytes = std::fs::read(folder.join("style.json")).expect("style.json can be read");
    let style: Style = serde_json::from_slice(&bytes).expect("style.json says how the checkpoint was made");
    if style.from_base.is_empty() {
        return folder.to_path_buf();
    }
    let own = std::fs::read_dir(folder).expect("the checkpoint is there").map(|entry| entry.expect("a file").path());
    let base = fixture("architectures").join(style.base);
    for file in own.chain(style.from_base.iter().map(|file| base.join(file))) {
        let name = file.file_name().expect("a file's name");
        std::fs::copy(&file, whole.join(name)).expect("a file can be copied");
    }
    whole.to_path_buf()
}

/// Where a checkpoint disagrees, a line each.
fn differences(folder: &Path) -> Vec<String> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = std::fs::read(folder.join("expected.json")).expect("expected.json can be read");
    let expected: Expected = serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    let whole = tempfile::tempdir().expect("a folder for the checkpoint");
    let repository = repository(folder, whole.path());
    let loaded = AttributionModel::load(&repository.to_string_lossy());
    let (model, cases) = match (loaded, expected) {
        (Ok(model), Expected::Cases(cases)) => (model, cases),
        (Err(error), Expected::Cases(_)) => return vec![format!("{name}: refused: {error}")],
        (Ok(_), Expected::Refused(reason)) => return vec![format!("{name}: loaded, but transformers says: {reason}")],
        (Err(_), Expected::Refused(_)) => return Vec::new(),
    };
    let mut found = Vec::new();
    for case in &cases {
        if let Err(error) = compare(&model, case, &mut |difference| found.push(format!("{name}: {difference}"))) {
            found.push(format!("{name}: {:?}: {error}", case.prompt));
        }
    }
    found
}

fn compare(model: &AttributionModel, case: &Case, differ: &mut dyn FnMut(String)) -> Result<()> {
    let is_decoder_only = model.model().encoder.is_none();
    let prompt = if is_decoder_only { case.prompt.as_str() } else { "" };
    let request = AttributionRequest::new([case.prompt.clone()])
        .generated_texts([format!("{prompt}{}", case.answer)])
        .method("dummy")
        .step_scores(["probability"]);
    let result = model.attribute(&request)?;
    let sequence = &result.sequences[0];
    let ids = |tokens: &[inseq_core::Token]| tokens.iter().map(|token| token.id.unwrap()).collect::<Vec<_>>();
    let [source, target] = [ids(&sequence.source), ids(&sequence.target)];
    if source != case.prompt_ids {
        differ(format!("prompt ids of {:?} are {source:?}, expected {:?}", case.prompt, case.prompt_ids));
    }
    if target != case.target_ids {
        differ(format!("target ids of {:?} are {target:?}, expected {:?}", case.answer, case.target_ids));
    }
    let got = sequence.step_scores["probability"].to_vec();
    let apart = |(a, b): (&f32, &f32)| a.is_nan() || (a - b).abs() > TOLERANCE;
    if got.len() != case.probabilities.len() || got.iter().zip(&case.probabilities).any(apart) {
        differ(format!("probabilities of {:?} are {got:?}, expected {:?}", case.answer, case.probabilities));
    }
    let Greedy::Ids(expected) = &case.greedy else { return Ok(()) };
    let arguments = [("num_beams", Value::from(1)), ("max_new_tokens", 8.into()), ("do_sample", false.into())];
    let arguments = Map::from_iter(arguments.map(|(name, value)| (name.to_string(), value)));
    let greedy = model.generate_token_ids(&[&case.prompt], &arguments)?;
    if greedy[0] != *expected {
        differ(format!("greedy ids of {:?} are {:?}, expected {expected:?}", case.prompt, greedy[0]));
    }
    Ok(())
}
