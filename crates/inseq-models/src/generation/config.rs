//! `generation_config.json`.

use std::collections::BTreeMap;

use inseq_core::{did_you_mean, mismatch};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fields::{self, Use};
use super::values::{EarlyStopping, Ids, SequenceBias, count, flag, id, ids, optional_count, texts, truth};
use crate::checkpoint::Repository;
use crate::{Error, Result};

/// Default number of generated tokens.
const DEFAULT_NEW_TOKENS: usize = 20;

/// Options of generation. Names, meanings and defaults are those of transformers.
///
/// ```
/// use inseq_models::generation::GenerationConfig;
/// use serde_json::json;
///
/// let config = GenerationConfig::default().merge(json!({"num_beams": 4, "max_new_tokens": 30}).as_object().unwrap())?;
/// assert_eq!((config.num_beams, config.max_new_tokens), (4, Some(30)));
/// assert!(config.merge(json!({"num_beams": 0}).as_object().unwrap()).is_err());
/// # Ok::<(), inseq_models::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct GenerationConfig {
    /// Largest length of a text in tokens, including its prompt or decoder start.
    pub max_length: Option<usize>,
    /// Largest number of tokens after the prompt; takes precedence over `max_length`.
    pub max_new_tokens: Option<usize>,
    /// Smallest length of a text in tokens; shorter texts get no end-of-sequence token.
    #[serde(deserialize_with = "count")]
    pub min_length: usize,
    /// Smallest number of tokens after the prompt; takes precedence over `min_length`.
    #[serde(deserialize_with = "optional_count")]
    pub min_new_tokens: Option<usize>,
    /// Strings that end a text.
    #[serde(deserialize_with = "texts")]
    pub stop_strings: Vec<String>,
    /// Number of beams; 1 for greedy search or sampling.
    pub num_beams: usize,
    /// Whether tokens are sampled.
    #[serde(deserialize_with = "flag")]
    pub do_sample: bool,
    /// Condition that ends a beam search.
    pub early_stopping: EarlyStopping,
    /// Exponent of the length by which the score of a hypothesis is divided.
    pub length_penalty: f64,
    /// Divisor of the positive logits, and factor of the negative logits, of tokens that the text contains; 1 for no penalty.
    pub repetition_penalty: f64,
    /// Factor of the positive logits, and divisor of the negative logits, of the tokens of the source; 1 for no penalty.
    pub encoder_repetition_penalty: f64,
    /// Size of n-grams that may occur only once; 0 for no such rule.
    #[serde(deserialize_with = "count")]
    pub no_repeat_ngram_size: usize,
    /// Size of n-grams of the source that may not occur; 0 for no such rule.
    #[serde(deserialize_with = "count")]
    pub encoder_no_repeat_ngram_size: usize,
    /// Sequences of ids that are not generated.
    pub bad_words_ids: Option<Vec<Vec<u32>>>,
    /// Bias added to the score of a token that would complete a sequence.
    pub sequence_bias: SequenceBias,
    /// Strength of classifier-free guidance: how far scores move away from those without the prompt; 1 for no guidance.
    pub guidance_scale: f64,
    /// Id of the first generated token.
    #[serde(deserialize_with = "id")]
    pub forced_bos_token_id: Option<u32>,
    pub(super) forced_eos_token_id: Ids,
    /// Number of new tokens after which the scores of end-of-sequence tokens rise, and the factor per token.
    pub exponential_decay_length_penalty: Option<(i64, f64)>,
    /// Ids of tokens that are never generated.
    #[serde(deserialize_with = "ids")]
    pub suppress_tokens: Option<Vec<u32>>,
    /// Ids of tokens that are not generated first.
    #[serde(deserialize_with = "ids")]
    pub begin_suppress_tokens: Option<Vec<u32>>,
    /// Whether NaN and infinite scores are replaced with finite numbers.
    #[serde(deserialize_with = "flag")]
    pub remove_invalid_values: bool,
    /// Whether scores are normalized to log probabilities after all rules.
    #[serde(deserialize_with = "flag")]
    pub renormalize_logits: bool,
    /// Divisor of the logits in sampling; above 0.
    pub temperature: f64,
    /// Sampling uses this number of likeliest tokens; 0 for all.
    #[serde(deserialize_with = "count")]
    pub top_k: usize,
    /// Sampling uses the likeliest tokens that together have this probability; 0 to 1, and 1 or more for all.
    pub top_p: f64,
    /// Sampling uses the likeliest tokens that together have this share of the entropy; above 0, up to 1.
    pub top_h: Option<f64>,
    /// Sampling uses the tokens with at least this share of the largest probability; 0 to 1.
    pub min_p: Option<f64>,
    /// Sampling uses the most typical tokens that together have this probability; above 0, and 1 or more for all.
    pub typical_p: f64,
    /// Sampling uses the tokens with at least this probability; 0 for all.
    pub epsilon_cutoff: f64,
    /// Sampling uses the tokens above a probability that falls with the entropy; 0 for all.
    pub eta_cutoff: f64,
    /// Id of the first token of the decoder, if it differs from `config.json`.
    #[serde(deserialize_with = "id")]
    pub decoder_start_token_id: Option<u32>,
    pub(super) eos_token_id: Ids,
    /// Id of the token that follows the end of shorter texts of a batch.
    #[serde(deserialize_with = "id")]
    pub pad_token_id: Option<u32>,
    /// Seed of the random number generator; transformers has no such field.
    pub seed: u64,
    /// Number of positions of the model, from `config.json`: the limit of a text without a given length.
    #[serde(skip)]
    positions: Option<usize>,
    /// Given values of the file and the arguments.
    #[serde(skip)]
    pub(super) given: BTreeMap<String, Given>,
    /// Invalid fields of the file.
    #[serde(skip)]
    pub(super) invalid: Vec<String>,
    /// Problem of the whole file.
    #[serde(skip)]
    pub(super) damage: Option<String>,
}

