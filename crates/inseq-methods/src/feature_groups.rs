//! Groups of tokens that are attributed together.

use std::ops::Range;

use inseq_core::aggregators::{AggregationFunction, Spans};
use inseq_core::{SequenceAttribution, TextKind, TextName, Token, mismatch, text};
use ndarray::{ArrayD, Axis, Slice};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::TextSteps;
use crate::{Error, Result};

/// Groups of tokens that form one feature of the input.
///
/// Perturbation methods change the tokens of a group together; other methods sum their scores. A result has one row
/// for a group of the source, or of the target before the first attributed token (such as a prompt): its tokens are
/// merged as by the aggregator [`Spans`](inseq_core::aggregators::Spans) with the sum. Attributed tokens
/// keep their own rows, because they are also columns; the rows of a group sum to its score. A group never crosses the end of a
/// prompt. Otherwise groups do not depend on the attributed positions.
///
/// ```
/// use inseq_methods::{FeatureGroups, TextSpans};
///
/// assert_eq!(FeatureGroups::from_json(r#"{"source": [[0, 2], [2, 5]]}"#)?, FeatureGroups::Spans(vec![TextSpans {
///     source: vec![(0, 2), (2, 5)],
///     target: vec![],
/// }]));
/// # Ok::<(), inseq_methods::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeatureGroups {
    /// Every token is its own feature.
    #[default]
    Tokens,
    /// The pieces of words ([`text::words`](inseq_core::text::words)).
    Words,
    /// Sentences ([`text::sentences`](inseq_core::text::sentences)).
    Sentences,
    /// Given spans, one entry per text, or one entry for all texts. A token outside all spans is its own feature.
    Spans(Vec<TextSpans>),
}

/// Spans of one text's tokens, `(start, end)` with an exclusive end; in order, not overlapping, not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextSpans {
    /// Spans of source tokens.
    pub source: Vec<(usize, usize)>,
    /// Spans of target tokens; token 0 is the decoder start, or the first token of a decoder-only model's prompt.
    pub target: Vec<(usize, usize)>,
}

impl FeatureGroups {
    /// Reads spans from JSON: an object with `source` and `target`, each a list of pairs `[start, end]`, or a list of such
    /// objects, one per text.
    ///
    /// # Errors
    /// The JSON does not have this form.
    pub fn from_json(json: &str) -> Result<Self> {
        let spans = mismatch::parse_unique(json.as_bytes()).and_then(|value| match value {
            Value::Array(_) => mismatch::read(&value),
            _ => mismatch::read(&value).map(|one| vec![one]),
        });
        let groups = spans.map(Self::Spans).map_err(|error| invalid(&format!(": {error}")))?;
        groups.check().map(|()| groups)
    }

    /// The groups as JSON: `"tokens"`, `"words"`, `"sentences"`, or a list of spans as [`from_json`](Self::from_json) reads it.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Spans(texts) => json!(texts),
            groups => groups.name().unwrap_or("tokens").into(),
        }
    }

    /// Refuses spans that group no tokens of any text.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Spans(texts) if texts.iter().all(|text| text.source.is_empty() && text.target.is_empty()) => {
                Err(invalid("; found no span"))
            }
            _ => Ok(()),
        }
    }

    /// Name on the command line; spans have none.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Tokens => None,
            Self::Words => Some("words"),
            Self::Sentences => Some("sentences"),
            Self::Spans(_) => Some("spans"),
        }
    }

    /// The features of a text, in order; every token is in one of them.
    pub(crate) fn features(&self, of: &TextTokens) -> Result<[Vec<Range<usize>>; 2]> {
        let groups = match self {
            Self::Tokens => [vec![], vec![]],
            Self::Words => [&of.source, &of.target].map(|tokens| text::words(tokens)),
            Self::Sentences => [&of.source, &of.target].map(|tokens| text::sentences(tokens)),
            Self::Spans(texts) => of.given(texts)?,
        };
        let [source, target] = groups;
        // What the model was given and what it wrote are never one.
        let target = target.into_iter().flat_map(|span| {
            let cut = of.first_step.clamp(span.start, span.end);
            [span.start..cut, cut..span.end]
        });
        Ok([filled(source.into_iter(), of.source.len()), filled(target, of.target.len())])
    }
}

