//! Tokenizers: text to ids and back, with the rules of transformers.

mod added;
mod bytes;
mod chat;
mod configuration;
mod families;
mod fast;
mod guard;
mod languages;
mod loss;
mod m2m100;
mod marian;
mod options;
mod pieces;
mod sentencepiece;
mod vocabulary;

use std::ops::Range;

use crate::checkpoint::Repository;
use crate::{Error, Result};
use chat::Templates;
pub use chat::{Chat, ChatText, Message, MessagePart, MessageSpan, OrderedJson, PartKind};
use configuration::Configuration;
use families::Family;
use guard::guard;
use languages::Translation;
pub use loss::Loss;
pub use options::TokenizerOptions;

/// Classes of transformers that use `tokenizer.json` unchanged.
const GENERIC_CLASSES: [&str; 3] = ["TokenizersBackend", "PreTrainedTokenizerFast", "PreTrainedTokenizer"];

/// Role of a text: input or output of a model; there is no third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Input of an encoder, or the whole text of a decoder-only model.
    Source,
    /// Output of the decoder of an encoder-decoder.
    Target,
}

/// A text as ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Ids in the vocabulary of the text's role, `[token]`.
    pub ids: Vec<u32>,
    /// Whether each id is a special token, `[token]`; the unknown token counts as text.
    pub special: Vec<bool>,
    /// Byte range of each id in the text, `[token]`; `None` if the tokenizer does not give it.
    pub offsets: Option<Vec<Range<usize>>>,
    /// Range of the ids of the text; the other ids are special tokens around it.
    pub text: Range<usize>,
}

/// A side of a text; there is no third.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// Beginning of the text.
    Left,
    /// End of the text.
    #[default]
    Right,
}

/// Ids of special tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Beginning of a text.
    pub bos: Option<u32>,
    /// End of a text.
    pub eos: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// Unknown text.
    pub unk: Option<u32>,
    /// All special tokens.
    pub all: Vec<u32>,
    /// Largest length of a text in tokens, by the tokenizer's files.
    pub model_max_length: Option<usize>,
}

impl Encoding {
    /// The encoding with special tokens around a text of `length` bytes.
    fn within(self, before: &[u32], after: &[u32], length: usize) -> Self {
        let around = |middle: Vec<bool>| [vec![true; before.len()], middle, vec![true; after.len()]].concat();
        Self {
            text: before.len()..before.len() + self.ids.len(),
            ids: [before, &self.ids, after].concat(),
            special: around(self.special),
            offsets: self
                .offsets
                .map(|offsets| [vec![0..0; before.len()], offsets, vec![length..length; after.len()]].concat()),
        }
    }

    /// Removes `count` ids of the text at one side; special tokens around the text stay. If `count` is larger than the number of
    /// ids, only the special tokens remain.
    #[must_use]
    pub fn cut(mut self, count: usize, side: Side) -> Self {
        let count = count.min(self.text.len());
        let from = if side == Side::Left { self.text.start } else { self.text.end - count };
        let gone = from..from + count;
        self.ids.drain(gone.clone());
        self.special.drain(gone.clone());
        if let Some(offsets) = &mut self.offsets {
            offsets.drain(gone);
        }
        self.text.end -= count;
        self
    }
}

/// Tokenizer of a model.
///
/// ```
/// # #[cfg(feature = "demo")] {
/// use inseq_models::demo;
/// use inseq_models::tokenizer::{Role, Tokenizer};
///
/// let tokenizer = Tokenizer::load(&demo::repository())?;
/// let encoding = tokenizer.encode("The doors are white.", Role::Source, true)?;
/// assert_eq!(encoding.special.last(), Some(&true)); // </s>
/// assert_eq!(tokenizer.decode(&encoding.ids, Role::Source, true)?, "The doors are white.");
/// # }
/// # Ok::<(), inseq_models::Error>(())
/// ```
#[derive(Debug)]
pub struct Tokenizer {
    kind: Kind,
    special: SpecialTokens,
    class: String,
    chat: Templates,
    truncation_side: Side,
}

#[derive(Debug)]
enum Kind {
    Marian(Box<marian::Marian>),
    M2m100(Box<m2m100::M2m100>),
    Bytes(Box<bytes::Bytes>),
    Fast(Box<fast::Fast>),
}

impl Tokenizer {
    /// Loads the tokenizer of a repository with default options.
    ///
    /// # Errors
    /// As [`load_with`](Self::load_with).
    pub fn load(repository: &Repository) -> Result<Self> {
        Self::load_with(repository, &TokenizerOptions::default())
    }

