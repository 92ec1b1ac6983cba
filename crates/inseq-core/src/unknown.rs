//! Names that nothing has.

use std::fmt;

/// A name that is not one of those known, with the nearest of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownName {
    /// The kind of thing that was asked for, such as `aggregation function`.
    pub kind: &'static str,
    /// The name given.
    pub name: String,
    /// The names there are.
    pub known: Vec<String>,
}

impl UnknownName {
    /// A name that is not one of `known`.
    pub fn new<T: Into<String>>(kind: &'static str, name: &str, known: impl IntoIterator<Item = T>) -> Self {
        Self { kind, name: name.to_owned(), known: known.into_iter().map(Into::into).collect() }
    }

    /// The known name that may have been meant.
    pub fn suggestion(&self) -> Option<&str> {
        nearest(&self.name, self.known.iter().map(String::as_str), 1).first().copied()
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {} `{}`; choose from {}", self.kind, self.name, self.known.join(", "))?;
        match self.suggestion() {
            Some(suggestion) => write!(f, " (did you mean `{suggestion}`?)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownName {}

/// Names that a wrong one may have been meant for: at most `most`, the nearest first.
///
/// Similarity is the mean of the normalized Damerau-Levenshtein similarity, which finds misspelt names, and of the Jaro-Winkler
/// similarity, which finds shortened ones. Names that are less than half similar are left out.
///
/// ```
/// use inseq_core::nearest;
///
/// assert_eq!(nearest("salience", ["saliency", "lime", "occlusion"], 1), ["saliency"]);
/// assert_eq!(nearest("fr", ["en_XX", "fr_XX"], 1), ["fr_XX"]);
/// assert!(nearest("x", ["saliency", "lime"], 3).is_empty());
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let similarity = |other: &str| {
        f64::midpoint(strsim::normalized_damerau_levenshtein(name, other), strsim::jaro_winkler(name, other))
    };
    let mut similar: Vec<(f64, &str)> = known.into_iter().map(|other| (similarity(other), other)).collect();
    similar.retain(|(similarity, _)| *similarity > 0.5);
    similar.sort_by(|a, b| b.0.total_cmp(&a.0));
    similar.into_iter().take(most).map(|(_, other)| other).collect()
}
