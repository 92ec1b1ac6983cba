//! The report in a real browser: does it do what a reader asks, under its own content policy?
//!
//! Needs Chromium (or Chrome) in `PATH`, or its path in `INSEQ_BROWSER`; says so and passes where there is none.

#[path = "../../../crates/inseq-viz/examples/gallery/samples.rs"]
#[allow(dead_code, reason = "not every sample is needed here")]
mod samples;

use std::path::PathBuf;
use std::process::Command;

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
        .args(["--enable-logging=stderr", "--log-level=0", "--virtual-time-budget=3000", "--dump-dom"])
        .arg(format!("--window-size={width},900"))
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("the browser runs");
    let console = String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .map(str::to_owned)
        .collect();
    Some((String::from_utf8(output.stdout).unwrap(), console))
}

fn page(sequences: Vec<SequenceAttribution>) -> String {
    render(&samples::result(sequences), &HtmlOptions::default()).unwrap()
}

/// What the driver saw. The page's own policy would not let another script in, so it is taken off for this.
fn seen(width: u32) -> Option<Value> {
    let page = page(vec![samples::french(), samples::arabic(), samples::hostile()])
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

#[test]
fn the_page_runs_under_its_own_policy() {
    let Some((dom, console)) = open(&page(vec![samples::french(), samples::hostile()]), 1200) else { return };
    assert_eq!(console, Vec::<String>::new());
    assert!(dom.contains("class=\"js"), "the script ran");
    assert!(dom.contains("class=\"token s"), "and lit something up");
    assert!(dom.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "a token that looks like markup is text");
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
}

#[test]
fn texts_themes_and_widths() {
    let Some(seen) = seen(500) else { return };
    assert_eq!(seen["shown"], json!([["text-0"], ["text-1"], ["text-2"]]));
    assert_eq!(seen["nextDisabled"], true);
    let grounds = &seen["grounds"];
    assert_eq!([&grounds[0][0], &grounds[1][0], &grounds[2][0]], [&json!("light"), &json!("dark"), &json!("auto")]);
    assert_ne!(grounds[0][1], grounds[1][1]);
    assert_eq!(seen["overflow"], 0, "only the matrix scrolls sideways");
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
}
