//! The terminal heat map: what it looks like, and what never happens in it.

#[path = "../examples/gallery/samples.rs"]
#[allow(dead_code, reason = "each test file draws some of the samples")]
mod samples;

use inseq_core::{AttributionKind, AttributionResult, SequenceAttribution, Token};
use inseq_viz::scale::Theme;
use inseq_viz::terminal::{ColorSupport, TerminalOptions, render, render_sequence};
use inseq_viz::{Granular, Step, View, ViewOptions, Wrap};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

fn plain(width: usize) -> TerminalOptions {
    TerminalOptions::default().width(width)
}

fn tiny() -> SequenceAttribution {
    SequenceAttribution {
        source: vec![Token::new("▁Hi", 5), Token::new("</s>", 0)],
        target: vec![Token::new("<pad>", 1), Token::new("▁Salut", 7), Token::new("</s>", 0)],
        source_attributions: Some(array![[0.9, 0.2], [0.05, 0.3]].into_dyn()),
        target_attributions: Some(array![[0.05, 0.1], [f32::NAN, 0.4], [f32::NAN, f32::NAN]].into_dyn()),
        step_scores: [("probability".to_owned(), array![0.93, 0.4])].into_iter().collect(),
        sequence_scores: Default::default(),
        attr_pos_start: 1,
        attr_pos_end: 3,
        kind: AttributionKind::Coarse,
        ..SequenceAttribution::default()
    }
}

fn viewed(width: usize, view: ViewOptions) -> TerminalOptions {
    plain(width).view(view)
}

/// The same scores for each of three heads, the second one's doubled and the third one's turned.
fn with_heads(mut attribution: SequenceAttribution) -> SequenceAttribution {
    for scores in [&mut attribution.source_attributions, &mut attribution.target_attributions].into_iter().flatten() {
        let layers = [scores.clone(), scores.mapv(|score| 2.0 * score), scores.mapv(|score| -score)];
        let views: Vec<_> = layers.iter().map(|layer| layer.view().insert_axis(ndarray::Axis(2))).collect();
        *scores = ndarray::concatenate(ndarray::Axis(2), &views).unwrap();
    }
    attribution.kind = AttributionKind::MultiDimensional { dimensions: vec!["head".into()] };
    attribution
}

/// The picture without its styles; fails if anything but styles and line ends is left that a terminal would act on.
fn unstyled(picture: &str) -> String {
    let mut text = String::new();
    let mut rest = picture;
    while let Some(start) = rest.find('\u{1b}') {
        text.push_str(&rest[..start]);
        let sequence = rest[start..].strip_prefix("\u{1b}[").expect("only styles are escape sequences");
        let end = sequence.find(|character: char| !character.is_ascii_digit() && character != ';').expect("styles end");
        assert_eq!(sequence.as_bytes()[end], b'm', "only styles are escape sequences");
        rest = &sequence[end + 1..];
    }
    text.push_str(rest);
    assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
    assert!(!text.chars().any(|character| matches!(character, '\u{202a}'..='\u{202e}')), "{text:?}");
    text
}

#[test]
fn a_translation_without_colors() {
    insta::assert_snapshot!(render(&samples::result(vec![samples::french()]), &plain(80)).unwrap());
}

#[test]
fn wide_glyphs_keep_the_grid() {
    insta::assert_snapshot!(render_sequence(&samples::japanese(), &plain(100)).unwrap());
}

#[test]
fn right_to_left_text_is_isolated() {
    let picture = render_sequence(&samples::arabic(), &plain(100)).unwrap();
    for line in picture.lines().filter(|line| line.contains("قالت")) {
        assert!(line.starts_with('\u{200e}') && line.contains('\u{2068}') && line.contains('\u{2069}'), "{line:?}");
    }
    insta::assert_snapshot!(picture.escape_unicode_marks());
}

trait EscapeMarks {
    fn escape_unicode_marks(&self) -> String;
}

