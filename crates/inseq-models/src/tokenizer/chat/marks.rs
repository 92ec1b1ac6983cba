//! The places of messages in the text that a chat template writes.
//!
//! The template writes the chat twice: as it is, and with marks in the texts of its messages. Marks are characters that the chat does
//! not have. Where they are in the second text says where the template puts the messages; nothing is searched. If the second text
//! without its marks is another one than the first, the template looks at a text where a mark is, and the marks go elsewhere
//! ([`Density`]).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use chrono::Local;
use minijinja::value::{Serde, Value};

use super::conversation::Chat;
use super::jinja::Marked;
use super::message::{Message, PartKind, REASONING, function, part_text};
use super::ordered::OrderedJson as Json;
use super::templates::{Applied, Templates};
use crate::{Error, Result};

/// A span of a part of a message. The span of a call of a tool is the whole call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSpan {
    /// Index of the message in the chat.
    pub message: usize,
    /// Part of the message.
    pub part: PartKind,
    /// Bytes of the part's text.
    pub span: Range<usize>,
}

/// A chat as one text, with the places of spans of its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatText {
    /// Text that the chat template writes.
    pub text: String,
    /// Bytes of each span in the text; `None` if the template leaves it out, as it may do with earlier reasoning.
    pub spans: Vec<Option<Range<usize>>>,
}

/// Where a text has marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Density {
    /// At the ends of spans, of lines, and beside tags such as `</think>`. A template that cuts a text at tags keeps the marks of what
    /// it keeps.
    Lines,
    /// At the ends of spans.
    Ends,
    /// Behind the first word of a line and before the last one. The ends of the text are as they were.
    Inside,
}

const DENSITIES: [Density; 3] = [Density::Lines, Density::Ends, Density::Inside];

/// A part of a message, with the spans that are asked for.
struct Part {
    message: usize,
    kind: PartKind,
    text: String,
    /// Indices of the asked spans, and their bytes without the white space at their ends.
    spans: Vec<(usize, Range<usize>)>,
}

impl Templates {
    /// A chat as one text, with the places of spans.
    pub(in super::super) fn with_spans(
        &self,
        chat: &Chat,
        add_generation_prompt: bool,
        spans: &[MessageSpan],
    ) -> Result<ChatText> {
        let template = self.applied(chat, add_generation_prompt, Local::now())?;
        let text = template.render(Value::from(Serde(&chat.messages)))?;
        let marking = Marking { chat, template, text: &text, parts: parts(chat, spans)? };
        let found = marking.found(spans.len())?;
        Ok(ChatText { spans: found, text })
    }
}

/// The parts of the messages that spans are asked of.
fn parts(chat: &Chat, spans: &[MessageSpan]) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    for (index, MessageSpan { message, part, span }) in spans.iter().enumerate() {
        let found = chat.messages.get(*message).and_then(|message| {
            let text = message.parts().into_iter().find(|found| found.kind == *part)?.text.into_owned();
            text.get(span.clone()).is_some().then_some(text)
        });
        let Some(text) = found else {
            return Err(Error::argument(
                "spans",
                format!("{} has no text with the bytes {} to {}", chat.name_of(*message, *part), span.start, span.end),
            ));
        };
        let span = trimmed(&text, span.clone());
        match parts.iter_mut().find(|known| known.message == *message && known.kind == *part) {
            Some(known) => known.spans.push((index, span)),
            None => parts.push(Part { message: *message, kind: *part, text, spans: vec![(index, span)] }),
        }
    }
    Ok(parts)
}

/// A search for marks that a template keeps.
struct Marking<'c> {
    chat: &'c Chat,
    template: Applied,
    /// The text without marks.
    text: &'c str,
    parts: Vec<Part>,
}

