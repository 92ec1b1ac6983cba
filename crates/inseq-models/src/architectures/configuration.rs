//! The fields of `config.json` that an architecture reads: their names, other names and defaults.

use inseq_core::mismatch;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::sizes::invalid;
use crate::Result;

/// The fields that an architecture reads. All other fields are ignored, as in transformers' class of the type.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    /// Each field with transformers' default for a missing field; null means no value.
    pub(super) defaults: fn() -> Value,
    /// Other names of fields, as `(other, name)`. If a file has both, the other name wins, because transformers sets it last.
    pub(super) aliases: &'static [(&'static str, &'static str)],
}

/// The common fields of related types with the fields in `own` added or replaced.
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

/// A `config.json` with one name and a value for every field of an architecture.
#[derive(Debug)]
pub(super) struct Configuration {
    fields: Map<String, Value>,
    /// Classes of the checkpoint, from the file.
    architectures: Vec<String>,
}

impl Configuration {
    /// Reads the fields of an architecture from a file.
    pub(super) fn new(file: &Value, known: &Fields) -> Self {
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

    /// Classes of the checkpoint, from the file.
    pub(super) fn architectures(&self) -> &[String] {
        &self.architectures
    }

    /// Deserializes the fields.
    ///
    /// # Errors
    /// A field has a wrong type or value; the error names it.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        mismatch::read(&Value::Object(self.fields.clone())).or_else(|error| invalid(error.to_string()))
    }

    /// The id of a token. A negative number or null means no token; of a list, the first id counts.
    pub(super) fn token(&self, name: &str) -> Option<u32> {
        let value = self.fields.get(name)?;
        let first = value.as_array().map_or(Some(value), |ids| ids.first())?;
        first.as_u64().and_then(|id| u32::try_from(id).ok())
    }

    /// A dropout rate; null means 0.
    ///
    /// # Errors
    /// The value is not a probability.
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
