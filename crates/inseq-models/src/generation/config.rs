//! `generation_config.json`.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::checkpoint::Repository;
use crate::{Error, Result};

/// When beam search stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyStopping {
    /// When the running beams look unlikely to become better (`false`).
    #[default]
    Heuristic,
    /// As soon as there are as many finished beams as beams (`true`).
    WhenFull,
    /// Only when no running beam can become better (`"never"`).
    Never,
}

impl<'de> Deserialize<'de> for EarlyStopping {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(true) => Ok(Self::WhenFull),
            Value::Bool(false) | Value::Null => Ok(Self::Heuristic),
            Value::String(s) if s == "never" => Ok(Self::Never),
            other => Err(serde::de::Error::custom(format!("expected true, false or \"never\", found {other}"))),
        }
    }
}

/// One id or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids(pub(super) Vec<u32>);

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum OneOrMore {
            None(()),
            One(u32),
            More(Vec<u32>),
        }
        Ok(Self(match OneOrMore::deserialize(deserializer)? {
            OneOrMore::None(()) => Vec::new(),
            OneOrMore::One(id) => vec![id],
            OneOrMore::More(ids) => ids,
        }))
    }
}

/// Tokens that are generated where nothing says how many.
const DEFAULT_NEW_TOKENS: usize = 20;

/// How texts are generated; names, meanings and defaults are transformers'.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct GenerationConfig {
    /// Longest text, its prompt or decoder start among its tokens.
    pub max_length: Option<usize>,
    /// Most tokens after the prompt; it counts rather than `max_length`.
    pub max_new_tokens: Option<usize>,
    /// No end-of-sequence token in shorter texts.
    pub min_length: usize,
    /// No end-of-sequence token before so many after the prompt.
    pub min_new_tokens: Option<usize>,
    /// Hypotheses kept; 1 for greedy search or sampling.
    pub num_beams: usize,
    /// Whether tokens are drawn rather than chosen.
    pub do_sample: bool,
    /// When a beam search is done.
    pub early_stopping: EarlyStopping,
    /// Power of its length that a hypothesis' score is divided by.
    pub length_penalty: f64,
    /// What logits of tokens that are there already are divided by, multiplied where negative; 1 for none.
    pub repetition_penalty: f64,
    /// N-grams of this size occur once; 0 for no such rule.
    pub no_repeat_ngram_size: usize,
    /// N-grams of this size of the source do not occur; 0 for no such rule.
    pub encoder_no_repeat_ngram_size: usize,
    /// Sequences of ids that are not generated.
    pub bad_words_ids: Option<Vec<Vec<u32>>>,
    /// The first generated token.
    pub forced_bos_token_id: Option<u32>,
    pub(super) forced_eos_token_id: Ids,
    /// Tokens that are never generated.
    pub suppress_tokens: Option<Vec<u32>>,
    /// Tokens that are not generated first.
    pub begin_suppress_tokens: Option<Vec<u32>>,
    /// Whether scores are made log-probabilities again after all rules.
    pub renormalize_logits: bool,
    /// What logits are divided by in sampling; above 0.
    pub temperature: f64,
    /// Sampling is among so many of the likeliest; 0 for all.
    pub top_k: usize,
    /// Sampling is among the likeliest that have this probability together; 0 to 1.
    pub top_p: f64,
    /// Sampling is among those of at least this share of the likeliest's probability; 0 to 1.
    pub min_p: Option<f64>,
    pub(super) eos_token_id: Ids,
    /// What follows the end of shorter texts of a batch.
    pub pad_token_id: Option<u32>,
    /// Seed of the sampling; not one of transformers' names.
    pub seed: u64,
    /// What the configuration file held, for [`merge`](Self::merge).
    #[serde(skip)]
    raw: Map<String, Value>,
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            max_length: None,
            max_new_tokens: None,
            min_length: 0,
            min_new_tokens: None,
            num_beams: 1,
            do_sample: false,
            early_stopping: EarlyStopping::default(),
            length_penalty: 1.0,
            repetition_penalty: 1.0,
            no_repeat_ngram_size: 0,
            encoder_no_repeat_ngram_size: 0,
            bad_words_ids: None,
            forced_bos_token_id: None,
            forced_eos_token_id: Ids::default(),
            suppress_tokens: None,
            begin_suppress_tokens: None,
            renormalize_logits: false,
            temperature: 1.0,
            top_k: 50,
            top_p: 1.0,
            min_p: None,
            eos_token_id: Ids::default(),
            pad_token_id: None,
            seed: 0,
            raw: Map::new(),
        }
    }
}

/// Arguments that are honoured.
const KNOWN: &[&str] = &[
    "max_length",
    "max_new_tokens",
    "min_length",
    "min_new_tokens",
    "num_beams",
    "do_sample",
    "early_stopping",
    "length_penalty",
    "repetition_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
    "bad_words_ids",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "suppress_tokens",
    "begin_suppress_tokens",
    "renormalize_logits",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "eos_token_id",
    "pad_token_id",
    "seed",
];