    /// Loads the tokenizer of a repository: `tokenizer.json` if it exists, otherwise the files of transformers' class
    /// (`tokenizer_class`, or the class of the `model_type`). If both exist, Marian's SentencePiece models take precedence,
    /// unless `tokenizer_class` names a class of `tokenizer.json`.
    ///
    /// # Errors
    /// There is no tokenizer, one of its files is missing or damaged, or it has no token for a language.
    pub fn load_with(repository: &Repository, options: &TokenizerOptions) -> Result<Self> {
        let configuration = Configuration::read(repository)?;
        let chat = Templates::read(repository, &configuration)?;
        let truncation_side = configuration.truncation_side()?;
        let mut tokenizer = Self { chat, truncation_side, ..Self::without_chat(repository, configuration, options)? };
        let special = &tokenizer.special;
        for (name, id) in [
            ("bos_token", special.bos),
            ("eos_token", special.eos),
            ("pad_token", special.pad),
            ("unk_token", special.unk),
        ] {
            if let Some(token) = id.and_then(|id| tokenizer.token(id, Role::Source)) {
                tokenizer.chat.name(name, token);
            }
        }
        Ok(tokenizer)
    }

    fn without_chat(repository: &Repository, configuration: Configuration, options: &TokenizerOptions) -> Result<Self> {
        let config = repository.optional_config()?;
        let of_config = |name: &str| config.and_then(|config| config.get(name)?.as_str()).map(String::from);
        let named = configuration.text("tokenizer_class").map(String::from).or_else(|| of_config("tokenizer_class"));
        let model_type = of_config("model_type").unwrap_or_default();
        let has_json = repository.read("tokenizer.json")?.is_some();
        let wants_json = named.as_deref().is_some_and(|class| GENERIC_CLASSES.contains(&class));
        let tokenizer = |kind, special, default: &str| {
            let class = named.clone().unwrap_or(default.into());
            Self { kind, special, class, chat: Templates::default(), truncation_side: Side::default() }
        };
        let plain = named.as_deref().map(|class| class.strip_suffix("Fast").unwrap_or(class));
        if repository.read("source.spm")?.is_some() && !(has_json && wants_json) {
            options.refuse("Marian takes a language from the text itself, as in `>>fra<< Hello`")?;
            let (marian, special) = marian::Marian::load(repository, configuration)?;
            return Ok(tokenizer(Kind::Marian(Box::new(marian)), special, "MarianTokenizer"));
        }
        let reads_bytes = plain == Some("ByT5Tokenizer") || (plain.is_none() && model_type == "byt5");
        if reads_bytes {
            options.refuse("ByT5 knows no languages")?;
            let (bytes, special) = bytes::Bytes::load(configuration)?;
            return Ok(tokenizer(Kind::Bytes(Box::new(bytes)), special, "ByT5Tokenizer"));
        }
        let is_m2m100 = plain == Some("M2M100Tokenizer") || (plain.is_none() && model_type == "m2m_100");
        if is_m2m100 && (!has_json || repository.read("vocab.json")?.is_some()) {
            let (m2m100, special) = m2m100::M2m100::load(repository, configuration, options)?;
            return Ok(tokenizer(Kind::M2m100(Box::new(m2m100)), special, "M2M100Tokenizer"));
        }
        let (fast, special, family) = match has_json {
            true => fast::Fast::load(repository, configuration, (named.as_deref(), &model_type), options)?,
            false => {
                let family = Family::of_files(named.as_deref(), &model_type)
                    .ok_or_else(|| not_found(repository, named.as_deref(), &model_type))?;
                let (fast, special) = fast::Fast::build(repository, configuration, family, options)?;
                (fast, special, Some(family))
            }
        };
        if fast.translation().is_none() {
            options.refuse("this tokenizer knows no languages")?;
        }
        let mut tokenizer = tokenizer(Kind::Fast(Box::new(fast)), special, "PreTrainedTokenizerFast");
        if let Some(family) = family.filter(|_| !has_json || named.is_none()) {
            tokenizer.class = family.class_of(plain).to_string();
        }
        Ok(tokenizer)
    }

