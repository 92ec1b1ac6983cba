//! Chats as one text, in the form that a model was trained on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indexmap::IndexMap;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;

use super::configuration::Configuration;
use crate::checkpoint::Repository;
use crate::{Error, Result};

/// Largest number of steps of a template, which is untrusted and may loop forever.
const FUEL: u64 = 10_000_000;

/// Name of a template if there is only one.
const DEFAULT: &str = "default";

/// A message of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Role of the author: `user`, `assistant` or `system`.
    pub role: String,
    /// Text of the message.
    pub content: String,
}

impl Message {
    /// Makes a message.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into() }
    }

    /// Makes a message of the user.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user".into(), content: content.into() }
    }
}

/// The templates of a model by name, and the special tokens that they use.
#[derive(Debug, Default)]
pub(super) struct Chat {
    templates: BTreeMap<String, String>,
    tokens: IndexMap<String, String>,
}

impl Chat {
    /// Reads `chat_template.jinja` or the field in `tokenizer_config.json`: one template, or several with names.
    pub(super) fn read(repository: &Repository, configuration: &Configuration) -> Result<Self> {
        const FILE: &str = "chat_template.jinja";
        const CONFIG: &str = "tokenizer_config.json";
        let mut templates = BTreeMap::new();
        if let Some(bytes) = repository.read(FILE)? {
            let text = String::from_utf8(bytes.into_owned())
                .map_err(|e| Error::checkpoint(FILE, format!("not UTF-8 text: {e}")).caused_by(e))?;
            templates.insert(DEFAULT.to_string(), text);
        } else if let Some(value) = configuration.value("chat_template") {
            let invalid = || {
                Error::checkpoint(
                    CONFIG,
                    "`chat_template` is neither a text nor a list of `name` and `template`".into(),
                )
            };
            match value {
                serde_json::Value::String(text) => drop(templates.insert(DEFAULT.to_string(), text.clone())),
                serde_json::Value::Array(list) => {
                    for entry in list {
                        let text = |name| entry.get(name).and_then(serde_json::Value::as_str).map(String::from);
                        let (name, template) = text("name").zip(text("template")).ok_or_else(invalid)?;
                        templates.insert(name, template);
                    }
                }
                _ => return Err(invalid()),
            }
        }
        Ok(Self { templates, tokens: configuration.named_texts() })
    }

    /// Sets a special token that templates use.
    pub(super) fn name(&mut self, name: &str, token: String) {
        self.tokens.insert(name.to_string(), token);
    }

    pub(super) fn exists(&self) -> bool {
        !self.templates.is_empty()
    }

    pub(super) fn apply(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let template = self.templates.get(DEFAULT).ok_or_else(|| {
            Error::argument(
                "chat",
                match self.templates.is_empty() {
                    true => {
                        "this model has no chat template: it was not trained on chats; give it a text without".into()
                    }
                    false => format!(
                        "none of the model's chat templates is the default one; it has {}",
                        self.templates.keys().cloned().collect::<Vec<_>>().join(", ")
                    ),
                },
            )
        })?;
        let invalid = |e: minijinja::Error| {
            Error::checkpoint(
                "the chat template",
                match e.line() {
                    Some(line) => format!("line {line}: {e}"),
                    None => e.to_string(),
                },
            )
            .caused_by(e)
        };
        let template = without_generation_marks(template);
        let environment = environment().map_err(invalid)?;
        let template = environment.template_from_str(&template).map_err(invalid)?;
        let none = Value::from(());
        let mut context: BTreeMap<&str, Value> =
            self.tokens.iter().map(|(name, token)| (name.as_str(), Value::from(token.as_str()))).collect();
        context.extend([
            ("messages", Value::from(Serde(messages))),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
            ("tools", none.clone()),
            ("documents", none),
        ]);
        template.render(context).map_err(invalid)
    }
}

/// The environment of templates, as in transformers.
fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(format_as_python);
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_filter("tojson", to_json);
    environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", |format: String| -> Result<String, minijinja::Error> {
        let mut out = String::new();
        write!(out, "{}", chrono::Local::now().format(&format)).map_err(|_| {
            minijinja::Error::new(ErrorKind::InvalidOperation, format!("{format:?} is no format of a time"))
        })?;
        Ok(out)
    });
    Ok(environment)
}

