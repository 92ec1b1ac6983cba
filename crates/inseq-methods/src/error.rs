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
        let suggestion = known
            .iter()
            .map(|k| (strsim::normalized_damerau_levenshtein(k, name), *k))
            .filter(|(similarity, _)| *similarity > 0.5)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, k)| k.to_string());
        Error::Unknown { kind, name: name.to_string(), known: known.join(", "), suggestion }
    }
}
