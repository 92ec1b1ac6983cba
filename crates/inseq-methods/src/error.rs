//! Errors of this crate.

use inseq_core::TextName;

/// An error of this crate, naming the thing, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Error of the model, its checkpoint or its tokenizer.
    #[error(transparent)]
    Model(inseq_models::Error),
    /// Error of the result.
    #[error(transparent)]
    Result(#[from] inseq_core::Error),
    /// An argument of the call is invalid.
    #[error("{}", said(text.as_ref(), problem))]
    Argument {
        /// Name of the argument, such as `batch_size`.
        name: String,
        /// The text of the call that is at fault, if it is one text.
        text: Option<TextName>,
        /// Found and expected value, and the way out, as a whole sentence; of a text, what follows its name.
        problem: String,
    },
    /// A text is longer than the model or an option allows.
    #[error("{}", said(text.as_ref(), problem))]
    Limit {
        /// Name of the argument that exceeds the limit, such as `input_texts`.
        name: String,
        /// The text of the call that exceeds it, if it is one text.
        text: Option<TextName>,
        /// The found size, the limit and the way out, as a whole sentence; of a text, what follows its name.
        problem: String,
    },
    /// A device fails: its memory cannot be read, or holds other values than were computed.
    #[error("{what} {problem}")]
    Device {
        /// Description of the values or of the device.
        what: String,
        /// Message of the device.
        problem: String,
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
    /// The output of a step function does not fit its steps. This is a bug of the function, not of the call.
    #[error("the step function `{function}` {problem}")]
    StepFunction {
        /// Name of the step function.
        function: String,
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
    /// The call was stopped: by its [`Cancellation`](crate::Cancellation), or by a progress callback that returned `Break`.
    #[error("the attribution was cancelled")]
    Cancelled,
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An invalid argument: its name, and a whole sentence about the found and expected value and the way out.
    ///
    /// ```
    /// use inseq_methods::Error;
    ///
    /// let error = Error::argument("scale", "`scale` must be a number above 0, found -1".into());
    /// assert!(matches!(&error, Error::Argument { name, .. } if name == "scale"));
    /// assert_eq!(error.to_string(), "`scale` must be a number above 0, found -1");
    /// ```
    pub fn argument(name: &str, problem: String) -> Self {
        Self::Argument { name: name.to_owned(), text: None, problem }
    }

    /// A text of an argument is invalid; `problem` follows the name of the text in the message.
    ///
    /// ```
    /// use inseq_core::{TextKind, TextName};
    /// use inseq_methods::Error;
    ///
    /// let error = Error::of_text("input_texts", TextName::new(TextKind::Input, 2), "is empty");
    /// assert_eq!(error.to_string(), "input text 3 is empty");
    /// assert_eq!(error.alone(), "the input text is empty");
    /// ```
    pub fn of_text(name: &str, text: TextName, problem: impl Into<String>) -> Self {
        Self::Argument { name: name.to_owned(), text: Some(text), problem: problem.into() }
    }

    /// A text of an argument is too long; `problem` follows its name.
    pub(crate) fn limit(name: &str, text: TextName, problem: String) -> Self {
        Self::Limit { name: name.to_owned(), text: Some(text), problem }
    }

    /// The text of the call that is at fault, if it is known to be one text.
    pub fn text(&self) -> Option<TextName> {
        match self {
            Self::Argument { text, .. } | Self::Limit { text, .. } => *text,
            _ => None,
        }
    }

    /// The message for a reader who sees only the text that is at fault.
    pub fn alone(&self) -> String {
        match self {
            Self::Argument { text: Some(text), problem, .. } | Self::Limit { text: Some(text), problem, .. } => {
                text.sentence_alone(problem)
            }
            other => other.to_string(),
        }
    }

    /// The error of a call with some of the texts, of which the first one is number `first` of the whole call.
    pub(crate) fn among(mut self, first: usize) -> Self {
        if let Self::Argument { text: Some(text), .. } | Self::Limit { text: Some(text), .. } = &mut self {
            text.index += first;
        }
        self
    }

    pub(crate) fn device(what: impl Into<String>, problem: String) -> Self {
        Self::Device { what: what.into(), problem }
    }

    /// The same error with a note at the end of its message; errors without a sentence of their own do not change.
    pub(crate) fn noted(mut self, note: &str) -> Self {
        match &mut self {
            Self::Argument { problem, .. } | Self::Limit { problem, .. } => *problem += &format!(" ({note})"),
            Self::Model(inseq_models::Error::Argument { problem, .. } | inseq_models::Error::Limit { problem, .. }) => {
                *problem += &format!(" ({note})");
            }
            _ => {}
        }
        self
    }

    pub(crate) fn unknown<'a>(kind: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        Error::Unknown(inseq_core::UnknownName::new(kind, name, known))
    }
}

/// A problem as a sentence.
fn said(text: Option<&TextName>, problem: &str) -> String {
    text.map_or_else(|| problem.to_owned(), |text| text.sentence(problem))
}

impl From<inseq_models::Error> for Error {
    /// A cancelled generation is a cancelled attribution.
    fn from(error: inseq_models::Error) -> Self {
        match error {
            inseq_models::Error::Cancelled => Self::Cancelled,
            other => Self::Model(other),
        }
    }
}
