//! Facts about a result in the words of a caption.

use serde_json::{Map, Value};

use crate::token_text::visible;

/// Facts from `info` about the call that made the result, as (name, value) pairs for a reader, the most important first.
pub(crate) fn facts(info: &Map<String, Value>) -> Vec<(&'static str, String)> {
    [
        ("Model", "model_name"),
        ("Method", "attribution_method"),
        ("Attributed function", "attributed_fn"),
        ("Date", "attribution_date"),
    ]
    .into_iter()
    .filter_map(|(name, key)| match info.get(key)? {
        Value::String(text) if !text.is_empty() => Some((name, text)),
        _ => None,
    })
    .map(|(name, text)| (name, one_line(text)))
    .collect()
}

/// The facts that fit on one line: method, attributed function, model.
pub(crate) fn line(info: &Map<String, Value>) -> Option<String> {
    let facts = facts(info);
    let fact = |name: &str| facts.iter().find(|(found, _)| *found == name).map(|(_, text)| text.as_str());
    let method = match (fact("Method"), fact("Attributed function")) {
        (Some(method), Some(function)) => Some(format!("{method} of {function}")),
        (method, function) => method.or(function).map(str::to_owned),
    };
    let parts: Vec<String> = method.into_iter().chain(fact("Model").map(str::to_owned)).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// The text on one line, without characters that would act on the page.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().map(visible).collect::<Vec<_>>().join(" ")
}
