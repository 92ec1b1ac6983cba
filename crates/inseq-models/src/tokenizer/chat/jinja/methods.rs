//! Python's methods that minijinja's own list lacks.

use minijinja::value::{Kwargs, Tuple, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::filters::padded;

/// Calls a method of a text, a list or a mapping.
pub(super) fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let found = match value.as_str() {
        Some(text) => of_text(text, method, args)?,
        None => of_collection(value, method, args)?,
    };
    match found {
        Some(found) => Ok(found),
        None => unknown_method_callback(state, value, method, args),
    }
}

fn of_text(text: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let tuple = |parts: [&str; 3]| Value::from(Tuple::from(parts.map(Value::from)));
    Ok(Some(match method {
        "partition" => {
            let (separator,): (&str,) = from_args(args)?;
            let (start, rest) = text.split_once(separator).map_or((text, None), |(start, rest)| (start, Some(rest)));
            tuple([start, if rest.is_some() { separator } else { "" }, rest.unwrap_or_default()])
        }
        "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            let (start, end) = text.rsplit_once(separator).map_or((None, text), |(start, end)| (Some(start), end));
            tuple([start.unwrap_or_default(), if start.is_some() { separator } else { "" }, end])
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "split" | "rsplit" => {
            let (separator, most, named): (Option<Value>, Option<i64>, Kwargs) = from_args(args)?;
            let separator = separator.or(named.get("sep")?);
            let most = most.or(named.get("maxsplit")?).filter(|most| *most >= 0);
            named.assert_all_used()?;
            let separator = separator.filter(|separator| !separator.is_none());
            let separator = match &separator {
                None => None,
                Some(separator) => match separator.as_str() {
                    Some("") => return Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
                    Some(separator) => Some(separator),
                    None => return Err(Error::new(ErrorKind::InvalidOperation, "the separator must be a text")),
                },
            };
            Value::from_iter(split(text, separator, most.map(|most| most as usize), method == "rsplit"))
        }
        "zfill" => {
            let (width,): (usize,) = from_args(args)?;
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            let missing = width.saturating_sub(text.chars().count());
            Value::from(format!("{sign}{}{digits}", "0".repeat(missing.min(MOST))))
        }
        "ljust" | "rjust" | "center" => {
            let (width, fill): (usize, Option<&str>) = from_args(args)?;
            Value::from(padded(text, width.min(MOST), fill.unwrap_or(" "), method))
        }
        "swapcase" => {
            let swapped = |c: char| -> String {
                if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
            };
            Value::from(text.chars().map(swapped).collect::<String>())
        }
        "casefold" => Value::from(text.to_lowercase().replace('ß', "ss")),
        "isdecimal" => Value::from(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())),
        "index" | "rindex" => {
            let (part,): (&str,) = from_args(args)?;
            let place = if method == "index" { text.find(part) } else { text.rfind(part) };
            let place = place.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "substring not found"))?;
            Value::from(text[..place].chars().count())
        }
        _ => return Ok(None),
    }))
}

/// Most characters that a method adds to a text.
const MOST: usize = 1 << 16;

/// The parts of a text, as `split` and `rsplit` of Python give them.
fn split<'t>(text: &'t str, separator: Option<&str>, most: Option<usize>, from_end: bool) -> Vec<&'t str> {
    let mut parts: Vec<&str> = match (separator, most, from_end) {
        (Some(separator), None, _) => text.split(separator).collect(),
        (Some(separator), Some(most), false) => text.splitn(most + 1, separator).collect(),
        (Some(separator), Some(most), true) => text.rsplitn(most + 1, separator).collect(),
        (None, None, _) => text.split_whitespace().collect(),
        (None, Some(most), _) => {
            let mut parts = Vec::new();
            let mut rest = if from_end { text.trim_end() } else { text.trim_start() };
            while parts.len() < most && !rest.is_empty() {
                let cut = if from_end {
                    rest.rsplit_once(char::is_whitespace).map(|(start, part)| (part, start.trim_end()))
                } else {
                    rest.split_once(char::is_whitespace).map(|(part, end)| (part, end.trim_start()))
                };
                let (part, left) = cut.unwrap_or((rest, ""));
                parts.push(part);
                rest = left;
            }
            parts.extend((!rest.trim().is_empty()).then_some(rest));
            parts
        }
    };
    if from_end && most.is_some() {
        parts.reverse();
    }
    parts
}

fn of_collection(value: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(match (value.kind(), method) {
        (ValueKind::Seq | ValueKind::Map, "copy") => {
            let () = from_args(args)?;
            Some(value.clone())
        }
        (ValueKind::Seq, "index") => {
            let (wanted,): (&Value,) = from_args(args)?;
            let place = value.try_iter()?.position(|item| item == *wanted);
            Some(Value::from(
                place.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "the item is not in the list"))?,
            ))
        }
        _ => None,
    })
}
