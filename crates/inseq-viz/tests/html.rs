//! The page: its structure, and that nothing in a text can become a part of it.

#[path = "../examples/gallery/samples.rs"]
#[allow(dead_code, reason = "each test file draws some of the samples")]
mod samples;

use base64::Engine as _;
use inseq_core::{AttributionKind, AttributionResult, SequenceAttribution, Token};
use inseq_viz::html::{HtmlOptions, render};
use inseq_viz::scale::Theme;
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

#[test]
fn the_page_parses_without_errors() {
    let page = page(vec![samples::french(), samples::arabic(), samples::hostile()]);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
}

#[test]
fn the_matrix_is_a_table_with_heads_and_scores() {
    let attribution = samples::french();
    let page = page(vec![attribution.clone()]);
    let spelled = |tokens: &[Token]| tokens.iter().map(|token| token.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&page, "thead th[scope=col]"), spelled(&attribution.target[1..]));
    assert_eq!(texts(&page, "tbody.source th[scope=row]"), spelled(&attribution.source));
    // The last target token is seen by no step, so it has no row.
    assert_eq!(texts(&page, "tbody.target th[scope=row]"), spelled(&attribution.target[..14]));
    assert_eq!(texts(&page, "tbody.steps th[scope=row]"), ["probability", "entropy"]);
    let scores = attribution.source_attributions.unwrap();
    let cells = texts(&page, "tbody.source td");
    assert_eq!(cells.len(), 10 * 14);
    for (cell, score) in cells.iter().zip(scores.iter()) {
        assert!((cell.parse::<f32>().unwrap() - score).abs() <= 0.005 + 1e-6, "{cell} {score}");
    }
    // Below the diagonal nothing is known, and nothing is shown.
    assert_eq!(texts(&page, "tbody.target td").iter().filter(|cell| cell.is_empty()).count(), 13 * 14 / 2);
    assert_eq!(all(&page, "tbody.target td:not([class])").len(), 13 * 14 / 2);
}

#[test]
fn the_strongest_score_has_the_strongest_color() {
    let page = page(vec![samples::french(), samples::signed()]);
    let strongest = |selector: &str| {
        let cells = all(&page, selector);
        let value = |cell: &ElementRef| cell.text().collect::<String>().parse::<f32>().unwrap().abs();
        let cell = cells.iter().max_by(|one, two| value(one).total_cmp(&value(two))).unwrap();
        cell.attr("class").unwrap().to_owned()
    };
    assert_eq!(strongest("#text-0 tbody.source td"), "s32");
    assert_eq!(strongest("#text-1 tbody.source td"), "d32");
}

#[test]
fn the_reading_view_has_every_token_and_its_step() {
    let page = page(vec![samples::french()]);
    assert_eq!(texts(&page, "#text-0 .source .flow"), ["The tired nurse said that she was late. </s>"]);
    assert_eq!(
        texts(&page, "#text-0 .generated .flow"),
        ["<pad> L'infirmière fatiguée a dit qu'elle était en retard. </s>"]
    );
    let options = all(&page, "[role=listbox] [role=option]");
    let steps: Vec<String> = options.iter().map(|option| option.attr("data-step").unwrap().to_owned()).collect();
    assert_eq!(steps, (0..14).map(|step| step.to_string()).collect::<Vec<_>>());
    assert_eq!(options.iter().filter(|option| option.attr("tabindex") == Some("0")).count(), 1);
}

#[test]
fn right_to_left_text_runs_from_the_right() {
    let page = page(vec![samples::arabic()]);
    assert_eq!(all(&page, ".generated .flow")[0].attr("dir"), Some("rtl"));
    assert_eq!(all(&page, ".source .flow")[0].attr("dir"), Some("ltr"));
    assert!(
        all(&page, "thead th > span, tbody.source th[scope=row] > span")
            .iter()
            .all(|label| label.attr("dir") == Some("auto"))
    );
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
    assert_eq!(texts(&page, ".prompt .flow"), ["<pad> L'infirmière fatiguée"]);
    assert_eq!(texts(&page, ".generated .flow"), ["a dit qu'elle était en retard. </s>"]);
    assert!(all(&page, ".prompt [role=option]").is_empty());
    assert_eq!(texts(&page, "tr.group"), ["Text so far"]);
}