impl EscapeMarks for String {
    fn escape_unicode_marks(&self) -> String {
        self.replace('\u{200e}', "<lrm>").replace('\u{2068}', "<fsi>").replace('\u{2069}', "<pdi>")
    }
}

#[test]
fn true_and_indexed_colors() {
    let mut pictures = String::new();
    for (colors, theme) in [
        (ColorSupport::TrueColor, Theme::Dark),
        (ColorSupport::TrueColor, Theme::Light),
        (ColorSupport::Ansi256, Theme::Dark),
    ] {
        let options = plain(60).colors(colors).theme(theme);
        pictures.push_str(&format!(
            "{colors:?} {theme:?}\n{}",
            render_sequence(&tiny(), &options).unwrap().replace('\u{1b}', "␛")
        ));
    }
    insta::assert_snapshot!(pictures);
}

#[test]
fn tokens_cannot_reach_the_terminal_raw() {
    for colors in [ColorSupport::None, ColorSupport::TrueColor] {
        let options = plain(90).colors(colors).view(ViewOptions::default().title("a\u{1b}[31m\nb"));
        let text = unstyled(&render(&samples::result(vec![samples::hostile()]), &options).unwrap());
        for shown in ["\\u{1b}[2J", "a↵b", "\\u{202e}evil", "<script>", "a\\u{1b}[31m b"] {
            let beginning: String = shown.chars().take(6).collect();
            assert!(text.replace("…", "").contains(shown) || text.contains(&beginning), "{shown} in {text}");
        }
    }
}

#[test]
fn the_strongest_input_tokens_can_be_chosen() {
    let options = viewed(80, ViewOptions::default().top_tokens(2));
    let picture = render_sequence(&tiny(), &options).unwrap();
    // Strongest scores by row: ▁Hi 0.9, </s> 0.3, <pad> 0.1, ▁Salut 0.4.
    let rows: Vec<&str> = picture
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with("▁Hi") || line.starts_with("<pad>"))
        .collect();
    assert_eq!(rows.len(), 1, "{picture}");
    assert!(picture.contains("the 2 strongest of 4 input tokens"));
}

#[test]
fn a_text_is_coloured_by_its_influence_on_a_token() {
    let view = ViewOptions::default()
        .view(View::Tokens)
        .steps(vec![Step::Text("infirmière".into()), Step::Position(-2)])
        .highlight("probability");
    let result = samples::result(vec![samples::french()]);
    insta::assert_snapshot!(render(&result, &viewed(72, view.clone())).unwrap());
    let colored = viewed(72, view).colors(ColorSupport::TrueColor);
    let picture = render(&result, &colored).unwrap();
    // The strongest source token has the strongest colour of the whole text's scale, or near it.
    let scores = samples::french().source_attributions.unwrap();
    let (strongest, largest) = (scores[[2, 2]], scores.iter().copied().fold(0.0_f32, f32::max));
    let color = inseq_viz::scale::Scale::new(0.0, largest).unwrap();
    let ground = color.palette(Theme::Dark).at(color.position(strongest).unwrap());
    assert!(
        picture.contains(&format!("\u{1b}[48;2;{};{};{}mnurse\u{1b}[0m", ground.0, ground.1, ground.2)),
        "{picture:?}"
    );
    assert_eq!(unstyled(&picture).matches("→").count(), 1);
}

