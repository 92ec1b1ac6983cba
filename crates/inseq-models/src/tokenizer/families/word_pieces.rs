//! WordPiece (Wu et al., 2016, <https://arxiv.org/abs/1609.08144>) with BERT's rules: `vocab.txt`. Chinese GPT-2 models
//! use it.

use ahash::AHashMap;
use serde_json::Value;
use tokenizers::decoders::wordpiece::WordPiece as Decoder;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

use super::{Family, Files, FrameRule, Mask, Parts};
use crate::checkpoint::Repository;
use crate::tokenizer::configuration::Configuration;
use crate::tokenizer::guard;
use crate::tokenizer::vocabulary::required;
use crate::{Error, Result};

/// Mark of a piece that continues a word.
const GOES_ON: &str = "##";

pub(super) const FAMILIES: &[Family] = &[Family {
    class: "BertTokenizer",
    aliases: &[],
    model_types: &[],
    tokens: &[
        ("unk_token", "[UNK]"),
        ("sep_token", "[SEP]"),
        ("pad_token", "[PAD]"),
        ("cls_token", "[CLS]"),
        ("mask_token", "[MASK]"),
    ],
    mask: Mask::Plain,
    frame: FrameRule::Always { before: &["cls_token"], after: &["sep_token"] },
    languages: None,
    files: Files::WordPieces,
}];

pub(super) fn parts(repository: &Repository, configuration: &Configuration) -> Result<Parts> {
    const FILE: &str = "vocab.txt";
    let bytes = required(repository, FILE)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|e| Error::checkpoint(FILE, format!("not UTF-8 text: {e}")).caused_by(e))?;
    let tokens = text.lines().map(|line| line.trim_end_matches('\r').to_string());
    around(tokens.zip(0..).collect(), FILE, configuration)
}

/// The parts of a tokenizer around a vocabulary.
pub(super) fn around(ids: AHashMap<String, u32>, file: &str, configuration: &Configuration) -> Result<Parts> {
    let unknown = configuration.token("unk_token").unwrap_or("[UNK]").to_string();
    let invalid = |message: String| Error::checkpoint(file.to_string(), message);
    if !ids.contains_key(&unknown) {
        return Err(invalid(format!("the vocabulary lacks the unknown token `{unknown}`")));
    }
    let model = WordPiece::builder().vocab(ids).unk_token(unknown).continuing_subword_prefix(GOES_ON.into());
    let model = guard(|| model.build()).map_err(invalid)?;
    let normalizer = BertNormalizer::new(
        true,
        !configuration.denies("tokenize_chinese_chars"),
        configuration.value("strip_accents").and_then(Value::as_bool),
        !configuration.denies("do_lower_case"),
    );
    Ok(Parts {
        model: model.into(),
        normalizer: Some(normalizer.into()),
        pre_tokenizer: Some(BertPreTokenizer.into()),
        decoder: Decoder::new(GOES_ON.into(), true).into(),
    })
}
