//! Messages of a chat, and their parts.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use serde::Serialize;

use super::ordered::OrderedJson;

/// Fields with what the model thought before it wrote a message. Templates know one or the other.
pub(super) const REASONING: [&str; 3] = ["reasoning_content", "reasoning", "thinking"];

/// A message of a chat: a role, and a content, reasoning or calls of tools.
///
/// ```
/// use inseq_models::tokenizer::{Message, PartKind};
/// use serde_json::json;
///
/// let call = Message::new("assistant", "Let me see.")
///     .with_reasoning("I need the roster.")
///     .with_tool_call("roster", json!({"day": "Monday"}));
/// let kinds: Vec<PartKind> = call.parts().iter().map(|part| part.kind).collect();
/// assert_eq!(kinds, [PartKind::Reasoning, PartKind::Content, PartKind::ToolCall(0)]);
/// assert_eq!(call.tool_name(0), Some("roster"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Message {
    /// What templates read.
    pub(super) fields: IndexMap<String, OrderedJson>,
}

/// A part of a message that has text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartKind {
    /// The content, which is one text.
    Content,
    /// An entry of a content that is a list, by its index.
    ContentPart(usize),
    /// What the model thought before it wrote the message.
    Reasoning,
    /// A call of a tool, by its index.
    ToolCall(usize),
}

/// A part of a message with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePart<'m> {
    /// What the part is.
    pub kind: PartKind,
    /// Text of the part; of a call of a tool, its arguments as JSON.
    pub text: Cow<'m, str>,
}

/// The words for a part in messages to the user; nothing for a content.
impl fmt::Display for PartKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content => Ok(()),
            Self::ContentPart(index) => write!(f, "part {}", index + 1),
            Self::Reasoning => f.write_str("reasoning"),
            Self::ToolCall(index) => write!(f, "tool call {}", index + 1),
        }
    }
}

impl Message {
    /// Makes a message with a text.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { fields: object([("role", role.into().into()), ("content", content.into().into())]) }
    }

    /// Makes a message of the user.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new("user", content)
    }

    /// Makes a message with the result of a tool.
    pub fn tool_result(tool: impl Into<String>, content: impl Into<String>) -> Self {
        let mut message = Self::new("tool", content);
        message.fields.insert("name".to_owned(), tool.into().into());
        message
    }

    /// Sets what the model thought before it wrote the message.
    #[must_use]
    pub fn with_reasoning(mut self, reasoning: impl Into<String>) -> Self {
        self.fields.insert(REASONING[0].to_owned(), reasoning.into().into());
        self
    }

    /// Adds a call of a tool with an object of arguments.
    #[must_use]
    pub fn with_tool_call(mut self, tool: impl Into<String>, arguments: impl Into<OrderedJson>) -> Self {
        let function = object([("name", tool.into().into()), ("arguments", arguments.into())]);
        let call =
            OrderedJson::Object(object([("type", "function".into()), ("function", OrderedJson::Object(function))]));
        match self.fields.get_mut("tool_calls") {
            Some(OrderedJson::List(calls)) => calls.push(call),
            _ => drop(self.fields.insert("tool_calls".to_owned(), OrderedJson::List(vec![call]))),
        }
        self
    }

    /// Role of the author, such as `user`, `assistant`, `system` or `tool`.
    pub fn role(&self) -> &str {
        self.text("role").unwrap_or_default()
    }

    /// The parts that have text: reasoning, content, and calls of tools.
    pub fn parts(&self) -> Vec<MessagePart<'_>> {
        let part = |kind, text| MessagePart { kind, text: Cow::Borrowed(text) };
        let mut parts: Vec<MessagePart> = Vec::new();
        parts.extend(REASONING.iter().find_map(|name| self.text(name)).map(|text| part(PartKind::Reasoning, text)));
        match self.fields.get("content") {
            Some(OrderedJson::Text(text)) => parts.push(part(PartKind::Content, text)),
            Some(OrderedJson::List(list)) => {
                let texts = list.iter().enumerate().filter_map(|(index, entry)| Some((index, part_text(entry)?.1)));
                parts.extend(texts.map(|(index, text)| part(PartKind::ContentPart(index), text)));
            }
            _ => {}
        }
        parts.extend(self.tool_calls().iter().enumerate().map(|(index, call)| MessagePart {
            kind: PartKind::ToolCall(index),
            text: Cow::Owned(function(call).get("arguments").map(OrderedJson::to_string).unwrap_or_default()),
        }));
        parts.retain(|part| !part.text.trim().is_empty());
        parts
    }

    /// Name of the tool that a call is of.
    pub fn tool_name(&self, call: usize) -> Option<&str> {
        function(self.tool_calls().get(call)?).get("name")?.as_str()
    }

    /// The id of a call of a tool.
    pub(super) fn tool_call_id(&self, call: usize) -> Option<&str> {
        self.tool_calls().get(call)?.get("id")?.as_str()
    }

    pub(super) fn tool_calls(&self) -> &[OrderedJson] {
        self.fields.get("tool_calls").and_then(OrderedJson::as_list).unwrap_or_default()
    }

    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    /// Sets the text of the message.
    pub(super) fn set_content(&mut self, content: String) {
        self.fields.insert("content".to_owned(), content.into());
    }
}

/// What a call calls: the field `function`, or the call itself.
pub(super) fn function(call: &OrderedJson) -> &OrderedJson {
    call.get("function").unwrap_or(call)
}

/// The field of an entry of a content that has its text, and the text.
pub(super) fn part_text(entry: &OrderedJson) -> Option<(&'static str, &str)> {
    ["text", "thinking"].into_iter().find_map(|name| Some((name, entry.get(name)?.as_str()?)))
}

fn object<const N: usize>(fields: [(&str, OrderedJson); N]) -> IndexMap<String, OrderedJson> {
    fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect()
}
