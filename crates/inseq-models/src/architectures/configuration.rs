//! What an architecture reads of `config.json`: its fields, their other names, and what they are where a file lacks them.

use inseq_core::mismatch;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::sizes::invalid;
use crate::Result;

/// The fields that an architecture reads. A field that is not listed is ignored, as transformers' class of the type ignores it.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    /// Each field with transformers' default, which a file that lacks the field means; null where that is no value.
    pub(super) defaults: fn() -> Value,
    /// Other names of fields, as `(other, name)`. Where a file has both, the other name wins: transformers sets it last.
    pub(super) aliases: &'static [(&'static str, &'static str)],
}

/// The fields that kin have in common, with what differs: those of `own` are added, or take the place of others.
pub(super) fn with(mut common: Value, own: Value) -> Value {
    if let (Value::Object(fields), Value::Object(own)) = (&mut common, own) {
        fields.extend(own);
    }
    common
}

impl Fields {
    /// Each field with its default.
    pub(super) fn defaults(&self) -> Map<String, Value> {
        match (self.defaults)() {
            Value::Object(defaults) => defaults,
            _ => Map::new(),
        }
    }
}

/// A `config.json` in which every field of an architecture has one name and a value.
#[derive(Debug)]
pub(super) struct Configuration {
    fields: Map<String, Value>,
    /// The classes that the file says the checkpoint holds.
    architectures: Vec<String>,
}

impl Configuration {
    /// The fields of an architecture in a file.
    pub(super) fn new(file: &Map<String, Value>, known: &Fields) -> Self {
        let mut fields = known.defaults();
        for (name, default) in &mut fields {
            let others = known.aliases.iter().filter(|(_, field)| field == name).map(|(other, _)| *other);
            // Of a field that numbers and lists cannot be left out of, null is an absent other name.
            let stored = others.filter_map(|other| file.get(other)).find(|value| !value.is_null());
            match stored.or_else(|| file.get(name)) {
                // Python takes `None` for false.
                Some(Value::Null) if default.is_boolean() => *default = Value::Bool(false),
                Some(value) => *default = value.clone(),
                None => {}
            }
        }
        let classes = file.get("architectures").and_then(Value::as_array);
        let architectures =
            classes.into_iter().flatten().filter_map(|class| class.as_str().map(String::from)).collect();
        Self { fields, architectures }
    }

    /// The classes that the file says the checkpoint holds.
    pub(super) fn architectures(&self) -> &[String] {
        &self.architectures
    }

    /// The fields as a type.
    ///
    /// # Errors
    /// When a field does not fit, naming it.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        mismatch::read(&Value::Object(self.fields.clone())).or_else(|error| invalid(error.to_string()))
    }

    /// A token. Numbers below 0 and null mean that there is none; the first of a list counts.
    pub(super) fn token(&self, name: &str) -> Option<u32> {
        let value = self.fields.get(name)?;
        let first = value.as_array().map_or(Some(value), |ids| ids.first())?;
        first.as_u64().and_then(|id| u32::try_from(id).ok())
    }

    /// How likely values are dropped; null drops none.
    ///
    /// # Errors
    /// When it is no probability.
    pub(super) fn rate(&self, name: &str) -> Result<f32> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(0.0),
            Some(value) => match value.as_f64().filter(|rate| (0.0..=1.0).contains(rate)) {
                Some(rate) => Ok(rate as f32),
                None => invalid(format!("`{name}` must be a probability, found {value}")),
            },
        }
    }
}
