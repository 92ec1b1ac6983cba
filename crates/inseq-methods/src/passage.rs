//! Texts as ids, with the part of the text that each id stands for.

use std::ops::Range;

use inseq_core::{Piece, TextName, Warning};
use inseq_models::tokenizer::Role;

use crate::reading::{Fitting, Text};
use crate::text_model::TextModel;
use crate::{Error, Result};

/// Reads texts for a model.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) model: &'a TextModel,
    /// Ids of special tokens that count as text, `[source, target]`.
    kept: [Vec<u32>; 2],
}

/// A text as ids.
#[derive(Clone, Debug)]
pub(crate) struct Passage {
    pub(crate) text: String,
    pub(crate) ids: Vec<u32>,
    pub(crate) role: Role,
    /// Range of bytes of the text for each id.
    ranges: Vec<Range<usize>>,
}

impl<'a> Reader<'a> {
    /// A reader that takes some special tokens for text.
    ///
    /// # Errors
    /// The tokenizer does not know a token.
    pub(crate) fn new(model: &'a TextModel, kept: &[String]) -> Result<Self> {
        let ids = |role: Role| {
            let id = |token: &String| {
                let id = model.tokenizer().id(token, model.role(role));
                id.ok_or_else(|| {
                    Error::argument(
                        "special_tokens_to_keep",
                        format!("`special_tokens_to_keep` has {token:?}, which is no token of the model's vocabulary"),
                    )
                })
            };
            kept.iter().map(id).collect::<Result<Vec<u32>>>()
        };
        Ok(Self { model, kept: [ids(Role::Source)?, ids(Role::Target)?] })
    }

    /// Whether a token counts as text.
    pub(crate) fn is_text(&self, id: u32, role: Role) -> bool {
        let kept = &self.kept[usize::from(role == Role::Target)];
        kept.contains(&id) || self.piece(id, role) != Piece::Special
    }

    fn piece(&self, id: u32, role: Role) -> Piece {
        self.model.tokenizer().piece(id, self.model.role(role))
    }

    /// The spelling of a token.
    pub(crate) fn spelling(&self, id: u32, role: Role) -> String {
        self.model.tokenizer().token(id, self.model.role(role)).unwrap_or_default()
    }

    /// Whether a token begins with a space.
    pub(crate) fn begins_with_space(&self, id: u32, role: Role) -> bool {
        matches!(self.piece(id, role), Piece::Text(bytes) if bytes.first() == Some(&b' '))
    }

    /// The text of ids without the special tokens that do not count as text, and without spaces before it.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub(crate) fn text_of(&self, ids: &[u32], role: Role) -> Result<String> {
        let ids: Vec<u32> = ids.iter().copied().filter(|&id| self.is_text(id, role)).collect();
        Ok(self.model.decode(&ids, role, false)?.trim_start_matches(' ').to_owned())
    }

    /// Encodes a text, for an argument whose tokens must be known. A target starts with the decoder start token and ends with the
    /// end-of-sequence token.
    ///
    /// # Errors
    /// The text is too long, or the tokenizer fails or does not tell where its tokens are.
    pub(crate) fn read(
        &self,
        name: TextName,
        text: String,
        role: Role,
        warnings: &mut Vec<Warning>,
    ) -> Result<Passage> {
        let given = Text { name, text: &text, role, add_special_tokens: true, first: None };
        self.passage(given, "input_template", warnings)
    }

    /// As [`read`](Self::read), with or without special tokens, for an argument that has the text.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn passage(&self, given: Text, argument: &str, warnings: &mut Vec<Warning>) -> Result<Passage> {
        let Fitting { ids, ranges, .. } = self.model.fitting(given, false, warnings).map_err(of_only_text)?;
        let Some(ranges) = ranges else {
            return Err(Error::argument(
                argument,
                "the tokenizer of this model does not tell which part of a text a token stands for, so that the tokens of a part are \
                 not known"
                    .into(),
            ));
        };
        Ok(Passage { text: given.text.to_owned(), ids, role: given.role, ranges })
    }

    /// A passage and what the model wrote after it. `ids` are those of the whole.
    pub(crate) fn going_on(&self, passage: Passage, ids: Vec<u32>) -> Passage {
        let Passage { text, role, ranges, .. } = passage;
        let mut bytes = text.into_bytes();
        let more = ids[ranges.len().min(ids.len())..].iter().map(|&id| {
            let start = bytes.len();
            match self.piece(id, role) {
                Piece::Text(text) => bytes.extend(text),
                Piece::Special if !self.is_text(id, role) => {}
                Piece::Special | Piece::Unknown(_) => bytes.extend(self.spelling(id, role).as_bytes()),
            }
            start..bytes.len()
        });
        let more: Vec<Range<usize>> = more.collect();
        let (text, places) = whole_characters(&bytes);
        let moved = more.into_iter().map(|range| places[range.start]..places[range.end]);
        Passage { text, ids, role, ranges: ranges.into_iter().chain(moved).collect() }
    }

    /// Positions of the tokens of a span of the text: those whose first letter is in it.
    pub(crate) fn tokens_of(&self, passage: &Passage, span: &Range<usize>) -> Vec<usize> {
        let is_inside = |&position: &usize| {
            self.is_text(passage.ids[position], passage.role) && span.contains(&passage.first_letter(position))
        };
        (0..passage.ids.len()).filter(is_inside).collect()
    }

    /// Position of the first token of the text behind a byte.
    pub(crate) fn position_behind(&self, passage: &Passage, byte: usize) -> usize {
        let is_behind = |position: usize| {
            self.is_text(passage.ids[position], passage.role) && passage.first_letter(position) >= byte
        };
        (0..passage.ids.len()).find(|&position| is_behind(position)).unwrap_or(passage.ids.len())
    }

    /// A target without the tokens that end it.
    pub(crate) fn open(&self, mut passage: Passage) -> Passage {
        let ends = |passage: &Passage| {
            let last = passage.ids.last().zip(passage.ranges.last());
            passage.ids.len() > 1
                && last.is_some_and(|(&id, range)| range.is_empty() && self.piece(id, passage.role) == Piece::Special)
        };
        while ends(&passage) {
            passage.ids.pop();
            passage.ranges.pop();
        }
        passage
    }
}

