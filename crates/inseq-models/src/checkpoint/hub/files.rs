//! Which files of a repository a model needs.

use super::super::weights::KINDS;

/// Configuration and tokenizer files, each fetched where a repository has it.
const SMALL: &[&str] = &[
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.json",
    "vocab.json",
    "target_vocab.json",
    "merges.txt",
    "source.spm",
    "target.spm",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "chat_template.jinja",
];

/// The weights of a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WeightFiles {
    Whole(&'static str),
    /// An index that names shards.
    Sharded(&'static str),
    None,
}

/// The small files that `present` has.
pub(super) fn small<'a>(present: &'a [String]) -> impl Iterator<Item = &'static str> + 'a {
    SMALL.iter().copied().filter(|name| has(present, name))
}

/// The weights that are read of those that `present` has.
pub(super) fn weights(present: &[String]) -> WeightFiles {
    for (whole, index) in KINDS {
        if has(present, whole) {
            return WeightFiles::Whole(whole);
        }
        if has(present, index) {
            return WeightFiles::Sharded(index);
        }
    }
    WeightFiles::None
}

fn has(present: &[String], name: &str) -> bool {
    present.iter().any(|file| file == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safetensors_come_before_pickles_and_whole_files_before_shards() {
        let weights = |names: &[&str]| weights(&names.iter().map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(weights(&["pytorch_model.bin", "model.safetensors"]), WeightFiles::Whole("model.safetensors"));
        let index = "model.safetensors.index.json";
        assert_eq!(weights(&["pytorch_model.bin", index]), WeightFiles::Sharded(index));
        assert_eq!(
            weights(&["pytorch_model.bin.index.json", "pytorch_model.bin"]),
            WeightFiles::Whole("pytorch_model.bin")
        );
        assert_eq!(weights(&["tf_model.h5", "sub/model.safetensors"]), WeightFiles::None);
    }
}
