//! The arguments of a call, for results.

use inseq_core::ContextAttribution;
use serde_json::{Map, Value, json};

use super::request::ContextRequest;
use super::texts::Templates;
use crate::call::Call;
use crate::request::StepFunctionChoice;

/// The arguments by the reference's names. Texts that were generated stand in the place of those that were not given.
pub(super) fn arguments(
    request: &ContextRequest,
    call: &Call,
    templates: &Templates,
    attribution: &ContextAttribution,
) -> Map<String, Value> {
    let name = |function: &StepFunctionChoice| match function {
        StepFunctionChoice::Named(name) => name.clone(),
        StepFunctionChoice::Own(function) => function.name().to_owned(),
    };
    let template = |given: &Option<String>, has_context: bool| {
        let usual = if has_context { "{context} {current}" } else { "{current}" };
        given.clone().unwrap_or_else(|| usual.to_owned())
    };
    let kwargs: Map<String, Value> = request
        .attribution_args
        .iter()
        .chain(&request.attributed_fn_args)
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let facts = json!({
        "model_name_or_path": call.texts.model.name(),
        "attribution_method": call.method.name(),
        "attributed_fn": request.attributed_fn.as_ref().map(name),
        "attribution_kwargs": kwargs,
        "normalize_attributions": request.normalize_attributions,
        "generation_kwargs": request.generation_args,
        "input_current_text": request.input_current_text,
        "input_context_text": attribution.input_context,
        "input_template": template(&request.input_template, templates.input.has_context()),
        "output_context_text": attribution.output_context,
        "output_current_text": attribution.output_current,
        "output_template": template(&request.output_template, templates.output.has_context()),
        "contextless_input_current_text": template(&request.contextless_input_current_text, false),
        "contextless_output_current_text": template(&request.contextless_output_current_text, false),
        "context_sensitivity_metric": name(&request.context_sensitivity_metric),
        "handle_output_context_strategy": request.handle_output_context_strategy.to_string(),
        "contextless_output_next_tokens": request.contextless_output_next_tokens,
        "prompt_user_for_contextless_output_next_tokens": request.prompt_user_for_contextless_output_next_tokens,
        "special_tokens_to_keep": request.special_tokens_to_keep,
        "decoder_input_output_separator": request.decoder_input_output_separator,
        "context_sensitivity_std_threshold": request.context_sensitivity.std_threshold,
        "context_sensitivity_topk": request.context_sensitivity.top_k,
        "attribution_std_threshold": request.attribution_salience.std_threshold,
        "attribution_topk": request.attribution_salience.top_k,
        "has_input_context": templates.input.has_context(),
        "has_output_context": templates.output.has_context(),
    });
    match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    }
}
