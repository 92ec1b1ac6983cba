//! The attribution of one text.

use std::collections::BTreeMap;
use std::ops::Range;

use indexmap::IndexMap;
use ndarray::{Array1, ArrayD, Axis, Slice};
use serde::{Deserialize, Serialize};

use crate::aggregators::AggregationFunction;
use crate::{Error, Result, Token};

/// Meaning of the trailing axes of an attribution array. The last variant has room for any axes, so there will be no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AttributionKind {
    /// `[attributed, step, hidden]`: one score for each feature of the embedding.
    Granular,
    /// `[attributed, step]`: one score per token.
    #[default]
    Coarse,
    /// `[attributed, step, ...]` with one axis for each name (`layer`, `head`).
    MultiDimensional {
        /// Names of the axes after the first two, in order.
        dimensions: Vec<String>,
    },
}

/// Meaning of one of the first two axes of a sequence score. A text has no other parts, so there will be no other variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreAxis {
    /// Source tokens.
    Source,
    /// Target tokens.
    Target,
    /// Attributed steps.
    Step,
}

/// An array that describes a whole text, such as encoder self-attention, with the meaning of its first two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceScore {
    /// Meaning of the first two axes. Aggregators that merge, keep or drop tokens do so along these.
    pub axes: [ScoreAxis; 2],
    /// The scores, `[axes[0], axes[1], ...]`.
    pub scores: ArrayD<f32>,
}

impl SequenceScore {
    /// Scores with the meaning of their first two axes.
    pub fn new(axes: [ScoreAxis; 2], scores: ArrayD<f32>) -> Self {
        Self { axes, scores }
    }

    /// The same axes with other scores.
    pub(crate) fn with(&self, scores: ArrayD<f32>) -> Self {
        Self { axes: self.axes, scores }
    }
}

/// The attribution of one text: the influence of each token on each generated token.
///
/// Axes: *source* counts [`source`](Self::source) tokens, *target* counts [`target`](Self::target) tokens, and
/// *step* counts attributed target tokens, `attr_pos_start..attr_pos_end`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SequenceAttribution {
    /// Source tokens; for decoder-only models, the prompt.
    pub source: Vec<Token>,
    /// Target tokens, starting with the decoder start (encoder-decoder) or the first token of the prompt (decoder-only).
    pub target: Vec<Token>,
    /// Scores of source tokens, `[source, step, ...]`; `None` for decoder-only models.
    pub source_attributions: Option<ArrayD<f32>>,
    /// Scores of target tokens, `[target, step, ...]`; NaN if the step cannot see the token. `None` unless the prefix was attributed.
    pub target_attributions: Option<ArrayD<f32>>,
    /// Step scores, `[step]`, by the name of the step function.
    pub step_scores: IndexMap<String, Array1<f32>>,
    /// Functions that merge step scores of merged tokens, by the name of the step score. A step score without one is merged as
    /// attributions are.
    pub step_score_merging: BTreeMap<String, AggregationFunction>,
    /// Arrays that describe the whole text (such as encoder self-attention), by name.
    pub sequence_scores: IndexMap<String, SequenceScore>,
    /// Position in `target` of the first attributed token.
    pub attr_pos_start: usize,
    /// Position in `target` after the last attributed token.
    pub attr_pos_end: usize,
    /// Meaning of the trailing axes of the attribution arrays.
    pub kind: AttributionKind,
}

/// Spans of the tokens of a text on both sides ([`SequenceAttribution::find_tokens`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundTokens {
    /// Spans of source tokens, in order.
    pub source: Vec<Range<usize>>,
    /// Spans of target tokens, in order.
    pub target: Vec<Range<usize>>,
}

