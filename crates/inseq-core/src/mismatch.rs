//! Mismatches in JSON, in words for its author.
//!
//! Serde's messages name Rust's types (`usize`, `untagged enum`). This module turns them into words: the
//! place, the expected value, and the found value.

mod unique;

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

pub use unique::parse_unique;

use crate::UnknownName;

/// A problem of a JSON value, and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mismatch {
    /// The place, such as `bad_words_ids[0][1]`; empty if it is the whole value, or if the message names it.
    pub path: String,
    /// Expected and found value.
    pub message: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "`{path}`: {}", self.message),
        }
    }
}

/// Deserializes a value.
///
/// # Errors
/// The value does not fit the type.
pub fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Mismatch> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let found = error.path().iter().try_fold(value, |value, segment| match segment {
            Segment::Seq { index } => value.get(index),
            Segment::Map { key } => value.get(key),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        let mismatch = Mismatch::from(error);
        match found.filter(|_| !mismatch.message.contains("found ") && says_form(&mismatch.message)) {
            Some(found) => Mismatch { message: format!("{}, found {}", mismatch.message, shown(found)), ..mismatch },
            None => mismatch,
        }
    })
}

/// Deserializes a JSON text.
///
/// # Errors
/// The text is not JSON, or does not fit the type.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Mismatch> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(Mismatch::from)?;
    let end = deserializer.end().map_err(|error| Mismatch { path: String::new(), message: words(&error.to_string()) });
    end.map(|()| value)
}

/// As [`parse`], for a text that Python wrote: `NaN`, `Infinity` and `-Infinity`, which JSON does not have, are texts.
///
/// # Errors
/// As [`parse`].
///
/// ```
/// use inseq_core::mismatch::parse_python;
///
/// let config: serde_json::Value = parse_python(br#"{"time_step_limit": [0.0, Infinity]}"#)?;
/// assert_eq!(config["time_step_limit"][1], "Infinity");
/// # Ok::<(), inseq_core::mismatch::Mismatch>(())
/// ```
pub fn parse_python<T: DeserializeOwned>(text: &[u8]) -> Result<T, Mismatch> {
    // Few texts have such literals, and quotes move the places that messages name.
    parse(text).or_else(|error| match crate::saved::quote_literals(text) {
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(quoted) => parse(&quoted),
    })
}

/// The kind of a JSON value, in words.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl From<serde_path_to_error::Error<serde_json::Error>> for Mismatch {
    fn from(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        let message = words(&error.inner().to_string());
        let path = error.path().to_string();
        // The place of what is no JSON is a line and a column.
        let is_json = error.inner().is_data();
        let names_itself = path == "." || message.starts_with(&format!("unknown name `{path}`"));
        Self { path: if names_itself || !is_json { String::new() } else { path }, message }
    }
}

/// Whether a message names the expected form, or says that no form fits.
fn says_form(message: &str) -> bool {
    message.starts_with("expected ") || message.starts_with(NO_FORM)
}

const NO_FORM: &str = "has none of the forms that are known";

/// A value for a message, shortened if it is long.
pub fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// A message of serde, or of a library that uses it, in words.
pub fn words(said: &str) -> String {
    let (said, place) = match said.rsplit_once(" at line ").map(|(said, place)| (said, place.split_once(" column "))) {
        Some((said, Some((line, column)))) if [line, column].iter().all(|n| n.bytes().all(|b| b.is_ascii_digit())) => {
            (said, format!(" (line {line}, column {column})"))
        }
        _ => (said, String::new()),
    };
    format!("{}{place}", mismatch(said).unwrap_or_else(|| syntax(said)))
}

