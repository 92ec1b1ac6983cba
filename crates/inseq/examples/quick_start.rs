//! Attributes one sentence of the demo model, prints the map, and saves the result and a page.
//!
//! `cargo run --release -p inseq --features demo --example quick_start`

use inseq::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = AttributionModel::demo()?;
    let request = AttributionRequest::new(["The tired nurse said that she was late."])
        .method("integrated_gradients")
        .attribution_argument("n_steps", 20)
        .attribute_target(true)
        .step_scores(["probability"]);
    let result = model.attribute(&request)?;
    result.save("why.json")?;

    let scores = result.aggregate()?;
    println!("{}", inseq::viz::terminal::render(&scores, &TerminalOptions::default())?);
    std::fs::write("why.html", inseq::viz::html::render(&scores, &HtmlOptions::default())?)?;
    println!("saved why.json and why.html");
    Ok(())
}
