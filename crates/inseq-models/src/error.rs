//! What can go wrong between a checkpoint and a generated text.

/// An error of this crate, naming file, field, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A value in a configuration or checkpoint file is missing, of the wrong type, or out of range.
    #[error("{file}: {message}")]
    Checkpoint {
        /// The file, as a person knows it (`config.json`).
        file: String,
        /// What was expected, what was found, and the way out.
        message: String,
    },
    /// A model of the hub cannot be had.
    #[error("{name}: {message}")]
    Hub {
        /// The model, as it was asked for.
        name: String,
        /// Why, and the way out.
        message: String,
    },
    /// A device's memory cannot be read.
    #[error("{what} cannot be read from the device: {message}")]
    Device {
        /// What was to be read.
        what: String,
        /// What the device said.
        message: String,
    },
    /// An argument of the caller is not usable.
    #[error("{0}")]
    Argument(String),
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
