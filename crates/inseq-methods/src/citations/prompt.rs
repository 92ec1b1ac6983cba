//! The prompt that the model reads, with and without sources.

use std::ops::Range;

use inseq_core::CitedSource;

use super::sources::Sources;
use crate::text_model::TextModel;
use crate::{Chat, Error, Message, Result};

/// Whether each source is kept, `[source]`.
pub type Mask = Vec<bool>;

/// A prompt as one text, with the spans of its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) text: String,
    /// Bytes of each source, in order.
    pub(super) spans: Vec<Range<usize>>,
    /// Whether a chat template wrote the text, and the special tokens in it.
    pub(super) is_chat: bool,
}

impl Prompt {
    /// The prompt of sources. The model's chat template is applied if the model has one, unless `plain` is set.
    ///
    /// # Errors
    /// The sources are a chat and the model has no chat template, or the template changes the text of a source.
    pub(super) fn of(model: &TextModel, sources: &Sources, plain: bool) -> Result<Self> {
        let messages = sources.messages();
        let uses_template = sources.is_chat() || (!plain && model.tokenizer().has_chat_template());
        if uses_template {
            return Self::rendered(sources, |messages| model.prompt_of(&Chat { messages }));
        }
        let spans = sources.spans_of(0).cloned().collect();
        Ok(Self { text: messages.iter().map(|message| message.content.as_str()).collect(), spans, is_chat: false })
    }

    /// The prompt by a chat template. Marks at the ends of sources say where the template puts them.
    fn rendered(sources: &Sources, render: impl Fn(Vec<Message>) -> Result<String>) -> Result<Self> {
        let messages = sources.messages();
        let text = render(messages.to_vec())?;
        let marks = marks(messages);
        let marked = messages.iter().enumerate().map(|(index, message)| {
            let mut content = String::new();
            let mut from = 0;
            for Range { start, end } in sources.spans_of(index).cloned() {
                content += &message.content[from..start];
                content.push(marks[0]);
                content += &message.content[start..end];
                content.push(marks[1]);
                from = end;
            }
            Message { role: message.role.clone(), content: content + &message.content[from..] }
        });
        let mut plain = String::with_capacity(text.len());
        let mut ends: [Vec<usize>; 2] = Default::default();
        for character in render(marked.collect())?.chars() {
            match marks.iter().position(|mark| *mark == character) {
                Some(side) => ends[side].push(plain.len()),
                None => plain.push(character),
            }
        }
        let [starts, ends] = ends;
        if plain != text || starts.len() != sources.len() || ends.len() != sources.len() {
            return Err(Error::argument(
                "sources",
                "the chat template of the model changes or leaves out the text of a source, so that its place in the prompt is not \
                 known; give the prompt without the chat template (`plain`)"
                    .into(),
            ));
        }
        Ok(Self { text, spans: starts.into_iter().zip(ends).map(|(start, end)| start..end).collect(), is_chat: true })
    }

    /// The prompt with some of its sources. White space between two sources goes with the second one; where no source is left before
    /// it, it is left out.
    pub(super) fn with(&self, kept: &[bool]) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut from = 0;
        let mut follows_kept = false;
        for (index, (span, kept)) in self.spans.iter().zip(kept).enumerate() {
            let gap = &self.text[from..span.start];
            if index == 0 || !gap.trim().is_empty() {
                text += gap;
                follows_kept = false;
            } else if *kept && follows_kept {
                text += gap;
            }
            if *kept {
                text += &self.text[span.clone()];
                follows_kept = true;
            }
            from = span.end;
        }
        text + &self.text[from..]
    }

    /// The sources with their names, for a result.
    pub(super) fn cited<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<CitedSource> {
        let characters = |bytes: usize| self.text[..bytes].chars().count();
        let source = |(name, span): (&str, &Range<usize>)| CitedSource {
            name: name.to_owned(),
            text: self.text[span.clone()].to_owned(),
            span: (characters(span.start), characters(span.end)),
        };
        names.zip(&self.spans).map(source).collect()
    }
}

/// Two characters that no message has.
fn marks(messages: &[Message]) -> [char; 2] {
    let is_free = |mark: &char| !messages.iter().any(|message| message.content.contains(*mark));
    // The private use area is larger than a prompt has different characters of it.
    let mut free = ('\u{F0000}'..='\u{FFFFD}').filter(is_free);
    [free.next().unwrap_or('\u{F0000}'), free.next().unwrap_or('\u{F0001}')]
}

#[cfg(test)]
mod tests {
    use super::super::SourceUnit;
    use super::*;

    fn prompt(text: &str, span: Range<usize>) -> Prompt {
        let sources = Sources::of_spans(text, [("a".to_owned(), span)]).unwrap().divided(SourceUnit::Sentences);
        Prompt { text: text.to_owned(), spans: sources.spans_of(0).cloned().collect(), is_chat: false }
    }

    #[test]
    fn space_goes_with_the_source_after_it() {
        let prompt = prompt("Read: One. Two.\n\nThree. Why?", 6..24);
        for (kept, expected) in [
            ([true, true, true], "Read: One. Two.\n\nThree. Why?"),
            ([false, true, true], "Read: Two.\n\nThree. Why?"),
            ([true, false, true], "Read: One.\n\nThree. Why?"),
            ([true, true, false], "Read: One. Two. Why?"),
            ([false, false, true], "Read: Three. Why?"),
            ([false, false, false], "Read:  Why?"),
        ] {
            assert_eq!(prompt.with(&kept), expected);
        }
    }

    #[test]
    fn text_between_sources_stays() {
        let sources = [("a".to_owned(), 3..6), ("b".to_owned(), 10..13)];
        let sources = Sources::of_spans("A: one B: two", sources).unwrap();
        let spans = sources.spans_of(0).cloned().collect();
        let prompt = Prompt { text: sources.prompt().to_owned(), spans, is_chat: false };
        assert_eq!(prompt.with(&[false, true]), "A:  B: two");
        assert_eq!(prompt.with(&[false, false]), "A:  B: ");
    }

    #[test]
    fn marks_say_where_a_template_puts_sources() {
        let chat = ["system: Be \u{F0000}. ", "user: Why?"].map(|turn| turn.split_once(": ").unwrap());
        let chat = Chat::new(chat.map(|(role, content)| Message::new(role, content))).unwrap();
        let sources = Sources::of_chat(chat).unwrap();
        let render = |messages: Vec<Message>| {
            let turns = messages.iter().map(|message| format!("<{}>{}", message.role, message.content.trim()));
            Ok(turns.collect::<String>())
        };
        let prompt = Prompt::rendered(&sources, render).unwrap();
        assert_eq!(prompt.text, "<system>Be \u{F0000}.<user>Why?");
        let cited = prompt.cited(sources.names());
        assert_eq!((cited[0].text.as_str(), cited[0].span), ("Be \u{F0000}.", (8, 13)));
        assert_eq!(prompt.with(&[false]), "<system><user>Why?");
        let changing: [fn(Vec<Message>) -> String; 2] =
            [|messages| messages[0].content.chars().take(2).collect(), |messages| messages[1].content.clone()];
        for render in changing {
            let error = Prompt::rendered(&sources, |messages| Ok(render(messages))).unwrap_err().to_string();
            assert!(error.contains("changes or leaves out"), "{error}");
        }
    }
}
