//! Pictures of a result: on standard output, and in files.

use std::path::Path;

use clap::{Args, ValueEnum, ValueHint};
use inseq_viz::figure::FigureOptions;
use inseq_viz::html::{self, HtmlOptions};
use inseq_viz::scale::Theme;
use inseq_viz::terminal::{self, ColorSupport, TerminalOptions};
use inseq_viz::{Texts, View, ViewOptions};

use crate::aggregation::{Aggregation, AggregationArguments, WeightingArguments};
use crate::failure::Failure;
use crate::input;
use crate::output::{self, Destination};
use crate::picture_file::{self, PictureFile};
use crate::picture_format::Format;
use crate::prepared::Prepared;
use crate::result_file::{load, warn_of_differences};
use crate::view::ViewArguments;
use crate::warnings::warn;

/// How pictures of results are drawn and where they go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct PictureArguments {
    /// Save a picture. The extension chooses the format: a page for the browser with every view (.html), or the chosen view
    /// (.svg, .png, .tex). `-` writes a page to standard output instead of the map.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub viz_path: Option<Destination>,
    /// Format of a picture on standard output (--viz-path -): html, svg or tex. [default: html]
    #[arg(long, value_name = "FORMAT")]
    pub viz_format: Option<Format>,
    /// Use of colours in the terminal.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// What is shown.
    #[command(flatten)]
    pub view: ViewArguments,
    /// What is drawn.
    #[command(flatten)]
    pub aggregation: AggregationArguments,
    /// How steps are weighted.
    #[command(flatten)]
    pub weighting: WeightingArguments,
}

impl PictureArguments {
    /// The paths that may be standard input.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.view.against.as_deref().into_iter()
    }

    /// Refuses flags that say how to draw, where nothing is drawn; `why` says so.
    pub fn check_undrawn(&self, why: &str) -> Result<(), Failure> {
        let color = ("--color", !matches!(self.color, Color::Auto));
        match std::iter::once(color).chain(self.view.given()).find(|(_, is_given)| *is_given) {
            Some((flag, _)) => {
                Err(Failure::Argument(format!("{flag} has no effect: {why}; leave it out, or add --viz-path")))
            }
            None => Ok(()),
        }
    }

    /// The aggregation of what is drawn.
    pub fn aggregation(&self) -> Result<Aggregation, Failure> {
        Ok(Aggregation::of(&self.aggregation)?.weighted(&self.weighting))
    }
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always, as for `less -R`.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// What standard output gets, where `detected` is what it seems to show.
    pub fn of(self, detected: ColorSupport) -> ColorSupport {
        match (self, ColorSupport::detect(true)) {
            (Color::Auto, _) => detected,
            (Color::Never, _) => ColorSupport::None,
            (Color::Always, ColorSupport::None) => ColorSupport::TrueColor,
            (Color::Always, support) => support,
        }
    }
}

/// How a result is drawn, known before the work is done.
#[derive(Debug)]
pub struct Pictures<'a> {
    arguments: &'a PictureArguments,
    options: ViewOptions,
    file: Option<PictureFile<'a>>,
    is_printed: bool,
    against: Option<Prepared<'a>>,
}

impl<'a> Pictures<'a> {
    /// Reads the command line, so that an error comes before the work rather than after it. `result` is where the result goes.
    pub fn of(
        arguments: &'a PictureArguments,
        aggregation: &'a Aggregation,
        result: Option<&Destination>,
    ) -> Result<Self, Failure> {
        let outputs = [("--save-path", result), ("--viz-path", arguments.viz_path.as_ref())];
        output::check_places(outputs)?;
        let is_printed = outputs.iter().all(|(_, place)| *place != Some(&Destination::Standard));
        let mut options = arguments.view.options()?;
        let file = PictureFile::of(arguments.viz_path.as_ref(), arguments.viz_format)?;
        if options.view == View::Links && file.is_none() && is_printed {
            return Err(Failure::Argument(
                "--view links is not for a terminal; draw it into a .html, .svg, .png or .tex file (--viz-path)".into(),
            ));
        }
        let against = arguments.view.against.as_deref().map(load).transpose()?;
        if let Some(against) = &arguments.view.against {
            options.title = Some(format!("difference: these scores minus those of {}", input::name(against)));
        }
        let against = against.map(|against| Prepared::new(std::borrow::Cow::Owned(against), aggregation));
        Ok(Self { arguments, options, file, is_printed, against })
    }

