//! Errors of this crate. Messages count texts from 1, as captions do; fields count them from 0.

/// An error of this crate, naming the text, what was expected, what was found and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The attribution has more axes than a picture can show.
    #[error(
        "text {}: a picture needs one score per token ([attributed, step]), found a {found} attribution; aggregate it first",
        .text + 1
    )]
    NotCoarse {
        /// Position of the text in the result, from 0.
        text: usize,
        /// The kind found, in words.
        found: String,
    },
    /// An array of scores does not fit the tokens it belongs to.
    #[error("text {}: `{field}` should have shape {expected}, found {found:?}", .text + 1)]
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
    /// The attributed positions are not inside the target.
    #[error(
        "text {}: attributed positions {start}..{end} do not lie in a target of {target} tokens; give a start no larger than the end, both at most {target}",
        .text + 1
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
    /// The requested range is empty or not finite.
    #[error("the colour scale needs a finite minimum below its maximum, found {min}..{max}")]
    Range {
        /// Requested smallest value.
        min: f32,
        /// Requested largest value.
        max: f32,
    },
    /// An option has a value that shows nothing.
    #[error("`{option}` {problem}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What was found and what was expected.
        problem: &'static str,
    },
    /// No text has the requested generated token.
    #[error("there is no attributed token {step}; {known}")]
    Step {
        /// The requested token.
        step: String,
        /// The tokens that the texts have.
        known: String,
    },
    /// The step score that colours the tokens does not exist.
    #[error(
        "text {}: there is no step score `{name}` to colour tokens by; there are {known}; ask for it among the `step_scores` of the attribution",
        .text + 1
    )]
    StepScore {
        /// Position of the text in the result, from 0.
        text: usize,
        /// The requested name.
        name: String,
        /// The existing names, and the one that may be meant.
        known: String,
    },
    /// An axis to show or slice does not exist, or is too short.
    #[error("text {}: {problem}", .text + 1)]
    Axis {
        /// Position of the text in the result, from 0.
        text: usize,
        /// The problem and the way out.
        problem: String,
    },
    /// The texts to compare do not form pairs.
    #[error("{0}")]
    Pair(String),
    /// The result has no texts, so that a picture would be empty.
    #[error("there is nothing to draw: the result has no texts")]
    NoTexts,
    /// The picture does not support the view.
    #[error("{picture} cannot show the view `{view}`; {instead}")]
    View {
        /// The kind of picture.
        picture: &'static str,
        /// The requested view.
        view: &'static str,
        /// The way out.
        instead: &'static str,
    },
    /// A picture would be too large.
    #[error(
        "the picture would be {width} x {height} pixels; at most {limit} are drawn in all: show fewer texts or tokens"
    )]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// The largest number of pixels.
        limit: u32,
    },
    /// The picture could not be drawn.
    #[error("the picture could not be drawn: {0}")]
    Drawing(String),
    /// The page could not be written.
    #[error("the page could not be written: {0}")]
    Page(#[from] askama::Error),
    /// The scores could not be written into the page.
    #[error("the scores could not be written into the page: {0}")]
    Data(#[from] serde_json::Error),
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
