//! What pictures of the influence of a context show.

use inseq_core::{ContextAttribution, ContextCues, Salience, Token, text};
use serde_json::Value;

use crate::caption::{self, one_line};
use crate::number::NumberFormat;
use crate::scale::Scale;
use crate::token_text::TokenText;
use crate::{Error, Result};

/// The parts of a picture, ready to draw.
pub(crate) struct Picture<'a> {
    /// How the tokens were selected and attributed, in one line each.
    pub(crate) captions: Vec<String>,
    /// The model, the method and the rest, by name.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// The texts that are not scored, by name.
    pub(crate) texts: Vec<(&'static str, &'a str)>,
    /// The output, whose scores are the sensitivity of its tokens.
    pub(crate) output: Scored,
    /// Indices in the output of the selected tokens, the most sensitive one first.
    pub(crate) selected: Vec<usize>,
    /// The contexts of each selected token, with their scores.
    pub(crate) cues: Vec<Cues>,
    /// Says what would select a token, if none is selected.
    pub(crate) nothing: Option<String>,
}

/// Tokens with their scores.
pub(crate) struct Scored {
    pub(crate) tokens: Vec<TokenText>,
    /// Score of each token.
    pub(crate) scores: Vec<f32>,
    /// Indices of the tokens that stand out.
    pub(crate) salient: Vec<usize>,
    pub(crate) scale: Scale,
    pub(crate) number: NumberFormat,
}

/// The contexts of a selected token.
pub(crate) struct Cues {
    /// The token.
    pub(crate) token: TokenText,
    /// Its sensitivity, as text.
    pub(crate) score: String,
    /// The token that it is compared with, if that is another one.
    pub(crate) contrast: Option<TokenText>,
    /// Each context by its name.
    pub(crate) contexts: Vec<(&'static str, Scored)>,
}

impl Scored {
    fn new(tokens: Vec<TokenText>, scores: &[f32], salient: Vec<usize>, scale: Scale) -> Result<Self> {
        if tokens.len() != scores.len() {
            return Err(Error::Shape {
                text: 0,
                field: "scores of a context".to_owned(),
                expected: format!("[{}]", tokens.len()),
                found: vec![scores.len()],
            });
        }
        Ok(Self {
            tokens,
            scores: scores.to_vec(),
            salient,
            scale,
            number: NumberFormat::fitting([scale.min(), scale.max()]),
        })
    }

    /// The scores of the tokens that stand out; NaN for the others.
    pub(crate) fn salient_scores(&self) -> Vec<f32> {
        let score = |(index, score): (usize, &f32)| if self.salient.contains(&index) { *score } else { f32::NAN };
        self.scores.iter().enumerate().map(score).collect()
    }
}

impl<'a> Picture<'a> {
    /// The picture of a result.
    ///
    /// # Errors
    /// The numbers of scores and tokens differ.
    pub(crate) fn of(attribution: &'a ContextAttribution) -> Result<Self> {
        let [sensitivity, cues] = saliences(attribution);
        let scale = Scale::fitting(attribution.cti_scores.iter().copied(), None, None)?;
        let selected: Vec<usize> = attribution.cci_scores.iter().map(|cues| cues.cti_idx).collect();
        let spelling = Spelling::of(attribution);
        let tokens = spelling.shown(&attribution.output_current_tokens);
        let output = Scored::new(tokens, &attribution.cti_scores, selected.clone(), scale)?;
        let each = attribution.cci_scores.iter().map(|found| Cues::of((attribution, &spelling), found, &output, cues));
        Ok(Self {
            captions: captions(attribution, sensitivity, cues),
            facts: facts(attribution, sensitivity, cues),
            texts: texts(attribution),
            cues: each.collect::<Result<_>>()?,
            nothing: attribution.nothing_selected(sensitivity).map(|said| one_line(&said.to_string())),
            output,
            selected,
        })
    }
}

impl Cues {
    fn of(
        (attribution, spelling): (&ContextAttribution, &Spelling),
        found: &ContextCues,
        output: &Scored,
        salience: Salience,
    ) -> Result<Self> {
        let threshold = salience.threshold(found.all_scores());
        let scale = Scale::fitting(found.all_scores(), None, None)?;
        let sides = [
            ("Input context", &attribution.input_context_tokens, &found.input_context_scores),
            ("Output context", &attribution.output_context_tokens, &found.output_context_scores),
        ];
        let contexts = sides.into_iter().filter_map(|(name, tokens, scores)| {
            let (tokens, scores) = (tokens.as_ref()?, scores.as_ref()?);
            Some(
                Scored::new(spelling.shown(tokens), scores, salience.select_above(threshold, scores), scale)
                    .map(|scored| (name, scored)),
            )
        });
        let contrast = found.contrast_token.as_ref().filter(|contrast| **contrast != found.cti_token);
        Ok(Self {
            token: spelling.alone(&found.cti_token),
            score: output.number.write(found.cti_score),
            contrast: contrast.map(|contrast| spelling.alone(contrast)),
            contexts: contexts.collect::<Result<_>>()?,
        })
    }
}

/// How the tokens of a result are spelled, by all of its texts.
struct Spelling {
    texts: Vec<Token>,
}

impl Spelling {
    fn of(attribution: &ContextAttribution) -> Self {
        let contexts = [&attribution.input_context_tokens, &attribution.output_context_tokens].into_iter().flatten();
        Self { texts: contexts.chain([&attribution.output_current_tokens]).flat_map(|tokens| made(tokens)).collect() }
    }

