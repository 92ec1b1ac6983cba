//! Step functions of a user's own: expressions and closures, beside those of the program; and all of them under every method.

use inseq_core::aggregators::{AggregationFunction, Aggregator as _, Spans, Subwords};
use inseq_core::{AttributionResult, SequenceAttribution};
use inseq_methods::step_functions::{self, SharedStepFunction, from_closure, merged_by};
use inseq_methods::{AttributionModel, AttributionRequest, Error};
use inseq_models::tokenizer::Role;
use inseq_tests::{assert_close, fixture};
use serde_json::{Map, Value, json};

const PROMPT: &str = "a dog ran";

fn model(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().expect("a path")).unwrap()
}

/// A prompt with what goes on from it, and another.
fn texts(model: &AttributionModel) -> [String; 2] {
    let beginning = if model.model().encoder.is_some() { String::new() } else { format!("{PROMPT} ") };
    ["to the big house .", "to the mat ."].map(|text| format!("{beginning}{text}"))
}

fn contrast(model: &AttributionModel) -> Map<String, Value> {
    json!({ "contrast_targets": texts(model)[1] }).as_object().cloned().unwrap()
}

fn attribute(
    model: &AttributionModel,
    method: &str,
    function: &str,
    arguments: &Map<String, Value>,
) -> Result<SequenceAttribution, Error> {
    let mut request = AttributionRequest::new([PROMPT])
        .generated_texts([texts(model)[0].as_str()])
        .method(method)
        .attributed_fn(function)
        .step_scores([function]);
    if method.ends_with("integrated_gradients") {
        request = request.attribution_argument("n_steps", 3);
    }
    if method == "reagent" {
        request = request.attribution_argument("max_probe_steps", 2);
    }
    request.attributed_fn_args = arguments.clone();
    request.step_scores_args = arguments.clone();
    Ok(model.attribute(&request)?.sequences.swap_remove(0))
}

#[test]
fn expressions_are_what_the_named_functions_are() {
    for name in ["marian", "gpt2"] {
        let model = model(name);
        let (none, contrast) = (Map::new(), contrast(&model));
        let logarithm = json!({ "logprob": true }).as_object().cloned().unwrap();
        for (expression, named, arguments, of_name) in [
            ("1 * logit(target)", "logit", &none, &none),
            ("prob(target)", "probability", &none, &none),
            ("logprob(target)", "probability", &none, &logarithm),
            ("log(prob(target))", "probability", &none, &logarithm),
            ("entropy + 0", "entropy", &none, &none),
            ("-logprob(target)", "crossentropy", &none, &none),
            ("exp(-logprob(target) * 0.6931471805599453)", "perplexity", &none, &none),
            ("logit(contrast)", "contrast_logits", &contrast, &contrast),
            ("prob(target) - prob(contrast)", "contrast_prob_diff", &contrast, &contrast),
            ("logit(target)-logit(contrast)", "contrast_logits_diff", &contrast, &contrast),
            ("logprob(contrast) - logprob(target)", "in_context_pvi", &contrast, &contrast),
        ] {
            let own = attribute(&model, "saliency", expression, arguments).unwrap();
            let expected = attribute(&model, "saliency", named, of_name).unwrap();
            let scores = |of: &SequenceAttribution, name: &str| of.step_scores[name].to_vec();
            assert_close(expression, &scores(&own, expression), &scores(&expected, named), 1e-5);
            let array = |of: &SequenceAttribution| {
                let side = of.source_attributions.as_ref().or(of.target_attributions.as_ref()).unwrap();
                side.iter().copied().collect::<Vec<f32>>()
            };
            assert_close(expression, &array(&own), &array(&expected), 1e-4);
        }
    }
}

#[test]
fn tokens_are_pieces_or_ids() {
    let model = model("marian");
    let written = &texts(&model)[0];
    let ids = model.encode(written, Role::Target, true).unwrap();
    let piece = model.tokenizer().token(ids[2], Role::Target).unwrap();
    let logits = attribute(&model, "dummy", "logit", &Map::new()).unwrap().step_scores["logit"].to_vec();
    for expression in [format!("logit('{piece}')"), format!("logit({})", ids[2]), format!("abs(-logit(\"{piece}\"))")] {
        let own = attribute(&model, "dummy", &expression, &Map::new()).unwrap().step_scores[&expression].to_vec();
        let expected = if expression.starts_with("abs") { logits[1].abs() } else { logits[1] };
        assert!((own[1] - expected).abs() < 1e-5, "{expression}: {own:?} {logits:?}");
    }
    let larger = format!("max(logit(target), logit({}), 0)", ids[2]);
    let own = attribute(&model, "saliency", &larger, &Map::new()).unwrap();
    assert!(own.step_scores[&larger].iter().zip(&logits).all(|(a, b)| *a >= b.max(0.0)));
}

