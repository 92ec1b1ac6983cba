//! Every picture of a result.

use inseq_core::AttributionResult;
use inseq_viz::figure::{self, FigureOptions};
use inseq_viz::html::{self, HtmlOptions};
use inseq_viz::terminal::{self, TerminalOptions};
use inseq_viz::{Granular, Step, View, ViewOptions, Wrap};

use super::Case;
use super::case::Picture;

/// Draws a result for the terminal, the browser and a paper. Each may refuse it.
pub(super) fn draw(case: &Case, result: &AttributionResult) {
    let view = view(&case.picture);
    let width = usize::from(case.picture.width);
    let _ = terminal::render(result, &TerminalOptions::default().width(width).view(view.clone()));
    let _ = html::render(result, &HtmlOptions::default().view(view.clone()));
    let options = FigureOptions::default().width(f32::from(case.picture.width)).view(view);
    let _ = figure::svg(result, &options);
    let _ = figure::tex(result, &options);
}

fn view(picture: &Picture) -> ViewOptions {
    let mut granular = Granular::default()
        .slices(picture.slice.iter().map(|(axis, start, end)| (axis.clone(), *start..*end)).collect())
        .longest(picture.longest);
    granular.dimension.clone_from(&picture.dimension);
    let mut options = ViewOptions::default()
        .view(match picture.view.as_str() {
            "tokens" => View::Tokens,
            "granular" => View::Granular,
            "pair" => View::Pair,
            "links" => View::Links,
            _ => View::Matrix,
        })
        .min_value(picture.range[0])
        .max_value(picture.range[1])
        .top_tokens(picture.top_tokens)
        .hide_special(picture.hide_special)
        .replacements(picture.replacements.clone())
        .steps(picture.steps.iter().map(|&position| Step::Position(position)).collect())
        .wrap(picture.wrap.map_or(Wrap::Width, Wrap::Every))
        .granular(granular);
    options.highlight.clone_from(&picture.highlight);
    options
}
