//! SentencePiece models of byte pairs that run in the `tokenizers` crate: Llama, Gemma, NLLB.

use std::collections::{HashMap, HashSet};

use ahash::AHashMap;
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as Decoders;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::replace::{Replace, ReplacePattern};
use tokenizers::normalizers::{Precompiled, Sequence as Normalizers};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{DecoderWrapper, NormalizerWrapper, SplitDelimiterBehavior};

use super::pieces::Pieces;
use super::{Family, Files, FrameRule, Mask, Parts, damaged, fairseq, first_of};
use crate::checkpoint::Repository;
use crate::tokenizer::added::AddedToken;
use crate::tokenizer::configuration::Configuration;
use crate::tokenizer::guard;
use crate::tokenizer::languages;
use crate::tokenizer::sentencepiece::proto::TrainerSpec;
use crate::{Error, Result};

/// Longest piece in bytes. Every split of a piece is tried, so time grows with the square of its length.
const LONGEST_PIECE: usize = 1024;

/// Differences between families of byte pairs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    files: &'static [&'static str],
    style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// A space is added before the text; characters without a piece become bytes.
    Llama,
    /// No space is added before the text; the text is split after each space.
    Gemma,
    /// Fairseq's order, with language codes; words never merge.
    Nllb,
    /// A `tokenizer.model` without a class in transformers: no added space and no split.
    Plain,
}

const MODEL: &[&str] = &["tokenizer.model"];

pub(super) const FAMILIES: &[Family] = &[
    Family {
        class: "LlamaTokenizer",
        aliases: &[],
        model_types: &["llama"],
        tokens: &[("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")],
        mask: Mask::Plain,
        frame: FrameRule::Configured { of_file: true },
        languages: None,
        files: Files::PiecePairs(Rules { files: MODEL, style: Style::Llama }),
    },
    Family {
        class: "GemmaTokenizer",
        aliases: &[],
        model_types: &["gemma", "gemma2", "gemma3", "gemma3_text"],
        tokens: &[
            ("bos_token", "<bos>"),
            ("eos_token", "<eos>"),
            ("unk_token", "<unk>"),
            ("pad_token", "<pad>"),
            ("mask_token", "<mask>"),
        ],
        mask: Mask::Plain,
        frame: FrameRule::Configured { of_file: true },
        languages: None,
        files: Files::PiecePairs(Rules { files: MODEL, style: Style::Gemma }),
    },
    Family {
        class: "NllbTokenizer",
        aliases: &[],
        model_types: &[],
        tokens: fairseq::TOKENS,
        mask: Mask::LeftNormalized,
        frame: FrameRule::Always { before: &[], after: &["eos_token"] },
        languages: Some(&languages::NLLB),
        files: Files::PiecePairs(Rules { files: &["sentencepiece.bpe.model"], style: Style::Nllb }),
    },
    Family {
        class: "TokenizersBackend",
        aliases: &[],
        model_types: &["mistral", "mixtral", "phi3"],
        tokens: &[],
        mask: Mask::Plain,
        frame: FrameRule::Configured { of_file: true },
        languages: None,
        files: Files::PiecePairs(Rules { files: MODEL, style: Style::Plain }),
    },
];

impl Rules {
    pub(super) fn parts(
        self,
        class: &str,
        repository: &Repository,
        configuration: &mut Configuration,
    ) -> Result<Parts> {
        let (file, bytes) = first_of(class, self.files, repository)?;
        let invalid = |message: String| Error::checkpoint(file.to_string(), message);
        let pieces = Pieces::parse(file, &bytes)?;
        if pieces.is_unigram() {
            return Err(invalid(format!("{class} expects a model of byte pairs (Bpe), found a unigram model")));
        }
        if let Some((text, _)) = pieces.scored.iter().find(|(text, _)| text.len() > LONGEST_PIECE) {
            return Err(invalid(format!("a piece has {} bytes; at most {LONGEST_PIECE} are read", text.len())));
        }
        if self.style == Style::Plain {
            name_pieces(&pieces, configuration);
        }
        configuration.default_extra(pieces.declared.clone());
        let order: Vec<String> = match self.style {
            Style::Nllb => fairseq_order(&pieces, configuration),
            _ => pieces.scored.iter().map(|(text, _)| text.clone()).collect(),
        };
        let mut ids: AHashMap<String, u32> = order.iter().cloned().zip(0..).collect();
        let merges = merges_of(&pieces);
        if self.style == Style::Plain {
            rename(&mut ids, configuration);
        }
        let model = guard(|| BPE::builder().vocab_and_merges(ids, merges).build()).map_err(invalid)?;
        let rules = pieces.rules.as_ref().map(|rules| guard(|| Ok(Precompiled::from(rules)?))).transpose();
        let plain = (self.style == Style::Plain).then_some(&pieces.trainer);
        self.around(model, rules.map_err(invalid)?, plain, configuration)
    }

    /// Builds the parts of the family's class from the vocabulary and the merges of a `tokenizer.json`.
    pub(super) fn of_json(
        self,
        model: BPE,
        rules: Option<Precompiled>,
        configuration: &Configuration,
    ) -> Result<Parts> {
        self.around(model, rules, None, configuration)
    }

