//! `inseq attribute-dataset` beside the command of the reference.
#![cfg(feature = "demo")]

mod program;

use std::path::Path;

use inseq_core::{AttributionResult, Tolerance};
use program::{fixture, path_in, run};

const TOLERANCE: Tolerance = Tolerance { absolute: 1e-6, relative: 1e-5 };

/// The files agree in tokens, positions, scores and the facts that do not depend on the program.
fn assert_agreement(case: &str, found: &Path, expected: &Path) {
    let [found, expected] = [found, expected].map(|path| AttributionResult::load(path).unwrap());
    assert_eq!(found.sequences.len(), expected.sequences.len(), "{case}");
    for (index, (found, expected)) in found.sequences.iter().zip(&expected.sequences).enumerate() {
        let tokens = |tokens: &[inseq_core::Token]| -> Vec<(String, Option<u32>)> {
            tokens.iter().map(|token| (token.text.clone(), token.id)).collect()
        };
        assert_eq!(tokens(&found.source), tokens(&expected.source), "{case} {index}");
        assert_eq!(tokens(&found.target), tokens(&expected.target), "{case} {index}");
        assert_eq!(
            (found.attr_pos_start, found.attr_pos_end),
            (expected.attr_pos_start, expected.attr_pos_end),
            "{case} {index}"
        );
        for (found, expected) in [
            (&found.source_attributions, &expected.source_attributions),
            (&found.target_attributions, &expected.target_attributions),
        ] {
            assert_eq!(found.is_some(), expected.is_some(), "{case} {index}");
            let (Some(found), Some(expected)) = (found, expected) else { continue };
            assert_eq!(found.shape(), expected.shape(), "{case} {index}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(TOLERANCE.accepts(*expected, *found), "{case} {index}: {found} is not {expected}");
            }
        }
        assert!(found.step_scores.keys().eq(expected.step_scores.keys()), "{case} {index}");
        for (found, expected) in found.step_scores.values().flatten().zip(expected.step_scores.values().flatten()) {
            assert!(TOLERANCE.accepts(*expected, *found), "{case} {index}: {found} is not {expected}");
        }
    }
    for fact in [
        "input_texts",
        "generated_texts",
        "attribution_method",
        "attribute_target",
        "constrained_decoding",
        "generate_from_target_prefix",
        "generation_args",
        "include_eos_baseline",
        "output_step_attributions",
        "step_scores",
        "attr_pos_start",
        "attr_pos_end",
    ] {
        assert_eq!(found.info.get(fact), expected.info.get(fact), "{case}: {fact}");
    }
}

#[test]
fn one_file_is_that_of_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let saved = path_in(&folder, "result.json");
    // As in `attribute_dataset_golden.py`: the model, the rows whose texts are generated, and how.
    for (name, model, generated, generation) in [
        ("marian", "../../crates/inseq-models/demo", "train[:2]", "{}"),
        ("gpt2", "architectures/gpt2", "train[1:3]", r#"{"max_new_tokens": 6}"#),
        (
            "t5",
            "architectures/t5",
            "train[:1]",
            r#"{"max_new_tokens": 6, "forced_eos_token_id": 1, "suppress_tokens": [2, 70]}"#,
        ),
    ] {
        let mut cases: Vec<(String, String, &str, bool)> = Vec::new();
        for end in ["jsonl", "csv"] {
            cases.push((format!("{name}_{end}_given"), format!("{name}.{end}"), "train[:4]", true));
            cases.push((format!("{name}_{end}_generated"), format!("{name}.{end}"), generated, false));
        }
        // An empty text is its special tokens.
        if name == "marian" {
            cases.push((format!("{name}_empty_generated"), "empty.jsonl".to_owned(), "train", false));
        }
        for (case, file, split, given) in cases {
            let kind = if file.ends_with(".csv") { "csv" } else { "json" };
            let (file, model) = (fixture(&format!("attribute_dataset/{file}")), fixture(model));
            let mut line = vec!["attribute-dataset", "-d", kind, "--files", &file, "--split", split, "-in", "source"];
            if given {
                line.extend(["-gen", "target"]);
            }
            line.extend(["-m", &model, "-o", &saved, "--hide", "--model_kwargs", r#"{"dtype": "float32"}"#]);
            line.extend(["--attribution_aggregators", "vnorm", "--step_scores", "probability"]);
            line.extend(["--generation_kwargs", generation]);
            let output = run(&line);
            assert!(output.status.success(), "{line:?}: {output:?}");
            assert_agreement(&case, saved.as_ref(), fixture(&format!("attribute_dataset/{case}.json")).as_ref());
        }
    }
}