fn invalid(problem: &str) -> Error {
    Error::argument(
        "feature_groups",
        format!(
            "feature groups must be an object such as {{\"source\": [[0, 2]], \"target\": [[1, 3]]}}, or a list of such objects, \
             one for each text{problem}"
        ),
    )
}

/// A text with the tokens that groups consist of.
pub(crate) struct TextTokens {
    /// Index of the text in the call, and the number of texts.
    pub(crate) index: usize,
    pub(crate) texts: usize,
    /// Source tokens with their pieces.
    pub(crate) source: Vec<Token>,
    pub(crate) target: Vec<Token>,
    /// First position that can be attributed; earlier tokens were given.
    pub(crate) first_step: usize,
}

impl TextTokens {
    fn given(&self, texts: &[TextSpans]) -> Result<[Vec<Range<usize>>; 2]> {
        let own = match texts {
            [all] => all,
            each if each.len() == self.texts => &each[self.index],
            _ => {
                return Err(Error::argument(
                    "feature_groups",
                    format!(
                        "feature groups are given for {} texts, but there are {}; give one object for each, or one for all",
                        texts.len(),
                        self.texts
                    ),
                ));
            }
        };
        let check = |side: &str, spans: &[(usize, usize)], length: usize| {
            let mut before = 0;
            for (index, &(start, end)) in spans.iter().enumerate() {
                if start >= end || start < before || end > length {
                    return Err(Error::of_text(
                        "feature_groups",
                        TextName::new(TextKind::Attributed, self.index),
                        format!(
                            ": the {side} span {} of its feature groups is [{start}, {end}], but spans must not be empty, nor overlap, \
                             be in order and lie within the {length} {side} tokens",
                            index + 1
                        ),
                    ));
                }
                before = end;
            }
            Ok(spans.iter().map(|&(start, end)| start..end).collect())
        };
        if self.source.is_empty() && !own.source.is_empty() {
            return Err(Error::argument(
                "feature_groups",
                "feature groups: a decoder-only model has no source; its prompt is the start of the `target`".into(),
            ));
        }
        Ok([check("source", &own.source, self.source.len())?, check("target", &own.target, self.target.len())?])
    }
}

/// Spans, and a span of its own for each token between them.
fn filled(spans: impl Iterator<Item = Range<usize>>, length: usize) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let mut next = 0;
    for span in spans.filter(|span| !span.is_empty()) {
        all.extend((next..span.start).map(|token| token..token + 1));
        next = span.end;
        all.push(span);
    }
    all.extend((next..length).map(|token| token..token + 1));
    all
}

impl TextSteps {
    /// Position of the first attributed token; the end of the target if there is none.
    pub(crate) fn start(&self) -> usize {
        self.steps.first().unwrap_or(self.target.len())
    }

    /// Number of target tokens that any attributed step sees.
    pub(crate) fn seen(&self) -> usize {
        self.steps.end().max(1) - 1
    }

    /// The features of a target that any attributed step sees, cut to the tokens that it sees.
    pub fn seen_target_features(&self) -> impl Iterator<Item = Range<usize>> {
        self.target_features_before(self.seen())
    }

    /// The features of a target that any step could see: all tokens except the last one.
    pub(crate) fn all_target_features(&self) -> impl Iterator<Item = Range<usize>> {
        self.target_features_before(self.target.len().max(1) - 1)
    }

    fn target_features_before(&self, end: usize) -> impl Iterator<Item = Range<usize>> {
        self.target_features.iter().map(move |span| span.start..span.end.min(end)).filter(|span| !span.is_empty())
    }

