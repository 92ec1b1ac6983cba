//! SentencePiece unigram models that run in the `tokenizers` crate: T5, Pegasus, mBART, XGLM.

use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::replace::{Replace, ReplacePattern};
use tokenizers::normalizers::{Precompiled, Sequence as Normalizers};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper};

use super::pieces::Pieces;
use super::{Family, Files, FrameRule, Mask, Parts, damaged, fairseq, first_of};
use crate::checkpoint::Repository;
use crate::tokenizer::added::AddedToken;
use crate::tokenizer::configuration::Configuration;
use crate::tokenizer::guard;
use crate::tokenizer::languages::{self, Languages};
use crate::{Error, Result};

/// Differences between families of unigram models.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Names of the model file.
    files: &'static [&'static str],
    layout: Layout,
    normalization: Normalization,
    /// Whether white space of every kind separates words, not only the space.
    parts_words: bool,
}

/// Order of the ids of pieces.
#[derive(Clone, Copy, Debug)]
enum Layout {
    /// The order of the file, then the extra ids in descending order.
    T5,
    /// Two pieces, the tokens of the pretraining, the other pieces.
    Pegasus,
    /// Fairseq's order, then language codes and the mask.
    Languages(&'static Languages),
    /// Fairseq's order, then seven words that fill the vocabulary.
    MadeUpWords,
}

/// Normalization of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Normalization {
    Nothing,
    /// The rules of the model.
    Rules,
    /// The rules of the model; then each run of spaces becomes one space.
    RulesAndSpaces,
}

const SPIECE: &[&str] = &["spiece.model", "tokenizer.model"];
const FAIRSEQ: &[&str] = &["sentencepiece.bpe.model"];

const ENDS: FrameRule = FrameRule::Always { before: &[], after: &["eos_token"] };

