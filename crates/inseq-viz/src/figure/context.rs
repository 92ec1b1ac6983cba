//! The influence of a context: the output coloured by the sensitivity of its tokens, and the contexts of each selected token coloured
//! by their scores.

use inseq_core::ContextAttribution;

use super::drawing::{Anchor, Mark, Part};
use super::flow::{Coloring, Running};
use super::style::{GAP, SMALL, Style, TEXT};
use crate::Result;
use crate::context::{Cues, Picture, Scored};

pub(super) fn draw(attribution: &ContextAttribution, style: &Style) -> Result<Vec<Part>> {
    let picture = Picture::of(attribution)?;
    let scale = picture.output.scale;
    let coloring = Coloring { scale, palette: scale.step_score_palette(style.options.theme) };
    let mut output = named("Output", &picture.output, &coloring, style);
    output.below(style.ramp(&scale, &coloring.palette, "sensitivity to the context"), 0.6 * GAP);
    if let Some(said) = &picture.nothing {
        output.below(style.paragraph(said, style.options.width), GAP);
    }
    let cues = picture.cues.iter().enumerate().map(|(rank, cues)| of_token(rank + 1, cues, style));
    Ok(std::iter::once(output).chain(cues).collect())
}

/// The contexts of a selected token.
fn of_token(rank: usize, cues: &Cues, style: &Style) -> Part {
    let mut part = heading(rank, cues, style);
    // Both contexts have one scale.
    let Some((_, first)) = cues.contexts.first() else { return part };
    let coloring = Coloring { scale: first.scale, palette: style.palette(&first.scale) };
    for (name, scored) in &cues.contexts {
        part.below(named(name, scored, &coloring, style), 0.6 * GAP);
    }
    part.below(style.ramp(&coloring.scale, &coloring.palette, "scores of the contexts"), 0.6 * GAP);
    part
}

/// The selected token, its sensitivity, and what it is compared with.
fn heading(rank: usize, cues: &Cues, style: &Style) -> Part {
    const SIZE: f32 = TEXT + 1.0;
    let contrast = cues.contrast.as_ref().map(|contrast| format!(" instead of {}", contrast.alone()));
    let detail = format!("{}{}", cues.score, contrast.unwrap_or_default());
    let name = format!("#{rank} {}", cues.token.alone());
    let after = style.fonts.width(&name, SIZE) + 4.0;
    let mut part = Part { height: SIZE + 3.0, ..Part::default() };
    part.width = after + style.fonts.width(&detail, SMALL);
    part.marks.push(Mark::Text {
        x: 0.0,
        y: SIZE,
        text: name,
        size: SIZE,
        anchor: Anchor::Start,
        turn: 0.0,
        color: style.ink,
    });
    part.marks.push(style.small(after, SIZE, detail, Anchor::Start));
    part
}

/// A text with its name above it. The scores of the tokens that stand out are beside them.
fn named(name: &str, scored: &Scored, coloring: &Coloring, style: &Style) -> Part {
    let mut part = style.paragraph(name, style.options.width);
    let note = |&index: &usize| (index, scored.number.without_leading_zero().write(scored.scores[index]));
    let notes = match style.options.show_values {
        true => scored.salient.iter().map(note).collect(),
        false => Default::default(),
    };
    let text = Running { tokens: &scored.tokens, scores: &scored.scores, notes };
    part.below(text.draw(coloring, style.options.width, style), 2.0);
    part
}
