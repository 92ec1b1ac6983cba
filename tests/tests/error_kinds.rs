//! Programs tell errors apart by their kind, and find the argument in it.

use burn::tensor::DType;
use inseq_methods::step_functions::from_closure;
use inseq_methods::{
    AttributionModel, AttributionRequest, Cancellation, Error, Limits, LoadOptions, StepFunctionChoice,
};
use inseq_models::Error as ModelError;
use inseq_models::tokenizer::Role;
use inseq_tests::fixture;
use serde_json::json;

fn model() -> AttributionModel {
    AttributionModel::load(fixture("architectures/gpt2").to_str().unwrap()).unwrap()
}

/// A request that a model can serve.
fn request() -> AttributionRequest {
    AttributionRequest::new(["the cat"]).generated_texts(["the cat sat"]).method("dummy")
}

#[track_caller]
fn is_argument(error: &Error, expected: &str) {
    assert!(
        matches!(error, Error::Argument { name, .. } | Error::Model(ModelError::Argument { name, .. }) if name == expected),
        "{error:?} is not about `{expected}`"
    );
}

#[test]
fn arguments_are_named() {
    let model = model();
    let error = |request: AttributionRequest| model.attribute(&request).unwrap_err();
    is_argument(&error(request().batch_size(0)), "batch_size");
    is_argument(&error(AttributionRequest::new(Vec::<String>::new())), "input_texts");
    is_argument(&error(request().generated_texts(["a dog ran"])), "generated_texts");
    is_argument(&error(request().attr_pos_start(99)), "attr_pos_start");
    is_argument(&error(request().attr_pos_start(2).attr_pos_end(1)), "attr_pos_end");
    is_argument(&error(AttributionRequest::new(["the cat"]).generation_argument("num_beams", "four")), "num_beams");
    for (method, argument, value) in [
        ("lime", "alpha", json!(-1)),
        ("lime", "mask_prob", json!(2)),
        ("reagent", "keep_ratio", json!(3)),
        ("occlusion", "strides", json!(9)),
        ("integrated_gradients", "n_steps", json!("many")),
        ("gradient_shap", "stdevs", json!(-1)),
        ("integrated_gradients", "n_stepz", json!(1)),
        ("value_zeroing", "decoder_zeroed_units_indices", json!([])),
        ("saliency", "target_layer", json!(3)),
    ] {
        is_argument(&error(request().method(method).attribution_argument(argument, value)), argument);
    }
}

#[test]
fn limits_are_no_wrong_arguments() {
    let model = model();
    let long = "the cat sat ".repeat(200);
    let error = model.attribute(&AttributionRequest::new([long.trim()]).truncate(false)).unwrap_err();
    assert!(matches!(&error, Error::Limit { name, .. } if name == "input_texts"), "{error:?}");
    let short = AttributionRequest::new(["the cat"]).generation_argument("max_length", 1);
    let error = model.attribute(&short).unwrap_err();
    assert!(matches!(&error, Error::Model(ModelError::Limit { name, .. }) if name == "max_length"), "{error:?}");
}

#[test]
fn a_wrong_step_function_is_no_wrong_argument() {
    let model = model();
    let one = from_closure("one", |context| Ok(context.of_targets(context.logits.clone()).narrow(0, 0, 1)));
    let wrong = AttributionRequest::new(["the cat"]).generated_texts(["the cat sat on the mat"]).method("dummy");
    let error = model.attribute(&wrong.step_scores([one])).unwrap_err();
    assert!(matches!(&error, Error::StepFunction { function, .. } if function == "one"), "{error:?}");
}

#[test]
fn models_and_names_have_kinds_of_their_own() {
    let error = AttributionModel::load(fixture("architectures").to_str().unwrap()).unwrap_err();
    assert!(matches!(&error, Error::Model(ModelError::Checkpoint { .. })), "{error:?}");
    let error = model().attribute(&request().method("salience")).unwrap_err();
    assert!(matches!(&error, Error::Unknown(_)), "{error:?}");
}

#[test]
fn scores_of_one_name_are_refused() {
    let model = model();
    let own = |name: &str| from_closure(name, |context| Ok(context.of_targets(context.logits.clone())));
    for functions in [["probability".into(), own("probability").into()], [own("own").into(), own("own").into()]] {
        let mut functions: Vec<StepFunctionChoice> = functions.into();
        is_argument(&model.attribute(&request().step_scores(functions.clone())).unwrap_err(), "step_scores");
        functions.reverse();
        is_argument(&model.attribute(&request().step_scores(functions)).unwrap_err(), "step_scores");
    }
    let twice = model.attribute(&request().step_scores(["probability", "probability"])).unwrap();
    assert_eq!(twice.sequences[0].step_scores.len(), 1);
    // Integrated gradients give their deltas under this name.
    let request = request().method("integrated_gradients").attribution_argument("return_convergence_delta", true);
    let error = model.attribute(&request.step_scores([own("deltas")])).unwrap_err();
    assert!(matches!(&error, Error::Method { problem, .. } if problem.contains("`deltas`")), "{error:?}");
}

#[test]
fn weights_are_kept_as_floats() {
    for dtype in [DType::I32, DType::I64, DType::U8, DType::Flex32] {
        is_argument(&AttributionModel::demo_with(&LoadOptions::default().dtype(dtype)).unwrap_err(), "dtype");
    }
}

#[test]
fn a_text_without_tokens_has_no_embeddings() {
    is_argument(&model().embed("", Role::Source, false).unwrap_err(), "text");
}

#[test]
fn a_cancelled_call_plans_nothing() {
    let cancellation = Cancellation::default();
    cancellation.cancel();
    let request = request().limits(Limits::default().cancellation(cancellation));
    assert!(matches!(model().plan(&request).unwrap_err(), Error::Cancelled));
}
