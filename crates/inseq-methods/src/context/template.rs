//! Templates with placeholders for a text and its context.

use std::ops::Range;

use crate::{Error, Result};

/// Place of the studied text.
const CURRENT: &str = "current";
/// Place of its context.
const CONTEXT: &str = "context";

/// A template, in the syntax of Python's `str.format`: `{current}`, `{context}`, and double braces for braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Current,
    Context,
}

/// A template with its texts, and their spans of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) text: String,
    pub(super) current: Range<usize>,
    pub(super) context: Option<Range<usize>>,
}

impl Rendered {
    /// The same texts behind `before`, whose spans move by the length of it.
    pub(super) fn after(self, before: &str) -> Self {
        let moved = |span: Range<usize>| span.start + before.len()..span.end + before.len();
        Self { text: format!("{before}{}", self.text), current: moved(self.current), context: self.context.map(moved) }
    }
}

impl Template {
    /// Reads the template of an argument: with `{current}` once, and with `{context}` once at most.
    ///
    /// # Errors
    /// The template has no `{current}`, another placeholder, or one of them twice; the error names the argument.
    pub(super) fn read(argument: &str, template: &str) -> Result<Self> {
        let refuse = |problem: &str| {
            Err(Error::argument(argument, format!("`{argument}` {problem}; the template is {template:?}")))
        };
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(more) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = more;
                continue;
            }
            let name = rest.split_once('}').filter(|_| brace == "{");
            let part = match name {
                Some((CURRENT, _)) => Part::Current,
                Some((CONTEXT, _)) => Part::Context,
                Some((name, _)) => {
                    return refuse(&format!(
                        "has the placeholder `{{{name}}}`; a template has {{current}} and {{context}}, and braces as text are written \
                         twice"
                    ));
                }
                None => return refuse("has a single brace; braces as text are written twice"),
            };
            if parts.contains(&part) {
                return refuse(&format!("has {brace}{}}} twice; expected it once", name.unwrap_or_default().0));
            }
            parts.extend((!literal.is_empty()).then(|| Part::Literal(std::mem::take(&mut literal))));
            parts.push(part);
            rest = name.unwrap_or_default().1;
        }
        literal.push_str(rest);
        parts.extend((!literal.is_empty()).then_some(Part::Literal(literal)));
        match parts.contains(&Part::Current) {
            true => Ok(Self { parts }),
            false => refuse("has no place for the text; write {current} where it stands"),
        }
    }

    /// Whether there is a place for a context.
    pub(super) fn has_context(&self) -> bool {
        self.parts.contains(&Part::Context)
    }

    /// Whether the place of the context is before that of the text.
    pub(super) fn context_is_first(&self) -> bool {
        self.parts.iter().find(|part| !matches!(part, Part::Literal(_))) == Some(&Part::Context)
    }

    /// The template with its texts.
    pub(super) fn render(&self, current: &str, context: Option<&str>) -> Rendered {
        let mut rendered = Rendered { text: String::new(), current: 0..0, context: None };
        for part in &self.parts {
            let start = rendered.text.len();
            rendered.text.push_str(match part {
                Part::Literal(literal) => literal,
                Part::Current => current,
                Part::Context => context.unwrap_or_default(),
            });
            let span = start..rendered.text.len();
            match part {
                Part::Current => rendered.current = span,
                Part::Context => rendered.context = Some(span),
                Part::Literal(_) => {}
            }
        }
        rendered
    }

    /// The text before the first place.
    pub(super) fn prefix(&self) -> &str {
        self.literal_at(0)
    }

    /// The text between the places of the context and of the text.
    pub(super) fn separator(&self) -> &str {
        let context = self.parts.iter().position(|part| *part == Part::Context);
        context.map_or("", |place| self.literal_at(place + 1))
    }

    /// The text behind the place of the text.
    pub(super) fn suffix(&self) -> &str {
        let current = self.parts.iter().position(|part| *part == Part::Current);
        current.map_or("", |place| self.literal_at(place + 1))
    }

    fn literal_at(&self, index: usize) -> &str {
        match self.parts.get(index) {
            Some(Part::Literal(literal)) => literal,
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_those_of_the_texts() {
        let template = Template::read("input_template", "<q>{{x}} {context}\n{current}</q>").unwrap();
        let rendered = template.render("Où?", Some("Là."));
        assert_eq!(rendered.text, "<q>{x} Là.\nOù?</q>");
        assert_eq!(&rendered.text[rendered.current.clone()], "Où?");
        assert_eq!(&rendered.text[rendered.context.clone().unwrap()], "Là.");
        assert_eq!((template.prefix(), template.separator(), template.suffix()), ("<q>{x} ", "\n", "</q>"));
        assert!(template.has_context() && template.context_is_first());
        let moved = rendered.after("Q: ");
        assert_eq!((&moved.text[moved.current], &moved.text[moved.context.unwrap()]), ("Où?", "Là."));
    }

    #[test]
    fn a_template_without_places_is_refused() {
        for (template, expected) in [
            ("", "has no place for the text; write {current}"),
            ("{context}", "has no place for the text"),
            ("{current} {current}", "has {current} twice"),
            ("{current} {question}", "has the placeholder `{question}`"),
            ("{current} {", "has a single brace"),
            ("} {current}", "has a single brace"),
            ("{current", "has a single brace"),
        ] {
            let error = Template::read("output_template", template).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`output_template` {expected}")), "{template}: {error}");
        }
    }

    #[test]
    fn a_context_may_stand_behind() {
        let template = Template::read("input_template", "{current} {context}").unwrap();
        assert!(template.has_context() && !template.context_is_first());
        assert_eq!((template.prefix(), template.suffix()), ("", " "));
    }
}