/// A value of a field, and its origin.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) value: Value,
    /// Name of the file; `None` for an argument.
    pub(super) file: Option<&'static str>,
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            max_length: None,
            max_new_tokens: None,
            min_length: 0,
            min_new_tokens: None,
            stop_strings: Vec::new(),
            num_beams: 1,
            do_sample: false,
            early_stopping: EarlyStopping::default(),
            length_penalty: 1.0,
            repetition_penalty: 1.0,
            encoder_repetition_penalty: 1.0,
            no_repeat_ngram_size: 0,
            encoder_no_repeat_ngram_size: 0,
            bad_words_ids: None,
            sequence_bias: SequenceBias::default(),
            guidance_scale: 1.0,
            forced_bos_token_id: None,
            forced_eos_token_id: Ids::default(),
            exponential_decay_length_penalty: None,
            suppress_tokens: None,
            begin_suppress_tokens: None,
            remove_invalid_values: false,
            renormalize_logits: false,
            temperature: 1.0,
            top_k: 50,
            top_p: 1.0,
            top_h: None,
            min_p: None,
            typical_p: 1.0,
            epsilon_cutoff: 0.0,
            eta_cutoff: 0.0,
            decoder_start_token_id: None,
            eos_token_id: Ids::default(),
            pad_token_id: None,
            seed: 0,
            positions: None,
            given: BTreeMap::new(),
            invalid: Vec::new(),
            damage: None,
        }
    }
}

