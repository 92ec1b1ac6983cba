//! Special tokens, and the order of tokens, in models that come from fairseq.

use super::pieces::Pieces;
use crate::tokenizer::configuration::Configuration;

/// Fairseq's four special tokens, then the pieces without the first three, which are SentencePiece's special tokens.
pub(super) fn order(pieces: &Pieces, configuration: &Configuration) -> Vec<(String, f64)> {
    let named = |name: &str, default: &str| configuration.token(name).unwrap_or(default).to_string();
    let first = [("bos_token", "<s>"), ("pad_token", "<pad>"), ("eos_token", "</s>"), ("unk_token", "<unk>")];
    let first = first.into_iter().map(|(name, default)| (named(name, default), 0.0));
    first.chain(pieces.scored.iter().skip(3).cloned()).collect()
}

/// Index of fairseq's unknown token.
pub(super) const UNKNOWN: usize = 3;

/// Special tokens of models that come from fairseq.
pub(super) const TOKENS: &[(&str, &str)] = &[
    ("bos_token", "<s>"),
    ("eos_token", "</s>"),
    ("unk_token", "<unk>"),
    ("sep_token", "</s>"),
    ("pad_token", "<pad>"),
    ("cls_token", "<s>"),
    ("mask_token", "<mask>"),
];
