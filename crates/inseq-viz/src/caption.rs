//! Facts about a result in the words of a caption.

use inseq_core::Info;

use crate::token_text::visible;

/// Facts from `info` about the call that made the result, as (name, value) pairs for a reader, the most important first.
pub(crate) fn facts(info: &Info) -> Vec<(&'static str, String)> {
    [
        ("Model", &info.model_name),
        ("Method", &info.attribution_method),
        ("Attributed function", &info.attributed_fn),
        ("Date", &info.attribution_date),
    ]
    .into_iter()
    .filter_map(|(name, fact)| Some((name, fact.as_deref().filter(|text| !text.is_empty())?)))
    .map(|(name, text)| (name, one_line(text)))
    .collect()
}

/// The facts that fit on one line: method, attributed function, model.
pub(crate) fn line(info: &Info) -> Option<String> {
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
