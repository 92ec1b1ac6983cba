//! Which format a picture has, by the end of its file's name.

use std::path::Path;
use std::str::FromStr;

use crate::failure::Failure;

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

    /// The format of a file; a page where the name has no end.
    ///
    /// # Errors
    /// Where the end of the name is no picture's.
    pub fn of_file(path: &Path) -> Result<Self, Failure> {
        let Some(end) = path.extension() else { return Ok(Self::Html) };
        Self::named(path).ok_or_else(|| {
            Failure::Argument(format!("--viz-path: pictures are .html, .svg, .png or .tex, not .{}", end.display()))
        })
    }
}
