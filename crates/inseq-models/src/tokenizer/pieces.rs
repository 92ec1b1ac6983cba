//! The part of a text that each token represents.

use inseq_core::text::{byte_of_character, byte_of_piece};
use inseq_core::{Piece, Token};
use tokenizers::{Decoder, DecoderWrapper, ModelWrapper};

use super::{Kind, Role, Tokenizer};

/// A token that no model has. It is placed before the decoded token, because decoders treat the first token of a text
/// differently.
const BEFORE: &str = "a";

impl Tokenizer {
    /// The tokens of ids with their [`Piece`]s: the part of the text of [`decode`](Self::decode) that each token represents, with
    /// the spaces that belong to it; special tokens are marked. The joined pieces are this text, perhaps after a leading
    /// space; if decoding removes spaces before punctuation, the pieces keep them.
    ///
    /// `given` is the text that was encoded to `ids`, if known. Unknown tokens get their text from it, and text without a
    /// token is [`skipped`](Token::skipped).
    pub fn tokens(&self, ids: &[u32], role: Role, given: Option<&str>) -> Vec<Token> {
        let token =
            |&id: &u32| Token::new(self.token(id, role).unwrap_or_default(), id).with_piece(self.piece(id, role));
        let mut tokens: Vec<Token> = ids.iter().map(token).collect();
        if let Some(given) = given {
            self.compare(&mut tokens, ids, role, given);
        }
        tokens
    }

    /// The piece of a single id after other tokens.
    pub fn piece(&self, id: u32, role: Role) -> Piece {
        let special = &self.special;
        if self.is_special(id, role) {
            return Piece::Special;
        }
        if special.unk == Some(id) {
            return Piece::Unknown(String::new());
        }
        let token = || self.token(id, role).unwrap_or_default();
        Piece::Text(match &self.kind {
            Kind::Marian(marian) => marian.bytes(&token()),
            Kind::M2m100(m2m100) => m2m100.bytes(&token()),
            Kind::Bytes(bytes) => bytes.bytes(id),
            Kind::Fast(fast) => fast.bytes(id, token()),
        })
    }

    /// Whether an id has no text. The unknown token has text, unless it has another use as well.
    fn is_special(&self, id: u32, role: Role) -> bool {
        let special = &self.special;
        if special.unk == Some(id) {
            return [special.bos, special.eos, special.pad].contains(&Some(id));
        }
        special.all.contains(&id)
            || match &self.kind {
                Kind::Fast(fast) => fast.is_special(id),
                // A language that is not among the special tokens.
                Kind::Marian(_) => self
                    .token(id, role)
                    .is_some_and(|token| token.len() > 4 && token.starts_with(">>") && token.ends_with("<<")),
                Kind::M2m100(_) | Kind::Bytes(_) => false,
            }
    }

    /// Compares tokens with the encoded text.
    fn compare(&self, tokens: &mut [Token], ids: &[u32], role: Role, given: &str) {
        for add_special_tokens in [true, false] {
            let Ok(encoding) = self.encode(given, role, add_special_tokens) else { continue };
            // A decoder's start may stand before a text, its end may be cut off, and the model may have gone on from it.
            let Some(first) = [0, 1].into_iter().find(|&first| {
                let rest = ids.get(first..).unwrap_or_default();
                !rest.is_empty() && (encoding.ids.starts_with(rest) || rest.starts_with(&encoding.ids))
            }) else {
                continue;
            };
            let Some(offsets) = encoding.offsets else { return };
            let mut end = 0;
            for (token, range) in tokens[first..].iter_mut().zip(offsets) {
                let before = given.get(end.min(range.start)..range.start).unwrap_or_default();
                match &mut token.piece {
                    Some(Piece::Unknown(text)) => {
                        let spaces = &before[before.trim_end().len()..];
                        *text = format!("{spaces}{}", given.get(range.clone()).unwrap_or_default());
                    }
                    // Spaces before a token that begins with one are its own, however many there were.
                    Some(Piece::Text(bytes)) if bytes.first().is_some_and(u8::is_ascii_whitespace) => {
                        before.trim_end().clone_into(&mut token.skipped);
                    }
                    Some(Piece::Text(_)) => before.clone_into(&mut token.skipped),
                    _ => {}
                }
                end = range.end.max(end);
            }
            return;
        }
    }
}

/// The text of a SentencePiece piece.
pub(super) fn of_sentencepiece(piece: &str, is_byte: bool) -> Vec<u8> {
    match byte_of_piece(piece).filter(|_| is_byte) {
        Some(byte) => vec![byte],
        None => piece.replace('▁', " ").into(),
    }
}

/// The text of a token of the `tokenizers` crate, after another one.
pub(super) fn of_decoder(decoder: Option<&DecoderWrapper>, model: &ModelWrapper, token: String) -> Vec<u8> {
    let falls_back = match model {
        ModelWrapper::BPE(pairs) => pairs.byte_fallback,
        ModelWrapper::Unigram(unigram) => unigram.byte_fallback(),
        ModelWrapper::WordPiece(_) | ModelWrapper::WordLevel(_) => false,
    };
    match byte_of_piece(&token).filter(|_| falls_back) {
        Some(byte) => vec![byte],
        // As tokens are put together then.
        None if decoder.is_none() => format!(" {token}").into(),
        None => decoder.map_or_else(Vec::new, |decoder| decoded(decoder, token)),
    }
}

fn decoded(decoder: &DecoderWrapper, token: String) -> Vec<u8> {
    match decoder {
        DecoderWrapper::Sequence(sequence) => {
            let mut text = token;
            for decoder in sequence.get_decoders() {
                match String::from_utf8(decoded(decoder, text)) {
                    Ok(part) => text = part,
                    Err(bytes) => return bytes.into_bytes(),
                }
            }
            text.into()
        }
        DecoderWrapper::ByteLevel(_) => match token.chars().map(byte_of_character).collect::<Option<_>>() {
            Some(bytes) => bytes,
            None => token.into(),
        },
        DecoderWrapper::ByteFallback(_) => byte_of_piece(&token).map_or_else(|| token.into(), |byte| vec![byte]),
        // These look at the text as a whole.
        DecoderWrapper::Fuse(_) | DecoderWrapper::Strip(_) => token.into(),
        // A mark at a token's end is the space after it.
        DecoderWrapper::BPE(_) => chain(decoder, vec![token, BEFORE.into()], 0),
        DecoderWrapper::WordPiece(_)
        | DecoderWrapper::Metaspace(_)
        | DecoderWrapper::Replace(_)
        | DecoderWrapper::CTC(_) => chain(decoder, vec![BEFORE.into(), token], 1),
    }
}

/// The output of a decoder for one of several tokens.
fn chain(decoder: &DecoderWrapper, tokens: Vec<String>, place: usize) -> Vec<u8> {
    let token = tokens.get(place).cloned().unwrap_or_default();
    let decoded = decoder.decode_chain(tokens).ok();
    decoded.and_then(|mut decoded| (place < decoded.len()).then(|| decoded.swap_remove(place))).unwrap_or(token).into()
}
