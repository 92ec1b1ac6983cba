//! Attributed positions: the scores of `start..end` are those of the whole attribution at these steps, and the reference's.

use std::ops::{ControlFlow, Range};

use inseq_core::aggregators::{AggregationFunction, Aggregator as _, Slices, Spans};
use inseq_core::{AttributionResult, SequenceAttribution, Token};
use inseq_methods::{AttributionModel, AttributionRequest, FeatureGroups, Progress, TextSpans, list_methods};
use inseq_models::tokenizer::Role;
use inseq_tests::{assert_close, fixture, golden_tensors};
use ndarray::{ArrayD, Axis, Slice};
use serde::Deserialize;
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
    /// What is shared among the tokens does not; how it is shared does, since features that no attributed step sees are left
    /// out of the order or the tree.
    Sums,
    /// They are random, and other numbers are drawn for fewer tokens.
    Random,
}

/// Every method with quick arguments. LIME and KernelSHAP take all choices of kept tokens, and not a sample of them.
fn methods() -> Vec<(&'static str, Value, Agreement)> {
    let methods = list_methods().iter().map(|method| match method.name {
        "lime" | "kernel_shap" => (method.name, json!({ "n_samples": 1 << 12 }), Agreement::Differences),
        "occlusion" => (method.name, json!({}), Agreement::Differences),
        "shapley_value_sampling" => (method.name, json!({ "n_samples": 2 }), Agreement::Sums),
        "partition_shap" => (method.name, json!({}), Agreement::Sums),
        "reagent" => (method.name, json!({ "max_probe_steps": 2, "num_probes": 2 }), Agreement::Random),
        // The noise is a share of the range of the embeddings, which is that of the tokens that are seen.
        "smoothgrad" => (method.name, json!({ "n_samples": 2 }), Agreement::Random),
        name if name.ends_with("integrated_gradients") => (name, json!({ "n_steps": 3 }), Agreement::Exact),
        name => (name, json!({}), Agreement::Exact),
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
    let probabilities = || expected.step_scores["probability"].iter().fold(0f32, |largest, &p| largest.max(p));
    let scale = if agreement == Agreement::Differences { probabilities() } else { 0.0 };
    let is_same = matches!(agreement, Agreement::Exact | Agreement::Differences);
    let sides = [
        ("source", &expected.source_attributions, &found.source_attributions),
        ("target", &expected.target_attributions, &found.target_attributions),
    ];
    // Of each step, expected and found; and of absolute values.
    let mut sums = [vec![0f32; found.steps()], vec![0f32; found.steps()]];
    let mut most = 0f32;
    for (side, expected, found) in sides {
        let (Some(expected), Some(found)) = (expected, found) else {
            assert_eq!(expected.is_some(), found.is_some(), "{what}: {side}");
            continue;
        };
        assert_eq!(found.shape(), expected.shape(), "{what}: {side}");
        let hidden = |scores: &ArrayD<f32>| scores.iter().map(|x| x.is_nan()).collect::<Vec<_>>();
        assert_eq!(hidden(found), hidden(expected), "{what}: {side}: what steps cannot see");
        if is_same {
            same(&format!("{what}: {side}"), &values(found), &values(expected), scale);
        }
        for (sums, scores) in sums.iter_mut().zip([expected, found]) {
            for (step, sum) in sums.iter_mut().enumerate() {
                let seen = scores.index_axis(Axis(1), step).iter().copied().filter(|x| !x.is_nan()).collect::<Vec<_>>();
                *sum += seen.iter().sum::<f32>();
                most = most.max(seen.iter().map(|x| x.abs()).sum());
            }
        }
    }
    if agreement == Agreement::Sums {
        let [expected, found] = &sums;
        same(&format!("{what}: sums"), found, expected, probabilities());
    }
    assert!(found.step_scores.keys().eq(expected.step_scores.keys()), "{what}");
    for (name, scores) in &found.step_scores {
        let expected = expected.step_scores[name].to_vec();
        assert_eq!(scores.len(), expected.len(), "{what}: {name}");
        if name != "deltas" {
            same(&format!("{what}: {name}"), &scores.to_vec(), &expected, 0.0);
        } else if is_same {
            // A sum of scores less what it should be.
            same(&format!("{what}: {name}"), &scores.to_vec(), &expected, most);
        }
    }
    assert!(found.sequence_scores.keys().eq(expected.sequence_scores.keys()), "{what}");
    for (name, scores) in &found.sequence_scores {
        // They describe the tokens up to the last attributed one.
        let mut whole = expected.sequence_scores[name].clone();
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
        assert_eq!(found.info["attr_pos_start"], json!(sequence.attr_pos_start), "{what}");
        assert_eq!(found.info["attr_pos_end"], json!(sequence.attr_pos_end), "{what}");
        check_steps(&what, &found);
    }
}

/// The raw outputs of steps are the columns of the sequence.
fn check_steps(what: &str, result: &AttributionResult) {
    let Some(steps) = &result.steps else { return };
    let sequence = &result.sequences[0];
    assert_eq!(steps.len(), sequence.steps(), "{what}");
    for (index, step) in steps.iter().enumerate() {
        let position = sequence.attr_pos_start + index;
        assert_eq!(step.target, [[sequence.target[position].clone()]], "{what}");
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
        for (method, agreement) in
            [("saliency", Agreement::Exact), ("attention", Agreement::Exact), ("occlusion", Agreement::Differences)]
        {
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
            for method in ["input_x_gradient", "occlusion"] {
                let mut request = subject.request().attribute_target(true).method(method).attributed_fn(function);
                request.attributed_fn_args = arguments.clone();
                request.step_scores_args = arguments.clone();
                let request = request.step_scores([function]);
                check_cuts(&subject, &format!("{method} of {function} {arguments:?}"), &request, Agreement::Exact);
            }
        }
    }
}

#[test]
fn groups_of_tokens_give_the_whole_attribution_cut() {
    let spans = FeatureGroups::Spans(vec![TextSpans { source: vec![], target: vec![(0, 2), (3, 5)] }]);
    for name in ["gpt2", "t5"] {
        let subject = Subject::load(name);
        for groups in [FeatureGroups::Words, FeatureGroups::Sentences, spans.clone()] {
            for (method, arguments, agreement) in methods() {
                let request = subject.request().attribute_target(true).feature_groups(groups.clone());
                let request = with(request.step_scores(["probability"]), method, &arguments);
                let request = request.output_step_attributions(true);
                // What is before the first step has its groups' rows, so that only the end can be cut.
                let first = subject.attribute(&subject.request().method("dummy")).sequences[0].attr_pos_start as i64;
                for start in [first, first + 2] {
                    let from =
                        subject.attribute(&request.clone().positions(Some(start), None)).sequences.swap_remove(0);
                    for count in 1..from.steps() {
                        let what = format!("{name} {method} {groups:?} from {start}, {count} steps");
                        let end = Some(start + count as i64);
                        let found = subject.attribute(&request.clone().positions(Some(start), end));
                        check(&what, &from.slice_steps(0..count).unwrap(), &found.sequences[0], agreement);
                        check_steps(&what, &found);
                    }
                }
            }
        }
    }
}

/// Of gradient methods the group's score is the sum of its tokens'.
#[test]
fn groups_of_tokens_are_sums_at_any_position() {
    let target = vec![(0, 2), (3, 5)];
    for name in ["llama", "marian"] {
        let subject = Subject::load(name);
        let request = subject.request().attribute_target(true).method("input_x_gradient");
        let whole = subject.attribute(&request).sequences.swap_remove(0);
        for (start, end, steps) in subject.positions(&whole) {
            let cut = whole.slice_steps(steps).unwrap();
            let merged = target.iter().map(|&(start, end)| start..end).filter(|span| span.end <= cut.attr_pos_start);
            let expected = Spans::new().target(merged).merging(AggregationFunction::Sum).aggregate(&cut).unwrap();
            let groups = FeatureGroups::Spans(vec![TextSpans { source: vec![], target: target.clone() }]);
            let found = subject.attribute(&request.clone().feature_groups(groups).positions(start, end));
            check(&format!("{name} {start:?}..{end:?}"), &expected, &found.sequences[0], Agreement::Exact);
        }
    }
}

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
                let warnings = result.info["warnings"].to_string();
                assert!(warnings.contains("text 2 of 3") && warnings.contains("sat"), "{what}: {warnings}");
                assert_eq!(result.info["attr_pos_start"], json!(start), "{what}");
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
                        assert!(loaded.is_close(result, inseq_core::Tolerance::EXACT), "{name} {method} {end}");
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

/// In the reference a call has one start, which of several prompts is the end of the longest.
#[test]
fn info_has_the_largest_start_and_end() {
    let subject = Subject::load("gpt2");
    for (prompts, written) in
        [(["the cat", "the dog sat"], ["sat on", "on"]), (["the dog sat", "the cat"], ["on", "sat on"])]
    {
        let result = subject.attribute(&subject.texts(&prompts, &written).method("dummy"));
        let all = |of: fn(&SequenceAttribution) -> usize| result.sequences.iter().map(of).max();
        assert_eq!(result.info["attr_pos_start"], json!(all(|s| s.attr_pos_start)));
        assert_eq!(result.info["attr_pos_start"], json!(5));
        assert_eq!(result.info["attr_pos_end"], json!(all(|s| s.attr_pos_end)));
    }
}
