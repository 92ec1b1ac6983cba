//! What can go wrong in an attribution.

/// An error of this crate, naming the thing, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// From the model, its checkpoint or its tokenizer.
    #[error(transparent)]
    Model(#[from] inseq_models::Error),
    /// From the result.
    #[error(transparent)]
    Result(#[from] inseq_core::Error),
    /// An argument of the call is not usable.
    #[error("{0}")]
    Argument(String),
    /// A device's memory cannot be read.
    #[error("{what} cannot be read from the device: {message}")]
    Device {
        /// What was to be read.
        what: String,
        /// What the device said.
        message: String,
    },
    /// A name is not known.
    #[error(transparent)]
    Unknown(#[from] inseq_core::UnknownName),
    /// A method gave what does not fit its texts: a mistake of the method, not of the call.
    #[error("the method `{method}` {problem}")]
    Method {
        /// The name of the method.
        method: String,
        /// What it gave, and what was expected.
        problem: String,
    },
    /// An argument names a file or a model, and the policy of the call does not let it be opened.
    #[error("{what} may not be opened: the policy of this call has `{permission}` off")]
    NotAllowed {
        /// What was to be opened, and by which method.
        what: String,
        /// The permission that is missing.
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
