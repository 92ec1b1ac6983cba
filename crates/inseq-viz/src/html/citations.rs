//! The page of an answer with its sources.

use askama::Template;
use inseq_core::{CitationRule, Citations, CitedSource, GAIN_BELOW_ZERO};
use serde::Serialize;

use super::folding::Folding;
use super::head::Head;
use super::page::{island, scale_rules};
use super::script::citations_script;
use crate::Result;
use crate::caption::one_line;
use crate::scale::Theme;
use crate::token_text::{passive, some_text};

/// Options of a page of citations.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CitationsOptions {
    /// Rule that decides which sources are cited.
    pub rule: CitationRule,
    /// Initial theme of the page; `None` takes the theme of the reader's system.
    pub theme: Option<Theme>,
    /// Title of the page; `None` is "What each sentence rests on".
    pub title: Option<String>,
}

inseq_core::setters! {
    CitationsOptions { rule: CitationRule, theme: impl Into<Option<Theme>> }
    some { title: impl Into<String> }
}

#[derive(Template)]
#[template(path = "citations/citations.html")]
struct Page {
    head: Head,
    sentences: Vec<Sentence>,
    /// Text after the last sentence.
    after: String,
    contextless: Option<String>,
    /// What the mark of a citation says, if one has it.
    legend: Option<&'static str>,
    sources: Vec<Source>,
    data: String,
}

/// A sentence of the answer.
struct Sentence {
    /// Text between the sentence before it and this one.
    before: String,
    text: String,
    cited: Vec<Citation>,
}

/// A citation after a sentence.
struct Citation {
    mark: String,
    source: usize,
    /// What a screen reader says.
    label: String,
}

/// A source in the list below the answer.
struct Source {
    number: Option<usize>,
    name: String,
    folding: Folding,
}

/// Data of the page's script.
#[derive(Serialize)]
struct Data<'c> {
    sentences: Vec<SentenceData<'c>>,
    sources: Vec<SourceData>,
    /// Sources that each sentence cites.
    cited: Vec<Vec<usize>>,
}

#[derive(Serialize)]
struct SentenceData<'c> {
    text: String,
    log_probability: f64,
    contextless_log_probability: f64,
    scores: &'c [inseq_core::SourceScore],
    /// Sources whose gain is below zero.
    below: Vec<usize>,
}

#[derive(Serialize)]
struct SourceData {
    name: String,
}

/// Renders an answer with its sources as a page: pointing at a sentence lights up the sources that it rests on, and pointing at a source
/// the sentences that rest on it. The page needs no network, and its content policy allows none.
///
/// ```
/// use inseq_core::{Citations, CitedSentence, CitedSource, SourceScore};
/// use inseq_viz::html::{CitationsOptions, render_citations};
///
/// let score = SourceScore { score: 2.0, confidence: None, gain: Some(2.0) };
/// let sentence = CitedSentence { text: "No.".into(), span: (0, 3), scores: vec![score], ..CitedSentence::default() };
/// let source = CitedSource { name: "a.txt".into(), text: "It is <not>.".into(), span: (0, 12), message: None };
/// let citations = Citations { answer: "No.".into(), sentences: vec![sentence], sources: vec![source], ..Citations::default() };
/// let page = render_citations(&citations, &CitationsOptions::default())?;
/// assert!(page.contains("a.txt") && !page.contains("<not>"));
/// # Ok::<(), inseq_viz::Error>(())
/// ```
///
/// # Errors
/// The template fails.
pub fn render_citations(citations: &Citations, options: &CitationsOptions) -> Result<String> {
    let numbered = citations.numbered(&options.rule);
    let number = |source: usize| numbered.iter().position(|other| *other == source).map(|place| place + 1);
    let characters: Vec<char> = citations.answer.chars().collect();
    let between = |start: usize, end: usize| -> String {
        let end = end.min(characters.len());
        passive(&characters[start.min(end)..end].iter().collect::<String>())
    };
    let mut from = 0;
    let mut sentences = Vec::new();
    for sentence in &citations.sentences {
        let cited = sentence.cited(&options.rule).into_iter().filter_map(|source| {
            let number = number(source)?;
            let below = if sentence.scores[source].has_gain_below_zero() { ", gain below zero" } else { "" };
            let label = format!("Source {number}{below}");
            Some(Citation { mark: sentence.citation(source, number), source, label })
        });
        sentences.push(Sentence {
            before: between(from, sentence.span.0),
            text: passive(&sentence.text),
            cited: cited.collect(),
        });
        from = sentence.span.1;
    }
    let source = |(index, source): (usize, &CitedSource)| Source {
        number: number(index),
        name: one_line(&source.name),
        folding: Folding::of(&source.text),
    };
    let title = options.title.as_deref().unwrap_or("What each sentence rests on");
    let style = format!("{}{}", include_str!("../../templates/citations/citations.css"), scale_rules()?);
    let page = Page {
        head: Head::new(title, options.theme, &style, citations_script()).facts(facts(citations)),
        after: between(from, characters.len()),
        contextless: citations.contextless_answer.as_deref().map(|text| passive(some_text(text))),
        legend: citations.has_gain_below_zero(&options.rule).then_some(GAIN_BELOW_ZERO),
        sources: citations.sources.iter().enumerate().map(source).collect(),
        data: island(&data(citations, &options.rule))?,
        sentences,
    };
    Ok(page.render()?)
}

fn facts(citations: &Citations) -> Vec<(&'static str, String)> {
    let untested = citations.untested.iter().filter_map(|&source| Some(one_line(&citations.sources.get(source)?.name)));
    let untested: Vec<String> = untested.collect();
    let facts = [
        ("Model", one_line(&citations.model)),
        ("Method", one_line(&citations.method)),
        ("Sources", citations.sources.len().to_string()),
        ("Not tested", untested.join(", ")),
        ("Forwards", citations.forwards.to_string()),
    ];
    facts.into_iter().filter(|(_, fact)| !fact.is_empty()).collect()
}

fn data<'c>(citations: &'c Citations, rule: &CitationRule) -> Data<'c> {
    let sentences = citations.sentences.iter().map(|sentence| SentenceData {
        text: one_line(&sentence.text),
        log_probability: sentence.log_probability,
        contextless_log_probability: sentence.contextless_log_probability,
        scores: &sentence.scores,
        below: (0..sentence.scores.len()).filter(|&source| sentence.scores[source].has_gain_below_zero()).collect(),
    });
    Data {
        sentences: sentences.collect(),
        sources: citations.sources.iter().map(|source| SourceData { name: one_line(&source.name) }).collect(),
        cited: citations.sentences.iter().map(|sentence| sentence.cited(rule)).collect(),
    }
}
