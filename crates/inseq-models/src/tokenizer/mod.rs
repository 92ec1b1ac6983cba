//! Text to ids and back, as transformers' tokenizers do it.

mod added;
mod configuration;
mod fast;
mod marian;
mod sentencepiece;

use std::ops::Range;

use crate::checkpoint::Repository;
use crate::{Error, Result};
use configuration::Configuration;

/// Classes of transformers that read `tokenizer.json` alone.
const GENERIC_CLASSES: [&str; 3] = ["PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer"];

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
    /// Whether each id is a special token rather than text; the unknown token counts as text.
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
    /// The tokenizer of a repository: `tokenizer.json` where there is one, else what the slow tokenizer reads. Marian's
    /// SentencePiece models come first where both are there, unless `tokenizer_class` says that the other is meant.
    ///
    /// # Errors
    /// When no tokenizer is there, or one of its files is damaged.
    pub fn load(repository: &Repository) -> Result<Self> {
        let configuration = Configuration::read(repository)?;
        let class = configuration.text("tokenizer_class").map(String::from);
        let has_json = repository.read("tokenizer.json")?.is_some();
        let wants_json = class.as_deref().is_some_and(|class| GENERIC_CLASSES.contains(&class));
        if repository.read("source.spm")?.is_some() && !(has_json && wants_json) {
            let (marian, special) = marian::Marian::load(repository, configuration)?;
            let class = class.unwrap_or_else(|| "MarianTokenizer".into());
            return Ok(Self { kind: Kind::Marian(Box::new(marian)), special, class });
        }
        if has_json {
            let (fast, special) = fast::Fast::load(repository, &configuration)?;
            let class = class.unwrap_or_else(|| "PreTrainedTokenizerFast".into());
            return Ok(Self { kind: Kind::Fast(Box::new(fast)), special, class });
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
    /// When no token has one of the ids, or the tokenizer fails on them.
    pub fn decode(&self, ids: &[u32], role: Role, skip_special_tokens: bool) -> Result<String> {
        match &self.kind {
            Kind::Marian(marian) if skip_special_tokens => {
                let kept: Vec<u32> = ids.iter().copied().filter(|id| !self.special.all.contains(id)).collect();
                marian.decode(&kept, role)
            }
            Kind::Marian(marian) => marian.decode(ids, role),
            Kind::Fast(fast) => fast.decode(ids, skip_special_tokens),
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

/// Takes out the spaces that a tokenizer by words leaves before punctuation (`clean_up_tokenization_spaces`).
fn clean_up_spaces(text: &str) -> String {
    let marks = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    marks.iter().fold(text.to_string(), |text, (from, to)| text.replace(from, to))
}
