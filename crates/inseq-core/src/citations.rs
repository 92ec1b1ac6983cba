//! Which sources of a prompt each sentence of an answer rests on.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::mismatch;
use crate::{Error, Result, Warning, write_whole};

/// An answer with the score of every source of its prompt, for every sentence.
///
/// Spans are pairs of a start and an exclusive end, in characters of the text that they belong to.
///
/// ```
/// use inseq_core::{CitationRule, CitedSentence, SourceScore};
///
/// let scores = [0.1, 2.5, 1.4, -0.3].map(|score| SourceScore { score, confidence: None, gain: Some(score) });
/// let sentence = CitedSentence { scores: scores.to_vec(), ..CitedSentence::default() };
/// assert_eq!(sentence.cited(&CitationRule::default()), [1, 2]);
/// assert_eq!(sentence.cited(&CitationRule::default().most(1)), [1]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Citations {
    /// Name or path of the model.
    pub model: String,
    /// Name of the method.
    pub method: String,
    /// Arguments of the method.
    pub method_arguments: Map<String, Value>,
    /// Prompt with all sources, in the form that the model read.
    pub prompt: String,
    /// Sources, in the order of the prompt.
    pub sources: Vec<CitedSource>,
    /// Answer to the prompt.
    pub answer: String,
    /// Whether the model generated the answer; otherwise it was given.
    pub is_generated: bool,
    /// Answer that the model generates for the prompt without its sources; `None` if it was not asked for.
    pub contextless_answer: Option<String>,
    /// Sentences of the answer, in order.
    pub sentences: Vec<CitedSentence>,
    /// Indices of the sources that the method did not test, in order. Their scores are 0.
    #[serde(default)]
    pub untested: Vec<usize>,
    /// Number of forwards of the whole model, each for all sentences.
    pub forwards: usize,
    /// Warnings for the reader.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// A part of a prompt that an answer may rest on: a document, a paragraph, a sentence, an example, a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CitedSource {
    /// Name of the source, such as the name of a file.
    pub name: String,
    /// Text of the source.
    pub text: String,
    /// Span of the source in the prompt.
    pub span: (usize, usize),
    /// Message that the source is part of, if the prompt is a chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<SourceMessage>,
}

/// The message of a chat that a source is part of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMessage {
    /// Index of the message in the chat, from 0.
    pub index: usize,
    /// Role of the message.
    pub role: String,
    /// Part of the message, such as `reasoning` or `tool call 1`; `None` if it is the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Name of the tool that is called, or whose result the message is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
}

/// A sentence of an answer with the score of each source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CitedSentence {
    /// Text of the sentence.
    pub text: String,
    /// Span of the sentence in the answer.
    pub span: (usize, usize),
    /// Number of tokens of the sentence.
    pub tokens: usize,
    /// Log-probability of the sentence after the prompt and the sentences before it, in nats.
    pub log_probability: f64,
    /// Log-probability of the sentence after the prompt without any source and the sentences before it, in nats.
    pub contextless_log_probability: f64,
    /// Score of each source, `[source]`.
    pub scores: Vec<SourceScore>,
    /// Indices of the sources that the sentence cites by the [`CitationRule`] of the call, the highest score first.
    #[serde(default)]
    pub citations: Vec<usize>,
    /// Those of the citations whose gain is below zero: the method speaks for the source, but the sentence is likelier without it.
    #[serde(default)]
    pub gain_below_zero: Vec<usize>,
}

/// Score of a source for a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceScore {
    /// Score by the method, in the method's unit. A source with a higher score supports the sentence more.
    pub score: f64,
    /// Confidence in a positive score, from 0 to 1; `None` if the method has none.
    pub confidence: Option<f64>,
    /// Log-probability of the sentence with all sources minus that without this source, in nats; `None` if it was not computed.
    pub gain: Option<f64>,
}

/// Smallest loss of log-probability that is told from rounding, in nats.
const LEAST_LOSS: f64 = 5e-4;

impl SourceScore {
    /// Whether the sentence is likelier without the source. A gain that is not known, or that rounds to zero in three digits, is not
    /// below zero.
    pub fn has_gain_below_zero(&self) -> bool {
        self.gain.is_some_and(|gain| gain <= -LEAST_LOSS)
    }
}

