//! Sources: the parts of a prompt that an answer may rest on.

use std::ops::Range;

use inseq_core::{SourceMessage, text};
use inseq_models::tokenizer::{MessageSpan, PartKind};

use crate::{Chat, Error, Message, Result};

/// A prompt with its sources: documents, paragraphs, sentences, few-shot examples, messages of a chat, or slots of a template.
///
/// Every kind of source is a span of characters of the prompt, so that every method works with every kind. Sources do not overlap, and
/// have text.
///
/// A source is left out by deleting its text from the prompt. A message of a chat that is left out is therefore an empty turn: the
/// template is not applied again to a chat without the message, since many templates then refuse the chat (roles must alternate) or
/// write other text in its place (a default system prompt), and the score would be that of this text.
///
/// ```
/// use inseq_methods::citations::{SourceUnit, Sources};
///
/// let examples = Sources::of_blocks("1 + 1 = 2\n\n2 + 3 = 5\n\n3 + 4 =", "\n\n")?;
/// assert_eq!(examples.texts().collect::<Vec<_>>(), ["1 + 1 = 2", "2 + 3 = 5"]);
///
/// let whole = Sources::of_spans("It rained. She was late. Why?", [("report".to_owned(), 0..24)])?;
/// let sentences = whole.divided(SourceUnit::Sentences);
/// assert_eq!(sentences.names().collect::<Vec<_>>(), ["report, sentence 1", "report, sentence 2"]);
/// # Ok::<(), inseq_methods::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The chat, or one message with the whole prompt.
    chat: Chat,
    is_chat: bool,
    list: Vec<Source>,
    /// Text between two sources that is there for their sake, without the white space around it and with `\n` as its line ends.
    separator: String,
}

/// A span of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) place: MessageSpan,
}

impl Source {
    /// A source of a prompt that is one message.
    pub(super) fn of_prompt(name: String, span: Range<usize>) -> Self {
        Self { name, place: MessageSpan { message: 0, part: PartKind::Content, span } }
    }
}

/// Finds the parts of a text, as bytes.
type PartsOf = fn(&str) -> Vec<Range<usize>>;

/// Parts that sources are divided into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceUnit {
    /// Sources stay whole.
    #[default]
    Whole,
    /// Paragraphs, with a blank line between them.
    Paragraphs,
    /// Sentences ([`text::sentence_spans`]).
    Sentences,
}

impl Sources {
    /// A prompt whose sources are named spans of bytes.
    ///
    /// # Errors
    /// There is no span, spans overlap, or a span has no text or is no part of the prompt.
    pub fn of_spans(
        prompt: impl Into<String>,
        spans: impl IntoIterator<Item = (String, Range<usize>)>,
    ) -> Result<Self> {
        let sources = spans.into_iter().map(|(name, span)| Source::of_prompt(name, span));
        Self::checked(Chat::user(prompt), false, sources.collect())
    }

    /// A prompt of blocks with a separator between them. Every block is a source, except the last one, which is what the prompt asks
    /// for. A line end of the separator stands for both kinds, `\n` and `\r\n`.
    ///
    /// # Errors
    /// The separator is empty or does not occur, or a block has no text.
    pub fn of_blocks(prompt: impl Into<String>, separator: &str) -> Result<Self> {
        let prompt = prompt.into();
        if separator.is_empty() || next_separator(&prompt, separator).is_none() {
            return Err(invalid(format!(
                "the separator {separator:?} does not occur in the prompt, so that there is one block; name the text between two \
                 blocks"
            )));
        }
        let mut spans = Vec::new();
        let mut start = 0;
        while let Some(found) = next_separator(&prompt[start..], separator) {
            spans.push((format!("block {}", spans.len() + 1), start..start + found.start));
            start += found.end;
        }
        Ok(Self::of_spans(prompt, spans)?.separated_by(separator))
    }

    /// Names the text between two sources that goes when one of them goes, as white space does.
    pub(super) fn separated_by(self, separator: &str) -> Self {
        Self { separator: separator.trim().replace("\r\n", "\n"), ..self }
    }

    /// The text between two sources that is there for their sake, without the white space around it.
    pub(super) fn separator(&self) -> &str {
        &self.separator
    }

    /// A chat whose messages are sources, except the last message of the user, which is what the chat asks for. The reasoning of a
    /// message, its calls of tools, and the parts of its content are sources of their own. Parts without text are none.
    ///
    /// # Errors
    /// There is no other message with text.
    pub fn of_chat(chat: Chat) -> Result<Self> {
        let asked = chat.messages.iter().rposition(|message| message.role() == "user");
        let others = chat.messages.iter().enumerate().filter(|(index, _)| Some(*index) != asked);
        let sources = others
            .flat_map(|(message, of)| of.parts().into_iter().map(move |part| (message, part.kind, part.text.len())));
        let source = |(message, part, length)| Source {
            name: chat.name_of(message, part),
            place: MessageSpan { message, part, span: 0..length },
        };
        let list: Vec<Source> = sources.map(source).collect();
        if list.is_empty() {
            let asked = asked.map_or("no message".to_owned(), |asked| {
                format!("only message {} of the user, which is what the chat asks for", asked + 1)
            });
            return Err(invalid(format!(
                "the chat has {asked}, so that there is no source to cite; give the messages before it, or the text of the message as a \
                 prompt with documents"
            )));
        }
        Self::checked(chat, true, list)
    }

