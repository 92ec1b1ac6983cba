//! Numbers that Python writes into JSON files, and JSON does not have.

/// The text with null in place of the numbers that Python writes and JSON does not have (`NaN`, `Infinity`, `-Infinity`); `None`
/// if it has none.
pub(super) fn without_constants(text: &str) -> Option<String> {
    const CONSTANTS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];
    let mut replaced = String::with_capacity(text.len());
    let (mut rest, mut in_string, mut is_changed) = (text, false, false);
    while let Some(next) = rest.chars().next() {
        let constant = CONSTANTS.iter().find(|constant| !in_string && rest.starts_with(**constant));
        let length = match (constant, next) {
            (Some(constant), _) => {
                replaced.push_str("null");
                is_changed = true;
                rest = &rest[constant.len()..];
                continue;
            }
            // The character after it belongs to it.
            (None, '\\') if in_string => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => next.len_utf8(),
        };
        in_string ^= next == '"';
        replaced.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    is_changed.then_some(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_python_are_null() {
        let text = r#"{"a": NaN, "b": [-Infinity, Infinity, 1], "c \" NaN": "NaN, \\"}"#;
        let expected = r#"{"a": null, "b": [null, null, 1], "c \" NaN": "NaN, \\"}"#;
        assert_eq!(without_constants(text).as_deref(), Some(expected));
        assert_eq!(without_constants(r#"{"NaN": "Infinity"}"#), None);
    }
}
