//! Fields of transformers' `GenerationConfig`: supported and unsupported ones.

use serde_json::Value;

/// Supported fields.
pub(super) const HONOURED: &[&str] = &[
    "max_length",
    "max_new_tokens",
    "min_length",
    "min_new_tokens",
    "num_beams",
    "do_sample",
    "early_stopping",
    "length_penalty",
    "stop_strings",
    "repetition_penalty",
    "encoder_repetition_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
    "bad_words_ids",
    "sequence_bias",
    "guidance_scale",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "exponential_decay_length_penalty",
    "suppress_tokens",
    "begin_suppress_tokens",
    "remove_invalid_values",
    "renormalize_logits",
    "temperature",
    "top_k",
    "top_p",
    "top_h",
    "min_p",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "decoder_start_token_id",
    "eos_token_id",
    "pad_token_id",
    "seed",
];

/// Fields without an effect on the generated tokens: they concern speed, memory or returned values, or
/// models and languages that no call uses.
const WITHOUT_EFFECT: &[&str] = &[
    "use_cache",
    "cache_implementation",
    "cache_config",
    "max_cache_len",
    "return_legacy_cache",
    "low_memory",
    "prefill_chunk_size",
    "compile_config",
    "disable_compile",
    "continuous_batching_config",
    "bos_token_id",
    "return_dict_in_generate",
    "output_scores",
    "output_logits",
    "output_attentions",
    "output_hidden_states",
    // Another model proposes tokens, or this one does; what is generated is checked, and stays the same.
    "is_assistant",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "assistant_confidence_threshold",
    "assistant_early_exit",
    "assistant_lookbehind",
    "assistant_ensemble_weight",
    "target_lookbehind",
    "prompt_lookup_num_tokens",
    "max_matching_ngram_size",
    "speculation_type",
    "use_mtp",
    "generation_kwargs",
    "transformers_version",
    "_from_model_config",
    "_commit_hash",
];

/// A value with which an unsupported field has no effect. `null` never has one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Neutral {
    Null,
    False,
    UpTo(f64),
}

/// Unsupported fields that would change the generated text.
const NOT_HONOURED: &[(&str, Neutral)] = &[
    ("max_time", Neutral::Null),
    ("num_return_sequences", Neutral::UpTo(1.0)),
    ("penalty_alpha", Neutral::UpTo(0.0)),
    ("num_beam_groups", Neutral::UpTo(1.0)),
    ("diversity_penalty", Neutral::UpTo(0.0)),
    ("constraints", Neutral::Null),
    ("force_words_ids", Neutral::Null),
    ("forced_decoder_ids", Neutral::Null),
    ("dola_layers", Neutral::Null),
    ("watermarking_config", Neutral::Null),
    ("token_healing", Neutral::False),
];

/// Treatment of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// The field has the effect that it has in transformers.
    Honoured,
    /// The field is ignored, because it does not affect the generated text.
    WithoutEffect,
    /// The field is ignored, although it would change the generated text.
    NotHonoured,
    /// The field is ignored; transformers does not know it either.
    Unknown,
}

impl Use {
    /// Treatment of a field with a value.
    pub(super) fn of(name: &str, value: &Value) -> Self {
        if HONOURED.contains(&name) {
            return Self::Honoured;
        }
        if WITHOUT_EFFECT.contains(&name) {
            return Self::WithoutEffect;
        }
        let Some((_, neutral)) = NOT_HONOURED.iter().find(|(known, _)| *known == name) else { return Self::Unknown };
        let is_neutral = match (value, neutral) {
            (Value::Null, _) => true,
            (Value::Array(values), _) => values.is_empty(),
            (Value::Bool(value), Neutral::False) => !value,
            (Value::Number(number), Neutral::UpTo(most)) => number.as_f64().is_some_and(|number| number <= *most),
            _ => false,
        };
        if is_neutral { Self::WithoutEffect } else { Self::NotHonoured }
    }
}

/// Fields that only sampling uses, with their neutral values.
pub(super) const OF_SAMPLING: &[(&str, Option<f64>)] = &[
    ("temperature", Some(1.0)),
    ("top_p", Some(1.0)),
    ("min_p", None),
    ("top_h", None),
    ("typical_p", Some(1.0)),
    ("top_k", Some(50.0)),
    ("epsilon_cutoff", Some(0.0)),
    ("eta_cutoff", Some(0.0)),
];

/// Fields that only beam search uses, with their neutral values.
pub(super) const OF_BEAMS: &[(&str, Option<f64>)] = &[("early_stopping", Some(0.0)), ("length_penalty", Some(1.0))];

/// Fields in which a negative number means none, with the effect.
pub(super) const BELOW_ZERO: &[(&str, &str)] = &[
    ("eos_token_id", "which is no token: it ends no text"),
    ("forced_bos_token_id", "which is no token, and has no effect"),
    ("forced_eos_token_id", "which is no token, and has no effect"),
    ("decoder_start_token_id", "which is no token, and has no effect"),
    ("suppress_tokens", "where numbers below 0 are no tokens, and have no effect"),
    ("begin_suppress_tokens", "where numbers below 0 are no tokens, and have no effect"),
    ("min_length", "which is below 0, and has no effect"),
    ("min_new_tokens", "which is below 0, and has no effect"),
    ("no_repeat_ngram_size", "which is below 0, and has no effect"),
    ("encoder_no_repeat_ngram_size", "which is below 0, and has no effect"),
];

/// A field, a test whether a number is outside its range, and the effect of such a number.
type OutOfRange = (&'static str, fn(f64) -> bool, &'static str);

/// Fields of sampling that transformers ignores outside a range.
pub(super) const OUT_OF_RANGE: &[OutOfRange] = &[
    ("top_k", |number| number < 0.0, "which is no number of tokens: all of them may be drawn"),
    ("top_p", |number| number > 1.0, "which is above 1: all tokens may be drawn"),
    ("typical_p", |number| number > 1.0, "which is above 1: all tokens may be drawn"),
    ("epsilon_cutoff", |number| !(0.0..1.0).contains(&number), "which is not between 0 and 1: no token is cut off"),
    ("eta_cutoff", |number| !(0.0..1.0).contains(&number), "which is not between 0 and 1: no token is cut off"),
];

/// Whether a value is the neutral value; `false` is 0.
pub(super) fn changes_nothing(value: &Value, neutral: Option<f64>) -> bool {
    let number = value.as_f64().or_else(|| value.as_bool().map(|value| f64::from(u8::from(value))));
    value.is_null() || (neutral.is_some() && number == neutral)
}