impl Passage {
    /// A passage without text.
    pub(crate) fn empty(role: Role) -> Self {
        Self { text: String::new(), ids: Vec::new(), role, ranges: Vec::new() }
    }

    /// Place of a token's first letter in the text; of white space alone, its start.
    fn first_letter(&self, position: usize) -> usize {
        let range = &self.ranges[position];
        let bytes = self.text.as_bytes().get(range.clone()).unwrap_or_default();
        let letter = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
        range.start + letter.unwrap_or(0)
    }

    /// Spans of tokens in a part of the text, in characters of this part. A space before a token is not part of its span.
    pub(crate) fn spans(&self, positions: &[usize], part: &Range<usize>) -> Vec<(usize, usize)> {
        let characters = |byte: usize| {
            let byte = byte.clamp(part.start, part.end);
            let before = self.text.as_bytes().get(part.start..byte).unwrap_or_default();
            // Bytes that go on with a character are no characters of their own.
            before.iter().filter(|byte| (**byte as i8) >= -0x40).count()
        };
        let span = |&position: &usize| (characters(self.first_letter(position)), characters(self.ranges[position].end));
        positions.iter().map(span).map(|(start, end)| (start, end.max(start))).collect()
    }
}

/// Bytes as text, with a replacement character for each part that is no character, and the place in it of each byte and of the
/// end.
fn whole_characters(bytes: &[u8]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(bytes.len());
    let mut places = Vec::with_capacity(bytes.len() + 1);
    for chunk in bytes.utf8_chunks() {
        places.extend((0..chunk.valid().len()).map(|byte| text.len() + byte));
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            places.extend(chunk.invalid().iter().map(|_| text.len()));
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    places.push(text.len());
    (text, places)
}

/// An error about one text of several, as an error about the only one of its kind.
fn of_only_text(error: Error) -> Error {
    let said = error.alone();
    match error {
        Error::Argument { name, text: Some(_), .. } => Error::Argument { name, text: None, problem: said },
        Error::Limit { name, text: Some(_), .. } => Error::Limit { name, text: None, problem: said },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_no_character_are_replaced() {
        let (text, places) = whole_characters(b"a\xc3\xa9\xff!");
        assert_eq!(text, "aé\u{fffd}!");
        assert_eq!(places, [0, 1, 2, 3, 6, 7]);
    }

    #[test]
    fn spans_count_characters() {
        let text = "Où? Là où.".to_owned();
        // Tokens: "Là", " où", ".".
        let ranges = vec![5..8, 8..12, 12..13];
        let passage = Passage { text, ids: vec![1, 2, 3], role: Role::Source, ranges };
        assert_eq!(passage.spans(&[0, 1, 2], &(5..13)), [(0, 2), (3, 5), (5, 6)]);
    }
}
