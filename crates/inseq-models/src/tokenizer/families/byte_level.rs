//! Byte-level byte pairs (Radford et al., 2019): `vocab.json` and `merges.txt`.

use ahash::AHashMap;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{PreTokenizerWrapper, SplitDelimiterBehavior};

use super::{Family, Files, FrameRule, Mask, Parts, damaged, fairseq};
use crate::checkpoint::Repository;
use crate::tokenizer::configuration::Configuration;
use crate::tokenizer::guard;
use crate::tokenizer::vocabulary::{read, required};
use crate::{Error, Result};

/// Differences between families of byte-level byte pairs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Whether a text is first normalized to its composed form (NFC).
    composes: bool,
    words: Words,
}

/// Rule that splits a text before merging.
#[derive(Clone, Copy, Debug)]
enum Words {
    /// The rule of GPT-2.
    Gpt2,
    /// A regular expression.
    Matching(&'static str),
}

/// Contractions, words with the character before them, single digits, punctuation with the line ends after it, spaces.
const QWEN2: &str = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*\
                     |\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const END: &str = "<|endoftext|>";

pub(super) const FAMILIES: &[Family] = &[
    Family {
        class: "GPT2Tokenizer",
        aliases: &["CodeGenTokenizer"],
        model_types: &["gpt2", "gpt_neo", "gptj", "opt", "codegen", "phi", "starcoder2"],
        tokens: &[("bos_token", END), ("eos_token", END), ("unk_token", END)],
        mask: Mask::Plain,
        frame: FrameRule::Configured { of_file: true },
        languages: None,
        files: Files::ByteLevel(Rules { composes: false, words: Words::Gpt2 }),
    },
    Family {
        class: "RobertaTokenizer",
        aliases: &["BartTokenizer"],
        model_types: &["bart"],
        tokens: fairseq::TOKENS,
        mask: Mask::Plain,
        frame: FrameRule::Always { before: &["cls_token"], after: &["sep_token"] },
        languages: None,
        files: Files::ByteLevel(Rules { composes: false, words: Words::Gpt2 }),
    },
    Family {
        class: "GPTNeoXTokenizer",
        aliases: &[],
        model_types: &["gpt_neox", "mpt", "olmo"],
        tokens: &[("bos_token", END), ("eos_token", END), ("unk_token", END), ("pad_token", "<|padding|>")],
        mask: Mask::Plain,
        frame: FrameRule::Configured { of_file: false },
        languages: None,
        files: Files::ByteLevel(Rules { composes: true, words: Words::Gpt2 }),
    },
    Family {
        class: "Qwen2Tokenizer",
        aliases: &[],
        model_types: &["qwen2", "qwen3"],
        tokens: &[("eos_token", END), ("unk_token", END), ("pad_token", END)],
        mask: Mask::Plain,
        frame: FrameRule::Configured { of_file: true },
        languages: None,
        files: Files::ByteLevel(Rules { composes: true, words: Words::Matching(QWEN2) }),
    },
];

impl Rules {
    pub(super) fn parts(self, repository: &Repository, configuration: &Configuration) -> Result<Parts> {
        const VOCABULARY: &str = "vocab.json";
        const MERGES: &str = "merges.txt";
        let vocabulary: AHashMap<String, u32> = read(repository, VOCABULARY)?.into_iter().collect();
        let merges = required(repository, MERGES)?;
        let merges = merges_of(&merges).map_err(|message| Error::checkpoint(MERGES, message))?;
        let model = guard(|| BPE::builder().vocab_and_merges(vocabulary, merges).build())
            .map_err(|message| Error::checkpoint(MERGES, message))?;
        self.around(model, configuration)
    }

    /// The parts of a tokenizer around a vocabulary with merges.
    pub(super) fn around(self, mut model: BPE, configuration: &Configuration) -> Result<Parts> {
        (model.dropout, model.unk_token) = (None, None);
        (model.continuing_subword_prefix, model.end_of_word_suffix) = (None, None);
        (model.fuse_unk, model.byte_fallback, model.ignore_merges) = (false, false, false);
        let prefix = configuration.flag("add_prefix_space");
        let pre_tokenizer: PreTokenizerWrapper = match self.words {
            Words::Gpt2 => ByteLevel::new(prefix, true, true).into(),
            Words::Matching(expression) => {
                let pattern = SplitPattern::Regex(expression.into());
                let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
                let split = split.map_err(damaged("the words of Qwen2"))?;
                Sequence::new(vec![split.into(), ByteLevel::new(prefix, true, false).into()]).into()
            }
        };
        Ok(Parts {
            model: model.into(),
            normalizer: self.composes.then(|| NFC.into()),
            pre_tokenizer: Some(pre_tokenizer),
            decoder: ByteLevel::new(true, true, true).into(),
        })
    }
}

/// The merges of a file with one pair per line, in order of priority.
fn merges_of(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 text: {e}"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with("#version"));
    lines
        .map(|(number, line)| match line.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => Ok((left.to_string(), right.to_string())),
            _ => Err(format!("line {}: expected two tokens with a space between, found {line:?}", number + 1)),
        })
        .collect()
}
