//! Jinja's syntax that minijinja lacks, in words that it has.
//!
//! - `{% generation %}`, the marks around the text of the assistant, which only training uses, are blocks that always run.
//! - `'%s' % x` is a call of [`FORMATTED`].
//! - The items of a loop go through [`LISTED`], so that a loop over the characters of a text, or over a generator, has a length.

use std::ops::Range;

/// Name of the filter that does what `%` does with a text on its left.
pub(super) const FORMATTED: &str = "_formatted";
/// Name of the filter that makes a list of the items of a loop.
pub(super) const LISTED: &str = "_listed";

/// A template in the syntax of minijinja.
pub(super) fn adapted(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        out += before;
        let is_statement = from.starts_with("{%");
        if from.starts_with("{#") {
            let end = from.find("#}").map_or(from.len(), |end| end + 2);
            out += &from[..end];
            rest = &from[end..];
        } else if is_statement || from.starts_with("{{") {
            let inner = &from[2..];
            let tokens = Token::all(inner, if is_statement { "%}" } else { "}}" });
            let end = tokens.last().map_or(0, |token| token.span.end);
            out += &from[..2];
            out += &statement(inner, &tokens, is_statement);
            rest = &inner[end..];
            if is_statement && tokens.iter().find(|token| token.kind == Kind::Name).is_some_and(|t| t.text == "raw") {
                let end = rest.find("endraw").unwrap_or(rest.len());
                out += &rest[..end];
                rest = &rest[end..];
            }
        } else {
            out.push('{');
            rest = &from[1..];
        }
    }
    out + rest
}

/// What is between the braces of a statement or an expression.
fn statement(inner: &str, tokens: &[Token], is_statement: bool) -> String {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let names: Vec<usize> = (0..tokens.len()).filter(|&index| tokens[index].kind == Kind::Name).collect();
    if let (true, Some(&first)) = (is_statement, names.first()) {
        let name = &tokens[first];
        match name.text {
            "generation" => edits.push((name.span.clone(), "if true".to_owned())),
            "endgeneration" => edits.push((name.span.clone(), "endif".to_owned())),
            "for" => edits.extend(listed(tokens, first).into_iter().flatten()),
            _ => {}
        }
    }
    for (index, token) in tokens.iter().enumerate() {
        if token.text == "%" && token.kind == Kind::Mark && index > 0 && tokens[index - 1].kind == Kind::Text {
            let end = operand(tokens, index + 1);
            if end > index + 1 {
                let start = tokens[index - 1].span.start;
                edits.push((start..start, "(".to_owned()));
                edits.push((token.span.clone(), format!("|{FORMATTED}(")));
                let end = tokens[end - 1].span.end;
                edits.push((end..end, "))".to_owned()));
            }
        }
    }
    edits.sort_by_key(|(place, _)| (place.start, place.end));
    let end = tokens.last().map_or(0, |token| token.span.end);
    let mut out = String::new();
    let mut from = 0;
    for (place, text) in edits {
        out += &inner[from..place.start];
        out += &text;
        from = place.end;
    }
    out + &inner[from..end]
}

/// The edits of a loop: its items go through a filter.
fn listed(tokens: &[Token], first: usize) -> Option<[(Range<usize>, String); 2]> {
    let at_top = |name: &[&str], from: usize| {
        let mut depth = 0_usize;
        tokens.iter().enumerate().skip(from).find_map(|(index, token)| {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            (depth == 0 && token.kind == Kind::Name && name.contains(&token.text)).then_some(index)
        })
    };
    let start = at_top(&["in"], first)? + 1;
    // The tokens at the end are the sign of white space control and the closing of the statement.
    let closing = tokens.iter().rposition(|token| token.kind != Kind::End)? + 1;
    let end = at_top(&["if", "recursive"], start).unwrap_or(closing);
    let items = tokens.get(start..end).filter(|items| !items.is_empty())?;
    let (start, end) = (items[0].span.start, items[items.len() - 1].span.end);
    Some([(start..start, "(".to_owned()), (end..end, format!(")|{LISTED}"))])
}

