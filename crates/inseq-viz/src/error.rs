//! What can go wrong while drawing.

/// An error of this crate, naming the text, what was expected, what was found and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The attribution still has more axes than a picture can show.
    #[error(
        "text {text}: a picture needs one score a token ([attributed, step]), found a {found} attribution; aggregate it first"
    )]
    NotCoarse {
        /// Position of the text in the result, from 0.
        text: usize,
        /// The kind found, in words.
        found: String,
    },
    /// An array of scores does not fit the tokens it belongs to.
    #[error("text {text}: `{field}` should have shape {expected}, found {found:?}")]
    Shape {
        /// Position of the text in the result, from 0.
        text: usize,
        /// Name of the array.
        field: String,
        /// The shape that fits, in words.
        expected: String,
        /// The shape found.
        found: Vec<usize>,
    },
    /// The attributed positions do not lie in the target.
    #[error(
        "text {text}: attributed positions {start}..{end} do not lie in a target of {target} tokens; give a start no larger than the end, both at most {target}"
    )]
    Positions {
        /// Position of the text in the result, from 0.
        text: usize,
        /// First attributed position.
        start: usize,
        /// Position after the last attributed one.
        end: usize,
        /// Number of target tokens.
        target: usize,
    },
    /// The range asked for is empty or not a number.
    #[error("the colour scale needs a finite minimum below its maximum, found {min}..{max}")]
    Range {
        /// Smallest value asked for.
        min: f32,
        /// Largest value asked for.
        max: f32,
    },
    /// The page could not be put together.
    #[error("the page could not be written: {0}")]
    Page(#[from] askama::Error),
    /// The scores could not be put into the page.
    #[error("the scores could not be written into the page: {0}")]
    Data(#[from] serde_json::Error),
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
