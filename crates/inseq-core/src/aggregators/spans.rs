//! Aggregators that merge neighbouring tokens.

use std::ops::Range;

use indexmap::IndexMap;
use ndarray::{ArrayD, Axis, Slice, concatenate};

use super::{AggregationFunction, Aggregator};
use crate::{Error, Result, SequenceAttribution, Token};

/// Merges spans of tokens, with their scores. The reference's `spans` aggregator.
///
/// Target spans merge prefix tokens and, where they are attributed, the steps: what a merged token got from the input is one
/// column. A merged token has the id -1. Step scores are merged as their meaning asks: probabilities are multiplied, entropies
/// added.
///
/// ```
/// use inseq_core::aggregators::{AggregationFunction, Spans};
///
/// let spans = Spans::new().source([0..2]).function(AggregationFunction::Sum);
/// # let _ = spans;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Spans {
    /// Spans of source tokens.
    pub source: Vec<Range<usize>>,
    /// Spans of target tokens.
    pub target: Vec<Range<usize>>,
    /// What makes one score of a span's; of attributions, and of step scores without a function of their own.
    pub function: AggregationFunction,
    /// Functions of step scores, by name.
    pub step_functions: IndexMap<String, AggregationFunction>,
}

impl Default for Spans {
    fn default() -> Self {
        Self {
            source: Vec::new(),
            target: Vec::new(),
            function: AggregationFunction::AbsMax,
            step_functions: default_step_functions(),
        }
    }
}

/// What makes one score of several tokens' step scores, by the name of the step function.
pub fn default_step_functions() -> IndexMap<String, AggregationFunction> {
    let multiplied = ["probability", "perplexity", "contrast_prob_diff", "contrast_prob", "mc_dropout_prob_avg"];
    let added = ["entropy", "crossentropy", "pcxmi", "kl_divergence"];
    let multiplied = multiplied.map(|name| (name.to_owned(), AggregationFunction::Prod));
    multiplied.into_iter().chain(added.map(|name| (name.to_owned(), AggregationFunction::Sum))).collect()
}

impl Spans {
    /// Merges nothing yet, by the score of largest absolute value.
    pub fn new() -> Self {
        Self::default()
    }

    /// Merges these spans of the source: in order, not overlapping, not empty.
    pub fn source(self, spans: impl IntoIterator<Item = Range<usize>>) -> Self {
        Self { source: spans.into_iter().collect(), ..self }
    }

    /// Merges these spans of the target: in order, not overlapping, not empty.
    pub fn target(self, spans: impl IntoIterator<Item = Range<usize>>) -> Self {
        Self { target: spans.into_iter().collect(), ..self }
    }

    /// Merges scores by another function.
    pub fn function(self, function: AggregationFunction) -> Self {
        Self { function, ..self }
    }

    /// Merges the step scores of a name by another function.
    pub fn step_function(mut self, name: impl Into<String>, function: AggregationFunction) -> Self {
        self.step_functions.insert(name.into(), function);
        self
    }
}

impl Aggregator for Spans {
    fn name(&self) -> &'static str {
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
            let by_step = merge(scores, 1, &steps, self.function)?;
            merge(&by_step, 0, rows, self.function).map(Some)
        };
        let step_scores = attribution.step_scores.iter().map(|(name, scores)| {
            let function = self.step_functions.get(name).copied().unwrap_or(self.function);
            let merged = merge(&scores.clone().into_dyn(), 0, &steps, function)?;
            let merged = merged.into_dimensionality().map_err(|error| Error::Invalid(error.to_string()))?;
            Ok((name.clone(), merged))
        });
        let sequence_scores = attribution.sequence_scores.iter().map(|(name, scores)| {
            let [rows, columns] = match () {
                () if name.starts_with("decoder") => [&self.target, &self.target],
                () if name.starts_with("encoder") => [&self.source, &self.source],
                () => [&self.source, &steps],
            };
            let merged = merge(&merge(scores, 1, columns, self.function)?, 0, rows, self.function)?;
            Ok((name.clone(), merged))
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
            attr_pos_start: new_start,
            attr_pos_end: new_start + (end - start) - fewer_steps,
            kind: attribution.kind.clone(),
        })
    }
}