/// Formats constants as Python does.
fn format_as_python(out: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    match value.kind() {
        ValueKind::None => Ok(out.write_str("None")?),
        ValueKind::Bool => Ok(out.write_str(if value.is_true() { "True" } else { "False" })?),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

/// JSON in the form of Python's `json.dumps`: no escapes for HTML, spaces after commas and colons.
fn to_json(value: &Value, options: Kwargs) -> Result<String, minijinja::Error> {
    let indent: Option<usize> = options.get("indent")?;
    for ignored in ["ensure_ascii", "separators", "sort_keys"] {
        let _: Option<Value> = options.get(ignored)?;
    }
    options.assert_all_used()?;
    let mut out = Vec::new();
    let indented = " ".repeat(indent.unwrap_or_default().min(16));
    let written = match indent {
        Some(_) => {
            let formatter = serde_json::ser::PrettyFormatter::with_indent(indented.as_bytes());
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter))
        }
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Spaced)),
    };
    let invalid = |e: String| minijinja::Error::new(ErrorKind::BadSerialization, e);
    written.map_err(|e| invalid(e.to_string()))?;
    String::from_utf8(out).map_err(|e| invalid(e.to_string()))
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

/// A template without the marks around the text of the assistant (`{% generation %}`), which only training uses.
fn without_generation_marks(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        out += before;
        let Some(length) = tag.find("%}") else { break };
        let (tag, after) = tag.split_at(length);
        let name = tag.trim_start_matches(['{', '%', '-', '+']).trim_end_matches(['-', '+']).trim();
        match name {
            "generation" => out += &tag.replace("generation", "if true"),
            "endgeneration" => out += &tag.replace("endgeneration", "endif"),
            _ => out += tag,
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str) -> Result<String> {
        let templates = BTreeMap::from([(DEFAULT.to_string(), template.to_string())]);
        let tokens = IndexMap::from([("bos_token".to_string(), "<s>".to_string())]);
        Chat { templates, tokens }.apply(&[Message::user(" a \"b\" <c> ")], true)
    }

    #[test]
    fn what_jinja_and_transformers_have_is_there() {
        // As `jinja2` renders them in transformers' `render_jinja_template`.
        for (template, expected) in [
            ("{{ bos_token }}{{ messages[0].content.strip() | upper }}", "<s>A \"B\" <C>"),
            ("{{ messages[0] | tojson }}", "{\"role\": \"user\", \"content\": \" a \\\"b\\\" <c> \"}"),
            ("{{ [1, {'x': none}] | tojson }}", "[1, {\"x\": null}]"),
            ("{{ none }} {{ true }} {{ tools is none }} {{ missing }}", "None True True "),
            (
                "{% for m in messages %}\n  {% if m['role'] == 'user' %}\n[{{ m['content'] }}]\n  {% endif %}\n{% endfor %}\n",
                "[ a \"b\" <c> ]\n",
            ),
            (
                "{% set ns = namespace(n=0) %}{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
                "3",
            ),
            ("{{ 'a,b'.split(',')[-1] }}{{ 'abc'.startswith('a') }}{{ {'k': 1}.get('k') }}", "bTrue1"),
            ("x {%- generation -%} y {%- endgeneration -%} z", "xyz"),
            ("{{ messages[1:] | length }}{{ messages | map(attribute='role') | join }}", "0user"),
        ] {
            assert_eq!(rendered(template).unwrap(), expected, "{template}");
        }
        assert_eq!(rendered("{{ strftime_now('%Y') }}").unwrap().len(), 4);
    }

    #[test]
    fn templates_that_fail_or_never_end() {
        for (template, part) in [
            ("\n{{ raise_exception('no system role') }}", "no system role"),
            ("\n{% if %}", "line 2"),
            ("{{ strftime_now('%!') }}", "no format"),
            (
                "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
                "fuel",
            ),
            ("{{ messages.foo() }}", "foo"),
        ] {
            let message = rendered(template).unwrap_err().to_string();
            assert!(message.contains(part), "{template}: {message}");
        }
        let message = Chat::default().apply(&[Message::user("a")], true).unwrap_err().to_string();
        assert!(message.contains("no chat template"), "{message}");
    }
}