    /// Tokens as they are shown.
    fn shown(&self, tokens: &[String]) -> Vec<TokenText> {
        let tokens = made(tokens);
        let pieces = text::pieces_as_in(&self.texts, &tokens);
        let tokens: Vec<Token> = tokens.into_iter().zip(pieces).map(|(token, piece)| token.with_piece(piece)).collect();
        TokenText::of_tokens(&tokens)
    }

    /// A token without the ones around it.
    fn alone(&self, token: &String) -> TokenText {
        let shown = self.shown(std::slice::from_ref(token)).pop();
        shown.unwrap_or_else(|| TokenText::new(&Token::new("", None)))
    }
}

/// Tokens by their spelling.
fn made(tokens: &[String]) -> Vec<Token> {
    tokens.iter().map(|token| Token::new(token.as_str(), None)).collect()
}

/// The rules that selected the tokens of the output, and those that select tokens of the contexts.
fn saliences(attribution: &ContextAttribution) -> [Salience; 2] {
    let salience = |std: &str, top: &str| {
        let argument = |name: &str| attribution.info.as_ref().and_then(|info| info.argument(name));
        let std = argument(std).and_then(Value::as_f64);
        let top = argument(top).and_then(Value::as_u64).and_then(|top| usize::try_from(top).ok());
        let usual = Salience::default();
        usual.std_threshold(std.unwrap_or(usual.std_threshold)).top_k(top)
    };
    [
        salience("context_sensitivity_std_threshold", "context_sensitivity_topk"),
        salience("attribution_std_threshold", "attribution_topk"),
    ]
}

/// A rule in short.
fn rule(salience: Salience) -> String {
    let std = format!("mean + {} std", salience.std_threshold);
    salience.top_k.map_or_else(|| std.clone(), |top| format!("{std}, top {top}"))
}

/// An argument of the call, in one line.
fn argument(attribution: &ContextAttribution, name: &str) -> Option<String> {
    Some(one_line(attribution.info.as_ref()?.argument(name)?.as_str()?))
}

/// The method, and the function that it attributes.
fn method(attribution: &ContextAttribution) -> Option<String> {
    let arguments = attribution.info.as_ref().and_then(|info| info.argument("attribution_kwargs"));
    let logprob = arguments.and_then(|arguments| arguments.get("logprob"));
    let function = argument(attribution, "attributed_fn").map(|name| caption::function(&name, logprob));
    let method = argument(attribution, "attribution_method")?;
    Some(function.map_or_else(|| method.clone(), |function| format!("{method} of {function}")))
}

/// The threshold of the sensitivity, as text.
fn threshold(attribution: &ContextAttribution, sensitivity: Salience) -> String {
    let threshold = sensitivity.threshold(attribution.cti_scores.iter().copied()) as f32;
    NumberFormat::fitting([threshold]).write(threshold)
}

/// How the tokens were selected and attributed.
fn captions(attribution: &ContextAttribution, sensitivity: Salience, cues: Salience) -> Vec<String> {
    let (count, of) = (attribution.cci_scores.len(), attribution.cti_scores.len());
    let metric = argument(attribution, "context_sensitivity_metric");
    let metric = metric.map(|metric| format!(" by {metric}")).unwrap_or_default();
    let mut captions = vec![format!(
        "{count} of {of} output tokens are context-sensitive{metric}: at least {} ({})",
        threshold(attribution, sensitivity),
        rule(sensitivity)
    )];
    if count > 0 {
        let method = method(attribution).map(|method| format!(" by {method}")).unwrap_or_default();
        captions.push(format!("contextual cues{method} ({})", rule(cues)));
    }
    captions
}

/// The captions in one line.
#[cfg(feature = "figure")]
pub(crate) fn line(attribution: &ContextAttribution) -> String {
    let [sensitivity, cues] = saliences(attribution);
    captions(attribution, sensitivity, cues).join("; ")
}

/// The same as facts with names.
fn facts(attribution: &ContextAttribution, sensitivity: Salience, cues: Salience) -> Vec<(&'static str, String)> {
    let facts = [
        ("Model", argument(attribution, "model_name_or_path")),
        ("Context sensitivity", argument(attribution, "context_sensitivity_metric")),
        ("Selected", Some(format!("at least {} ({})", threshold(attribution, sensitivity), rule(sensitivity)))),
        ("Contextual cues", method(attribution)),
        ("Marked", Some(rule(cues))),
    ];
    facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect()
}

/// The texts that are not scored.
fn texts(attribution: &ContextAttribution) -> Vec<(&'static str, &str)> {
    let current = attribution.info.as_ref().and_then(|info| info.argument("input_current_text")?.as_str());
    let texts = [
        ("Input context", attribution.input_context.as_deref()),
        ("Input", current),
        ("Output context", attribution.output_context.as_deref()),
    ];
    texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}
