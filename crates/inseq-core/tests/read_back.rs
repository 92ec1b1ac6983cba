//! The reference reads what this crate writes. Needs a Python with inseq 0.7.1, named by `INSEQ_REFERENCE_PYTHON`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use inseq_core::{AttributionKind, AttributionResult, SaveOptions, ScoresPrecision, Tolerance};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The golden files that this crate loads and the reference made, by name.
fn golden_files() -> Vec<(String, AttributionResult)> {
    let files = fs::read_dir(repository().join("tests/fixtures/core")).expect("the golden files are committed");
    let names = files.filter_map(|file| Some(file.ok()?.file_name().to_str()?.strip_suffix(".json")?.to_owned()));
    // Primitives cannot be loaded by anybody.
    let names = names.filter(|name| !["expected", "variants.primitives"].contains(&name.as_str()));
    let load = |name: String| {
        let path = repository().join(format!("tests/fixtures/core/{name}.json"));
        (name, AttributionResult::load(path).expect("golden files load"))
    };
    names.map(load).collect()
}

/// The result with names and an order that the reference's layout does not hold.
fn renamed(mut result: AttributionResult) -> AttributionResult {
    for sequence in &mut result.sequences {
        sequence.step_scores.reverse();
        sequence.sequence_scores.reverse();
        if let AttributionKind::MultiDimensional { dimensions } = &mut sequence.kind {
            dimensions.iter_mut().for_each(|name| name.insert(0, '▁'));
        }
    }
    result
}

fn variants() -> Vec<(&'static str, SaveOptions)> {
    let plain = SaveOptions::default();
    vec![
        ("plain.json", plain),
        ("lists.json", plain.ndarray_compact(false)),
        ("float16.json", plain.scores_precision(ScoresPrecision::Float16)),
        ("float8.json", plain.scores_precision(ScoresPrecision::Float8)),
        ("gzipped.json.gz", plain.compress(true)),
        ("split.json", plain.split_sequences(true)),
    ]
}

#[test]
fn the_reference_reads_what_is_written_here() {
    let Some(python) = env::var_os("INSEQ_REFERENCE_PYTHON") else {
        eprintln!("skipped: INSEQ_REFERENCE_PYTHON does not name a Python with inseq 0.7.1");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, result) in golden_files() {
        for (variant, options) in variants() {
            result
                .save_with(folder.path().join(format!("{name}__{variant}")), &options)
                .expect("golden files can be saved");
        }
        renamed(result).save(folder.path().join(format!("{name}__renamed.json"))).expect("golden files can be saved");
    }
    let output = Command::new(python)
        .arg(repository().join("tests/reference/core_read_back.py"))
        .arg(repository().join("tests/fixtures/core"))
        .arg(folder.path())
        .env("HF_HUB_OFFLINE", "1")
        .output()
        .expect("INSEQ_REFERENCE_PYTHON runs");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join("\n");
    assert!(output.status.success(), "{text}");
    println!("{text}");

    // What the reference saved again after reading it still holds everything, names and steps included.
    let again = |name: &str, variant: &str| {
        AttributionResult::load(folder.path().join(format!("{name}__{variant}.again"))).expect("it loads again")
    };
    for (name, result) in golden_files() {
        assert!(result.is_close(&again(&name, "plain"), Tolerance::EXACT), "{name}");
        assert!(renamed(result).is_close(&again(&name, "renamed"), Tolerance::EXACT), "{name}, renamed");
    }
}
