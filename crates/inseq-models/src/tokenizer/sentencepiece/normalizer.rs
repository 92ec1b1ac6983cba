//! Normalization of a text before cutting.

use super::SPACE;
use super::proto::NormalizerSpec;
use super::rules::Rules;

/// Rewrites a text by the longest rule that matches at each place, and marks its spaces.
#[derive(Debug)]
pub(super) struct Normalizer {
    rules: Option<Rules>,
    /// Pieces that are not rewritten.
    user_defined: Vec<String>,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    escape_whitespaces: bool,
}

/// A normalized text.
#[derive(Debug, Default)]
pub(super) struct Normalized {
    pub(super) text: String,
    /// For each byte of `text`, and for its end, the corresponding byte of the original text.
    pub(super) origin: Vec<usize>,
}

impl Normalized {
    fn push(&mut self, text: &str, origin: usize) {
        self.text.push_str(text);
        self.origin.resize(self.text.len(), origin);
    }
}

impl Normalizer {
    pub(super) fn new(spec: &NormalizerSpec, user_defined: Vec<String>) -> Result<Self, String> {
        Ok(Self {
            rules: Rules::parse(spec.precompiled_charsmap())?,
            user_defined,
            add_dummy_prefix: spec.add_dummy_prefix(),
            remove_extra_whitespaces: spec.remove_extra_whitespaces(),
            escape_whitespaces: spec.escape_whitespaces(),
        })
    }

    /// The replacement of the start of `text`, and the number of bytes that it replaces; `text` is not empty.
    fn prefix<'t>(&'t self, text: &'t str) -> (&'t str, usize) {
        let user = self.user_defined.iter().filter(|u| text.starts_with(u.as_str())).map(String::len).max();
        if let Some(length) = user {
            return (&text[..length], length);
        }
        let matched = self.rules.as_ref().and_then(|rules| rules.longest(text));
        matched.unwrap_or_else(|| {
            let length = text.chars().next().map_or(text.len(), char::len_utf8);
            (&text[..length], length)
        })
    }

    pub(super) fn normalize(&self, text: &str) -> Normalized {
        let space = if self.escape_whitespaces { SPACE } else { " " };
        let mut at = 0;
        if self.remove_extra_whitespaces {
            while at < text.len() {
                let (to, length) = self.prefix(&text[at..]);
                if to != " " {
                    break;
                }
                at += length;
            }
        }
        let mut out = Normalized::default();
        if at == text.len() {
            out.origin.push(at);
            return out;
        }
        if self.add_dummy_prefix {
            out.push(space, at);
        }
        let mut after_space = self.remove_extra_whitespaces;
        while at < text.len() {
            let (to, length) = self.prefix(&text[at..]);
            let kept = if after_space { to.trim_start_matches(' ') } else { to };
            if !kept.is_empty() {
                for (i, word) in kept.split(' ').enumerate() {
                    if i > 0 {
                        out.push(space, at);
                    }
                    out.push(word, at);
                }
                after_space = kept.ends_with(' ');
            }
            at += length;
            after_space &= self.remove_extra_whitespaces;
        }
        let mut end = at;
        if self.remove_extra_whitespaces {
            while out.text.ends_with(space) {
                out.text.truncate(out.text.len() - space.len());
                end = out.origin[out.text.len()];
                out.origin.truncate(out.text.len());
            }
        }
        out.origin.push(end);
        out
    }
}
