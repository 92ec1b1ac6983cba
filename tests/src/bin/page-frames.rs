//! `cargo xtask frames`: how long the frames of a page take while somebody works with it, in headless Chromium.
//!
//! The page has 200 texts of 100 source and 100 target tokens. A driver scrolls, searches, opens texts, points at tokens and
//! moves the controls, one thing a frame, and measures each frame from its start to its end on screen.

#[path = "../../../crates/inseq-viz/examples/gallery/samples.rs"]
#[allow(dead_code, reason = "not every sample is needed here")]
mod samples;

use std::process::Command;

use inseq_viz::html::{HtmlOptions, render};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let browser = std::env::var("INSEQ_BROWSER").unwrap_or_else(|_| "chromium".into());
    let page = render(&samples::result(samples::many(200, 100)), &HtmlOptions::default())?;
    // The page's own policy would not let another script in.
    let page = page
        .replace("http-equiv=\"Content-Security-Policy\"", "name=\"policy\"")
        .replace("</body>", &format!("<script>{}</script></body>", include_str!("page-frames/driver.js")));
    let folder = std::env::temp_dir().join(format!("inseq-frames-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("report.html");
    std::fs::write(&file, &page)?;
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom", "--timeout=60000"])
        .args(["--window-size=1400,1000", "--disable-background-networking"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output();
    std::fs::remove_dir_all(&folder)?;
    let dom = String::from_utf8(output?.stdout)?;
    let table = dom.split_once("<pre id=\"frames\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (table, _) = table.ok_or("the driver did not come to its end")?;
    println!("page of {:.1} MB\n\n{table}", page.len() as f64 / 1e6);
    Ok(())
}
