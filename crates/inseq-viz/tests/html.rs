//! The page: its structure, and that nothing in a text can become a part of it.

#[path = "../examples/gallery/samples.rs"]
#[allow(dead_code, reason = "each test file draws some of the samples")]
mod samples;

use base64::Engine as _;
use inseq_core::{AttributionKind, AttributionResult, SequenceAttribution, Token};
use inseq_viz::html::{HtmlOptions, render};
use inseq_viz::scale::Theme;
use inseq_viz::{View, ViewOptions};
use ndarray::Array2;
use proptest::prelude::*;
use scraper::{ElementRef, Html, Selector};
use sha2::{Digest as _, Sha256};

fn page(sequences: Vec<SequenceAttribution>) -> Html {
    Html::parse_document(&render(&samples::result(sequences), &HtmlOptions::default()).unwrap())
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    all(page, selector).iter().map(|element| element.text().collect()).collect()
}

fn data(page: &Html) -> serde_json::Value {
    serde_json::from_str(&texts(page, "script#data")[0]).unwrap()
}

/// What the page knows of a text.
fn text_data(page: &Html, index: usize) -> serde_json::Value {
    serde_json::from_str(&texts(page, &format!("script[data-text='{index}']"))[0]).unwrap()
}

/// Scores as the page's script reads them.
fn scores(value: &serde_json::Value) -> Vec<f32> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap();
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn same(one: &[f32], other: &[f32]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan())
}

#[test]
fn the_page_parses_without_errors() {
    let page = page(vec![samples::french(), samples::arabic(), samples::hostile(), samples::heads()]);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
}

#[test]
fn every_text_can_be_read_without_a_script() {
    // The parser takes scripts to be on, and so what stands in their place to be text.
    let page = page(vec![samples::french(), samples::hostile()]);
    let place: String = texts(&page, "noscript").concat();
    let place = Html::parse_fragment(&place);
    assert_eq!(
        texts(&place, "p.plain"),
        [
            "The tired nurse said that she was late. → L'infirmière fatiguée a dit qu'elle était en retard.",
            &texts(&place, "p.plain")[1]
        ]
    );
    assert!(texts(&place, "p.plain")[1].contains("<script>alert(1)</script>"));
    assert!(all(&place, "script").is_empty());
}

#[test]
fn right_to_left_text_runs_from_the_right() {
    let text = text_data(&page(vec![samples::arabic()]), 0);
    assert_eq!(text["passages"][1]["direction"], "rtl");
    assert_eq!(text["passages"][0]["direction"], "ltr");
}

#[test]
fn a_decoder_only_text_is_prompt_and_continuation() {
    let mut attribution = samples::french();
    attribution.source.clear();
    attribution.source_attributions = None;
    attribution.attr_pos_start = 5;
    let columns = attribution.target_attributions.take().unwrap();
    attribution.target_attributions = Some(columns.slice(ndarray::s![.., 4..]).to_owned().into_dyn());
    attribution.step_scores.clear();
    let page = page(vec![attribution]);
    let text = text_data(&page, 0);
    assert_eq!(text["passages"][0]["heading"], "Prompt");
    assert_eq!([&text["passages"][0]["first"], &text["passages"][0]["last"]], [0, 5]);
    assert_eq!([&text["passages"][1]["first"], &text["passages"][1]["last"]], [5, 15]);
    assert_eq!(data(&page)["summaries"][0]["given"], "L'infirmière fatiguée");
    assert_eq!(data(&page)["summaries"][0]["written"], "a dit qu'elle était en retard.");
}

#[test]
fn the_policy_allows_the_page_itself_and_nothing_else() {
    let page = page(vec![samples::french(), samples::heads()]);
    let policy = all(&page, "meta[http-equiv=Content-Security-Policy]")[0].attr("content").unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    for text in [texts(&page, "style"), texts(&page, "script:not([type])")].concat() {
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
        assert!(policy.contains(&format!("'sha256-{digest}'")), "{policy}");
    }
    assert!(all(&page, "[style], [onclick], [src], img, iframe, object, link:not([rel=icon])").is_empty());
}

#[test]
fn hostile_tokens_stay_text() {
    let mut result = samples::result(vec![samples::hostile()]);
    result.info.model_name = Some("</dd><script>alert(2)</script>".into());
    result.info.other.insert("note".into(), "</script><!-- \u{2028}".into());
    let view = ViewOptions::default().title("</title><script>alert(3)</script>");
    let page = render(&result, &HtmlOptions::default().view(view)).unwrap();
    assert!(!page.contains('\u{1b}') && !page.contains('\u{7}') && !page.contains('\u{202e}'));
    let page = Html::parse_document(&page);
    assert_eq!(all(&page, "script").len(), 3, "the data, the text and the page's own");
    assert_eq!(texts(&page, "title"), ["</title><script>alert(3)</script>"]);
    assert!(texts(&page, ".facts dd").contains(&"</dd><script>alert(2)</script>".to_owned()));
    assert_eq!(data(&page)["info"]["note"], "</script><!-- \u{2028}");
    let text = text_data(&page, 0);
    assert_eq!(text["target"]["text"][2], "</script><!--");
    assert_eq!(text["source"]["text"][1], "\u{1b}[2J", "what is downloaded is the text itself");
    assert_eq!(text["source"]["shown"]["1"], "\\u{1b}[2J", "what is shown is safe");
}