impl Marking<'_> {
    fn found(&self, spans: usize) -> Result<Vec<Option<Range<usize>>>> {
        let mut densities = vec![Some(DENSITIES[0]); self.parts.len()];
        let placed = match self.placed(&densities) {
            Some(placed) => placed,
            None => {
                for index in 0..self.parts.len() {
                    let alone = |density: &Density| {
                        let mut densities = vec![None; self.parts.len()];
                        densities[index] = Some(*density);
                        self.placed(&densities).is_some()
                    };
                    let kept = DENSITIES.into_iter().find(alone);
                    densities[index] = Some(kept.ok_or_else(|| self.unknown(index, "changes the text of"))?);
                }
                self.placed(&densities).ok_or_else(|| self.unknown(0, "changes a chat with marks in the text of"))?
            }
        };
        let mut found = vec![None; spans];
        for (index, part) in self.parts.iter().enumerate() {
            let marks = &placed[index];
            for (asked, span) in &part.spans {
                found[*asked] = match part.kind {
                    PartKind::ToolCall(_) => self.place_of_call(marks),
                    _ => self.place(index, span, marks)?,
                }
                .map(|place: Range<usize>| trimmed(self.text, place))
                .filter(|place| !place.is_empty());
            }
        }
        Ok(found)
    }

    fn unknown(&self, part: usize, problem: &str) -> Error {
        let Part { message, kind, .. } = &self.parts[part];
        Error::argument(
            "chats",
            format!(
                "the chat template of the model {problem} {}, so that its place in the prompt is not known; give the prompt as one text",
                self.chat.name_of(*message, *kind)
            ),
        )
    }

    /// The bytes of a span in the text.
    fn place(&self, index: usize, span: &Range<usize>, marks: &[Placed]) -> Result<Option<Range<usize>>> {
        let text = &self.parts[index].text;
        let mut own: Vec<&Placed> =
            marks.iter().filter(|mark| (span.start..=span.end).contains(&mark.offset)).collect();
        own.sort_by_key(|mark| mark.place);
        if own.windows(2).any(|pair| pair[0].offset >= pair[1].offset) {
            return Err(self.unknown(index, "writes twice, or in another order,"));
        }
        let (Some(first), Some(last)) = (own.first(), own.last()) else { return Ok(None) };
        // A tag at an end has no mark; it is there if all of the text up to the end is.
        let (before, behind) = (&text[span.start..first.offset], &text[last.offset..span.end]);
        let start = if self.text[..first.place].ends_with(before) { before.len() } else { 0 };
        let end = if self.text[last.place..].starts_with(behind) { behind.len() } else { 0 };
        Ok(Some(first.place - start..last.place + end))
    }

    /// The bytes of a call in the text, from its first mark to its last one. Marks of objects are inside their braces.
    fn place_of_call(&self, marks: &[Placed]) -> Option<Range<usize>> {
        let start = marks.iter().map(|mark| mark.place).min()?;
        let end = marks.iter().map(|mark| mark.place).max()?;
        let start = start - usize::from(self.text[..start].ends_with('{'));
        Some(start..end + usize::from(self.text[end..].starts_with('}')))
    }

    /// The marks of each part in the text that the template writes; `None` if it does not write the same text.
    fn placed(&self, densities: &[Option<Density>]) -> Option<Vec<Vec<Placed>>> {
        let mut marker = Marker::new(self, densities);
        let messages: Value =
            self.chat.messages.iter().enumerate().map(|(index, message)| marker.message(index, message)).collect();
        let written = self.template.render(messages).ok().filter(|_| !marker.lacks_marks)?;
        let mut plain = String::with_capacity(self.text.len());
        let mut placed: Vec<Vec<Placed>> = self.parts.iter().map(|_| Vec::new()).collect();
        for character in written.chars() {
            match marker.marks.get(&character) {
                Some(&(part, offset)) => placed[part].push(Placed { offset, place: plain.len() }),
                None => plain.push(character),
            }
        }
        (plain == self.text).then_some(placed)
    }
}

