//! The report in a real browser: does it do what a reader asks, under its own content policy?
//!
//! Needs Chromium (or Chrome) in `PATH`, or its path in `INSEQ_BROWSER`; says so and passes where there is none.

#[path = "../../../crates/inseq-viz/examples/gallery/samples.rs"]
#[allow(dead_code, reason = "not every sample is needed here")]
mod samples;

#[cfg(unix)]
mod citations;
#[cfg(unix)]
mod tab;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use inseq_core::SequenceAttribution;
use inseq_viz::html::{HtmlOptions, render};
use serde_json::{Value, json};

fn browser() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("INSEQ_BROWSER") {
        return Some(path.into());
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let found =
        names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()));
    if found.is_none() {
        println!("skipped: none of {names:?} is in PATH, and INSEQ_BROWSER is not set");
    }
    found
}

/// The page's DOM after its scripts have run, and what it wrote to the console. `None` without a browser.
fn open(page: &str, width: u32) -> Option<(String, Vec<String>)> {
    let browser = browser()?;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, page).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--log-level=0", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--window-size={width},900"))
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("the browser runs");
    let console = String::from_utf8_lossy(&output.stderr)
        .lines()
        // The driver measures parts that are out of sight; whether the browser mentions it depends on its timing.
        .filter(|line| line.contains("CONSOLE") && !line.contains("in a subtree hidden by content-visibility"))
        .map(str::to_owned)
        .collect();
    Some((String::from_utf8(output.stdout).unwrap(), console))
}

fn page(sequences: Vec<SequenceAttribution>) -> String {
    render(&samples::result(sequences), &HtmlOptions::default()).unwrap()
}

/// The texts that the driver walks through.
fn texts() -> Vec<SequenceAttribution> {
    let long = samples::many(1, 120).remove(0);
    vec![samples::french(), samples::arabic(), samples::hostile(), samples::heads(), samples::signed(), long]
}

/// What the driver saw in a window of a width; one visit a width serves all tests.
fn seen(width: u32) -> Option<Value> {
    static VISITS: Mutex<BTreeMap<u32, Option<Value>>> = Mutex::new(BTreeMap::new());
    let mut visits = VISITS.lock().unwrap_or_else(PoisonError::into_inner);
    visits.entry(width).or_insert_with(|| visit(width)).clone()
}

/// The page's own policy would not let another script in, so it is taken off for this.
fn visit(width: u32) -> Option<Value> {
    let page = page(texts())
        .replace("http-equiv=\"Content-Security-Policy\"", "name=\"policy\"")
        .replace("</body>", &format!("<script>{}</script></body>", include_str!("driver.js")));
    let (dom, console) = open(&page, width)?;
    assert_eq!(console, Vec::<String>::new());
    let start = dom.find("<pre id=\"seen\">").expect("the driver came to its end") + "<pre id=\"seen\">".len();
    let text = &dom[start..start + dom[start..].find("</pre>").unwrap()];
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&");
    Some(serde_json::from_str(&text).unwrap())
}

/// Source positions from the strongest to the weakest for a step, with their scores.
fn strongest(attribution: &SequenceAttribution, step: usize) -> Vec<(usize, f32)> {
    let scores = attribution.source_attributions.as_ref().unwrap();
    let mut rows: Vec<(usize, f32)> = scores.index_axis(ndarray::Axis(1), step).iter().copied().enumerate().collect();
    rows.sort_by(|one, two| two.1.total_cmp(&one.1));
    rows
}

