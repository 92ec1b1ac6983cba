//! Attributed positions: the scores of `start..end` are those of the whole attribution at these steps, and the reference's.

mod groups;
mod reference;
mod scattered;
mod short_texts;

use std::ops::Range;

use inseq_core::{AttributionResult, SequenceAttribution, Token};
use inseq_methods::{AttributionModel, AttributionRequest, list_methods};
use inseq_models::tokenizer::Role;
use inseq_tests::{assert_close, fixture};
use ndarray::{ArrayD, Axis, Slice};
use serde_json::{Map, Value, json};

/// Largest difference, as a share of the largest score, between a step's scores and the same scores where other steps are
/// attributed beside it. The arithmetic is the same; matrix products of other shapes round otherwise.
const ROUNDING: f32 = 2e-6;

/// Both ends, one step, the first, the last, counts from the end; from the first position that can be attributed on.
const POSITIONS: &[(Option<i64>, Option<i64>)] = &[
    (Some(1), Some(4)),
    (Some(2), Some(3)),
    (None, Some(1)),
    (None, Some(3)),
    (Some(3), None),
    (Some(-1), None),
    (Some(-4), Some(-2)),
    (None, Some(-3)),
    (Some(2), Some(99)),
];

/// How far a method's scores at a step depend on which other steps are attributed.
#[derive(Clone, Copy, PartialEq)]
enum Agreement {
    /// Not at all.
    Exact,
    /// Not at all; they are differences of the attributed function's values, and rounded as these are.
    Differences,
}

/// Every method with quick arguments: those that draw or divide, also with so few samples or forwards that they take neither all
/// choices nor all parts.
fn methods() -> Vec<(&'static str, Value, Agreement)> {
    let methods = list_methods().iter().flat_map(|method| {
        let (agreement, arguments) = match method.name {
            "lime" | "kernel_shap" => {
                (Agreement::Differences, vec![json!({ "n_samples": 1 << 12 }), json!({ "n_samples": 7 })])
            }
            "occlusion" => {
                (Agreement::Differences, vec![json!({}), json!({ "sliding_window_shapes": 3, "strides": 2 })])
            }
            "shapley_value_sampling" => (Agreement::Differences, vec![json!({ "n_samples": 2 })]),
            "partition_shap" => {
                (Agreement::Differences, vec![json!({ "max_evals": 10_000 }), json!({ "max_evals": 12 })])
            }
            "reagent" => (
                Agreement::Differences,
                vec![
                    json!({ "max_probe_steps": 3, "num_probes": 3, "keep_top_n": 2 }),
                    json!({ "max_probe_steps": 2, "num_probes": 2, "replacements": "uniform" }),
                ],
            ),
            "gradient_shap" => (Agreement::Exact, vec![json!({ "n_samples": 2, "stdevs": 0.1 })]),
            "smoothgrad" => (Agreement::Exact, vec![json!({ "n_samples": 2, "nt_type": "vargrad" })]),
            name if name.ends_with("integrated_gradients") => (Agreement::Exact, vec![json!({ "n_steps": 3 })]),
            _ => (Agreement::Exact, vec![json!({})]),
        };
        arguments.into_iter().map(move |arguments| (method.name, arguments, agreement))
    });
    methods.collect()
}

struct Subject {
    name: String,
    model: AttributionModel,
}

impl Subject {
    fn load(name: &str) -> Self {
        let model = AttributionModel::load(fixture("architectures").join(name).to_str().expect("a path")).unwrap();
        Self { name: name.to_owned(), model }
    }

    fn has_encoder(&self) -> bool {
        self.model.model().encoder.is_some()
    }

    fn request(&self) -> AttributionRequest {
        self.texts(&["the cat"], &["sat on a mat"])
    }

    /// Prompts with what follows them; the text of a decoder-only model begins with its prompt.
    fn texts(&self, prompts: &[&str], written: &[&str]) -> AttributionRequest {
        let whole = prompts.iter().zip(written).map(|(prompt, written)| match self.has_encoder() {
            true => (*written).to_owned(),
            false => format!("{prompt} {written}"),
        });
        AttributionRequest::new(prompts.iter().copied()).generated_texts(whole)
    }

    fn modes(&self) -> &[bool] {
        if self.has_encoder() { &[false, true] } else { &[false] }
    }

    fn attribute(&self, request: &AttributionRequest) -> AttributionResult {
        let result = self.model.attribute(request).unwrap_or_else(|e| panic!("{} {request:?}: {e}", self.name));
        result.validate().unwrap_or_else(|e| panic!("{} {request:?}: {e}", self.name));
        result
    }

