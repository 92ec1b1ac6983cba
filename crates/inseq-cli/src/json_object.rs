//! Arguments as JSON objects.

use inseq_core::mismatch;
use serde_json::{Map, Value};

/// A JSON object of arguments.
pub type Object = Map<String, Value>;

/// Reads a JSON object.
pub fn object(text: &str) -> Result<Object, String> {
    match mismatch::parse(text.as_bytes()) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(format!("expected a JSON object such as {{\"n_steps\": 100}}, found {other}")),
        Err(error) => Err(format!("expected a JSON object such as {{\"n_steps\": 100}}: {error}")),
    }
}
