//! The influence of a context on a generated text (PECoRe, <https://arxiv.org/abs/2310.01188>).

mod salience;
mod saved;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use salience::Salience;

use crate::saved::json::literal;
use crate::{Error, Result, Warning};

/// The tokens of a generated text that depend on its context, and the tokens of the context that each of them depends on.
///
/// A file of it has the form of the reference's `AttributeContextOutput`.
///
/// ```
/// use inseq_core::ContextAttribution;
///
/// let json = r#"{
///     "input_context": "Ann left.", "input_context_tokens": ["Ann", "Ġleft", "."],
///     "output_context": null, "output_context_tokens": null,
///     "output_current": "She ran", "output_current_tokens": ["She", "Ġran"],
///     "cti_scores": [1.25, 0.5],
///     "cci_scores": [{
///         "cti_idx": 0, "cti_token": "She", "cti_score": 1.25, "contextual_output": "She",
///         "contrast_token": "He", "contextless_output": "He",
///         "input_context_scores": [0.75, 0.125, 0.0], "output_context_scores": null
///     }]
/// }"#;
/// let attribution = ContextAttribution::read(json.as_bytes())?;
/// assert_eq!(attribution.cci_scores[0].cti_token, "She");
/// let mut written = Vec::new();
/// attribution.write(&mut written)?;
/// assert_eq!(ContextAttribution::read(&written)?, attribution);
/// # Ok::<(), inseq_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContextAttribution {
    /// Context on the side of the input; `None` without one.
    pub input_context: Option<String>,
    /// Tokens of the input context, in the tokenizer's own spelling.
    pub input_context_tokens: Option<Vec<String>>,
    /// Context on the side of the output; `None` without one.
    pub output_context: Option<String>,
    /// Tokens of the output context, in the tokenizer's own spelling.
    pub output_context_tokens: Option<Vec<String>>,
    /// The output text whose tokens were tested.
    pub output_current: String,
    /// Tokens of the output text, in the tokenizer's own spelling.
    pub output_current_tokens: Vec<String>,
    /// Sensitivity of each token of the output text to the context, `[token]`.
    #[serde(deserialize_with = "scores")]
    pub cti_scores: Vec<f32>,
    /// The selected tokens, the most sensitive one first, each with its contextual cues.
    pub cci_scores: Vec<ContextCues>,
    /// Arguments of the call, and facts about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<ContextInfo>,
}

/// A context-sensitive token, and the scores of the tokens of its contexts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContextCues {
    /// Index of the token in the output text.
    pub cti_idx: usize,
    /// The token, in the tokenizer's own spelling.
    pub cti_token: String,
    /// Sensitivity of the token.
    #[serde(deserialize_with = "score")]
    pub cti_score: f32,
    /// The text up to and including the token, with the context.
    pub contextual_output: String,
    /// Token that the contrastive function compares with; `None` for other functions.
    #[serde(default)]
    pub contrast_token: Option<String>,
    /// The text up to and including the contrast token, without the context.
    #[serde(default)]
    pub contextless_output: Option<String>,
    /// Score of each token of the input context; `None` without one.
    #[serde(default, deserialize_with = "optional_scores")]
    pub input_context_scores: Option<Vec<f32>>,
    /// Score of each token of the output context; `None` without one.
    #[serde(default, deserialize_with = "optional_scores")]
    pub output_context_scores: Option<Vec<f32>>,
}

/// The arguments of a call, and facts that the reference's files do not have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContextInfo {
    /// The arguments, by the reference's names.
    #[serde(flatten)]
    pub arguments: Map<String, Value>,
    /// Span of each token of the input context in its text, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_context_spans: Option<Vec<(usize, usize)>>,
    /// Span of each token of the output context in its text, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_context_spans: Option<Vec<(usize, usize)>>,
    /// Span of each token of the output text, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_current_spans: Option<Vec<(usize, usize)>>,
    /// Warnings for the reader of the result, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

impl ContextInfo {
    /// The argument with this name, unless it is null.
    pub fn argument(&self, name: &str) -> Option<&Value> {
        self.arguments.get(name).filter(|value| !value.is_null())
    }
}

impl ContextCues {
    /// The scores of both contexts: those of the input context, then those of the output context.
    pub fn all_scores(&self) -> impl Iterator<Item = f32> + Clone {
        let sides = [&self.input_context_scores, &self.output_context_scores];
        sides.into_iter().flatten().flatten().copied()
    }
}

