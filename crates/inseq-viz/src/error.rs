//! What can go wrong while drawing.

/// An error of this crate, naming the text, what was expected, what was found and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The attribution still has more axes than a picture can show.
    #[error(
        "text {text}: a picture needs one score per token ([attributed, step]), found a {found} attribution; aggregate it first"
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
    /// A generated token that should be explained is in none of the texts.
    #[error("there is no attributed token {step}; {known}")]
    Step {
        /// What was asked for.
        step: String,
        /// What there is.
        known: String,
    },
    /// A step score that should colour the tokens is not there.
    #[error(
        "text {text}: there is no step score `{name}` to colour tokens by; there are {known}; ask for it among the `step_scores` of the attribution"
    )]
    StepScore {
        /// Position of the text in the result, from 0.
        text: usize,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// An axis that should be shown or sliced is not there, or not as long as that.
    #[error("text {text}: {problem}")]
    Axis {
        /// Position of the text in the result, from 0.
        text: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Texts that should be compared do not pair up.
    #[error("{0}")]
    Pair(String),
    /// What is drawn here does not have that view.
    #[error("{picture} cannot show the view `{view}`; {instead}")]
    View {
        /// What is drawn.
        picture: &'static str,
        /// The view asked for.
        view: &'static str,
        /// What to do.
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
    /// The page could not be put together.
    #[error("the page could not be written: {0}")]
    Page(#[from] askama::Error),
    /// The scores could not be put into the page.
    #[error("the scores could not be written into the page: {0}")]
    Data(#[from] serde_json::Error),
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
