//! Templates that put a text after its context.

use std::ops::Range;

use inseq_core::did_you_mean;

use crate::Result;
use crate::template::{self, refused};

/// Slot of the studied text.
const CURRENT: &str = "current";
/// Slot of its context.
const CONTEXT: &str = "context";

/// A template with the slot `{current}`, and `{context}` or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(template::Template);

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
    /// Reads the template of an argument.
    ///
    /// # Errors
    /// It is no template, has no `{current}`, or has another slot than `{current}` and `{context}`; the error names the argument.
    pub(super) fn read(argument: &str, text: &str) -> Result<Self> {
        let template = template::Template::parse(argument, text)?;
        if let Some(slot) = template.slots().find(|slot| ![CURRENT, CONTEXT].contains(slot)) {
            let near = did_you_mean(slot, [CURRENT, CONTEXT], 1);
            return Err(refused(
                argument,
                text,
                &format!(
                    "has the slot {{{slot}}}; expected {{current}} and {{context}}{near}, and braces of the text are written twice"
                ),
            ));
        }
        match template.has(CURRENT) {
            true => Ok(Self(template)),
            false => Err(refused(argument, text, "has no place for the text; write {current} where it stands")),
        }
    }

    /// Whether there is a slot for a context.
    pub(super) fn has_context(&self) -> bool {
        self.0.has(CONTEXT)
    }

    /// Whether the context is before the text.
    pub(super) fn context_is_first(&self) -> bool {
        self.0.slots().next() == Some(CONTEXT)
    }

    /// The template with its texts.
    pub(super) fn render(&self, current: &str, context: Option<&str>) -> Rendered {
        let filled = self.0.fill(|slot, text| {
            *text += if slot == CURRENT { current } else { context.unwrap_or_default() };
        });
        let (current, context) = (filled.span(CURRENT).unwrap_or_default(), filled.span(CONTEXT));
        Rendered { text: filled.text, current, context }
    }

    /// The text before the first slot.
    pub(super) fn prefix(&self) -> &str {
        self.0.start()
    }

    /// The text between the context and the text.
    pub(super) fn separator(&self) -> &str {
        self.0.after(CONTEXT)
    }

    /// The text behind the studied text.
    pub(super) fn suffix(&self) -> &str {
        self.0.after(CURRENT)
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
    fn a_template_without_its_slots_is_refused() {
        for (template, expected) in [
            ("", "has no place for the text; write {current}"),
            ("{context}", "has no place for the text"),
            ("{current} {current}", "has the slot {current} twice"),
            ("{current} {question}", "has the slot {question}; expected {current} and {context}, and braces"),
            ("{current} {contxt}", "has the slot {contxt}; expected {current} and {context} (did you mean `context`?)"),
            ("{current} {", "has the brace `{` at character 10"),
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
