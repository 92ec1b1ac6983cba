//! An answer with its sources: the answer with numbers before its sentences and those of their sources after them, the scores of the cited
//! sources as a table, and the texts of these sources.

use std::collections::BTreeMap;

use inseq_core::{CitationRule, Citations, GAIN_BELOW_ZERO};

use super::drawing::Part;
use super::flow::{Coloring, Running};
use super::style::{GAP, Style};
use super::table;
use crate::Result;
use crate::caption::{one_line, shortened};
use crate::matrix::{Matrix, Row, StepScoreRow};
use crate::number::NumberFormat;
use crate::panel::Panel;
use crate::scale::Scale;
use crate::token_text::{TokenText, some_text};

/// Largest number of characters of a source that are shown.
const LONG: usize = 400;
/// Largest number of characters of the name of a source.
const LABEL: usize = 40;

pub(super) fn draw(citations: &Citations, rule: &CitationRule, style: &Style) -> Result<Vec<Part>> {
    let numbered = citations.numbered(rule);
    let mut parts = vec![answer(citations, rule, &numbered, style)?];
    match scores(citations, &numbered)? {
        Some(panel) => {
            let mut part = table::draw(std::slice::from_ref(&panel), style);
            part.below(style.ramp(&panel.scale, &style.palette(&panel.scale), "scores of sources"), GAP);
            parts.push(part);
        }
        None => parts.push(style.paragraph("No source has a score above 0.", style.options.width)),
    }
    let mut sources = Part::default();
    for (place, &source) in numbered.iter().enumerate() {
        let source = &citations.sources[source];
        let mut part = style.paragraph(&format!("[{}] {}", place + 1, one_line(&source.name)), style.options.width);
        part.below(plain(&TokenText::words(&shortened(some_text(&source.text), LONG)), BTreeMap::new(), style)?, 1.0);
        sources.below(part, 0.6 * GAP);
    }
    parts.extend((!numbered.is_empty()).then_some(sources));
    Ok(parts)
}

/// The answer, with the numbers of its sources after each sentence, and the answer without the sources.
fn answer(citations: &Citations, rule: &CitationRule, numbered: &[usize], style: &Style) -> Result<Part> {
    let number = |source: usize| numbered.iter().position(|other| *other == source).map(|place| place + 1);
    let characters: Vec<char> = citations.answer.chars().collect();
    let between = |start: usize, end: usize| -> String {
        let end = end.min(characters.len());
        characters[start.min(end)..end].iter().collect()
    };
    let (mut words, mut notes) = (Vec::new(), BTreeMap::new());
    let mut from = 0;
    for (index, sentence) in citations.sentences.iter().enumerate() {
        words.extend(TokenText::words(&between(from, sentence.span.0)));
        words.push(ordinal(index));
        words.extend(TokenText::words(&format!(" {}", between(sentence.span.0, sentence.span.1))));
        let cited = sentence.cited(rule).into_iter();
        let cited = cited.filter_map(|source| Some(sentence.citation(source, number(source)?)));
        notes.insert(words.len() - 1, cited.collect::<String>());
        from = sentence.span.1;
    }
    words.extend(TokenText::words(&between(from, characters.len())));
    notes.retain(|_, note| !note.is_empty());
    let mut part = plain(&words, notes, style)?;
    if let Some(contextless) = &citations.contextless_answer {
        let said = format!("Without the sources: {}", one_line(some_text(contextless)));
        part.below(style.paragraph(&said, style.options.width), 0.6 * GAP);
    }
    if citations.has_gain_below_zero(rule) {
        part.below(style.paragraph(GAIN_BELOW_ZERO, style.options.width), 0.6 * GAP);
    }
    Ok(part)
}

/// The number of a sentence, as a word of its own.
fn ordinal(sentence: usize) -> TokenText {
    let mut word = TokenText::plain(&format!(" ({})", sentence + 1));
    word.special = true;
    word
}

/// Words without scores, in lines.
fn plain(tokens: &[TokenText], notes: BTreeMap<usize, String>, style: &Style) -> Result<Part> {
    let scale = Scale::new(0.0, 1.0)?;
    let coloring = Coloring { scale, palette: style.palette(&scale) };
    let scores = vec![f32::NAN; tokens.len()];
    Ok(Running { tokens, scores: &scores, notes }.draw(&coloring, style.options.width, style))
}

/// The scores of the cited sources, a row for each, and the log-probabilities of the sentences; none without citations.
fn scores(citations: &Citations, numbered: &[usize]) -> Result<Option<Panel>> {
    if numbered.is_empty() {
        return Ok(None);
    }
    let row = |(position, &source): (usize, &usize)| {
        let scores = citations.sentences.iter().map(|sentence| sentence.scores[source].score as f32);
        Row { position, scores: scores.collect() }
    };
    let name = |(place, &source): (usize, &usize)| {
        TokenText::plain(&format!("[{}] {}", place + 1, label(&citations.sources[source].name)))
    };
    let log_probabilities = |name: &str, of: fn(&inseq_core::CitedSentence) -> f64| StepScoreRow {
        key: name.to_owned(),
        name: name.to_owned(),
        scores: citations.sentences.iter().map(|sentence| of(sentence) as f32).collect(),
    };
    let matrix = Matrix {
        source: numbered.iter().enumerate().map(name).collect(),
        target: Vec::new(),
        steps: 0..0,
        heads: (0..citations.sentences.len()).map(ordinal).collect(),
        has_source: true,
        source_rows: numbered.iter().enumerate().map(row).collect(),
        target_rows: Vec::new(),
        step_scores: vec![
            log_probabilities("log-probability", |sentence| sentence.log_probability),
            log_probabilities("without sources", |sentence| sentence.contextless_log_probability),
        ],
    };
    let scale = Scale::fitting(matrix.scores(), None, None)?;
    let number = NumberFormat::fitting(matrix.scores());
    Ok(Some(Panel { matrix, scale, number, heading: None, chosen_from: None, step_scores: "Sentences" }))
}

fn label(text: &str) -> String {
    shortened(&one_line(text), LABEL)
}
