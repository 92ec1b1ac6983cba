//! Chats from JSON.

use indexmap::IndexMap;
use inseq_core::did_you_mean;
use inseq_core::mismatch::{self, Mismatch};

use super::conversation::Chat;
use super::message::{Message, REASONING, part_text};
use super::ordered::OrderedJson as Json;
use crate::{Error, Result};

/// A message in the JSON of chats.
const EXAMPLE: &str = r#"{"role": "user", "content": "Who was late?"}"#;

/// Roles that chat templates know.
const ROLES: [&str; 7] = ["system", "developer", "user", "assistant", "tool", "function", "ipython"];

impl Chat {
    /// Reads chats: a list of messages (`{"role": "user", "content": "Who was late?"}`), or an object with `messages`, and `tools` and
    /// `chat_template_kwargs` if there are any; or a list of such lists or objects, one per chat.
    ///
    /// A content is a text, or a list of parts (`{"type": "text", "text": "Who?"}`). A message of the assistant may have
    /// `reasoning_content` and `tool_calls`. The result of a tool has the role `tool`. Arguments of a call are an object, or its JSON as
    /// a text; templates get the object.
    ///
    /// # Errors
    /// The JSON does not have this form; the error names the place.
    ///
    /// ```
    /// use inseq_models::tokenizer::Chat;
    ///
    /// let chats = Chat::read_all(r#"[{"role": "user", "content": "Who was late?"}]"#)?;
    /// assert_eq!(chats, [Chat::user("Who was late?")]);
    /// let error = Chat::read_all(r#"[{"role": "user", "text": "Who?"}]"#).unwrap_err();
    /// assert!(error.to_string().starts_with("chat 1, message 1: "));
    /// # Ok::<(), inseq_models::Error>(())
    /// ```
    pub fn read_all(json: &str) -> Result<Vec<Self>> {
        let invalid = |found: &str| {
            problem(format!(
                "chats are a list of messages such as {EXAMPLE}, an object with `messages`, or a list of such lists or objects; {found}"
            ))
        };
        let value = parsed(json).map_err(|error| match place_of(&error.path) {
            None => invalid(&error.message),
            Some(place) => problem(format!("{place}: {}", error.message)),
        })?;
        let is_message = |value: &Json| value.get("messages").is_none() && value.as_list().is_none();
        let chats = match value {
            Json::Object(fields) if fields.contains_key("messages") => vec![Json::Object(fields)],
            Json::List(list) if list.is_empty() => return Err(invalid("found an empty list")),
            Json::List(list) if is_message(&list[0]) => vec![Json::List(list)],
            Json::List(list) => list,
            other => return Err(invalid(&format!("found {}", kind(&other)))),
        };
        let read = chats.into_iter().enumerate().map(|(index, chat)| {
            let chat = read_chat(chat, &format!("chat {}", index + 1))?;
            chat.check(index).map(|()| chat)
        });
        read.collect()
    }
}

fn problem(problem: String) -> Error {
    Error::argument("chats", problem)
}

/// JSON in which every name stands once.
fn parsed(json: &str) -> std::result::Result<Json, Mismatch> {
    mismatch::parse_unique(json.as_bytes())?;
    mismatch::parse(json.as_bytes())
}

fn kind(value: &Json) -> &'static str {
    mismatch::kind(&value.to_value())
}

fn shown(value: &Json) -> String {
    mismatch::shown(&value.to_value())
}

/// The place of a message in a list of messages, or in a list of such lists or objects.
fn place_of(path: &str) -> Option<String> {
    let mut numbers = path.split(['[', ']']).filter_map(|index| Some(index.parse::<usize>().ok()? + 1));
    let first = numbers.next()?;
    let (chat, message) = numbers.next().map_or((1, first), |message| (first, message));
    Some(format!("chat {chat}, message {message}"))
}

fn read_chat(value: Json, place: &str) -> Result<Chat> {
    let mut fields = match value {
        Json::List(messages) => IndexMap::from_iter([("messages".to_owned(), Json::List(messages))]),
        Json::Object(fields) => fields,
        other => {
            return Err(problem(format!(
                "{place}: expected a list of messages, or an object with `messages`, found {}",
                kind(&other)
            )));
        }
    };
    const KEYS: [&str; 3] = ["messages", "tools", "chat_template_kwargs"];
    known(&fields, &KEYS, "a chat").map_err(|found| problem(format!("{place}: {found}")))?;
    let mut list = |name: &str| match fields.shift_remove(name) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::List(list)) => Ok(list),
        Some(other) => Err(problem(format!("{place}: `{name}` must be a list, found {}", kind(&other)))),
    };
    let (messages, tools) = (list("messages")?, list("tools")?);
    if let Some((index, tool)) = tools.iter().enumerate().find(|(_, tool)| tool.as_object().is_none()) {
        return Err(problem(format!(
            "{place}: tool {} must be an object that describes a tool, found {}",
            index + 1,
            shown(tool)
        )));
    }
    let template_args = match fields.shift_remove("chat_template_kwargs") {
        None | Some(Json::Null) => IndexMap::new(),
        Some(Json::Object(arguments)) => arguments,
        Some(other) => {
            return Err(problem(format!("{place}: `chat_template_kwargs` must be an object, found {}", kind(&other))));
        }
    };
    let messages = messages.into_iter().enumerate().map(|(index, message)| {
        read_message(message).map_err(|found| problem(format!("{place}, message {}: {found}", index + 1)))
    });
    Ok(Chat { messages: messages.collect::<Result<_>>()?, tools, template_args })
}