    /// Positions of [`POSITIONS`] as a request takes them, and which steps of `whole` they are.
    fn positions(&self, whole: &SequenceAttribution) -> Vec<(Option<i64>, Option<i64>, Range<usize>)> {
        let (first, length) = (whole.attr_pos_start as i64, whole.target.len() as i64);
        let counted = |position: i64| if position < 0 { position } else { position + first };
        let absolute = |position: i64| if position < 0 { position + length } else { position };
        let each = POSITIONS.iter().filter_map(|&(start, end)| {
            let (start, end) = (start.map(counted), end.map(counted));
            // Of decoder-only models, a start that counts from the end is raised to the first position, as in the reference.
            let from = start.map_or(first, |start| if self.has_encoder() { absolute(start) } else { start.max(first) });
            let to = end.map_or(length, absolute).min(length);
            let steps = (from - first) as usize..(to - first).max(0) as usize;
            (steps.start < steps.end).then_some((start, end, steps))
        });
        each.collect()
    }
}

fn with(mut request: AttributionRequest, method: &str, arguments: &Value) -> AttributionRequest {
    request.attribution_args = arguments.as_object().cloned().expect("an object");
    request.method(method)
}

/// The values, and the largest among them.
fn values(scores: &ArrayD<f32>) -> Vec<f32> {
    scores.iter().copied().collect()
}

/// Asserts that scores are those expected, to [`ROUNDING`] of `scale` or of the largest.
fn same(what: &str, found: &[f32], expected: &[f32], scale: f32) {
    let largest = expected.iter().filter(|x| !x.is_nan()).fold(0f32, |largest, x| largest.max(x.abs()));
    let share = if largest > 0.0 { (scale / largest).max(1.0) } else { 1.0 };
    assert_close(what, found, expected, ROUNDING * share);
}

fn check(what: &str, expected: &SequenceAttribution, found: &SequenceAttribution, agreement: Agreement) {
    // Only attributed tokens are shown with what a contrast compares them with.
    let plain =
        |sequence: &SequenceAttribution| sequence.target.iter().map(|t| t.written().to_owned()).collect::<Vec<_>>();
    let attributed = expected.attr_pos_start..expected.attr_pos_end;
    assert_eq!(plain(found), plain(expected), "{what}");
    assert_eq!(found.target[attributed.clone()], expected.target[attributed], "{what}");
    assert_eq!((found.attr_pos_start, found.attr_pos_end), (expected.attr_pos_start, expected.attr_pos_end), "{what}");
    assert_eq!(found.kind, expected.kind, "{what}");
    // No attributed function is rounded better than the largest of a step's scores.
    let values_of_functions = || expected.step_scores.values().flatten().fold(0f32, |largest, &p| largest.max(p.abs()));
    let scale = if agreement == Agreement::Differences { values_of_functions() } else { 0.0 };
    let sides = [
        ("source", &expected.source_attributions, &found.source_attributions),
        ("target", &expected.target_attributions, &found.target_attributions),
    ];
    // The largest sum of a step's absolute scores.
    let mut most = 0f32;
    for (side, expected, found) in sides {
        let (Some(expected), Some(found)) = (expected, found) else {
            assert_eq!(expected.is_some(), found.is_some(), "{what}: {side}");
            continue;
        };
        assert_eq!(found.shape(), expected.shape(), "{what}: {side}");
        let hidden = |scores: &ArrayD<f32>| scores.iter().map(|x| x.is_nan()).collect::<Vec<_>>();
        assert_eq!(hidden(found), hidden(expected), "{what}: {side}: what steps cannot see");
        same(&format!("{what}: {side}"), &values(found), &values(expected), scale);
        for scores in [expected, found] {
            for step in scores.axis_iter(Axis(1)) {
                most = most.max(step.iter().filter(|x| !x.is_nan()).map(|x| x.abs()).sum());
            }
        }
    }
    assert!(found.step_scores.keys().eq(expected.step_scores.keys()), "{what}");
    for (name, scores) in &found.step_scores {
        let expected = expected.step_scores[name].to_vec();
        assert_eq!(scores.len(), expected.len(), "{what}: {name}");
        // A delta is a sum of scores less what it should be.
        let scale = if name == "deltas" { most } else { 0.0 };
        same(&format!("{what}: {name}"), &scores.to_vec(), &expected, scale);
    }
    assert!(found.sequence_scores.keys().eq(expected.sequence_scores.keys()), "{what}");
    for (name, inseq_core::SequenceScore { scores, .. }) in &found.sequence_scores {
        // They describe the tokens up to the last attributed one.
        let mut whole = expected.sequence_scores[name].scores.clone();
        for axis in [0, 1] {
            whole.slice_axis_inplace(Axis(axis), Slice::from(..scores.shape()[axis]));
        }
        same(&format!("{what}: {name}"), &values(scores), &values(&whole), 0.0);
    }
}

