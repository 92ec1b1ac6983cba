//! Unknown names.

use std::fmt;

/// An unknown name, with the known names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownName {
    /// Kind of the requested thing, such as `aggregation function`.
    pub kind: &'static str,
    /// The unknown name.
    pub name: String,
    /// The known names.
    pub known: Vec<String>,
}

impl UnknownName {
    /// Makes the error for a name that is not one of `known`.
    pub fn new<T: Into<String>>(kind: &'static str, name: &str, known: impl IntoIterator<Item = T>) -> Self {
        Self { kind, name: name.to_owned(), known: known.into_iter().map(Into::into).collect() }
    }

    /// The most similar known name, if any is similar.
    pub fn suggestion(&self) -> Option<&str> {
        nearest(&self.name, self.known.iter().map(String::as_str), 1).first().copied()
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, known } = self;
        match known.is_empty() {
            true => write!(f, "unknown {kind} `{name}`; none is known here"),
            false => {
                let near = did_you_mean(name, known.iter().map(String::as_str), 1);
                write!(f, "unknown {kind} `{name}`; choose from {}{near}", known.join(", "))
            }
        }
    }
}

impl std::error::Error for UnknownName {}

/// Known names that are similar to a wrong one, at most `most`, as the end of a message; empty if no name is similar.
///
/// ```
/// use inseq_core::did_you_mean;
///
/// assert_eq!(did_you_mean("salience", ["saliency", "lime"], 1), " (did you mean `saliency`?)");
/// assert_eq!(did_you_mean("x", ["saliency", "lime"], 1), "");
/// ```
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let near: Vec<String> = nearest(name, known, most).iter().map(|near| format!("`{near}`")).collect();
    if near.is_empty() { String::new() } else { format!(" (did you mean {}?)", near.join(" or ")) }
}

/// Known names that are similar to a wrong one: at most `most`, the most similar first.
///
/// Similarity is the mean of the normalized Damerau-Levenshtein similarity, which finds misspelt names, and of the Jaro-Winkler
/// similarity, which finds shortened ones. Names with a similarity below one half are omitted.
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
