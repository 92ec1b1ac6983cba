//! Warnings for the reader of a result.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Role of a text in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextKind {
    /// A text that is attributed: its input, and what was written for it.
    Attributed,
    /// An input text.
    Input,
    /// A generated text that is given.
    Generated,
    /// A text that a contrastive step function compares with.
    Contrast,
    /// A text with its context.
    WithContext,
    /// A text without its context.
    WithoutContext,
}

/// Name of one text of a call in a message.
///
/// ```
/// use inseq_core::{TextKind, TextName};
///
/// let name = TextName::new(TextKind::Input, 2);
/// assert_eq!(name.sentence("is empty"), "input text 3 is empty");
/// assert_eq!(name.sentence_alone("is empty"), "the input text is empty");
/// assert_eq!(TextName::new(TextKind::Attributed, 0).of(4).sentence(": 7 scores"), "text 1 of 4: 7 scores");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TextName {
    /// Purpose of the text.
    pub kind: TextKind,
    /// Index among the texts of the call.
    pub index: usize,
    /// Number of texts, where the message says it.
    pub count: Option<usize>,
}

impl TextName {
    /// The text of a kind at an index, from 0.
    pub const fn new(kind: TextKind, index: usize) -> Self {
        Self { kind, index, count: None }
    }

    /// As one of so many texts.
    #[must_use]
    pub fn of(self, count: usize) -> Self {
        Self { count: Some(count), ..self }
    }

    /// A sentence about the text. `message` goes on from its name, and may begin with a colon.
    pub fn sentence(&self, message: &str) -> String {
        joined(&self.to_string(), message)
    }

    /// The sentence for a reader who sees this text only.
    pub fn sentence_alone(&self, message: &str) -> String {
        joined(&format!("the {}", self.noun()), message)
    }

    fn noun(&self) -> &'static str {
        match self.kind {
            TextKind::Attributed => "text",
            TextKind::Input => "input text",
            TextKind::Generated => "generated text",
            TextKind::Contrast => "contrast text",
            TextKind::WithContext => "text with its context",
            TextKind::WithoutContext => "text without its context",
        }
    }
}

impl fmt::Display for TextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.noun(), self.index + 1)?;
        self.count.map_or(Ok(()), |count| write!(f, " of {count}"))
    }
}

fn joined(name: &str, message: &str) -> String {
    let space = if message.starts_with(':') { "" } else { " " };
    format!("{name}{space}{message}")
}

/// A warning for the reader of a result. In a file it is the sentence alone, and so warnings with the same sentence are equal.
///
/// ```
/// use inseq_core::{TextKind, TextName, Warning};
///
/// let warning = Warning::about(TextName::new(TextKind::Input, 2), "ends in a space");
/// assert_eq!(warning.to_string(), "input text 3 ends in a space");
/// assert_eq!(serde_json::to_value(&warning)?, "input text 3 ends in a space");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Warning {
    /// The text of the call that the warning is about; `None` if it is about the whole call, or if the warning was read from a file.
    pub text: Option<TextName>,
    /// Whether the text has no attribution. Then the message is the reason.
    pub is_refusal: bool,
    /// The sentence; if the warning is about a text, what follows its name.
    pub message: String,
}

impl PartialEq for Warning {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Warning {}

impl Hash for Warning {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_string().hash(state);
    }
}

impl Warning {
    /// A warning about a text. `message` follows the name of the text.
    pub fn about(text: TextName, message: impl Into<String>) -> Self {
        Self { text: Some(text), is_refusal: false, message: message.into() }
    }

    /// The warning that a text has no attribution.
    pub fn refusal(text: TextName, reason: impl Into<String>) -> Self {
        Self { text: Some(text), is_refusal: true, message: reason.into() }
    }

    /// The sentence for a reader who sees only the text that the warning is about.
    pub fn alone(&self) -> String {
        self.text.map_or_else(|| self.message.clone(), |text| text.sentence_alone(&self.predicate()))
    }

    /// What follows the name of the text.
    fn predicate(&self) -> String {
        if self.is_refusal { format!("is not attributed: {}", self.message) } else { self.message.clone() }
    }
}

impl From<String> for Warning {
    fn from(message: String) -> Self {
        Self { text: None, is_refusal: false, message }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text {
            Some(text) => f.write_str(&text.sentence(&self.predicate())),
            None => f.write_str(&self.message),
        }
    }
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Warning {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