/// The words for a value of a wrong type or form; `None` for other messages.
fn mismatch(said: &str) -> Option<String> {
    if let Some(rest) = said.strip_prefix("invalid type: ").or_else(|| said.strip_prefix("invalid value: ")) {
        let (found, expected) = rest.rsplit_once(", expected ")?;
        return Some(format!("expected {}, found {}", type_in_words(expected), found_in_words(found)));
    }
    if let Some((length, expected)) =
        said.strip_prefix("invalid length ").and_then(|rest| rest.split_once(", expected "))
    {
        return Some(format!("expected {}, found {length}", type_in_words(expected)));
    }
    if let Some(name) = said.strip_prefix("missing field ") {
        return Some(format!("{name} is missing"));
    }
    if let Some(name) = said.strip_prefix("duplicate field ") {
        return Some(format!("{name} is there twice"));
    }
    if let Some(rest) = said.strip_prefix("unknown field ").or_else(|| said.strip_prefix("unknown variant ")) {
        let (name, known) = rest.rsplit_once(", expected ").unwrap_or((rest.split(", there are no ").next()?, ""));
        // Every other piece stands between backquotes.
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        return Some(match known.is_empty() {
            true => format!("unknown name {name}; none is known here"),
            false => UnknownName::new("name", name.trim_matches('`'), known).to_string(),
        });
    }
    let form = said.strip_prefix("data did not match any variant of untagged enum ")?;
    Some(match form.strip_suffix("Wrapper") {
        Some(part) => format!("the {} {NO_FORM}", lower_case(part)),
        None => NO_FORM.to_owned(),
    })
}

