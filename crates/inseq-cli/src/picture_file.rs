//! The file of a picture.

use std::io::Write as _;

use inseq_viz::figure::{self, FigureOptions, Shown};

use crate::failure::Failure;
use crate::output::{self, Destination};
use crate::picture_format::Format;

/// Where a picture goes, and its format. Both are known before the work whose result it shows.
#[derive(Clone, Copy, Debug)]
pub struct PictureFile<'a> {
    place: &'a Destination,
    /// Format of the picture.
    pub format: Format,
}

impl<'a> PictureFile<'a> {
    /// The file that `--viz-path` and `--viz-format` ask for; none without them.
    ///
    /// # Errors
    /// There is no such format, or the file cannot be written.
    pub fn of(place: Option<&'a Destination>, chosen: Option<Format>) -> Result<Option<Self>, Failure> {
        const FLAG: &str = "--viz-format";
        match (place, chosen) {
            (Some(place), chosen) => {
                place.check_writable()?;
                let format = place.format(Format::of_file, (FLAG, chosen), Format::Html)?;
                match (place, format) {
                    (Destination::Standard, Format::Png) => Err(output::binary(FLAG, "PNG", "html, svg or tex")),
                    _ => Ok(Some(Self { place, format })),
                }
            }
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err(Failure::Argument("--viz-format is the format of --viz-path -, which is not given".into()))
            }
        }
    }

    /// Writes the picture, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, picture: &[u8]) -> Result<(), Failure> {
        match self.place {
            Destination::Standard => output::print(picture),
            Destination::File(path) => Ok(inseq_core::write_whole(path, true, |file| Ok(file.write_all(picture)?))?),
        }
    }
}

/// A picture for a paper, which a page is not.
///
/// # Errors
/// The result cannot be drawn.
pub fn figure<'s>(format: Format, shown: impl Into<Shown<'s>>, options: &FigureOptions) -> Result<Vec<u8>, Failure> {
    Ok(match format {
        Format::Png => figure::png(shown, options)?,
        Format::Tex => figure::tex(shown, options)?.into_bytes(),
        Format::Svg | Format::Html => figure::svg(shown, options)?.into_bytes(),
    })
}
