//! Prompts with slots.

use std::ops::Range;

use inseq_core::did_you_mean;

use super::sources::{Source, Sources};
use crate::template::Template;
use crate::{Chat, Error, Result};

/// Name of the argument in messages.
const ARGUMENT: &str = "template";

/// A text that sources are taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Name for the reader, such as the name of a file.
    pub name: String,
    /// Text of the document.
    pub text: String,
}

impl Document {
    /// Makes a document.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// Content of a slot of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slot {
    /// Text that is no source, such as a question.
    Fixed(String),
    /// Text that is one source, with the name of the slot.
    Source(String),
    /// Documents, each a source, with the separator of the template between them.
    Documents(Vec<Document>),
}

/// Text of a prompt with named slots.
///
/// A slot is a name in braces, such as `{question}`. Two braces stand for one: `{{` for `{`, `}}` for `}`.
///
/// ```
/// use inseq_methods::citations::{Document, PromptTemplate, Slot};
///
/// let template = PromptTemplate::parse("Read this. {documents} Who was {{late}}? {question}")?;
/// let documents = vec![Document::new("a", "The nurse was late."), Document::new("b", "It rained.")];
/// let sources = template
///     .fill([("documents", Slot::Documents(documents)), ("question", Slot::Fixed("Say a name.".into()))])?;
/// assert_eq!(sources.names().collect::<Vec<_>>(), ["a", "b"]);
/// assert_eq!(sources.texts().collect::<Vec<_>>(), ["The nurse was late.", "It rained."]);
/// # Ok::<(), inseq_methods::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptTemplate {
    template: Template,
    /// The template as it was given.
    text: String,
    /// Text between two documents in a slot.
    separator: String,
}

impl PromptTemplate {
    /// Template of a question about documents, that of the package `context-cite`.
    pub const QUESTION: &str = "Context: {documents}\n\nQuery: {question}";

    /// Template of documents without a question.
    pub const DOCUMENTS: &str = "{documents}";

    /// Reads a template.
    ///
    /// # Errors
    /// A brace has no partner, a name is empty or has other characters than letters, digits and `_`, or a slot occurs twice.
    pub fn parse(text: &str) -> Result<Self> {
        let template = Template::parse(ARGUMENT, text)?;
        Ok(Self { template, text: text.to_owned(), separator: "\n\n".to_owned() })
    }

    /// Sets the text between two documents. The default is a blank line.
    #[must_use]
    pub fn separator(self, separator: impl Into<String>) -> Self {
        Self { separator: separator.into(), ..self }
    }

    /// Names of the slots, in order.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        self.template.slots()
    }

    /// Fills the slots. The result is a prompt with its sources.
    ///
    /// # Errors
    /// A slot has no content, a content has no slot, there is no source, or a source has no text.
    pub fn fill<'s>(&self, contents: impl IntoIterator<Item = (&'s str, Slot)>) -> Result<Sources> {
        let mut contents: Vec<(&str, Slot)> = contents.into_iter().collect();
        if let Some((name, _)) = contents.iter().find(|(name, _)| !self.template.has(name)) {
            let near = did_you_mean(name, self.slots(), 1);
            return Err(self.invalid(&format!(
                "has no slot {{{name}}}, so that there is no place for its content; write {{{name}}} into the template{near}"
            )));
        }
        if let Some(index) =
            (1..contents.len()).find(|&index| contents[..index].iter().any(|one| one.0 == contents[index].0))
        {
            return Err(self.invalid(&format!(
                "has one slot {{{0}}}, but two contents for it; leave one of them out, or write another slot into the template",
                contents[index].0
            )));
        }
        if let Some(slot) = self.slots().find(|slot| !contents.iter().any(|(name, _)| name == slot)) {
            return Err(self.invalid(&format!(
                "has the slot {{{slot}}}, but nothing to fill it; give its content, or leave the slot out"
            )));
        }
        let mut sources: Vec<(String, Range<usize>)> = Vec::new();
        let filled = self.template.fill(|slot, prompt| {
            let start = prompt.len();
            let content =
                contents.iter().position(|(name, _)| *name == slot).map(|place| contents.swap_remove(place).1);
            match content {
                None => {}
                Some(Slot::Fixed(text)) => *prompt += &text,
                Some(Slot::Source(text)) => {
                    *prompt += &text;
                    sources.push((slot.to_owned(), start..prompt.len()));
                }
                Some(Slot::Documents(documents)) => {
                    for (index, document) in documents.into_iter().enumerate() {
                        *prompt += if index > 0 { &self.separator } else { "" };
                        let start = prompt.len();
                        *prompt += document.text.trim();
                        sources.push((document.name, start..prompt.len()));
                    }
                }
            }
        });
        let sources = sources.into_iter().map(|(name, span)| Source::of_prompt(name, span));
        let sources = Sources::checked(Chat::user(filled.text), false, sources.collect())?;
        Ok(sources.separated_by(&self.separator))
    }

    fn invalid(&self, problem: &str) -> Error {
        Error::argument(ARGUMENT, format!("the template {:?} {problem}", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(texts: &[&str]) -> Slot {
        Slot::Documents(texts.iter().map(|text| Document::new("d", *text)).collect())
    }

    #[test]
    fn braces_are_slots_or_doubled() {
        let template = PromptTemplate::parse("{{a}} {documents} {{{question}}}").unwrap();
        assert_eq!(template.slots().collect::<Vec<_>>(), ["documents", "question"]);
        let sources =
            template.fill([("documents", documents(&[" x "])), ("question", Slot::Fixed("y".into()))]).unwrap();
        assert_eq!(sources.prompt(), "{a} x {y}");
        let error = PromptTemplate::parse("a {b c}").unwrap_err().to_string();
        assert!(error.starts_with("`template` has the brace `{` at character 2"), "{error}");
    }

    #[test]
    fn slots_and_contents_belong_together() {
        let fill = |text: &str, contents: Vec<(&str, Slot)>| {
            PromptTemplate::parse(text).unwrap().fill(contents).unwrap_err().to_string()
        };
        let question = || ("question", Slot::Fixed("y".into()));
        for (error, part) in [
            (fill("{documents}", vec![("documents", documents(&["x"])), question()]), "has no slot {question}"),
            (fill("{documents} {questions}", vec![("documents", documents(&["x"])), question()]), "did you mean"),
            (
                fill("{documents} {question}", vec![("documents", documents(&["x"]))]),
                "has the slot {question}, but nothing",
            ),
            (fill("{documents}", vec![("documents", documents(&[]))]), "no source"),
            (
                fill("{question} {documents}", vec![question(), ("documents", documents(&["x"])), question()]),
                "has one slot {question}, but two contents",
            ),
            (fill("{documents}", vec![("documents", documents(&["x", " \n"]))]), "has no text"),
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
