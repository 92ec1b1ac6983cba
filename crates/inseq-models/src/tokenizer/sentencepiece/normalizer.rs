//! Normalization of a text before it is cut.

use super::SPACE;
use super::proto::NormalizerSpec;

/// Rewrites a text by the longest rule that matches at each place, and marks its spaces.
#[derive(Debug)]
pub(super) struct Normalizer {
    rules: Option<Rules>,
    /// Pieces that are left as they are.
    user_defined: Vec<String>,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    escape_whitespaces: bool,
}

/// A double array of prefixes (as Darts-clone writes it) with what each is rewritten to.
#[derive(Debug)]
struct Rules {
    units: Vec<u32>,
    /// Null-terminated replacements, found by their offset.
    replacements: Vec<u8>,
}

impl Rules {
    fn parse(bytes: &[u8]) -> Result<Option<Self>, String> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (size, rest) = bytes.split_first_chunk::<4>().ok_or("the normalization rules end in the middle")?;
        let size = u32::from_le_bytes(*size) as usize;
        if size > rest.len() || !size.is_multiple_of(4) || size == 0 {
            return Err(format!("the normalization rules claim {size} bytes of a trie, but {} follow", rest.len()));
        }
        let (trie, replacements) = rest.split_at(size);
        let (units, _) = trie.as_chunks::<4>();
        let units = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        Ok(Some(Self { units, replacements: replacements.to_vec() }))
    }

    /// The longest rule that matches the start of `text`: bytes that it takes, and what they become.
    fn longest(&self, text: &[u8]) -> Option<(usize, &[u8])> {
        let offset = |unit: u32| ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize;
        let mut found = None;
        let mut at = offset(*self.units.first()?);
        for (index, &byte) in text.iter().enumerate() {
            if byte == 0 {
                break;
            }
            at ^= usize::from(byte);
            let Some(&unit) = self.units.get(at) else { break };
            if unit & (1 << 31 | 0xff) != u32::from(byte) {
                break;
            }
            at ^= offset(unit);
            if unit & (1 << 8) != 0 {
                let Some(&leaf) = self.units.get(at) else { break };
                found = Some((index + 1, (leaf & !(1 << 31)) as usize));
            }
        }
        let (length, start) = found?;
        let rest = self.replacements.get(start..)?;
        let end = rest.iter().position(|&b| b == 0).unwrap_or(rest.len());
        Some((length, &rest[..end]))
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

    /// What the start of `text` becomes, and the bytes it takes; `text` is not empty.
    fn prefix<'t>(&'t self, text: &'t str) -> (&'t [u8], usize) {
        let user = self.user_defined.iter().filter(|u| !u.is_empty() && text.starts_with(u.as_str()));
        if let Some(user) = user.max_by_key(|u| u.len()) {
            return (&text.as_bytes()[..user.len()], user.len());
        }
        let matched = self.rules.as_ref().and_then(|rules| rules.longest(text.as_bytes()));
        if let Some((length, to)) = matched.filter(|&(length, _)| text.is_char_boundary(length)) {
            return (to, length);
        }
        let length = text.chars().next().map_or(text.len(), char::len_utf8);
        (&text.as_bytes()[..length], length)
    }

    pub(super) fn normalize(&self, text: &str) -> String {
        let space = if self.escape_whitespaces { SPACE } else { " " };
        let mut rest = text;
        if self.remove_extra_whitespaces {
            while !rest.is_empty() {
                let (to, length) = self.prefix(rest);
                if to != b" " {
                    break;
                }
                rest = &rest[length..];
            }
        }
        if rest.is_empty() {
            return String::new();
        }
        let mut out = String::with_capacity(rest.len() * 2);
        if self.add_dummy_prefix {
            out += space;
        }
        let mut after_space = self.remove_extra_whitespaces;
        while !rest.is_empty() {
            let (to, length) = self.prefix(rest);
            let to = String::from_utf8_lossy(to);
            let mut kept: &str = &to;
            if after_space {
                kept = kept.trim_start_matches(' ');
            }
            if !kept.is_empty() {
                for c in kept.chars() {
                    if c == ' ' { out += space } else { out.push(c) }
                }
                after_space = kept.ends_with(' ');
            }
            rest = &rest[length..];
            if !self.remove_extra_whitespaces {
                after_space = false;
            }
        }
        if self.remove_extra_whitespaces {
            while out.ends_with(space) {
                out.truncate(out.len() - space.len());
            }
        }
        out
    }
}
