//! Which view of a result is drawn, as the command line asks for it.

use std::ops::Range;
use std::path::PathBuf;

use clap::{Args, ValueEnum as _};
use inseq_viz::scale::Theme;
use inseq_viz::{Granular, Step, View, ViewOptions, Wrap};

use crate::failure::Failure;

/// What is shown of a result.
#[derive(Debug, Args)]
#[command(next_help_heading = "View")]
pub struct ViewArguments {
    /// Which view to draw.
    #[arg(long, value_enum, default_value_t, value_name = "VIEW")]
    pub view: View,
    /// Whether the picture lies on a dark or a light page. [default: as the terminal says; light in files]
    #[arg(long, value_enum, value_name = "THEME")]
    pub theme: Option<Theme>,
    /// Score at the low end of the colours.
    #[arg(long, alias = "min-val", value_name = "SCORE", allow_negative_numbers = true)]
    pub min_value: Option<f32>,
    /// Score at the high end of the colours.
    #[arg(long, alias = "max-val", value_name = "SCORE", allow_negative_numbers = true)]
    pub max_value: Option<f32>,
    /// Leave the numbers out of cells.
    #[arg(long)]
    pub hide_values: bool,
    /// Show only so many input tokens, those with the strongest scores.
    #[arg(long, value_name = "N")]
    pub top_tokens: Option<usize>,
    /// Leave out tokens that stand for no text (start, end, padding, languages), and scale the rest to 1 again. The
    /// attribution keeps them.
    #[arg(long)]
    pub hide_special: bool,
    /// Replace strings in tokens, each as FROM=TO: '▁=' 'Ġ= '.
    #[arg(long, alias = "replace-char", num_args = 1.., value_name = "FROM=TO", value_parser = replacement)]
    pub replace: Vec<(String, String)>,
    /// In --view tokens and granular: the generated tokens to explain, by position (from 0, negative from the end) or text.
    #[arg(long, num_args = 1.., value_name = "TOKEN", allow_negative_numbers = true)]
    pub show_tokens: Vec<String>,
    /// In --view tokens: the step score that colours generated tokens.
    #[arg(long, alias = "step-score-highlight", value_name = "NAME")]
    pub highlight: Option<String>,
    /// In --view tokens: start a new line after so many tokens, or after each of these.
    #[arg(long, num_args = 1.., value_name = "N|TOKEN")]
    pub wrap_after: Vec<String>,
    /// In --view granular: the axis that runs across: layer, head or feature.
    #[arg(long, value_name = "AXIS")]
    pub show_dim: Option<String>,
    /// In --view granular: only these entries of an axis; an axis that does not run across is averaged over them.
    #[arg(long, num_args = 1.., value_name = "AXIS=START:END", value_parser = slice)]
    pub slice_dims: Vec<(String, Range<usize>)>,
    /// In --view granular: the longest axis that is spread. [default: 20]
    #[arg(long, value_name = "N")]
    pub max_show_size: Option<usize>,
    /// In --view pair: a saved result whose texts are compared with these, one by one; without it, texts are compared two
    /// by two.
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
}

impl ViewArguments {
    /// What a picture is asked to show.
    ///
    /// # Errors
    /// Where a flag has no effect on the view.
    pub fn options(&self) -> Result<ViewOptions, Failure> {
        self.check_flags()?;
        Ok(ViewOptions {
            view: self.view,
            title: None,
            min_value: self.min_value,
            max_value: self.max_value,
            top_tokens: self.top_tokens,
            hide_special: self.hide_special,
            replacements: self.replace.clone(),
            steps: self
                .show_tokens
                .iter()
                .map(|step| step.parse().map_or_else(|_| Step::Text(step.clone()), Step::Position))
                .collect(),
            highlight: self.highlight.clone(),
            wrap: match self.wrap_after.as_slice() {
                [] => Wrap::Width,
                [one] => one.parse().map_or_else(|_| Wrap::After(vec![one.clone()]), Wrap::Every),
                several => Wrap::After(several.to_vec()),
            },
            granular: Granular {
                dimension: self.show_dim.clone(),
                slices: self.slice_dims.clone(),
                longest: self.max_show_size.unwrap_or(Granular::default().longest),
            },
        })
    }

    /// Refuses flags that have no effect on the view.
    fn check_flags(&self) -> Result<(), Failure> {
        const TABLES: &[View] = &[View::Matrix, View::Granular, View::Pair, View::Links];
        let given: [(&str, bool, &[View]); 8] = [
            ("--top-tokens", self.top_tokens.is_some(), TABLES),
            ("--show-tokens", !self.show_tokens.is_empty(), &[View::Tokens, View::Granular]),
            ("--highlight", self.highlight.is_some(), &[View::Tokens]),
            ("--wrap-after", !self.wrap_after.is_empty(), &[View::Tokens]),
            ("--show-dim", self.show_dim.is_some(), &[View::Granular]),
            ("--slice-dims", !self.slice_dims.is_empty(), &[View::Granular]),
            ("--max-show-size", self.max_show_size.is_some(), &[View::Granular]),
            ("--against", self.against.is_some(), &[View::Pair]),
        ];
        let idle = given.iter().find(|(_, is_given, views)| *is_given && !views.contains(&self.view));
        let Some((flag, _, views)) = idle else { return Ok(()) };
        let name = |view: &View| view.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let views: Vec<String> = views.iter().map(name).collect();
        Err(Failure::Argument(format!(
            "{flag} has no effect on --view {}; choose --view {}",
            name(&self.view),
            views.join(" or ")
        )))
    }
}

fn replacement(text: &str) -> Result<(String, String), String> {
    let (from, to) = text.split_once('=').ok_or("expected FROM=TO, such as '▁='")?;
    Ok((from.to_owned(), to.to_owned()))
}

fn slice(text: &str) -> Result<(String, Range<usize>), String> {
    let problem = || "expected AXIS=START:END, such as layer=0:4".to_owned();
    let (axis, span) = text.split_once('=').ok_or_else(problem)?;
    let (start, end) = span.split_once(':').ok_or_else(problem)?;
    match (start.parse(), end.parse()) {
        (Ok(start), Ok(end)) => Ok((axis.to_owned(), start..end)),
        _ => Err(problem()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_replacements_are_read() {
        assert_eq!(slice("layer=0:4"), Ok(("layer".to_owned(), 0..4)));
        assert!(slice("layer=4").is_err() && slice("0:4").is_err() && slice("layer=a:b").is_err());
        assert_eq!(replacement("▁= "), Ok(("▁".to_owned(), " ".to_owned())));
        assert_eq!(replacement("==a"), Ok((String::new(), "=a".to_owned())));
        assert!(replacement("▁").is_err());
    }
}
