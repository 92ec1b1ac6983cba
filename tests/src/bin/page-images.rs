//! `cargo xtask images`: the pictures of pages in the docs, by headless Chromium, with the demo model.

use std::path::Path;
use std::process::{Command, Stdio};

use inseq::core::Salience;
use inseq::methods::ContextRequest;
use inseq::methods::citations::{CitationRequest, Document, LeaveOneOut, PromptTemplate, Slot};
use inseq::prelude::*;
use inseq_viz::html::{CitationsOptions, HtmlOptions, render_citations, render_context};
use inseq_viz::scale::Theme;

/// What a script does on the page of citations, as a reader who chooses the second sentence.
const CHOOSE: &str = "document.querySelectorAll('.sentence')[1].click()";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/images");
    let model = AttributionModel::demo()?;
    let citations = citations(&model)?;
    for (name, theme, size) in [
        ("citations-light", Theme::Light, (1100, 1000)),
        ("citations-dark", Theme::Dark, (1100, 1000)),
        ("citations-phone", Theme::Light, (390, 844)),
    ] {
        let page = render_citations(&citations, &CitationsOptions::default().theme(theme))?;
        // The page's own policy would not let another script in.
        let chosen = page
            .replace("http-equiv=\"Content-Security-Policy\"", "name=\"policy\"")
            .replace("</body>", &format!("<script>{CHOOSE}</script></body>"));
        photograph(&chosen, size, &folder.join(format!("{name}.png")))?;
    }
    let request = ContextRequest::new("she was late.")
        .input_context_text("The tired nurse said that".to_owned())
        .attributed_fn("contrast_logits_diff")
        .context_sensitivity(Salience::default());
    let context = model.attribute_context(&request)?;
    let page = render_context(&context, &HtmlOptions::default().theme(Theme::Light))?;
    photograph(&page, (1100, 900), &folder.join("context-page.png"))
}

/// The answer of the docs, with its sources.
fn citations(model: &AttributionModel) -> Result<inseq::core::Citations, Failure> {
    let passages = ["The doors are white.", "The tired nurse said that she was late.", "The dog is here."];
    let documents = passages.iter().enumerate();
    let documents = documents.map(|(index, text)| Document::new(format!("passage {}", index + 1), *text)).collect();
    let template = PromptTemplate::parse(PromptTemplate::DOCUMENTS)?.separator(" ");
    let answer = "Les portes sont blanches. L'infirmière fatiguée a dit qu'elle était en retard.";
    let request = CitationRequest::new(template.fill([("documents", Slot::Documents(documents))])?).answer(answer);
    Ok(model.cite(&request.method(LeaveOneOut::default()))?)
}

/// Saves what a window of a size shows of a page.
fn photograph(page: &str, (width, height): (u32, u32), path: &Path) -> Result<(), Failure> {
    let browser = std::env::var("INSEQ_BROWSER").unwrap_or_else(|_| "chromium".into());
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("page.html");
    std::fs::write(&file, page)?;
    let status = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"])
        .args(["--disable-background-networking", "--virtual-time-budget=2000"])
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--screenshot={}", path.display()))
        .arg(format!("file://{}", file.display()))
        .stderr(Stdio::null())
        .status()?;
    match status.success() && path.is_file() {
        true => Ok(()),
        false => Err(format!("the browser took no picture for {}: {status}", path.display()).into()),
    }
}