/// Rule that decides which sources of a sentence are cited.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CitationRule {
    /// Largest number of cited sources per sentence.
    pub most: usize,
    /// Smallest score of a cited source, as a share of the largest score of the sentence. In any case, a cited source has a score
    /// above 0, and above a millionth of the largest absolute score of the sentence, so that rounding is not cited.
    pub least_share: f64,
}

impl Default for CitationRule {
    fn default() -> Self {
        Self { most: 3, least_share: 0.2 }
    }
}

crate::setters! {
    CitationRule { most: usize, least_share: f64 }
}

impl CitedSentence {
    /// Indices of the sources that the sentence cites, the highest score first.
    pub fn cited(&self, rule: &CitationRule) -> Vec<usize> {
        let largest = self.scores.iter().map(|source| source.score).fold(0.0, f64::max);
        let rounding = 1e-6 * self.scores.iter().map(|source| source.score.abs()).fold(0.0, f64::max);
        let is_cited = |score: f64| score > rounding && score >= rule.least_share * largest;
        let mut cited: Vec<usize> =
            (0..self.scores.len()).filter(|&source| is_cited(self.scores[source].score)).collect();
        cited.sort_by(|&a, &b| self.scores[b].score.total_cmp(&self.scores[a].score));
        cited.truncate(rule.most);
        cited
    }
}

/// What the mark `!` of a citation says.
pub const GAIN_BELOW_ZERO: &str = "! The gain is below zero: the sentence is likelier without this source.";

impl CitedSentence {
    /// The citation of a source by its number: `[2]`, or `[2!]` if its gain is below zero.
    ///
    /// ```
    /// use inseq_core::{CitedSentence, SourceScore};
    ///
    /// let score = |gain| SourceScore { score: 1.0, confidence: None, gain: Some(gain) };
    /// let sentence = CitedSentence { scores: vec![score(0.2), score(-0.1)], ..CitedSentence::default() };
    /// assert_eq!([sentence.citation(0, 1), sentence.citation(1, 2)], ["[1]", "[2!]"]);
    /// ```
    pub fn citation(&self, source: usize, number: usize) -> String {
        let is_below = self.scores.get(source).is_some_and(SourceScore::has_gain_below_zero);
        format!("[{number}{}]", if is_below { "!" } else { "" })
    }
}

impl Citations {
    /// Whether a citation has a gain below zero.
    pub fn has_gain_below_zero(&self, rule: &CitationRule) -> bool {
        let has = |sentence: &CitedSentence| {
            sentence.cited(rule).into_iter().any(|source| sentence.scores[source].has_gain_below_zero())
        };
        self.sentences.iter().any(has)
    }

    /// Sources that the sentences cite, in the order of their first citation: the order of the numbers that stand after sentences.
    pub fn numbered(&self, rule: &CitationRule) -> Vec<usize> {
        let mut numbered: Vec<usize> = Vec::new();
        for source in self.sentences.iter().flat_map(|sentence| sentence.cited(rule)) {
            if !numbered.contains(&source) {
                numbered.push(source);
            }
        }
        numbered
    }

