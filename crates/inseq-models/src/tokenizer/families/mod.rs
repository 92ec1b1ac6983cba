//! Tokenizers of repositories without a `tokenizer.json`, by the class of transformers that reads their files.
//!
//! Tables, in one file per kind of model, describe the differences between families. The `tokenizers` crate does the work, as in
//! transformers.

mod byte_level;
mod fairseq;
mod piece_pairs;
mod pieces;
mod unigram;
mod word_pieces;

use tokenizers::normalizers::Precompiled;
use tokenizers::{DecoderWrapper, Model as _, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use super::GENERIC_CLASSES;
use super::added::AddedToken;
use super::configuration::Configuration;
use super::languages::Languages;
use crate::checkpoint::Repository;
use crate::{Error, Result};

/// The rules of one class of transformers.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) class: &'static str,
    /// Other classes with the same rules.
    aliases: &'static [&'static str],
    /// Values of `model_type` in `config.json` that select this class if no class is named.
    model_types: &'static [&'static str],
    /// Default special tokens by name.
    tokens: &'static [(&'static str, &'static str)],
    /// How the default mask token treats the space before it.
    mask: Mask,
    pub(super) frame: FrameRule,
    pub(super) languages: Option<&'static Languages>,
    files: Files,
}

/// How a mask token is found in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mask {
    Plain,
    /// With the spaces before it.
    Left,
    /// With the spaces before it, in the normalized text.
    LeftNormalized,
}

/// Special tokens around a text.
#[derive(Clone, Copy, Debug)]
pub(super) enum FrameRule {
    /// The tokens of `add_bos_token` and `add_eos_token`; with `of_file`, those of the `tokenizer.json`.
    Configured { of_file: bool },
    /// Always these tokens, by name.
    Always { before: &'static [&'static str], after: &'static [&'static str] },
}

impl FrameRule {
    /// Whether a `tokenizer.json` defines the tokens around a text.
    pub(super) fn is_of_file(self) -> bool {
        matches!(self, Self::Configured { of_file: true })
    }
}

/// Kind of model files of a family.
#[derive(Debug)]
enum Files {
    ByteLevel(byte_level::Rules),
    Unigram(unigram::Rules),
    PiecePairs(piece_pairs::Rules),
    WordPieces,
}

/// The parts of a tokenizer without its added tokens.
pub(super) struct Parts {
    pub(super) model: ModelWrapper,
    pub(super) normalizer: Option<NormalizerWrapper>,
    pub(super) pre_tokenizer: Option<PreTokenizerWrapper>,
    pub(super) decoder: DecoderWrapper,
}

fn all() -> impl Iterator<Item = &'static Family> {
    [byte_level::FAMILIES, unigram::FAMILIES, piece_pairs::FAMILIES, word_pieces::FAMILIES].into_iter().flatten()
}

/// Model types whose `tokenizer.json` transformers uses unchanged with every class.
const AS_IT_IS: [&str; 5] = ["mistral", "mixtral", "olmo2", "phi3", "umt5"];

