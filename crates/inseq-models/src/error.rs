//! Errors of this crate.

/// An error of this crate, naming file, field, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// A value in a configuration or checkpoint file is missing, of the wrong type, or out of range.
    #[error("{file}: {message}")]
    Checkpoint {
        /// Name of the file, such as `config.json`.
        file: String,
        /// Expected value, found value, and the way out.
        message: String,
    },
    /// A model of the hub is not available.
    #[error("{name}: {message}")]
    Hub {
        /// Requested name of the model.
        name: String,
        /// Reason, and the way out.
        message: String,
    },
    /// A device's memory cannot be read.
    #[error("{what} cannot be read from the device: {message}")]
    Device {
        /// Description of the values.
        what: String,
        /// Message of the device.
        message: String,
    },
    /// An argument of the caller is invalid.
    #[error("{0}")]
    Argument(String),
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
