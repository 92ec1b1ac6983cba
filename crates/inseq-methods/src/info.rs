//! The `info` of a result.

use std::borrow::Cow;

use inseq_core::{Info, SequenceAttribution, Warning};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::method::Method;
use crate::request::{AttributionRequest, MethodChoice};
use crate::step_functions::SharedStepFunction;
use crate::target_spans::TargetSpans;
use crate::texts::Texts;

/// Names, arguments and options of a call, for results.
pub(crate) struct Facts<'r> {
    method: String,
    attributed_fn: String,
    step_scores: Vec<String>,
    attribution_args: Map<String, Value>,
    attributed_fn_args: Cow<'r, Map<String, Value>>,
    step_scores_args: &'r Map<String, Value>,
    generation_args: &'r Map<String, Value>,
    attribute_target: bool,
    output_step_attributions: bool,
    include_eos_baseline: bool,
    generate_from_target_prefix: bool,
    feature_groups: Option<&'static str>,
    target_spans: Option<String>,
}

/// Facts that a call collects while it runs.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Warnings for the reader of the result, one sentence each: about the texts, about contrast texts, about texts
    /// without steps, and about scores that are not finite.
    pub(crate) warnings: Vec<Warning>,
    pub(crate) contrasts: Vec<Warning>,
    pub(crate) without_steps: Vec<Warning>,
    pub(crate) without_value: Vec<Warning>,
    /// Whether any text has the requested positions, and the reason of the first text without them.
    pub(crate) has_steps: bool,
    pub(crate) refusal: Option<Error>,
    /// Whether any step sees an end-of-sequence token.
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
    pub(crate) fn all_warnings(&self) -> Vec<Warning> {
        [&*self.warnings, &*self.contrasts, &*self.without_steps, &*self.without_value].concat()
    }
}

impl<'r> Facts<'r> {
    pub(crate) fn of(
        request: &'r AttributionRequest,
        method: &dyn Method,
        attributed_fn: &SharedStepFunction,
        attributed_fn_args: Cow<'r, Map<String, Value>>,
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
            attributed_fn_args,
            step_scores_args: &request.step_scores_args,
            generation_args: &request.generation_args,
            attribute_target: request.attribute_target,
            output_step_attributions: request.output_step_attributions,
            include_eos_baseline: request.include_eos_baseline,
            generate_from_target_prefix: request.generate_from_target_prefix,
            feature_groups: request.feature_groups.name(),
            target_spans: (request.target_spans != TargetSpans::Tokens).then(|| request.target_spans.to_string()),
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

    /// The facts of the result.
    pub(crate) fn info(&self, texts: &Texts, outcome: &Outcome) -> Info {
        let (model, warnings) = (texts.model, outcome.all_warnings());
        let arguments = |arguments: &Map<String, Value>, alignments: &[Vec<(usize, usize)>]| {
            let mut arguments = arguments.clone();
            // The alignments of contrast targets as they came out: for each text pairs of positions, one for each step.
            if arguments.contains_key("contrast_targets") && !alignments.is_empty() {
                arguments.insert("contrast_targets_alignments".into(), json!(alignments));
            }
            arguments
        };
        let [of_attributed_fn, of_step_scores] = &outcome.alignments;
        let mut info = Info::default();
        info.attribution_method = Some(self.method.clone());
        info.attr_pos_start = outcome.attr_pos_start;
        info.attr_pos_end = outcome.attr_pos_end;
        info.output_step_attributions = Some(self.output_step_attributions);
        info.attribute_target = Some(self.attribute_target && !model.model().is_decoder_only());
        info.step_scores = Some(self.step_scores.clone());
        info.exec_time = Some(outcome.seconds);
        info.model_name = Some(model.name().to_owned());
        info.model_class = Some(model.model_class().to_owned());
        info.tokenizer_name = Some(model.name().to_owned());
        info.tokenizer_class = Some(model.tokenizer().class().to_owned());
        info.include_eos_baseline = Some(self.include_eos_baseline);
        info.attributed_fn = Some(self.attributed_fn.clone());
        info.attribution_args = Some(self.attribution_args.clone());
        info.attributed_fn_args = Some(arguments(&self.attributed_fn_args, of_attributed_fn));
        info.step_scores_args = Some(arguments(self.step_scores_args, of_step_scores));
        info.generation_args = Some(self.generation_args.clone());
        info.input_texts = Some(texts.inputs.to_vec());
        info.generated_texts = Some(outcome.written.clone());
        info.constrained_decoding = Some(texts.gives_targets());
        info.generate_from_target_prefix = Some(texts.goes_on);
        info.feature_groups = self.feature_groups.map(str::to_owned);
        info.target_spans.clone_from(&self.target_spans);
        info.warnings = (!warnings.is_empty()).then_some(warnings);
        info
    }
}
