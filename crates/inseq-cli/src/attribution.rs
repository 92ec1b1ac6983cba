//! What is attributed, and how, in every command that attributes.

use std::path::Path;

use clap::{Args, ValueHint};
use inseq_core::did_you_mean;
use inseq_methods::{AttributionRequest, FeatureGroups, MethodInfo, Methods, TargetSpans};

use crate::completing::STEP_FUNCTIONS;
use crate::failure::Failure;
use crate::input;
use crate::json_object::{Object, object};
use crate::warnings::warn;

/// What is attributed, whatever the method.
#[derive(Debug, Args)]
#[command(next_help_heading = "Attribution")]
pub struct AttributionArguments {
    /// Arguments of the method, the attributed function and any step scores, as a JSON object such as {"n_steps": 100};
    /// `inseq list methods --arguments` and `inseq list step-functions --arguments` print them.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub attribution_kwargs: Object,
    /// Function of the model's output to attribute: a name that `inseq list step-functions` prints, or an expression such as
    /// "logit(target) - logit('▁elle')". [default: probability]
    #[arg(long, value_name = "FUNCTION", value_parser = STEP_FUNCTIONS, hide_possible_values = true)]
    pub attributed_fn: Option<String>,
    /// Attribute to the earlier output tokens as well as to the input. Decoder-only models always do this.
    #[arg(long)]
    pub attribute_target: bool,
    /// Attribute to groups of tokens: tokens, words, sentences, or a JSON file with spans of tokens such as {"source": [[0, 2],
    /// [2, 5]], "target": [[1, 3]]}, or a list of such objects, one per text. [default: tokens]
    #[arg(long, value_name = "GROUPS", value_hint = ValueHint::FilePath)]
    pub feature_groups: Option<String>,
    /// Attribute spans of the output, each as one step whose score is the sum over its tokens: tokens, words, sentences, whole, or
    /// ranges such as "chars 10..40" or "tokens 5..9, 9..14". With spans, the default attributed function is the log probability.
    /// [default: tokens]
    #[arg(long, value_name = "SPANS")]
    pub target_spans: Option<TargetSpans>,
    /// First output position to attribute. Position 0 is the decoder start, or the first token of a decoder-only model's prompt.
    /// In encoder-decoder models, a negative position counts from the end of each text: -1 is the last token. In decoder-only
    /// models, a start before the end of the prompt, including any negative one, means the first token after the prompt. A text
    /// that does not have the position gets no scores and a warning; if no text has it, that is an error. [default: the first
    /// position that can be attributed]
    #[arg(short, long, value_name = "N", allow_negative_numbers = true)]
    pub start_pos: Option<i64>,
    /// Output position after the last one to attribute. A negative position counts from the end of each text: -1 leaves out the
    /// last token. [default: the end of each text]
    #[arg(short, long, value_name = "N", allow_negative_numbers = true)]
    pub end_pos: Option<i64>,
    /// Replace the end-of-sequence token in baselines too. Without this flag baselines keep it.
    #[arg(long, alias = "eos")]
    pub include_eos_baseline: bool,
    /// Number of texts that go through the model together, 1 or more. [default: as many as fit into --memory-budget]
    #[arg(long, value_name = "N")]
    pub batch_size: Option<usize>,
}

impl AttributionArguments {
    /// The path that may be standard input.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.feature_groups.iter().map(Path::new)
    }

    /// The request with these options, whose step scores are set. Arguments that neither the methods nor the functions know have
    /// no effect, and a warning says so.
    pub fn complete(&self, request: AttributionRequest, methods: &[MethodInfo]) -> Result<AttributionRequest, Failure> {
        if self.batch_size == Some(0) {
            return Err(Failure::Argument("--batch-size must be at least 1".into()));
        }
        let mut request = request
            .attribute_target(self.attribute_target)
            .feature_groups(feature_groups(self.feature_groups.as_deref())?)
            .target_spans(self.target_spans.clone().unwrap_or_default())
            .attr_pos_start(self.start_pos)
            .attr_pos_end(self.end_pos)
            .include_eos_baseline(self.include_eos_baseline)
            .batch_size(self.batch_size);
        request.attributed_fn = self.attributed_fn.clone().map(Into::into);
        let unused = request.add_keywords(&self.attribution_kwargs, methods)?;
        unused.iter().for_each(|unused| warn(&format!("--attribution-kwargs: {unused}")));
        Ok(request)
    }
}

/// A method by its name.
pub fn method(name: &str) -> Result<MethodInfo, Failure> {
    Ok(Methods::new().get(name)?.clone())
}

/// Groups by their name, or from a file.
fn feature_groups(given: Option<&str>) -> Result<FeatureGroups, Failure> {
    match given {
        None | Some("tokens") => Ok(FeatureGroups::Tokens),
        Some("words") => Ok(FeatureGroups::Words),
        Some("sentences") => Ok(FeatureGroups::Sentences),
        Some(path) => {
            let json = input::text(Path::new(path)).map_err(|error| {
                let near = did_you_mean(path, ["tokens", "words", "sentences"], 1);
                Failure::Argument(format!(
                    "--feature-groups must be tokens, words, sentences, or a JSON file of spans; it cannot be read: {error}{near}"
                ))
            })?;
            let place = input::name(Path::new(path));
            FeatureGroups::from_json(&json).map_err(|error| Failure::Argument(format!("{place}: {error}")))
        }
    }
}
