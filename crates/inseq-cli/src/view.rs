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
    /// View of the result.
    #[arg(long, value_enum, default_value_t, value_name = "VIEW")]
    pub view: View,
    /// Background of the picture. [default: that of the terminal; light in files]
    #[arg(long, value_enum, value_name = "THEME")]
    pub theme: Option<Theme>,
    /// Score at the low end of the colour scale. [default: 0, or minus the largest magnitude if scores are negative]
    #[arg(long, alias = "min-val", value_name = "SCORE", allow_negative_numbers = true)]
    pub min_value: Option<f32>,
    /// Score at the high end of the colour scale. [default: the largest score of the text]
    #[arg(long, alias = "max-val", value_name = "SCORE", allow_negative_numbers = true)]
    pub max_value: Option<f32>,
    /// Do not print numbers in cells.
    #[arg(long)]
    pub hide_values: bool,
    /// Number of input tokens to show, 1 or more: those with the strongest scores. [default: all]
    #[arg(long, value_name = "N")]
    pub top_tokens: Option<usize>,
    /// Hide tokens without text (start, end, padding, languages) in pictures. Scores that summed to 1 are scaled to sum to 1
    /// again. The saved result keeps these tokens.
    #[arg(long)]
    pub hide_special: bool,
    /// Replace strings in shown tokens, such as '▁=' or 'Ġ= '.
    #[arg(long, alias = "replace-char", num_args = 1.., value_name = "FROM=TO", value_parser = replacement)]
    pub replace: Vec<(String, String)>,
    /// For --view tokens and granular: output tokens to explain, by text or by position among the attributed tokens (from 0;
    /// negative positions count from the end). [default: all]
    #[arg(long, num_args = 1.., value_name = "TOKEN", allow_negative_numbers = true)]
    pub show_tokens: Vec<String>,
    /// For --view tokens: step score that colours the output tokens.
    #[arg(long, alias = "step-score-highlight", value_name = "NAME")]
    pub highlight: Option<String>,
    /// For --view tokens: number of tokens per line, 1 or more, or tokens that end a line.
    #[arg(long, num_args = 1.., value_name = "N|TOKEN")]
    pub wrap_after: Vec<String>,
    /// For --view granular: axis of the columns: layer, head or feature. [default: the first axis that is short enough]
    #[arg(long, value_name = "AXIS")]
    pub show_dim: Option<String>,
    /// For --view granular: entries of an axis to use, from START to before END. Axes that are not columns are averaged over
    /// their entries.
    #[arg(long, num_args = 1.., value_name = "AXIS=START:END", value_parser = slice)]
    pub slice_dims: Vec<(String, Range<usize>)>,
    /// For --view granular: largest number of columns, 1 or more. [default: 20]
    #[arg(long, value_name = "N")]
    pub max_show_size: Option<usize>,
    /// For --view pair: saved result whose texts are subtracted from these, one by one. Without it, each second text is
    /// subtracted from the text before it.
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
}

impl ViewArguments {
    /// What a picture is asked to show.
    ///
    /// # Errors
    /// A flag has no effect on the view, or a number is 0.
    pub fn options(&self) -> Result<ViewOptions, Failure> {
        self.check_flags()?;
        let mut granular = Granular::default().slices(self.slice_dims.clone());
        granular.dimension.clone_from(&self.show_dim);
        granular.longest = self.max_show_size.unwrap_or(granular.longest);
        let mut options = ViewOptions::default()
            .view(self.view)
            .min_value(self.min_value)
            .max_value(self.max_value)
            .top_tokens(self.top_tokens)
            .hide_special(self.hide_special)
            .replacements(self.replace.clone())
            .steps(
                self.show_tokens
                    .iter()
                    .map(|step| step.parse().map_or_else(|_| Step::Text(step.clone()), Step::Position))
                    .collect(),
            )
            .wrap(match self.wrap_after.as_slice() {
                [] => Wrap::Width,
                [one] => one.parse().map_or_else(|_| Wrap::After(vec![one.clone()]), Wrap::Every),
                several => Wrap::After(several.to_vec()),
            })
            .granular(granular);
        options.highlight.clone_from(&self.highlight);
        options.check()?;
        Ok(options)
    }

    /// The flags, and whether each is given.
    pub fn given(&self) -> [(&'static str, bool); 14] {
        [
            ("--view", self.view != View::default()),
            ("--theme", self.theme.is_some()),
            ("--min-value", self.min_value.is_some()),
            ("--max-value", self.max_value.is_some()),
            ("--hide-values", self.hide_values),
            ("--top-tokens", self.top_tokens.is_some()),
            ("--hide-special", self.hide_special),
            ("--replace", !self.replace.is_empty()),
            ("--show-tokens", !self.show_tokens.is_empty()),
            ("--highlight", self.highlight.is_some()),
            ("--wrap-after", !self.wrap_after.is_empty()),
            ("--show-dim", self.show_dim.is_some()),
            ("--slice-dims", !self.slice_dims.is_empty()),
            ("--max-show-size", self.max_show_size.is_some()),
        ]
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
    let (from, to) =
        text.split_once('=').filter(|(from, _)| !from.is_empty()).ok_or("expected FROM=TO, such as '▁='")?;
    Ok((from.to_owned(), to.to_owned()))
}

fn slice(text: &str) -> Result<(String, Range<usize>), String> {
    let problem = || "expected AXIS=START:END, such as layer=0:4, with START before END".to_owned();
    let (axis, span) = text.split_once('=').ok_or_else(problem)?;
    let (start, end) = span.split_once(':').ok_or_else(problem)?;
    match (start.parse(), end.parse()) {
        (Ok(start), Ok(end)) if start < end => Ok((axis.to_owned(), start..end)),
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
        assert_eq!(replacement("a==a"), Ok(("a".to_owned(), "=a".to_owned())));
        assert!(replacement("▁").is_err() && replacement("==a").is_err());
    }
}
