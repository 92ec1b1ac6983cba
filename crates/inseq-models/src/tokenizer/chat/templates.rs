//! The chat templates of a model.

use std::collections::BTreeMap;

use chrono::{DateTime, Local};
use indexmap::IndexMap;
use minijinja::value::{Serde, Value};

use super::conversation::Chat;
use super::jinja::Jinja;
use crate::checkpoint::Repository;
use crate::tokenizer::configuration::Configuration;
use crate::{Error, Result};

/// Name of a template if there is only one.
const DEFAULT: &str = "default";

/// Name of the template for chats with tools.
const TOOLS: &str = "tool_use";

/// The templates of a model by name, and the special tokens that they use.
#[derive(Debug, Default)]
pub(in super::super) struct Templates {
    templates: BTreeMap<String, String>,
    tokens: IndexMap<String, String>,
}

impl Templates {
    /// Reads `chat_template.jinja` or the field in `tokenizer_config.json`: one template, or several with names.
    pub(in super::super) fn read(repository: &Repository, configuration: &Configuration) -> Result<Self> {
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
    pub(in super::super) fn name(&mut self, name: &str, token: String) {
        self.tokens.insert(name.to_string(), token);
    }

    pub(in super::super) fn exists(&self) -> bool {
        !self.templates.is_empty()
    }

    /// A chat as one text.
    ///
    /// # Errors
    /// There is no template, or it fails or refuses the chat.
    pub(in super::super) fn apply(&self, chat: &Chat, add_generation_prompt: bool) -> Result<String> {
        let messages = Value::from(Serde(&chat.messages));
        self.applied(chat, add_generation_prompt, Local::now())?.render(messages)
    }

    /// The template for a chat, at a time of the day.
    pub(super) fn applied(&self, chat: &Chat, add_generation_prompt: bool, now: DateTime<Local>) -> Result<Applied> {
        let for_tools = self.templates.get(TOOLS).filter(|_| !chat.tools.is_empty());
        let template = for_tools.or_else(|| self.templates.get(DEFAULT)).ok_or_else(|| {
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
        let none = Value::from(());
        let tools = if chat.tools.is_empty() { none.clone() } else { Value::from(Serde(&chat.tools)) };
        let mut variables: BTreeMap<String, Value> =
            self.tokens.iter().map(|(name, token)| (name.clone(), Value::from(token.as_str()))).collect();
        variables.extend([("tools".to_owned(), tools), ("documents".to_owned(), none)]);
        variables.extend(chat.template_args.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value)))));
        variables.insert("add_generation_prompt".to_owned(), Value::from(add_generation_prompt));
        Ok(Applied { jinja: Jinja::new(template, now).map_err(invalid)?, variables })
    }
}

/// A template with all variables but the messages.
pub(super) struct Applied {
    jinja: Jinja,
    variables: BTreeMap<String, Value>,
}

impl Applied {
    /// The text of messages.
    ///
    /// # Errors
    /// The template fails or refuses the messages.
    pub(super) fn render(&self, messages: Value) -> Result<String> {
        let mut variables = self.variables.clone();
        variables.insert("messages".to_owned(), messages);
        self.jinja.render(Value::from(variables)).map_err(invalid)
    }
}

fn invalid(error: minijinja::Error) -> Error {
    let said = match error.line() {
        Some(line) => format!("line {line}: {error}"),
        None => error.to_string(),
    };
    Error::checkpoint("the chat template", said).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;

    fn rendered(template: &str) -> Result<String> {
        let templates = BTreeMap::from([(DEFAULT.to_string(), template.to_string())]);
        let tokens = IndexMap::from([("bos_token".to_string(), "<s>".to_string())]);
        Templates { templates, tokens }.apply(&Chat::user(" a \"b\" <c> "), true)
    }

    #[test]
    fn the_template_for_tools_is_taken_if_there_are_tools() {
        let named = [(DEFAULT, "{{ tools }}"), (TOOLS, "{{ tools | tojson }} {{ x }}")];
        let templates = named.map(|(name, text)| (name.to_string(), text.to_string()));
        let templates = Templates { templates: BTreeMap::from(templates), tokens: IndexMap::new() };
        let chat = Chat::new([Message::user("a")]).unwrap();
        assert_eq!(templates.apply(&chat, true).unwrap(), "None");
        let arguments = IndexMap::from_iter([("x".to_string(), serde_json::json!(1).into())]);
        let chat = chat.tools(vec![serde_json::json!({"name": "a"}).into()]).template_args(arguments);
        assert_eq!(templates.apply(&chat, true).unwrap(), "[{\"name\": \"a\"}] 1");
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
        let message = Templates::default().apply(&Chat::user("a"), true).unwrap_err().to_string();
        assert!(message.contains("no chat template"), "{message}");
    }
}
