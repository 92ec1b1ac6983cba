//! The reference reads results whose steps are spans of the target. Needs a Python with inseq 0.7.1, named by
//! `INSEQ_REFERENCE_PYTHON`; without it, only this program reads them.

use std::path::Path;
use std::process::Command;

use inseq_core::{AttributionResult, SequenceAttribution, Tolerance};
use inseq_methods::{AttributionModel, AttributionRequest, TargetSpans};
use inseq_tests::fixture;
use ndarray::ArrayD;
use serde_json::{Value, json};

/// A result of an encoder-decoder with target attribution, and one of a decoder-only model.
fn results() -> Vec<(String, AttributionResult)> {
    let spans = ["whole", "words", "sentences"];
    let demo = AttributionModel::demo().unwrap();
    let translation = AttributionRequest::new(["She was late. The doors are white."])
        .generated_texts(["Elle était en retard. Les portes sont blanches."])
        .attribute_target(true)
        .step_scores(["probability"]);
    let decoder = AttributionModel::load(fixture("architectures/bloom").to_str().unwrap()).unwrap();
    let text = AttributionRequest::new(["the cat"]).generated_texts(["the cat sat on the mat . a dog ran ."]);
    let mut results = Vec::new();
    for span in spans {
        for (name, model, request) in [("translation", &demo, &translation), ("text", &decoder, &text)] {
            let request = request.clone().target_spans(span.parse::<TargetSpans>().unwrap());
            results.push((format!("{name}_{span}"), model.attribute(&request).unwrap()));
        }
    }
    results
}

/// The facts of a sequence that the reference must find.
fn expected(sequence: &SequenceAttribution) -> Value {
    let aggregated = sequence.aggregate().unwrap();
    let rows = |scores: &Option<ArrayD<f32>>| {
        scores
            .as_ref()
            .map(|scores| scores.outer_iter().map(|row| row.iter().copied().collect()).collect::<Vec<Vec<f32>>>())
    };
    json!({
        "target": sequence.target.iter().map(|token| &token.text).collect::<Vec<_>>(),
        "steps": [sequence.attr_pos_start, sequence.attr_pos_end],
        "source_attributions": rows(&aggregated.source_attributions),
        "target_attributions": rows(&aggregated.target_attributions),
    })
}

#[test]
fn the_reference_reads_spans() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, end: &str| folder.path().join(format!("{name}.{end}"));
    let results = results();
    for (name, result) in &results {
        result.save(path(name, "json")).unwrap();
        std::fs::write(path(name, "expected"), expected(&result.sequences[0]).to_string()).unwrap();
        assert!(result.is_close(&AttributionResult::load(path(name, "json")).unwrap(), Tolerance::EXACT), "{name}");
    }
    let Some(python) = std::env::var_os("INSEQ_REFERENCE_PYTHON") else {
        eprintln!("the reference is skipped: INSEQ_REFERENCE_PYTHON does not name a Python with inseq 0.7.1");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/spans_read_back.py");
    let output = Command::new(python).arg(script).arg(folder.path()).env("HF_HUB_OFFLINE", "1").output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join("\n");
    assert!(output.status.success(), "{said}");
    // What the reference saved again still holds everything.
    for (name, result) in &results {
        assert!(result.is_close(&AttributionResult::load(path(name, "again")).unwrap(), Tolerance::EXACT), "{name}");
    }
}
