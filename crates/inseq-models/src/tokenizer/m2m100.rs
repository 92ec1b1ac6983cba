//! M2M-100's tokenizer: a SentencePiece model cuts the text, a `vocab.json` numbers the pieces, languages follow the vocabulary.
//!
//! It follows transformers' `M2M100Tokenizer`.

use super::added::{AddedToken, AddedTokens, Part, trim};
use super::configuration::Configuration;
use super::languages::{M2M100 as LANGUAGES, Translation, WMT21};
use super::sentencepiece::SentencePiece;
use super::vocabulary::{Vocabulary, required};
use super::{Encoding, Role, SpecialTokens, TokenizerOptions, clean_up_spaces};
use crate::checkpoint::Repository;
use crate::{Error, Result};

#[derive(Debug)]
pub(super) struct M2m100 {
    model: SentencePiece,
    vocabulary: Vocabulary,
    added: AddedTokens,
    translation: Translation,
    eos: u32,
    /// Language tokens, starting with the first id after the vocabulary.
    languages: Vec<String>,
    special: SpecialTokens,
    cleans_up_spaces: bool,
}

impl M2m100 {
    pub(super) fn load(
        repository: &Repository,
        mut configuration: Configuration,
        options: &TokenizerOptions,
    ) -> Result<(Self, SpecialTokens)> {
        const CONFIG: &str = "tokenizer_config.json";
        const MODEL: &str = "sentencepiece.bpe.model";
        let invalid = |message: String| Error::checkpoint(CONFIG, message);
        if configuration.has_options("sp_model_kwargs") {
            return Err(invalid("`sp_model_kwargs` is not supported; an empty object is expected".into()));
        }
        let languages = match configuration.text("language_codes").unwrap_or("m2m100") {
            "m2m100" => &LANGUAGES,
            "wmt21" => &WMT21,
            other => return Err(invalid(format!("`language_codes` is `{other}`; expected `m2m100` or `wmt21`"))),
        };
        for (name, content) in [
            ("bos_token", "<s>"),
            ("eos_token", "</s>"),
            ("unk_token", "<unk>"),
            ("sep_token", "</s>"),
            ("pad_token", "<pad>"),
        ] {
            configuration.default_token(name, AddedToken::special(content));
        }
        let unk = configuration.named("unk_token", "<unk>");
        let eos = configuration.named("eos_token", "</s>");
        let vocabulary = Vocabulary::load(repository, "vocab.json", &unk)?;
        let model = SentencePiece::parse(MODEL, &required(repository, MODEL)?)?;
        let tokens: Vec<String> = languages.codes().map(|code| languages.token(code)).collect();
        let known: Vec<String> = configuration.extra_tokens().iter().map(|token| token.content.clone()).collect();
        let all = known.iter().chain(tokens.iter().filter(|token| !known.contains(token)));
        configuration.default_extra(all.map(AddedToken::special).collect::<Vec<_>>());
        let added = configuration.added_tokens(&vocabulary.ids).map_err(invalid)?;
        let place =
            |token: &str| tokens.iter().position(|known| known == token).map(|i| (vocabulary.ids.len() + i) as u32);
        let translation = Translation::new(languages, &configuration, options, place)?;
        let id = |token: &str| added.id(token).or_else(|| place(token)).unwrap_or_else(|| vocabulary.id(token));
        let mut all: Vec<u32> = configuration.special().into_iter().map(|token| id(&token.content)).collect();
        all.sort_unstable();
        all.dedup();
        let special = SpecialTokens {
            bos: configuration.token("bos_token").map(id),
            eos: Some(id(&eos)),
            pad: configuration.token("pad_token").map(id),
            unk: Some(id(&unk)),
            all,
            model_max_length: configuration.model_max_length(),
        };
        let tokenizer = Self {
            eos: id(&eos),
            cleans_up_spaces: configuration.flag("clean_up_tokenization_spaces"),
            languages: tokens,
            special: special.clone(),
            model,
            vocabulary,
            added,
            translation,
        };
        Ok((tokenizer, special))
    }

    pub(super) fn translation(&self) -> &Translation {
        &self.translation
    }

    pub(super) fn encode(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Encoding> {
        let mut encoding = Encoding::default();
        let mut offsets = Vec::new();
        for part in self.added.split(text) {
            match part {
                Part::Token(id, range) => {
                    encoding.ids.push(id);
                    offsets.push(range);
                }
                Part::Text(range) => {
                    for piece in self.model.encode(&text[range.clone()]) {
                        encoding.ids.push(self.id(&piece.text).unwrap_or(self.vocabulary.unk));
                        offsets.push(range.start + piece.range.start..range.start + piece.range.end);
                    }
                }
            }
        }
        encoding.special = vec![false; encoding.ids.len()];
        encoding.offsets = Some(offsets);
        encoding.text = 0..encoding.ids.len();
        if !add_special_tokens {
            return Ok(encoding);
        }
        let (before, after) = self.translation.frame(role, Some(self.eos))?;
        Ok(encoding.within(&before, &after, text.len()))
    }

    /// The text of ids; an id without a token becomes the unknown token.
    pub(super) fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> String {
        let unknown = || self.token(self.vocabulary.unk).unwrap_or_default();
        let mut out = String::new();
        let mut pieces: Vec<&str> = Vec::new();
        for id in ids.iter().filter(|id| !skip_special_tokens || !self.special.all.contains(id)) {
            let token = self.token(*id).unwrap_or_else(unknown);
            if self.special.all.iter().any(|special| self.token(*special) == Some(token)) {
                out += &self.model.decode(&pieces);
                out += token;
                pieces.clear();
            } else {
                pieces.push(token);
            }
        }
        out += &self.model.decode(&pieces);
        let out = trim(&out);
        if self.cleans_up_spaces { clean_up_spaces(out) } else { out.to_string() }
    }

    /// The bytes of the text that a token represents.
    pub(super) fn bytes(&self, token: &str) -> Vec<u8> {
        self.model.bytes(token)
    }

    pub(super) fn token(&self, id: u32) -> Option<&str> {
        let language = || (id as usize).checked_sub(self.vocabulary.ids.len()).and_then(|i| self.languages.get(i));
        let known = self.added.text(id).or_else(|| language().map(String::as_str));
        known.or_else(|| self.vocabulary.tokens.get(&id).map(String::as_str))
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        let language = || self.languages.iter().position(|known| known == token);
        let language = || language().map(|place| (self.vocabulary.ids.len() + place) as u32);
        self.added.id(token).or_else(language).or_else(|| self.vocabulary.ids.get(token).copied())
    }
}
