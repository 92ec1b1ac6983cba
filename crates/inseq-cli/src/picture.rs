//! Pictures of a result: on standard output, and in files.

use std::io::Write as _;
use std::path::Path;

use inseq_core::AttributionResult;
use inseq_viz::figure::{self, FigureOptions};
use inseq_viz::html::{self, HtmlOptions};
use inseq_viz::terminal::{self, TerminalOptions};
use inseq_viz::{View, ViewOptions};

use crate::aggregation::Aggregation;
use crate::arguments::PictureArguments;
use crate::failure::Failure;
use crate::output;

/// How a result is drawn, known before the work is done.
pub struct Pictures<'a> {
    arguments: &'a PictureArguments,
    options: ViewOptions,
    format: Option<Format>,
    against: Option<AttributionResult>,
}

/// What a picture is written as, by the end of its file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A page for the browser: `.html` or `.htm`.
    Html,
    /// Vector graphics.
    Svg,
    /// A raster image.
    Png,
    /// LaTeX with TikZ.
    Tex,
}

impl Format {
    /// The format that the end of a name stands for, if it is a picture's.
    pub fn named(path: &Path) -> Option<Self> {
        match path.extension()?.to_string_lossy().to_lowercase().as_str() {
            "html" | "htm" => Some(Self::Html),
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            "tex" => Some(Self::Tex),
            _ => None,
        }
    }

    fn of(path: &Path) -> Result<Self, Failure> {
        // As ever, what says nothing is a page.
        let Some(end) = path.extension() else { return Ok(Self::Html) };
        Self::named(path).ok_or_else(|| {
            Failure::Argument(format!("--viz-path: pictures are .html, .svg, .png or .tex, not .{}", end.display()))
        })
    }
}

impl<'a> Pictures<'a> {
    /// Reads the command line, so that what is wrong is told before the work rather than after it.
    pub fn of(arguments: &'a PictureArguments) -> Result<Self, Failure> {
        output::check_folder(arguments.viz_path.as_deref())?;
        let options = arguments.view.options();
        let against = arguments.view.against.as_deref().map(AttributionResult::load).transpose()?;
        if against.is_some() && options.view != View::Pair {
            return Err(Failure::Argument("--against compares results; add --view pair".into()));
        }
        let format = arguments.viz_path.as_deref().map(Format::of).transpose()?;
        Ok(Self { arguments, options, format, against })
    }

    /// Writes the file that is asked for, if one is.
    pub fn save(&self, result: &AttributionResult, aggregation: &Aggregation) -> Result<(), Failure> {
        let (Some(path), Some(format)) = (&self.arguments.viz_path, self.format) else { return Ok(()) };
        let options = || FigureOptions {
            theme: self.arguments.view.theme.unwrap_or(inseq_viz::scale::Theme::Light),
            show_values: !self.arguments.view.hide_values,
            view: self.options.clone(),
            ..FigureOptions::default()
        };
        let bytes = match format {
            Format::Html => self.page(result, aggregation)?.into_bytes(),
            Format::Svg => figure::svg(&self.shown(result, aggregation)?, &options())?.into_bytes(),
            Format::Png => figure::png(&self.shown(result, aggregation)?, &options())?,
            Format::Tex => figure::tex(&self.shown(result, aggregation)?, &options())?.into_bytes(),
        };
        Ok(inseq_core::write_whole(path, true, |file| Ok(file.write_all(&bytes)?))?)
    }

    /// Draws on standard output.
    pub fn print(&self, result: &AttributionResult, aggregation: &Aggregation) -> Result<(), Failure> {
        if self.options.view == View::Links && self.format.is_some() {
            // A terminal has no such view, and the file has been written.
            return Ok(());
        }
        let detected = TerminalOptions::detect();
        let options = TerminalOptions {
            colors: self.arguments.color.of(detected.colors),
            theme: self.arguments.view.theme.unwrap_or(detected.theme),
            show_values: !self.arguments.view.hide_values,
            view: self.options.clone(),
            ..detected
        };
        output::print(terminal::render(&self.shown(result, aggregation)?, &options)?.as_bytes())
    }

    /// The result as the view takes it.
    fn shown(&self, result: &AttributionResult, aggregation: &Aggregation) -> Result<AttributionResult, Failure> {
        // Layers, heads and features are what a granular view looks at.
        self.prepared(result, aggregation, self.options.view != View::Granular)
    }

    /// A page aggregates by itself, as its reader likes, unless that is decided here.
    fn page(&self, result: &AttributionResult, aggregation: &Aggregation) -> Result<String, Failure> {
        let options =
            HtmlOptions { theme: self.arguments.view.theme, view: self.options.clone(), ..HtmlOptions::default() };
        Ok(html::render(&self.prepared(result, aggregation, false)?, &options)?)
    }

    /// The texts, aggregated where that is asked for or needed, each followed by the one that it is compared with.
    fn prepared(
        &self,
        result: &AttributionResult,
        aggregation: &Aggregation,
        is_aggregated: bool,
    ) -> Result<AttributionResult, Failure> {
        let prepare = |result: &AttributionResult| match is_aggregated || aggregation.is_chosen() {
            true => aggregation.apply(result),
            false => Ok(result.clone()),
        };
        let Some(against) = &self.against else { return prepare(result) };
        let (here, there) = (result.sequences.len(), against.sequences.len());
        if here != there {
            return Err(Failure::Argument(format!(
                "--against: {there} texts cannot be compared with {here}, one by one"
            )));
        }
        let others = prepare(against)?.sequences;
        let result = prepare(result)?;
        let sequences = result.sequences.into_iter().zip(others).flat_map(|(one, other)| [one, other]).collect();
        Ok(AttributionResult { sequences, ..result })
    }
}
