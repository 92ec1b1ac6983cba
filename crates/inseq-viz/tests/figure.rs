//! Pictures for a paper: what they show, that nothing in a token becomes a part of them, and that they can be drawn.

#[path = "../examples/gallery/samples.rs"]
#[allow(dead_code, reason = "each test file draws some of the samples")]
mod samples;

use inseq_core::{Citations, SequenceAttribution};
use inseq_viz::figure::{FigureOptions, png, svg, tex};
use inseq_viz::scale::{Scale, Theme};
use inseq_viz::{Error, View, ViewOptions};
use scraper::{ElementRef, Html, Selector};

fn viewed(view: View) -> FigureOptions {
    FigureOptions::default().view(ViewOptions::default().view(view))
}

fn picture(sequence: SequenceAttribution, options: &FigureOptions) -> Html {
    let svg = svg(&samples::result(vec![sequence]), options).unwrap();
    let page = Html::parse_document(&format!("<!doctype html>{svg}"));
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    page
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn hex(color: inseq_viz::scale::Rgb) -> String {
    format!("#{:02x}{:02x}{:02x}", color.0, color.1, color.2)
}

#[test]
fn every_score_is_a_cell_of_its_color() {
    let mut attribution = samples::french();
    attribution.step_scores.clear();
    let scores = || {
        let sides = [&attribution.source_attributions, &attribution.target_attributions];
        sides.into_iter().flatten().flat_map(|scores| scores.iter().copied()).filter(|score| !score.is_nan())
    };
    let scale = Scale::fitting(scores(), None, None).unwrap();
    for theme in [Theme::Light, Theme::Dark] {
        let options = viewed(View::Matrix).theme(theme).show_values(false);
        let page = picture(attribution.clone(), &options);
        let cells: Vec<String> =
            all(&page, "rect[width='11.15']").iter().map(|cell| cell.attr("fill").unwrap().to_owned()).collect();
        let palette = scale.palette(theme);
        let expected: Vec<String> = scores().map(|score| hex(palette.at(scale.position(score).unwrap()))).collect();
        assert_eq!(cells, expected);
    }
}

#[test]
fn text_is_outlines_of_fonts_that_are_there() {
    for sample in [samples::french(), samples::arabic(), samples::hostile()] {
        let page = picture(sample, &viewed(View::Matrix));
        assert!(all(&page, "text, script, image, foreignobject, style").is_empty());
        let outlines = all(&page, "defs path");
        assert!(outlines.len() > 20);
        for glyph in all(&page, "use") {
            let name =
                glyph.value().attrs.iter().find(|(name, _)| &*name.local == "href").unwrap().1.trim_start_matches('#');
            assert!(outlines.iter().any(|path| path.attr("id") == Some(name)), "{name}");
        }
    }
}

#[test]
fn a_title_is_text() {
    let mut result = samples::result(vec![samples::french()]);
    result.info.model_name = Some("</title><script>alert(1)</script>".into());
    let svg = svg(&result, &viewed(View::Matrix)).unwrap();
    assert!(!svg.contains("<script>"));
    let page = Html::parse_document(&svg);
    assert!(all(&page, "title")[0].text().collect::<String>().contains("</title><script>alert(1)</script>"));
}

#[test]
fn every_view_is_drawn_in_every_format() {
    for view in [View::Matrix, View::Tokens, View::Links, View::Pair] {
        let texts =
            if view == View::Pair { vec![samples::french(), samples::signed()] } else { vec![samples::japanese()] };
        let result = samples::result(texts);
        let options = viewed(view).pixels(1.0);
        let image = png(&result, &options).unwrap();
        assert!(image.starts_with(b"\x89PNG\r\n\x1a\n"));
        // IHDR: width and height, big-endian.
        let length = |at: usize| u32::from_be_bytes(image[at..at + 4].try_into().unwrap());
        let svg = svg(&result, &options).unwrap();
        let page = Html::parse_document(&svg);
        let points = |name| all(&page, "svg")[0].attr(name).unwrap().trim_end_matches("pt").parse::<f32>().unwrap();
        assert_eq!((length(16) as f32, length(20) as f32), (points("width"), points("height")), "{view:?}");
        let tex = tex(&result, &options).unwrap();
        assert!(tex.contains("\\begin{tikzpicture}") && tex.ends_with("\\end{tikzpicture}\n\\endgroup\n"));
    }
}

#[test]
fn links_lead_from_row_to_column() {
    let attribution = samples::french();
    let page = picture(attribution.clone(), &viewed(View::Links));
    let links = all(&page, "path[stroke-width]");
    // As many as there are scores of a tenth of the largest at least.
    let scores: Vec<f32> = [attribution.source_attributions, attribution.target_attributions]
        .into_iter()
        .flatten()
        .flat_map(|scores| scores.into_iter())
        .filter(|score| !score.is_nan())
        .collect();
    let largest = scores.iter().copied().fold(0.0, f32::max);
    let strong = scores.iter().filter(|&&score| score / largest >= 0.1).count();
    assert_eq!(links.len(), strong);
}

#[test]
fn tex_sets_tokens_as_text() {
    let tex = tex(&samples::result(vec![samples::hostile()]), &viewed(View::Matrix)).unwrap();
    assert!(tex.contains("\\textless{}script\\textgreater{}alert(1)\\textless{}/script\\textgreater{}"), "{tex}");
    assert!(!tex.contains('\u{1b}'));
    let depth = tex.chars().fold(0_i32, |depth, character| match character {
        '{' => depth + 1,
        '}' => depth - 1,
        _ => depth,
    });
    assert_eq!(depth, tex.matches("\\{").count() as i32 - tex.matches("\\}").count() as i32, "braces pair up");
}

#[test]
fn a_picture_that_is_too_large_is_refused() {
    let options = viewed(View::Matrix).pixels(100.0);
    assert!(matches!(png(&samples::result(vec![samples::german()]), &options), Err(Error::TooLarge { .. })));
}

/// The texts of a TikZ picture, in their order.
fn texts(tex: &str) -> Vec<String> {
    let nodes = tex.lines().filter(|line| line.starts_with("\\node"));
    let text = |line: &str| line.rsplit_once(") {").map(|(_, text)| text.trim_end_matches("};").to_owned());
    nodes.filter_map(text).collect()
}

#[test]
fn a_context_is_colored_by_its_scores() {
    let context = samples::context();
    let texts = texts(&tex(&context, &FigureOptions::default()).unwrap()).concat();
    for part in [
        "Output",
        "sensitivity\\ to\\ the\\ context",
        "\\#2\\ fatiguée",
        "1.50\\ instead\\ of\\ perdue",
        "nurse.60",
        "she1.20",
    ] {
        assert!(texts.contains(part), "{part} in {texts}");
    }
    assert!(!texts.contains(".02"), "a score that does not stand out has no number");
    // A token has the colour of its score: 1.2 is the largest of its context, and the largest sensitivity is 2.25.
    let svg = svg(&context, &FigureOptions::default()).unwrap();
    let top = |palette: inseq_viz::scale::Palette| hex(palette.at(1.0));
    let scale = Scale::new(0.0, 1.0).unwrap();
    for color in [top(scale.palette(Theme::Light)), top(scale.step_score_palette(Theme::Light))] {
        assert!(svg.matches(&color).count() >= 2, "{color}: a ramp and a token");
    }
    let mut nothing = context;
    nothing.cci_scores.clear();
    nothing.cti_scores = vec![1.0, 1.0, 1.0, 1.0, 1.25];
    let options = FigureOptions::default();
    nothing.info.as_mut().unwrap().arguments.insert("context_sensitivity_std_threshold".into(), 9.0.into());
    assert!(self::texts(&tex(&nothing, &options).unwrap()).concat().contains("no\\ token\\ of\\ the\\ output"));
}

#[test]
fn citations_have_numbers_scores_and_texts() {
    let citations = samples::citations();
    let words = texts(&tex(&citations, &FigureOptions::default()).unwrap());
    let all = words.concat();
    for part in [
        "late.[1]",
        "[2][3]",
        "Without\\ the\\ sources:\\ I\\ do\\ not\\ know.",
        "[1]\\ report.txt",
        "[3]\\ rota.txt",
        "without\\ sources",
    ] {
        assert!(all.contains(part), "{part} in {all}");
    }
    assert!(!all.contains("weather\\_log.md"), "nothing rests on it");
    // A score of each cited source for each sentence, of which the largest ends the scale, and two log-probabilities of each sentence.
    for (score, count) in [("4.10", 2), ("3.20", 1), ("-2.50", 3), ("-7.25", 3)] {
        let score = score.replace('-', "\\char45{}");
        assert_eq!(
            words
                .iter()
                .filter(|text| **text == score || **text == score.replace("\\char45{}", "\\ensuremath{-}"))
                .count(),
            count,
            "{score}"
        );
    }
    let none = Citations { sentences: Vec::new(), ..citations };
    assert!(texts(&tex(&none, &FigureOptions::default()).unwrap()).concat().contains("No\\ source\\ has\\ a\\ score"));
}
