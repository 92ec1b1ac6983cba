//! The prompt that the model reads, with and without sources.

use std::ops::Range;

use inseq_core::{CitedSource, SourceMessage, Warning};
use inseq_models::tokenizer::ChatText;

use super::sources::{Sources, without_separator};
use crate::text_model::TextModel;
use crate::{Error, Result};

/// Whether each source is kept, `[source]`.
pub type Mask = Vec<bool>;

/// A prompt as one text, with the spans of its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) text: String,
    /// Bytes of each source, in order.
    pub(super) spans: Vec<Range<usize>>,
    /// Name of each source, and its message, if the prompt is a chat.
    pub(super) named: Vec<(String, Option<SourceMessage>)>,
    /// Whether a chat template wrote the text, and the special tokens in it.
    pub(super) is_chat: bool,
    /// Text between two sources that goes when one of them goes, without the white space around it.
    pub(super) separator: String,
}

impl Prompt {
    /// The prompt of sources. The model's chat template is applied if the model has one, unless `plain` is set. Sources that the
    /// template leaves out, such as the reasoning of earlier messages, are named in a warning.
    ///
    /// # Errors
    /// The sources are a chat and the model has no chat template, the template changes the text of a source, or it leaves out all of
    /// them.
    pub(super) fn of(model: &TextModel, sources: &Sources, plain: bool, warnings: &mut Vec<Warning>) -> Result<Self> {
        let is_chat = sources.is_chat() || (!plain && model.tokenizer().has_chat_template());
        let places = sources.places();
        let written = match is_chat {
            true => model.tokenizer().chat_with_spans(sources.chat(), true, &places)?,
            false => {
                ChatText { text: sources.prompt(), spans: places.into_iter().map(|place| Some(place.span)).collect() }
            }
        };
        let named = sources.names().map(str::to_owned).zip(sources.source_messages());
        let (kept, left_out): (Vec<_>, Vec<_>) =
            written.spans.into_iter().zip(named).partition(|(span, _)| span.is_some());
        if !left_out.is_empty() {
            let names: Vec<&str> = left_out.iter().map(|(_, (name, _))| name.as_str()).collect();
            let said = format!("the chat template of the model leaves out {}", names.join(", "));
            if kept.is_empty() {
                return Err(Error::argument(
                    "sources",
                    format!("{said}, so that there is no source to cite; give others"),
                ));
            }
            warnings.push(format!("{said}; the model does not read this, so that it is not cited").into());
        }
        let mut kept: Vec<_> = kept.into_iter().filter_map(|(span, named)| Some((span?, named))).collect();
        // A template may write the parts of a message in another order.
        kept.sort_by_key(|(span, _)| span.start);
        let (spans, named) = kept.into_iter().unzip();
        Ok(Self { text: written.text, spans, named, is_chat, separator: sources.separator().to_owned() })
    }