#[test]
fn the_policy_allows_the_page_itself_and_nothing_else() {
    let page = page(vec![samples::french()]);
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
    result.info.insert("model_name".into(), "</dd><script>alert(2)</script>".into());
    result.info.insert("note".into(), "</script><!-- \u{2028}".into());
    let options = HtmlOptions { title: Some("</title><script>alert(3)</script>".into()), ..HtmlOptions::default() };
    let page = Html::parse_document(&render(&result, &options).unwrap());
    assert_eq!(all(&page, "script").len(), 2, "the data and the page's own");
    assert_eq!(texts(&page, "title"), ["</title><script>alert(3)</script>"]);
    assert!(texts(&page, "thead th").contains(&"</script><!--".to_owned()));
    assert!(texts(&page, ".facts dd").contains(&"</dd><script>alert(2)</script>".to_owned()));
    let visible: String = texts(&page, "body").concat();
    assert!(
        !visible.chars().any(|character| matches!(character, '\u{1b}' | '\u{7}' | '\u{202e}')),
        "control characters are shown, not used"
    );
    let data = data(&page);
    assert_eq!(data["info"]["note"], "</script><!-- \u{2028}");
    assert_eq!(data["texts"][0]["target"][2]["token"], "</script><!--");
    assert_eq!(data["texts"][0]["source"][1]["token"], "\u{1b}[2J", "what is downloaded is the text itself");
}

#[test]
fn the_data_is_the_result() {
    let attribution = samples::french();
    let data = data(&page(vec![attribution.clone()]));
    let text = &data["texts"][0];
    assert_eq!(text["attr_pos_start"], 1);
    let scores = attribution.source_attributions.unwrap();
    for ((row, step), &score) in scores.into_dimensionality::<ndarray::Ix2>().unwrap().indexed_iter() {
        assert_eq!(text["source_attributions"][row][step].as_f64().unwrap() as f32, score);
    }
    assert!(text["target_attributions"][5][0].is_null());
    assert_eq!(text["step_scores"]["entropy"].as_array().unwrap().len(), 14);
}

#[test]
fn options_are_heeded() {
    let options =
        HtmlOptions { theme: Some(Theme::Dark), max_value: Some(2.0), contributors: 3, ..HtmlOptions::default() };
    let page = Html::parse_document(&render(&samples::result(vec![samples::french()]), &options).unwrap());
    assert_eq!(all(&page, "html")[0].attr("data-theme"), Some("dark"));
    assert_eq!(texts(&page, ".legend > span:last-child"), ["2.00"]);
    assert_eq!(data(&page)["contributors"], 3);
    assert_eq!(all(&page, ".picker").len(), 0, "one text needs no list");
}

#[test]
fn what_cannot_be_drawn_is_an_error_or_said() {
    let mut granular = samples::french();
    granular.kind = AttributionKind::Granular;
    let error = render(&samples::result(vec![samples::french(), granular]), &HtmlOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("text 1: a picture needs one score a token"), "{error}");
    let empty = Html::parse_document(&render(&AttributionResult::default(), &HtmlOptions::default()).unwrap());
    assert_eq!(texts(&empty, "main .hint"), ["There are no texts in this result."]);
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
        };
        let options = HtmlOptions { title: Some(title), ..HtmlOptions::default() };
        let page = Html::parse_document(&render(&samples::result(vec![attribution]), &options).unwrap());
        prop_assert_eq!(all(&page, "script").len(), 2);
        prop_assert_eq!(all(&page, "tbody.source th[scope=row]").len(), tokens.len());
        let data = data(&page);
        for (index, token) in tokens.iter().enumerate() {
            prop_assert_eq!(&data["texts"][0]["source"][index]["token"], token);
        }
    }
}
