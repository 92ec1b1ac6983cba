//! Pictures of the influence of a context.

use inseq_core::{ContextAttribution, ContextCues, ContextInfo};
use inseq_viz::html::{self, HtmlOptions};
use inseq_viz::scale::Theme;
use inseq_viz::terminal::{self, ColorSupport, TerminalOptions};
use scraper::{Html, Selector};
use serde_json::json;

fn tokens(text: &str) -> Vec<String> {
    text.split(' ')
        .enumerate()
        .map(|(index, word)| if index > 0 { format!("Ġ{word}") } else { word.to_owned() })
        .collect()
}

/// An output of three tokens, of which the last one depends on `sick` in one context and on `wrong` in the other.
fn attribution() -> ContextAttribution {
    let arguments = json!({
        "context_sensitivity_metric": "kl_divergence",
        "attribution_method": "saliency",
        "attributed_fn": "contrast_prob_diff",
        "input_current_text": "His colleagues asked him to come",
        "attribution_std_threshold": 1.0,
        "attribution_topk": null,
    });
    ContextAttribution {
        input_context: Some("George was sick".into()),
        input_context_tokens: Some(tokens("George was sick")),
        output_context: Some("something is wrong".into()),
        output_context_tokens: Some(tokens("something is wrong")),
        output_current: "to the hospital".into(),
        output_current_tokens: tokens("to the hospital"),
        cti_scores: vec![0.1, 0.2, 0.9],
        cci_scores: vec![ContextCues {
            cti_idx: 2,
            cti_token: "Ġhospital".into(),
            cti_score: 0.9,
            contrast_token: Some("Ġoffice".into()),
            input_context_scores: Some(vec![0.1, 0.1, 0.8]),
            output_context_scores: Some(vec![0.1, 0.1, 0.7]),
            ..ContextCues::default()
        }],
        info: Some(ContextInfo { arguments: arguments.as_object().cloned().unwrap(), ..ContextInfo::default() }),
    }
}

fn elements<'a>(page: &'a Html, selector: &str) -> Vec<scraper::ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

#[test]
fn a_terminal_shows_what_stands_out() {
    let picture = terminal::render_context(&attribution(), &TerminalOptions::default()).unwrap();
    for line in [
        "1 of 3 output tokens are context-sensitive by kl_divergence: at least 0.84 (mean",
        "contextual cues by saliency of contrast_prob_diff (mean + 1 std)",
        "→ to the hospital(.90)",
        "#1 hospital  0.90 instead of office",
        "  George was sick(.80)",
        "  something is wrong(.70)",
    ] {
        assert!(picture.lines().any(|found| found.replace('Ġ', "▁") == line), "{line} in\n{picture}");
    }
    let colored = TerminalOptions::default().colors(ColorSupport::TrueColor);
    assert!(terminal::render_context(&attribution(), &colored).unwrap().contains('\u{1b}'));
}

#[test]
fn a_page_leads_from_tokens_to_their_cues() {
    let page = html::render_context(&attribution(), &HtmlOptions::default().theme(Theme::Dark)).unwrap();
    let page = Html::parse_document(&page);
    assert_eq!(page.errors, Vec::<String>::new());
    let link = &elements(&page, "#output a.token")[..];
    let [link] = link else { panic!("{link:?}") };
    assert_eq!(link.attr("href"), Some("#cue-1"));
    assert_eq!(link.text().collect::<String>(), "hospital (0.90)");
    let cue = elements(&page, "#cue-1")[0];
    assert!(cue.text().collect::<String>().contains("instead of office"));
    let marks: Vec<String> = elements(&page, "#cue-1 mark").iter().map(|mark| mark.text().collect()).collect();
    assert_eq!(marks, ["sick (0.80)", "wrong (0.70)"]);
    assert_eq!(elements(&page, "details[open]").len(), 2);
    assert_eq!(elements(&page, "html")[0].attr("data-theme"), Some("dark"));
    assert_eq!(elements(&page, "script").len(), 1, "that of the theme");
}