    /// Encodes a text.
    ///
    /// # Errors
    /// The tokenizer fails on the text, or the language of a target is not set.
    pub fn encode(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Encoding> {
        match &self.kind {
            Kind::Marian(marian) => Ok(marian.encode(text, role, add_special_tokens)),
            Kind::M2m100(m2m100) => m2m100.encode(text, role, add_special_tokens),
            Kind::Bytes(bytes) => Ok(bytes.encode(text, add_special_tokens)),
            Kind::Fast(fast) => fast.encode(text, role, add_special_tokens),
        }
    }

    /// Decodes ids to text.
    ///
    /// # Errors
    /// An id has no token, or the tokenizer fails on the ids.
    pub fn decode(&self, ids: &[u32], role: Role, skip_special_tokens: bool) -> Result<String> {
        match &self.kind {
            Kind::Marian(marian) if skip_special_tokens => {
                let kept: Vec<u32> = ids.iter().copied().filter(|id| !self.special.all.contains(id)).collect();
                marian.decode(&kept, role)
            }
            Kind::Marian(marian) => marian.decode(ids, role),
            Kind::M2m100(m2m100) => Ok(m2m100.decode(ids, skip_special_tokens)),
            Kind::Bytes(bytes) => bytes.decode(ids, skip_special_tokens),
            Kind::Fast(fast) => fast.decode(ids, skip_special_tokens),
        }
    }

    /// The token of an id, in the tokenizer's own spelling.
    pub fn token(&self, id: u32, role: Role) -> Option<String> {
        match &self.kind {
            Kind::Marian(marian) => marian.token(id, role).map(str::to_string),
            Kind::M2m100(m2m100) => m2m100.token(id).map(str::to_string),
            Kind::Bytes(bytes) => bytes.token(id),
            Kind::Fast(fast) => fast.token(id),
        }
    }

    /// The id of a token in the tokenizer's own spelling.
    pub fn id(&self, token: &str, role: Role) -> Option<u32> {
        match &self.kind {
            Kind::Marian(marian) => marian.id(token, role),
            Kind::M2m100(m2m100) => m2m100.id(token),
            Kind::Bytes(bytes) => bytes.id(token),
            Kind::Fast(fast) => fast.id(token),
        }
    }

    /// The special tokens.
    pub fn special_tokens(&self) -> &SpecialTokens {
        &self.special
    }

    /// The side on which a text that is too long loses tokens (`truncation_side`).
    pub fn truncation_side(&self) -> Side {
        self.truncation_side
    }

    /// Name of the class in transformers.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Whether the model has a chat template.
    pub fn has_chat_template(&self) -> bool {
        self.chat.exists()
    }

    /// Applies the chat template to a chat. The text contains all special tokens, so encode it without adding any. With
    /// `add_generation_prompt` it ends at the start of the assistant's answer.
    ///
    /// # Errors
    /// The model has no chat template, or the template fails or refuses the messages.
    pub fn apply_chat_template(&self, chat: &Chat, add_generation_prompt: bool) -> Result<String> {
        self.chat.apply(chat, add_generation_prompt)
    }

    /// As [`apply_chat_template`](Self::apply_chat_template), with the places of spans of messages in the text.
    ///
    /// # Errors
    /// As [`apply_chat_template`](Self::apply_chat_template), and the place of a span is not known, because the template changes its text
    /// or writes it twice; the error names the message.
    pub fn chat_with_spans(&self, chat: &Chat, add_generation_prompt: bool, spans: &[MessageSpan]) -> Result<ChatText> {
        self.chat.with_spans(chat, add_generation_prompt, spans)
    }

    fn translation(&self) -> Option<&Translation> {
        match &self.kind {
            Kind::M2m100(m2m100) => Some(m2m100.translation()),
            Kind::Fast(fast) => fast.translation(),
            Kind::Marian(_) | Kind::Bytes(_) => None,
        }
    }

    /// Codes of the languages with a token (mBART, M2M-100, NLLB); empty for other models.
    pub fn languages(&self) -> Vec<&str> {
        self.translation().map(|translation| translation.codes().collect()).unwrap_or_default()
    }

    /// The id of a language's token.
    ///
    /// # Errors
    /// The language is unknown; the error names the known ones.
    pub fn language_token_id(&self, code: &str) -> Result<u32> {
        match self.translation() {
            Some(translation) => translation.id(code),
            None => {
                Err(Error::argument("target_language", format!("this tokenizer ({}) knows no languages", self.class)))
            }
        }
    }

    /// Id of the token at the start of a translation: the language that was chosen as
    /// [`target_language`](TokenizerOptions::target_language).
    pub fn forced_bos_token_id(&self) -> Option<u32> {
        self.translation().and_then(Translation::forced)
    }
}

fn not_found(repository: &Repository, class: Option<&str>, model_type: &str) -> Error {
    let known = ["MarianTokenizer"].iter().chain(&GENERIC_CLASSES).any(|known| class == Some(known));
    let way_out = match class.filter(|_| !known) {
        Some(class) => format!(
            "; the files of `{class}` are not read, so save one with transformers \
             (AutoTokenizer.from_pretrained(..).save_pretrained(..))"
        ),
        None => format!(" or a `tokenizer_class` in tokenizer_config.json (`model_type` is `{model_type}`)"),
    };
    Error::checkpoint(
        repository.name().to_string(),
        format!("no tokenizer found; expected tokenizer.json, or source.spm with target.spm and vocab.json{way_out}"),
    )
}

/// Removes the spaces that a word tokenizer leaves before punctuation (`clean_up_tokenization_spaces`).
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
