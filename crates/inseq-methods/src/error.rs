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
    #[error("unknown {kind} `{name}`; known: {known}{}", suggestion.as_ref().map_or(String::new(), |s| format!(" (did you mean `{s}`?)")))]
    Unknown {
        /// What the name should be of.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: String,
        /// The nearest of them.
        suggestion: Option<String>,
    },
    /// The progress callback asked to stop.
    #[error("the attribution was cancelled")]
    Cancelled,
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn unknown<'a>(kind: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let suggestion = nearest(name, known.iter().copied(), 1).first().map(|near| (*near).to_string());
        Error::Unknown { kind, name: name.to_string(), known: known.join(", "), suggestion }
    }
}

/// Names that a wrong one may have been meant for, the nearest first, `most` of them.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let similar = known.into_iter().map(|known| (strsim::normalized_damerau_levenshtein(known, name), known));
    let mut similar: Vec<(f64, &str)> = similar.filter(|(similarity, _)| *similarity > 0.5).collect();
    similar.sort_by(|a, b| b.0.total_cmp(&a.0));
    similar.into_iter().take(most).map(|(_, known)| known).collect()
}
