//! The golden file of `tests/reference/attribute_context_golden.py`.

use inseq_core::aggregators::{AggregationFunction, Pipeline, Scaling, Scores, Selection};
use inseq_core::{ContextAttribution, Salience};
use inseq_methods::{AttributionModel, AttributionRequest, ContextRequest, list_methods};
use inseq_tests::{assert_close, fixture};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Deviation from a golden file that is let pass, relative to the largest score.
const TOLERANCE: f32 = 1e-4;

/// Scores below this are compared by their difference.
const SMALL: f32 = 1e-2;

#[derive(Deserialize)]
pub struct Case {
    pub model: String,
    pub name: String,
    pub arguments: Map<String, Value>,
    pub expected: ContextAttribution,
}

pub fn cases() -> Vec<Case> {
    let json = std::fs::read(fixture("attribute_context.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

pub fn load(name: &str) -> AttributionModel {
    match name {
        "demo" => AttributionModel::demo().unwrap(),
        name => AttributionModel::load(fixture("architectures").join(name).to_str().unwrap()).unwrap(),
    }
}

impl Case {
    /// The request with the arguments of the reference.
    pub fn request(&self) -> ContextRequest {
        let text = |name: &str| self.arguments.get(name).map(|text| text.as_str().unwrap().to_owned());
        let texts = |name: &str| -> Vec<String> {
            let texts = self.arguments.get(name).and_then(Value::as_array);
            texts.into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let object = |name: &str| self.arguments.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let std = self.arguments.get("context_sensitivity_std_threshold").and_then(Value::as_f64).unwrap_or(1.0);
        let top = self.arguments.get("context_sensitivity_topk").and_then(Value::as_u64);
        let method = text("attribution_method").unwrap_or("saliency".into());
        let mut keywords = AttributionRequest::default();
        keywords.attributed_fn = text("attributed_fn").map(Into::into);
        let info = list_methods().iter().find(|info| info.name == method).unwrap().clone();
        let unused = keywords.add_keywords(&object("attribution_kwargs"), &[info]).unwrap();
        assert_eq!(unused, Vec::<String>::new());
        let mut request = ContextRequest::new(text("input_current_text").unwrap())
            .input_context_text(text("input_context_text"))
            .input_template(text("input_template"))
            .output_context_text(text("output_context_text"))
            .output_current_text(text("output_current_text"))
            .output_template(text("output_template"))
            .contextless_input_current_text(text("contextless_input_current_text"))
            .contextless_output_current_text(text("contextless_output_current_text"))
            .context_sensitivity_metric(text("context_sensitivity_metric").unwrap_or("kl_divergence".into()))
            .context_sensitivity(Salience::default().std_threshold(std).top_k(top.map(|top| top as usize)))
            .contextless_output_next_tokens(texts("contextless_output_next_tokens"))
            .decoder_input_output_separator(text("decoder_input_output_separator").unwrap_or(" ".into()))
            .generation_args(object("generation_kwargs"))
            .method(method)
            .attribution_args(keywords.attribution_args)
            .attributed_fn_args(keywords.attributed_fn_args)
            .normalize_attributions(self.arguments.get("normalize_attributions") == Some(&Value::Bool(true)));
        request.attributed_fn = keywords.attributed_fn;
        let known = [
            "input_current_text",
            "input_context_text",
            "input_template",
            "output_context_text",
            "output_current_text",
            "output_template",
            "contextless_input_current_text",
            "contextless_output_current_text",
            "context_sensitivity_metric",
            "context_sensitivity_std_threshold",
            "context_sensitivity_topk",
            "contextless_output_next_tokens",
            "decoder_input_output_separator",
            "generation_kwargs",
            "attribution_method",
            "attribution_kwargs",
            "attributed_fn",
            "normalize_attributions",
            "attribution_selectors",
            "attribution_aggregators",
        ];
        assert!(self.arguments.keys().all(|name| known.contains(&name.as_str())), "{:?}", self.arguments);
        let Some(selectors) = self.arguments.get("attribution_selectors").and_then(Value::as_array) else {
            return request;
        };
        assert!(texts("attribution_aggregators").iter().all(|name| name == "mean"));
        let stages = selectors.iter().map(|index| {
            let selection = Selection::One(index.as_i64().unwrap());
            Scores::new(AggregationFunction::Mean).select(selection).scaling(Scaling::None)
        });
        request.aggregator(stages.fold(Pipeline::new(), Pipeline::then))
    }

    /// Asserts that a result is that of the reference.
    pub fn compare(&self, found: &ContextAttribution) {
        let (case, expected) = (format!("{}: {}", self.model, self.name), &self.expected);
        let plain = |tokens: &[String]| tokens.iter().map(|token| bare(token).to_owned()).collect::<Vec<_>>();
        let texts =
            |of: &ContextAttribution| (of.input_context.clone(), of.output_context.clone(), of.output_current.clone());
        assert_eq!(texts(found), texts(expected), "{case}");
        for (found, expected) in [
            (&found.input_context_tokens, &expected.input_context_tokens),
            (&found.output_context_tokens, &expected.output_context_tokens),
            (&Some(found.output_current_tokens.clone()), &Some(expected.output_current_tokens.clone())),
        ] {
            // The reference reads a part of a text again alone, where no space is before it.
            assert_eq!(found.as_deref().map(plain), expected.as_deref().map(plain), "{case}");
            let rest =
                |tokens: &Option<Vec<String>>| tokens.as_ref().map(|tokens| tokens[1.min(tokens.len())..].to_vec());
            assert_eq!(rest(found), rest(expected), "{case}");
        }
        assert_close(&format!("{case}: sensitivity"), &found.cti_scores, &expected.cti_scores, TOLERANCE);
        assert_eq!(found.cci_scores.len(), expected.cci_scores.len(), "{case}");
        for (found, expected) in found.cci_scores.iter().zip(&expected.cci_scores) {
            let case = format!("{case}: {}", expected.cti_token);
            assert_eq!(
                (found.cti_idx, bare(&found.cti_token)),
                (expected.cti_idx, bare(&expected.cti_token)),
                "{case}"
            );
            assert_eq!(found.contrast_token, expected.contrast_token, "{case}");
            assert_eq!(found.contextual_output, expected.contextual_output, "{case}");
            assert_eq!(found.contextless_output, expected.contextless_output, "{case}");
            for (side, found, expected) in [
                ("input", &found.input_context_scores, &expected.input_context_scores),
                ("output", &found.output_context_scores, &expected.output_context_scores),
            ] {
                assert_eq!(found.is_some(), expected.is_some(), "{case}: {side}");
                if let (Some(found), Some(expected)) = (found, expected) {
                    // Below a hundredth, single precision of the probabilities counts.
                    let scale = expected.iter().fold(0f32, |scale, score| scale.max(score.abs()));
                    let tolerance = TOLERANCE * (SMALL / scale).max(1.0);
                    assert_close(&format!("{case}: {side} context"), found, expected, tolerance);
                }
            }
        }
    }
}

/// A token without the mark of a space before it.
fn bare(token: &str) -> &str {
    token.trim_start_matches(['▁', 'Ġ'])
}
