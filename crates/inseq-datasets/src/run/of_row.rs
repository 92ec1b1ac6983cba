//! Messages of a call about its texts, rewritten as messages about one row.
//!
//! A call names its texts by their place in the call (`input text 3 has 600 tokens`). A place in a call means nothing to the reader
//! of a dataset, who sees the row.

/// Beginnings of messages about one text, before its number, and what they become.
const TEXTS: [(&str, &str); 4] = [
    ("input text ", "the input text"),
    ("generated text ", "the generated text"),
    ("contrast text ", "the contrast text"),
    ("text ", "the text"),
];

/// A message about one text: the place of the text in the call, and the message without it. `None` if it is about no single text.
pub(super) fn of_row(message: &str) -> Option<(usize, String)> {
    let (name, rest) = TEXTS.iter().find_map(|(start, name)| Some((name, message.strip_prefix(start)?)))?;
    let (number, rest) = number(rest)?;
    let rest = rest.strip_prefix(" of ").and_then(number_of_texts).unwrap_or(rest);
    let place = number.checked_sub(1)?;
    Some((place, format!("{name}{rest}")))
}

fn number(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn number_of_texts(text: &str) -> Option<&str> {
    number(text).map(|(_, rest)| rest)
}

/// The error of a call with one text, as the error of its row.
pub(super) fn error_of_row(error: &inseq_methods::Error) -> String {
    let message = error.to_string();
    of_row(&message).map_or(message, |(_, said)| said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_about_a_text_loses_its_place() {
        for (message, expected) in [
            ("input text 12 has 600 tokens", Some((11, "the input text has 600 tokens"))),
            ("text 3 of 256: 4 scores are NaN", Some((2, "the text: 4 scores are NaN"))),
            ("text 3 of 256 is not attributed: why", Some((2, "the text is not attributed: why"))),
            (
                "generated text 1 must start with \"input text 2\"",
                Some((0, "the generated text must start with \"input text 2\"")),
            ),
            ("arguments have no effect: text 3", None),
            ("text of a call", None),
        ] {
            assert_eq!(of_row(message), expected.map(|(place, said)| (place, said.to_owned())), "{message}");
        }
    }
}
