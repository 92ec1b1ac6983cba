//! Pictures of a result: on standard output, and in files.

use std::io::Write as _;
use std::path::Path;
use std::str::FromStr;

use inseq_core::AttributionResult;
use inseq_viz::figure::{self, FigureOptions};
use inseq_viz::html::{self, HtmlOptions};
use inseq_viz::terminal::{self, TerminalOptions};
use inseq_viz::{View, ViewOptions};

use crate::aggregation::Aggregation;
use crate::arguments::PictureArguments;
use crate::failure::Failure;
use crate::output::{self, Destination};
use crate::result_file::load;
use crate::warnings::warn;

/// The format of a picture at a place, where there can be one.
fn format(place: &Destination, chosen: Option<Format>) -> Result<Format, Failure> {
    const FLAG: &str = "--viz-format";
    place.check_folder()?;
    let format = place.format(Format::of_file, (FLAG, chosen), Format::Html)?;
    match (place, format) {
        (Destination::Standard, Format::Png) => Err(output::binary(FLAG, "PNG", "html, svg or tex")),
        _ => Ok(format),
    }
}

/// How a result is drawn, known before the work is done.
pub struct Pictures<'a> {
    arguments: &'a PictureArguments,
    options: ViewOptions,
    file: Option<(&'a Destination, Format)>,
    is_printed: bool,
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

impl FromStr for Format {
    type Err = String;

    fn from_str(end: &str) -> Result<Self, String> {
        Self::named(Path::new(&format!("picture.{end}"))).ok_or_else(|| "choose html, svg, png or tex".into())
    }
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

    fn of_file(path: &Path) -> Result<Self, Failure> {
        // As ever, what says nothing is a page.
        let Some(end) = path.extension() else { return Ok(Self::Html) };
        Self::named(path).ok_or_else(|| {
            Failure::Argument(format!("--viz-path: pictures are .html, .svg, .png or .tex, not .{}", end.display()))
        })
    }
}

impl<'a> Pictures<'a> {
    /// Reads the command line, so that an error comes before the work rather than after it. `result` is where the result goes.
    pub fn of(arguments: &'a PictureArguments, result: Option<&Destination>) -> Result<Self, Failure> {
        let outputs = [("--save-path", result), ("--viz-path", arguments.viz_path.as_ref())];
        output::check_one_standard(outputs)?;
        let is_printed = outputs.iter().all(|(_, place)| *place != Some(&Destination::Standard));
        let options = arguments.view.options()?;
        let against = arguments.view.against.as_deref().map(load).transpose()?;
        let file = match (&arguments.viz_path, arguments.viz_format) {
            (Some(place), chosen) => Some((place, format(place, chosen)?)),
            (None, None) => None,
            (None, Some(_)) => {
                return Err(Failure::Argument("--viz-format is the format of --viz-path -, which is not given".into()));
            }
        };
        Ok(Self { arguments, options, file, is_printed, against })
    }

    /// Writes the file that is asked for, if one is.
    pub fn save(&self, result: &AttributionResult, aggregation: &Aggregation) -> Result<(), Failure> {
        let Some((place, format)) = self.file else { return Ok(()) };
        let options = || FigureOptions {
            theme: self.arguments.view.theme.unwrap_or(inseq_viz::scale::Theme::Light),
            show_values: !self.arguments.view.hide_values,
            view: self.options.clone(),
            ..FigureOptions::default()
        };
        let bytes = match format {
            Format::Html => self.page(result, aggregation)?.into_bytes(),
            Format::Svg | Format::Png | Format::Tex => {
                let shown = self.shown(result, aggregation)?;
                let bytes = match format {
                    Format::Png => figure::png(&shown, &options())?,
                    Format::Tex => figure::tex(&shown, &options())?.into_bytes(),
                    _ => figure::svg(&shown, &options())?.into_bytes(),
                };
                inseq_viz::warnings(&shown, &self.options)?.iter().for_each(|warning| warn(warning));
                bytes
            }
        };
        match place {
            Destination::Standard => output::print(&bytes),
            Destination::File(path) => Ok(inseq_core::write_whole(path, true, |file| Ok(file.write_all(&bytes)?))?),
        }
    }

    /// Draws on standard output, unless a file goes there.
    pub fn print(&self, result: &AttributionResult, aggregation: &Aggregation) -> Result<(), Failure> {
        // A terminal has no links, and the file has been written.
        if !self.is_printed || self.options.view == View::Links && self.file.is_some() {
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
        let shown = self.shown(result, aggregation)?;
        let picture = terminal::render(&shown, &options)?;
        if self.file.is_none_or(|(_, format)| format == Format::Html) {
            inseq_viz::warnings(&shown, &self.options)?.iter().for_each(|warning| warn(warning));
        }
        output::print(picture.as_bytes())
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