/// A mark that a template has written.
#[derive(Clone, Copy, Debug)]
struct Placed {
    /// Byte of the part's text.
    offset: usize,
    /// Byte of the text without marks.
    place: usize,
}

/// Puts marks into messages.
struct Marker<'m> {
    parts: HashMap<(usize, PartKind), (usize, Density, &'m Part)>,
    free: Box<dyn Iterator<Item = char>>,
    /// Part and byte of each mark.
    marks: HashMap<char, (usize, usize)>,
    /// Whether there were too few characters for marks.
    lacks_marks: bool,
}

impl<'m> Marker<'m> {
    fn new(marking: &'m Marking, densities: &[Option<Density>]) -> Self {
        let parts = marking.parts.iter().zip(densities).enumerate();
        let parts =
            parts.filter_map(|(index, (part, density))| Some(((part.message, part.kind), (index, (*density)?, part))));
        // Private use, which no text has by rule.
        let private = |c: &char| matches!(*c, '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}');
        let fields = marking.chat.messages.iter().flat_map(|message| message.fields.values());
        let used: HashSet<char> = fields
            .flat_map(|field| field.to_string().chars().collect::<Vec<_>>())
            .chain(marking.text.chars())
            .filter(private)
            .collect();
        let free = ('\u{F0000}'..='\u{10FFFD}').filter(private).filter(move |c| !used.contains(c));
        Self { parts: parts.collect(), free: Box::new(free), marks: HashMap::new(), lacks_marks: false }
    }

    fn mark(&mut self, part: usize, offset: usize) -> char {
        match self.free.next() {
            Some(mark) => {
                self.marks.insert(mark, (part, offset));
                mark
            }
            None => {
                self.lacks_marks = true;
                '\u{FFFD}'
            }
        }
    }

    /// A message with marks in its parts.
    fn message(&mut self, index: usize, message: &Message) -> Value {
        let fields = message.fields.iter().map(|(name, field)| {
            let value = match (name.as_str(), field) {
                ("content", Json::Text(text)) => self.text(index, PartKind::Content, text),
                ("content", Json::List(entries)) => entries
                    .iter()
                    .enumerate()
                    .map(|(part, entry)| {
                        let field = part_text(entry).map(|(field, _)| field);
                        fields_of(entry, |name, value| match value.as_str().filter(|_| Some(name) == field) {
                            Some(text) => self.text(index, PartKind::ContentPart(part), text),
                            None => Value::from(Serde(value)),
                        })
                    })
                    .collect(),
                ("tool_calls", Json::List(calls)) => {
                    calls.iter().enumerate().map(|(call, fields)| self.call(index, call, fields)).collect()
                }
                (name, Json::Text(text)) if REASONING.contains(&name) => self.text(index, PartKind::Reasoning, text),
                (_, field) => Value::from(Serde(field)),
            };
            (name.as_str(), value)
        });
        Value::from_pairs(fields)
    }

    /// A text with marks.
    fn text(&mut self, message: usize, kind: PartKind, text: &str) -> Value {
        let Some(&(index, density, part)) = self.parts.get(&(message, kind)) else { return Value::from(text) };
        let offsets: BTreeSet<usize> = part.spans.iter().flat_map(|(_, span)| density.offsets(text, span)).collect();
        let mut marked = String::with_capacity(text.len() + 4 * offsets.len());
        let mut from = 0;
        for offset in offsets {
            marked += &text[from..offset];
            marked.push(self.mark(index, offset));
            from = offset;
        }
        Value::from(marked + &text[from..])
    }

    /// A call of a tool with marks around its objects and its name, and in the texts of its arguments.
    fn call(&mut self, message: usize, call: usize, fields: &Json) -> Value {
        let Some(&(part, density, _)) = self.parts.get(&(message, PartKind::ToolCall(call))) else {
            return Value::from(Serde(fields));
        };
        let called = function(fields);
        let is_nested = !std::ptr::eq(called, fields);
        let own = self.function(part, density, called);
        if !is_nested {
            return own;
        }
        let fields = fields.as_object().into_iter().flatten().map(|(name, field)| {
            let value = if name == "function" { own.clone() } else { Value::from(Serde(field)) };
            (Value::from(name.as_str()), value)
        });
        let fields = fields.collect();
        self.object(part, fields)
    }

