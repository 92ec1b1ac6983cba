//! Draws made-up attributions, to look at every kind of picture without a model.
//!
//! `cargo run -p inseq-viz --example gallery -- terminal french 100 truecolor dark`
//! `cargo run -p inseq-viz --example gallery -- html all > report.html`

mod samples;

use inseq_viz::html::{self, HtmlOptions};
use inseq_viz::scale::Theme;
use inseq_viz::terminal::{self, ColorSupport, TerminalOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &'static str| arguments.get(index).map_or(default, String::as_str);
    let sample = argument(1, "french");
    let sequences = match sample {
        "french" => vec![samples::french()],
        "japanese" => vec![samples::japanese()],
        "arabic" => vec![samples::arabic()],
        "german" => vec![samples::german()],
        "signed" => vec![samples::signed()],
        "hostile" => vec![samples::hostile()],
        "all" => vec![
            samples::french(),
            samples::german(),
            samples::japanese(),
            samples::arabic(),
            samples::signed(),
            samples::hostile(),
        ],
        other => return Err(format!("no sample `{other}`").into()),
    };
    let result = samples::result(sequences);
    match argument(0, "terminal") {
        "terminal" => {
            let options = TerminalOptions {
                width: argument(2, "100").parse()?,
                colors: match argument(3, "truecolor") {
                    "none" => ColorSupport::None,
                    "256" => ColorSupport::Ansi256,
                    _ => ColorSupport::TrueColor,
                },
                theme: if argument(4, "dark") == "light" { Theme::Light } else { Theme::Dark },
                show_values: argument(5, "values") == "values",
                ..TerminalOptions::default()
            };
            print!("{}", terminal::render(&result, &options)?);
        }
        "html" => print!("{}", html::render(&result, &HtmlOptions::default())?),
        other => return Err(format!("no picture `{other}`: terminal or html").into()),
    }
    Ok(())
}