#[test]
fn what_is_wrong_in_an_expression_is_named_with_its_place() {
    let model = model("marian");
    let wrong = |expression: &str| model.step_function(expression, &Map::new()).unwrap_err().to_string();
    for (expression, column, part) in [
        ("logit(target) -", 16, "expected a value, found the end"),
        ("logit(target) - logit('▁hous')", 23, "no token `▁hous`"),
        ("logit(target) - logi(3)", 17, "did you mean `logit`"),
        ("prob(tarjet)", 6, "did you mean `target`"),
        ("prob(house)", 6, "quoted: 'house'"),
        ("2 * prob(999999)", 10, "ids go from 0 to"),
        ("prob(1.5)", 6, "expected a token"),
        ("abs(target)", 5, "write logit(target)"),
        ("exp(entropy, 1)", 1, "one value"),
        ("max(entropy)", 1, "two values"),
        ("entropy ^ 2", 9, "found `^`"),
    ] {
        let message = wrong(expression);
        assert!(message.contains(&format!("`{expression}` is wrong at column {column}: ")), "{expression}: {message}");
        assert!(message.contains(part), "{expression}: {message}");
    }
    let near = wrong("logit('▁hous')");
    assert!(near.contains("did you mean `▁house"), "{near}");
    assert!(wrong("1 + 2").contains("no score of the model"));
    // The call knows whether there is another text.
    let lonely = attribute(&model, "dummy", "logit(contrast)", &Map::new()).unwrap_err().to_string();
    assert!(lonely.contains("contrast_targets"), "{lonely}");
    assert!(wrong("entropi").contains("did you mean `entropy`"));
    let surplus = json!({ "top_p": 0.5 });
    let surplus = model.step_function("entropy + 1", surplus.as_object().unwrap()).unwrap_err().to_string();
    assert!(surplus.contains("top_p"), "{surplus}");
}