#[test]
fn tokens_are_replaced_and_lines_end_where_asked() {
    let view = |wrap| {
        ViewOptions::default()
            .view(View::Tokens)
            .steps(vec![Step::Position(0)])
            .replacements(vec![("▁".into(), String::new()), ("nurse".into(), "NURSE".into())])
            .wrap(wrap)
    };
    let lines = |wrap| -> Vec<String> {
        let result = samples::result(vec![samples::french()]);
        let picture = render(&result, &viewed(72, view(wrap))).unwrap();
        let heading = picture.lines().position(|line| line.starts_with("L  ")).unwrap();
        picture.lines().skip(heading + 1).take_while(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(lines(Wrap::Width)[0], "  The(.38) tired NURSE(.36) said that she was late. </s>");
    assert_eq!(lines(Wrap::Every(4))[..3], ["  The(.38) tired NURSE(.36) said", "  that she was late", "  . </s>"]);
    assert_eq!(
        lines(Wrap::After(vec!["that".into()]))[..2],
        ["  The(.38) tired NURSE(.36) said that", "  she was late. </s>"]
    );
}

#[test]
fn heads_of_a_score_stand_side_by_side() {
    let view = ViewOptions::default().view(View::Granular).steps(vec![Step::Position(0)]);
    insta::assert_snapshot!(render_sequence(&with_heads(tiny()), &viewed(60, view.clone())).unwrap());
    let sliced = Granular::default().slices(vec![("head".into(), 1..3)]);
    let picture = render_sequence(&with_heads(tiny()), &viewed(60, view.clone().granular(sliced))).unwrap();
    let row: Vec<&str> = picture.lines().find(|line| line.contains("▁Hi")).unwrap().split_whitespace().collect();
    assert_eq!(
        row,
        ["▁Hi", "█1.80", "▄-.90"],
        "the second head's score is twice the first one's 0.9, the third one's minus that"
    );
    let error = |granular: Granular| {
        render_sequence(&with_heads(tiny()), &viewed(60, view.clone().granular(granular))).unwrap_err().to_string()
    };
    let slices = |span| Granular::default().slices(vec![("head".into(), span)]);
    assert_eq!(error(slices(2..9)), "text 1: the slice 2:9 of `head` is empty or past its 3 entries");
    let missing = Granular::default().dimension("layer");
    assert_eq!(error(missing), "text 1: there is no axis `layer` to show; there are head (3)");
    let near = Granular::default().dimension("heads");
    assert!(error(near).ends_with("there are head (3) (did you mean `head`?)"));
    let coarse = render_sequence(&tiny(), &viewed(60, view)).unwrap_err().to_string();
    assert!(coarse.starts_with("text 1: there is one score per token"), "{coarse}");
}

#[test]
fn features_are_cut_and_layers_averaged() {
    // [source 2, step 2, feature 50] where feature f of every pair is f.
    let mut granular = tiny();
    granular.source_attributions =
        Some(ndarray::Array3::from_shape_fn((2, 2, 50), |(_, _, feature)| feature as f32).into_dyn());
    granular.target_attributions = None;
    granular.kind = AttributionKind::Granular;
    let view = ViewOptions::default().view(View::Granular).steps(vec![Step::Position(1)]);
    let picture = render_sequence(&granular, &viewed(200, view.clone())).unwrap();
    assert!(
        picture.contains("by feature (0–19 of 50)") && picture.contains("█19.0") && !picture.contains("20.0"),
        "{picture}"
    );
    // [.., layer 2, head 3]: head h of layer l is 10 l + h, whose mean over layers is 5 + h.
    let mut layered = granular.clone();
    let scores = ndarray::Array4::from_shape_fn((2, 2, 2, 3), |(_, _, layer, head)| (10 * layer + head) as f32);
    layered.source_attributions = Some(scores.into_dyn());
    layered.kind = AttributionKind::MultiDimensional { dimensions: vec!["layer".into(), "head".into()] };
    let heads = Granular::default().dimension("head");
    let picture = render_sequence(&layered, &viewed(100, view.granular(heads))).unwrap();
    assert!(picture.contains("by head, mean of 2 layers"), "{picture}");
    let row: Vec<&str> = picture.lines().find(|line| line.contains("▁Hi")).unwrap().split_whitespace().collect();
    assert_eq!(row, ["▁Hi", "▆5.00", "▇6.00", "█7.00"]);
}

#[test]
fn two_texts_are_compared() {
    let mut other = tiny();
    other.source[0] = Token::new("▁Hey", 6);
    other.source_attributions.as_mut().unwrap()[[0, 0]] = 0.5;
    let view = ViewOptions::default().view(View::Pair);
    let result = AttributionResult { sequences: vec![tiny(), other], ..AttributionResult::default() };
    insta::assert_snapshot!(render(&result, &viewed(60, view.clone())).unwrap());
    let odd = AttributionResult { sequences: vec![tiny()], ..AttributionResult::default() };
    assert!(
        render(&odd, &viewed(60, view.clone())).unwrap_err().to_string().starts_with("texts are compared two by two")
    );
    let unequal = AttributionResult { sequences: vec![tiny(), samples::french()], ..AttributionResult::default() };
    let error = render(&unequal, &viewed(60, view.clone())).unwrap_err().to_string();
    assert!(error.starts_with("A and B cannot be compared: "), "{error}");
    let sequences = vec![tiny(), tiny(), tiny(), samples::french()];
    let second = AttributionResult { sequences, ..AttributionResult::default() };
    let error = render(&second, &viewed(60, view)).unwrap_err().to_string();
    assert!(error.starts_with("pair 2 of 2: A and B cannot be compared: "), "{error}");
}

#[test]
fn what_is_not_there_is_said() {
    let error = |view: ViewOptions| render_sequence(&tiny(), &viewed(60, view)).unwrap_err().to_string();
    let tokens = || ViewOptions::default().view(View::Tokens);
    assert_eq!(
        error(tokens().steps(vec![Step::Position(2)])),
        "there is no attributed token 2; it has 2: give a position from 0, or a negative one from the end"
    );
    assert_eq!(
        error(tokens().steps(vec![Step::Text("Bonjour".into())])),
        "there is no attributed token `Bonjour`; it has ▁Salut </s>"
    );
    assert!(
        error(tokens().highlight("entropy"))
            .starts_with("text 1: there is no step score `entropy` to colour tokens by; there are probability; ")
    );
    assert!(
        error(tokens().highlight("probabilty")).contains("there are probability (did you mean `probability`?); ask")
    );
    assert_eq!(
        error(ViewOptions::default().view(View::Links)),
        "a terminal cannot show the view `links`; draw it into a page, .svg, .png or .tex file (`figure`)"
    );
}

#[test]
fn errors_say_what_to_do() {
    let message = |change: fn(&mut SequenceAttribution)| {
        let mut attribution = tiny();
        change(&mut attribution);
        render_sequence(&attribution, &plain(80)).unwrap_err().to_string()
    };
    assert_eq!(
        message(|attribution| attribution.kind = AttributionKind::Granular),
        "text 1: a picture needs one score per token ([attributed, step]), found a granular ([attributed, step, hidden]) attribution; aggregate it first"
    );
    assert!(
        message(|attribution| attribution.kind =
            AttributionKind::MultiDimensional { dimensions: vec!["layer".into(), "head".into()] })
        .contains("by layer, head")
    );
    assert_eq!(
        message(|attribution| attribution.source_attributions = Some(array![[0.0]].into_dyn())),
        "text 1: `source_attributions` should have shape [2, 2] (tokens, attributed tokens), found [1, 1]"
    );
    assert!(
        message(|attribution| attribution.attr_pos_end = 9)
            .starts_with("text 1: attributed positions 1..9 do not lie in a target of 3 tokens")
    );
    assert!(
        message(|attribution| drop(attribution.step_scores.insert("entropy".into(), array![1.0])))
            .contains("`step_scores.entropy` should have shape [2]")
    );
    let range = ViewOptions::default().min_value(2.0).max_value(1.0);
    let options = viewed(80, range);
    assert!(render_sequence(&tiny(), &options).unwrap_err().to_string().contains("finite minimum below its maximum"));
}

#[test]
fn nothing_to_show_is_said() {
    let mut attribution = tiny();
    attribution.attr_pos_end = 1;
    attribution.source_attributions = Some(Array2::zeros((2, 0)).into_dyn());
    attribution.target_attributions = None;
    attribution.step_scores.clear();
    assert!(render_sequence(&attribution, &plain(80)).unwrap().ends_with("no attributed tokens\n"));
}

fn token_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "▁?[a-z]{0,14}",
        "[\u{4e00}-\u{4e20}ぁ-ん가-힣]{1,6}",
        "[א-תء-ي]{1,9}",
        "[a-z\u{300}-\u{30f}]{1,6}",
        Just("👩\u{200d}👩\u{200d}👧🇫🇷❤\u{fe0f}".to_owned()),
        "[क-ह\u{94d}ि]{1,12}",
        any::<String>().prop_map(|text| text.chars().take(12).collect()),
    ]
}

