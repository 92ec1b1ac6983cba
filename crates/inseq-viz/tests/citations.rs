//! The page of an answer with its sources.

use inseq_core::{CitationRule, Citations, CitedSentence, CitedSource, SourceScore};
use inseq_viz::html::{CitationsOptions, render_citations};
use inseq_viz::scale::Theme;
use scraper::{Html, Selector};

fn citations() -> Citations {
    let score = |score: f64| SourceScore { score, confidence: Some(0.5), gain: None };
    let sentence = |text: &str, span, scores: [f64; 3]| CitedSentence {
        text: text.into(),
        span,
        log_probability: -1.0,
        scores: scores.map(score).to_vec(),
        ..CitedSentence::default()
    };
    let source =
        |name: &str, text: &str| CitedSource { name: name.into(), text: text.into(), span: (0, 1), message: None };
    Citations {
        model: "a model".into(),
        answer: "Été <b>!\nNo. \u{202e}End".into(),
        sentences: vec![sentence("Été <b>!", (0, 8), [0.1, 2.0, 1.5]), sentence("No.", (9, 12), [3.0, 0.0, -1.0])],
        sources: vec![source("a.txt", "one"), source("b</script>", "two\u{1b}[31m"), source("c", "three")],
        contextless_answer: Some("Nothing.".into()),
        ..Citations::default()
    }
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    page.select(&Selector::parse(selector).unwrap()).map(|element| element.text().collect()).collect()
}

#[test]
fn the_answer_has_numbers_that_lead_to_sources() {
    let options = CitationsOptions::default().rule(CitationRule::default().most(2)).theme(Theme::Dark);
    let text = render_citations(&citations(), &options.title("Who <i>?")).unwrap();
    let page = Html::parse_document(&text);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    assert_eq!(texts(&page, ".sentence"), ["Été <b>!", "No."]);
    assert_eq!(texts(&page, "#passages .flow"), ["Été <b>![1][2]\nNo.[3] \u{fffd}End", "Nothing."]);
    let cited = Selector::parse("a.cite").unwrap();
    let links = page.select(&cited).map(|link| link.attr("href").unwrap().to_owned());
    assert_eq!(links.collect::<Vec<_>>(), ["#source-1", "#source-2", "#source-0"]);
    assert_eq!(texts(&page, ".source .cited"), ["[3]", "[1]", "[2]"]);
    assert_eq!(texts(&page, ".source p"), ["one", "two\u{fffd}[31m", "three"]);
    assert_eq!(texts(&page, "h1"), ["Who <i>?"]);
    assert!(text.contains("data-theme=\"dark\""));
    let data = texts(&page, "#data").concat();
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!(data["cited"], serde_json::json!([[1, 2], [0]]));
    assert_eq!(data["sources"][1]["name"], "b</script>");
}

#[test]
fn long_sources_are_folded_and_reached_by_keyboard() {
    let mut long = citations();
    long.sources[1].text = "A long source. ".repeat(40);
    let page = Html::parse_document(&render_citations(&long, &CitationsOptions::default()).unwrap());
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    assert_eq!(texts(&page, "button.name"), ["a.txt", "b</script>", "c"]);
    let folded = texts(&page, ".source details summary");
    assert!(folded.len() == 1 && folded[0].starts_with("A long source.") && folded[0].ends_with('…'), "{folded:?}");
    assert_eq!(texts(&page, "#source-1 details p"), [long.sources[1].text.clone()]);
}

#[test]
fn a_page_without_citations_has_the_answer() {
    let page = Html::parse_document(&render_citations(&Citations::default(), &CitationsOptions::default()).unwrap());
    assert!(page.errors.is_empty() && texts(&page, ".sentence").is_empty());
    assert_eq!(texts(&page, "h1"), ["What each sentence rests on"]);
}

#[test]
fn a_gain_below_zero_has_a_mark() {
    let mut below = citations();
    below.sentences[0].scores[2].gain = Some(-0.2);
    let page = Html::parse_document(&render_citations(&below, &CitationsOptions::default()).unwrap());
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    assert_eq!(texts(&page, "a.cite"), ["[1]", "[2!]", "[3]"]);
    let cited = Selector::parse("a.cite").unwrap();
    let labels: Vec<_> = page.select(&cited).map(|link| link.attr("aria-label").unwrap()).collect();
    assert_eq!(labels, ["Source 1", "Source 2, gain below zero", "Source 3"]);
    assert_eq!(texts(&page, "#legend"), [inseq_core::GAIN_BELOW_ZERO]);
    let without = Html::parse_document(&render_citations(&citations(), &CitationsOptions::default()).unwrap());
    assert!(texts(&without, "#legend").is_empty());
}

#[test]
fn a_long_title_is_folded_and_a_text_of_nothing_says_so() {
    let mut empty = citations();
    empty.sources[0].text = " \n".into();
    empty.contextless_answer = Some(String::new());
    let title = "Who was late, and why was she late? ".repeat(20);
    let page =
        Html::parse_document(&render_citations(&empty, &CitationsOptions::default().title(title.as_str())).unwrap());
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    let heading = texts(&page, "h1").concat();
    assert!(
        heading.starts_with("Who was late") && heading.ends_with('…') && heading.chars().count() <= 101,
        "{heading}"
    );
    assert_eq!(texts(&page, ".whole-title p"), [title]);
    assert_eq!(texts(&page, "#source-0 p"), ["(no text)"]);
    assert_eq!(texts(&page, "#passages .aside .flow"), ["(no text)"]);
}