/// Asserts that what the page downloads is an attribution's scores.
fn assert_scores(downloaded: &Value, expected: &SequenceAttribution, tolerance: f32) {
    for (field, expected) in
        [("source_attributions", &expected.source_attributions), ("target_attributions", &expected.target_attributions)]
    {
        let rows = downloaded[field].as_array().unwrap();
        for (row, scores) in rows.iter().enumerate() {
            for (step, score) in scores.as_array().unwrap().iter().enumerate() {
                let expected = expected.as_ref().unwrap()[[row, step]];
                match score.as_f64() {
                    None => assert!(expected.is_nan(), "{field}[{row}][{step}]: {expected}"),
                    Some(score) => assert!(
                        (score as f32 - expected).abs() <= tolerance * expected.abs().max(1.0),
                        "{field}[{row}][{step}]: {score}, expected {expected}"
                    ),
                }
            }
        }
    }
}

#[test]
fn the_page_runs_under_its_own_policy() {
    let Some((dom, console)) = open(&page(vec![samples::french(), samples::hostile()]), 1200) else { return };
    assert_eq!(console, Vec::<String>::new());
    assert!(dom.contains("class=\"js"), "the script ran");
    assert!(dom.contains("class=\"token lit"), "and lit something up");
}

#[test]
fn the_matrix_has_every_token_and_score() {
    let Some(seen) = seen(1600) else { return };
    let attribution = samples::french();
    assert_eq!(
        seen["passages"],
        json!([
            "The tired nurse said that she was late. </s>",
            "<pad> L'infirmière fatiguée a dit qu'elle était en retard. </s>"
        ])
    );
    let spelled = |tokens: &[inseq_core::Token]| tokens.iter().map(|token| token.text.clone()).collect::<Vec<_>>();
    assert_eq!(seen["heads"], json!(spelled(&attribution.target[1..])));
    assert_eq!(seen["groups"], json!(["Source", "Generated so far", "Step scores"]));
    let rows = seen["matrix"].as_array().unwrap();
    // The last target token is seen by no step, so it has no row.
    let labels = [spelled(&attribution.source), spelled(&attribution.target[..14])].concat();
    assert_eq!(rows.iter().take(24).map(|row| row[0].as_str().unwrap()).collect::<Vec<_>>(), labels);
    let scores = attribution.source_attributions.as_ref().unwrap();
    for (row, cells) in rows[..10].iter().enumerate() {
        for (step, cell) in cells[1].as_array().unwrap().iter().enumerate() {
            assert_eq!(cell.as_str().unwrap(), format!("{:.2}", scores[[row, step]]));
        }
    }
    let blank = rows[10..24].iter().flat_map(|row| row[1].as_array().unwrap()).filter(|cell| *cell == "").count();
    assert_eq!(blank, 13 * 14 / 2, "below the diagonal nothing is known, and nothing is shown");
    assert!(seen["strongest"].as_str().unwrap().contains("s32"));
}

#[test]
fn a_reader_finds_what_made_a_token() {
    let Some(seen) = seen(1200) else { return };
    let attribution = samples::french();
    assert_eq!(seen["selectedAtFirst"].as_array().unwrap().len(), 1);
    assert_eq!(seen["announcedAtFirst"], "", "nothing is read out before the reader does something");

    let expected = strongest(&attribution, 2);
    let name = |position: usize| attribution.source[position].text.trim_start_matches('▁').to_owned();
    let clicked = &seen["afterClick"];
    assert_eq!(clicked["selected"], json!([2]));
    for (rank, (position, score)) in expected.iter().take(2).enumerate() {
        assert_eq!(clicked["panel"][rank], json!([name(*position), format!("{score:.2}")]));
    }
    assert_eq!(clicked["panel"].as_array().unwrap().len(), 8);
    let announced = clicked["announced"].as_str().unwrap();
    assert!(
        announced.starts_with(&format!("infirmière is explained by: {} {:.2}, ", name(expected[0].0), expected[0].1)),
        "{announced}"
    );
    let lit = clicked["lit"].as_array().unwrap();
    let brightest = lit.iter().max_by_key(|token| token[1].as_str().unwrap().parse::<u32>().unwrap()).unwrap();
    assert_eq!(brightest[0], expected[0].0);
    let scores =
        attribution.step_scores.iter().map(|(name, values)| format!("{name}{:.2}", values[2])).collect::<String>();
    assert_eq!(clicked["steps"].as_str().unwrap(), scores);
    assert_eq!(seen["color"], seen["cellColor"], "text and matrix share a colour");
}