    fn function(&mut self, part: usize, density: Density, function: &Json) -> Value {
        let fields = function.as_object().into_iter().flatten().map(|(name, field)| {
            let value = match (name.as_str(), field) {
                ("name", Json::Text(tool)) if density != Density::Inside => Value::from(self.around(part, tool)),
                ("arguments", Json::Object(arguments)) => {
                    let marks_texts = density == Density::Lines;
                    let arguments = arguments.iter().map(|(name, argument)| match argument.as_str() {
                        _ if !marks_texts => (Value::from(name.as_str()), Value::from(Serde(argument))),
                        Some(text) => (Value::from(self.around(part, name)), Value::from(self.around(part, text))),
                        None => (Value::from(self.around(part, name)), Value::from(Serde(argument))),
                    });
                    let arguments = arguments.collect();
                    self.object(part, arguments)
                }
                (_, field) => Value::from(Serde(field)),
            };
            (Value::from(name.as_str()), value)
        });
        let fields = fields.collect();
        self.object(part, fields)
    }

    fn around(&mut self, part: usize, text: &str) -> String {
        format!("{}{text}{}", self.mark(part, 0), self.mark(part, text.len()))
    }

    fn object(&mut self, part: usize, fields: Vec<(Value, Value)>) -> Value {
        Value::from_object(Marked::new(fields, [self.mark(part, 0), self.mark(part, 0)]))
    }
}

/// An object whose fields go through a function.
fn fields_of(object: &Json, mut value: impl FnMut(&str, &Json) -> Value) -> Value {
    Value::from_pairs(object.as_object().into_iter().flatten().map(|(name, field)| (name.as_str(), value(name, field))))
}

impl Density {
    /// The bytes of a text where a span has marks.
    fn offsets(self, text: &str, span: &Range<usize>) -> Vec<usize> {
        if self == Self::Ends {
            return vec![span.start, span.end];
        }
        let part = &text[span.clone()];
        let mut offsets = Vec::new();
        for line in stretches(part) {
            let words = match self {
                Self::Inside => {
                    let line_text = &part[line.clone()];
                    let start = line_text.find(char::is_whitespace).unwrap_or(line_text.len());
                    let end = line_text.rfind(char::is_whitespace).map_or(0, |space| space + 1);
                    if start < end { line.start + start..line.start + end } else { continue }
                }
                _ => line,
            };
            offsets.extend([span.start + words.start, span.start + words.end]);
        }
        offsets
    }
}

/// The parts of a text between its line ends and its tags, without the white space at their ends.
fn stretches(text: &str) -> Vec<Range<usize>> {
    let mut stretches = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(place) = text[at..].find(['\n', '<', '[']).map(|place| at + place) {
        let end = if text[place..].starts_with('\n') { place + 1 } else { place + tag(&text[place..]) };
        if end > place {
            stretches.push(start..place);
            start = end;
        }
        at = end.max(place + 1);
    }
    stretches.push(start..text.len());
    stretches.into_iter().map(|stretch| trimmed(text, stretch)).filter(|stretch| !stretch.is_empty()).collect()
}

/// The length of the tag that a text begins with: `<...>` or `[...]` without white space; 0 if it is none.
fn tag(text: &str) -> usize {
    let close = if text.starts_with('<') { '>' } else { ']' };
    let end = text.find(|c: char| c == close || c.is_whitespace());
    end.filter(|end| text[*end..].starts_with(close)).map_or(0, |end| end + 1)
}

/// A span without the white space at its ends.
fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    inseq_core::text::trimmed(text, span)
}
