//! Results that leave as soon as each text is done, and what a call may use.

use std::ops::ControlFlow;

use inseq_core::SequenceAttribution;
use inseq_methods::perturbation::{Reagent, Replacements, Words};
use inseq_methods::{
    AttributionModel, AttributionRequest, Cancellation, Error, FeatureGroups, Limits, LoadOptions, Policy, Progress,
};
use inseq_models::architectures;
use inseq_models::generation::GenerationConfig;
use inseq_models::tokenizer::Tokenizer;
use inseq_tests::fixture;
use serde_json::{Value, json};

const TEXTS: [&str; 5] = [
    "The doors are white.",
    "The tired nurse said that she was late.",
    "Hi",
    "The nurse was late.",
    "The doors of the house are white and the nurse said that she was late.",
];

fn model() -> AttributionModel {
    AttributionModel::demo().unwrap()
}

fn each(model: &AttributionModel, request: &AttributionRequest) -> (Vec<SequenceAttribution>, Vec<usize>, Value) {
    let mut found: Vec<Option<SequenceAttribution>> = vec![None; request.input_texts.len()];
    let mut order = Vec::new();
    let info = model.attribute_each(request, |index, sequence| {
        assert!(found[index].replace(sequence).is_none(), "text {index} came twice");
        order.push(index);
        Ok::<(), Error>(())
    });
    let mut info = info.unwrap();
    info.exec_time = None;
    (found.into_iter().map(Option::unwrap).collect(), order, Value::Object(info.to_map()))
}

/// With a number in the place of NaN, which is what no step sees, so that equal scores are equal.
fn comparable(mut sequences: Vec<SequenceAttribution>) -> Vec<SequenceAttribution> {
    let sides = sequences.iter_mut().flat_map(|one| [&mut one.source_attributions, &mut one.target_attributions]);
    sides.flatten().for_each(|scores| scores.mapv_inplace(|score| if score.is_nan() { f32::MAX } else { score }));
    sequences
}

#[test]
fn texts_one_by_one_are_those_of_the_whole_result() {
    let model = model();
    let requests = [
        AttributionRequest::new(TEXTS).attribute_target(true).step_scores(["probability", "entropy"]),
        AttributionRequest::new(TEXTS).method("occlusion").batch_size(2),
        AttributionRequest::new(TEXTS).feature_groups(FeatureGroups::Words).clean_special_chars(true),
        // Some texts do not have the position.
        AttributionRequest::new(TEXTS).attr_pos_start(8).step_scores(["probability"]),
    ];
    for request in requests {
        let mut whole = model.attribute(&request).unwrap();
        let (found, order, info) = each(&model, &request);
        assert_eq!(comparable(found), comparable(whole.sequences));
        assert_eq!(order.len(), TEXTS.len());
        whole.info.exec_time = None;
        assert_eq!(info, Value::Object(whole.info.to_map()));
    }
}

#[test]
fn a_text_leaves_before_the_others_are_attributed() {
    let model = model();
    let request = AttributionRequest::new(TEXTS).batch_size(1);
    let left = std::cell::Cell::new(0);
    let mut seen = Vec::new();
    let mut progress = |news| {
        if let Progress::Attributing { done, total, .. } = news {
            seen.push((left.get(), done, total));
        }
        ControlFlow::Continue(())
    };
    let result = model.attribute_each_with_progress(&request, &mut progress, |_, _| {
        left.set(left.get() + 1);
        Ok::<(), Error>(())
    });
    result.unwrap();
    // The work that is done when text after text has left.
    for texts in 1..TEXTS.len() {
        assert!(seen.iter().any(|(left, done, total)| *left == texts && done < total), "{texts}: {seen:?}");
    }
}

#[test]
fn what_receives_a_text_can_stop_the_call_with_an_error_of_its_own() {
    let model = model();
    let request = AttributionRequest::new(TEXTS).batch_size(1);
    let mut count = 0;
    let error = model.attribute_each(&request, |_, _| -> Result<(), Box<dyn std::error::Error>> {
        count += 1;
        if count == 2 { Err("the disk is full".into()) } else { Ok(()) }
    });
    assert_eq!(error.unwrap_err().to_string(), "the disk is full");
    assert_eq!(count, 2);
    let steps = request.output_step_attributions(true);
    let error = model.attribute_each(&steps, |_, _| Ok::<(), Error>(())).unwrap_err();
    assert!(error.to_string().contains("`output_step_attributions`"), "{error}");
}

#[test]
fn a_call_is_stopped_from_outside() {
    let model = model();
    let cancellation = Cancellation::default();
    let limits = Limits::default().cancellation(cancellation.clone());
    // Texts that ran together are not delivered either.
    let request = AttributionRequest::new(TEXTS).batch_size(TEXTS.len()).limits(limits);
    let mut count = 0;
    let result = model.attribute_each(&request, |_, _| {
        count += 1;
        cancellation.cancel();
        Ok::<(), Error>(())
    });
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert_eq!(count, 1);
    assert!(matches!(model.attribute(&request), Err(Error::Cancelled)), "generation is stopped as well");
    assert!(model.attribute(&AttributionRequest::new(TEXTS)).is_ok(), "other calls are not");
}

