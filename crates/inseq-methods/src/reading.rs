//! Encodes texts to ids within the positions of the model.

use std::ops::Range;

use inseq_core::{TextKind, TextName, Warning};
use inseq_models::tokenizer::{Encoding, Role, Side};

use crate::text_model::TextModel;
use crate::{Error, Result};

/// A text of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    /// Purpose and index of the text.
    pub(crate) name: TextName,
    pub(crate) text: &'a str,
    pub(crate) role: Role,
    pub(crate) add_special_tokens: bool,
    /// First token of the ids, in place of the tokenizer's.
    pub(crate) first: Option<u32>,
}

impl Text<'_> {
    /// Name of the argument that the text is from.
    fn argument(&self) -> &'static str {
        match self.name.kind {
            TextKind::Generated => "generated_texts",
            TextKind::Input => "input_texts",
            TextKind::WithContext => "input_context_text",
            TextKind::WithoutContext => "input_current_text",
            _ if self.role == Role::Source => "contrast_sources",
            _ => "contrast_targets",
        }
    }

    /// What can be done about a text that is too long.
    fn way_out(&self) -> &'static str {
        match self.name.kind {
            TextKind::WithContext => "shorten the context",
            TextKind::WithoutContext => "shorten it",
            _ => "shorten it, or let it be cut with `truncate`",
        }
    }
}

/// Range of bytes that each id of an encoding stands for, after a start token.
fn ranges(start: Option<u32>, encoding: &Encoding) -> Option<Vec<Range<usize>>> {
    let offsets = encoding.offsets.as_ref()?;
    Some(start.iter().map(|_| 0..0).chain(offsets.iter().cloned()).collect())
}

/// The ids of a text, within the positions of the model.
#[derive(Clone, Debug)]
pub(crate) struct Fitting {
    pub(crate) ids: Vec<u32>,
    /// Range of bytes of the text that each id stands for; `None` if the tokenizer does not give it, or if the ids were given.
    pub(crate) ranges: Option<Vec<Range<usize>>>,
    /// Number of tokens that were removed at the beginning of the text.
    pub(crate) lost_at_start: usize,
    /// Warning about a text that was cut.
    pub(crate) cut: Option<String>,
}

impl TextModel {
    /// Encodes a text. If it is too long for the positions of the model and `may_be_cut` is set, it is cut; special tokens around it
    /// stay. The ids of a target start with the decoder start token.
    ///
    /// # Errors
    /// The text is too long and may not be cut, or the tokenizer fails.
    pub(crate) fn fitting(&self, text: Text, may_be_cut: bool, warnings: &mut Vec<Warning>) -> Result<Fitting> {
        let encoding = self.encoding(text)?;
        let start = self.start_of(text, &encoding);
        let positions = match (&self.model().encoder, text.role) {
            (Some(_), Role::Source) => self.model().max_source_positions(),
            _ => self.model().max_target_positions(),
        };
        let name = text.name;
        if encoding.ids.is_empty() && text.role == Role::Source && !self.model().is_decoder_only() {
            return Err(Error::of_text(
                text.argument(),
                name,
                "has no tokens; an encoder-decoder model needs something to read",
            ));
        }
        if let Some(loss) = self.tokenizer().loss(text.text, self.role(text.role))? {
            warnings.push(Warning::about(name, format!(": {loss}")));
        }
        let length = encoding.ids.len() + start.iter().len();
        let Some(positions) = positions.filter(|&positions| length > positions) else {
            return Ok(Fitting {
                ranges: ranges(start, &encoding),
                ids: self.checked((start, encoding.ids), text.role, Giver::Tokenizer)?,
                lost_at_start: 0,
                cut: None,
            });
        };
        let excess = length - positions;
        if !may_be_cut {
            return Err(Error::limit(
                text.argument(),
                name,
                format!("has {length} tokens, but the model has {positions} positions; {}", text.way_out()),
            ));
        }
        if excess >= encoding.text.len() {
            return Err(Error::limit(
                text.argument(),
                name,
                format!(
                    "has {} special tokens around it, which leave nothing of the model's {positions} positions for the text",
                    length - encoding.text.len()
                ),
            ));
        }
        let side = self.tokenizer().truncation_side();
        let end = if side == Side::Left { "beginning" } else { "end" };
        let cut = format!(
            "has {length} tokens, but the model has {positions} positions: {excess} tokens were cut off at its {end}"
        );
        warnings.push(Warning::about(name, cut.clone()));
        let rest = encoding.cut(excess, side);
        let ranges = ranges(start, &rest);
        let ids = self.checked((start, rest.ids), text.role, Giver::Tokenizer)?;
        let lost_at_start = if side == Side::Left { excess } else { 0 };
        Ok(Fitting { ids, ranges, lost_at_start, cut: Some(name.sentence(&cut)) })
    }