    /// The parts of a tokenizer around a vocabulary with merges; `plain` holds the rules in the file of a model without its own
    /// class.
    fn around(
        self,
        mut model: BPE,
        rules: Option<Precompiled>,
        plain: Option<&TrainerSpec>,
        configuration: &Configuration,
    ) -> Result<Parts> {
        (model.dropout, model.ignore_merges, model.fuse_unk) = (None, false, true);
        model.unk_token = match self.style {
            Style::Llama => None,
            Style::Plain => plain.map(|trainer| trainer.unk_piece().to_string()),
            Style::Gemma | Style::Nllb => Some(configuration.token("unk_token").unwrap_or("<unk>").to_string()),
        };
        model.byte_fallback = match self.style {
            Style::Llama | Style::Gemma => true,
            Style::Nllb => false,
            Style::Plain => plain.is_some_and(|trainer| trainer.byte_fallback),
        };
        let damaged = damaged("the rules of spaces");
        let mark = |from: &str, to: &str| Replace::new(ReplacePattern::String(from.into()), to).map_err(&damaged);
        let has_prefix = !configuration.denies("add_prefix_space");
        let mut decoders: Vec<DecoderWrapper> = vec![mark("▁", " ")?.into()];
        if model.byte_fallback {
            decoders.extend([ByteFallback::new().into(), Fuse::new().into()]);
        }
        let (normalizer, pre_tokenizer) = match self.style {
            Style::Llama => {
                let prefix = match (has_prefix, configuration.flag("legacy")) {
                    (false, _) => PrependScheme::Never,
                    (true, true) => PrependScheme::Always,
                    (true, false) => PrependScheme::First,
                };
                if has_prefix {
                    decoders.push(Strip::new(' ', 1, 0).into());
                }
                (None, Some(Metaspace::new('▁', prefix, false).into()))
            }
            Style::Gemma => {
                let spaces = SplitPattern::String(" ".into());
                let split = Split::new(spaces, SplitDelimiterBehavior::MergedWithPrevious, false).map_err(&damaged)?;
                (Some(mark(" ", "▁")?.into()), Some(split.into()))
            }
            Style::Nllb => {
                let spaces = Metaspace::new('▁', PrependScheme::Always, true);
                decoders = vec![spaces.clone().into()];
                let runs = || Replace::new(ReplacePattern::Regex(" {2,}".into()), " ").map_err(&damaged);
                let steps = rules.map(|rules| Ok::<_, Error>(vec![rules.into(), runs()?.into()]));
                (steps.transpose()?.map(|steps| Normalizers::new(steps).into()), Some(spaces.into()))
            }
            Style::Plain => {
                let mut steps: Vec<NormalizerWrapper> = rules.into_iter().map(Into::into).collect();
                steps.push(mark(" ", "▁")?.into());
                (Some(Normalizers::new(steps).into()), None)
            }
        };
        Ok(Parts { model: model.into(), normalizer, pre_tokenizer, decoder: Decoders::new(decoders).into() })
    }
}

/// Fairseq's order, with each token once. Language codes without an id in a file come next, then the mask.
fn fairseq_order(pieces: &Pieces, configuration: &mut Configuration) -> Vec<String> {
    let mut seen = HashSet::new();
    let first = fairseq::order(pieces, configuration).into_iter().take(fairseq::UNKNOWN + 1);
    let all = first.chain(pieces.scored.iter().cloned()).map(|(text, _)| text);
    let mut order: Vec<String> = all.filter(|text| seen.insert(text.clone())).collect();
    if configuration.added.is_empty() {
        let codes = languages::NLLB.codes().map(String::from);
        let mask = configuration.token("mask_token").unwrap_or("<mask>").to_string();
        let more: Vec<String> = codes.chain([mask]).filter(|text| seen.insert(text.clone())).collect();
        order.extend(more);
        for code in languages::NLLB.codes() {
            configuration.ensure_special(AddedToken::special(code));
        }
    }
    order
}

/// Sets the special tokens that the model file names.
fn name_pieces(pieces: &Pieces, configuration: &mut Configuration) {
    let trainer = &pieces.trainer;
    let named = [
        ("bos_token", trainer.bos_id(), trainer.bos_piece()),
        ("eos_token", trainer.eos_id(), trainer.eos_piece()),
        ("unk_token", trainer.unk_id(), trainer.unk_piece()),
    ];
    for (name, _, piece) in named.into_iter().filter(|(_, id, _)| *id >= 0) {
        configuration.default_token(name, AddedToken::special(piece));
    }
}

/// Renames placeholders to the added tokens with their ids.
fn rename(ids: &mut AHashMap<String, u32>, configuration: &Configuration) {
    let mut tokens: HashMap<u32, String> = ids.iter().map(|(token, id)| (*id, token.clone())).collect();
    for (id, token) in &configuration.added {
        if let Some(known) = tokens.get(id)
            && !ids.contains_key(&token.content)
        {
            ids.remove(known);
            ids.insert(token.content.clone(), *id);
            tokens.insert(*id, token.content.clone());
        }
    }
}

/// All merges of two pieces into a piece, in the order of the merged pieces in the file, then by the length of the left part.
fn merges_of(pieces: &Pieces) -> Vec<(String, String)> {
    let known: HashSet<&str> = pieces.scored.iter().map(|(text, _)| text.as_str()).collect();
    let cuts =
        pieces.scored.iter().flat_map(|(piece, _)| piece.char_indices().skip(1).map(|(at, _)| piece.split_at(at)));
    cuts.filter(|(left, right)| known.contains(left) && known.contains(right))
        .map(|(left, right)| (left.to_string(), right.to_string()))
        .collect()
}
