//! Texts as ids that the model has positions for.

use inseq_models::tokenizer::{Encoding, Role, Side};

use crate::text_model::TextModel;
use crate::{Error, Result};

/// A text of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    /// What it is for: `input`, `generated`, `contrast`.
    pub(crate) what: &'a str,
    /// Its index among those of its kind.
    pub(crate) index: usize,
    pub(crate) text: &'a str,
    pub(crate) role: Role,
    pub(crate) add_special_tokens: bool,
    /// A token that its ids start with, be it that the tokenizer gives them another start.
    pub(crate) first: Option<u32>,
}

/// A text as ids that the model has positions for.
#[derive(Clone, Debug)]
pub(crate) struct Fitting {
    pub(crate) ids: Vec<u32>,
    /// Tokens that the text lost at its beginning.
    pub(crate) lost_at_start: usize,
    /// What to say of a text that was cut.
    pub(crate) cut: Option<String>,
}

impl TextModel {
    /// The ids of a text, cut where the model has no positions for all of it and the text may be cut. Special tokens around it
    /// stay. A target's ids start with the decoder start token.
    ///
    /// # Errors
    /// When the text is too long and may not be cut, or the tokenizer fails.
    pub(crate) fn fitting(&self, text: Text, may_be_cut: bool, warnings: &mut Vec<String>) -> Result<Fitting> {
        let encoding = self.encoding(text)?;
        let start = self.start_of(text, &encoding);
        let positions = match (&self.model().encoder, text.role) {
            (Some(_), Role::Source) => self.model().max_source_positions(),
            _ => self.model().max_target_positions(),
        };
        let name = format!("{} text {}", text.what, text.index + 1);
        if encoding.ids.is_empty() && text.role == Role::Source && !self.model().is_decoder_only() {
            return Err(Error::Argument(format!(
                "{name} has no tokens; an encoder-decoder model needs something to read"
            )));
        }
        if let Some(loss) = self.tokenizer().loss(text.text, self.role(text.role))? {
            warnings.push(format!("{name}: {loss}"));
        }
        let length = encoding.ids.len() + start.iter().len();
        let Some(positions) = positions.filter(|&positions| length > positions) else {
            return Ok(Fitting {
                ids: self.checked(start.into_iter().chain(encoding.ids).collect(), text.role)?,
                lost_at_start: 0,
                cut: None,
            });
        };
        let excess = length - positions;
        if !may_be_cut {
            return Err(Error::Argument(format!(
                "{name} has {length} tokens, but the model has {positions} positions; shorten it, or let it be cut with \
                 `truncate`"
            )));
        }
        if excess >= encoding.text.len() {
            return Err(Error::Argument(format!(
                "{name} has {} special tokens around it, which leave nothing of the model's {positions} positions for the text",
                length - encoding.text.len()
            )));
        }
        let side = self.tokenizer().truncation_side();
        let end = if side == Side::Left { "beginning" } else { "end" };
        let cut = format!(
            "{name} has {length} tokens, but the model has {positions} positions: {excess} tokens were cut off at its {end}"
        );
        warnings.push(cut.clone());
        let ids = start.into_iter().chain(encoding.cut(excess, side).ids).collect();
        let lost_at_start = if side == Side::Left { excess } else { 0 };
        Ok(Fitting { ids: self.checked(ids, text.role)?, lost_at_start, cut: Some(cut) })
    }

    /// A target that is given as ids.
    ///
    /// # Errors
    /// When there are none or too many of them, or the model has no embedding of one.
    pub(crate) fn given_ids(&self, ids: Vec<u32>, index: usize) -> Result<Fitting> {
        let most = self.model().max_target_positions().unwrap_or(usize::MAX);
        if ids.is_empty() || ids.len() > most {
            return Err(Error::Argument(format!(
                "generated text {} has {} ids; expected at least one, and at most the model's {most} positions",
                index + 1,
                ids.len()
            )));
        }
        Ok(Fitting { ids: self.checked(ids, Role::Target)?, lost_at_start: 0, cut: None })
    }

    /// The ids of a text without the first tokens that it has itself.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub(crate) fn without_start(&self, text: Text, lost: usize) -> Result<Vec<u32>> {
        let encoding = self.encoding(text)?;
        let start = self.start_of(text, &encoding);
        self.checked(start.into_iter().chain(encoding.cut(lost, Side::Left).ids).collect(), text.role)
    }

    fn encoding(&self, text: Text) -> Result<Encoding> {
        Ok(self.tokenizer().encode(text.text, self.role(text.role), text.add_special_tokens)?)
    }

    /// What comes before the ids of a text: the decoder start token of an encoder-decoder, or the text's own first one.
    fn start_of(&self, text: Text, encoding: &Encoding) -> Option<u32> {
        let start = self.decoder_start().filter(|_| text.role == Role::Target);
        start.or(text.first.filter(|first| encoding.ids.first() != Some(first)))
    }

    /// The ids of a text; a target's start with the decoder start token, where the model has an encoder.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Vec<u32>> {
        self.without_start(Text { what: "", index: 0, text, role, add_special_tokens, first: None }, 0)
    }

    /// Refuses ids that the model has no embeddings for.
    fn checked(&self, ids: Vec<u32>, role: Role) -> Result<Vec<u32>> {
        let vocabulary = match (&self.model().encoder, role) {
            (Some(encoder), Role::Source) => encoder.embedding.vocabulary(),
            _ => self.model().target_embedding.vocabulary(),
        };
        match ids.iter().find(|&&id| id as usize >= vocabulary) {
            Some(id) => Err(Error::Argument(format!(
                "the tokenizer gives the id {id}, but the model has embeddings for {vocabulary} tokens only: the tokenizer \
                 belongs to another model"
            ))),
            None => Ok(ids),
        }
    }
}
