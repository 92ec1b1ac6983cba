//! Jinja's filters that minijinja lacks, or that write values in another way.

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Rest, Tuple, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind};

use super::arguments::{by_name, or};
use super::python;
use super::syntax::{FORMATTED, LISTED};

/// Adds the filters to an environment.
pub(super) fn add(environment: &mut Environment) {
    environment.add_filter("truncate", truncate);
    environment.add_filter("center", |text: &str, width: Option<usize>| {
        padded(text, width.unwrap_or(80).min(1 << 16), " ", "center")
    });
    environment.add_filter("wordcount", |text: &str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).count()
    });
    environment.add_filter("striptags", minijinja_contrib::filters::striptags);
    environment.add_filter("string", |value: &Value| python::text(value));
    environment.add_filter("join", join);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("format", |template: &str, Rest(values): Rest<Value>| formatted(template, &values));
    environment.add_filter(FORMATTED, |template: &str, value: Value| match value.downcast_object_ref::<Tuple>() {
        Some(values) => formatted(template, values),
        None => formatted(template, &[value]),
    });
    environment.add_filter(LISTED, listed);
}

/// The items of a loop as a list.
fn listed(value: Value) -> Result<Value, Error> {
    Ok(match value.kind() {
        ValueKind::String => value.as_str().unwrap_or_default().chars().map(Value::from).collect(),
        ValueKind::Iterable => value.try_iter()?.collect(),
        _ => value,
    })
}

/// Python's formatting of texts by `%`.
fn formatted(template: &str, values: &[Value]) -> Result<String, Error> {
    // Numbers have formats of their own.
    let written = |value: &Value| match value.kind() {
        ValueKind::Number | ValueKind::Bool | ValueKind::String => value.clone(),
        ValueKind::Map if template.contains("%(") => value.clone(),
        _ => Value::from(python::text(value)),
    };
    format(FormatStyle::Printf, template, &values.iter().map(written).collect::<Vec<_>>())
}

/// A value, or another one if it is undefined or, on demand, if it is none or empty.
fn default(value: &Value, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let [default, boolean] = by_name(arguments, ["default_value", "boolean"])?;
    let is_missing = value.is_undefined() || (or(boolean.as_ref(), false)? && !value.is_true());
    Ok(if is_missing { default.unwrap_or_else(|| Value::from("")) } else { value.clone() })
}

/// The items of a list with a text between them.
fn join(values: &Value, arguments: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let [between, attribute] = by_name(arguments, ["d", "attribute"])?;
    let between = or(between.as_ref(), String::new())?;
    let attribute = attribute.as_ref().and_then(Value::as_str);
    let values = listed(values.clone())?;
    let items = values.try_iter()?.map(|item| match attribute {
        None => Ok(python::text(&item)),
        Some(path) => path.split('.').try_fold(item, |item, name| item.get_attr(name)).map(|item| python::text(&item)),
    });
    Ok(items.collect::<Result<Vec<_>, _>>()?.join(&between))
}

/// A text without what is behind `length` characters, with `end` in its place.
fn truncate(text: &str, arguments: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let [length, killwords, end, leeway] = by_name(arguments, ["length", "killwords", "end", "leeway"])?;
    let (length, killwords): (usize, bool) = (or(length.as_ref(), 255)?, or(killwords.as_ref(), false)?);
    let (end, leeway) = (or(end.as_ref(), "...".to_owned())?, or(leeway.as_ref(), 5_usize)?);
    let kept = length.checked_sub(end.chars().count()).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("expected a length of {} or more, found {length}", end.chars().count()),
        )
    })?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text.to_owned());
    }
    let start: String = text.chars().take(kept).collect();
    let start = match start.rsplit_once(' ').filter(|_| !killwords) {
        Some((words, _)) => words,
        None => &start,
    };
    Ok(format!("{start}{end}"))
}

/// A text with `fill` around it, as long as `width`, as Python's `ljust`, `rjust` and `center` write it.
pub(super) fn padded(text: &str, width: usize, fill: &str, method: &str) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let left = match method {
        "ljust" => 0,
        "rjust" => missing,
        // If the number of added characters is odd, Python puts the extra one on the left of an odd width, else on the right.
        _ => missing / 2 + (missing & width & 1),
    };
    format!("{}{text}{}", fill.repeat(left), fill.repeat(missing - left))
}