#[test]
fn the_data_is_the_result() {
    let attribution = samples::french();
    let text = text_data(&page(vec![attribution.clone()]), 0);
    assert_eq!(text["attr_pos_start"], 1);
    assert_eq!(text["axes"], serde_json::json!([]));
    let flat = |scores: &Option<ndarray::ArrayD<f32>>| scores.as_ref().unwrap().iter().copied().collect::<Vec<_>>();
    assert!(same(&scores(&text["source_attributions"]), &flat(&attribution.source_attributions)));
    assert!(same(&scores(&text["target_attributions"]), &flat(&attribution.target_attributions)));
    assert!(same(&scores(&text["step_scores"]["entropy"]), attribution.step_scores["entropy"].as_slice().unwrap()));
}

#[test]
fn layers_and_heads_come_along_as_far_as_there_is_room() {
    let result = samples::result(vec![samples::heads()]);
    let at = |budget| {
        let page = render(&result, &HtmlOptions::default().budget(budget)).unwrap();
        text_data(&Html::parse_document(&page), 0)
    };
    let whole = at(32 << 20);
    assert_eq!(whole["axes"], serde_json::json!([{"name": "layer", "length": 4}, {"name": "head", "length": 6}]));
    let numbers = 14 * (10 + 15);
    assert_eq!(scores(&whole["source_attributions"]).len() + scores(&whole["target_attributions"]).len(), numbers * 24);
    let layers = at(numbers * 24 * 16 / 3 - 1);
    assert_eq!(layers["axes"], serde_json::json!([{"name": "layer", "length": 4}]));
    let coarse = at(0);
    assert_eq!(coarse["axes"], serde_json::json!([]));
    let aggregated = samples::heads().aggregate().unwrap().source_attributions.unwrap();
    assert!(same(&scores(&coarse["source_attributions"]), &aggregated.iter().copied().collect::<Vec<_>>()));
}

#[test]
fn options_are_heeded() {
    let view = ViewOptions::default().max_value(2.0).view(View::Links);
    let options = HtmlOptions::default().theme(Theme::Dark).contributors(3).view(view);
    let page = Html::parse_document(&render(&samples::result(vec![samples::french()]), &options).unwrap());
    assert_eq!(all(&page, "html")[0].attr("data-theme"), Some("dark"));
    let data = data(&page);
    assert_eq!((&data["range"]["max"], &data["range"]["min"]), (&2.0.into(), &serde_json::Value::Null));
    assert_eq!((&data["contributors"], &data["view"]), (&3.into(), &"links".into()));
    assert_eq!(all(&page, ".list").len(), 0, "one text needs no list");
}

#[test]
fn what_cannot_be_drawn_is_an_error_or_said() {
    let mut granular = samples::french();
    granular.kind = AttributionKind::Granular;
    let error = render(&samples::result(vec![samples::french(), granular]), &HtmlOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("text 2: "), "{error}");
    let view = ViewOptions::default().min_value(2.0).max_value(1.0);
    let options = HtmlOptions::default().view(view);
    assert!(render(&samples::result(vec![samples::french()]), &options).is_err());
    let error = render(&AttributionResult::default(), &HtmlOptions::default()).unwrap_err().to_string();
    assert_eq!(error, "there is nothing to draw: the result has no texts");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_token_comes_back_as_text(tokens in prop::collection::vec(any::<String>(), 1..6), title in any::<String>()) {
        let attribution = SequenceAttribution {
            source: tokens.iter().map(|text| Token::new(text.clone(), 1)).collect(),
            target: vec![Token::new("<pad>", 0), Token::new("x", 1)],
            source_attributions: Some(Array2::from_elem((tokens.len(), 1), 0.5).into_dyn()),
            target_attributions: None,
            step_scores: Default::default(),
            sequence_scores: Default::default(),
            attr_pos_start: 1,
            attr_pos_end: 2,
            kind: AttributionKind::Coarse,
            ..SequenceAttribution::default()
        };
        let options = HtmlOptions::default().view(ViewOptions::default().title(title));
        let page = Html::parse_document(&render(&samples::result(vec![attribution]), &options).unwrap());
        prop_assert_eq!(all(&page, "script").len(), 3);
        let text = text_data(&page, 0);
        for (index, token) in tokens.iter().enumerate() {
            prop_assert_eq!(&text["source"]["text"][index], token);
        }
    }
}