/// The raw output of one generation step for a batch of texts (the reference's `step_attributions`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepAttribution {
    /// Source tokens of each text, `[batch][source]`.
    pub source: Vec<Vec<Token>>,
    /// Token that this step attributed, for each text that has this step.
    pub target: Vec<Vec<Token>>,
    /// Target tokens before the step, `[batch][prefix]`.
    pub prefix: Vec<Vec<Token>>,
    /// Scores of source tokens, `[batch, source, ...]`.
    pub source_attributions: Option<ArrayD<f32>>,
    /// Scores of prefix tokens, `[batch, prefix, ...]`.
    pub target_attributions: Option<ArrayD<f32>>,
    /// Step scores, `[batch]`, by the name of the step function.
    pub step_scores: IndexMap<String, Array1<f32>>,
    /// Arrays that describe whole texts, `[batch, ...]`, by name; only on the last step, for methods that compute them. Their
    /// axes are those after the batch.
    pub sequence_scores: IndexMap<String, SequenceScore>,
    /// Meaning of the trailing axes of the attribution arrays.
    pub kind: AttributionKind,
}

impl SequenceAttribution {
    /// Positions of the tokens of a text, such as the rows of a word in [`source_attributions`](Self::source_attributions);
    /// [`text::find`](crate::text::find) has the rule.
    ///
    /// ```
    /// use inseq_core::{SequenceAttribution, Token};
    ///
    /// let source = ["▁The", "▁nur", "se", "▁left"].map(|text| Token::new(text, 1)).to_vec();
    /// let target = ["<pad>", "▁L", "'", "infirmière"].map(|text| Token::new(text, 1)).to_vec();
    /// let attribution = SequenceAttribution { source, target, ..SequenceAttribution::default() };
    /// assert_eq!(attribution.find_tokens("nurse").source, [1..3]);
    /// assert_eq!(attribution.find_tokens("infirmière").target, [3..4]);
    /// ```
    pub fn find_tokens(&self, text: &str) -> FoundTokens {
        FoundTokens { source: crate::text::find(&self.source, text), target: crate::text::find(&self.target, text) }
    }

    /// Adds a row of NaN to the target attributions for each target token without a row. Methods and files omit the rows of
    /// tokens that no step sees: the last attributed token and the tokens after it.
    pub fn add_unseen_rows(&mut self) {
        let Some(scores) = &mut self.target_attributions else { return };
        let mut shape = scores.raw_dim();
        let found = scores.shape().first().copied().unwrap_or(usize::MAX);
        if found >= self.target.len() {
            return;
        }
        shape[0] = self.target.len();
        let mut all = ArrayD::from_elem(shape, f32::NAN);
        all.slice_axis_mut(Axis(0), Slice::from(..found)).assign(scores);
        *scores = all;
    }

    /// Keeps only the steps of a span; 0 is the first attributed token. All tokens stay.
    ///
    /// # Errors
    /// The span is out of range, or the arrays do not fit the tokens.
    pub fn slice_steps(&self, steps: Range<usize>) -> Result<Self> {
        self.validate()?;
        if steps.start > steps.end || steps.end > self.steps() {
            return Err(Error::argument(
                "steps",
                format!("steps {steps:?} do not lie in the {} attributed ones", self.steps()),
            ));
        }
        let columns = |scores: &ArrayD<f32>| scores.slice_axis(Axis(1), Slice::from(steps.clone())).to_owned();
        let some = |scores: &Array1<f32>| scores.slice_axis(Axis(0), Slice::from(steps.clone())).to_owned();
        Ok(Self {
            source: self.source.clone(),
            target: self.target.clone(),
            source_attributions: self.source_attributions.as_ref().map(columns),
            target_attributions: self.target_attributions.as_ref().map(columns),
            step_scores: self.step_scores.iter().map(|(name, scores)| (name.clone(), some(scores))).collect(),
            step_score_merging: self.step_score_merging.clone(),
            sequence_scores: self.sequence_scores.clone(),
            attr_pos_start: self.attr_pos_start + steps.start,
            attr_pos_end: self.attr_pos_start + steps.end,
            kind: self.kind.clone(),
        })
    }
}