    /// Checks sources.
    pub(super) fn checked(chat: Chat, is_chat: bool, mut list: Vec<Source>) -> Result<Self> {
        if list.is_empty() {
            return Err(invalid("the prompt has no source to cite; give at least one document".to_owned()));
        }
        for Source { name, place } in &mut list {
            let content = text_at(&chat, place);
            let span = place.span.clone();
            if content.get(span.clone()).is_none() {
                return Err(invalid(format!(
                    "the source `{name}` spans the bytes {} to {} of a text of {} bytes; a source must begin and end between characters",
                    span.start,
                    span.end,
                    content.len()
                )));
            }
            let text = text::trimmed(&content, span);
            if text.is_empty() {
                return Err(invalid(format!("the source `{name}` has no text; leave it out")));
            }
            place.span = text;
        }
        // Parts of a message are in the order in which it has them.
        list.sort_by_key(|source| source.place.message);
        for sources in list.chunk_by_mut(|one, other| is_same_part(&one.place, &other.place)) {
            sources.sort_by_key(|source| source.place.span.start);
        }
        let overlap = |pair: &&[Source]| {
            is_same_part(&pair[0].place, &pair[1].place) && pair[0].place.span.end > pair[1].place.span.start
        };
        if let Some([one, other]) = list.windows(2).find(overlap) {
            let (first, second) = (&one.place.span, &other.place.span);
            return Err(invalid(format!(
                "the sources `{}` (bytes {} to {}) and `{}` (bytes {} to {}) overlap; a part of the prompt can be in one source only",
                one.name, first.start, first.end, other.name, second.start, second.end
            )));
        }
        Ok(Self { chat, is_chat, list, separator: String::new() })
    }

    /// The same prompt with every source divided into parts.
    #[must_use]
    pub fn divided(self, unit: SourceUnit) -> Self {
        let (noun, parts): (&str, PartsOf) = match unit {
            SourceUnit::Whole => return self,
            SourceUnit::Paragraphs => ("paragraph", text::paragraph_spans),
            SourceUnit::Sentences => ("sentence", text::sentence_spans),
        };
        let of_source = |source: &Source| {
            let Source { name, place } = source.clone();
            // The call of a tool is one source.
            let found = match place.part {
                PartKind::ToolCall(_) => std::iter::once(0..place.span.len()).collect(),
                _ => parts(&self.text(source)),
            };
            let is_alone = found.len() == 1;
            found.into_iter().enumerate().map(move |(index, part)| Source {
                name: if is_alone { name.clone() } else { format!("{name}, {noun} {}", index + 1) },
                place: MessageSpan {
                    span: place.span.start + part.start..place.span.start + part.end,
                    ..place.clone()
                },
            })
        };
        let list = self.list.iter().flat_map(of_source).collect();
        Self { list, ..self }
    }

    /// Number of sources.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are no sources.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Names of the sources, in the order of the prompt.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|source| source.name.as_str())
    }

    /// Texts of the sources, in the order of the prompt; of a call of a tool, its arguments as JSON.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.list.iter().map(|source| self.text(source))
    }

    /// The texts that a prompt was made of, by name: the sources, and of a chat all messages.
    pub(super) fn given_texts(&self) -> Vec<(String, String)> {
        if !self.is_chat {
            return self.names().map(str::to_owned).zip(self.texts()).collect();
        }
        let of_message = |(index, message): (usize, &Message)| -> Vec<(String, String)> {
            let parts = message.parts().into_iter();
            parts.map(|part| (self.chat.name_of(index, part.kind), part.text.into_owned())).collect()
        };
        self.chat.messages.iter().enumerate().flat_map(of_message).collect()
    }

    /// Text of the prompt, before a chat template; of a chat, that of its last message.
    pub fn prompt(&self) -> String {
        let parts = self.chat.messages.last().map(Message::parts).unwrap_or_default();
        parts
            .into_iter()
            .find(|part| part.kind == PartKind::Content)
            .map(|part| part.text.into_owned())
            .unwrap_or_default()
    }

    /// The chat; a plain prompt is one message.
    pub(super) fn chat(&self) -> &Chat {
        &self.chat
    }

    /// Whether the prompt is a chat, which needs a chat template.
    pub(super) fn is_chat(&self) -> bool {
        self.is_chat
    }

    /// The places of the sources.
    pub(super) fn places(&self) -> Vec<MessageSpan> {
        self.list.iter().map(|source| source.place.clone()).collect()
    }

    /// The message of each source; none if the prompt is no chat.
    pub(super) fn source_messages(&self) -> impl Iterator<Item = Option<SourceMessage>> {
        self.list.iter().map(|source| {
            let MessageSpan { message: index, part, .. } = source.place;
            let message = self.chat.messages.get(index).filter(|_| self.is_chat)?;
            let tool = match part {
                PartKind::ToolCall(call) => message.tool_name(call),
                _ => self.chat.tool_of_result(index),
            };
            let part = Some(part.to_string()).filter(|part| !part.is_empty());
            Some(SourceMessage { index, role: message.role().to_owned(), part, tool: tool.map(str::to_owned) })
        })
    }

    fn text(&self, source: &Source) -> String {
        text_at(&self.chat, &source.place).get(source.place.span.clone()).unwrap_or_default().to_owned()
    }
}

