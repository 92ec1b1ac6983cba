//! The description of a call.

use arbitrary::{Arbitrary, Unstructured};
use inseq_methods::{AttributionRequest, FeatureGroups, TargetSpans};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Arguments by name.
pub(super) type Arguments = Map<String, Value>;

/// A whole call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Case {
    /// The folder of the model below `tests/fixtures/architectures`.
    pub model: String,
    /// Bytes that the tensors of the attribution may take.
    pub memory_budget: usize,
    /// Texts to attribute.
    pub texts: Vec<String>,
    /// Texts that the model is taken to have written.
    pub generated_texts: Option<Vec<String>>,
    /// The same as ids.
    pub generated_token_ids: Option<Vec<Vec<u32>>>,
    /// The attribution method.
    pub method: String,
    /// Arguments of the method.
    pub attribution_args: Arguments,
    /// The attributed function.
    pub attributed_fn: Option<String>,
    /// Arguments of the attributed function.
    pub attributed_fn_args: Arguments,
    /// Step scores.
    pub step_scores: Vec<String>,
    /// Arguments of the step scores.
    pub step_scores_args: Arguments,
    /// First position.
    pub start: Option<i64>,
    /// Position after the last one.
    pub end: Option<i64>,
    /// Options of the request that are on.
    pub switches: Vec<Switch>,
    /// Texts that go through the model at once.
    pub batch_size: Option<usize>,
    /// `tokens`, `words`, `sentences`, or spans as JSON.
    pub feature_groups: String,
    /// Spans of the target, as [`TargetSpans`] reads them; nothing for tokens.
    pub target_spans: String,
    /// Arguments of the generation.
    pub generation_args: Arguments,
    /// Whether the call is planned first.
    pub is_planned: bool,
    /// Aggregators in a row, each with its arguments.
    pub aggregators: Vec<(String, Arguments)>,
    /// What is drawn.
    pub picture: Picture,
    /// How the result is saved: a precision's name.
    pub scores_precision: String,
}

/// An option of a request that is on or off, by the request's own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    AttributeTarget,
    OutputStepAttributions,
    IncludeEosBaseline,
    SkipSpecialTokens,
    CleanSpecialChars,
    GenerateFromTargetPrefix,
    Truncate,
    Chat,
    EmptyInputs,
}

impl Switch {
    /// All of them.
    pub(super) const ALL: [Self; 9] = [
        Self::AttributeTarget,
        Self::OutputStepAttributions,
        Self::IncludeEosBaseline,
        Self::SkipSpecialTokens,
        Self::CleanSpecialChars,
        Self::GenerateFromTargetPrefix,
        Self::Truncate,
        Self::Chat,
        Self::EmptyInputs,
    ];
}

/// How the result is looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Picture {
    /// `matrix`, `tokens`, `granular`, `pair` or `links`.
    pub view: String,
    /// Cells in a line, or points.
    pub width: u16,
    /// The ends of the colour scale.
    pub range: [Option<f32>; 2],
    /// Strongest input tokens that are shown.
    pub top_tokens: Option<usize>,
    /// Generated tokens that are shown.
    pub steps: Vec<i64>,
    /// The step score that colours generated tokens.
    pub highlight: Option<String>,
    /// Tokens in a line.
    pub wrap: Option<usize>,
    /// The axis that runs across, and the longest that may.
    pub dimension: Option<String>,
    /// The longest axis that may run across.
    pub longest: usize,
    /// Entries of an axis.
    pub slice: Option<(String, usize, usize)>,
    /// Strings that are replaced in tokens.
    pub replacements: Vec<(String, String)>,
    /// Whether special tokens are left out.
    #[serde(default)]
    pub hide_special: bool,
}

impl Case {
    /// One line from which [`parse`](Self::parse) makes the case again.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The case of a [`line`](Self::line).
    ///
    /// # Errors
    /// When it is no such line.
    pub fn parse(line: &str) -> serde_json::Result<Self> {
        serde_json::from_str(line)
    }

    pub(super) fn request(&self) -> Result<AttributionRequest, inseq_methods::Error> {
        let is_on = |switch| self.switches.contains(&switch);
        let mut request = AttributionRequest::new(&self.texts)
            .generated_token_ids(self.generated_token_ids.clone())
            .method(&self.method)
            .attribution_args(self.attribution_args.clone())
            .attributed_fn_args(self.attributed_fn_args.clone())
            .step_scores(self.step_scores.iter().map(String::as_str))
            .step_scores_args(self.step_scores_args.clone())
            .attr_pos_start(self.start)
            .attr_pos_end(self.end)
            .attribute_target(is_on(Switch::AttributeTarget))
            .output_step_attributions(is_on(Switch::OutputStepAttributions))
            .include_eos_baseline(is_on(Switch::IncludeEosBaseline))
            .skip_special_tokens(is_on(Switch::SkipSpecialTokens))
            .clean_special_chars(is_on(Switch::CleanSpecialChars))
            .generate_from_target_prefix(is_on(Switch::GenerateFromTargetPrefix))
            .truncate(is_on(Switch::Truncate))
            .empty_inputs(is_on(Switch::EmptyInputs))
            .chat(is_on(Switch::Chat))
            .batch_size(self.batch_size)
            .feature_groups(match self.feature_groups.as_str() {
                "tokens" | "" => FeatureGroups::Tokens,
                "words" => FeatureGroups::Words,
                "sentences" => FeatureGroups::Sentences,
                json => FeatureGroups::from_json(json)?,
            })
            .target_spans(match self.target_spans.as_str() {
                "" => TargetSpans::Tokens,
                spans => spans.parse()?,
            })
            .generation_args(self.generation_args.clone());
        request.generated_texts.clone_from(&self.generated_texts);
        request.attributed_fn = self.attributed_fn.clone().map(Into::into);
        Ok(request)
    }
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(from: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self::drawn(from))
    }
}
