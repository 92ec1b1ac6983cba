//! Citations on a terminal.

use std::fmt::Write as _;

use bytesize::ByteSize;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use inseq_core::{CitationRule, Citations, GAIN_BELOW_ZERO};
use inseq_methods::citations::{CitationCost, CitationPlan};
use inseq_viz::token_text::{passive, some_text};

use crate::attribute::about;
use crate::output;

/// Largest number of characters of a passage in a table.
const PASSAGE: usize = 60;

/// The answer with the numbers of its sources, the answer without sources, the sentences, and the cited sources.
pub fn shown(citations: &Citations, rule: &CitationRule) -> String {
    let numbered = citations.numbered(rule);
    let number = |source: usize| numbered.iter().position(|other| *other == source).map_or(0, |place| place + 1);
    let mut text = answer(citations, |sentence| {
        let sources = citations.sentences[sentence].cited(rule).into_iter();
        sources.map(|source| citations.sentences[sentence].citation(source, number(source))).collect()
    });
    if let Some(contextless) = &citations.contextless_answer {
        let _ = write!(text, "\nWithout the sources: {}\n", some_text(contextless));
    }
    text += "\n";
    text += &output::lines(&sentences(citations));
    text += "\n";
    text += &match numbered.is_empty() {
        true => "No source has a score above 0.\n".to_owned(),
        false => output::lines(&sources(citations, rule, &numbered)),
    };
    if citations.has_gain_below_zero(rule) {
        let _ = write!(text, "\n{GAIN_BELOW_ZERO}\n");
    }
    if !citations.untested.is_empty() {
        let names: Vec<&str> = citations
            .untested
            .iter()
            .filter_map(|&source| Some(citations.sources.get(source)?.name.as_str()))
            .collect();
        let _ = write!(text, "\nNot tested: {}\n", names.join(", "));
    }
    // What strangers wrote may have escape sequences.
    passive(&text)
}

/// What a call would take, and a table of the methods.
pub fn planned(plan: &CitationPlan) -> String {
    let CitationPlan { sources, prompt, answer, generation, methods, .. } = plan;
    let mut text = format!("{sources} sources, {prompt} tokens of the prompt, {answer} tokens of the answer.\n");
    if let Some(seconds) = generation {
        let _ = writeln!(text, "Generating what is not given takes up to {}.", about(*seconds));
    }
    text += "\n";
    let mut table = table(["METHOD", "FORWARDS", "PULLBACKS", "MEMORY", "ABOUT"], 0..0);
    for CitationCost { method, forwards, pullbacks, seconds, bytes } in methods {
        let (least, most) = (about(seconds.least), about(seconds.most));
        let time = if least == most { least } else { format!("{least} to {most}") };
        let memory = ByteSize(*bytes as u64).to_string();
        table.add_row([method.clone(), forwards.to_string(), pullbacks.to_string(), memory, time]);
    }
    text + &output::lines(&table)
}

/// The answer with a note after each sentence.
fn answer(citations: &Citations, note: impl Fn(usize) -> String) -> String {
    let characters: Vec<char> = citations.answer.chars().collect();
    let mut text = String::new();
    let mut from = 0;
    for (index, sentence) in citations.sentences.iter().enumerate() {
        let end = sentence.span.1.min(characters.len()).max(from);
        text.extend(&characters[from..end]);
        let note = note(index);
        if !note.is_empty() {
            text += " ";
            text += &note;
        }
        from = end;
    }
    text.extend(&characters[from..]);
    text + "\n"
}

/// A table of the sentences with their log-probabilities.
fn sentences(citations: &Citations) -> Table {
    let mut table = table(["SENTENCE", "LOG-PROBABILITY", "WITHOUT SOURCES", "TEXT"], 1..3);
    for (index, sentence) in citations.sentences.iter().enumerate() {
        let numbers =
            [sentence.log_probability, sentence.contextless_log_probability].map(|value| format!("{value:.3}"));
        table.add_row([(index + 1).to_string()].into_iter().chain(numbers).chain([short(&sentence.text)]));
    }
    table
}

/// A table of the sources that are cited, with their scores for each sentence that cites them.
fn sources(citations: &Citations, rule: &CitationRule, numbered: &[usize]) -> Table {
    let has_confidence = citations.sentences.iter().flat_map(|one| &one.scores).any(|score| score.confidence.is_some());
    let confidence = if has_confidence { &["CONFIDENCE"][..] } else { &[] };
    let header = [&["CITED", "SENTENCE", "SCORE", "GAIN"], confidence, &["NAME", "TEXT"]].concat();
    let numbers = 2..4 + confidence.len();
    let mut table = table(header, numbers);
    for (place, &source) in numbered.iter().enumerate() {
        for (index, sentence) in citations.sentences.iter().enumerate() {
            if !sentence.cited(rule).contains(&source) {
                continue;
            }
            let score = &sentence.scores[source];
            let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
            let mut row = vec![sentence.citation(source, place + 1), (index + 1).to_string()];
            row.extend([number(Some(score.score)), number(score.gain)]);
            if has_confidence {
                row.push(score.confidence.map_or_else(|| "-".to_owned(), |share| format!("{share:.2}")));
            }
            let cited = &citations.sources[source];
            row.extend([cited.name.clone(), short(&cited.text)]);
            table.add_row(row);
        }
    }
    table
}

/// A table without lines; the columns of `numbers` are aligned on the right.
fn table<'h>(header: impl IntoIterator<Item = &'h str>, numbers: std::ops::Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for (index, column) in table.column_iter_mut().enumerate() {
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// First characters of a text, on one line.
fn short(text: &str) -> String {
    let line = some_text(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(PASSAGE) {
        Some((end, _)) => format!("{}...", line[..end].trim_end()),
        None => line,
    }
}
