//! Selection of the generated tokens that a view explains one by one.

use std::borrow::Cow;

use inseq_core::SequenceAttribution;

use crate::matrix::Matrix;
use crate::token_text::TokenText;
use crate::view::{Step, View, ViewOptions};
use crate::{Error, Result, Texts};

/// Largest number of tokens that an error or a warning lists.
const LISTED: usize = 12;

/// The requested steps of a text, in order; all steps without a request. `generated` are the attributed tokens.
pub(crate) fn chosen(generated: &[TokenText], options: &ViewOptions) -> Vec<usize> {
    if options.steps.is_empty() {
        return (0..generated.len()).collect();
    }
    let mut steps: Vec<usize> = options.steps.iter().flat_map(|step| found(step, generated)).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// The steps that one request matches.
fn found(step: &Step, generated: &[TokenText]) -> Vec<usize> {
    match step {
        Step::Position(position) => {
            let counted = match *position < 0 {
                true => isize::try_from(*position).ok().and_then(|back| generated.len().checked_add_signed(back)),
                false => usize::try_from(*position).ok(),
            };
            counted.into_iter().filter(|&step| step < generated.len()).collect()
        }
        Step::Text(text) => {
            let spelled = generated.iter().enumerate().filter(|(_, token)| token.is_spelled(text));
            spelled.map(|(step, _)| step).collect()
        }
    }
}

/// Checks that at least one text has each requested step.
///
/// # Errors
/// [`Error::Step`] for the first step that no text has.
pub(crate) fn check(texts: &[Cow<SequenceAttribution>], options: &ViewOptions) -> Result<()> {
    let generated = generated(texts, options)?;
    for step in &options.steps {
        if !generated.is_empty() && generated.iter().all(|generated| found(step, generated).is_empty()) {
            return Err(Error::Step { step: name(step), known: known(step, &generated) });
        }
    }
    Ok(())
}

/// Warnings about requested tokens ([`ViewOptions::steps`]) that a text does not have, one line for each text and token. The
/// picture shows them for the other texts.
///
/// # Errors
/// [`Error::Positions`] and [`Error::Shape`] for a result whose arrays and tokens do not fit together.
///
/// ```
/// use inseq_core::{AttributionResult, SequenceAttribution, Token};
/// use inseq_viz::{Step, View, ViewOptions};
///
/// let text = |written: &str| SequenceAttribution {
///     source: vec![Token::new("▁a", 1)],
///     target: vec![Token::new(written, 2)],
///     attr_pos_end: 1,
///     source_attributions: Some(ndarray::arr2(&[[1.0]]).into_dyn()),
///     ..SequenceAttribution::default()
/// };
/// let result = AttributionResult { sequences: vec![text("▁b"), text("▁c")], ..AttributionResult::default() };
/// let view = ViewOptions::default().view(View::Tokens).steps(vec![Step::Text("b".into())]);
/// assert_eq!(inseq_viz::warnings(&result, &view)?, ["text 2 of 2 has no attributed token `b`; it has ▁c"]);
/// # Ok::<(), inseq_viz::Error>(())
/// ```
pub fn warnings<'a>(result: impl Into<Texts<'a>>, options: &ViewOptions) -> Result<Vec<String>> {
    let result = result.into();
    let generated = generated(&result.shown(options)?, options)?;
    let mut lines = Vec::new();
    for (text, generated) in generated.iter().enumerate() {
        for step in options.steps.iter().filter(|step| found(step, generated).is_empty()) {
            lines.push(format!(
                "text {} of {} has no attributed token {}; {}",
                text + 1,
                result.sequences.len(),
                name(step),
                known(step, std::slice::from_ref(generated))
            ));
        }
    }
    Ok(lines)
}

/// The attributed tokens of each text, if the view explains single tokens.
fn generated(texts: &[Cow<SequenceAttribution>], options: &ViewOptions) -> Result<Vec<Vec<TokenText>>> {
    if options.steps.is_empty() || !matches!(options.view, View::Tokens | View::Granular) {
        return Ok(Vec::new());
    }
    let texts = texts.iter().enumerate();
    texts.map(|(text, sequence)| Ok(Matrix::without_scores(sequence, text, options)?.generated().to_vec())).collect()
}

fn name(step: &Step) -> String {
    match step {
        Step::Position(position) => position.to_string(),
        Step::Text(text) => format!("`{}`", crate::token_text::visible(text)),
    }
}

/// Describes the existing steps, for an error about an unknown one: their number, or their tokens.
fn known(step: &Step, generated: &[Vec<TokenText>]) -> String {
    let subject = if generated.len() == 1 { "it has" } else { "there are" };
    let most = generated.iter().map(Vec::len).max().unwrap_or(0);
    if most == 0 {
        return format!("{subject} none");
    }
    match step {
        Step::Position(_) => {
            let at_most = if generated.len() == 1 { "" } else { "at most " };
            format!("{subject} {at_most}{most}: give a position from 0, or a negative one from the end")
        }
        Step::Text(_) => {
            let mut spelled: Vec<String> = Vec::new();
            for token in generated.iter().flatten().map(TokenText::spelling) {
                if !spelled.contains(&token) {
                    spelled.push(token);
                }
            }
            let rest = match spelled.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            spelled.truncate(LISTED);
            format!("{subject} {}{rest}", spelled.join(" "))
        }
    }
}
