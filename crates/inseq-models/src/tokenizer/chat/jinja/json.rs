//! The filter `tojson` of transformers, which is Python's `json.dumps`.

use minijinja::value::{Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Error, ErrorKind};

use super::arguments::{by_name, or};
use super::marked::Marked;
use super::python;

/// The options of a call.
struct Options {
    ascii: bool,
    /// White space of one level.
    indent: Option<String>,
    between_items: String,
    behind_key: String,
    sorts_keys: bool,
}

/// JSON of a value.
pub(super) fn to_json(value: &Value, arguments: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let [ascii, indent, separators, sorts_keys] =
        by_name(arguments, ["ensure_ascii", "indent", "separators", "sort_keys"])?;
    let (ascii, sorts_keys) = (or(ascii.as_ref(), false)?, or(sorts_keys.as_ref(), false)?);
    let is_given = |argument: &Value| !argument.is_none();
    let (indent, separators) = (indent.filter(is_given), separators.filter(is_given));
    let indent = match indent {
        None => None,
        Some(text) if text.as_str().is_some() => text.as_str().map(str::to_owned),
        Some(width) => Some(" ".repeat(i64::try_from(width)?.clamp(0, 64) as usize)),
    };
    let (between_items, behind_key) = match separators {
        Some(pair) => {
            let part = |index: usize| -> Result<String, Error> {
                let part = pair.get_item_by_index(index)?;
                part.as_str().map(str::to_owned).ok_or_else(|| invalid("separators are two texts".to_owned()))
            };
            (part(0)?, part(1)?)
        }
        None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
    };
    let mut out = String::new();
    Options { ascii, indent, between_items, behind_key, sorts_keys }.write(value, 0, &mut out)?;
    Ok(out)
}

fn invalid(problem: String) -> Error {
    Error::new(ErrorKind::BadSerialization, problem)
}

impl Options {
    fn write(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        match value.kind() {
            ValueKind::String => self.text(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq => {
                self.items(("[", "]"), value.try_iter()?, depth, out, |item, out| self.write(&item, depth + 1, out))?
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sorts_keys {
                    keys.sort();
                }
                // Marks are inside the braces, which templates may cut off.
                let marked = value.downcast_object_ref::<Marked>();
                let open = marked.map_or("{".to_owned(), |marked| format!("{{{}", marked.start()));
                let close = marked.map_or("}".to_owned(), |marked| format!("{}}}", marked.end()));
                self.items((&open, &close), keys.into_iter(), depth, out, |key, out| {
                    self.text(&self.key(&key)?, out);
                    *out += &self.behind_key;
                    self.write(&value.get_item(&key)?, depth + 1, out)
                })?;
            }
            _ => *out += &scalar(value)?,
        }
        Ok(())
    }

    /// A list or an object.
    fn items(
        &self,
        (open, close): (&str, &str),
        items: impl Iterator<Item = Value>,
        depth: usize,
        out: &mut String,
        mut write: impl FnMut(Value, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let line = |depth: usize, out: &mut String| {
            if let Some(indent) = &self.indent {
                out.push('\n');
                *out += &indent.repeat(depth);
            }
        };
        *out += open;
        let mut is_empty = true;
        for item in items {
            if !is_empty {
                *out += &self.between_items;
            }
            is_empty = false;
            line(depth + 1, out);
            write(item, out)?;
        }
        if !is_empty {
            line(depth, out);
        }
        *out += close;
        Ok(())
    }

    fn key(&self, key: &Value) -> Result<String, Error> {
        key.as_str().map_or_else(|| scalar(key), |key| Ok(key.to_owned()))
    }

    fn text(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => *out += "\\\"",
                '\\' => *out += "\\\\",
                '\n' => *out += "\\n",
                '\r' => *out += "\\r",
                '\t' => *out += "\\t",
                '\u{8}' => *out += "\\b",
                '\u{c}' => *out += "\\f",
                c if c < ' ' || (self.ascii && !(' '..='~').contains(&c)) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        *out += &format!("\\u{unit:04x}");
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

fn scalar(value: &Value) -> Result<String, Error> {
    Ok(match value.kind() {
        ValueKind::None => "null".to_owned(),
        ValueKind::Bool => if value.is_true() { "true" } else { "false" }.to_owned(),
        ValueKind::Number if value.is_integer() => value.to_string(),
        ValueKind::Number => match f64::try_from(value.clone())? {
            number if number.is_nan() => "NaN".to_owned(),
            number if number.is_infinite() => if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
            number => python::float(number),
        },
        kind => return Err(invalid(format!("a value of the type {kind} is no JSON"))),
    })
}