#[test]
fn pointer_and_keyboard_move_through_the_text() {
    let Some(seen) = seen(1200) else { return };
    assert_eq!(seen["hover"], "a");
    assert_eq!(seen["afterHover"], "infirmière", "what was clicked comes back");
    assert_eq!(seen["touchDoesNotHover"], "infirmière");
    assert_eq!(seen["right"]["selected"], json!([3]));
    assert_eq!(seen["right"]["focus"], 3);
    assert!(seen["right"]["announced"].as_str().unwrap().starts_with("fatiguée is explained by: tired"));
    assert_eq!(seen["end"], json!([13]));
    assert_eq!(seen["pastTheEnd"], json!([13]));
    assert_eq!(seen["escape"], json!({"selected": [], "hidden": true, "lit": 0}));
    assert_eq!(seen["leftIsForwardInArabic"], json!([2]));
    assert_eq!(seen["cellClick"], json!([1]));
    assert_eq!(seen["marked"], 3, "a cell, its row's head and its column's");
    assert!(seen["readout"].as_str().unwrap().starts_with("▁The → ▁L"));
    assert!(seen["gridKeys"][0].as_str().unwrap().starts_with("▁tired → '"), "{}", seen["gridKeys"]);
    // Rows are counted with the head's and the groups' headings: 1 + 10 + 14 + 2 and 3.
    assert_eq!(seen["gridSize"], json!(["30", "15"]));
}

#[test]
fn scores_are_aggregated_as_by_the_program() {
    use inseq_core::aggregators::{AggregationFunction, Pipeline, Scaling, Scores, Selection};

    let Some(seen) = seen(1200) else { return };
    let attribution = samples::heads();
    assert_eq!(seen["axes"], json!([["layer", "3"], ["head", "5"]]));
    assert_scores(&seen["standard"], &attribution.aggregate().unwrap(), 1e-6);
    let one = |index| Scores::by_kind().select(Selection::One(index)).scaling(Scaling::None);
    assert_scores(
        &seen["oneHead"],
        &attribution.aggregate_with(&Pipeline::new().then(one(5)).then(one(2))).unwrap(),
        0.0,
    );
    let largest = || Scores::new(AggregationFunction::Max).scaling(Scaling::None);
    assert_scores(
        &seen["largest"],
        &attribution.aggregate_with(&Pipeline::new().then(largest()).then(largest())).unwrap(),
        0.0,
    );
    // The first source token's heads at the first step: the mean over layers.
    let scores = attribution.source_attributions.as_ref().unwrap();
    assert_eq!(seen["byHead"][0], "▁The");
    for (head, cell) in seen["byHead"][1].as_array().unwrap().iter().enumerate() {
        let mean = (0..4).map(|layer| scores[[0, 0, layer, head]]).sum::<f32>() / 4.0;
        assert!((cell.as_str().unwrap().parse::<f32>().unwrap() - mean).abs() < 0.006, "{head}: {cell}, {mean}");
    }
}

#[test]
fn controls_scale_cut_and_compare() {
    let Some(seen) = seen(1200) else { return };
    let attribution = samples::french();
    let sides = [&attribution.source_attributions, &attribution.target_attributions];
    let scores = || sides.into_iter().flatten().flat_map(|scores| scores.iter().copied());
    let largest = scores().fold(0.0, f32::max);
    assert_eq!(seen["aboveHalf"], scores().filter(|score| score / largest >= 0.5).count());
    assert_eq!(seen["rescaled"], "1.00");
    assert_eq!(seen["reset"], json!([format!("{largest:.2}"), "0"]));
    assert_scores(&seen["difference"], &(&attribution - &samples::signed()).unwrap(), 1e-6);
    assert_eq!(seen["diverges"], true);
    assert_eq!(seen["misfit"], true, "a text without layers cannot be subtracted from one that has them");
}

