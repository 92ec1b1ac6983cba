//! ByT5's tokenizer (Xue et al., 2021, <https://arxiv.org/abs/2105.13626>): a text is its UTF-8 bytes.
//!
//! It follows transformers' `ByT5Tokenizer`, which has no vocabulary file.

use indexmap::IndexMap;

use super::added::{AddedToken, AddedTokens, Part};
use super::configuration::Configuration;
use super::{Encoding, SpecialTokens, clean_up_spaces};
use crate::{Error, Result};

/// Number of ids before those of the bytes: padding, end, unknown.
const OFFSET: u32 = 3;

#[derive(Debug)]
pub(super) struct Bytes {
    added: AddedTokens,
    eos: u32,
    /// Ids of special tokens.
    special: Vec<u32>,
    cleans_up_spaces: bool,
}

impl Bytes {
    pub(super) fn load(mut configuration: Configuration) -> Result<(Self, SpecialTokens)> {
        const CONFIG: &str = "tokenizer_config.json";
        let invalid = |message: String| Error::checkpoint(CONFIG, message);
        let count = configuration.count("extra_ids", 125).map_err(invalid)?;
        for (id, name, content) in [(0, "pad_token", "<pad>"), (1, "eos_token", "</s>"), (2, "unk_token", "<unk>")] {
            let token = AddedToken { lstrip: true, rstrip: true, ..AddedToken::special(content) };
            configuration.default_token(name, token);
            let token = configuration.named_token(name).cloned();
            let token = token.ok_or_else(|| invalid(format!("`{name}` is null; ByT5 cannot do without")))?;
            configuration.added.entry(id).or_insert(token);
        }
        if configuration.extra_tokens().is_empty() {
            configuration.default_extra((0..count).map(|i| AddedToken::special(format!("<extra_id_{i}>"))));
        }
        let bytes = (0..=u8::MAX).map(|byte| (char::from(byte).to_string(), u32::from(byte) + OFFSET));
        let known: IndexMap<String, u32> = bytes.collect();
        let added = configuration.added_tokens(&known).map_err(invalid)?;
        let id = |name: &str| configuration.token(name).and_then(|token| added.id(token));
        let mut all: Vec<u32> =
            configuration.special().into_iter().filter_map(|token| added.id(&token.content)).collect();
        all.sort_unstable();
        all.dedup();
        let special = SpecialTokens {
            bos: id("bos_token"),
            eos: id("eos_token"),
            pad: id("pad_token"),
            unk: id("unk_token"),
            all: all.clone(),
            model_max_length: configuration.model_max_length(),
        };
        let eos = special.eos.unwrap_or(1);
        let cleans_up_spaces = configuration.flag("clean_up_tokenization_spaces");
        Ok((Self { added, eos, special: all, cleans_up_spaces }, special))
    }

    /// Encodes a text with one id per byte. A text that ends with the end token gets no second one, as in the reference.
    pub(super) fn encode(&self, text: &str, add_special_tokens: bool) -> Encoding {
        let (mut ids, mut offsets) = (Vec::new(), Vec::new());
        for part in self.added.split(text) {
            match part {
                Part::Token(id, range) => {
                    ids.push(id);
                    offsets.push(range);
                }
                Part::Text(range) => {
                    ids.extend(text[range.clone()].bytes().map(|byte| u32::from(byte) + OFFSET));
                    offsets.extend(range.map(|at| at..at + 1));
                }
            }
        }
        let encoding = Encoding { special: vec![false; ids.len()], text: 0..ids.len(), ids, offsets: Some(offsets) };
        let has_end = encoding.ids.last() == Some(&self.eos);
        if add_special_tokens && !has_end { encoding.within(&[], &[self.eos], text.len()) } else { encoding }
    }

    /// The text of ids; bytes of incomplete characters are omitted.
    pub(super) fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String> {
        let mut bytes = Vec::new();
        for id in ids.iter().filter(|id| !skip_special_tokens || !self.special.contains(id)) {
            match (self.added.text(*id), byte(*id)) {
                (Some(token), _) => bytes.extend(token.as_bytes()),
                (None, Some(byte)) => bytes.push(byte),
                (None, None) => return Err(Error::argument("ids", format!("no token has the id {id}"))),
            }
        }
        let text: String = bytes.utf8_chunks().map(|chunk| chunk.valid()).collect();
        Ok(if self.cleans_up_spaces { clean_up_spaces(&text) } else { text })
    }

    /// The bytes of the text that an id represents.
    pub(super) fn bytes(&self, id: u32) -> Vec<u8> {
        match (self.added.text(id), byte(id)) {
            (Some(token), _) => token.into(),
            (None, byte) => byte.into_iter().collect(),
        }
    }

    /// The token of an id; the token of a byte is the character with its number.
    pub(super) fn token(&self, id: u32) -> Option<String> {
        let added = self.added.text(id).map(String::from);
        added.or_else(|| byte(id).map(|byte| char::from(byte).to_string()))
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        let mut characters = token.chars();
        let byte = characters.next().filter(|_| characters.next().is_none()).and_then(|c| u8::try_from(c).ok());
        self.added.id(token).or_else(|| byte.map(|byte| u32::from(byte) + OFFSET))
    }
}

fn byte(id: u32) -> Option<u8> {
    u8::try_from(id.checked_sub(OFFSET)?).ok()
}
