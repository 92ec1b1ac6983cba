//! Documents of files.

use std::path::{Path, PathBuf};

use inseq_core::mismatch::{kind, parse_unique};
use inseq_methods::citations::Document;
use serde_json::Value;

use crate::failure::Failure;
use crate::input;

/// A document in a line of a file.
const EXAMPLE: &str = r#"{"name": "report", "text": "The nurse was late."}"#;

/// The documents of files, in order.
///
/// # Errors
/// A file cannot be read, has no text, or is no JSON lines of documents.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Document>, Failure> {
    let mut documents = Vec::new();
    for path in paths {
        let name = input::name(path);
        let text = input::text(path)?;
        if text.trim().is_empty() {
            return Err(Failure::Argument(format!("{name}: the document has no text; leave it out")));
        }
        match is_lines(path) {
            true => documents.extend(of_lines(&name, &text)?),
            false => documents.push(Document::new(name, text)),
        }
    }
    Ok(documents)
}

fn is_lines(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("jsonl") || end.eq_ignore_ascii_case("ndjson"))
}

/// The documents of JSON lines. Lines without text are none.
fn of_lines(name: &str, text: &str) -> Result<Vec<Document>, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = lines.map(|(index, line)| {
        let place = format!("{name}:{}", index + 1);
        document(&place, line).map_err(|problem| Failure::Argument(format!("{place}: {problem}")))
    });
    read.collect()
}

fn document(place: &str, line: &str) -> Result<Document, String> {
    let expected = || format!("expected a text, or an object such as {EXAMPLE}");
    let value = parse_unique(line.as_bytes()).map_err(|error| format!("{}: {error}", expected()))?;
    let (document, text) = match value {
        Value::String(text) => (None, text),
        Value::Object(mut fields) => {
            let mut text = |name: &str| match fields.remove(name) {
                Some(Value::String(text)) => Ok(Some(text)),
                Some(other) => Err(format!("`{name}` must be a text, found {}", kind(&other))),
                None => Ok(None),
            };
            let found = text("text")?.ok_or_else(|| format!("`text` is missing; {}", expected()))?;
            (text("name")?, found)
        }
        other => return Err(format!("{}, found {}", expected(), kind(&other))),
    };
    if text.trim().is_empty() {
        return Err("the document has no text; leave the line out".to_owned());
    }
    Ok(Document::new(document.unwrap_or_else(|| place.to_owned()), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_texts_or_objects() {
        let lines = "\"one\"\n\n{\"text\": \"two\", \"name\": \"b\", \"url\": 3}\n";
        let expected = [Document::new("a.jsonl:1", "one"), Document::new("b", "two")];
        assert_eq!(of_lines("a.jsonl", lines).unwrap(), expected);
        for (line, part) in [
            ("{", "expected a text, or an object such as {\"name\""),
            ("3", "found a number"),
            ("{\"name\": \"a\"}", "`text` is missing"),
            ("{\"text\": [\"a\"]}", "`text` must be a text, found a list"),
            ("{\"text\": \" \"}", "the document has no text"),
        ] {
            let error = of_lines("a.jsonl", &format!("\"x\"\n{line}")).unwrap_err().to_string();
            assert!(error.starts_with("a.jsonl:2: ") && error.contains(part), "{error}");
        }
    }
}
