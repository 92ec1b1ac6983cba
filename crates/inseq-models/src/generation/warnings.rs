//! Warnings and problems of a generation configuration.

use inseq_core::did_you_mean;
use inseq_core::mismatch::shown;
use serde_json::Value;

use super::GenerationConfig;
use super::config::Given;
use super::fields::{self, Use};
use super::values::truth;
use crate::{Error, Result};

impl GenerationConfig {
    /// Problems of the file. With an invalid field, generating a text is an error; with an invalid file, generation uses
    /// `config.json`.
    pub fn problems(&self) -> Vec<String> {
        let damage = self.damage.iter().map(|damage| format!("{damage}; what config.json says of generation counts"));
        let invalid = self
            .invalid
            .iter()
            .map(|field| format!("{field}; a text is generated only where an argument takes its place"));
        damage.chain(invalid).collect()
    }

    /// Refuses invalid fields.
    pub(super) fn check(&self) -> Result<()> {
        match self.invalid.split_first() {
            None => Ok(()),
            Some((first, rest)) => Err(Error::argument(
                "generation_args",
                format!(
                    "no text can be generated: {first}{}; mend the file, give the field as a generation argument, or give the text",
                    rest.iter().map(|message| format!("; {message}")).collect::<String>()
                ),
            )),
        }
    }

    /// Warnings for the reader of a generated text about its configuration, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let given = |name: &str| self.given.get(name);
        let is_argument = |name: &str| given(name).is_some_and(|field| field.file.is_none());
        let mut say = |field: &Given, name: &str, why: &str| {
            let place = field.file.map_or_else(|| "generation argument".to_string(), |file| format!("{file}:"));
            warnings.push(format!("{place} `{name}` is {}{why}", shown(&field.value)));
        };
        for (name, field) in &self.given {
            match Use::of(name, &field.value) {
                Use::Unknown if !field.value.is_null() => {
                    let near = did_you_mean(name, fields::HONOURED.iter().copied(), 1);
                    say(field, name, &format!("; transformers knows no such field, and it has no effect{near}"))
                }
                Use::NotHonoured => say(field, name, ", which is not supported: the text is generated without"),
                Use::Honoured | Use::WithoutEffect | Use::Unknown => {}
            }
        }
        let is_below_zero = |value: &Value| {
            value.as_i64().is_some_and(|id| id < 0)
                || value.as_array().is_some_and(|ids| ids.iter().any(|id| id.as_i64().is_some_and(|id| id < 0)))
        };
        for (name, why) in fields::BELOW_ZERO {
            if let Some(field) = given(name).filter(|field| is_below_zero(&field.value)) {
                say(field, name, &format!(", {why}"));
            }
        }
        if let Some(field) = given("stop_strings").filter(|_| self.stop_strings.iter().any(String::is_empty)) {
            say(field, "stop_strings", ": every text ends with the empty text, so that one token is generated");
        }
        let lengths = match (self.min_new_tokens, self.max_new_tokens) {
            (least, Some(most)) => least.map(|least| ("min_new_tokens", least, "max_new_tokens", most)),
            (None, None) => self.max_length.map(|most| ("min_length", self.min_length, "max_length", most)),
            (Some(_), None) => None,
        };
        if let Some((name, _, limit, most)) = lengths.filter(|(_, least, _, most)| least > most)
            && let Some(field) = given(name)
        {
            say(field, name, &format!(", more than `{limit}` ({most}): the text gets no end-of-sequence token"));
        }
        let wants_sampling = given("do_sample").and_then(|field| truth(&field.value)) == Some(true);
        let mut useless = |mode: &str, names: &[(&str, Option<f64>)], why: &str| {
            for (name, neutral) in names {
                let Some(field) = given(name).filter(|field| !fields::changes_nothing(&field.value, *neutral)) else {
                    continue;
                };
                // Whoever chooses another mode in a call need not hear of what the file has for its own.
                if field.file.is_none() || !is_argument(mode) {
                    say(field, name, why);
                }
            }
        };
        if !wants_sampling {
            useless("do_sample", fields::OF_SAMPLING, ", which has no effect without `do_sample`");
        }
        if self.num_beams == 1 {
            useless("num_beams", fields::OF_BEAMS, ", which has no effect without beams (`num_beams`)");
        }
        if wants_sampling && let Some(field) = given("temperature").filter(|_| self.is_cold()) {
            say(field, "temperature", ": the likeliest tokens are taken, as without `do_sample`");
        }
        for (name, is_outside, why) in fields::OUT_OF_RANGE.iter().filter(|_| self.do_sample) {
            if let Some(field) = given(name).filter(|field| field.value.as_f64().is_some_and(is_outside)) {
                say(field, name, &format!(", {why}"));
            }
        }
        warnings
    }
}
