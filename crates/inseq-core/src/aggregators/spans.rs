//! Aggregator that merges spans of tokens.

use std::ops::Range;

use ndarray::{ArrayD, Axis, Slice, concatenate};

use super::{AggregationFunction, Aggregator, Merging};
use crate::{Error, Result, ScoreAxis, SequenceAttribution, Token};

/// Merges spans of tokens, with their scores. The reference's `spans` aggregator.
///
/// Target spans merge prefix tokens and, if these tokens are attributed, their steps: a merged token has one
/// column. It has no id.
///
/// ```
/// use inseq_core::aggregators::{AggregationFunction, Spans};
///
/// let spans = Spans::new().source([0..2]).merging(AggregationFunction::Sum);
/// # let _ = spans;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Spans {
    /// Spans of source tokens.
    pub source: Vec<Range<usize>>,
    /// Spans of target tokens.
    pub target: Vec<Range<usize>>,
    /// Functions that merge the scores of a span; an [`AggregationFunction`] applies to attributions and step scores.
    pub merging: Merging,
}

crate::setters! {
    Spans { merging: impl Into<Merging> }
    own { source, target }
}

impl Spans {
    /// No spans yet, and the default merging functions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Merges these spans of the source: in order, not overlapping, not empty.
    #[must_use]
    pub fn source(self, spans: impl IntoIterator<Item = Range<usize>>) -> Self {
        Self { source: spans.into_iter().collect(), ..self }
    }

    /// Merges these spans of the target: in order, not overlapping, not empty.
    #[must_use]
    pub fn target(self, spans: impl IntoIterator<Item = Range<usize>>) -> Self {
        Self { target: spans.into_iter().collect(), ..self }
    }
}

impl Aggregator for Spans {
    fn name(&self) -> &str {
        "spans"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        attribution.validate()?;
        check("source", &self.source, attribution.source.len())?;
        check("target", &self.target, attribution.target.len())?;
        let (start, end) = (attribution.attr_pos_start, attribution.attr_pos_end);
        // Target spans as steps; what they have before the first step is not attributed.
        let steps: Vec<Range<usize>> = self
            .target
            .iter()
            .filter(|span| span.end > start)
            .map(|span| span.start.saturating_sub(start)..span.end.min(end).saturating_sub(start))
            .filter(|span| !span.is_empty())
            .collect();
        let merged = |scores: &Option<ArrayD<f32>>, rows: &[Range<usize>]| {
            let Some(scores) = scores else { return Ok(None) };
            let by_step = merge(scores, 1, &steps, self.merging.function)?;
            merge(&by_step, 0, rows, self.merging.function).map(Some)
        };
        let step_scores = attribution.step_scores.iter().map(|(name, scores)| {
            let merged = merge(&scores.clone().into_dyn(), 0, &steps, self.merging.of_step_score(attribution, name))?;
            let merged = merged.into_dimensionality().map_err(|error| Error::Invalid(error.to_string()))?;
            Ok((name.clone(), merged))
        });
        let sequence_scores = attribution.sequence_scores.iter().map(|(name, score)| {
            let [rows, columns] = score.axes.map(|axis| match axis {
                ScoreAxis::Source => &self.source,
                ScoreAxis::Target => &self.target,
                ScoreAxis::Step => &steps,
            });
            let by_column = merge(&score.scores, 1, columns, self.merging.function)?;
            Ok((name.clone(), score.with(merge(&by_column, 0, rows, self.merging.function)?)))
        });
        // A span that reaches over the first step is one token with it.
        let before = |span: &&Range<usize>| span.start < start;
        let fewer: usize = self.target.iter().filter(before).map(|span| span.end.min(start) - span.start - 1).sum();
        let over = usize::from(self.target.iter().any(|span| span.start < start && span.end > start));
        let new_start = start - fewer - over;
        let fewer_steps: usize = steps.iter().map(|span| span.len() - 1).sum();
        Ok(SequenceAttribution {
            source: tokens(&attribution.source, &self.source),
            target: tokens(&attribution.target, &self.target),
            source_attributions: merged(&attribution.source_attributions, &self.source)?,
            target_attributions: merged(&attribution.target_attributions, &self.target)?,
            step_scores: step_scores.collect::<Result<_>>()?,
            sequence_scores: sequence_scores.collect::<Result<_>>()?,
            step_score_merging: attribution.step_score_merging.clone(),
            attr_pos_start: new_start,
            attr_pos_end: new_start + (end - start) - fewer_steps,
            kind: attribution.kind.clone(),
        })
    }
}

/// Checks that spans are sorted, disjoint, not empty, and end within `length` tokens.
pub(super) fn check(side: &str, spans: &[Range<usize>], length: usize) -> Result<()> {
    let mut before = 0;
    for span in spans {
        if span.is_empty() || span.start < before || span.end > length {
            return Err(Error::argument(
                side,
                format!(
                    "{side} span {span:?}: spans must not be empty, nor overlap, and must be in order and lie within the \
                 {length} {side} tokens"
                ),
            ));
        }
        before = span.end;
    }
    Ok(())
}

fn tokens(tokens: &[Token], spans: &[Range<usize>]) -> Vec<Token> {
    let mut merged = Vec::new();
    let mut next = 0;
    for span in spans {
        merged.extend_from_slice(&tokens[next..span.start]);
        merged.push(Token::joined(&tokens[span.clone()]));
        next = span.end;
    }
    merged.extend_from_slice(&tokens[next..]);
    merged
}

/// Merges the spans of an axis; spans beyond the end of the axis are cut.
fn merge(
    scores: &ArrayD<f32>,
    axis: usize,
    spans: &[Range<usize>],
    function: AggregationFunction,
) -> Result<ArrayD<f32>> {
    let length = *scores.shape().get(axis).ok_or_else(|| {
        Error::Invalid(format!("scores of shape {:?} have no axis {axis} to merge tokens of", scores.shape()))
    })?;
    let axis = Axis(axis);
    let cut = |range: Range<usize>| scores.slice_axis(axis, Slice::from(range)).to_owned();
    let mut parts = Vec::new();
    let mut next = 0;
    for span in spans {
        let span = span.start.min(length)..span.end.min(length);
        if span.is_empty() {
            continue;
        }
        parts.push(cut(next..span.start));
        let mut last: Vec<usize> = (0..scores.ndim()).filter(|other| *other != axis.index()).collect();
        last.push(axis.index());
        let merged = function.reduce_last_axis(&cut(span.clone()).permuted_axes(last))?;
        parts.push(merged.insert_axis(axis));
        next = span.end;
    }
    parts.push(cut(next..length));
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    concatenate(axis, &views).map_err(|error| Error::Invalid(error.to_string()))
}
