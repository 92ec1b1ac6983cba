//! The `info` of a result.

use inseq_core::SequenceAttribution;
use serde_json::{Map, Value, json};

use crate::method::Method;
use crate::request::{AttributionRequest, MethodChoice};
use crate::step_functions::SharedStepFunction;
use crate::texts::Texts;

/// Names, arguments and options of a call, for results.
pub(crate) struct Facts<'r> {
    method: String,
    attributed_fn: String,
    step_scores: Vec<String>,
    attribution_args: Map<String, Value>,
    attributed_fn_args: &'r Map<String, Value>,
    step_scores_args: &'r Map<String, Value>,
    generation_args: &'r Map<String, Value>,
    attribute_target: bool,
    output_step_attributions: bool,
    include_eos_baseline: bool,
    generate_from_target_prefix: bool,
    feature_groups: Option<&'static str>,
}

/// Facts that a call collects while it runs.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Warnings for the reader of the result, one sentence each: about the texts, about contrast texts, about texts
    /// without steps, and about scores that are not finite.
    pub(crate) warnings: Vec<String>,
    pub(crate) contrasts: Vec<String>,
    pub(crate) without_steps: Vec<String>,
    pub(crate) without_value: Vec<String>,
    /// Whether any text has the requested positions, and the reason of the first text without them.
    pub(crate) has_steps: bool,
    pub(crate) refusal: Option<String>,
    /// Whether a step of any text sees an end-of-sequence token.
    pub(crate) has_end: bool,
    /// The targets, as texts.
    pub(crate) written: Vec<String>,
    /// For each text, the position in the contrast target for each step: for the attributed function, and for step scores.
    pub(crate) alignments: [Vec<Vec<(usize, usize)>>; 2],
    /// The largest positions of texts with steps.
    attr_pos_start: Option<usize>,
    attr_pos_end: Option<usize>,
    pub(crate) seconds: f64,
}

impl Outcome {
    /// Records a finished text.
    pub(crate) fn add(&mut self, sequence: &SequenceAttribution) {
        if sequence.steps() > 0 {
            self.attr_pos_start = self.attr_pos_start.max(Some(sequence.attr_pos_start));
            self.attr_pos_end = self.attr_pos_end.max(Some(sequence.attr_pos_end));
        }
    }

    /// All warnings, in order.
    pub(crate) fn all_warnings(&self) -> Vec<String> {
        [&*self.warnings, &*self.contrasts, &*self.without_steps, &*self.without_value].concat()
    }
}

impl<'r> Facts<'r> {
    pub(crate) fn of(
        request: &'r AttributionRequest,
        method: &dyn Method,
        attributed_fn: &SharedStepFunction,
        step_scores: &[SharedStepFunction],
    ) -> Self {
        Self {
            method: method.name().to_owned(),
            attributed_fn: attributed_fn.name().to_owned(),
            step_scores: step_scores.iter().map(|function| function.name().to_owned()).collect(),
            attribution_args: match &request.method {
                Some(MethodChoice::Own(_)) => method.arguments(),
                _ => request.attribution_args.clone(),
            },
            attributed_fn_args: &request.attributed_fn_args,
            step_scores_args: &request.step_scores_args,
            generation_args: &request.generation_args,
            attribute_target: request.attribute_target,
            output_step_attributions: request.output_step_attributions,
            include_eos_baseline: request.include_eos_baseline,
            generate_from_target_prefix: request.generate_from_target_prefix,
            feature_groups: request.feature_groups.name(),
        }
    }

    /// Warnings about options that have no effect with this model or call.
    pub(crate) fn unused_options(&self, texts: &Texts) -> impl Iterator<Item = &'static str> {
        let are_given = texts.gives_targets() && !texts.goes_on;
        let has = |name: &str| self.attributed_fn_args.get(name).is_some_and(|value| !value.is_null());
        // Alternatives are scored in the text's own context then, through which gradients go.
        let in_own_context = has("contrast_targets")
            && self.attributed_fn_args.get("contrast_force_inputs") != Some(&Value::Bool(true))
            && self.attributed_fn != "kl_divergence";
        let each = [
            (
                self.generate_from_target_prefix && !texts.goes_on,
                "`generate_from_target_prefix` has no effect: a decoder-only model goes on from its prompt",
            ),
            (
                are_given && !self.generation_args.is_empty(),
                "arguments of the generation have no effect: the generated texts are given",
            ),
            (
                in_own_context && has("contrast_sources"),
                "`contrast_sources` has no effect on the attributed function beside `contrast_targets`: the alternatives are \
                 scored in the text's own context; set `contrast_force_inputs` to score them in the other one",
            ),
        ];
        each.into_iter().filter_map(|(is_unused, warning)| is_unused.then_some(warning))
    }

    /// The whole `info`, by the reference's names.
    pub(crate) fn info(&self, texts: &Texts, outcome: &Outcome) -> Map<String, Value> {
        let (model, warnings) = (texts.model, outcome.all_warnings());
        let mut info = Map::new();
        let mut put = |name: &str, value: Value| info.insert(name.to_owned(), value);
        put("attribution_method", json!(self.method));
        put("attr_pos_start", json!(outcome.attr_pos_start));
        put("attr_pos_end", json!(outcome.attr_pos_end));
        put("output_step_attributions", json!(self.output_step_attributions));
        put("attribute_target", json!(self.attribute_target && !model.model().is_decoder_only()));
        put("step_scores", json!(self.step_scores));
        put("exec_time", json!(outcome.seconds));
        put("model_name", json!(model.name()));
        put("model_class", json!(model.model_class()));
        put("tokenizer_name", json!(model.name()));
        put("tokenizer_class", json!(model.tokenizer().class()));
        put("include_eos_baseline", json!(self.include_eos_baseline));
        put("attributed_fn", json!(self.attributed_fn));
        put("attribution_args", json!(self.attribution_args));
        put("input_texts", json!(texts.inputs));
        put("generated_texts", json!(outcome.written));
        put("generation_args", json!(self.generation_args));
        put("constrained_decoding", json!(texts.gives_targets()));
        put("generate_from_target_prefix", json!(texts.goes_on));
        if let Some(groups) = self.feature_groups {
            put("feature_groups", json!(groups));
        }
        if !warnings.is_empty() {
            put("warnings", json!(warnings));
        }
        let arguments = [("attributed_fn_args", self.attributed_fn_args), ("step_scores_args", self.step_scores_args)];
        for ((name, arguments), alignments) in arguments.into_iter().zip(&outcome.alignments) {
            let mut arguments = arguments.clone();
            // The alignments of contrast targets as they came out: for each text pairs of positions, one for each step.
            if arguments.contains_key("contrast_targets") && !alignments.is_empty() {
                arguments.insert("contrast_targets_alignments".into(), json!(alignments));
            }
            put(name, json!(arguments));
        }
        info
    }
}
