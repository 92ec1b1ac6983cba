//! The attribution of one text.

use indexmap::IndexMap;
use ndarray::{Array1, ArrayD};

use crate::Token;

/// What the trailing axes of an attribution array are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AttributionKind {
    /// `[attributed, step, hidden]`: one score for each feature of the embedding.
    Granular,
    /// `[attributed, step]`: one score a token.
    #[default]
    Coarse,
    /// `[attributed, step, ...]` with one axis for each name (`layer`, `head`).
    MultiDimensional {
        /// Names of the axes after the first two, in order.
        dimensions: Vec<String>,
    },
}

/// The attribution of one text: which tokens made the model write each generated token.
///
/// Axes: *source* counts [`source`](Self::source) tokens, *target* counts [`target`](Self::target) tokens, and
/// *step* counts attributed target tokens, `attr_pos_start..attr_pos_end`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SequenceAttribution {
    /// Source tokens; for decoder-only models the prompt.
    pub source: Vec<Token>,
    /// Target tokens from the decoder start (encoder-decoder) or the prompt's first token (decoder-only) on.
    pub target: Vec<Token>,
    /// `[source, step, ...]`; `None` for decoder-only models.
    pub source_attributions: Option<ArrayD<f32>>,
    /// `[target, step, ...]`, NaN where a step cannot see the row; `None` unless the prefix was attributed.
    pub target_attributions: Option<ArrayD<f32>>,
    /// `[step]` by step function name.
    pub step_scores: IndexMap<String, Array1<f32>>,
    /// Arrays that describe the whole text (such as encoder self-attention), by name.
    pub sequence_scores: IndexMap<String, ArrayD<f32>>,
    /// Position in `target` of the first attributed token.
    pub attr_pos_start: usize,
    /// Position in `target` after the last attributed token.
    pub attr_pos_end: usize,
    /// What the trailing axes of the attribution arrays are.
    pub kind: AttributionKind,
}

/// The raw output of one generation step for a batch of texts (the reference's `step_attributions`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepAttribution {
    /// Source tokens of each text, `[batch][source]`.
    pub source: Vec<Vec<Token>>,
    /// The token this step attributed, for each text that has one.
    pub target: Vec<Vec<Token>>,
    /// Target tokens before it, `[batch][prefix]`.
    pub prefix: Vec<Vec<Token>>,
    /// `[batch, source, ...]`.
    pub source_attributions: Option<ArrayD<f32>>,
    /// `[batch, prefix, ...]`.
    pub target_attributions: Option<ArrayD<f32>>,
    /// `[batch]` by step function name.
    pub step_scores: IndexMap<String, Array1<f32>>,
    /// Arrays that describe whole texts, `[batch, ...]` by name; on the last step of methods that give them.
    pub sequence_scores: IndexMap<String, ArrayD<f32>>,
    /// What the trailing axes of the attribution arrays are.
    pub kind: AttributionKind,
}