/// Refuses fields that an object does not have.
fn known(fields: &IndexMap<String, Json>, keys: &[&str], what: &str) -> std::result::Result<(), String> {
    let Some(name) = fields.keys().find(|name| !keys.contains(&name.as_str())) else { return Ok(()) };
    let near = did_you_mean(name, keys.iter().copied(), 1);
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    Err(format!("`{name}` is not supported; {what} has {}{near}", keys.join(", ")))
}

fn read_message(message: Json) -> std::result::Result<Message, String> {
    let Json::Object(mut fields) = message else {
        return Err(format!("expected a message such as {EXAMPLE}, found {}", shown(&message)));
    };
    let keys = [&["role", "content", "name", "tool_call_id", "tool_calls"], &REASONING[..]].concat();
    known(&fields, &keys, "a message")?;
    for name in ["role", "name", "tool_call_id"].iter().chain(&REASONING) {
        match fields.get(*name) {
            None | Some(Json::Text(_)) => {}
            Some(Json::Null) if *name != "role" => {}
            Some(other) => return Err(format!("`{name}` must be a text, found {}", kind(other))),
        }
    }
    let role = fields.get("role").and_then(Json::as_str);
    let role = role.ok_or_else(|| format!("`role` is missing; a message is an object such as {EXAMPLE}"))?;
    if !ROLES.contains(&role) {
        let near = did_you_mean(role, ROLES, 1);
        return Err(format!("the role {role:?} is unknown; expected one of {}{near}", ROLES.join(", ")));
    }
    match fields.get("content") {
        None | Some(Json::Null | Json::Text(_)) => {}
        Some(Json::List(parts)) => {
            for (index, part) in parts.iter().enumerate() {
                check_part(part).map_err(|found| format!("part {} of `content`: {found}", index + 1))?;
            }
        }
        Some(other) => return Err(format!("`content` must be a text or a list of parts, found {}", kind(other))),
    }
    match fields.get_mut("tool_calls") {
        None | Some(Json::Null) => {}
        Some(Json::List(calls)) => {
            for (index, call) in calls.iter_mut().enumerate() {
                read_call(call).map_err(|found| format!("tool call {}: {found}", index + 1))?;
            }
        }
        Some(other) => return Err(format!("`tool_calls` must be a list, found {}", kind(other))),
    }
    let message = Message { fields };
    let has_content = message.fields.get("content").is_some_and(|content| *content != Json::Null);
    let has_reasoning = REASONING.iter().any(|name| message.text(name).is_some());
    match has_content || has_reasoning || !message.tool_calls().is_empty() {
        true => Ok(message),
        false => Err(format!("`content` is missing; a message is an object such as {EXAMPLE}")),
    }
}

fn check_part(part: &Json) -> std::result::Result<(), String> {
    let expected = r#"expected a text such as {"type": "text", "text": "Who?"}"#;
    match (part.get("type").and_then(Json::as_str), part_text(part)) {
        (None | Some("text" | "thinking" | "reasoning"), Some(_)) => Ok(()),
        (Some(other), None) if !["text", "thinking", "reasoning"].contains(&other) => {
            Err(format!("{expected}, found the type {other:?}; the models of this program read text only"))
        }
        _ => Err(format!("{expected}, found {}", shown(part))),
    }
}

