//! Marian's tokenizer: two SentencePiece models cut the texts, and a separate vocabulary numbers the pieces.
//!
//! It follows transformers' `MarianTokenizer`, with one difference: with separate vocabularies, source
//! ids are shown with the source vocabulary (the reference uses that of the target). Punctuation is not normalized: the
//! reference loads a normalizer for it and never calls it.

use super::added::{AddedTokens, Part, trim};
use super::configuration::Configuration;
use super::sentencepiece::SentencePiece;
use super::vocabulary::{Vocabulary, required};
use super::{Encoding, Role, SpecialTokens, clean_up_spaces};
use crate::checkpoint::Repository;
use crate::{Error, Result};

#[derive(Debug)]
pub(super) struct Marian {
    source: SentencePiece,
    target: SentencePiece,
    source_vocabulary: Vocabulary,
    /// Vocabulary of the target, if the checkpoint has separate vocabularies.
    target_vocabulary: Option<Vocabulary>,
    added: AddedTokens,
    eos: u32,
    /// Ids of special tokens except the unknown token.
    unspoken: Vec<u32>,
    /// Texts of special tokens, which are not joined by SentencePiece.
    special: Vec<String>,
    cleans_up_spaces: bool,
}

impl Marian {
    pub(super) fn load(repository: &Repository, mut configuration: Configuration) -> Result<(Self, SpecialTokens)> {
        const CONFIG: &str = "tokenizer_config.json";
        let invalid = |file: &str, message: String| Error::checkpoint(file.to_string(), message);
        if configuration.has_options("sp_model_kwargs") {
            let message = "`sp_model_kwargs` is not supported; an empty object is expected";
            return Err(invalid(CONFIG, message.into()));
        }
        let unk = configuration.named("unk_token", "<unk>");
        let eos = configuration.named("eos_token", "</s>");
        let pad = configuration.named("pad_token", "<pad>");
        let source_vocabulary = Vocabulary::load(repository, "vocab.json", &unk)?;
        let target_vocabulary = if configuration.flag("separate_vocabs") {
            Some(Vocabulary::load(repository, "target_vocab.json", &unk)?)
        } else {
            None
        };
        let model = |file: &str| SentencePiece::parse(file, &required(repository, file)?);
        let (source, target) = (model("source.spm")?, model("target.spm")?);
        let added = configuration.added_tokens(&source_vocabulary.ids);
        let added = added.map_err(|message| invalid(CONFIG, message))?;
        let id = |token: &str| added.id(token).unwrap_or_else(|| source_vocabulary.id(token));

        let special: Vec<String> = configuration.special().into_iter().map(|token| token.content.clone()).collect();
        let mut all: Vec<u32> = special.iter().map(|token| id(token)).collect();
        all.sort_unstable();
        all.dedup();
        let tokens = SpecialTokens {
            bos: configuration.token("bos_token").map(id),
            eos: Some(id(&eos)),
            pad: Some(id(&pad)),
            unk: Some(id(&unk)),
            all: all.clone(),
            model_max_length: configuration
                .model_max_length()
                .or((!configuration.has("model_max_length")).then_some(512)),
        };
        let marian = Self {
            eos: id(&eos),
            unspoken: all.into_iter().filter(|&special| special != id(&unk)).collect(),
            source,
            target,
            source_vocabulary,
            target_vocabulary,
            added,
            special,
            cleans_up_spaces: configuration.flag("clean_up_tokenization_spaces"),
        };
        Ok((marian, tokens))
    }

    fn vocabulary(&self, role: Role) -> &Vocabulary {
        match (role, &self.target_vocabulary) {
            (Role::Target, Some(target)) => target,
            _ => &self.source_vocabulary,
        }
    }

    pub(super) fn encode(&self, text: &str, role: Role, add_special_tokens: bool) -> Encoding {
        let model = if role == Role::Source { &self.source } else { &self.target };
        let vocabulary = self.vocabulary(role);
        let (mut ids, mut offsets) = (Vec::new(), Vec::new());
        let id = |token: &str| self.added.id(token).unwrap_or_else(|| vocabulary.id(token));
        for part in self.added.split(text) {
            let mut range = match part {
                Part::Token(id, range) => {
                    ids.push(id);
                    offsets.push(range);
                    continue;
                }
                Part::Text(range) => range,
            };
            // A language code (`>>fra<<`) is one token.
            let part = &text[range.clone()];
            if let Some(end) = part.starts_with(">>").then(|| part.find("<<")).flatten() {
                let end = range.start + end + 2;
                ids.push(id(&text[range.start..end]));
                offsets.push(range.start..end);
                range.start = end;
            }
            for piece in model.encode(&text[range.clone()]) {
                ids.push(id(&piece.text));
                offsets.push(range.start + piece.range.start..range.start + piece.range.end);
            }
        }
        let special: Vec<bool> = ids.iter().map(|id| self.unspoken.contains(id)).collect();
        let encoding = Encoding { special, text: 0..ids.len(), ids, offsets: Some(offsets) };
        if add_special_tokens { encoding.within(&[], &[self.eos], text.len()) } else { encoding }
    }

    /// The model that joins pieces: with one vocabulary, that of the source for both roles, as in the reference.
    fn joining_model(&self, role: Role) -> &SentencePiece {
        match &self.target_vocabulary {
            Some(_) if role == Role::Target => &self.target,
            _ => &self.source,
        }
    }

    pub(super) fn decode(&self, ids: &[u32], role: Role) -> Result<String> {
        let tokens: Option<Vec<&str>> = ids.iter().map(|id| self.token(*id, role)).collect();
        let tokens = tokens.ok_or_else(|| {
            let unknown = ids.iter().find(|id| self.token(**id, role).is_none());
            Error::argument("ids", format!("no token has the id {}", unknown.copied().unwrap_or_default()))
        })?;
        Ok(self.join(&tokens, role))
    }

    /// The text of tokens.
    fn join(&self, tokens: &[&str], role: Role) -> String {
        let model = self.joining_model(role);
        let mut out = String::new();
        let mut pieces: Vec<&str> = Vec::new();
        for token in tokens {
            if self.special.iter().any(|special| special == token) {
                out += &model.decode(&pieces);
                out += token;
                out.push(' ');
                pieces.clear();
            } else {
                pieces.push(token);
            }
        }
        out += &model.decode(&pieces);
        let out = out.replace('▁', " ");
        let out = trim(&out);
        if self.cleans_up_spaces { clean_up_spaces(out) } else { out.to_string() }
    }

    /// The bytes of the text that a token represents.
    pub(super) fn bytes(&self, token: &str) -> Vec<u8> {
        self.source.bytes(token)
    }

    pub(super) fn token(&self, id: u32, role: Role) -> Option<&str> {
        let known = self.added.text(id).or_else(|| self.vocabulary(role).tokens.get(&id).map(String::as_str));
        // An id that the vocabulary skips falls back to the piece at that place, as in the reference.
        known.or_else(|| self.joining_model(role).piece(id as usize))
    }

    pub(super) fn id(&self, token: &str, role: Role) -> Option<u32> {
        self.added.id(token).or_else(|| self.vocabulary(role).ids.get(token).copied())
    }
}
