//! Positions that do not follow each other: their scores are those of the whole attribution at these steps.

use std::ops::ControlFlow;

use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest, Limits, Progress};

use super::{Agreement, Subject, check};

/// The sequences of each text.
type Texts = Vec<Vec<SequenceAttribution>>;

/// Attributes positions of each text, and returns the sequences of each with the progress at the end.
fn attribute(
    model: &AttributionModel,
    request: &AttributionRequest,
    positions: &[Vec<usize>],
) -> inseq_methods::Result<(Texts, (usize, usize))> {
    let mut seen = (0, 0);
    let (texts, _) = model.attribute_positions(request, positions, &mut |progress| {
        if let Progress::Attributing { done, total, .. } = progress {
            seen = (done, total);
        }
        ControlFlow::Continue(())
    })?;
    Ok((texts, seen))
}

/// Compares scattered steps with those of the whole attribution: alone, two together, and both ends.
pub(super) fn check_scattered(
    subject: &Subject,
    what: &str,
    request: &AttributionRequest,
    whole: &SequenceAttribution,
    agreement: Agreement,
) {
    let (first, last) = (whole.attr_pos_start, whole.steps() - 1);
    assert!(last > 3, "{what}: {last} steps are too few");
    for runs in [vec![0..1, 2..4, last..last + 1], vec![1..2, last - 1..last]] {
        let what = format!("{} {what} {runs:?}", subject.name);
        let positions: Vec<usize> = runs.iter().cloned().flatten().map(|step| first + step).collect();
        let (mut texts, (done, total)) = attribute(&subject.model, request, &[positions]).expect("scattered positions");
        assert_eq!(done, total, "{what}");
        let found = texts.remove(0);
        assert_eq!(found.len(), if runs.len() == 3 && last == 4 { 2 } else { runs.len() }, "{what}");
        for sequence in &found {
            let steps = sequence.attr_pos_start - first..sequence.attr_pos_end - first;
            assert!(runs.iter().any(|run| run.start == steps.start), "{what}: {steps:?}");
            check(&what, &whole.slice_steps(steps).unwrap(), sequence, agreement);
        }
    }
}

/// Texts with other positions and other lengths share a batch.
#[test]
fn each_text_has_its_own() {
    for name in ["gpt2", "t5"] {
        let subject = Subject::load(name);
        let prompts = ["the cat", "a dog and the big house", "the cat sat"];
        let request = subject.texts(&prompts, &["sat on a mat", "ran", "on a mat and the dog ran"]);
        let request = request.attribute_target(true).step_scores(["probability"]);
        let whole = subject.attribute(&request).sequences;
        let steps: [&[usize]; 3] = [&[3, 0], &[0], &[0, 2, 4, 1]];
        let positions: Vec<Vec<usize>> = steps
            .iter()
            .zip(&whole)
            .map(|(steps, whole)| steps.iter().map(|step| whole.attr_pos_start + step).collect())
            .collect();
        for budget in [1 << 30, 1] {
            let request = request.clone().limits(Limits::default().memory_budget(budget));
            let (texts, _) = attribute(&subject.model, &request, &positions).unwrap();
            assert_eq!(texts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 2], "{name}");
            for (found, whole) in texts.iter().zip(&whole) {
                for sequence in found {
                    let steps = [sequence.attr_pos_start, sequence.attr_pos_end].map(|at| at - whole.attr_pos_start);
                    let expected = whole.slice_steps(steps[0]..steps[1]).unwrap();
                    check(&format!("{name} {steps:?}"), &expected, sequence, Agreement::Exact);
                }
            }
        }
    }
}

/// The number of pullbacks is that of the positions, not of what lies between them.
#[test]
fn only_the_positions_are_run() {
    let subject = Subject::load("gpt2");
    let request = subject.request().method("integrated_gradients").attribution_argument("n_steps", 4);
    let whole = subject.attribute(&request).sequences.swap_remove(0);
    let last = whole.attr_pos_end - 1;
    let (_, (done, total)) = attribute(&subject.model, &request, &[vec![whole.attr_pos_start, last]]).unwrap();
    assert_eq!((done, total), (2 * 4, 2 * 4));
}

#[test]
fn positions_that_are_not_there_are_named() {
    let subject = Subject::load("gpt2");
    let message = |positions: &[Vec<usize>]| {
        attribute(&subject.model, &subject.request(), positions).map(|_| ()).unwrap_err().to_string()
    };
    let whole = subject.attribute(&subject.request()).sequences.swap_remove(0);
    let (first, end) = (whole.attr_pos_start, whole.attr_pos_end);
    let there = format!("has positions {first} to {}", end - 1);
    for position in [0, first - 1, end] {
        let message = message(&[vec![first, position]]);
        assert!(
            message.contains(&format!("position {position} is requested")) && message.contains(&there),
            "{message}"
        );
    }
    assert!(message(&[vec![]]).contains("no position is requested"));
    let count = message(&[vec![first], vec![first]]);
    assert!(count.contains("positions are given for 2 texts, but there are 1"), "{count}");
    // Those of the request have no effect beside them.
    let request = subject.request().positions(Some(first as i64), Some(first as i64 + 1));
    let (texts, _) = attribute(&subject.model, &request, &[vec![end - 1]]).unwrap();
    assert_eq!(texts[0][0].attr_pos_start, end - 1);
}
