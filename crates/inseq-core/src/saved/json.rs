//! JSON in Python's form: literals for NaN and infinities, ASCII only, indented by four.

use std::{borrow::Cow, io};

use serde::{Serialize, Serializer};
use serde_json::ser::{Formatter, PrettyFormatter};

/// Literals of Python that JSON does not have, with the integers that represent them in
/// serde's data model. No other value here is written as a 128-bit integer.
const LITERALS: [(&str, i128); 3] = [("NaN", i128::MIN), ("-Infinity", i128::MIN + 1), ("Infinity", i128::MIN + 2)];

/// JSON without the mark of its encoding, with which some editors and shells begin a file.
///
/// # Errors
/// The text is not UTF-8, by its mark.
pub(crate) fn without_mark(text: &[u8]) -> crate::Result<&[u8]> {
    if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
        return Err(crate::Error::malformed("file", "is UTF-16 by its byte order mark; save it as UTF-8"));
    }
    Ok(text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text))
}

/// The text with each of these literals as a string, so that it is valid JSON.
pub(crate) fn quote_literals(text: &[u8]) -> Cow<'_, [u8]> {
    let mut quoted = Vec::new();
    let mut copied = 0;
    let mut position = 0;
    while let Some(&byte) = text.get(position) {
        let rest = &text[position..];
        if byte == b'"' {
            position += string_length(rest);
        } else if let Some((literal, _)) = LITERALS.iter().find(|(literal, _)| rest.starts_with(literal.as_bytes())) {
            quoted.extend_from_slice(&text[copied..position]);
            quoted.push(b'"');
            quoted.extend_from_slice(literal.as_bytes());
            quoted.push(b'"');
            position += literal.len();
            copied = position;
        } else {
            position += 1;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    quoted.extend_from_slice(&text[copied..]);
    Cow::Owned(quoted)
}

/// The length of the string that begins here, including quotes.
fn string_length(text: &[u8]) -> usize {
    let mut position = 1;
    while let Some(&byte) = text.get(position) {
        match byte {
            b'"' => return position + 1,
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
    text.len()
}

/// The number that a string from [`quote_literals`] stands for.
pub(crate) fn literal(text: &str) -> Option<f32> {
    match text {
        "NaN" => Some(f32::NAN),
        "Infinity" => Some(f32::INFINITY),
        "-Infinity" => Some(f32::NEG_INFINITY),
        _ => None,
    }
}

/// A number that is written in Python's form if it is not finite.
pub(super) struct Number(pub f32);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [nan, negative, positive] = LITERALS.map(|(_, marker)| marker);
        match self.0 {
            x if x.is_nan() => serializer.serialize_i128(nan),
            f32::NEG_INFINITY => serializer.serialize_i128(negative),
            f32::INFINITY => serializer.serialize_i128(positive),
            x => serializer.serialize_f32(x),
        }
    }
}

/// Writes JSON in the form of Python's `json.dump(.., indent=4)`.
pub(crate) fn write<T: Serialize>(value: &T, writer: impl io::Write) -> serde_json::Result<()> {
    let formatter = PythonFormatter { pretty: PrettyFormatter::with_indent(b"    ") };
    value.serialize(&mut serde_json::Serializer::with_formatter(writer, formatter))
}

struct PythonFormatter {
    pretty: PrettyFormatter<'static>,
}

impl Formatter for PythonFormatter {
    fn write_i128<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i128) -> io::Result<()> {
        match LITERALS.iter().find(|(_, marker)| *marker == value) {
            Some((literal, _)) => writer.write_all(literal.as_bytes()),
            None => write!(writer, "{value}"),
        }
    }

    /// Escapes all characters outside ASCII, because Python opens files in the encoding of the locale.
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(found) = rest.find(|c: char| !c.is_ascii()) {
            let (ascii, other) = rest.split_at(found);
            writer.write_all(ascii.as_bytes())?;
            let mut characters = other.chars();
            for unit in characters.next().into_iter().flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec()) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_outside_strings_become_strings() {
        let text = br#"{"NaN \" NaN": [NaN, -Infinity, Infinity, "Infinity"], "a": 1}"#;
        let quoted = quote_literals(text);
        let expected = br#"{"NaN \" NaN": ["NaN", "-Infinity", "Infinity", "Infinity"], "a": 1}"#;
        assert_eq!(quoted, expected.as_slice());
        assert!(matches!(quote_literals(br#"["NaN"]"#), Cow::Borrowed(_)));
    }

    #[test]
    fn text_is_written_as_python_writes_it() -> Result<(), Box<dyn std::error::Error>> {
        let mut text = Vec::new();
        write(&serde_json::json!({"▁é\"𝄞\n": ["a"], "b": {}}), &mut text)?;
        assert_eq!(
            String::from_utf8(text)?,
            "{\n    \"b\": {},\n    \"\\u2581\\u00e9\\\"\\ud834\\udd1e\\n\": [\n        \"a\"\n    ]\n}"
        );
        let mut text = Vec::new();
        write(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.1].map(Number), &mut text)?;
        assert_eq!(String::from_utf8(text)?, "[\n    NaN,\n    Infinity,\n    -Infinity,\n    0.1\n]");
        Ok(())
    }
}