/// Compares every choice of positions with the whole attribution, cut.
fn check_cuts(subject: &Subject, what: &str, request: &AttributionRequest, agreement: Agreement) {
    let whole = subject.attribute(request).sequences.swap_remove(0);
    let positions = subject.positions(&whole);
    assert!(positions.len() >= 6, "{what}: {} steps are too few", whole.steps());
    for (start, end, steps) in positions {
        let what = format!("{} {what} {start:?}..{end:?}", subject.name);
        let found = subject.attribute(&request.clone().positions(start, end));
        let sequence = &found.sequences[0];
        check(&what, &whole.slice_steps(steps).unwrap(), sequence, agreement);
        assert_eq!(found.info.to_map()["attr_pos_start"], json!(sequence.attr_pos_start), "{what}");
        assert_eq!(found.info.to_map()["attr_pos_end"], json!(sequence.attr_pos_end), "{what}");
        check_steps(&what, &found);
    }
    scattered::check_scattered(subject, what, request, &whole, agreement);
}

/// The raw outputs of steps are the columns of the sequence.
fn check_steps(what: &str, result: &AttributionResult) {
    let Some(steps) = &result.steps else { return };
    let sequence = &result.sequences[0];
    assert_eq!(steps.len(), sequence.steps(), "{what}");
    for (index, step) in steps.iter().enumerate() {
        let position = sequence.attr_pos_start + index;
        // Steps have the tokens as the tokenizer spells them.
        let own = &sequence.target[position];
        assert_eq!(step.target, [[Token::new(own.text.as_str(), own.id)]], "{what}");
        // As in the reference, only a step's own token is shown with what a contrast compares it with.
        let before: Vec<&str> = sequence.target[..position].iter().map(Token::written).collect();
        assert_eq!(step.prefix[0].iter().map(|token| token.text.as_str()).collect::<Vec<_>>(), before, "{what}");
        let sides = [
            (&sequence.source_attributions, &step.source_attributions, sequence.source.len()),
            (&sequence.target_attributions, &step.target_attributions, position),
        ];
        for (whole, own, rows) in sides {
            let column = whole.as_ref().map(|whole| {
                let column = whole.index_axis(Axis(1), index).slice_axis(Axis(0), Slice::from(..rows)).to_owned();
                column.insert_axis(Axis(0))
            });
            assert_eq!(&column, own, "{what}: step {index}");
        }
    }
}

#[test]
fn every_method_gives_the_whole_attribution_cut() {
    for name in ["gpt2", "t5"] {
        let subject = Subject::load(name);
        for (method, arguments, agreement) in methods() {
            for &mode in subject.modes() {
                let request = subject.request().attribute_target(mode).step_scores(["probability", "entropy"]);
                let request = with(request, method, &arguments).output_step_attributions(true);
                check_cuts(&subject, &format!("{method} {mode}"), &request, agreement);
            }
        }
    }
}

#[test]
fn every_architecture_gives_the_whole_attribution_cut() {
    let folders = std::fs::read_dir(fixture("architectures")).unwrap();
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    for name in names {
        let subject = Subject::load(&name);
        let has_weights = subject.model.model().decoder.blocks.iter().all(|block| block.mixer.inner.heads() > 0);
        let of_attention = has_weights.then_some(("attention", Agreement::Exact));
        let others = [("saliency", Agreement::Exact), ("occlusion", Agreement::Differences)];
        for (method, agreement) in others.into_iter().chain(of_attention) {
            for &mode in subject.modes() {
                let request = subject.request().attribute_target(mode).step_scores(["probability"]).method(method);
                check_cuts(&subject, &format!("{method} {mode}"), &request, agreement);
            }
        }
    }
}

#[test]
fn inner_layers_give_the_whole_attribution_cut() {
    for name in ["llama", "bart"] {
        let subject = Subject::load(name);
        for method in ["layer_gradient_x_activation", "layer_deeplift", "layer_integrated_gradients"] {
            for layer in if subject.has_encoder() { &["encoder.0", "decoder.0"][..] } else { &["decoder.0"] } {
                for &mode in subject.modes() {
                    let request = subject.request().attribute_target(mode).attribution_argument("target_layer", *layer);
                    check_cuts(
                        &subject,
                        &format!("{method} {layer} {mode}"),
                        &request.method(method),
                        Agreement::Exact,
                    );
                }
            }
        }
    }
}

