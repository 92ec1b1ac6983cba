//! Texts of a call that do not have the positions asked for.

use std::ops::ControlFlow;

use inseq_core::aggregators::{Slices, Spans};
use inseq_core::{AttributionResult, SequenceAttribution, Tolerance};
use inseq_methods::{AttributionRequest, FeatureGroups, Progress};
use serde_json::json;

use crate::{Subject, check, methods, with};

/// A batch whose second text is too short for the positions asked for.
fn with_a_short_text(subject: &Subject) -> AttributionRequest {
    let request = subject.texts(&["the cat", "the cat", "the dog"], &["sat on a mat", "sat", "ran to a house"]);
    let lengths: Vec<usize> =
        subject.attribute(&request.clone().method("dummy")).sequences.iter().map(|s| s.target.len()).collect();
    assert!(lengths[1] < lengths[0] && lengths[1] < lengths[2], "{lengths:?}");
    request.positions(Some(lengths[1] as i64), None)
}

#[test]
fn a_text_that_is_too_short_gets_an_empty_attribution() {
    for name in ["gpt2", "llama", "t5", "marian", "bart"] {
        let subject = Subject::load(name);
        for (method, arguments, agreement) in methods() {
            for &mode in subject.modes() {
                let what = format!("{name} {method} {mode}");
                let request = with_a_short_text(&subject).attribute_target(mode).step_scores(["probability"]);
                let request = with(request, method, &arguments);
                let start = request.attr_pos_start.unwrap() as usize;
                let result = subject.attribute(&request);
                let [first, short, last] = &result.sequences[..] else { panic!("{what}: three texts") };
                assert_eq!((short.attr_pos_start, short.attr_pos_end), (short.target.len(), short.target.len()));
                assert_eq!(short.kind, first.kind, "{what}");
                assert!(short.step_scores.keys().eq(first.step_scores.keys()), "{what}");
                assert!(short.step_scores.values().all(|scores| scores.is_empty()), "{what}");
                let sides = [
                    (&short.source_attributions, &first.source_attributions, short.source.len()),
                    (&short.target_attributions, &first.target_attributions, short.target.len()),
                ];
                for (own, other, rows) in sides {
                    let shape = other.as_ref().map(|other| [&[rows, 0], &other.shape()[2..]].concat());
                    assert_eq!(own.as_ref().map(|own| own.shape().to_vec()), shape, "{what}");
                }
                let warnings = result.info.to_map()["warnings"].to_string();
                assert!(warnings.contains("text 2 of 3") && warnings.contains("sat"), "{what}: {warnings}");
                assert_eq!(result.info.to_map()["attr_pos_start"], json!(start), "{what}");
                // The others get what they get alone.
                for (index, found) in [(0, first), (2, last)] {
                    let mut alone = request.clone();
                    alone.input_texts = vec![request.input_texts[index].clone()];
                    alone.generated_texts = request.generated_texts.as_ref().map(|texts| vec![texts[index].clone()]);
                    check(&what, &subject.attribute(&alone).sequences[0], found, agreement);
                }
            }
        }
    }
}

#[test]
fn texts_without_steps_stand_everything() {
    for name in ["gpt2", "t5"] {
        let subject = Subject::load(name);
        for method in ["saliency", "attention", "occlusion", "dummy"] {
            for groups in [FeatureGroups::Tokens, FeatureGroups::Words] {
                let request = with_a_short_text(&subject).attribute_target(true).method(method).feature_groups(groups);
                let request = request.output_step_attributions(true).step_scores(["probability"]);
                let result = subject.attribute(&request);
                let aggregated = result.aggregate().unwrap();
                assert_eq!(aggregated.sequences[1].steps(), 0);
                assert_eq!(aggregated.get_scores_dicts().unwrap()[1].source_attributions.len(), 0);
                let short = &result.sequences[1];
                assert_eq!(short.slice_steps(0..0).unwrap(), *short);
                let (of_target, whole) = (0..1, 0..short.target.len());
                let kept = short.aggregate_with(&Slices::new().target([of_target])).unwrap();
                assert_eq!((kept.target.len(), kept.steps()), (1, 0));
                let merged = short.aggregate_with(&Spans::new().target([whole])).unwrap();
                assert_eq!((merged.target.len(), merged.steps()), (1, 0));
                short.clone().weight_attributions("probability").unwrap();
                let folder = tempfile::tempdir().unwrap();
                for end in ["json", "json.gz", "safetensors"] {
                    for result in [&result, &aggregated] {
                        let path = folder
                            .path()
                            .join(format!("{}.{end}", result.sequences[0].kind == aggregated.sequences[0].kind));
                        result.save(&path).unwrap_or_else(|e| panic!("{name} {method} {end}: {e}"));
                        let loaded =
                            AttributionResult::load(&path).unwrap_or_else(|e| panic!("{name} {method} {end}: {e}"));
                        assert!(loaded.is_close(result, Tolerance::EXACT), "{name} {method} {end}");
                        std::fs::remove_file(&path).unwrap();
                    }
                }
                for end in ["csv", "parquet", "arrow"] {
                    result.save(folder.path().join(format!("table.{end}"))).unwrap();
                    std::fs::remove_file(folder.path().join(format!("table.{end}"))).unwrap();
                }
                let merged = AttributionResult::merge([result.clone(), result.clone()]).unwrap();
                assert_eq!(merged.sequences.len(), 6);
                merged.validate().unwrap();
                let nothing = (&aggregated - &aggregated).unwrap();
                assert_eq!(nothing.sequences[1], aggregated.sequences[1]);
            }
        }
    }
}

#[test]
fn a_call_without_any_step_is_refused() {
    for name in ["gpt2", "t5"] {
        let subject = Subject::load(name);
        let request = subject.texts(&["the cat", "the dog"], &["sat", "ran to a house"]).positions(Some(40), None);
        for refused in [subject.model.attribute(&request).map(drop), subject.model.plan(&request).map(drop)] {
            let message = refused.unwrap_err().to_string();
            assert!(message.contains("`attr_pos_start` is 40") && message.contains("sat"), "{message}");
        }
    }
}

#[test]
fn plans_and_progress_leave_texts_without_steps_out() {
    for name in ["gpt2", "t5"] {
        let subject = Subject::load(name);
        for (method, arguments, _) in methods() {
            let request = with(with_a_short_text(&subject), method, &arguments);
            let plans = subject.model.plan(&request).unwrap();
            let steps: Vec<usize> = plans.iter().map(|plan| plan.steps).collect();
            let sequences = subject.attribute(&request).sequences;
            assert_eq!(steps, sequences.iter().map(SequenceAttribution::steps).collect::<Vec<_>>());
            assert_eq!((plans[1].steps, plans[1].pullbacks, plans[1].bytes), (0, 0, 0), "{name} {method}");
            let (mut last, mut shown) = (None, Vec::new());
            let finished = subject.model.attribute_with_progress(&request, &mut |progress| {
                if let Progress::Attributing { done, total, texts } = progress {
                    last = Some((done, total));
                    shown.extend(texts);
                }
                ControlFlow::Continue(())
            });
            assert!(finished.is_ok());
            let (done, total) = last.unwrap();
            assert_eq!(done, total, "{name} {method}");
            let short = &request.generated_texts.as_ref().unwrap()[1];
            assert!(!shown.contains(short), "{name} {method}: {short:?} of {shown:?}");
        }
    }
}
