//! Texts as ids, and as embeddings.

use std::ops::Range;

use burn::tensor::Tensor;
use inseq_models::model::{Model, Source};

use crate::steps::Steps;

/// A text as ids, with the steps to attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct TextSteps {
    /// Index of the text in the call.
    pub index: usize,
    /// Source ids; empty for decoder-only models.
    pub source: Vec<u32>,
    /// Baseline of each source id.
    pub source_baseline: Vec<u32>,
    /// Target ids, including the decoder start or the prompt.
    pub target: Vec<u32>,
    /// Baseline of each target id.
    pub target_baseline: Vec<u32>,
    /// Spans of source tokens, in order; the tokens of a span form one feature.
    pub source_features: Vec<Range<usize>>,
    /// Spans of target tokens, in order; the tokens of a span form one feature.
    pub target_features: Vec<Range<usize>>,
    /// First position in `target` that can be attributed; earlier tokens were given (a prompt, or the decoder start).
    pub first: usize,
    /// Positions in `target` of the attributed tokens; each sees the positions before it.
    pub steps: Steps,
}

/// Embeddings of a batch at which gradients are taken; entry `i` belongs to the text `texts[i]`.
#[derive(Debug)]
pub struct Point<'a> {
    /// The text of each entry.
    pub texts: Vec<&'a TextSteps>,
    /// Source embeddings, for models with an encoder.
    pub source: Option<Source>,
    /// Embeddings of the target, padded on the right, `[batch, target, feature]`.
    pub target: Tensor<3>,
}

impl<'a> Point<'a> {
    pub(crate) fn of_ids(
        model: &Model,
        texts: &[&'a TextSteps],
        ids: impl Fn(&'a TextSteps) -> (&'a [u32], &'a [u32]),
    ) -> Self {
        let source = model.encoder.as_ref().map(|encoder| {
            let (ids, lengths) = padded(texts.iter().map(|text| ids(text).0));
            Source { embeddings: encoder.embedding.forward(&ids, texts.len()), lengths }
        });
        // The last token is only ever predicted: nothing after it looks at it.
        let (target, _) = padded(texts.iter().map(|text| {
            let ids = ids(text).1;
            &ids[..ids.len().min(text.steps.end().max(2) - 1)]
        }));
        Self { texts: texts.to_vec(), source, target: model.target_embedding.forward(&target, texts.len()) }
    }
}

/// Ids in rows of equal length, padded on the right with 0, and the lengths.
fn padded<'a>(rows: impl Iterator<Item = &'a [u32]> + Clone) -> (Vec<u32>, Vec<usize>) {
    let lengths: Vec<usize> = rows.clone().map(<[u32]>::len).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let ids = rows.flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0, longest - row.len()))).collect();
    (ids, lengths)
}
