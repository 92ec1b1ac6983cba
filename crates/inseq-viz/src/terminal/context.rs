//! The influence of a context: the output with its context-sensitive tokens, and the contexts of each of them with their cues.

use inseq_core::ContextAttribution;
use unicode_width::UnicodeWidthStr;

use super::labels::{self, Label};
use super::paint::Painter;
use super::tokens::Flow;
use super::{TerminalOptions, dimmed};
use crate::Result;
use crate::caption::one_line;
use crate::context::{Cues, Picture, Scored};
use crate::token_text::some_text;

/// Draws the influence of a context.
///
/// ```
/// use inseq_core::{ContextAttribution, ContextCues};
/// use inseq_viz::terminal::{self, TerminalOptions};
///
/// let words = |text: &str| text.split_inclusive(' ').map(|word| format!("Ġ{}", word.trim())).collect::<Vec<_>>();
/// let attribution = ContextAttribution {
///     input_context: Some("George was sick yesterday.".into()),
///     input_context_tokens: Some(words("George was sick yesterday.")),
///     output_current: "to the hospital".into(),
///     output_current_tokens: words("to the hospital"),
///     cti_scores: vec![0.1, 0.1, 0.9],
///     cci_scores: vec![ContextCues {
///         cti_idx: 2,
///         cti_token: "Ġhospital".into(),
///         cti_score: 0.9,
///         input_context_scores: Some(vec![0.2, 0.1, 0.8, 0.1]),
///         ..ContextCues::default()
///     }],
///     ..ContextAttribution::default()
/// };
/// let picture = terminal::render_context(&attribution, &TerminalOptions::default())?;
/// assert!(picture.contains("to the hospital(.90)") && picture.contains("George was sick(.80) yesterday."));
/// # Ok::<(), inseq_viz::Error>(())
/// ```
///
/// # Errors
/// The numbers of scores and tokens differ.
pub fn render_context(attribution: &ContextAttribution, options: &TerminalOptions) -> Result<String> {
    let picture = Picture::of(attribution)?;
    let mut lines = Vec::new();
    let painter = Painter::of_step_scores(picture.output.scale, options.theme, options.colors);
    for caption in &picture.captions {
        lines.extend(dimmed(&painter, caption, options));
    }
    for (name, text) in &picture.texts {
        lines.push(String::new());
        lines.push(painter.dim(name));
        lines.extend(
            labels::wrap(&one_line(some_text(text)), options.layout_width() - 2).iter().map(|line| format!("  {line}")),
        );
    }
    lines.push(String::new());
    lines.push(painter.dim("Output"));
    flow(&picture.output, "→ ", &painter, options, &mut lines);
    for (rank, cues) in picture.cues.iter().enumerate() {
        lines.push(String::new());
        lines.push(heading(rank + 1, cues, &painter, options));
        for (name, context) in &cues.contexts {
            let painter = Painter::new(context.scale, options.theme, options.colors);
            lines.push(painter.dim(&format!("  {name}")));
            flow(context, "  ", &painter, options, &mut lines);
        }
    }
    Ok(lines.iter().map(|line| format!("{}\n", line.trim_end())).collect())
}

/// Tokens as running text, of which those that stand out have their colour.
fn flow(scored: &Scored, lead: &'static str, painter: &Painter, options: &TerminalOptions, lines: &mut Vec<String>) {
    let number = scored.number.without_leading_zero();
    Flow { tokens: &scored.tokens, scores: &scored.salient_scores(), lead, number }.draw(painter, options, lines);
}

/// The selected token, its sensitivity, and what it is compared with.
fn heading(rank: usize, cues: &Cues, painter: &Painter, options: &TerminalOptions) -> String {
    let half = options.layout_width() / 2;
    let label = Label::line(&cues.token, half).running();
    let contrast = cues.contrast.as_ref().map(|contrast| format!(" instead of {}", contrast.alone()));
    let detail = format!("{}{}", cues.score, contrast.unwrap_or_default());
    let number = format!("#{rank} ");
    let room = options.layout_width().saturating_sub(number.width() + label.width() + 2);
    let detail = labels::wrap(&detail, room.max(1)).swap_remove(0);
    format!("{}{}  {}", painter.dim(&number), painter.bold(&label.paint(painter)), painter.dim(&detail))
}
