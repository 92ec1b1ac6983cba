//! The reference's scores, from `tests/reference/positions_golden.py`.

use inseq_methods::AttributionRequest;
use inseq_tests::{assert_close, fixture, golden_tensors};
use ndarray::Axis;
use serde::Deserialize;
use serde_json::Value;

use crate::{Subject, with};

#[derive(Deserialize)]
struct Golden {
    prompt: String,
    generated: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    method: String,
    arguments: Value,
    attribute_target: bool,
    start: Option<i64>,
    end: Option<i64>,
    positions: (usize, usize),
}

#[test]
fn the_reference_gives_the_same_scores() {
    for name in ["marian", "t5", "bart", "gpt2", "bloom", "llama"] {
        let subject = Subject::load(name);
        let path = fixture("positions").join(format!("{name}.json"));
        let golden: Golden = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let tensors = golden_tensors(&path.with_extension("safetensors"));
        assert!(golden.cases.len() >= 30, "{name}");
        for (key, case) in golden.cases.iter().enumerate() {
            let what = format!("{name} {} {} {:?}..{:?}", case.method, case.attribute_target, case.start, case.end);
            let request = AttributionRequest::new([golden.prompt.as_str()])
                .generated_texts([golden.generated.as_str()])
                .attribute_target(case.attribute_target)
                .positions(case.start, case.end)
                .step_scores(["probability"]);
            let found = subject.attribute(&with(request, &case.method, &case.arguments)).sequences.swap_remove(0);
            assert_eq!((found.attr_pos_start, found.attr_pos_end), case.positions, "{what}");
            let sides = [("source", &found.source_attributions), ("target", &found.target_attributions)];
            let largest = |side: &str| {
                let scores = tensors.get(&format!("{key}.{side}")).map(|(_, scores)| scores);
                scores.into_iter().flatten().filter(|x| !x.is_nan()).fold(0f32, |largest, x| largest.max(x.abs()))
            };
            let scale = largest("source").max(largest("target"));
            for (side, scores) in sides {
                let expected = tensors.get(&format!("{key}.{side}"));
                assert_eq!(scores.is_some(), expected.is_some(), "{what}: {side}");
                let (Some(scores), Some((shape, expected))) = (scores, expected) else { continue };
                let scores = if scores.ndim() > shape.len() { scores.sum_axis(Axis(2)) } else { scores.clone() };
                assert_eq!(scores.shape()[1..], shape[1..], "{what}: {side}");
                // It has rows up to the last attributed token, and of an encoder-decoder one more. All others are NaN here.
                let rows = shape[0].min(scores.shape()[0]);
                let (own, rest) = scores.view().split_at(Axis(0), rows);
                assert!(rest.iter().all(|x| x.is_nan()) && (side == "target" || rest.is_empty()), "{what}: {side}");
                let per_row = expected.len() / shape[0];
                let own: Vec<f32> = own.iter().copied().collect();
                // One side's may be next to nothing beside the other's.
                let tolerance = 1e-4 * scale / largest(side).max(f32::MIN_POSITIVE);
                assert_close(&format!("{what}: {side}"), &own, &expected[..rows * per_row], tolerance);
            }
            if let Some((_, expected)) = tensors.get(&format!("{key}.step.probability")) {
                assert_close(&what, &found.step_scores["probability"].to_vec(), expected, 1e-4);
            }
        }
    }
}