    /// The prompt with some of its sources. White space or the separator between two sources goes with the second one; where no source
    /// is left before it, it is left out. So is a separator after the last source. What a chat template writes around a message stays, so
    /// that a message without its text is an empty turn.
    pub(super) fn with(&self, kept: &[bool]) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut from = 0;
        let mut follows_kept = false;
        for (index, (span, kept)) in self.spans.iter().zip(kept).enumerate() {
            let gap = &self.text[from..span.start];
            if index == 0 || !self.is_separator(gap, index) {
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
        let rest = &self.text[from..];
        let begins = without_separator(rest.trim_start(), &self.separator).filter(|_| !self.separator.is_empty());
        text + begins.filter(|_| !follows_kept).map_or(rest, str::trim_start)
    }

    /// Whether the text before a source is there for the sake of this source and the one before it alone. Text between two messages is
    /// the template's.
    fn is_separator(&self, gap: &str, source: usize) -> bool {
        let gap = gap.trim();
        let message = |source: usize| self.named.get(source).and_then(|(_, message)| Some(message.as_ref()?.index));
        message(source - 1) == message(source)
            && (gap.is_empty() || without_separator(gap, &self.separator) == Some(""))
    }

    /// The sources with their names, for a result.
    pub(super) fn cited(&self) -> Vec<CitedSource> {
        let characters = |bytes: usize| self.text[..bytes].chars().count();
        let source = |((name, message), span): (&(String, _), &Range<usize>)| CitedSource {
            name: name.clone(),
            text: self.text[span.clone()].to_owned(),
            span: (characters(span.start), characters(span.end)),
            message: Option::clone(message),
        };
        self.named.iter().zip(&self.spans).map(source).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SourceUnit;
    use super::*;

    fn of(sources: &Sources) -> Prompt {
        let spans = sources.places().into_iter().map(|place| place.span).collect();
        Prompt {
            text: sources.prompt(),
            spans,
            named: Vec::new(),
            is_chat: false,
            separator: sources.separator().to_owned(),
        }
    }

    fn prompt(text: &str, span: Range<usize>) -> Prompt {
        of(&Sources::of_spans(text, [("a".to_owned(), span)]).unwrap().divided(SourceUnit::Sentences))
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
    fn separators_go_with_their_blocks() {
        let prompt = of(&Sources::of_blocks("1+1=2; 2+3=5; 3+4=", "; ").unwrap());
        for (kept, expected) in [
            ([true, true], "1+1=2; 2+3=5; 3+4="),
            ([false, true], "2+3=5; 3+4="),
            ([true, false], "1+1=2; 3+4="),
            ([false, false], "3+4="),
        ] {
            assert_eq!(prompt.with(&kept), expected);
        }
    }

    #[test]
    fn line_ends_of_both_kinds_are_those_of_a_separator() {
        for text in ["1+1=2\r\n--\r\n2+3=5\n--\r\n3+4=", "1+1=2\n--\n2+3=5\n--\n3+4="] {
            for separator in ["\n--\n", "\r\n--\r\n"] {
                let sources = Sources::of_blocks(text, separator).unwrap();
                assert_eq!(sources.texts().collect::<Vec<_>>(), ["1+1=2", "2+3=5"]);
                let prompt = of(&sources);
                assert_eq!(prompt.with(&[true, true]), text);
                assert_eq!(prompt.with(&[false, true]).lines().collect::<Vec<_>>(), ["2+3=5", "--", "3+4="]);
                assert_eq!(prompt.with(&[true, false]).lines().collect::<Vec<_>>(), ["1+1=2", "--", "3+4="]);
                assert_eq!(prompt.with(&[false, false]), "3+4=");
            }
        }
        let paragraphs = of(&Sources::of_blocks("one\r\n\r\ntwo\r\n\r\nthree", "\n\n").unwrap());
        assert_eq!(paragraphs.with(&[false, true]), "two\r\n\r\nthree");
    }

    #[test]
    fn a_message_that_is_left_out_is_an_empty_turn() {
        let message = |index| SourceMessage { index, ..SourceMessage::default() };
        let prompt = Prompt {
            named: [0, 0, 1].map(|index| (String::new(), Some(message(index)))).into(),
            ..prompt("One. Two.\nThree.\nWhy?", 0..16)
        };
        for (kept, expected) in [
            ([false, true, true], "Two.\nThree.\nWhy?"),
            ([true, true, false], "One. Two.\n\nWhy?"),
            ([false, false, true], "\nThree.\nWhy?"),
            ([false, false, false], "\n\nWhy?"),
        ] {
            assert_eq!(prompt.with(&kept), expected);
        }
    }

    #[test]
    fn text_between_sources_stays() {
        let sources = [("a".to_owned(), 3..6), ("b".to_owned(), 10..13)];
        let sources = Sources::of_spans("A: one B: two", sources).unwrap();
        let prompt = of(&sources);
        assert_eq!(prompt.with(&[false, true]), "A:  B: two");
        assert_eq!(prompt.with(&[false, false]), "A:  B: ");
    }
}
