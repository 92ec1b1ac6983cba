//! Text to ids and back, as transformers' tokenizers do it.

mod fast;
mod marian;
mod sentencepiece;

use std::ops::Range;

use serde_json::Value;

use crate::checkpoint::Repository;
use crate::{Error, Result};

/// Whether a text is what a model reads or what it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What an encoder reads, or a decoder-only model's whole text.
    Source,
    /// What a decoder writes.
    Target,
}

/// A text as ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Ids in the vocabulary of the text's role.
    pub ids: Vec<u32>,
    /// Whether each id was added by the tokenizer rather than found in the text.
    pub special: Vec<bool>,
    /// Bytes of the text that each id stands for, where the tokenizer knows.
    pub offsets: Option<Vec<Range<usize>>>,
}

/// Tokens with a meaning of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Fills a batch.
    pub pad: Option<u32>,
    /// Stands for what the vocabulary does not have.
    pub unk: Option<u32>,
    /// All of them.
    pub all: Vec<u32>,
    /// Longest text that the tokenizer was made for.
    pub model_max_length: Option<usize>,
}

/// A model's tokenizer.
#[derive(Debug)]
pub struct Tokenizer {
    kind: Kind,
    special: SpecialTokens,
    class: String,
}

#[derive(Debug)]
enum Kind {
    Marian(Box<marian::Marian>),
    Fast(Box<fast::Fast>),
}

impl Tokenizer {
    /// The tokenizer of a repository: `tokenizer.json` where there is one, else what the slow tokenizer reads.
    ///
    /// # Errors
    /// When no tokenizer is there, or one of its files is damaged.
    pub fn load(repository: &Repository) -> Result<Self> {
        let config = repository.json("tokenizer_config.json")?.unwrap_or(Value::Null);
        let class = config.get("tokenizer_class").and_then(Value::as_str);
        if repository.read("tokenizer.json")?.is_some() {
            let (fast, special) = fast::Fast::load(repository, &config)?;
            let class = class.unwrap_or("PreTrainedTokenizerFast").to_string();
            return Ok(Self { kind: Kind::Fast(Box::new(fast)), special, class });
        }
        if repository.read("source.spm")?.is_some() {
            let (marian, special) = marian::Marian::load(repository, &config)?;
            let class = class.unwrap_or("MarianTokenizer").to_string();
            return Ok(Self { kind: Kind::Marian(Box::new(marian)), special, class });
        }
        Err(Error::Checkpoint {
            file: repository.name().to_string(),
            message: "no tokenizer found; expected tokenizer.json, or source.spm with target.spm and vocab.json".into(),
        })
    }

    /// The ids of a text.
    ///
    /// # Errors
    /// When the tokenizer fails on the text.
    pub fn encode(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Encoding> {
        match &self.kind {
            Kind::Marian(marian) => Ok(marian.encode(text, role, add_special_tokens)),
            Kind::Fast(fast) => fast.encode(text, add_special_tokens),
        }
    }

    /// The text of ids.
    ///
    /// # Errors
    /// When the tokenizer fails on the ids.
    pub fn decode(&self, ids: &[u32], role: Role, skip_special_tokens: bool) -> Result<String> {
        let kept: Vec<u32>;
        let ids = if skip_special_tokens {
            kept = ids.iter().copied().filter(|id| !self.special.all.contains(id)).collect();
            &kept
        } else {
            ids
        };
        match &self.kind {
            Kind::Marian(marian) => Ok(marian.decode(ids, role)),
            Kind::Fast(fast) => fast.decode(ids),
        }
    }

    /// The token of an id, in the tokenizer's own spelling.
    pub fn token(&self, id: u32, role: Role) -> Option<String> {
        match &self.kind {
            Kind::Marian(marian) => marian.token(id, role).map(str::to_string),
            Kind::Fast(fast) => fast.token(id),
        }
    }

    /// The id of a token in the tokenizer's own spelling.
    pub fn id(&self, token: &str, role: Role) -> Option<u32> {
        match &self.kind {
            Kind::Marian(marian) => marian.id(token, role),
            Kind::Fast(fast) => fast.id(token),
        }
    }

    /// Tokens with a meaning of their own.
    pub fn special_tokens(&self) -> &SpecialTokens {
        &self.special
    }

    /// The name of transformers' class.
    pub fn class(&self) -> &str {
        &self.class
    }
}

/// The text of a special token in `tokenizer_config.json`: a string, or an object with `content`.
fn token_text<'a>(config: &'a Value, name: &str) -> Option<&'a str> {
    let value = config.get(name)?;
    value.as_str().or_else(|| value.get("content")?.as_str())
}

/// `model_max_length`; transformers writes 1e30 where there is none.
fn max_length(config: &Value) -> Option<usize> {
    config.get("model_max_length")?.as_u64().filter(|&n| n < 1 << 40).map(|n| n as usize)
}