/// Arguments that transformers knows and that have no effect on the ids here.
const WITHOUT_EFFECT: &[&str] = &[
    "use_cache",
    "bos_token_id",
    "decoder_start_token_id",
    "return_dict_in_generate",
    "output_scores",
    "output_logits",
    "output_attentions",
    "output_hidden_states",
    "transformers_version",
    "_from_model_config",
    "num_return_sequences",
];

impl GenerationConfig {
    /// The configuration of a repository: `generation_config.json`, or the fields of that kind in `config.json`.
    ///
    /// # Errors
    /// When a field has a wrong type or range, naming it.
    pub fn load(repository: &Repository) -> Result<Self> {
        let (file, value) = match repository.json("generation_config.json")? {
            Some(value) => ("generation_config.json", value),
            None => ("config.json", repository.json("config.json")?.unwrap_or(Value::Null)),
        };
        let Value::Object(mut raw) = value else {
            return Err(Error::Checkpoint { file: file.into(), message: "expected an object".into() });
        };
        raw.retain(|name, value| KNOWN.contains(&name.as_str()) && !value.is_null());
        let config = Self::from_raw(raw).map_err(|message| Error::Checkpoint { file: file.into(), message })?;
        Ok(config)
    }

    /// With `arguments` over the configuration, by transformers' names.
    ///
    /// # Errors
    /// When an argument is unknown, not supported, or of a wrong type or range, naming it.
    pub fn merge(&self, arguments: &Map<String, Value>) -> Result<Self> {
        let mut raw = self.raw.clone();
        for (name, value) in arguments {
            if KNOWN.contains(&name.as_str()) {
                raw.insert(name.clone(), value.clone());
            } else if !WITHOUT_EFFECT.contains(&name.as_str()) {
                return Err(Error::Argument(format!(
                    "generation argument `{name}` is not supported; supported: {}",
                    KNOWN.join(", ")
                )));
            }
        }
        // A length given in the call counts over one of the other kind in the file.
        if arguments.contains_key("max_length") && !arguments.contains_key("max_new_tokens") {
            raw.remove("max_new_tokens");
        }
        raw.retain(|_, value| !value.is_null());
        Self::from_raw(raw).map_err(|message| Error::Argument(format!("generation argument {message}")))
    }

    fn from_raw(raw: Map<String, Value>) -> Result<Self, String> {
        let mut config: Self = serde_path_to_error::deserialize(Value::Object(raw.clone()))
            .map_err(|e| format!("`{}`: {}", e.path(), e.inner()))?;
        config.validate()?;
        config.raw = raw;
        Ok(config)
    }

    fn validate(&self) -> Result<(), String> {
        let check = |fine: bool, name: &str, range: &str, found: &dyn std::fmt::Display| {
            if fine { Ok(()) } else { Err(format!("`{name}` must be {range}, found {found}")) }
        };
        check((1..=1024).contains(&self.num_beams), "num_beams", "between 1 and 1024", &self.num_beams)?;
        check(self.max_length != Some(0), "max_length", "at least 1", &0)?;
        check(self.max_new_tokens != Some(0), "max_new_tokens", "at least 1", &0)?;
        check(self.temperature > 0.0 && self.temperature.is_finite(), "temperature", "above 0", &self.temperature)?;
        check((0.0..=1.0).contains(&self.top_p), "top_p", "between 0 and 1", &self.top_p)?;
        check(
            self.min_p.is_none_or(|p| (0.0..=1.0).contains(&p)),
            "min_p",
            "between 0 and 1",
            &self.min_p.unwrap_or(0.0),
        )?;
        check(
            self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite(),
            "repetition_penalty",
            "above 0",
            &self.repetition_penalty,
        )?;
        check(self.length_penalty.is_finite(), "length_penalty", "a finite number", &self.length_penalty)?;
        if self.bad_words_ids.iter().flatten().any(Vec::is_empty) {
            return Err("`bad_words_ids` has a word without ids".into());
        }
        Ok(())
    }

    /// The greatest length of a target that starts with `start` tokens.
    pub(super) fn limit(&self, start: usize, positions: Option<usize>) -> Result<usize> {
        let limit = match (self.max_new_tokens, self.max_length) {
            (Some(new), _) => start.saturating_add(new),
            (None, Some(length)) => length,
            (None, None) => start.saturating_add(DEFAULT_NEW_TOKENS),
        };
        // The last token is never fed back, so it needs no position.
        let limit = limit.min(positions.map_or(usize::MAX, |positions| positions + 1));
        if limit <= start {
            return Err(Error::Argument(format!(
                "the target already starts with {start} tokens, and may have {limit} at most; raise `max_length` or give \
                 `max_new_tokens`"
            )));
        }
        Ok(limit)
    }

    /// Tokens that end a text.
    pub fn end_tokens(&self) -> &[u32] {
        &self.eos_token_id.0
    }
}