/// Reads the call of a tool. Arguments that are JSON as a text become an object.
fn read_call(call: &mut Json) -> std::result::Result<(), String> {
    const FORM: &str =
        r#"a call is an object such as {"function": {"name": "roster", "arguments": {"day": "Monday"}}}"#;
    if call.as_object().is_none() {
        return Err(format!("{FORM}, found {}", shown(call)));
    }
    let is_nested = call.get("function").is_some();
    let function = match call {
        Json::Object(fields) if is_nested => &mut fields["function"],
        call => call,
    };
    let Json::Object(fields) = function else { return Err(format!("{FORM}, found {}", shown(function))) };
    match fields.get("name") {
        Some(Json::Text(_)) => {}
        Some(other) => return Err(format!("`name` must be a text, found {}", kind(other))),
        None => return Err(format!("`name` is missing; {FORM}")),
    }
    let arguments = fields.get_mut("arguments").ok_or_else(|| format!("`arguments` is missing; {FORM}"))?;
    if let Json::Text(text) = arguments {
        let read = parsed(text);
        *arguments = read.map_err(|error| {
            format!("`arguments` must be an object or its JSON; the text {text:?} is no JSON: {error}")
        })?;
    }
    match arguments.as_object().is_some() {
        true => Ok(()),
        false => Err(format!("`arguments` must be an object, found {}", shown(arguments))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_are_read_whole_or_not() {
        let one = r#"[{"role": "system", "content": "Be brief."}, {"content": "Who?", "role": "user"}]"#;
        let chat = Chat::new([Message::new("system", "Be brief."), Message::user("Who?")]).unwrap();
        assert_eq!(Chat::read_all(one).unwrap(), std::slice::from_ref(&chat));
        let several = Chat::read_all(&format!(r#"[{one}, [{{"role": "user", "content": "a"}}]]"#)).unwrap();
        assert_eq!(several, [chat.clone(), Chat::user("a")]);
        let tools = r#"[{"type": "function"}], "chat_template_kwargs": {"enable_thinking": false}"#;
        let with_tools = Chat::read_all(&format!(r#"{{"messages": {one}, "tools": {tools}}}"#)).unwrap();
        let arguments = IndexMap::from_iter([("enable_thinking".to_owned(), Json::Bool(false))]);
        assert_eq!(
            with_tools,
            [chat.tools(vec![serde_json::json!({"type": "function"}).into()]).template_args(arguments)]
        );
    }

    #[test]
    fn wrong_chats_are_named() {
        let call = |call: &str| format!(r#"[{{"role": "assistant", "tool_calls": [{call}]}}]"#);
        for (json, expected) in [
            ("{}", "found an object"),
            ("[", "or a list of such lists or objects; the text ends inside a list (line 1, column 1)"),
            ("[{'role': 1}]", "expected a name in quotation marks (line 1, column 3)"),
            ("[]", "found an empty list"),
            ("[[]]", "chat 1 has no messages"),
            (r#"{"messages": []}"#, "chat 1 has no messages"),
            (r#"{"messages": {}}"#, "chat 1: `messages` must be a list, found an object"),
            (r#"{"messages": [], "tool": []}"#, "chat 1: `tool` is not supported"),
            (r#"{"messages": [], "tools": [3]}"#, "chat 1: tool 1 must be an object that describes a tool, found 3"),
            (
                r#"{"messages": [], "chat_template_kwargs": 3}"#,
                "`chat_template_kwargs` must be an object, found a number",
            ),
            (r#"["a"]"#, "chat 1, message 1: expected a message such as {"),
            (r#"[[{"role": "user", "content": "a"}], 3]"#, "chat 2: expected a list of messages, or an object"),
            (r#"[{"role": "user"}]"#, "chat 1, message 1: `content` is missing"),
            (r#"[{"role": "user", "content": null}]"#, "`content` is missing"),
            (r#"[{"role": "user", "content": 3}]"#, "`content` must be a text or a list of parts, found a number"),
            (r#"[{"role": "user", "content": [{"type": "text"}]}]"#, "part 1 of `content`: expected a text such as"),
            (
                r#"[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]"#,
                "found the type \"image_url\"; the models of this program read text only",
            ),
            (r#"[{"role": "user", "contents": "a"}]"#, "chat 1, message 1: `contents` is not supported; a message has"),
            (r#"[{"role": "user", "contents": "a"}]"#, "(did you mean `content`?)"),
            (r#"[{"role": "usr", "content": "a"}]"#, "message 1: the role \"usr\" is unknown; expected one of system,"),
            (r#"[{"role": "usr", "content": "a"}]"#, "(did you mean `user`?)"),
            (r#"[{"content": "a"}]"#, "`role` is missing"),
            (r#"[{"role": 3, "content": "a"}]"#, "`role` must be a text, found a number"),
            (
                r#"[{"role": "user", "content": "b"}, {"role": "a", "role": "b"}]"#,
                "chat 1, message 2: `role` is there twice",
            ),
            (r#"[[], [{"role": "a", "content": "b", "content": ""}]]"#, "chat 2, message 1: `content` is there twice"),
            (r#"[{"role": "user", "content": "a", "tool_calls": 3}]"#, "`tool_calls` must be a list, found a number"),
            (&call("3"), "tool call 1: a call is an object such as {"),
            (&call("{}"), "tool call 1: `name` is missing"),
            (&call(r#"{"function": {"name": "a"}}"#), "`arguments` is missing"),
            (&call(r#"{"name": "a", "arguments": "{day: 1}"}"#), "the text \"{day: 1}\" is no JSON"),
            (&call(r#"{"name": "a", "arguments": "[1]"}"#), "`arguments` must be an object, found [1]"),
        ] {
            let error = Chat::read_all(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn arguments_as_text_are_an_object() {
        let calls =
            r#"[{"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": "{\"b\": [1]}"}}]}]"#;
        let chat = Chat::read_all(calls).unwrap().swap_remove(0);
        assert_eq!(chat.messages[0].parts()[0].text, r#"{"b":[1]}"#);
    }
}