    /// Checks a target that is given as ids.
    ///
    /// # Errors
    /// There are no ids or too many, or the model has no embedding for one.
    pub(crate) fn given_ids(&self, ids: Vec<u32>, index: usize) -> Result<Fitting> {
        let most = self.model().max_target_positions().unwrap_or(usize::MAX);
        if ids.is_empty() || ids.len() > most {
            let (name, text) = ("generated_token_ids", TextName::new(TextKind::Generated, index));
            let problem =
                format!("has {} ids; expected at least one, and at most the model's {most} positions", ids.len());
            return Err(match ids.is_empty() {
                true => Error::of_text(name, text, problem),
                false => Error::limit(name, text, problem),
            });
        }
        let ids = self.checked((None, ids), Role::Target, Giver::Caller { text: index })?;
        Ok(Fitting { ids, ranges: None, lost_at_start: 0, cut: None })
    }

    /// The ids of a text without its first `lost` tokens; special tokens before it stay.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub(crate) fn without_start(&self, text: Text, lost: usize) -> Result<Vec<u32>> {
        let encoding = self.encoding(text)?;
        let start = self.start_of(text, &encoding);
        self.checked((start, encoding.cut(lost, Side::Left).ids), text.role, Giver::Tokenizer)
    }

    fn encoding(&self, text: Text) -> Result<Encoding> {
        Ok(self.tokenizer().encode(text.text, self.role(text.role), text.add_special_tokens)?)
    }

    /// The token before the ids of a text: the decoder start token of an encoder-decoder, or the given first token.
    fn start_of(&self, text: Text, encoding: &Encoding) -> Option<u32> {
        let start = self.decoder_start().filter(|_| text.role == Role::Target);
        start.or(text.first.filter(|first| encoding.ids.first() != Some(first)))
    }

    /// Encodes a text. The ids of a target start with the decoder start token if the model has an encoder.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn encode(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Vec<u32>> {
        self.without_start(
            Text { name: TextName::new(TextKind::Attributed, 0), text, role, add_special_tokens, first: None },
            0,
        )
    }

    /// The ids of a text after its start token, if there is one. Refuses ids without an embedding in the model.
    fn checked(&self, (start, ids): (Option<u32>, Vec<u32>), role: Role, giver: Giver) -> Result<Vec<u32>> {
        let vocabulary = match (&self.model().encoder, role) {
            (Some(encoder), Role::Source) => encoder.embedding.vocabulary(),
            _ => self.model().target_embedding.vocabulary(),
        };
        let is_outside = |id: &u32| *id as usize >= vocabulary;
        let givers = start.iter().map(|_| Giver::Configuration).chain(std::iter::repeat(giver));
        let ids: Vec<u32> = start.into_iter().chain(ids).collect();
        let Some((position, giver)) =
            givers.take(ids.len()).enumerate().find(|(position, _)| is_outside(&ids[*position]))
        else {
            return Ok(ids);
        };
        let id = ids[position];
        let model_has = format!("but the model has {vocabulary} tokens, 0 to {}", vocabulary.saturating_sub(1));
        Err(match giver {
            Giver::Caller { text } => Error::argument(
                "generated_token_ids",
                format!(
                    "`generated_token_ids` of text {} has the id {id} at position {position}, {model_has}",
                    text + 1
                ),
            ),
            Giver::Configuration => Error::argument(
                "decoder_start_token_id",
                format!("the configuration of the model starts each text with the id {id}, {model_has}"),
            ),
            Giver::Tokenizer => Error::argument(
                "tokenizer",
                format!("the tokenizer gives the id {id}, {model_has}: the tokenizer belongs to another model"),
            ),
        })
    }
}

/// Who gave an id of a text.
#[derive(Clone, Copy)]
enum Giver {
    /// The caller, as an id of a text with an index.
    Caller { text: usize },
    /// The configuration of the model, as its start token.
    Configuration,
    /// The tokenizer, from the text.
    Tokenizer,
}