#[test]
fn names_of_built_in_functions_are_theirs_alone() {
    let model = model("marian");
    let call = |function: SharedStepFunction| {
        let request = AttributionRequest::new(["a"]).generated_texts(["b"]);
        let as_score = model.attribute(&request.clone().step_scores([function.clone()])).map(drop);
        let attributed = model.attribute(&request.attributed_fn(function)).map(drop);
        [("step_scores", as_score), ("attributed_fn", attributed)]
    };
    for name in ["probability", "contrast_prob", "logit(target)", ""] {
        let impostor = from_closure(name, |context| Ok(context.of_targets(context.logits.clone())));
        for function in [impostor.clone(), merged_by(impostor, AggregationFunction::Sum)] {
            for (option, refused) in call(function) {
                let error = refused.unwrap_err();
                assert!(matches!(&error, Error::Argument { name, .. } if name == option), "{name}: {error:?}");
            }
        }
    }
    // The built-in ones as values, also merged by another function.
    let arguments = |value: Value| value.as_object().unwrap().clone();
    for (name, own) in [
        ("probability", json!({ "logprob": true })),
        ("top_p_size", json!({ "top_p": 0.5 })),
        ("contrast_prob", json!({ "contrast_targets": "a" })),
        ("logit(target)", json!({})),
    ] {
        let function = model.step_function(name, &arguments(own)).unwrap();
        for function in [function.clone(), merged_by(function, AggregationFunction::Sum)] {
            let [(_, as_score), _] = call(function);
            as_score.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn closures_are_registered_by_name() {
    let mut model = model("marian");
    let margin = || {
        from_closure("margin", |context| {
            Ok(context.of_targets(context.logits.clone()) - context.logits.clone().mean_dim(1).squeeze_dim(1))
        })
    };
    let unknown = attribute(&model, "saliency", "margin", &Map::new()).unwrap_err().to_string();
    assert!(unknown.contains("unknown step function"), "{unknown}");
    model.register_step_function(merged_by(margin(), AggregationFunction::Sum)).unwrap();
    assert!(model.register_step_function(margin()).unwrap_err().to_string().contains("already"));
    let taken = from_closure("logit", |context| Ok(context.of_targets(context.logits.clone())));
    assert!(model.register_step_function(taken).is_err());
    let near = attribute(&model, "saliency", "margim", &Map::new()).unwrap_err().to_string();
    assert!(near.contains("did you mean `margin`"), "{near}");

    let sequence = attribute(&model, "saliency", "margin", &Map::new()).unwrap();
    let logits = attribute(&model, "saliency", "logit", &Map::new()).unwrap();
    assert_ne!(sequence.source_attributions, logits.source_attributions);
    let merged = Spans::new().target(std::iter::once(1..3)).aggregate(&sequence).unwrap();
    let scores = &sequence.step_scores["margin"];
    assert!((merged.step_scores["margin"][0] - (scores[0] + scores[1])).abs() < 1e-6);

    // The result knows it by itself, also out of a file; a function for all counts more.
    let result = AttributionResult { sequences: vec![sequence.clone()], ..AttributionResult::default() };
    let spans = || Spans::new().target(std::iter::once(1..3));
    let folder = tempfile::tempdir().unwrap();
    for name in ["own.json", "own.json.gz", "own.safetensors"] {
        let path = folder.path().join(name);
        result.save(&path).unwrap();
        let reloaded = AttributionResult::load(&path).unwrap().sequences.swap_remove(0);
        for sequence in [&sequence, &reloaded] {
            assert_eq!(spans().aggregate(sequence).unwrap().step_scores, merged.step_scores, "{name}");
        }
        let words = Subwords::new().aggregate(&reloaded).unwrap();
        let total = words.step_scores["margin"].sum();
        assert!((total - scores.sum()).abs() < 1e-4 * scores.sum().abs(), "{name}: {total}");
    }
    let largest = spans().merging(AggregationFunction::Max).aggregate(&sequence).unwrap();
    assert_eq!(largest.step_scores["margin"][0], scores[0].max(scores[1]));
    assert!(sequence.aggregate().unwrap().step_score_merging.contains_key("margin"));

    assert!(model.remove_step_function("margin").is_some() && model.remove_step_function("margin").is_none());
    assert!(attribute(&model, "saliency", "margin", &Map::new()).is_err());
}

/// The names of the reference's `list_step_functions()`.
const REFERENCE: [&str; 15] = [
    "logit",
    "probability",
    "entropy",
    "crossentropy",
    "perplexity",
    "contrast_logits",
    "contrast_prob",
    "contrast_logits_diff",
    "contrast_prob_diff",
    "pcxmi",
    "kl_divergence",
    "in_context_pvi",
    "mc_dropout_prob_avg",
    "top_p_size",
    "logit_minus_mean",
];

#[test]
fn every_function_is_attributed_by_every_method_that_it_can_be() {
    let names: Vec<&str> = step_functions::list().iter().map(|info| info.name).collect();
    assert_eq!(names, REFERENCE);
    for name in ["marian", "gpt2"] {
        let model = model(name);
        for function in REFERENCE {
            let mut arguments = Map::new();
            if step_functions::arguments_of(function).iter().any(|argument| argument.name == "contrast_targets") {
                arguments = contrast(&model);
            }
            if function == "kl_divergence" {
                arguments.insert("contrast_force_inputs".into(), true.into());
            }
            if function == "top_p_size" {
                arguments.insert("top_p".into(), json!(0.7));
            }
            for method in inseq_methods::list_methods() {
                let result = attribute(&model, method.name, function, &arguments);
                let follows_gradients = !["occlusion", "lime", "kernel_shap", "shapley_value_sampling"]
                    .contains(&method.name)
                    && !["partition_shap", "reagent", "attention", "attention_rollout"].contains(&method.name)
                    && !["attention_flow", "value_zeroing", "dummy"].contains(&method.name);
                if function == "top_p_size" && follows_gradients {
                    let error = result.expect_err(method.name).to_string();
                    assert!(error.contains("no gradient"), "{name} {} {function}: {error}", method.name);
                    continue;
                }
                let sequence = result.unwrap_or_else(|error| panic!("{name} {} {function}: {error}", method.name));
                let scores = &sequence.step_scores[function];
                assert!(scores.iter().all(|score| score.is_finite()), "{name} {} {function}: {scores}", method.name);
            }
        }
    }
}
