//! Facts about a result in the words of a caption.

use inseq_core::Info;
use serde_json::Value;

use crate::token_text::visible;

/// Facts from `info` about the call that made the result, as (name, value) pairs for a reader, the most important first.
pub(crate) fn facts(info: &Info) -> Vec<(&'static str, String)> {
    let arguments = info.attributed_fn_args.as_ref();
    let function =
        info.attributed_fn.as_deref().map(|name| function(name, arguments.and_then(|own| own.get("logprob"))));
    [
        ("Model", info.model_name.as_deref()),
        ("Method", info.attribution_method.as_deref()),
        ("Attributed function", function.as_deref()),
        ("Date", info.attribution_date.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, fact)| Some((name, fact.filter(|text| !text.is_empty())?)))
    .map(|(name, text)| (name, one_line(text)))
    .collect()
}

/// The name of an attributed function, which says whether it takes logarithms.
pub(crate) fn function(name: &str, logprob: Option<&Value>) -> String {
    match (name, logprob.and_then(Value::as_bool)) {
        ("probability", Some(true)) => "log probability".to_owned(),
        (name, Some(true)) => format!("{name} (logprob)"),
        (name, _) => name.to_owned(),
    }
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

/// The beginning of a text of more than so many characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_logarithms_says_so() {
        for (name, logprob, expected) in [
            ("probability", Some(true), "log probability"),
            ("probability", Some(false), "probability"),
            ("probability", None, "probability"),
            ("contrast_prob_diff", Some(true), "contrast_prob_diff (logprob)"),
        ] {
            assert_eq!(function(name, logprob.map(Value::from).as_ref()), expected);
        }
        let info: Info = serde_json::from_value(serde_json::json!({
            "attribution_method": "saliency", "attributed_fn": "probability", "attributed_fn_args": {"logprob": true}
        }))
        .unwrap();
        assert_eq!(line(&info).as_deref(), Some("saliency of log probability"));
    }
}
