//! Marian's tokenizer: two SentencePiece models that cut, and a vocabulary of its own that numbers.

use indexmap::IndexMap;
use serde_json::Value;

use super::sentencepiece::SentencePiece;
use super::{Encoding, Role, SpecialTokens, max_length, token_text};
use crate::checkpoint::Repository;
use crate::{Error, Result};

#[derive(Debug)]
pub(super) struct Marian {
    source: SentencePiece,
    target: SentencePiece,
    source_vocabulary: Vocabulary,
    /// Where a checkpoint has separate vocabularies.
    target_vocabulary: Option<Vocabulary>,
    eos: u32,
    /// Texts of tokens that are cut out of a text before it is cut into pieces.
    whole: Vec<String>,
    clean_up_spaces: bool,
}

#[derive(Debug)]
struct Vocabulary {
    ids: IndexMap<String, u32>,
    tokens: IndexMap<u32, String>,
    unk: u32,
}

impl Vocabulary {
    fn load(repository: &Repository, file: &str, unk: &str) -> Result<Self> {
        let invalid = |message: String| Error::Checkpoint { file: file.to_string(), message };
        let bytes = repository
            .read(file)?
            .ok_or_else(|| invalid(format!("not found in `{}`; Marian's ids come from it", repository.name())))?;
        let ids: IndexMap<String, u32> = serde_json::from_slice(&bytes)
            .map_err(|e| invalid(format!("expected an object of tokens and their ids: {e}")))?;
        let unk = *ids.get(unk).ok_or_else(|| invalid(format!("the unknown token `{unk}` is missing")))?;
        let tokens = ids.iter().map(|(token, id)| (*id, token.clone())).collect();
        Ok(Self { ids, tokens, unk })
    }
}

impl Marian {
    pub(super) fn load(repository: &Repository, config: &Value) -> Result<(Self, SpecialTokens)> {
        let text = |name: &str, default: &'static str| token_text(config, name).unwrap_or(default).to_string();
        let (unk, eos, pad) = (text("unk_token", "<unk>"), text("eos_token", "</s>"), text("pad_token", "<pad>"));
        let separate = config.get("separate_vocabs").and_then(Value::as_bool).unwrap_or(false);
        let source_vocabulary = Vocabulary::load(repository, "vocab.json", &unk)?;
        let target_vocabulary =
            if separate { Some(Vocabulary::load(repository, "target_vocab.json", &unk)?) } else { None };
        let model = |file: &str| -> Result<SentencePiece> {
            let bytes = repository.read(file)?.ok_or_else(|| Error::Checkpoint {
                file: file.to_string(),
                message: format!("not found in `{}`", repository.name()),
            })?;
            SentencePiece::parse(file, &bytes)
        };
        let id = |token: &str| source_vocabulary.ids.get(token).copied();
        let eos_id = id(&eos).ok_or_else(|| Error::Checkpoint {
            file: "vocab.json".into(),
            message: format!("the end-of-sequence token `{eos}` is missing"),
        })?;
        let mut all = vec![source_vocabulary.unk, eos_id];
        all.extend(id(&pad));
        let special = SpecialTokens {
            bos: None,
            eos: Some(eos_id),
            pad: id(&pad),
            unk: Some(source_vocabulary.unk),
            all,
            model_max_length: max_length(config),
        };
        let marian = Self {
            source: model("source.spm")?,
            target: model("target.spm")?,
            source_vocabulary,
            target_vocabulary,
            eos: eos_id,
            whole: vec![unk, eos, pad],
            clean_up_spaces: config.get("clean_up_tokenization_spaces").and_then(Value::as_bool).unwrap_or(false),
        };
        Ok((marian, special))
    }

    fn vocabulary(&self, role: Role) -> &Vocabulary {
        match (role, &self.target_vocabulary) {
            (Role::Target, Some(target)) => target,
            _ => &self.source_vocabulary,
        }
    }

    pub(super) fn encode(&self, text: &str, role: Role, add_special_tokens: bool) -> Encoding {
        let vocabulary = self.vocabulary(role);
        let mut ids = Vec::new();
        for (part, is_whole) in self.split_whole(text) {
            if is_whole {
                ids.push(vocabulary.ids.get(part).copied().unwrap_or(vocabulary.unk));
            } else {
                self.pieces(part, role)
                    .iter()
                    .for_each(|piece| ids.push(vocabulary.ids.get(piece).copied().unwrap_or(vocabulary.unk)));
            }
        }
        let mut special = vec![false; ids.len()];
        if add_special_tokens {
            ids.push(self.eos);
            special.push(true);
        }
        Encoding { ids, special, offsets: None }
    }

    /// The text between and at the special tokens that it spells out.
    fn split_whole<'t>(&self, text: &'t str) -> Vec<(&'t str, bool)> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let found = self
                .whole
                .iter()
                .filter(|token| !token.is_empty())
                .filter_map(|token| rest.find(token.as_str()).map(|at| (at, token.len())))
                .min_by_key(|&(at, length)| (at, std::cmp::Reverse(length)));
            let Some((at, length)) = found else {
                parts.push((rest, false));
                break;
            };
            if at > 0 {
                parts.push((&rest[..at], false));
            }
            parts.push((&rest[at..at + length], true));
            rest = &rest[at + length..];
        }
        parts
    }

    /// A language code (`>>fra<<`) as one piece, then the pieces of SentencePiece.
    fn pieces(&self, text: &str, role: Role) -> Vec<String> {
        let model = if role == Role::Source { &self.source } else { &self.target };
        let (code, text) = match text.starts_with(">>").then(|| text.find("<<")).flatten() {
            Some(end) => (Some(&text[..end + 2]), &text[end + 2..]),
            None => (None, text),
        };
        code.into_iter().map(str::to_string).chain(model.encode(text)).collect()
    }

    pub(super) fn decode(&self, ids: &[u32], role: Role) -> String {
        // With a shared vocabulary the reference decodes by the source model, whatever the role.
        let model = match &self.target_vocabulary {
            Some(_) if role == Role::Target => &self.target,
            _ => &self.source,
        };
        let vocabulary = self.vocabulary(role);
        let mut out = String::new();
        let mut pieces: Vec<&str> = Vec::new();
        for id in ids {
            let token = vocabulary.tokens.get(id).map_or(self.whole[0].as_str(), String::as_str);
            if self.whole.iter().any(|whole| whole == token) {
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
        let out = out.trim();
        if !self.clean_up_spaces {
            return out.to_string();
        }
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
        marks.iter().fold(out.to_string(), |text, (from, to)| text.replace(from, to))
    }

    pub(super) fn token(&self, id: u32, role: Role) -> Option<&str> {
        self.vocabulary(role).tokens.get(&id).map(String::as_str)
    }

    pub(super) fn id(&self, token: &str, role: Role) -> Option<u32> {
        self.vocabulary(role).ids.get(token).copied()
    }
}
