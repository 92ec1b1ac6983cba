//! Prompts with slots.

use std::ops::Range;

use inseq_core::did_you_mean;

use super::sources::{Source, Sources};
use crate::{Error, Message, Result};

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
    parts: Vec<Part>,
    /// Text between two documents in a slot.
    separator: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot(String),
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
        let mut parts: Vec<Part> = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(place) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(place);
            plain += before;
            let brace = &from[..1];
            if let Some(after) = from[1..].strip_prefix(brace) {
                plain += brace;
                rest = after;
                continue;
            }
            let found = from[1..].split_once('}').filter(|(name, _)| brace == "{" && is_name(name));
            let Some((name, after)) = found else {
                return Err(invalid(format!(
                    "has the brace `{brace}` at character {}, which is no part of a slot such as {{question}}; write `{brace}{brace}` \
                     for a brace of the text",
                    text[..text.len() - from.len()].chars().count()
                )));
            };
            if parts.iter().any(|part| matches!(part, Part::Slot(other) if other == name)) {
                return Err(invalid(format!("has the slot {{{name}}} twice; leave one of them out")));
            }
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Slot(name.to_owned()));
            rest = after;
        }
        parts.push(Part::Text(plain + rest));
        Ok(Self { parts, separator: "\n\n".to_owned() })
    }

    /// Sets the text between two documents. The default is a blank line.
    #[must_use]
    pub fn separator(self, separator: impl Into<String>) -> Self {
        Self { separator: separator.into(), ..self }
    }

    /// Names of the slots, in order.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Slot(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Fills the slots. The result is a prompt with its sources.
    ///
    /// # Errors
    /// A slot has no content, a content has no slot, there is no source, or a source has no text.
    pub fn fill<'s>(&self, contents: impl IntoIterator<Item = (&'s str, Slot)>) -> Result<Sources> {
        let mut contents: Vec<(&str, Slot)> = contents.into_iter().collect();
        if let Some((name, _)) = contents.iter().find(|(name, _)| !self.slots().any(|slot| slot == *name)) {
            let near = did_you_mean(name, self.slots(), 1);
            return Err(invalid(format!(
                "has no slot {{{name}}}, so that there is no place for its content; write {{{name}}} into the template{near}"
            )));
        }
        let mut prompt = String::new();
        let mut sources: Vec<(String, Range<usize>)> = Vec::new();
        for part in &self.parts {
            let name = match part {
                Part::Text(text) => {
                    prompt += text;
                    continue;
                }
                Part::Slot(name) => name,
            };
            let Some(place) = contents.iter().position(|(slot, _)| slot == name) else {
                return Err(invalid(format!(
                    "has the slot {{{name}}}, but nothing to fill it; give its content, or leave the slot out"
                )));
            };
            let start = prompt.len();
            match contents.swap_remove(place).1 {
                Slot::Fixed(text) => prompt += &text,
                Slot::Source(text) => {
                    prompt += &text;
                    sources.push((name.clone(), start..prompt.len()));
                }
                Slot::Documents(documents) => {
                    for (index, document) in documents.into_iter().enumerate() {
                        prompt += if index > 0 { &self.separator } else { "" };
                        let start = prompt.len();
                        prompt += document.text.trim();
                        sources.push((document.name, start..prompt.len()));
                    }
                }
            }
        }
        let source = |(name, span)| Source { name, message: 0, span };
        Sources::checked(vec![Message::user(prompt)], false, sources.into_iter().map(source).collect())
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn invalid(problem: String) -> Error {
    Error::argument("template", format!("the template {problem}"))
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
        for (text, part) in [
            ("a } b", "the brace `}` at character 2"),
            ("a {b c}", "the brace `{` at character 2"),
            ("a {", "the brace `{` at character 2"),
            ("{}", "the brace `{` at character 0"),
            ("{a} {a}", "has the slot {a} twice"),
        ] {
            let error = PromptTemplate::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
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
            (fill("{documents}", vec![("documents", documents(&["x", " \n"]))]), "has no text"),
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