    /// Number of features, including those of the target if it is `attributed`.
    pub(crate) fn count_features(&self, attributed: bool) -> usize {
        self.source_features.len() + if attributed { self.seen_target_features().count() } else { 0 }
    }

    /// Number of features that differ from the baseline, including those of the target if it is `attributed`, and the number of
    /// those that an attributed step sees, which are the first ones.
    pub(crate) fn count_changing(&self, attributed: bool) -> Changing {
        let source = self.source_features.iter();
        let source =
            source.filter(|span| self.source[(*span).clone()] != self.source_baseline[(*span).clone()]).count();
        let target = self.all_target_features().filter(|_| attributed);
        let target = target.filter(|span| self.target[span.clone()] != self.target_baseline[span.clone()]);
        let seen = self.seen();
        let (all, target_seen) =
            target.fold((0, 0), |(all, some), span| (all + 1, some + usize::from(span.start < seen)));
        Changing { all: source + all, seen: source + target_seen }
    }

    /// The spans of several tokens that get one row: of the source (for decoder-only models, the prompt), and of the target
    /// before the first step.
    pub(crate) fn merged(&self) -> [Vec<Range<usize>>; 2] {
        let several = |spans: &[Range<usize>], end: usize| -> Vec<Range<usize>> {
            spans.iter().filter(|span| span.len() > 1 && span.end <= end).cloned().collect()
        };
        let target = several(&self.target_features, self.start());
        match self.source.is_empty() {
            true => [target.clone(), target],
            false => [several(&self.source_features, usize::MAX), target],
        }
    }

    /// Merges the tokens of each step, and their rows: the score of a row is the sum over its tokens that a step sees. The columns
    /// are those of the steps already.
    pub(crate) fn merge_steps(&self, mut sequence: SequenceAttribution) -> Result<SequenceAttribution> {
        let several = self.steps.several();
        if several.is_empty() {
            return Ok(sequence);
        }
        let source_attributions = sequence.source_attributions.take();
        let target_attributions = sequence.target_attributions.take().map(|scores| self.sums_of_steps(&scores));
        let step_scores = std::mem::take(&mut sequence.step_scores);
        let attr_pos_end = std::mem::replace(&mut sequence.attr_pos_end, sequence.attr_pos_start);
        let tokens = sequence.aggregate_with(&Spans::new().target(several).merging(AggregationFunction::Sum))?;
        Ok(SequenceAttribution { source_attributions, target_attributions, step_scores, attr_pos_end, ..tokens })
    }

    /// Sums of the rows `[target, step, ...]` of each step that a step sees; rows of other tokens stay. NaN for what it does not see.
    fn sums_of_steps(&self, scores: &ArrayD<f32>) -> ArrayD<f32> {
        let spans = self.steps.among_all(0..self.target.len());
        let mut shape = scores.raw_dim();
        shape[0] = spans.len();
        let mut sums = ArrayD::from_elem(shape, f32::NAN);
        for (step, position) in self.steps.positions().enumerate() {
            let (column, mut sums) = (scores.index_axis(Axis(1), step), sums.index_axis_mut(Axis(1), step));
            for (span, mut sum) in spans.iter().zip(sums.axis_iter_mut(Axis(0))) {
                if span.start < position {
                    let seen = Slice::from(span.start..span.end.min(position));
                    sum.assign(&column.slice_axis(Axis(0), seen).sum_axis(Axis(0)));
                }
            }
        }
        sums
    }

    /// Merges the rows of a sequence that form one feature.
    pub(crate) fn merge_features(&self, sequence: &SequenceAttribution) -> Result<SequenceAttribution> {
        let [source, target] = self.merged();
        let spans = Spans::new().source(source).target(target).merging(AggregationFunction::Sum);
        Ok(sequence.aggregate_with(&spans)?)
    }
}

