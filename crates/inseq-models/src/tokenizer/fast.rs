//! Tokenizers of the `tokenizers` crate: from a `tokenizer.json`, or built from the files of a family.

use tokenizers::{ModelWrapper, Tokenizer as Inner};

use super::configuration::Configuration;
use super::families::{Family, FrameRule, Parts};
use super::languages::Translation;
use super::{Encoding, Role, SpecialTokens, TokenizerOptions, clean_up_spaces, guard, pieces};
use crate::checkpoint::{Repository, foreign};
use crate::{Error, Result};

#[derive(Debug)]
pub(super) struct Fast {
    inner: Inner,
    /// Special tokens around a text; `tokenizer.json` may define them.
    frame: Frame,
    cleans_up_spaces: bool,
}

#[derive(Debug)]
enum Frame {
    /// The tokens of `tokenizer.json`.
    Own,
    Fixed {
        before: Vec<u32>,
        after: Vec<u32>,
    },
    Languages {
        translation: Translation,
        eos: Option<u32>,
    },
}

impl Fast {
    /// Reads `tokenizer.json`. Transformers' class for the `named` class and the model type takes tokens and merges from the file,
    /// and some of the tokens around a text. Without such a class, the whole file applies.
    pub(super) fn load(
        repository: &Repository,
        mut configuration: Configuration,
        (named, model_type): (Option<&str>, &str),
        options: &TokenizerOptions,
    ) -> Result<(Self, SpecialTokens, Option<&'static Family>)> {
        const FILE: &str = "tokenizer.json";
        let invalid = |message: String| Error::checkpoint(FILE, message);
        let bytes = repository.read(FILE)?.unwrap_or_default();
        if let Some(found) = foreign::described_text(&bytes) {
            return Err(invalid(found.into()));
        }
        let mut inner = guard(|| Inner::from_bytes(&bytes)).map_err(|e| invalid(format!("not a tokenizer: {e}")))?;
        // A saved tokenizer may carry the padding and truncation of its last use.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| invalid(e.to_string()))?;
        // The file says what surrounds a text.
        ["add_bos_token", "add_eos_token"].into_iter().for_each(|name| configuration.forget(name));
        const BYTE_LEVEL: &[u8] = b"\"ByteLevel\"";
        let is_byte_level = bytes.windows(BYTE_LEVEL.len()).any(|part| part == BYTE_LEVEL);
        let family = Family::of_json(named, model_type, is_byte_level);
        if let Some(family) = family {
            family.name_tokens(&mut configuration, |token| inner.token_to_id(token).is_some());
            for code in family.languages.into_iter().flat_map(|languages| languages.codes()) {
                if inner.token_to_id(code).is_some() {
                    configuration.ensure_special(super::added::AddedToken::special(code));
                }
            }
            if let Some(parts) = family.parts_of(&inner, &mut configuration)? {
                let post_processor = inner.get_post_processor().cloned();
                inner = assembled(parts).map_err(invalid)?;
                inner.with_post_processor(post_processor);
            }
        }
        add_tokens(&mut inner, &configuration).map_err(invalid)?;
        let mut fast = Self::new(inner, &configuration);
        if let Some(family) = family.filter(|family| !family.frame.is_of_file()) {
            fast.frame = fast.frame_of(family, &configuration, options)?;
        }
        let special = fast.special(&configuration);
        Ok((fast, special, family))
    }

    /// Builds a tokenizer from the files of its family.
    pub(super) fn build(
        repository: &Repository,
        mut configuration: Configuration,
        family: &Family,
        options: &TokenizerOptions,
    ) -> Result<(Self, SpecialTokens)> {
        const FILE: &str = "tokenizer_config.json";
        let invalid = |message: String| Error::checkpoint(FILE, message);
        family.name_tokens(&mut configuration, |_| true);
        let parts = family.parts(repository, &mut configuration)?;
        let mut inner = assembled(parts).map_err(invalid)?;
        add_tokens(&mut inner, &configuration).map_err(invalid)?;
        let mut fast = Self::new(inner, &configuration);
        fast.frame = fast.frame_of(family, &configuration, options)?;
        let special = fast.special(&configuration);
        Ok((fast, special))
    }

    fn new(mut inner: Inner, configuration: &Configuration) -> Self {
        inner.set_encode_special_tokens(configuration.flag("split_special_tokens"));
        // Spaces before punctuation are the tokens' own in byte pairs.
        let may_clean_up = !matches!(inner.get_model(), ModelWrapper::BPE(_))
            || configuration.flag("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output");
        let cleans_up_spaces = may_clean_up && configuration.flag("clean_up_tokenization_spaces");
        Self { inner, frame: Frame::Own, cleans_up_spaces }
    }

    fn frame_of(&self, family: &Family, configuration: &Configuration, options: &TokenizerOptions) -> Result<Frame> {
        let id = |name: &str| configuration.token(name).and_then(|token| self.inner.token_to_id(token));
        if let Some(languages) = family.languages {
            let translation =
                Translation::new(languages, configuration, options, |token| self.inner.token_to_id(token))?;
            return Ok(Frame::Languages { translation, eos: id("eos_token") });
        }
        let (before, after): (Vec<&str>, Vec<&str>) = match family.frame {
            FrameRule::Always { before, after } => (before.to_vec(), after.to_vec()),
            FrameRule::Configured { .. } => {
                let when = |flag: &str, name| if configuration.flag(flag) { vec![name] } else { Vec::new() };
                (when("add_bos_token", "bos_token"), when("add_eos_token", "eos_token"))
            }
        };
        let ids = |names: Vec<&str>| names.into_iter().filter_map(id).collect();
        Ok(Frame::Fixed { before: ids(before), after: ids(after) })
    }