    /// Writes the citations as JSON.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write(&self, writer: impl Write) -> Result<()> {
        serde_json::to_writer_pretty(writer, self).map_err(|error| Error::Io(error.into()))
    }

    /// Saves the citations as a JSON file, which replaces an existing one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_whole(path.as_ref(), true, |file| {
            self.write(&mut *file)?;
            Ok(file.write_all(b"\n")?)
        })
    }

    /// Reads citations from JSON.
    ///
    /// # Errors
    /// The reader fails, or the JSON is of something else; the error names the place.
    pub fn read(mut reader: impl Read) -> Result<Self> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        let citations: Self = mismatch::parse(&bytes).map_err(|error| Error::malformed(error.path, error.message))?;
        citations.check().map(|()| citations)
    }

    /// Loads a file of [`save`](Self::save).
    ///
    /// # Errors
    /// As those of [`read`](Self::read).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let read = || Self::read(BufReader::new(File::open(path)?));
        read().map_err(|error| error.at(path))
    }

    /// Checks that every sentence has a score for every source, and that every source that was not tested is there.
    fn check(&self) -> Result<()> {
        let sources = self.sources.len();
        if let Some(place) = self.untested.iter().position(|source| *source >= sources) {
            return Err(Error::malformed(
                format!("untested[{place}]"),
                format!("is {}, but there are {sources} sources", self.untested[place]),
            ));
        }
        let is_cited = |sentence: &CitedSentence| sentence.citations.iter().any(|source| *source >= sources);
        if let Some(index) = self.sentences.iter().position(is_cited) {
            return Err(Error::malformed(
                format!("sentences[{index}].citations"),
                format!("is {:?}, but there are {sources} sources", self.sentences[index].citations),
            ));
        }
        match self.sentences.iter().position(|sentence| sentence.scores.len() != sources) {
            None => Ok(()),
            Some(index) => Err(Error::malformed(
                format!("sentences[{index}].scores"),
                format!("has {} scores, but there are {sources} sources", self.sentences[index].scores.len()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(scores: &[f64]) -> CitedSentence {
        let scores = scores.iter().map(|&score| SourceScore { score, confidence: None, gain: None });
        CitedSentence { scores: scores.collect(), ..CitedSentence::default() }
    }

    fn citations() -> Citations {
        let sentences = vec![sentence(&[-1.0, 0.5, 2.0]), sentence(&[3.0, 0.0, 2.9])];
        Citations { sources: vec![CitedSource::default(); 3], sentences, ..Citations::default() }
    }

    #[test]
    fn sources_are_cited_by_their_share_of_the_largest_score() {
        let rule = CitationRule::default();
        assert_eq!(sentence(&[-1.0, 0.5, 2.0]).cited(&rule), [2, 1]);
        assert_eq!(sentence(&[-1.0, 0.3, 2.0]).cited(&rule), [2]);
        assert_eq!(sentence(&[1.0; 5]).cited(&rule), [0, 1, 2], "as many as the rule allows, in order");
        assert!(sentence(&[-1.0, 0.0]).cited(&rule.least_share(0.0)).is_empty());
        assert!(sentence(&[-0.6, 3e-17]).cited(&rule).is_empty(), "rounding is not cited");
    }

    #[test]
    fn a_gain_that_rounds_to_zero_is_not_below_it() {
        for (gain, is_below) in [(None, false), (Some(0.1), false), (Some(-4e-4), false), (Some(-6e-4), true)] {
            let score = SourceScore { score: 1.0, confidence: None, gain };
            assert_eq!(score.has_gain_below_zero(), is_below, "{gain:?}");
            let one = CitedSentence { scores: vec![score], ..CitedSentence::default() };
            let all = Citations { sources: vec![CitedSource::default()], sentences: vec![one], ..Citations::default() };
            assert_eq!(all.has_gain_below_zero(&CitationRule::default()), is_below, "{gain:?}");
        }
    }

    #[test]
    fn numbers_follow_the_answer() {
        assert_eq!(citations().numbered(&CitationRule::default()), [2, 1, 0]);
    }

    #[test]
    fn files_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("citations.json");
        let saved = Citations { warnings: vec![Warning::from("a note".to_owned())], ..citations() };
        saved.save(&path).unwrap();
        assert_eq!(Citations::load(&path).unwrap(), saved);
        let mut damaged = citations();
        damaged.sentences[1].scores.pop();
        damaged.save(&path).unwrap();
        let error = Citations::load(&path).unwrap_err().to_string();
        assert!(error.contains("sentences[1].scores: has 2 scores, but there are 3 sources"), "{error}");
        let unknown = Citations { untested: vec![1, 3], ..citations() };
        unknown.save(&path).unwrap();
        let error = Citations::load(&path).unwrap_err().to_string();
        assert!(error.contains("untested[1]: is 3, but there are 3 sources"), "{error}");
        let mut unknown = citations();
        unknown.sentences[0].citations = vec![3];
        unknown.save(&path).unwrap();
        let error = Citations::load(&path).unwrap_err().to_string();
        assert!(error.contains("sentences[0].citations: is [3], but there are 3 sources"), "{error}");
        std::fs::write(&path, "{\"model\": 3}").unwrap();
        let error = Citations::load(&path).unwrap_err().to_string();
        assert!(error.contains("citations.json") && error.contains("model"), "{error}");
    }
}
