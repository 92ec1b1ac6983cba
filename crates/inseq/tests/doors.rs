//! The doors of the crate: each is used as a program outside the workspace would, with this crate alone.
#![cfg(feature = "demo")]

use std::fmt::Debug;

use inseq::core::aggregators::{self, Aggregator, Aggregators, Pipeline, Scaling, Scores};
use inseq::core::{About, Argument, FoundTokens, MappedResult, MeanShares, SaveOptions};
use inseq::methods::step_functions::{StepFunctions, from_closure};
use inseq::methods::{Cancellation, Limits, Loading, Method, MethodInfo, Methods, Plan, Policy, TextModel};
use inseq::models::checkpoint::Repository;
use inseq::models::generation::GenerationConfig;
use inseq::models::model::{Model, Trace};
use inseq::models::tokenizer::{Tokenizer, TokenizerOptions};
use inseq::ndarray::Axis;
use inseq::prelude::*;
use inseq::serde_json::{Map, Value};
use inseq::tensor::Tensor;

const TEXT: &str = "The tired nurse said that she was late.";

/// Asserted by the compiler.
const fn is_shared<T: Send + Sync + Debug + ?Sized>() {}

const _: () = {
    is_shared::<AttributionModel>();
    is_shared::<AttributionRequest>();
    is_shared::<AttributionResult>();
    is_shared::<SequenceAttribution>();
    is_shared::<Chat>();
    is_shared::<FeatureGroups>();
    is_shared::<LoadOptions>();
    is_shared::<HubOptions>();
    is_shared::<TokenizerOptions>();
    is_shared::<Limits>();
    is_shared::<Cancellation>();
    is_shared::<Policy>();
    is_shared::<Loading>();
    is_shared::<Plan>();
    is_shared::<TextModel>();
    is_shared::<Methods>();
    is_shared::<MethodInfo>();
    is_shared::<StepFunctions>();
    is_shared::<Aggregators>();
    is_shared::<Pipeline>();
    is_shared::<Scores>();
    is_shared::<dyn Aggregator>();
    is_shared::<dyn Method>();
    is_shared::<About>();
    is_shared::<Argument>();
    is_shared::<FoundTokens>();
    is_shared::<MappedResult>();
    is_shared::<MeanShares>();
    is_shared::<SaveOptions>();
    is_shared::<Model>();
    is_shared::<Trace>();
    is_shared::<Tokenizer>();
    is_shared::<Repository>();
    is_shared::<GenerationConfig>();
    is_shared::<ViewOptions>();
    is_shared::<TerminalOptions>();
    is_shared::<HtmlOptions>();
    is_shared::<inseq::core::Error>();
    is_shared::<inseq::models::Error>();
    is_shared::<inseq::methods::Error>();
    is_shared::<inseq::viz::Error>();
};

#[test]
fn texts_are_encoded_and_decoded() {
    let model = AttributionModel::demo().unwrap();
    let ids = model.encode(TEXT, Role::Source, true).unwrap();
    assert_eq!(model.decode(&ids, Role::Source, true).unwrap(), TEXT);
    let target = model.encode("Les portes sont blanches.", Role::Target, true).unwrap();
    assert_eq!(model.decode(&target, Role::Target, true).unwrap(), "Les portes sont blanches.");
    let generated: Vec<String> = model.generate(&["The doors are white."], &Map::new()).unwrap();
    assert_eq!(generated, ["Les portes sont blanches."]);
}

#[test]
fn options_have_setters_of_their_fields_names() {
    let hub = HubOptions::default().offline(true);
    let options = LoadOptions::default().device("cpu").memory_budget(1 << 26).hub(hub);
    let model = AttributionModel::demo_with(&options).unwrap();
    let cancellation = Cancellation::default();
    let limits = Limits::default().device("cpu").policy(Policy::CLOSED).cancellation(cancellation.clone());
    let request = AttributionRequest::new([TEXT]).limits(limits);
    assert_eq!(model.attribute(&request).unwrap().sequences.len(), 1);
    cancellation.cancel();
    assert!(matches!(model.attribute(&request), Err(inseq::methods::Error::Cancelled)));
}

#[test]
fn a_call_chooses_among_the_devices_with_the_weights() {
    let mut model = AttributionModel::demo().unwrap();
    model.copy_to("cpu").unwrap();
    assert_eq!(model.devices(), [model.device()], "the weights are there already");
    let unknown = model.copy_to("abacus").unwrap_err().to_string();
    assert!(unknown.contains("unknown device `abacus`"), "{unknown}");
    let request = AttributionRequest::new([TEXT]);
    let here = model.attribute(&request).unwrap();
    let named = model.attribute(&request.clone().limits(Limits::default().device("cpu"))).unwrap();
    assert_eq!(named.sequences, here.sequences);
    let elsewhere = request.limits(Limits::default().device("abacus"));
    for error in [
        model.attribute(&elsewhere).unwrap_err(),
        model.plan(&elsewhere).unwrap_err(),
        model.facts(&elsewhere).unwrap_err(),
    ] {
        assert!(error.to_string().contains("unknown device `abacus`"), "{error}");
    }
    // The copy of a network computes the same.
    let copy = model.model().to_device(&model.device());
    let hidden = Tensor::<2>::ones([2, copy.head.input_size()], &model.device());
    let difference = copy.logits(hidden.clone()) - model.model().logits(hidden);
    assert_eq!(difference.abs().max().into_scalar::<f32>(), 0.0);
}