/// The end of the operand that begins at a token: a value with what follows it, and filters.
fn operand(tokens: &[Token], start: usize) -> usize {
    let is = |index: usize, text: &str| {
        tokens.get(index).is_some_and(|token| token.text == text && matches!(token.kind, Kind::Mark | Kind::Name))
    };
    let mut at = start;
    while is(at, "-") || is(at, "+") {
        at += 1;
    }
    match tokens.get(at).map(|token| token.kind) {
        Some(Kind::Name | Kind::Text | Kind::Number) => at += 1,
        Some(Kind::Mark) if ["(", "[", "{"].iter().any(|open| is(at, open)) => at = group(tokens, at),
        _ => return start,
    }
    loop {
        if is(at, ".") && tokens.get(at + 1).is_some_and(|token| matches!(token.kind, Kind::Name | Kind::Number)) {
            at += 2;
        } else if is(at, "(") || is(at, "[") {
            at = group(tokens, at);
        } else if is(at, "|") && tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Name) {
            at += 2;
        } else {
            return at;
        }
    }
}

/// The token behind the group that a bracket opens.
fn group(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" if token.kind == Kind::Mark => depth += 1,
            ")" | "]" | "}" if token.kind == Kind::Mark => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token<'t> {
    kind: Kind,
    text: &'t str,
    /// Bytes of the text between the braces.
    span: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    /// Text in quotation marks.
    Text,
    Number,
    /// Operator, bracket, or another character.
    Mark,
    /// Closing of the statement, with the sign before it.
    End,
}

impl<'t> Token<'t> {
    /// The tokens up to the closing braces of a statement or an expression, or to the end of the text.
    fn all(text: &'t str, closing: &str) -> Vec<Self> {
        let mut tokens = Vec::new();
        let mut at = 0;
        let mut depth = 0_usize;
        while let Some(first) = text[at..].chars().next() {
            let rest = &text[at..];
            let sign = rest.len() - rest.trim_start_matches(['-', '+']).len();
            let is_end = depth == 0 && sign <= 1 && rest[sign..].starts_with(closing);
            let run = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
            let (kind, length) = match first {
                _ if is_end => (Kind::End, sign),
                c if c.is_whitespace() => {
                    at += c.len_utf8();
                    continue;
                }
                '\'' | '"' => (Kind::Text, quoted(rest, first)),
                c if c.is_alphabetic() || c == '_' => (Kind::Name, run(|c| c.is_alphanumeric() || c == '_')),
                c if c.is_ascii_digit() => (Kind::Number, run(|c| c.is_alphanumeric() || c == '_')),
                c => (Kind::Mark, c.len_utf8()),
            };
            match first {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            tokens.push(Self { kind, text: &rest[..length], span: at..at + length });
            if is_end {
                break;
            }
            at += length;
        }
        tokens
    }
}

/// Length of a text with its quotation marks.
fn quoted(text: &str, mark: char) -> usize {
    let mut is_escaped = false;
    for (place, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == mark => return place + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_written_in_other_words() {
        for (template, expected) in [
            ("a { b } {# {% generation %} #} c", "a { b } {# {% generation %} #} c"),
            ("{%- generation -%} x {% endgeneration %}", "{%- if true -%} x {% endif %}"),
            ("{{ '%s' % x }} {{ a % 2 }}", "{{ ('%s' |_formatted( x)) }} {{ a % 2 }}"),
            ("{{ '%s %}' % (x.y['}}'], 1) ~ z }}", "{{ ('%s %}' |_formatted( (x.y['}}'], 1))) ~ z }}"),
            ("{{ \"%d\" % -n | abs + 1 }}", "{{ (\"%d\" |_formatted( -n | abs)) + 1 }}"),
            ("{% for x in 'abc' if x %}", "{% for x in ('abc')|_listed if x %}"),
            ("{%- for k, v in d.items() -%}", "{%- for k, v in (d.items())|_listed -%}"),
            ("{% for x in (a if b else c) recursive %}", "{% for x in ((a if b else c))|_listed recursive %}"),
            (
                "{% raw %}{% for x in y %}{% endraw %}{{ {'a': {}} }}",
                "{% raw %}{% for x in y %}{% endraw %}{{ {'a': {}} }}",
            ),
            ("{{ 'a' % }} {% for", "{{ 'a' % }} {% for"),
        ] {
            assert_eq!(adapted(template), expected);
        }
    }
}