impl GenerationConfig {
    /// Names of the supported fields.
    pub const FIELDS: &'static [&'static str] = fields::HONOURED;

    /// Loads the configuration of a repository: `generation_config.json` or, if this file is missing or damaged, the fields about
    /// generation in `config.json`. An invalid field is an error only when a text is generated.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn load(repository: &Repository) -> Result<Self> {
        const FILE: &str = "generation_config.json";
        const CONFIG: &str = "config.json";
        let config = repository.optional_config()?.unwrap_or(&Value::Null);
        let (own, damage) = match repository.json(FILE) {
            Ok(values) => (values.and_then(|values| values.as_object().cloned()), None),
            Err(error @ Error::Checkpoint { .. }) => (None, Some(error.to_string())),
            Err(error) => return Err(error),
        };
        let (file, values) = match own {
            Some(values) => (FILE, values),
            None => (CONFIG, of_model_config(config)),
        };
        let given = values.into_iter().map(|(name, value)| (name, Given { value, file: Some(file) })).collect();
        let loaded = Self::build(given)?;
        Ok(Self { positions: positions(config), damage, ..loaded })
    }

    /// Returns the configuration with `arguments`, by transformers' names, in place of its values.
    ///
    /// # Errors
    /// An argument is unknown, not supported, or has a wrong type or value; the error names it.
    pub fn merge(&self, arguments: &Map<String, Value>) -> Result<Self> {
        let mut given = self.given.clone();
        for (name, value) in arguments {
            match Use::of(name, value) {
                Use::Honoured => drop(given.insert(name.clone(), Given { value: value.clone(), file: None })),
                // What is said in a call counts, also where it is that the file's value is not to count.
                Use::WithoutEffect => drop(given.remove(name)),
                not_taken @ (Use::NotHonoured | Use::Unknown) => {
                    let (is, near) = match not_taken {
                        Use::Unknown => ("unknown", did_you_mean(name, fields::HONOURED.iter().copied(), 1)),
                        _ => ("not supported", String::new()),
                    };
                    let known = fields::HONOURED.join(", ");
                    let problem = format!("generation argument `{name}` is {is}; choose from {known}{near}");
                    return Err(Error::argument(name, problem));
                }
            }
        }
        // A length given in the call counts over one of the other kind in the file.
        if arguments.contains_key("max_length") && !arguments.contains_key("max_new_tokens") {
            given.remove("max_new_tokens");
        }
        let merged = Self::build(given)?;
        Ok(Self { positions: self.positions, damage: self.damage.clone(), ..merged })
    }

    /// Builds the configuration from valid fields. Invalid fields of a file are recorded; an invalid argument is an error.
    fn build(given: BTreeMap<String, Given>) -> Result<Self> {
        let mut usable: Map<String, Value> = given
            .iter()
            .filter(|(name, field)| fields::HONOURED.contains(&name.as_str()) && !field.value.is_null())
            .map(|(name, field)| (name.clone(), field.value.clone()))
            .collect();
        // Whatever a file has for another mode is not looked at.
        let samples = usable.get("do_sample").and_then(truth) == Some(true);
        let has_beams = usable.get("num_beams").and_then(Value::as_u64).is_some_and(|beams| beams > 1);
        for (fields, is_mode) in [(fields::OF_SAMPLING, samples), (fields::OF_BEAMS, has_beams)] {
            let is_of_mode = |name: &str| fields.iter().any(|(field, _)| *field == name);
            let is_of_file = |name: &str| given.get(name).is_some_and(|field| field.file.is_some());
            usable.retain(|name, _| is_mode || !is_of_mode(name) || !is_of_file(name));
        }
        let mut invalid = Vec::new();
        let mut config = loop {
            match Self::parse(&usable) {
                Ok(config) => break config,
                Err((name, message)) => match given.get(&name).and_then(|field| field.file) {
                    Some(file) if usable.remove(&name).is_some() => invalid.push(format!("{file}: {message}")),
                    _ => return Err(Error::argument(&name, format!("generation argument {message}"))),
                },
            }
        };
        // The limit of ever lower temperatures is the likeliest token.
        config.do_sample &= !config.is_cold();
        Ok(Self { given, invalid, ..config })
    }

    /// Reads fields; an error consists of the name of the field and its problem.
    fn parse(values: &Map<String, Value>) -> Result<Self, (String, String)> {
        let config: Self = mismatch::read(&Value::Object(values.clone())).map_err(|error| {
            let name = error.path.split(['.', '[']).next().unwrap_or_default().to_string();
            (name, error.to_string())
        })?;
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), (String, String)> {
        let refuse = |name: &str, message: String| Err((name.to_string(), message));
        let check = |fine: bool, name: &str, range: &str, found: &dyn std::fmt::Display| match fine {
            true => Ok(()),
            false => refuse(name, format!("`{name}` must be {range}, found {found}")),
        };
        check((1..=1024).contains(&self.num_beams), "num_beams", "between 1 and 1024", &self.num_beams)?;
        check(self.max_length != Some(0), "max_length", "at least 1", &0)?;
        check(self.max_new_tokens != Some(0), "max_new_tokens", "at least 1", &0)?;
        for (name, penalty) in [
            ("repetition_penalty", self.repetition_penalty),
            ("encoder_repetition_penalty", self.encoder_repetition_penalty),
        ] {
            check(penalty > 0.0 && penalty.is_finite(), name, "above 0", &penalty)?;
        }
        for (name, value) in [("length_penalty", self.length_penalty), ("guidance_scale", self.guidance_scale)] {
            check(value.is_finite(), name, "a finite number", &value)?;
        }
        if let Some((_, factor)) = self.exponential_decay_length_penalty {
            check(factor.is_finite(), "exponential_decay_length_penalty", "a start and a finite factor", &factor)?;
        }
        if self.bad_words_ids.iter().flatten().any(Vec::is_empty) {
            return refuse("bad_words_ids", "`bad_words_ids` has a word without ids".into());
        }
        // Without sampling, nothing looks at these.
        if !self.do_sample {
            return Ok(());
        }
        let share = |value: Option<f64>| value.is_none_or(|value| (0.0..=1.0).contains(&value));
        check(self.temperature >= 0.0 && self.temperature.is_finite(), "temperature", "0 or above", &self.temperature)?;
        check(self.top_p >= 0.0, "top_p", "between 0 and 1", &self.top_p)?;
        check(self.typical_p > 0.0, "typical_p", "above 0, up to 1", &self.typical_p)?;
        check(share(self.min_p), "min_p", "between 0 and 1", &self.min_p.unwrap_or_default())?;
        let top_h = self.top_h.unwrap_or(1.0);
        check(share(self.top_h) && top_h > 0.0, "top_h", "above 0, up to 1", &top_h)
    }

    /// Largest length of a target that starts with `start` tokens.
    pub(super) fn limit(&self, start: usize, positions: Option<usize>) -> Result<usize> {
        let limit = match (self.max_new_tokens, self.max_length) {
            (Some(new), _) => start.saturating_add(new),
            (None, Some(length)) => length,
            (None, None) => start.saturating_add(DEFAULT_NEW_TOKENS).min(self.positions.unwrap_or(usize::MAX)),
        };
        // The last token is never fed back, so it needs no position.
        let limit = limit.min(positions.map_or(usize::MAX, |positions| positions + 1));
        if limit <= start
            && let Some(positions) = positions.filter(|&positions| start >= positions)
        {
            return Err(Error::limit(
                "max_length",
                format!(
                    "the target already starts with {start} tokens, which fill the model's {positions} positions: there is no room \
                 for more; shorten it"
                ),
            ));
        }
        if limit <= start {
            return Err(Error::limit(
                "max_length",
                format!(
                    "the target already starts with {start} tokens, and may have {limit} at most; raise `max_length` or give \
                 `max_new_tokens`"
                ),
            ));
        }
        Ok(limit)
    }

    /// Whether the temperature is so low that sampling takes the likeliest token.
    pub(super) fn is_cold(&self) -> bool {
        // Logits divided by less are no numbers of 32 bits.
        (0.0..1e-30).contains(&self.temperature)
    }

    /// Ids of the tokens that end a text.
    pub fn end_tokens(&self) -> &[u32] {
        &self.eos_token_id.0
    }

    /// Strength of classifier-free guidance, if it is on.
    pub(super) fn guidance(&self) -> Option<f32> {
        (self.guidance_scale != 1.0).then_some(self.guidance_scale as f32)
    }
}

/// The fields about generation that older versions wrote into `config.json`.
fn of_model_config(config: &Value) -> Map<String, Value> {
    let mut values: Map<String, Value> = config.as_object().cloned().unwrap_or_default();
    if values.get("force_bos_token_to_be_generated") == Some(&Value::Bool(true)) {
        let first = values.get("bos_token_id").cloned().unwrap_or_default();
        values.entry("forced_bos_token_id").or_insert(first);
    }
    values.retain(|name, value| matches!(Use::of(name, value), Use::Honoured | Use::NotHonoured));
    values
}

/// The number of positions in a `config.json`.
fn positions(config: &Value) -> Option<usize> {
    let model_type = config.get("model_type").and_then(Value::as_str);
    let name = if matches!(model_type, Some("gpt2" | "gptj")) { "n_positions" } else { "max_position_embeddings" };
    config.get(name).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok())
}
