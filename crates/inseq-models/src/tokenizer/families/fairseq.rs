//! The order of tokens in models that come from fairseq.

use super::pieces::Pieces;
use crate::tokenizer::configuration::Configuration;

/// Fairseq's own four tokens, then the pieces but the first three, which are SentencePiece's versions of these.
pub(super) fn order(pieces: &Pieces, configuration: &Configuration) -> Vec<(String, f64)> {
    let named = |name: &str, default: &str| configuration.token(name).unwrap_or(default).to_string();
    let first = [("bos_token", "<s>"), ("pad_token", "<pad>"), ("eos_token", "</s>"), ("unk_token", "<unk>")];
    let first = first.into_iter().map(|(name, default)| (named(name, default), 0.0));
    first.chain(pieces.scored.iter().skip(3).cloned()).collect()
}

/// Where fairseq's unknown token is.
pub(super) const UNKNOWN: usize = 3;
