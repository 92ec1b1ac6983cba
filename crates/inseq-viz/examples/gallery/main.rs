//! Draws made-up attributions, to look at every kind of picture without a model.
//!
//! `cargo run -p inseq-viz --example gallery -- terminal french 100 truecolor dark`
//! `cargo run -p inseq-viz --example gallery -- html all > report.html`
//! `cargo run -p inseq-viz --features png --example gallery -- png french links > links.png`
//! `cargo run -p inseq-viz --example gallery -- html citations > citations.html`

mod samples;

use inseq_viz::html::{self, CitationsOptions, HtmlOptions};
use inseq_viz::scale::Theme;
use inseq_viz::terminal::{self, ColorSupport, TerminalOptions};
use inseq_viz::{View, ViewOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &'static str| arguments.get(index).map_or(default, String::as_str);
    let sequences = match argument(1, "french") {
        "french" => vec![samples::french()],
        "japanese" => vec![samples::japanese()],
        "arabic" => vec![samples::arabic()],
        "german" => vec![samples::german()],
        "signed" => vec![samples::signed()],
        "heads" => vec![samples::heads()],
        "hostile" => vec![samples::hostile()],
        "bytes" => vec![samples::bytes()],
        "punctuation" => vec![samples::punctuation()],
        "pair" => vec![samples::french(), samples::signed()],
        "many" => samples::many(200, 100),
        "context" | "citations" => Vec::new(),
        "all" => vec![
            samples::french(),
            samples::german(),
            samples::japanese(),
            samples::arabic(),
            samples::signed(),
            samples::heads(),
            samples::hostile(),
            samples::bytes(),
            samples::punctuation(),
        ],
        other => return Err(format!("no sample `{other}`").into()),
    };
    let result = samples::result(sequences);
    let view = |name: &str| -> ViewOptions {
        let view = match name {
            "tokens" => View::Tokens,
            "granular" => View::Granular,
            "pair" => View::Pair,
            "links" => View::Links,
            _ => View::Matrix,
        };
        let options = ViewOptions::default().view(view);
        if view == View::Tokens { options.highlight("probability") } else { options }
    };
    let theme = |name: &str| if name == "light" { Theme::Light } else { Theme::Dark };
    match argument(0, "terminal") {
        "terminal" => {
            let options = TerminalOptions::default()
                .width(argument(2, "100").parse()?)
                .colors(match argument(3, "truecolor") {
                    "none" => ColorSupport::None,
                    "256" => ColorSupport::Ansi256,
                    _ => ColorSupport::TrueColor,
                })
                .theme(theme(argument(4, "dark")))
                .show_values(argument(5, "values") == "values")
                .view(view(argument(6, "matrix")));
            print!(
                "{}",
                match argument(1, "french") {
                    "context" => terminal::render_context(&samples::context(), &options)?,
                    _ => terminal::render(&result, &options)?,
                }
            );
        }
        "html" => {
            let options = HtmlOptions::default().view(view(argument(2, "matrix")));
            print!(
                "{}",
                match argument(1, "french") {
                    "context" => html::render_context(&samples::context(), &options)?,
                    "citations" => html::render_citations(&samples::citations(), &CitationsOptions::default())?,
                    _ => html::render(&result, &options)?,
                }
            );
        }
        #[cfg(feature = "png")]
        format @ ("svg" | "png" | "tex") => {
            use std::io::Write as _;

            use inseq_viz::figure::{self, FigureOptions, Shown};
            let options = FigureOptions::default()
                .theme(theme(argument(3, "light")))
                .show_values(argument(4, "values") == "values")
                .view(view(argument(2, "matrix")));
            let (context, citations) = (samples::context(), samples::citations());
            let shown: Shown = match argument(1, "french") {
                "context" => (&context).into(),
                "citations" => (&citations).into(),
                _ => (&result).into(),
            };
            let bytes = match format {
                "svg" => figure::svg(shown, &options)?.into_bytes(),
                "png" => figure::png(shown, &options)?,
                _ => figure::tex(shown, &options)?.into_bytes(),
            };
            std::io::stdout().write_all(&bytes)?;
        }
        other => {
            return Err(format!("no picture `{other}`: terminal, html, or with the feature `png` svg, png, tex").into());
        }
    }
    Ok(())
}