#[test]
fn convergence_deltas_are_cut_too() {
    for name in ["opt", "marian"] {
        let subject = Subject::load(name);
        for method in ["integrated_gradients", "deeplift"] {
            let request = subject.request().attribute_target(true).method(method);
            let request = request.attribution_argument("return_convergence_delta", true);
            check_cuts(&subject, &format!("{method} with deltas"), &request, Agreement::Exact);
        }
    }
}

/// Frequencies change at 64 positions, which a forward of its own goes up to.
#[test]
fn texts_that_outgrow_their_frequencies_give_the_whole_attribution_cut() {
    let subject = Subject::load("phi3_longrope");
    let tokens = |words: usize| {
        let prompt = ["the cat sat"].repeat(words).join(" ");
        (prompt.clone(), subject.model.encode(&prompt, Role::Source, true).unwrap().len())
    };
    let (prompt, length) = (1..).map(tokens).find(|(_, length)| *length >= 60).unwrap();
    assert!(length < 64, "{length}");
    for (function, method, agreement) in [
        ("probability", "saliency", Agreement::Exact),
        ("probability", "attention_rollout", Agreement::Exact),
        ("contrast_prob_diff", "input_x_gradient", Agreement::Exact),
        ("probability", "occlusion", Agreement::Differences),
    ] {
        let mut request = subject.texts(&[&prompt], &["sat on a mat and the dog ran"]).attributed_fn(function);
        let other = json!({ "contrast_targets": format!("{prompt} ran to a house and the cat sat .") });
        if function != "probability" {
            request.attributed_fn_args = other.as_object().cloned().unwrap();
        }
        let request = request.method(method).step_scores(["probability"]).output_step_attributions(true);
        let steps = subject.attribute(&request).sequences[0].steps();
        assert!(length + steps > 66, "{length} and {steps}");
        check_cuts(&subject, method, &request, agreement);
    }
}

#[test]
fn other_attributed_functions_give_the_whole_attribution_cut() {
    for name in ["gpt2", "bart"] {
        let subject = Subject::load(name);
        let other = subject.texts(&["the cat"], &["the dog ran to a mat"]).generated_texts.unwrap();
        let pairs = |alignments: Value| {
            let arguments = json!({ "contrast_targets": other, "contrast_targets_alignments": alignments });
            arguments.as_object().cloned().unwrap()
        };
        let given = json!([[5, 4], [6, 4], [6, 6]]);
        for (function, arguments) in [
            ("logit", Map::new()),
            ("entropy", Map::new()),
            ("contrast_prob_diff", pairs(json!(null))),
            ("contrast_prob_diff", pairs(json!("auto"))),
            ("contrast_logits_diff", pairs(given.clone())),
            ("kl_divergence", pairs(given)),
        ] {
            for (method, options, agreement) in
                methods().into_iter().filter(|(method, ..)| !method.starts_with("layer"))
            {
                let request = subject.request().attribute_target(true).attributed_fn(function);
                let mut request = with(request, method, &options);
                request.attributed_fn_args = arguments.clone();
                request.step_scores_args = arguments.clone();
                let request = request.step_scores([function, "probability"]);
                // The gradient of an entropy is a sum of parts that are as large as the entropy and cancel.
                let agreement = if function == "entropy" { Agreement::Differences } else { agreement };
                check_cuts(&subject, &format!("{method} of {function} {arguments:?}"), &request, agreement);
            }
        }
    }
}

/// In the reference a call has one start, which of several prompts is the end of the longest.
#[test]
fn info_has_the_largest_start_and_end() {
    let subject = Subject::load("gpt2");
    for (prompts, written) in
        [(["the cat", "the dog sat"], ["sat on", "on"]), (["the dog sat", "the cat"], ["on", "sat on"])]
    {
        let result = subject.attribute(&subject.texts(&prompts, &written).method("dummy"));
        let all = |of: fn(&SequenceAttribution) -> usize| result.sequences.iter().map(of).max();
        assert_eq!(result.info.to_map()["attr_pos_start"], json!(all(|s| s.attr_pos_start)));
        assert_eq!(result.info.to_map()["attr_pos_start"], json!(5));
        assert_eq!(result.info.to_map()["attr_pos_end"], json!(all(|s| s.attr_pos_end)));
    }
}