/// `PreTokenizer` as `pre tokenizer`.
fn lower_case(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// The words for an expected type.
fn type_in_words(expected: &str) -> String {
    let counted = |length: &str| format!("a list of {} values", length.split(' ').next().unwrap_or(length));
    match expected {
        "usize" | "u64" | "u128" => "a whole number, 0 or above".into(),
        "u32" => format!("a whole number between 0 and {}", u32::MAX),
        "u16" => format!("a whole number between 0 and {}", u16::MAX),
        "u8" => format!("a whole number between 0 and {}", u8::MAX),
        "isize" | "i64" | "i32" | "i16" | "i8" => "a whole number".into(),
        "f64" | "f32" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" | "string" | "a borrowed string" | "path string" | "a character" => "a text".into(),
        "a sequence" => "a list".into(),
        "a map" => "an object".into(),
        "unit" => "null".into(),
        "string or map" | "identifier" | "field identifier" | "variant identifier" => "a name".into(),
        _ => {
            if let Some(length) =
                ["a tuple of size ", "an array of length "].iter().find_map(|p| expected.strip_prefix(p))
            {
                counted(length)
            } else if let Some(length) = expected.split_once(" with ").map(|(_, length)| length)
                && (expected.starts_with("tuple ") || expected.starts_with("struct "))
            {
                counted(length)
            } else if expected.starts_with("struct ") || expected.starts_with("internally tagged enum ") {
                "an object".into()
            } else if expected.starts_with("enum ") {
                "a name".into()
            } else {
                expected.into()
            }
        }
    }
}

/// The words for a found value.
fn found_in_words(found: &str) -> String {
    match found {
        "sequence" => return "a list".into(),
        "map" => return "an object".into(),
        "unit value" | "Option value" => return "null".into(),
        "unit variant" | "newtype variant" | "tuple variant" | "struct variant" => return "a name".into(),
        _ => {}
    }
    if let Some(text) = found.strip_prefix("string ") {
        return text.into();
    }
    let value =
        ["integer `", "floating point `", "boolean `", "character `"].iter().find_map(|p| found.strip_prefix(p));
    value.and_then(|value| value.strip_suffix('`')).unwrap_or(found).into()
}

/// The words for a text that is not JSON.
fn syntax(said: &str) -> String {
    match said {
        "expected value" => "expected a value".into(),
        "expected ident" => "expected true, false or null".into(),
        "trailing characters" => "more follows after the end of the value".into(),
        "recursion limit exceeded" => "values lie too deep inside each other".into(),
        "key must be a string" => "expected a name in quotation marks".into(),
        "number out of range" => "a number is too large".into(),
        "trailing comma" => "a value is missing after the last comma".into(),
        "EOF while parsing a value" => "the text ends where a value is expected".into(),
        _ => match said.strip_prefix("EOF while parsing ") {
            Some(what) => format!("the text ends inside {what}"),
            None => said.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Plain,
        Gated,
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum One {
        #[expect(dead_code, reason = "only its form counts")]
        Id(u32),
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only their types count")]
    struct Everything {
        count: Option<usize>,
        small: Option<u8>,
        signed: Option<i64>,
        share: Option<f64>,
        flag: Option<bool>,
        text: Option<String>,
        list: Option<Vec<u32>>,
        pair: Option<(i64, f64)>,
        shape: Option<[usize; 2]>,
        object: Option<BTreeMap<String, u32>>,
        kind: Option<Kind>,
        one: Option<One>,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its type counts")]
    struct Inner {
        needed: u32,
    }

    /// Words that only Rust's programmers know.
    const FOREIGN: [&str; 17] = [
        "usize",
        "u32",
        "u64",
        "i64",
        "f64",
        "struct",
        "enum",
        "untagged",
        "variant",
        "tuple",
        "boolean",
        "invalid type",
        "invalid value",
        "sequence",
        "map",
        "data did not match",
        "EOF",
    ];

    #[test]
    fn mismatches_are_said_in_words() {
        for (json, expected) in [
            (r#"{"count": -1}"#, "`count`: expected a whole number, 0 or above, found -1"),
            (r#"{"count": 1.5}"#, "`count`: expected a whole number, 0 or above, found 1.5"),
            (r#"{"small": 300}"#, "`small`: expected a whole number between 0 and 255, found 300"),
            (
                r#"{"signed": "two, expected three"}"#,
                r#"`signed`: expected a whole number, found "two, expected three""#,
            ),
            (r#"{"share": []}"#, "`share`: expected a number, found a list"),
            (r#"{"flag": 1}"#, "`flag`: expected true or false, found 1"),
            (r#"{"text": {}}"#, "`text`: expected a text, found an object"),
            (r#"{"list": 3}"#, "`list`: expected a list, found 3"),
            (r#"{"list": [3, true]}"#, "`list[1]`: expected a whole number between 0 and 4294967295, found true"),
            (r#"{"list": [null]}"#, "`list[0]`: expected a whole number between 0 and 4294967295, found null"),
            (r#"{"pair": [1]}"#, "`pair`: expected a list of 2 values, found 1"),
            (r#"{"pair": "x"}"#, r#"`pair`: expected a list of 2 values, found "x""#),
            (r#"{"shape": [1]}"#, "`shape`: expected a list of 2 values, found 1"),
            (r#"{"object": {"a": []}}"#, "`object.a`: expected a whole number between 0 and 4294967295, found a list"),
            (r#"{"object": []}"#, "`object`: expected an object, found a list"),
            (r#"{"kind": "fancy"}"#, "`kind`: unknown name `fancy`; choose from plain, gated"),
            (r#"{"one": "x"}"#, r#"`one`: has none of the forms that are known, found "x""#),
            (r#"{"inner": {}}"#, "`inner`: `needed` is missing"),
            (r#"{"inner": 3}"#, "`inner`: expected an object, found 3"),
            ("[3]", "expected"),
            ("3", "expected an object, found 3"),
        ] {
            let value: Value = serde_json::from_str(json).unwrap();
            let said = read::<Everything>(&value).unwrap_err().to_string();
            assert!(if json == "[3]" { said.contains(expected) } else { said == expected }, "{json}: {said}");
            assert!(FOREIGN.iter().all(|word| !said.contains(word)), "{json}: {said}");
            let parsed = parse::<Everything>(json.as_bytes()).unwrap_err().to_string();
            assert!(FOREIGN.iter().all(|word| !parsed.contains(word)), "{json}: {parsed}");
        }
        let unknown = read::<Everything>(&serde_json::json!({ "cuont": 1 })).unwrap_err().to_string();
        assert!(unknown.starts_with("unknown name `cuont`; choose from count, small, "), "{unknown}");
        assert!(unknown.ends_with(" (did you mean `count`?)"), "{unknown}");
    }

    #[test]
    fn what_is_no_json_says_where_it_ends_to_be_one() {
        for (text, expected) in [
            ("", "the text ends where a value is expected (line 1, column 0)"),
            ("{", "the text ends inside an object (line 1, column 1)"),
            ("[1,", "the text ends where a value is expected (line 1, column 3)"),
            (r#"{"a""#, "the text ends inside an object (line 1, column 4)"),
            (r#""a"#, "the text ends inside a string (line 1, column 2)"),
            ("[NaN]", "expected a value (line 1, column 2)"),
            ("nil", "expected true, false or null (line 1, column 2)"),
            ("{} x", "more follows after the end of the value (line 1, column 4)"),
            ("{3: 1}", "expected a name in quotation marks (line 1, column 2)"),
            ("[1,]", "a value is missing after the last comma (line 1, column 4)"),
        ] {
            assert_eq!(parse::<Value>(text.as_bytes()).unwrap_err().to_string(), expected, "{text}");
        }
        let deep = "[".repeat(1000);
        let said = parse::<Value>(deep.as_bytes()).unwrap_err().to_string();
        assert!(said.contains("values lie too deep inside each other"), "{said}");
    }
}