impl Family {
    fn of_class(class: &str) -> Option<&'static Self> {
        all().find(|family| family.class == class || family.aliases.contains(&class))
    }

    fn of_type(model_type: &str) -> Option<&'static Self> {
        all().find(|family| family.model_types.contains(&model_type))
    }

    /// The family of a class of transformers or, if no class is named, of a model type, for repositories without a
    /// `tokenizer.json`.
    pub(super) fn of_files(class: Option<&str>, model_type: &str) -> Option<&'static Self> {
        let of_type = Self::of_type(model_type);
        match class.map(without_fast) {
            // Transformers has no class for the SentencePiece models of these types, whatever their files say.
            Some(_) if of_type.is_some_and(|family| family.class == GENERIC_CLASSES[0]) => of_type,
            Some(class) if GENERIC_CLASSES.contains(&class) => of_type,
            Some(class) => Self::of_class(class),
            None => of_type,
        }
    }

    /// The family whose class transformers uses with a `tokenizer.json`; `None` if the file is used unchanged.
    pub(super) fn of_json(class: Option<&str>, model_type: &str, is_byte_level: bool) -> Option<&'static Self> {
        // What Qwen2's repositories name is not looked at; Llama's class has no registered type.
        let of_type = Self::of_type(model_type).filter(|_| model_type != "llama");
        match class.map(without_fast) {
            _ if AS_IT_IS.contains(&model_type) => None,
            Some(_) if model_type == "qwen2" => of_type,
            Some(class) if GENERIC_CLASSES.contains(&class) => None,
            // Llama 3 has Llama's class in many repositories, but byte-level pairs.
            Some("LlamaTokenizer") if is_byte_level => None,
            Some(class) => Self::of_class(class),
            None => of_type,
        }
    }

    /// Builds the parts of the family's class from the vocabulary, the merges and the normalization rules of a `tokenizer.json`;
    /// `None` if the file holds another kind of model, which is used unchanged.
    ///
    /// # Errors
    /// The vocabulary lacks a token that the class needs.
    pub(super) fn parts_of(&self, inner: &Tokenizer, configuration: &mut Configuration) -> Result<Option<Parts>> {
        match (&self.files, inner.get_model()) {
            (Files::ByteLevel(rules), ModelWrapper::BPE(model)) => rules.around(model.clone(), configuration).map(Some),
            (Files::Unigram(rules), ModelWrapper::Unigram(model)) => {
                rules.of_json(model, rules_of(inner.get_normalizer()), configuration).map(Some)
            }
            (Files::PiecePairs(rules), ModelWrapper::BPE(model)) => {
                rules.of_json(model.clone(), rules_of(inner.get_normalizer()), configuration).map(Some)
            }
            (Files::WordPieces, ModelWrapper::WordPiece(model)) => {
                word_pieces::around(model.get_vocab().into_iter().collect(), "tokenizer.json", configuration).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The class that transformers uses for the named class, or without a named class.
    pub(super) fn class_of(&self, named: Option<&str>) -> &'static str {
        self.aliases.iter().find(|alias| named == Some(**alias)).unwrap_or(&self.class)
    }

    /// Sets the named special tokens that the files omit, for tokens that exist by `exists`.
    pub(super) fn name_tokens(&self, configuration: &mut Configuration, exists: impl Fn(&str) -> bool) {
        for &(name, content) in self.tokens.iter().filter(|(_, content)| exists(content)) {
            let mut token = AddedToken::special(content);
            if name == "mask_token" && self.mask != Mask::Plain {
                token.lstrip = true;
                token.normalized = Some(self.mask == Mask::LeftNormalized);
            }
            configuration.default_token(name, token);
        }
    }

    /// Reads the family's files.
    ///
    /// # Errors
    /// A file is missing or damaged.
    pub(super) fn parts(&self, repository: &Repository, configuration: &mut Configuration) -> Result<Parts> {
        match &self.files {
            Files::ByteLevel(rules) => rules.parts(repository, configuration),
            Files::Unigram(rules) => rules.parts(self.class, repository, configuration),
            Files::PiecePairs(rules) => rules.parts(self.class, repository, configuration),
            Files::WordPieces => word_pieces::parts(repository, configuration),
        }
    }
}

fn without_fast(class: &str) -> &str {
    class.strip_suffix("Fast").unwrap_or(class)
}

/// The rules of SentencePiece in a normalizer.
fn rules_of(normalizer: Option<&NormalizerWrapper>) -> Option<Precompiled> {
    match normalizer? {
        NormalizerWrapper::Precompiled(rules) => Some(rules.clone()),
        NormalizerWrapper::Sequence(steps) => steps.as_ref().iter().find_map(|step| rules_of(Some(step))),
        _ => None,
    }
}

/// The first existing file, with its name.
fn first_of(class: &str, files: &[&'static str], repository: &Repository) -> Result<(&'static str, Vec<u8>)> {
    for file in files {
        if let Some(bytes) = repository.read(file)? {
            return Ok((file, bytes.into_owned()));
        }
    }
    Err(Error::checkpoint(
        files[0].to_string(),
        format!("not found in `{}`, nor is tokenizer.json; {class} reads {}", repository.name(), files.join(" or ")),
    ))
}

/// Error for a damaged file.
fn damaged(file: &str) -> impl Fn(tokenizers::Error) -> Error + '_ {
    move |e| Error::checkpoint(file.to_string(), e.to_string())
}