impl ContextAttribution {
    /// Says that no token is selected: the most sensitive one, and what would select it. `None` if a token is.
    ///
    /// ```
    /// use inseq_core::{ContextAttribution, Salience};
    ///
    /// let attribution = ContextAttribution {
    ///     output_current_tokens: vec!["to".into(), "Ġcome".into()],
    ///     cti_scores: vec![0.0, 5.0],
    ///     ..ContextAttribution::default()
    /// };
    /// let said = attribution.nothing_selected(Salience::default()).map(|said| said.to_string());
    /// assert!(said.is_some_and(|said| said.contains("\"Ġcome\" with 5.0000") && said.contains("of 0.70 selects it")));
    /// ```
    pub fn nothing_selected(&self, salience: Salience) -> Option<Warning> {
        if !self.cci_scores.is_empty() || !salience.select(&self.cti_scores).is_empty() {
            return None;
        }
        let scores = &self.cti_scores;
        let numbers = || scores.iter().enumerate().filter(|(_, score)| !score.is_nan());
        let Some((place, score)) = numbers().max_by(|one, other| one.1.abs().total_cmp(&other.1.abs())) else {
            return Some("the context changes no score of the output: all of them are NaN".to_owned().into());
        };
        let threshold = salience.threshold(scores.iter().copied());
        let way_out = match Salience::largest_that_selects(scores) {
            Some(below) => format!(
                "a `context_sensitivity_std_threshold` of {below:.2} selects it, and of 0 with a `context_sensitivity_topk` of 1 \
                 selects it alone"
            ),
            None if scores.iter().any(|score| score.is_nan()) => "the score of another token is NaN".to_owned(),
            None => "all tokens have the same score".to_owned(),
        };
        let said = format!(
            "no token of the output is context-sensitive: the threshold is {threshold:.4} (mean + {} standard deviations), and the \
             most sensitive token is {:?} with {score:.4}; {way_out}",
            salience.std_threshold,
            self.output_current_tokens.get(place).map_or("", String::as_str)
        );
        Some(said.into())
    }

    /// Checks that there is one score for each token, and that the selected tokens are tokens of the output.
    ///
    /// # Errors
    /// A list of scores has another length than its tokens, or a selected token does not exist; the error names it.
    pub fn validate(&self) -> Result<()> {
        let fits = |name: &str, scores: usize, tokens: Option<usize>| match tokens {
            Some(tokens) if tokens == scores => Ok(()),
            Some(tokens) => Err(Error::malformed(name, format!("has {scores} scores for {tokens} tokens"))),
            None => Err(Error::malformed(name, format!("has {scores} scores, but there is no such context"))),
        };
        fits("cti_scores", self.cti_scores.len(), Some(self.output_current_tokens.len()))?;
        let tokens = |tokens: &Option<Vec<String>>| tokens.as_ref().map(Vec::len);
        for (index, cues) in self.cci_scores.iter().enumerate() {
            if cues.cti_idx >= self.output_current_tokens.len() {
                return Err(Error::malformed(
                    format!("cci_scores[{index}].cti_idx"),
                    format!("is {}, but the output has {} tokens", cues.cti_idx, self.output_current_tokens.len()),
                ));
            }
            for (name, scores, tokens) in [
                ("input_context_scores", &cues.input_context_scores, tokens(&self.input_context_tokens)),
                ("output_context_scores", &cues.output_context_scores, tokens(&self.output_context_tokens)),
            ] {
                if let Some(scores) = scores {
                    fits(&format!("cci_scores[{index}].{name}"), scores.len(), tokens)?;
                }
            }
        }
        Ok(())
    }
}

/// A score of a file: a number; a literal of Python; or null, which JSON has in the place of NaN and infinities.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number")]
enum SavedScore {
    Number(f32),
    Literal(String),
    None,
}

impl SavedScore {
    fn value<E: serde::de::Error>(self) -> std::result::Result<f32, E> {
        match self {
            Self::Number(score) => Ok(score),
            Self::None => Ok(f32::NAN),
            Self::Literal(text) => {
                literal(&text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(&text), &"a number"))
            }
        }
    }
}

fn score<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<f32, D::Error> {
    SavedScore::deserialize(deserializer)?.value()
}

fn scores<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<f32>, D::Error> {
    Ok(optional_scores(deserializer)?.unwrap_or_default())
}

fn optional_scores<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Vec<f32>>, D::Error> {
    let scores = Option::<Vec<SavedScore>>::deserialize(deserializer)?;
    scores.map(|scores| scores.into_iter().map(SavedScore::value).collect()).transpose()
}