#[test]
fn an_aggregation_function_is_a_closure() {
    let model = AttributionModel::demo().unwrap();
    let result = model.attribute(&AttributionRequest::new([TEXT]).method("input_x_gradient")).unwrap();
    let sum = Scores::from_closure("sum", |scores| scores.iter().sum()).scaling(Scaling::None);
    let own = result.aggregate_with(&sum).unwrap();
    let known = result.aggregate_with(&Scores::new(AggregationFunction::Sum).scaling(Scaling::None)).unwrap();
    let scores = |result: &AttributionResult| result.sequences[0].source_attributions.clone().unwrap();
    for (own, known) in scores(&own).iter().zip(&scores(&known)) {
        assert!((own - known).abs() < 1e-5, "{own} {known}");
    }
    let registered = aggregators::AggregatorInfo {
        about: About { name: "total", description: "The sum.", ..About::default() },
        make: std::sync::Arc::new(|_| Ok(Box::new(Scores::from_closure("total", |scores| scores.iter().sum())))),
    };
    let mut all = Aggregators::new();
    all.register(registered).unwrap();
    assert!(all.named("total", &Map::new()).is_ok());
}

#[test]
fn a_step_function_reads_hidden_states_and_ids() {
    let model = AttributionModel::demo().unwrap();
    let new = from_closure("is_new", |step| {
        let prefix = step.prefix();
        let same = prefix.ids.equal(step.targets.clone().unsqueeze_dim::<2>(1).expand(prefix.mask.dims()));
        let repeats = same.bool_and(prefix.mask).float().sum_dim(1).squeeze_dim::<1>(1);
        Ok(repeats.equal_elem(0.0).float())
    });
    let length = from_closure("length", |step| Ok(step.hidden.clone().square().sum_dim(1).sqrt().squeeze_dim(1)));
    let request = AttributionRequest::new([TEXT]).attributed_fn(length.clone()).step_scores([new, length]);
    let sequence = model.attribute(&request).unwrap().sequences.swap_remove(0);
    for (step, position) in (sequence.attr_pos_start..sequence.attr_pos_end).enumerate() {
        let is_new = !sequence.target[..position].iter().any(|token| token.id == sequence.target[position].id);
        assert_eq!(sequence.step_scores["is_new"][step], f32::from(u8::from(is_new)));
    }
    assert!(sequence.step_scores["length"].iter().all(|length| *length > 0.0));
    assert!(sequence.source_attributions.unwrap().iter().any(|score| *score > 0.0));
}

#[test]
fn tokens_are_looked_up_by_their_text() {
    let model = AttributionModel::demo().unwrap();
    let request =
        AttributionRequest::new([TEXT]).generated_texts(["L'infirmière fatiguée a dit qu'elle était en retard."]);
    let sequence = model.attribute(&request).unwrap().sequences[0].aggregate().unwrap();
    let FoundTokens { source, target } = sequence.find_tokens("nurse");
    assert!(target.is_empty());
    let text = |spans: &[std::ops::Range<usize>], tokens: &[Token]| -> Vec<String> {
        spans.iter().map(|span| tokens[span.clone()].iter().map(|token| token.text.as_str()).collect()).collect()
    };
    assert_eq!(text(&source, &sequence.source), ["▁nurse"]);
    let written = sequence.find_tokens("infirmière").target;
    assert_eq!(text(&written, &sequence.target), ["infirmière"]);
    // The share of `nurse` in the steps of `infirmière` is one of the steps' shares.
    let scores = sequence.source_attributions.as_ref().unwrap();
    let steps = written[0].start - sequence.attr_pos_start..written[0].end - sequence.attr_pos_start;
    let rows = source[0].clone().map(|row| scores.index_axis(Axis(0), row));
    let share: f32 = rows.map(|row| row.iter().skip(steps.start).take(steps.len()).sum::<f32>()).sum();
    assert!(share > 0.0 && share < 1.0, "{share}");
    assert!(sequence.find_tokens("he").source.is_empty(), "`he` is not a word of the text");
}

#[test]
fn registries_describe_themselves() {
    let model = AttributionModel::demo().unwrap();
    let described: Vec<Value> = model.methods().list().map(|method| json!(method.about)).collect();
    let saliency = described.iter().find(|about| about["name"] == "saliency").unwrap();
    assert_eq!(saliency["arguments"][0]["name"], "abs");
    assert_eq!(saliency["arguments"][0]["default"], "true");
}

#[test]
fn options_without_effect_are_warnings() {
    let model = AttributionModel::demo().unwrap();
    let warnings = |request: AttributionRequest| -> Vec<String> {
        let result = model.attribute(&request.generated_texts(["Les portes sont blanches."])).unwrap();
        result.info.warnings.iter().flatten().map(ToString::to_string).collect()
    };
    let request = || AttributionRequest::new(["The doors are white."]);
    assert!(warnings(request().include_eos_baseline(true).method("integrated_gradients")).is_empty());
    for (request, option) in [
        (request().include_eos_baseline(true), "`include_eos_baseline` has no effect on the method `saliency`"),
        (
            request().method("attention").attributed_fn("logit"),
            "`attributed_fn` has no effect on the method `attention`",
        ),
        (request().limits(Limits::default().memory_budget(1)), "more than `memory_budget` (1 bytes) allows"),
    ] {
        let warnings = warnings(request);
        assert!(warnings.len() == 1 && warnings[0].contains(option), "{warnings:?}");
    }
}