#[test]
fn links_are_the_scores_that_matter() {
    let Some(seen) = seen(1200) else { return };
    let attribution = samples::french();
    let sides = [&attribution.source_attributions, &attribution.target_attributions];
    let largest = sides.into_iter().flatten().flat_map(|scores| scores.iter().copied()).fold(0.0, f32::max);
    let strong = |score: &f32| score / largest >= 0.1;
    let count = sides.into_iter().flatten().flat_map(|scores| scores.iter().copied()).filter(strong).count();
    assert_eq!(seen["links"], count);
    assert_eq!(seen["linkClick"], json!([3]));
    let of_step =
        |scores: &ndarray::ArrayD<f32>| scores.index_axis(ndarray::Axis(1), 3).iter().copied().filter(strong).count();
    assert_eq!(seen["linksOn"], sides.into_iter().flatten().map(of_step).sum::<usize>());
}

#[test]
fn texts_are_found_and_long_ones_drawn_in_part() {
    let Some(seen) = seen(1200) else { return };
    assert_eq!(seen["found"], json!(["6 texts", "1 of 6 texts", 1]));
    assert!(seen["second"][0].as_str().unwrap().contains("الممرضة"));
    assert!(seen["second"][1].as_str().unwrap().contains("The tired nurse"));
    assert!(seen["hostile"][0].as_str().unwrap().contains("<script>"), "a token that looks like markup is text");
    assert_eq!(seen["hostile"][1], 0);
    // 120 source and 120 target tokens, two step scores, three headings and the head.
    assert_eq!(seen["longRows"], 120 + 120 + 2 + 3 + 1);
    assert!(seen["cellsOfLong"].as_u64().unwrap() < 4000, "{}", seen["cellsOfLong"]);
    assert_eq!(seen["lastCell"], true);
    // On paper there are all of them, in tables of 22 columns, each with a corner.
    assert_eq!(seen["printed"], json!([6, 120 * (120 + 120 + 2) + 6]));
    assert_eq!(seen["printedAfter"], 0);
}

#[test]
fn themes_and_widths() {
    for width in [500, 1200] {
        let Some(seen) = seen(width) else { return };
        let grounds = &seen["grounds"];
        assert_eq!([&grounds[0][0], &grounds[1][0], &grounds[2][0]], [&json!("light"), &json!("dark"), &json!("auto")]);
        assert_ne!(grounds[0][1], grounds[1][1]);
        assert_eq!(seen["overflow"], 0, "only the matrix scrolls sideways");
        assert_eq!(seen["unnamed"], json!([]), "every control has a name");
    }
}

#[test]
fn downloads_are_the_scores() {
    let Some(seen) = seen(1200) else { return };
    let attribution = samples::french();
    let csv = seen["csv"].as_str().unwrap();
    let lines: Vec<Vec<&str>> =
        csv.trim_start_matches('\u{feff}').lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0][2..5], ["▁L", "'", "infirmière"]);
    assert_eq!(lines.len(), 1 + 10 + 14 + 2);
    assert_eq!(lines[3][..2], ["source", "▁nurse"]);
    let scores = attribution.source_attributions.as_ref().unwrap();
    for (step, field) in lines[3][2..].iter().enumerate() {
        assert_eq!(field.parse::<f32>().unwrap(), scores[[2, step]]);
    }
    assert_eq!(lines[13][2], "", "what a step cannot see is empty");
    assert_eq!(lines[25][..2], ["step_score", "probability"]);
    assert_eq!(seen["json"]["info"]["attribution_method"], "integrated_gradients");
    assert_eq!(seen["json"]["target"][3]["token"], "infirmière");
    assert_scores(&seen["json"], &attribution, 0.0);
}
