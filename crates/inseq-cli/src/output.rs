//! Standard output, and where outputs go.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser, ValueParserFactory};

use crate::failure::Failure;
use crate::input::is_standard;

/// Where a result or a picture goes. `-` is standard output; a file of that name is `./-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Standard,
    /// A file.
    File(PathBuf),
}

impl From<OsString> for Destination {
    fn from(path: OsString) -> Self {
        if is_standard(Path::new(&path)) { Self::Standard } else { Self::File(path.into()) }
    }
}

impl ValueParserFactory for Destination {
    type Parser = clap::builder::MapValueParser<OsStringValueParser, fn(OsString) -> Destination>;

    fn value_parser() -> Self::Parser {
        OsStringValueParser::new().map(Destination::from)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Destination {
    /// Whether both are standard output, or one file by its absolute path.
    fn is_same(&self, other: &Self) -> bool {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match (self, other) {
            (Self::Standard, Self::Standard) => true,
            (Self::File(one), Self::File(other)) => absolute(one) == absolute(other),
            _ => false,
        }
    }

    /// Checks, before the work rather than after it, that a file can be written.
    pub fn check_writable(&self) -> Result<(), Failure> {
        match self {
            Self::Standard => Ok(()),
            Self::File(path) => Ok(inseq_core::check_writable(path)?),
        }
    }

    /// Checks, before the work, that JSON can be written: that a file can, and that its name does not end as that of another format.
    ///
    /// # Errors
    /// Where it cannot, or where its name ends so.
    pub fn check_json(&self, flag: &str) -> Result<(), Failure> {
        if let Self::File(path) = self
            && let Some(end) = path.extension()
            && !end.eq_ignore_ascii_case("json")
        {
            return Err(Failure::Argument(format!(
                "{flag} {}: this command saves JSON only; name a .json",
                path.display()
            )));
        }
        self.check_writable()
    }

    /// The format of what goes here: what the end of a file's name says (`named`); on standard output what `chosen` says, or
    /// else `usual`. `flag` chooses it.
    ///
    /// # Errors
    /// Where `chosen` is given for a file.
    pub fn format<F>(
        &self,
        named: impl FnOnce(&Path) -> Result<F, Failure>,
        (flag, chosen): (&str, Option<F>),
        usual: F,
    ) -> Result<F, Failure> {
        match (self, chosen) {
            (Self::Standard, chosen) => Ok(chosen.unwrap_or(usual)),
            (Self::File(path), None) => named(path),
            (Self::File(path), Some(_)) => Err(Failure::Argument(format!(
                "{flag} is the format of standard output (-); the end of the name says that of {}",
                path.display()
            ))),
        }
    }
}

/// Checks that two outputs do not go to one place. `outputs` are flags and where they point.
pub fn check_places<'a>(outputs: impl IntoIterator<Item = (&'a str, Option<&'a Destination>)>) -> Result<(), Failure> {
    let mut given: Vec<(&str, &Destination)> = Vec::new();
    for (flag, place) in outputs {
        let Some(place) = place else { continue };
        let other = given.iter().find(|(_, other)| other.is_same(place));
        match (other, place) {
            (Some((other, _)), Destination::Standard) => {
                return Err(Failure::Argument(format!(
                    "{other} and {flag} both write to standard output, which takes one of them; name a file for the other"
                )));
            }
            (Some((other, _)), Destination::File(path)) => {
                return Err(Failure::Argument(format!(
                    "{other} and {flag} both write to {}, which holds one of them; name another file for one",
                    path.display()
                )));
            }
            (None, _) => given.push((flag, place)),
        }
    }
    Ok(())
}

/// Says before the work that a dry run has nothing to write. `outputs` are flags and where they point.
pub fn check_dry_run<'a>(outputs: impl IntoIterator<Item = (&'a str, Option<&'a Destination>)>) -> Result<(), Failure> {
    match outputs.into_iter().find(|(_, place)| place.is_some()) {
        Some((flag, _)) => Err(Failure::Argument(format!(
            "--dry-run has no result, so that {flag} has nothing to write; leave one of the two out"
        ))),
        None => Ok(()),
    }
}

/// The error of a format that is not text, on standard output.
pub fn binary(flag: &str, format: &str, texts: &str) -> Failure {
    Failure::Argument(format!(
        "{format} is binary and does not go to standard output; name a file, or choose {texts} by {flag}"
    ))
}

/// Prints to standard output. A reader that has gone is no error.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(bytes).and_then(|()| output.flush()).map_err(of_output)
}

fn of_output(source: io::Error) -> Failure {
    match source.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Stream { stream: "standard output", source },
    }
}

/// Prints a table.
pub fn print_table(table: &comfy_table::Table) -> Result<(), Failure> {
    print(lines(table).as_bytes())
}

/// The lines of a table. Cells are padded on both sides; at the ends of a line that is of no use.
pub fn lines(table: &comfy_table::Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end().strip_prefix(' ').unwrap_or(&line))).collect()
}
