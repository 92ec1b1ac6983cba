//! The content of a view for each text: the running texts and the tables.

mod granular;

use inseq_core::{AttributionKind, SequenceAttribution, did_you_mean};

use crate::matrix::Matrix;
use crate::number::NumberFormat;
use crate::scale::Scale;
use crate::steps;
use crate::token_text::TokenText;
use crate::view::{View, ViewOptions};
use crate::{Error, Result, Texts};

/// One text (or pair of texts) in a view.
pub(crate) struct Plate {
    /// Number of the text among several, in words.
    pub ordinal: Option<String>,
    /// The running texts above the tables.
    pub passages: Vec<Passage>,
    /// The tables; empty for a text without anything to explain.
    pub panels: Vec<Panel>,
    /// The steps that are explained one by one, in [`View::Tokens`].
    pub steps: Vec<usize>,
    /// The message for a text without a table or a step.
    pub empty: &'static str,
}

/// A running text.
pub(crate) struct Passage {
    /// Whether the model wrote it.
    pub is_written: bool,
    /// Letter of the text in a pair.
    pub of_pair: Option<char>,
    /// Tokens of the text.
    pub tokens: Vec<TokenText>,
}

/// A table.
pub(crate) struct Panel {
    /// Content of the table.
    pub matrix: Matrix,
    /// Colours, which all tables of a text share.
    pub scale: Scale,
    /// Number format of the scores.
    pub number: NumberFormat,
    /// Heading that distinguishes the tables of a text.
    pub heading: Option<Heading>,
    /// Number of input tokens before the strongest were chosen, if some were omitted.
    pub chosen_from: Option<usize>,
    /// Name of the rows of step scores.
    #[cfg_attr(not(feature = "figure"), allow(dead_code, reason = "only figures use it"))]
    pub step_scores: &'static str,
}

/// Name of the rows of step scores of a text.
pub(crate) const STEP_SCORES: &str = "Step scores";

/// A token that is explained, and the scores that the table shows.
pub(crate) struct Heading {
    /// The explained token.
    pub token: TokenText,
    /// Description of the scores.
    pub detail: String,
}

/// Every text of a result, in the view of `options`.
pub(crate) fn plates(result: &Texts, options: &ViewOptions) -> Result<Vec<Plate>> {
    let texts = result.shown(options)?;
    steps::check(&texts, options)?;
    let count = texts.len();
    let mut plates: Vec<Plate> = match options.view {
        View::Pair => {
            if count % 2 == 1 {
                return Err(Error::Pair(format!(
                    "texts are compared two by two, but there are {count}; give another result of as many to compare with"
                )));
            }
            let pairs = texts.chunks_exact(2).enumerate();
            pairs
                .map(|(index, pair)| of_pair(&pair[0], &pair[1], (index, count / 2), options))
                .collect::<Result<_>>()?
        }
        View::Granular => {
            let texts = texts.iter().enumerate();
            texts.map(|(index, sequence)| granular::plate(sequence, index, options)).collect::<Result<_>>()?
        }
        View::Matrix | View::Tokens | View::Links => {
            let texts = texts.iter().enumerate();
            texts.map(|(index, sequence)| of_text(sequence, index, options)).collect::<Result<_>>()?
        }
    };
    let count = plates.len();
    if count > 1 {
        let what = if options.view == View::Pair { "pair" } else { "text" };
        for (index, plate) in plates.iter_mut().enumerate() {
            plate.ordinal = Some(format!("{what} {} of {count}", index + 1));
        }
    }
    Ok(plates)
}

fn of_text(sequence: &SequenceAttribution, text: usize, options: &ViewOptions) -> Result<Plate> {
    let matrix = Matrix::new(sequence, text, options)?;
    let scale = matrix.scale(options)?;
    if let Some(name) = &options.highlight
        && !matrix.step_scores.iter().any(|row| row.key == *name)
    {
        let known: Vec<&str> = matrix.step_scores.iter().map(|row| row.key.as_str()).collect();
        let near = did_you_mean(name, known.iter().copied(), 1);
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") + &near };
        return Err(Error::StepScore { text, name: name.clone(), known });
    }
    Ok(Plate {
        ordinal: None,
        passages: passages(&matrix, None),
        steps: steps::chosen(matrix.generated(), options),
        empty: empty(&matrix),
        panels: panels(matrix, scale, options),
    })
}

fn of_pair(
    first: &SequenceAttribution,
    second: &SequenceAttribution,
    (pair, pairs): (usize, usize),
    options: &ViewOptions,
) -> Result<Plate> {
    let text = 2 * pair;
    if first.kind != AttributionKind::Coarse {
        // Says that it must be aggregated.
        Matrix::new(first, text, options)?;
    }
    let difference = (first - second).map_err(|error| {
        let which = if pairs == 1 { String::new() } else { format!("pair {} of {pairs}: ", pair + 1) };
        Error::Pair(format!("{which}A and B cannot be compared: {error}"))
    })?;
    let texts = [Matrix::without_scores(first, text, options)?, Matrix::without_scores(second, text + 1, options)?];
    let both =
        |one: &[TokenText], other: &[TokenText]| one.iter().zip(other).map(|(one, other)| one.beside(other)).collect();
    let matrix = Matrix {
        source: both(&texts[0].source, &texts[1].source),
        target: both(&texts[0].target, &texts[1].target),
        heads: both(&texts[0].heads, &texts[1].heads),
        ..Matrix::new(&difference, text, options)?
    };
    let scale = matrix.scale(options)?.two_sided();
    let [mut passages, others] = [passages(&texts[0], Some('A')), passages(&texts[1], Some('B'))];
    for (index, other) in others.into_iter().enumerate() {
        // What both texts share is read once.
        if passages[2 * index].tokens == other.tokens {
            passages[2 * index].of_pair = None;
        }
        passages.insert(2 * index + 1, other);
    }
    let mut shared = false;
    passages.retain(|passage| {
        let is_double = shared && passage.of_pair == Some('B');
        shared = passage.of_pair.is_none();
        !is_double
    });
    let empty = empty(&matrix);
    Ok(Plate { ordinal: None, passages, steps: Vec::new(), empty, panels: panels(matrix, scale, options) })
}

/// The reason why a text has nothing to explain.
fn empty(matrix: &Matrix) -> &'static str {
    if matrix.steps.is_empty() { "no attributed tokens" } else { "none of the tokens that are asked for" }
}

fn passages(matrix: &Matrix, of_pair: Option<char>) -> Vec<Passage> {
    [(false, matrix.given()), (true, matrix.written())]
        .map(|(is_written, tokens)| Passage { is_written, of_pair, tokens: tokens.to_vec() })
        .into()
}

/// The one table of a text.
fn panels(mut matrix: Matrix, scale: Scale, options: &ViewOptions) -> Vec<Panel> {
    let number = matrix.number_format();
    let chosen_from = match options.view {
        View::Tokens => None,
        _ => strongest(&mut matrix, options),
    };
    if matrix.heads.is_empty() {
        return Vec::new();
    }
    vec![Panel { matrix, scale, number, heading: None, chosen_from, step_scores: STEP_SCORES }]
}

/// Keeps the strongest input tokens if the options request it. Returns the number of tokens before, if some were omitted.
fn strongest(matrix: &mut Matrix, options: &ViewOptions) -> Option<usize> {
    let count = options.top_tokens?;
    Some(matrix.keep_strongest(count)).filter(|&total| total > count)
}