#[test]
fn long_texts_are_folded() {
    let mut long = attribution();
    long.input_context = Some("George was sick\n".repeat(50));
    long.input_context_tokens = Some(tokens(&"George was sick ".repeat(50)));
    long.cci_scores[0].input_context_scores = Some((0..151).map(|index| if index == 2 { 0.8 } else { 0.01 }).collect());
    let page = html::render_context(&long, &HtmlOptions::default()).unwrap();
    let page = Html::parse_document(&page);
    assert_eq!(elements(&page, "#cue-1 details[open]").len(), 1, "the other context is short");
    let folded: Vec<String> =
        elements(&page, "#cue-1 summary").iter().map(|summary| summary.text().collect()).collect();
    assert_eq!(folded[0], "Input context: sick 0.80");
    assert_eq!(elements(&page, "section > details").len(), 1 + 2, "the text itself, and the contexts of the token");
}

#[test]
fn texts_are_not_markup() {
    let mut hostile = attribution();
    hostile.output_current_tokens[0] = "<script>alert(1)</script>\u{202e}".into();
    hostile.input_context = Some("<b>\u{202e}</b>".into());
    let page = html::render_context(&hostile, &HtmlOptions::default()).unwrap();
    assert!(!page.contains("<script>alert") && !page.contains("<b>") && !page.contains('\u{202e}'));
    assert!(!terminal::render_context(&hostile, &TerminalOptions::default()).unwrap().contains('\u{202e}'));
}

#[test]
fn a_page_says_what_would_select_a_token() {
    let mut nothing = attribution();
    nothing.cci_scores.clear();
    nothing.info.as_mut().unwrap().arguments.insert("context_sensitivity_std_threshold".into(), json!(3.0));
    let page = Html::parse_document(&html::render_context(&nothing, &HtmlOptions::default()).unwrap());
    let hint = elements(&page, "#output .hint")[0].text().collect::<String>();
    // Mean 0.4, sample standard deviation 0.4359.
    for part in ["the threshold is 1.7077 (mean + 3", "\"Ġhospital\" with 0.9000", "of 1.14 selects it"] {
        assert!(hint.contains(part), "{part} in {hint}");
    }
}

#[test]
fn scores_that_do_not_fit_are_refused() {
    let mut wrong = attribution();
    wrong.cti_scores.pop();
    let error = html::render_context(&wrong, &HtmlOptions::default()).unwrap_err().to_string();
    assert!(error.contains("scores of a context") && error.contains("[3]"), "{error}");
}

#[test]
fn tokens_of_bytes_are_shown_as_text() {
    let mut bytes = attribution();
    bytes.output_current_tokens = ["it", "âĢ", "Ļ", "s", "ĠÃ©tÃ©"].map(str::to_owned).into();
    bytes.cti_scores = vec![0.1, 0.2, 0.9, 0.3, 0.8];
    let cues = |index: usize, contrast: &str| ContextCues {
        cti_idx: index,
        cti_token: bytes.output_current_tokens[index].clone(),
        contrast_token: Some(contrast.to_owned()),
        ..bytes.cci_scores[0].clone()
    };
    bytes.cci_scores = vec![cues(2, "âĢĻ"), cues(4, "Ã")];
    let picture = terminal::render_context(&bytes, &TerminalOptions::default()).unwrap();
    for line in ["#1 <0x99>  0.90 instead of ’", "#2 été  0.90 instead of <0xC3>"] {
        assert!(picture.contains(line), "{line} in {picture}");
    }
    let text = html::render_context(&bytes, &HtmlOptions::default()).unwrap();
    let page = Html::parse_document(&text);
    let names: Vec<String> = elements(&page, ".cue h2 bdi").iter().map(|element| element.text().collect()).collect();
    assert_eq!(names, ["<0x99>", "’", "été", "<0xC3>"]);
    for raw in ['Ġ', 'Ã', 'â'] {
        assert!(!picture.contains(raw) && !text.contains(raw), "{raw}");
    }
}