    fn special(&self, configuration: &Configuration) -> SpecialTokens {
        let id = |name: &str| configuration.token(name).and_then(|token| self.inner.token_to_id(token));
        let special = configuration.special();
        let mut all: Vec<u32> = special.iter().filter_map(|token| self.inner.token_to_id(&token.content)).collect();
        all.sort_unstable();
        all.dedup();
        SpecialTokens {
            bos: id("bos_token"),
            eos: id("eos_token"),
            pad: id("pad_token"),
            unk: id("unk_token"),
            all,
            model_max_length: configuration.model_max_length(),
        }
    }

    pub(super) fn translation(&self) -> Option<&Translation> {
        match &self.frame {
            Frame::Languages { translation, .. } => Some(translation),
            _ => None,
        }
    }

    pub(super) fn encode(&self, text: &str, role: Role, add_special_tokens: bool) -> Result<Encoding> {
        let own = matches!(self.frame, Frame::Own) && add_special_tokens;
        let encoding = guard(|| self.inner.encode(text, own))
            .map_err(|e| Error::argument("text", format!("the tokenizer fails on {text:?}: {e}")))?;
        let special: Vec<bool> = encoding.get_special_tokens_mask().iter().map(|&m| m == 1).collect();
        let before = special.iter().take_while(|special| **special).count();
        let after = special[before..].iter().rev().take_while(|special| **special).count();
        let encoding = Encoding {
            ids: encoding.get_ids().to_vec(),
            text: before..special.len() - after,
            special,
            offsets: Some(encoding.get_offsets().iter().map(|&(start, end)| start..end).collect()),
        };
        if !add_special_tokens {
            return Ok(encoding);
        }
        Ok(match &self.frame {
            Frame::Own => encoding,
            Frame::Fixed { before, after } => encoding.within(before, after, text.len()),
            Frame::Languages { translation, eos } => {
                let (before, after) = translation.frame(role, *eos)?;
                encoding.within(&before, &after, text.len())
            }
        })
    }

    /// The text of ids. `skip_special_tokens` omits the added tokens that are marked as special, which may be more than
    /// [`SpecialTokens::all`], as in the reference.
    pub(super) fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String> {
        let text = guard(|| self.inner.decode(ids, skip_special_tokens))
            .map_err(|e| Error::argument("ids", format!("the tokenizer fails on the ids {ids:?}: {e}")))?;
        Ok(if self.cleans_up_spaces { clean_up_spaces(&text) } else { text })
    }

    /// Whether an added token is marked as special.
    pub(super) fn is_special(&self, id: u32) -> bool {
        self.inner.get_added_vocabulary().get_added_tokens_decoder().get(&id).is_some_and(|token| token.special)
    }

    /// The bytes of the text that a token represents after other tokens.
    pub(super) fn bytes(&self, id: u32, token: String) -> Vec<u8> {
        match self.inner.get_added_vocabulary().get_added_tokens_decoder().contains_key(&id) {
            // What was added is spelled as it is.
            true => token.into(),
            false => pieces::of_decoder(self.inner.get_decoder(), self.inner.get_model(), token),
        }
    }

    pub(super) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

/// Assembles a tokenizer from its parts, without added tokens.
fn assembled(parts: Parts) -> Result<Inner, String> {
    let mut inner = Inner::new(parts.model);
    inner.with_normalizer(parts.normalizer).map_err(|e| e.to_string())?;
    inner.with_pre_tokenizer(parts.pre_tokenizer);
    inner.with_decoder(Some(parts.decoder));
    Ok(inner)
}

/// Adds the tokens with an id in the files, then the remaining named special tokens, then the other special tokens. Tokens that
/// the vocabulary lacks get the next free ids.
fn add_tokens(inner: &mut Inner, configuration: &Configuration) -> Result<(), String> {
    let is_named = |content: &str| configuration.named_tokens().any(|token| token.content == content);
    let mut numbered: Vec<_> = configuration.added.iter().collect();
    numbered.sort_by_key(|(id, _)| **id);
    let mut tokens: Vec<_> = numbered.into_iter().map(|(_, token)| token.clone()).collect();
    let is_known = |content: &str| {
        inner.get_added_vocabulary().get_vocab().contains_key(content)
            || configuration.added.values().any(|token| token.content == content)
    };
    tokens.extend(configuration.named_tokens().filter(|token| !is_known(&token.content)).cloned());
    tokens.extend(configuration.extra_tokens().iter().filter(|token| !is_known(&token.content)).cloned());
    let tokens: Vec<_> = tokens
        .into_iter()
        .map(|mut token| {
            token.special |= is_named(&token.content);
            token.to_backend()
        })
        .collect();
    guard(|| inner.add_tokens(tokens)).map(drop)
}
