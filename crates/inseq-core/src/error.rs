//! Errors of this crate.

use std::path::PathBuf;

use crate::UnknownName;

/// An error of this crate, naming the thing, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value does not fit the rest of the result.
    #[error("{0}")]
    Invalid(String),
    /// An argument of the caller is invalid.
    #[error("{problem}")]
    Argument {
        /// Name of the argument, such as `split_pattern`.
        name: String,
        /// Found and expected value, and the way out, as a whole sentence.
        problem: String,
    },
    /// A file or a result is larger than a limit.
    #[error("{problem}")]
    Limit {
        /// Name of the option that holds the limit, or of the part that exceeds it.
        name: String,
        /// The limit and the way out, as a whole sentence.
        problem: String,
    },
    /// A name is unknown.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// A saved result is damaged, or the file is not a saved result.
    #[error("{place}: {message}")]
    Malformed {
        /// Place in the file: a field path such as `sequence_attributions[0].source[3].id`.
        place: String,
        /// Expected and found value.
        message: String,
    },
    /// A requested feature is not implemented.
    #[error("{0}")]
    Unsupported(String),
    /// The file to be written exists already, and `overwrite` is not set.
    #[error("{} already exists; choose another path or set `overwrite`", .0.display())]
    Exists(PathBuf),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// An error about one file.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error.
        source: Box<Error>,
    },
}

impl Error {
    /// The same error, with the file that it occurred in.
    pub(crate) fn at(self, path: &std::path::Path) -> Self {
        match self {
            Self::Exists(_) | Self::File { .. } => self,
            other => Self::File { path: path.to_owned(), source: Box::new(other) },
        }
    }

    /// An invalid argument: its name, and a whole sentence about the found and expected value and the way out.
    pub fn argument(name: &str, problem: String) -> Self {
        Self::Argument { name: name.to_owned(), problem }
    }

    pub(crate) fn limit(name: &str, problem: String) -> Self {
        Self::Limit { name: name.to_owned(), problem }
    }

    /// An error about an unknown name.
    pub(crate) fn unknown<T: Into<String>>(kind: &'static str, name: &str, known: impl IntoIterator<Item = T>) -> Self {
        Self::Unknown(UnknownName::new(kind, name, known))
    }

    /// An error about a place in a saved result.
    pub(crate) fn malformed(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Malformed { place: place.into(), message: message.into() }
    }
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
