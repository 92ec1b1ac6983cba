//! Arguments as JSON objects.

use inseq_core::mismatch;
use serde_json::{Map, Value};

/// A JSON object of arguments.
pub type Object = Map<String, Value>;

/// Reads a JSON object of arguments.
pub fn object(text: &str) -> Result<Object, String> {
    object_such_as(r#"{"n_steps": 100}"#, text)
}

/// Reads a JSON object; the error shows an example of one.
pub fn object_such_as(example: &str, text: &str) -> Result<Object, String> {
    match mismatch::parse_unique(text.as_bytes()) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(format!("expected a JSON object such as {example}, found {}", mismatch::shown(&other))),
        Err(error) => Err(format!("expected a JSON object such as {example}: {error}")),
    }
}
