//! Citation methods by name.

use std::sync::LazyLock;

use inseq_core::Entry as _;

use super::method::CitationMethodInfo;
use super::{arc_jsd, attention, context_cite, gradient, leave_one_out, mirage};
use crate::{Error, Result};

/// The citation methods.
pub fn list_methods() -> &'static [CitationMethodInfo] {
    static METHODS: LazyLock<Vec<CitationMethodInfo>> = LazyLock::new(|| {
        vec![
            context_cite::info(),
            leave_one_out::info(),
            arc_jsd::info(),
            gradient::info(),
            attention::info(),
            mirage::info(),
        ]
    });
    &METHODS
}

/// The entry of a citation method.
///
/// # Errors
/// There is no such method.
pub fn method_named(name: &str) -> Result<&'static CitationMethodInfo> {
    let found = list_methods().iter().find(|method| method.name == name);
    found.ok_or_else(|| Error::unknown(CitationMethodInfo::KIND, name, list_methods().iter().map(|method| method.name)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    #[test]
    fn listed_arguments_are_the_fields_of_each_method_with_their_defaults() {
        for info in list_methods() {
            let method = info.with(&Map::new()).unwrap();
            assert_eq!(method.name(), info.name);
            let shown = |value: &Value| match value {
                Value::Null => "none".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let arguments = method.arguments();
            let mut fields: Vec<_> = arguments.iter().map(|(name, value)| (name.as_str(), shown(value))).collect();
            let mut listed: Vec<_> =
                info.arguments.iter().map(|known| (known.name, known.default.to_owned())).collect();
            fields.sort();
            listed.sort();
            assert_eq!(fields, listed, "{}", info.name);
            let again = info.with(&arguments).unwrap();
            assert_eq!(format!("{again:?}"), format!("{method:?}"));
        }
    }
}
