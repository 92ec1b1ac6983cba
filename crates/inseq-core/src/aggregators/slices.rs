//! The aggregator that keeps spans of the input tokens.

use std::ops::Range;

use ndarray::{ArrayD, Axis};

use super::Aggregator;
use super::spans::check;
use crate::{Error, Result, ScoreAxis, SequenceAttribution, Token};

/// Keeps spans of source and target tokens, with their scores. The reference's `slices` aggregator.
///
/// All generated tokens stay, so that every step keeps its label: a span that reaches into them is
/// extended to their end. A side without spans does not change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slices {
    /// Spans of source tokens to keep. For decoder-only models the source is the part of the prompt that the target spans keep.
    pub source: Option<Vec<Range<usize>>>,
    /// Spans of target tokens to keep.
    pub target: Option<Vec<Range<usize>>>,
}

impl Slices {
    /// Keeps everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps these spans of the source: in order, not overlapping, not empty.
    #[must_use]
    pub fn source(self, spans: impl IntoIterator<Item = Range<usize>>) -> Self {
        Self { source: Some(spans.into_iter().collect()), ..self }
    }

    /// Keeps these spans of the target: in order, not overlapping, not empty.
    #[must_use]
    pub fn target(self, spans: impl IntoIterator<Item = Range<usize>>) -> Self {
        Self { target: Some(spans.into_iter().collect()), ..self }
    }
}

impl Aggregator for Slices {
    fn name(&self) -> &str {
        "slices"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        attribution.validate()?;
        let (start, end) = (attribution.attr_pos_start, attribution.attr_pos_end);
        check("source", self.source.as_deref().unwrap_or_default(), attribution.source.len())?;
        check("target", self.target.as_deref().unwrap_or_default(), attribution.target.len())?;
        let target = self.target.as_ref().map(|spans| with_generated(spans, start..end));
        let source = if attribution.source_attributions.is_some() {
            self.source.clone()
        } else {
            let prompt = attribution.source.len();
            target.as_ref().map(|spans| {
                let cut = spans.iter().map(|span| span.start.min(prompt)..span.end.min(prompt));
                cut.filter(|span| !span.is_empty()).collect()
            })
        };
        let rows = |spans: &Option<Vec<Range<usize>>>| spans.as_ref().map(|spans| positions(spans));
        let (source, target) = (rows(&source), rows(&target));
        let dropped = target.as_ref().map_or(0, |kept| start - kept.iter().take_while(|&&row| row < start).count());
        let sequence_scores = attribution.sequence_scores.iter().map(|(name, score)| {
            let scores = &score.scores;
            let kept = match score.axes {
                [ScoreAxis::Target, _] => {
                    // No step runs the last attributed token, nor what follows it: they have no rows.
                    let run = scores.shape().first().copied().unwrap_or(0);
                    let rows: Option<Vec<usize>> =
                        target.as_ref().map(|rows| rows.iter().copied().filter(|&row| row < run).collect());
                    select(scores, 0, rows.as_deref())
                }
                // As in the reference: encoder scores pair source tokens with each other.
                [_, ScoreAxis::Source] => {
                    select(scores, 0, source.as_deref()).and_then(|scores| select(&scores, 1, source.as_deref()))
                }
                _ => select(scores, 0, source.as_deref()),
            };
            let what = || {
                Error::Invalid(format!(
                    "sequence score {name:?} of shape {:?} is smaller than the spans",
                    scores.shape()
                ))
            };
            Ok((name.clone(), score.with(kept.ok_or_else(what)?)))
        });
        let cut = |scores: &Option<ArrayD<f32>>, rows: Option<&[usize]>| {
            scores.as_ref().and_then(|scores| select(scores, 0, rows))
        };
        Ok(SequenceAttribution {
            source: tokens(&attribution.source, source.as_deref()),
            target: tokens(&attribution.target, target.as_deref()),
            source_attributions: cut(&attribution.source_attributions, source.as_deref()),
            target_attributions: cut(&attribution.target_attributions, target.as_deref()),
            step_scores: attribution.step_scores.clone(),
            sequence_scores: sequence_scores.collect::<Result<_>>()?,
            step_score_merging: attribution.step_score_merging.clone(),
            attr_pos_start: start - dropped,
            attr_pos_end: end - dropped,
            kind: attribution.kind.clone(),
        })
    }
}

/// The spans, with the first one that reaches into the generated tokens extended to their end; without such a span, one more
/// span covers them.
fn with_generated(spans: &[Range<usize>], generated: Range<usize>) -> Vec<Range<usize>> {
    let prefix = spans.iter().take_while(|span| span.end <= generated.start);
    let mut kept: Vec<Range<usize>> = prefix.cloned().collect();
    let begin = spans.get(kept.len()).map_or(generated.start, |span| span.start.min(generated.start));
    kept.push(begin..generated.end);
    kept
}

fn positions(spans: &[Range<usize>]) -> Vec<usize> {
    spans.iter().cloned().flatten().collect()
}

fn tokens(tokens: &[Token], rows: Option<&[usize]>) -> Vec<Token> {
    match rows {
        Some(rows) => rows.iter().filter_map(|&row| tokens.get(row).cloned()).collect(),
        None => tokens.to_vec(),
    }
}

/// The given rows of an axis, or all rows without a list; `None` if the axis or a row does not exist.
fn select(scores: &ArrayD<f32>, axis: usize, rows: Option<&[usize]>) -> Option<ArrayD<f32>> {
    let Some(rows) = rows else { return Some(scores.clone()) };
    let length = *scores.shape().get(axis)?;
    rows.iter().all(|&row| row < length).then(|| scores.select(Axis(axis), rows))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::SequenceScore;

    #[test]
    fn generated_tokens_always_stay() {
        let kept = |spans: &[(usize, usize)]| {
            let spans: Vec<_> = spans.iter().map(|&(start, end)| start..end).collect();
            with_generated(&spans, 4..6).into_iter().map(|span| (span.start, span.end)).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[(1, 2)]), [(1, 2), (4, 6)]);
        assert_eq!(kept(&[(1, 2), (3, 5)]), [(1, 2), (3, 6)]);
        assert_eq!(kept(&[(5, 6)]), [(4, 6)]);
        assert_eq!(kept(&[]), [(4, 6)]);
    }

    #[test]
    fn scores_between_target_tokens_keep_the_rows_that_there_are() {
        let token = |text: &str| Token::new(text, 1);
        let pairs = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let attribution = SequenceAttribution {
            target: ["</s>", "a", "b", "c", "d"].map(token).to_vec(),
            sequence_scores: [("pairs".to_owned(), SequenceScore::new([ScoreAxis::Target; 2], pairs.into_dyn()))]
                .into(),
            attr_pos_start: 2,
            attr_pos_end: 4,
            ..SequenceAttribution::default()
        };
        let kept = Slices::new().target(std::iter::once(0..1)).aggregate(&attribution).unwrap();
        assert_eq!(kept.sequence_scores["pairs"].scores, array![[1.0, 2.0], [5.0, 6.0]].into_dyn());
        assert_eq!((kept.attr_pos_start, kept.attr_pos_end, kept.target.len()), (1, 3, 3));
    }
}
