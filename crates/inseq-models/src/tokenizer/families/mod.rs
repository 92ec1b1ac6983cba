//! Tokenizers of repositories without a `tokenizer.json`, by the class of transformers that reads their files.
//!
//! What differs between families is data: a table in one file per kind of model. The `tokenizers` crate does the work, as in
//! transformers.

mod byte_level;
mod fairseq;
mod piece_pairs;
mod pieces;
mod unigram;

use tokenizers::{DecoderWrapper, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper};

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
    /// Values of `model_type` in `config.json` that mean this class where none is named.
    model_types: &'static [&'static str],
    /// Special tokens by name, where the files do not say.
    tokens: &'static [(&'static str, &'static str)],
    /// How the default mask token takes the space before it.
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

/// Which special tokens surround a text.
#[derive(Clone, Copy, Debug)]
pub(super) enum FrameRule {
    /// What `add_bos_token` and `add_eos_token` say.
    Configured,
    /// Always these, by name.
    Always { before: &'static [&'static str], after: &'static [&'static str] },
}

/// What a family reads.
#[derive(Debug)]
enum Files {
    ByteLevel(byte_level::Rules),
    Unigram(unigram::Rules),
    PiecePairs(piece_pairs::Rules),
}

/// Everything of a tokenizer but its added tokens.
pub(super) struct Parts {
    pub(super) model: ModelWrapper,
    pub(super) normalizer: Option<NormalizerWrapper>,
    pub(super) pre_tokenizer: Option<PreTokenizerWrapper>,
    pub(super) decoder: DecoderWrapper,
}

fn all() -> impl Iterator<Item = &'static Family> {
    [byte_level::FAMILIES, unigram::FAMILIES, piece_pairs::FAMILIES].into_iter().flatten()
}

impl Family {
    /// The family of a class of transformers or, where none is named, of a type of model. Classes that stand for any
    /// `tokenizer.json` leave it to that file, where there is one.
    pub(super) fn find(class: Option<&str>, model_type: &str, has_json: bool) -> Option<&'static Self> {
        let plain = class.map(|class| class.strip_suffix("Fast").unwrap_or(class));
        let of_type = || all().find(|family| family.model_types.contains(&model_type));
        match plain {
            Some(class) if has_json && GENERIC_CLASSES.contains(&class) => None,
            // Transformers has no class for the SentencePiece models of these types, whatever their files say.
            Some(_) if !has_json && of_type().is_some_and(|family| family.class == GENERIC_CLASSES[0]) => of_type(),
            Some(class) if GENERIC_CLASSES.contains(&class) => of_type(),
            Some(class) => all().find(|family| family.class == class || family.aliases.contains(&class)),
            None => of_type(),
        }
    }

    /// The class that transformers takes where a repository names one, or none.
    pub(super) fn class_of(&self, named: Option<&str>) -> &'static str {
        self.aliases.iter().find(|alias| named == Some(**alias)).unwrap_or(&self.class)
    }

    /// Gives special tokens the names that the files leave out, where a token `exists`.
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
    /// When one is missing or damaged.
    pub(super) fn parts(&self, repository: &Repository, configuration: &mut Configuration) -> Result<Parts> {
        match &self.files {
            Files::ByteLevel(rules) => rules.parts(repository, configuration),
            Files::Unigram(rules) => rules.parts(self.class, repository, configuration),
            Files::PiecePairs(rules) => rules.parts(self.class, repository, configuration),
        }
    }
}

/// The first of some files that a repository has, with its name.
fn first_of(class: &str, files: &[&'static str], repository: &Repository) -> Result<(&'static str, Vec<u8>)> {
    for file in files {
        if let Some(bytes) = repository.read(file)? {
            return Ok((file, bytes.into_owned()));
        }
    }
    Err(Error::Checkpoint {
        file: files[0].to_string(),
        message: format!(
            "not found in `{}`, nor is tokenizer.json; {class} reads {}",
            repository.name(),
            files.join(" or ")
        ),
    })
}

/// The error of a damaged file.
fn damaged(file: &str) -> impl Fn(tokenizers::Error) -> Error + '_ {
    move |e| Error::Checkpoint { file: file.to_string(), message: e.to_string() }
}