/// Merges the pieces of words. The reference's `subwords` aggregator.
///
/// A word starts with a token that begins with one of the special characters (`▁` of SentencePiece; `Ġ` of GPT-2), or, where
/// they mark suffixes (`##` of WordPiece), with one that does not. Unlike in the reference, a last word keeps its last piece,
/// and special tokens such as `</s>`, which begin with none, are not merged into the word before them.
#[derive(Clone, Debug, PartialEq)]
pub struct Subwords {
    /// Characters that begin a word, or a suffix.
    pub special_chars: Vec<String>,
    /// Whether the characters mark suffixes rather than beginnings.
    pub is_suffix_symbol: bool,
    /// Whether source tokens are merged.
    pub aggregate_source: bool,
    /// Whether target tokens are merged.
    pub aggregate_target: bool,
    /// What makes one score of a word's.
    pub function: AggregationFunction,
}

impl Default for Subwords {
    fn default() -> Self {
        Self {
            special_chars: vec!["▁".into()],
            is_suffix_symbol: false,
            aggregate_source: true,
            aggregate_target: true,
            function: AggregationFunction::AbsMax,
        }
    }
}

impl Subwords {
    /// Of SentencePiece tokens, by the score of largest absolute value.
    pub fn new() -> Self {
        Self::default()
    }

    /// Words begin with other characters.
    pub fn special_chars<T: Into<String>>(self, characters: impl IntoIterator<Item = T>) -> Self {
        Self { special_chars: characters.into_iter().map(Into::into).collect(), ..self }
    }

    /// Merges scores by another function.
    pub fn function(self, function: AggregationFunction) -> Self {
        Self { function, ..self }
    }

    /// The spans of words of several pieces.
    fn spans(&self, tokens: &[Token]) -> Vec<Range<usize>> {
        let is_marked = |token: &Token| self.special_chars.iter().any(|mark| token.text.starts_with(mark.as_str()));
        if !tokens.iter().any(is_marked) {
            return Vec::new();
        }
        let mut spans: Vec<Range<usize>> = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            let goes_on = is_marked(token) == self.is_suffix_symbol && !is_special(&token.text);
            match spans.last_mut().filter(|span| goes_on && !is_special(&tokens[span.start].text)) {
                Some(span) => span.end = index + 1,
                None => spans.push(index..index + 1),
            }
        }
        spans.retain(|span| span.len() > 1);
        spans
    }
}

/// Whether a token stands for no text: `</s>`, `<pad>`, `<|endoftext|>`, `>>fra<<`, `[SEP]`.
fn is_special(text: &str) -> bool {
    let within = |open: char, close: char| text.len() > 2 && text.starts_with(open) && text.ends_with(close);
    within('<', '>') || within('[', ']') || (text.starts_with(">>") && text.ends_with("<<"))
}

impl Aggregator for Subwords {
    fn name(&self) -> &'static str {
        "subwords"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        let spans = |merges: bool, tokens: &[Token]| if merges { self.spans(tokens) } else { Vec::new() };
        Spans::new()
            .source(spans(self.aggregate_source, &attribution.source))
            .target(spans(self.aggregate_target, &attribution.target))
            .function(self.function)
            .aggregate(attribution)
    }
}

fn check(side: &str, spans: &[Range<usize>], length: usize) -> Result<()> {
    let mut before = 0;
    for span in spans {
        if span.is_empty() || span.start < before || span.end > length {
            return Err(Error::Invalid(format!(
                "{side} span {span:?}: spans must not be empty, nor overlap, and must be in order and lie within the \
                 {length} {side} tokens"
            )));
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
        merged.push(Token::new(tokens[span.clone()].iter().map(|token| token.text.as_str()).collect::<String>(), -1));
        next = span.end;
    }
    merged.extend_from_slice(&tokens[next..]);
    merged
}

/// Scores with the spans of an axis merged; spans beyond the axis' end are cut.
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
