//! The rewriting rules of a SentencePiece model (`precompiled_charsmap`).

/// A double array of prefixes in the format of Darts-clone, with their replacements.
///
/// The array is untrusted: every step is checked, and a step outside the array matches nothing.
#[derive(Debug)]
pub(super) struct Rules {
    units: Vec<u32>,
    /// Null-terminated replacements, found by their offset.
    replacements: String,
}

impl Rules {
    /// Parses the rules; `None` if a model has none.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, String> {
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
        let replacements = std::str::from_utf8(replacements)
            .map_err(|_| "the replacements of the normalization rules are not UTF-8")?
            .to_string();
        Ok(Some(Self { units, replacements }))
    }

    /// The longest rule that matches the start of `text`: the replacement, and the number of bytes that it replaces.
    pub(super) fn longest(&self, text: &str) -> Option<(&str, usize)> {
        // A unit: bits 0-7 the byte that leads here, 8 whether a rule ends here, 9 the scale of the offset, 10-30 the
        // offset of its children; or, with bit 31, the value of a rule.
        let offset = |unit: u32| ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize;
        let mut found = None;
        let mut at = offset(*self.units.first()?);
        for (index, &byte) in text.as_bytes().iter().enumerate() {
            at ^= usize::from(byte);
            let Some(&unit) = self.units.get(at) else { break };
            if unit & (1 << 31 | 0xff) != u32::from(byte) {
                break;
            }
            at ^= offset(unit);
            if unit & (1 << 8) != 0 && text.is_char_boundary(index + 1) {
                let Some(&leaf) = self.units.get(at) else { break };
                found = Some(((leaf & !(1 << 31)) as usize, index + 1));
            }
        }
        let (start, length) = found?;
        let to = self.replacements.get(start..)?;
        Some((to.split('\0').next().unwrap_or_default(), length))
    }
}
