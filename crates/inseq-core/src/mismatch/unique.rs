//! JSON of callers, in which every name stands once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Mismatch, parse};

/// Parses JSON that a caller wrote. As [`parse`], but an object with a name that stands there twice is an error: only one of both
/// values could count.
///
/// # Errors
/// The text is not JSON, or a name stands twice in an object.
///
/// ```
/// use inseq_core::mismatch::parse_unique;
///
/// let error = parse_unique(br#"{"n_steps": 5, "n_steps": 50}"#).unwrap_err();
/// assert_eq!(error.to_string(), "`n_steps` is there twice (line 1, column 24)");
/// ```
pub fn parse_unique(text: &[u8]) -> Result<Value, Mismatch> {
    parse(text).map(|Unique(value)| value)
}

struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            let Unique(value) = entries.next_value()?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn other_json_is_read_as_usual() {
        let value = json!({ "a": [null, true, -3, 5_000_000_000_u64, 0.1, "x", { "a": {} }], "b": { "a": [] } });
        assert_eq!(parse_unique(value.to_string().as_bytes()).unwrap(), value);
        for text in ["", "{", "[NaN]", "{} x", &"[".repeat(1000)] {
            assert_eq!(parse_unique(text.as_bytes()).unwrap_err(), parse::<Value>(text.as_bytes()).unwrap_err());
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_found_at_any_depth() {
        for (text, place) in [
            (r#"{"a": 1, "a": 1}"#, ""),
            (r#"[{"b": {}}, {"a": [], "a": 2}]"#, "[1]"),
            (r#"{"b": {"c": [0, {"a": 1, "b": 2, "a": 3}]}}"#, "b.c[1]"),
        ] {
            let error = parse_unique(text.as_bytes()).unwrap_err();
            assert_eq!(error.path, place, "{text}: {error:?}");
            assert!(error.message.starts_with("`a` is there twice (line 1, "), "{text}: {error:?}");
        }
    }
}