#[test]
fn a_call_has_a_memory_budget_of_its_own() {
    let own = model();
    let small = AttributionModel::demo_with(&LoadOptions::default().memory_budget(1 << 20)).unwrap();
    let request = AttributionRequest::new(TEXTS).method("integrated_gradients").attribution_argument("n_steps", 4);
    let limited = request.clone().limits(Limits::default().memory_budget(1 << 20));
    let bytes = |model: &AttributionModel, request: &AttributionRequest| -> Vec<usize> {
        model.plan(request).unwrap().iter().map(|plan| plan.bytes).collect()
    };
    assert_eq!(bytes(&own, &limited), bytes(&small, &request));
    assert!(bytes(&own, &request).iter().zip(bytes(&own, &limited)).all(|(all, less)| *all > less));
    assert_eq!(own.attribute(&limited).unwrap().sequences, small.attribute(&request).unwrap().sequences);
}

#[test]
fn arguments_open_nothing_that_the_policy_of_a_call_does_not_allow() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let words = folder.path().join("words.json");
    std::fs::write(&words, r#"{"noun": ["nurse", "door", "doors"]}"#).unwrap();
    let gpt2 = fixture("architectures/gpt2");
    let by_value = |replacements| Reagent { replacements, ..Reagent::default() };
    let request = || AttributionRequest::new(["The doors are white."]).generated_texts(["Les portes."]);
    let by_name = |replacements: Value| {
        let named = request().method("reagent").attribution_argument("replacements", replacements);
        named.attribution_argument("max_probe_steps", 2).attribution_argument("num_probes", 2)
    };
    let closed = |request: AttributionRequest, policy| {
        let limits = Limits::default().policy(policy);
        model
            .attribute(&request.limits(limits))
            .map_err(|error| (matches!(error, Error::NotAllowed { .. }), error.to_string()))
    };
    let file = request().method(by_value(Replacements::Words(Words::File(words.clone()))));
    let cases = [
        (by_name(json!({ "words": words })), "may_read_files"),
        (file, "may_read_files"),
        (by_name(json!({ "words": "/no/such/file.json" })), "may_read_files"),
        (by_name(json!({ "given_model": gpt2 })), "may_read_files"),
        (by_name(json!({ "given_model": "/no/such/folder" })), "may_read_files"),
        (by_name(json!({ "given_model": "some/model" })), "may_fetch"),
    ];
    for (request, permission) in cases {
        let (is_refused, message) = closed(request.clone(), Policy::CLOSED).unwrap_err();
        assert!(is_refused && message.contains(&format!("`{permission}`")), "{message}");
        // The other permission is no help.
        let other =
            Policy::default().may_read_files(permission != "may_read_files").may_fetch(permission != "may_fetch");
        let (is_refused, message) = closed(request, other).unwrap_err();
        assert!(is_refused, "{message}");
    }
    // Where it is allowed, and where nothing is opened.
    let files = Policy::default().may_read_files(true).may_fetch(false);
    closed(by_name(json!({ "words": words })), files).unwrap();
    closed(by_name(json!({ "words": { "noun": ["nurse", "door"] } })), Policy::CLOSED).unwrap();
    closed(by_name(json!("model")), Policy::CLOSED).unwrap();
}

#[test]
fn arguments_are_read_without_opening_what_they_name() {
    for replacements in [json!({ "given_model": "/no/such/folder" }), json!({ "words": "/no/such/words.json" })] {
        let arguments = [("replacements".to_owned(), replacements)].into_iter().collect();
        inseq_methods::method_named("reagent", &arguments).unwrap();
    }
}

#[test]
fn a_model_is_made_of_its_parts() {
    let model = model();
    let options = LoadOptions::default();
    let repository = inseq_models::demo::repository();
    let device = inseq_models::device::parse(&options.device).unwrap();
    let parts = AttributionModel::from_parts(
        "mine",
        architectures::load(&repository, &device, options.dtype).unwrap(),
        Tokenizer::load(&repository).unwrap(),
        GenerationConfig::load(&repository).unwrap(),
        &options,
    );
    let loaded = AttributionModel::from_repository(&repository, &options).unwrap();
    let request = AttributionRequest::new(["The doors are white."]);
    let own = model.attribute(&request).unwrap();
    assert_eq!(parts.name(), "mine");
    assert_eq!(parts.attribute(&request).unwrap().sequences, own.sequences);
    assert_eq!(loaded.attribute(&request).unwrap().sequences, own.sequences);
}
