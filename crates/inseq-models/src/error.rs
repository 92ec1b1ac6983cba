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
    /// A file of the model is damaged, or a value or tensor in it is missing, of the wrong type, or out of range.
    #[error("{}{message}", place(file, tensor.as_deref()))]
    Checkpoint {
        /// Name of the file, such as `config.json`, or of the repository.
        file: String,
        /// Name of the tensor, if the error is about one.
        tensor: Option<String>,
        /// Expected value, found value, and the way out.
        message: String,
        /// The cause, if another library or the system reported it. The message includes its text.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A model of the hub is not available.
    #[error("{name}: {message}")]
    Hub {
        /// Requested name of the model.
        name: String,
        /// Reason, and the way out.
        message: String,
    },
    /// A device does not exist, is not in this build, or fails.
    #[error("{what} {problem}")]
    Device {
        /// The device, or a description of its values.
        what: String,
        /// The problem and the way out.
        problem: String,
    },
    /// An argument of the caller is invalid.
    #[error("{problem}")]
    Argument {
        /// Name of the argument, such as `num_beams`.
        name: String,
        /// Found and expected value, and the way out, as a whole sentence.
        problem: String,
    },
    /// A text is longer than the model or an option allows.
    #[error("{problem}")]
    Limit {
        /// Name of the argument with the limit, or of the one that exceeds it.
        name: String,
        /// The found size, the limit and the way out, as a whole sentence.
        problem: String,
    },
    /// The generation was stopped: its progress callback returned `Break`. The callback of `inseq-methods` does so also when the
    /// `Cancellation` of the call is cancelled.
    #[error("the generation was cancelled")]
    Cancelled,
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The place of an error in a checkpoint, as the start of a message.
fn place(file: &str, tensor: Option<&str>) -> String {
    match tensor {
        Some(tensor) => format!("{file}: {tensor}: "),
        None => format!("{file}: "),
    }
}

impl Error {
    /// An invalid argument: its name, and a whole sentence about the found and expected value and the way out.
    pub fn argument(name: &str, problem: String) -> Self {
        Self::Argument { name: name.to_owned(), problem }
    }

    pub(crate) fn limit(name: &str, problem: String) -> Self {
        Self::Limit { name: name.to_owned(), problem }
    }

    pub(crate) fn device(what: impl Into<String>, problem: String) -> Self {
        Self::Device { what: what.into(), problem }
    }

    /// An error about a file of a model: its name, and the expected value, the found value and the way out.
    pub fn checkpoint(file: impl Into<String>, message: String) -> Self {
        Self::Checkpoint { file: file.into(), tensor: None, message, source: None }
    }

    /// An error about a tensor in a file of a model.
    pub(crate) fn tensor(file: impl Into<String>, tensor: &str, message: String) -> Self {
        Self::Checkpoint { file: file.into(), tensor: Some(tensor.to_owned()), message, source: None }
    }

    /// The same error about a checkpoint with its cause.
    pub(crate) fn caused_by(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        if let Self::Checkpoint { source, .. } = &mut self {
            *source = Some(Box::new(cause));
        }
        self
    }
}