pub(super) const FAMILIES: &[Family] = &[
    Family {
        class: "T5Tokenizer",
        aliases: &[],
        model_types: &["t5", "mt5", "umt5"],
        tokens: &[("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")],
        mask: Mask::Plain,
        frame: ENDS,
        languages: None,
        files: Files::Unigram(Rules {
            files: SPIECE,
            layout: Layout::T5,
            normalization: Normalization::Rules,
            parts_words: true,
        }),
    },
    Family {
        class: "PegasusTokenizer",
        aliases: &[],
        model_types: &["pegasus"],
        tokens: &[("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>"), ("mask_token", "<mask_2>")],
        mask: Mask::Plain,
        frame: ENDS,
        languages: None,
        files: Files::Unigram(Rules {
            files: SPIECE,
            layout: Layout::Pegasus,
            normalization: Normalization::RulesAndSpaces,
            parts_words: false,
        }),
    },
    Family {
        class: "MBartTokenizer",
        aliases: &[],
        model_types: &["mbart"],
        tokens: fairseq::TOKENS,
        mask: Mask::Left,
        frame: ENDS,
        languages: Some(&languages::MBART),
        files: Files::Unigram(Rules {
            files: FAIRSEQ,
            layout: Layout::Languages(&languages::MBART),
            normalization: Normalization::Nothing,
            parts_words: true,
        }),
    },
    Family {
        class: "MBart50Tokenizer",
        aliases: &[],
        model_types: &[],
        // Without a beginning of texts: a language code is that.
        tokens: fairseq::TOKENS.split_at(1).1,
        mask: Mask::Left,
        frame: ENDS,
        languages: Some(&languages::MBART50),
        files: Files::Unigram(Rules {
            files: FAIRSEQ,
            layout: Layout::Languages(&languages::MBART50),
            normalization: Normalization::RulesAndSpaces,
            parts_words: false,
        }),
    },
    Family {
        class: "XGLMTokenizer",
        aliases: &[],
        model_types: &["xglm"],
        tokens: fairseq::TOKENS.split_at(6).0,
        mask: Mask::Plain,
        frame: FrameRule::Always { before: &["eos_token"], after: &[] },
        languages: None,
        files: Files::Unigram(Rules {
            files: FAIRSEQ,
            layout: Layout::MadeUpWords,
            normalization: Normalization::RulesAndSpaces,
            parts_words: false,
        }),
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
        if !pieces.is_unigram() {
            return Err(invalid(format!("{class} expects a unigram model, found {:?}", pieces.trainer.model_type())));
        }
        if let Some((text, score)) = pieces.scored.iter().find(|(_, score)| !score.is_finite()) {
            return Err(invalid(format!("the score of the piece {text:?} is {score}")));
        }
        let (vocabulary, unknown) = self.vocabulary(&pieces, configuration).map_err(invalid)?;
        let model = guard(|| Unigram::from(vocabulary, Some(unknown), false)).map_err(invalid)?;
        let rules = pieces.rules.as_ref().map(|rules| guard(|| Ok(Precompiled::from(rules)?))).transpose();
        self.around(model, rules.map_err(invalid)?, configuration)
    }

    /// Builds the parts of the family's class from the vocabulary and the rules of a `tokenizer.json`.
    pub(super) fn of_json(
        self,
        model: &Unigram,
        rules: Option<Precompiled>,
        configuration: &mut Configuration,
    ) -> Result<Parts> {
        const FILE: &str = "tokenizer.json";
        let invalid = |message: String| Error::checkpoint(FILE, message);
        let vocabulary: Vec<(String, f64)> = model.iter().cloned().collect();
        let unknown = match self.layout {
            Layout::T5 => 2,
            Layout::Languages(_) | Layout::MadeUpWords => fairseq::UNKNOWN,
            Layout::Pegasus => {
                let unknown = configuration.token("unk_token").unwrap_or("<unk>");
                let place = vocabulary.iter().position(|(token, _)| token == unknown);
                place.ok_or_else(|| invalid(format!("the vocabulary lacks the unknown token `{unknown}`")))?
            }
        };
        let model = guard(|| Unigram::from(vocabulary, Some(unknown), false)).map_err(invalid)?;
        self.around(model, rules, configuration)
    }

    /// The parts of a tokenizer around a unigram vocabulary.
    fn around(self, model: Unigram, rules: Option<Precompiled>, configuration: &Configuration) -> Result<Parts> {
        let prefix = if matches!(self.layout, Layout::MadeUpWords) && configuration.denies("add_prefix_space") {
            PrependScheme::Never
        } else {
            PrependScheme::Always
        };
        let spaces = Metaspace::new('▁', prefix, true);
        let pre_tokenizer: PreTokenizerWrapper = match self.parts_words {
            true => Sequence::new(vec![WhitespaceSplit.into(), spaces.clone().into()]).into(),
            false => spaces.clone().into(),
        };
        Ok(Parts {
            model: model.into(),
            normalizer: self.normalizer(rules)?,
            pre_tokenizer: Some(pre_tokenizer),
            decoder: spaces.into(),
        })
    }

    /// All tokens in the order of their ids, and the index of the unknown token. Sets the special tokens without a name.
    fn vocabulary(
        self,
        pieces: &Pieces,
        configuration: &mut Configuration,
    ) -> Result<(Vec<(String, f64)>, usize), String> {
        let plain = |tokens: &[String]| tokens.iter().map(|token| (token.clone(), 0.0)).collect::<Vec<_>>();
        let special = |tokens: &[String]| tokens.iter().map(AddedToken::special).collect::<Vec<_>>();
        match self.layout {
            Layout::T5 => {
                let count = configuration.count("extra_ids", 100)?;
                let extra: Vec<String> = (0..count).map(|i| format!("<extra_id_{i}>")).collect();
                configuration.default_extra(pieces.declared.iter().cloned().chain(special(&extra)));
                let extra = plain(&extra).into_iter().rev();
                Ok((pieces.scored.iter().cloned().chain(extra).collect(), 2))
            }
            Layout::Pegasus => {
                let named = |name: &str, default: &str| configuration.token(name).unwrap_or(default).to_string();
                let masked_sentence = match configuration.value("mask_token_sent") {
                    Some(token) => token.as_str().map(String::from),
                    None => (!configuration.has("mask_token_sent")).then(|| "<mask_1>".to_string()),
                };
                let mut first = vec![named("pad_token", "<pad>"), named("eos_token", "</s>")];
                let mask = configuration
                    .token("mask_token")
                    .map(String::from)
                    .filter(|mask| Some(mask) != masked_sentence.as_ref());
                first.extend(masked_sentence.clone().into_iter().chain(mask));
                let unknown = named("unk_token", "<unk>");
                let fill: Vec<String> =
                    (2..configuration.count("offset", 103)?).map(|i| format!("<unk_{i}>")).collect();
                let mut vocabulary = plain(&first);
                vocabulary.extend(fill.iter().map(|token| (token.clone(), -100.0)));
                vocabulary.extend(pieces.scored.iter().skip(2).cloned());
                configuration.default_extra(special(&masked_sentence.into_iter().chain(fill).collect::<Vec<_>>()));
                let place = vocabulary.iter().position(|(token, _)| *token == unknown);
                let place = place.ok_or_else(|| format!("the unknown token `{unknown}` is missing"))?;
                Ok((vocabulary, place))
            }
            Layout::Languages(languages) => {
                let codes: Vec<String> = languages.codes().map(String::from).collect();
                let mut vocabulary = fairseq::order(pieces, configuration);
                vocabulary.extend(plain(&codes));
                vocabulary.push((configuration.token("mask_token").unwrap_or("<mask>").to_string(), 0.0));
                configuration.default_extra(special(&codes).into_iter().chain(pieces.declared.iter().cloned()));
                Ok((vocabulary, fairseq::UNKNOWN))
            }
            Layout::MadeUpWords => {
                let words: Vec<String> = (0..7).map(|i| format!("<madeupword{i}>")).collect();
                let mut vocabulary = fairseq::order(pieces, configuration);
                vocabulary.extend(plain(&words));
                configuration.default_extra(pieces.declared.iter().cloned().chain(special(&words)));
                Ok((vocabulary, fairseq::UNKNOWN))
            }
        }
    }

    fn normalizer(self, rules: Option<Precompiled>) -> Result<Option<NormalizerWrapper>> {
        let rules = rules.filter(|_| self.normalization != Normalization::Nothing);
        if self.normalization != Normalization::RulesAndSpaces {
            return Ok(rules.map(Into::into));
        }
        let replace = |expression: &str| {
            Replace::new(ReplacePattern::Regex(expression.into()), " ").map_err(damaged("the rules of spaces"))
        };
        let mut steps: Vec<NormalizerWrapper> = rules.into_iter().map(Into::into).collect();
        if steps.is_empty() && matches!(self.layout, Layout::Pegasus) {
            steps.push(replace("\n")?.into());
        }
        steps.push(replace(" {2,}")?.into());
        Ok(Some(Normalizers::new(steps).into()))
    }
}
