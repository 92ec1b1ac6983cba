//! Errors of this crate.

/// An error of this crate, naming the thing, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Error of the model, its checkpoint or its tokenizer.
    #[error(transparent)]
    Model(#[from] inseq_models::Error),
    /// Error of the result.
    #[error(transparent)]
    Result(#[from] inseq_core::Error),
    /// An argument of the call is invalid.
    #[error("{0}")]
    Argument(String),
    /// A device's memory cannot be read.
    #[error("{what} cannot be read from the device: {message}")]
    Device {
        /// Description of the values.
        what: String,
        /// Message of the device.
        message: String,
    },
    /// A name is unknown.
    #[error(transparent)]
    Unknown(#[from] inseq_core::UnknownName),
    /// The output of a method does not fit its texts. This is a bug of the method, not of the call.
    #[error("the method `{method}` {problem}")]
    Method {
        /// Name of the method.
        method: String,
        /// Found and expected output.
        problem: String,
    },
    /// An argument names a file or a model, and the policy of the call does not let it be opened.
    #[error("{what} may not be opened: the policy of this call has `{permission}` off")]
    NotAllowed {
        /// The file or model, and the method that needs it.
        what: String,
        /// The missing permission.
        permission: &'static str,
    },
    /// The progress callback asked to stop.
    #[error("the attribution was cancelled")]
    Cancelled,
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn unknown<'a>(kind: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        Error::Unknown(inseq_core::UnknownName::new(kind, name, known))
    }
}