    /// The pictures with this title.
    pub fn titled(mut self, title: String) -> Self {
        self.options.title = Some(title);
        self
    }

    /// Writes the file that is asked for, if one is; then draws on standard output if `prints`, unless a file goes there.
    pub fn draw(&self, result: &Prepared, prints: bool) -> Result<(), Failure> {
        if let Some(against) = self.against.as_ref().filter(|_| prints || self.file.is_some()) {
            warn_of_differences(result.as_asked()?, against.as_asked()?);
        }
        let drawn = self.save(result).and_then(|()| if prints { self.print(result) } else { Ok(()) });
        drawn.map_err(|failure| self.of_pairs(failure))
    }

    /// Writes the file that is asked for, if one is.
    fn save(&self, result: &Prepared) -> Result<(), Failure> {
        let Some(file) = self.file else { return Ok(()) };
        let options = FigureOptions::default()
            .theme(self.arguments.view.theme.unwrap_or(Theme::Light))
            .show_values(!self.arguments.view.hide_values)
            .view(self.options.clone());
        let picture = match file.format {
            Format::Html => self.page(result)?.into_bytes(),
            format => {
                let shown = self.shown(result)?;
                let picture = picture_file::figure(format, shown.clone(), &options)?;
                self.warn(shown)?;
                picture
            }
        };
        file.write(&picture)
    }

    /// Draws on standard output, unless a file goes there.
    fn print(&self, result: &Prepared) -> Result<(), Failure> {
        // A terminal has no links, and the file has been written.
        if !self.is_printed || self.options.view == View::Links && self.file.is_some() {
            return Ok(());
        }
        let detected = TerminalOptions::detect();
        let colors = self.arguments.color.of(detected.colors);
        let theme = self.arguments.view.theme.unwrap_or(detected.theme);
        let options = detected
            .colors(colors)
            .theme(theme)
            .show_values(!self.arguments.view.hide_values)
            .view(self.options.clone());
        let shown = self.shown(result)?;
        let picture = terminal::render(shown.clone(), &options)?;
        if self.file.is_none_or(|file| file.format == Format::Html) {
            self.warn(shown)?;
        }
        output::print(picture.as_bytes())
    }

    /// A page aggregates by itself, as its reader likes, unless that is decided here.
    fn page(&self, result: &Prepared) -> Result<String, Failure> {
        let options = HtmlOptions::default().theme(self.arguments.view.theme).view(self.options.clone());
        let texts = match &self.against {
            None => result.as_asked()?.into(),
            Some(against) => Texts::in_pairs(result.as_asked()?, against.as_asked()?)?,
        };
        Ok(html::render(texts, &options)?)
    }

    /// The texts as the view takes them, each followed by the one that it is compared with.
    fn shown<'r>(&'r self, result: &'r Prepared) -> Result<Texts<'r>, Failure> {
        // Layers, heads and features are what a granular view looks at.
        let part = |of: &'r Prepared| match self.options.view {
            View::Granular => of.as_asked(),
            _ => of.aggregated(),
        };
        match &self.against {
            None => Ok(part(result)?.into()),
            Some(against) => Ok(Texts::in_pairs(part(result)?, part(against)?)?),
        }
    }

    /// The failure of a comparison, with the name of the file that texts are compared with.
    fn of_pairs(&self, failure: Failure) -> Failure {
        match (&failure, &self.arguments.view.against) {
            (Failure::Picture(inseq_viz::Error::Pair(problem)), Some(against)) => Failure::Argument(format!(
                "--against {}: {problem} (A is shown, B is from this file)",
                input::name(against)
            )),
            _ => failure,
        }
    }

    /// Says which of the tokens that are asked for a text lacks.
    fn warn(&self, shown: Texts) -> Result<(), Failure> {
        inseq_viz::warnings(shown, &self.options)?.iter().for_each(|warning| warn(warning));
        Ok(())
    }
}