/// The bytes of the next separator in a text, whose line ends may be of either kind.
fn next_separator(text: &str, separator: &str) -> Option<Range<usize>> {
    let separator = separator.replace("\r\n", "\n");
    text.char_indices().find_map(|(start, _)| {
        let rest = without_separator(&text[start..], &separator)?;
        Some(start..text.len() - rest.len())
    })
}

/// The text after a separator that it begins with. Line ends of the text may be of either kind, those of the separator are `\n`.
pub(super) fn without_separator<'t>(text: &'t str, separator: &str) -> Option<&'t str> {
    let mut lines = separator.split('\n');
    let rest = text.strip_prefix(lines.next()?)?;
    lines.try_fold(rest, |rest, line| rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'))?.strip_prefix(line))
}

/// The text of the part that a span is in.
fn text_at(chat: &Chat, place: &MessageSpan) -> String {
    let parts = chat.messages.get(place.message).map(Message::parts).unwrap_or_default();
    let part = parts.into_iter().find(|part| part.kind == place.part);
    part.map(|part| part.text.into_owned()).unwrap_or_default()
}

fn is_same_part(one: &MessageSpan, other: &MessageSpan) -> bool {
    (one.message, one.part) == (other.message, other.part)
}

fn invalid(problem: String) -> Error {
    Error::argument("sources", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_sources_are_found_in_the_prompt() {
        let prompt = "Read: One. Two.\n\nThree. And?";
        let whole = Sources::of_spans(prompt, [("a".to_owned(), 5..24)]).unwrap();
        let texts = |unit| whole.clone().divided(unit).texts().collect::<Vec<_>>();
        assert_eq!(texts(SourceUnit::Whole), ["One. Two.\n\nThree."]);
        assert_eq!(texts(SourceUnit::Paragraphs), ["One. Two.", "Three."]);
        assert_eq!(texts(SourceUnit::Sentences), ["One.", "Two.", "Three."]);
        let sentences = whole.divided(SourceUnit::Paragraphs).divided(SourceUnit::Sentences);
        assert_eq!(
            sentences.names().collect::<Vec<_>>(),
            ["a, paragraph 1, sentence 1", "a, paragraph 1, sentence 2", "a, paragraph 2"]
        );
    }

    #[test]
    fn messages_are_sources_except_the_question() {
        let turns = [("system", "Be brief."), ("user", "Who?"), ("assistant", "She."), ("user", "Why?")];
        let chat = Chat::new(turns.map(|(role, content)| Message::new(role, content))).unwrap();
        let sources = Sources::of_chat(chat).unwrap();
        assert_eq!(
            sources.names().collect::<Vec<_>>(),
            ["message 1 (system)", "message 2 (user)", "message 3 (assistant)"]
        );
        assert_eq!(sources.texts().collect::<Vec<_>>(), ["Be brief.", "Who?", "She."]);
    }

    #[test]
    fn wrong_sources_are_refused() {
        let spans = |spans: &[(usize, usize)]| {
            let named = spans.iter().enumerate().map(|(index, &(start, end))| (format!("s{}", index + 1), start..end));
            Sources::of_spans("été là. Et?", named).unwrap_err().to_string()
        };
        for (error, part) in [
            (spans(&[]), "no source"),
            (spans(&[(0, 5), (3, 7)]), "`s1` (bytes 0 to 5) and `s2` (bytes 3 to 7) overlap"),
            (spans(&[(5, 6)]), "`s1` has no text"),
            (spans(&[(1, 5)]), "must begin and end between characters"),
            (spans(&[(0, 99)]), "must begin and end between characters"),
            (Sources::of_blocks("a", "\n\n").unwrap_err().to_string(), "does not occur"),
            (Sources::of_blocks("a", "").unwrap_err().to_string(), "does not occur"),
            (Sources::of_blocks("a--  --b", "--").unwrap_err().to_string(), "`block 2` has no text"),
            (
                Sources::of_chat(Chat::user("Why?")).unwrap_err().to_string(),
                "the chat has only message 1 of the user, which is what the chat asks for",
            ),
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
