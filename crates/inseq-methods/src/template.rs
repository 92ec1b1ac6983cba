//! Templates: texts with named slots.

use std::ops::Range;

use crate::{Error, Result};

/// A text with named slots, in the syntax of Python's `str.format`: a name in braces is a slot, and two braces stand for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot(String),
}

/// A template with contents in its slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) text: String,
    /// The bytes of each slot, in the order of the template.
    pub(crate) slots: Vec<(String, Range<usize>)>,
}

impl Filled {
    /// The bytes of a slot.
    pub(crate) fn span(&self, slot: &str) -> Option<Range<usize>> {
        self.slots.iter().find(|(name, _)| name == slot).map(|(_, span)| span.clone())
    }
}

impl Template {
    /// Reads the template of an argument.
    ///
    /// # Errors
    /// A brace has no partner, a name is empty or has other characters than letters, digits and `_`, or a slot occurs twice; the error
    /// names the argument.
    pub(crate) fn parse(argument: &str, text: &str) -> Result<Self> {
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
                let place = text[..text.len() - from.len()].chars().count();
                return Err(refused(
                    argument,
                    text,
                    &format!(
                        "has the brace `{brace}` at character {place}, which is no part of a slot such as {{question}}; write \
                         `{brace}{brace}` for a brace of the text"
                    ),
                ));
            };
            let slot = Part::Slot(name.to_owned());
            if parts.contains(&slot) {
                return Err(refused(argument, text, &format!("has the slot {{{name}}} twice; leave one of them out")));
            }
            parts.extend((!plain.is_empty()).then(|| Part::Text(std::mem::take(&mut plain))));
            parts.push(slot);
            rest = after;
        }
        plain += rest;
        parts.extend((!plain.is_empty()).then_some(Part::Text(plain)));
        Ok(Self { parts })
    }

    /// Names of the slots, in order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Slot(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether there is a slot.
    pub(crate) fn has(&self, slot: &str) -> bool {
        self.slots().any(|name| name == slot)
    }

    /// Fills the slots. `write` adds the content of a slot to the end of a text.
    pub(crate) fn fill(&self, mut write: impl FnMut(&str, &mut String)) -> Filled {
        let mut filled = Filled::default();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.text += text,
                Part::Slot(name) => {
                    let start = filled.text.len();
                    write(name, &mut filled.text);
                    filled.slots.push((name.clone(), start..filled.text.len()));
                }
            }
        }
        filled
    }

    /// The text before the first slot.
    pub(crate) fn start(&self) -> &str {
        self.text_at(0)
    }

    /// The text between a slot and the next one; nothing if there is no such slot.
    pub(crate) fn after(&self, slot: &str) -> &str {
        let place = self.parts.iter().position(|part| matches!(part, Part::Slot(name) if name == slot));
        place.map_or("", |place| self.text_at(place + 1))
    }

    fn text_at(&self, index: usize) -> &str {
        match self.parts.get(index) {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }
}

/// The error of an argument that is a wrong template.
pub(crate) fn refused(argument: &str, template: &str, problem: &str) -> Error {
    Error::argument(argument, format!("`{argument}` {problem}; the template is {template:?}"))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_those_of_the_slots() {
        let template = Template::parse("template", "{{a}} {one}, {{{été_2}}}").unwrap();
        assert_eq!(template.slots().collect::<Vec<_>>(), ["one", "été_2"]);
        assert!(template.has("one") && !template.has("a"));
        let filled = template.fill(|slot, text| *text += if slot == "one" { "Où?" } else { "" });
        assert_eq!(filled.text, "{a} Où?, {}");
        assert_eq!(filled.text[filled.span("one").unwrap()], *"Où?");
        assert_eq!((filled.span("été_2"), filled.span("a")), (Some(11..11), None));
        assert_eq!((template.start(), template.after("one"), template.after("été_2")), ("{a} ", ", {", "}"));
        assert_eq!((template.after("a"), Template::parse("t", "{one}{two}").unwrap().after("one")), ("", ""));
    }

    #[test]
    fn wrong_braces_and_names_are_refused() {
        for (text, part) in [
            ("a } b", "has the brace `}` at character 2, which is no part of a slot"),
            ("é {b c}", "has the brace `{` at character 2"),
            ("a {", "has the brace `{` at character 2"),
            ("{a", "has the brace `{` at character 0"),
            ("{}", "has the brace `{` at character 0"),
            ("{a} {a}", "has the slot {a} twice; leave one of them out; the template is \"{a} {a}\""),
        ] {
            let error = Template::parse("output_template", text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`output_template` {part}")), "{text}: {error}");
        }
    }
}