prop_compose! {
    fn attribution()(source in prop::collection::vec(token_text(), 0..7), target in prop::collection::vec(token_text(), 1..16))
        (start in 0..=target.len(), scores in prop::collection::vec(prop_oneof![-1.0e3_f32..1.0e3, 0.0_f32..1.0, Just(f32::NAN), any::<f32>()], 400),
         name in ".{0,20}", source in Just(source), target in Just(target)) -> SequenceAttribution {
        let steps = target.len() - start;
        let array = |rows: usize, shift: usize| Array2::from_shape_fn((rows, steps), |(row, step)| scores[(row * steps + step + shift) % scores.len()]);
        let tokens = |texts: &[String]| texts.iter().map(|text| Token::new(text.clone(), 3)).collect::<Vec<_>>();
        SequenceAttribution {
            source_attributions: Some(array(source.len(), 0).into_dyn()),
            target_attributions: Some(array(target.len(), 7).into_dyn()),
            step_scores: [(name, Array1::from_shape_fn(steps, |step| scores[step]))].into_iter().collect(),
            sequence_scores: Default::default(),
            attr_pos_start: start,
            attr_pos_end: target.len(),
            kind: AttributionKind::Coarse,
            source: tokens(&source),
            target: tokens(&target),
            ..SequenceAttribution::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_line_is_wider_than_asked(attribution in attribution(), width in TerminalOptions::MIN_WIDTH..140, values: bool, color in 0..3, view in 0..4) {
        let title = "a title that is long enough to wrap somewhere";
        let (view, texts) = match view {
            0 => (View::Matrix, vec![attribution]),
            1 => (View::Tokens, vec![attribution]),
            2 => (View::Granular, vec![with_heads(attribution)]),
            _ => (View::Pair, vec![attribution.clone(), attribution]),
        };
        let view = ViewOptions::default().view(view).title(title);
        let result = AttributionResult { sequences: texts, ..AttributionResult::default() };
        let colors = [ColorSupport::None, ColorSupport::Ansi256, ColorSupport::TrueColor][color as usize];
        let options = viewed(width, view.clone()).colors(colors).show_values(values);
        let picture = unstyled(&render(&result, &options).unwrap());
        for line in picture.lines() {
            prop_assert!(line.width() <= width, "{} > {width}: {line:?}", line.width());
        }
    }

    #[test]
    fn columns_line_up(attribution in attribution(), width in TerminalOptions::MIN_WIDTH..140) {
        // Without numbers every cell is one glyph in the middle of its column, so all rows of a block end together.
        let mut attribution = attribution;
        attribution.source_attributions.iter_mut().for_each(|scores| scores.fill(1.0));
        attribution.target_attributions = None;
        attribution.step_scores.clear();
        let options = viewed(width, ViewOptions::default().max_value(1.0)).show_values(false);
        let picture = unstyled(&render_sequence(&attribution, &options).unwrap());
        let mut ends: Option<usize> = None;
        for line in picture.lines() {
            if line.is_empty() {
                ends = None;
            } else if line.ends_with("  █") && line.matches('█').count() > 1 {
                prop_assert_eq!(*ends.get_or_insert(line.width()), line.width(), "{}", picture);
            }
        }
    }
}