/// Number of features of a text that differ from their baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changing {
    /// Number in the whole text. Samples and trees use these features, so they do not depend on the requested
    /// steps.
    pub(crate) all: usize,
    /// Number that an attributed step sees. Forwards run only for these.
    pub(crate) seen: usize,
}

/// Number of subsets of `features` features, if it is at most `most`.
pub(crate) fn choices(features: usize, most: usize) -> Option<usize> {
    let count = u32::try_from(features).ok()?;
    1usize.checked_shl(count).filter(|choices| *choices <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(texts: &[&str]) -> Vec<Token> {
        texts.iter().enumerate().map(|(id, text)| Token::new(*text, id as u32)).collect()
    }

    fn text(source: &[&str], target: &[&str]) -> TextTokens {
        let (source, target) = (tokens(source), tokens(target));
        TextTokens { index: 0, texts: 1, source, target, first_step: 3 }
    }

    #[test]
    fn sentences_end_where_unicode_says() {
        let source = ["<s>", "▁I", "▁came", ".", "▁I", "▁s", "aw", "!", "▁They", "▁left", "."];
        let features = FeatureGroups::Sentences.features(&text(&source, &["<s>"])).unwrap();
        assert_eq!(features[0], [0..1, 1..4, 4..8, 8..11]);
        let target = ["<s>", "Yes", "ĠI", "Ġdo", ".", "ĠDo", "Ġyou", "?"];
        // The first step is the third position: what comes before it was given.
        assert_eq!(FeatureGroups::Sentences.features(&text(&[], &target)).unwrap()[1], [0..1, 1..3, 3..5, 5..8]);
    }

    #[test]
    fn words_are_those_of_the_subword_aggregator() {
        let source = ["<s>", "▁t", "ired", "▁n", "ur", "se", "</s>"];
        let features = FeatureGroups::Words.features(&text(&source, &["<s>"])).unwrap();
        assert_eq!(features[0], [0..1, 1..3, 3..6, 6..7]);
    }

    #[test]
    fn spans_that_make_no_sense_are_named() {
        let source = ["a", "b", "c"];
        for (json, expected) in [
            (r#"{"source": [[1, 1]]}"#, "text 1: the source span 1 of its feature groups is [1, 1]"),
            (r#"{"source": [[0, 2], [1, 3]]}"#, "source span 2 of its feature groups is [1, 3]"),
            (r#"{"source": [[0, 4]]}"#, "within the 3 source tokens"),
            (r#"{"target": [[0, 4]]}"#, "within the 1 target tokens"),
            (r#"[{}, {"source": [[0, 2]]}]"#, "given for 2 texts, but there are 1"),
        ] {
            let groups = FeatureGroups::from_json(json).unwrap();
            let message = groups.features(&text(&source, &["d"])).unwrap_err().to_string();
            assert!(message.contains(expected), "{json}: {message}");
        }
        for (json, expected) in [
            (r#"{"sources": []}"#, "did you mean `source`?"),
            ("[[0, 1]]", "`[0]"),
            ("{", "the text ends inside an object"),
            (r#"{"source": [[0, -1]]}"#, "found -1"),
            (r#"{"source": [[0, 1]], "source": [[1, 2]]}"#, "`source` is there twice"),
            ("{}", "found no span"),
            ("[]", "found no span"),
            (r#"[{"source": [], "target": []}, {}]"#, "found no span"),
        ] {
            let message = FeatureGroups::from_json(json).unwrap_err().to_string();
            assert!(message.starts_with("feature groups must be an object"), "{json}: {message}");
            assert!(message.contains(expected), "{json}: {message}");
        }
        assert!(FeatureGroups::from_json(r#"[{"source": [[0, 1]]}, {}]"#).is_ok(), "a text may have none");
        let decoder_only = FeatureGroups::from_json(r#"{"source": [[0, 1]]}"#).unwrap();
        let message = decoder_only.features(&text(&[], &["a", "b"])).unwrap_err().to_string();
        assert!(message.contains("no source"), "{message}");
    }
}
