//! Chats as prompts, in the form that a model was trained on.

use inseq_core::did_you_mean;
use inseq_core::mismatch::{kind, parse_unique, shown};
use inseq_models::tokenizer::Message;
use serde_json::Value;

use crate::text_model::TextModel;
use crate::{Error, Result};

/// A chat: its messages, oldest first. The model generates the next message of the assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// The messages, at least one.
    pub messages: Vec<Message>,
}

impl Chat {
    /// Makes a chat of messages.
    ///
    /// # Errors
    /// There is no message.
    ///
    /// ```
    /// use inseq_methods::{Chat, Message};
    ///
    /// let chat = Chat::new([Message::new("system", "Be brief."), Message::user("Who was late?")])?;
    /// assert_eq!(chat.messages.len(), 2);
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    pub fn new(messages: impl IntoIterator<Item = Message>) -> Result<Self> {
        let chat = Self { messages: messages.into_iter().collect() };
        chat.check(0).map(|()| chat)
    }

    /// A chat with one message of a user.
    pub fn user(content: impl Into<String>) -> Self {
        Self { messages: vec![Message::user(content)] }
    }

    /// Reads chats: a list of messages (`{"role": "user", "content": "Who was late?"}`), or a list of such lists, one per chat.
    ///
    /// # Errors
    /// The JSON does not have this form; the error names the place.
    ///
    /// ```
    /// use inseq_methods::Chat;
    ///
    /// let chats = Chat::read_all(r#"[{"role": "user", "content": "Who was late?"}]"#)?;
    /// assert_eq!(chats, [Chat::user("Who was late?")]);
    /// let error = Chat::read_all(r#"[{"role": "user", "text": "Who?"}]"#).unwrap_err();
    /// assert!(error.to_string().starts_with("chat 1, message 1: "));
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    pub fn read_all(json: &str) -> Result<Vec<Self>> {
        let invalid = |found: &str| {
            Error::argument(
                "chats",
                format!("chats are a list of messages such as {EXAMPLE}, or a list of such lists; {found}"),
            )
        };
        let value = parse_unique(json.as_bytes()).map_err(|error| match place_of(&error.path) {
            None => invalid(&error.message),
            Some(place) => Error::argument("chats", format!("{place}: {}", error.message)),
        })?;
        let Value::Array(list) = value else { return Err(invalid(&format!("found {}", kind(&value)))) };
        let lists = match list.first() {
            None => return Err(invalid("found an empty list")),
            Some(Value::Array(_)) => list,
            Some(_) => vec![Value::Array(list)],
        };
        let chats = lists.into_iter().enumerate().map(|(chat, messages)| {
            let Value::Array(messages) = messages else {
                return Err(Error::argument(
                    "chats",
                    format!("chat {}: expected a list of messages, found {}", chat + 1, kind(&messages)),
                ));
            };
            let messages = messages.into_iter().enumerate();
            let messages = messages.map(|(index, message)| {
                read_message(message).map_err(|problem| {
                    Error::argument("chats", format!("chat {}, message {}: {problem}", chat + 1, index + 1))
                })
            });
            let found = Self { messages: messages.collect::<Result<_>>()? };
            found.check(chat).map(|()| found)
        });
        chats.collect()
    }

    /// Checks that there is a message. `index` is the index of the chat in the call.
    pub(crate) fn check(&self, index: usize) -> Result<()> {
        match self.messages.is_empty() {
            true => Err(Error::argument("chats", format!("chat {} has no messages; give at least one", index + 1))),
            false => Ok(()),
        }
    }

    /// The chat with another text in place of the user's last message.
    fn asking(&self, content: &str) -> Self {
        let mut chat = self.clone();
        match chat.messages.iter_mut().rfind(|message| message.role == "user") {
            Some(message) => message.content = content.to_owned(),
            None => chat.messages.push(Message::user(content)),
        }
        chat
    }
}

/// A message in the JSON of chats.
const EXAMPLE: &str = r#"{"role": "user", "content": "Who was late?"}"#;

/// The place of a message in a list of messages, or in a list of such lists.
fn place_of(path: &str) -> Option<String> {
    let mut numbers = path.split(['[', ']']).filter_map(|index| Some(index.parse::<usize>().ok()? + 1));
    let first = numbers.next()?;
    let (chat, message) = numbers.next().map_or((1, first), |message| (first, message));
    Some(format!("chat {chat}, message {message}"))
}

fn read_message(message: Value) -> std::result::Result<Message, String> {
    let Value::Object(mut fields) = message else {
        return Err(format!("expected a message such as {EXAMPLE}, found {}", shown(&message)));
    };
    const KEYS: [&str; 2] = ["role", "content"];
    if let Some(name) = fields.keys().find(|name| !KEYS.contains(&name.as_str())) {
        let near = did_you_mean(name, KEYS, 1);
        return Err(format!("`{name}` is not supported; a message has `role` and `content`{near}"));
    }
    let mut text = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!("`{name}` must be a text, found {}", kind(&other))),
        None => Err(format!("`{name}` is missing; a message is an object such as {EXAMPLE}")),
    };
    Ok(Message { role: text("role")?, content: text("content")? })
}

impl TextModel {
    /// A contrast source and a contrast target of a chat, with the chat template: the source is another last message of the
    /// user, the target another answer. `prompt` is the chat as text.
    ///
    /// # Errors
    /// The template fails.
    pub(crate) fn contrast_of_chat(
        &self,
        chat: &Chat,
        prompt: &str,
        source: Option<String>,
        target: Option<String>,
    ) -> Result<(Option<String>, Option<String>)> {
        let source = source.map(|text| self.prompt_of(&chat.asking(&text))).transpose()?;
        let target = target.map(|answer| self.answered(source.as_deref().unwrap_or(prompt), &answer));
        Ok((source, target))
    }

    /// A chat as text, up to the start of the answer.
    ///
    /// # Errors
    /// The model has no chat template, or the template fails.
    pub(crate) fn prompt_of(&self, chat: &Chat) -> Result<String> {
        Ok(self.tokenizer().apply_chat_template(&chat.messages, true)?)
    }

    /// The target for an answer to a prompt.
    pub(crate) fn answered(&self, prompt: &str, answer: &str) -> String {
        if self.model().is_decoder_only() { format!("{prompt}{answer}") } else { answer.to_string() }
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
        assert_eq!(several, [chat, Chat::user("a")]);
        for (json, expected) in [
            ("{}", "found an object"),
            ("[", "or a list of such lists; the text ends inside a list (line 1, column 1)"),
            ("[{'role': 1}]", "expected a name in quotation marks (line 1, column 3)"),
            ("[]", "found an empty list"),
            ("[[]]", "chat 1 has no messages"),
            (r#"["a"]"#, "chat 1, message 1: expected a message such as {"),
            (r#"[[{"role": "user", "content": "a"}], 3]"#, "chat 2: expected a list of messages, found a number"),
            (r#"[{"role": "user"}]"#, "chat 1, message 1: `content` is missing"),
            (r#"[{"role": "user", "content": [{"type": "text"}]}]"#, "`content` must be a text, found a list"),
            (r#"[{"role": "user", "contents": "a"}]"#, "chat 1, message 1: `contents` is not supported; a message has"),
            (r#"[{"role": "user", "contents": "a"}]"#, "(did you mean `content`?)"),
            (
                r#"[{"role": "a", "content": "b"}, {"role": "a", "role": "b"}]"#,
                "chat 1, message 2: `role` is there twice",
            ),
            (r#"[[], [{"role": "a", "content": "b", "content": ""}]]"#, "chat 2, message 1: `content` is there twice"),
            (r#"[{"role": "user", "content": "a", "tool_calls": []}]"#, "`tool_calls` is not supported"),
        ] {
            let error = Chat::read_all(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn another_question_takes_the_place_of_the_last() {
        let turns = ["user a", "assistant b", "user c", "assistant d"].map(|turn| turn.split_once(' ').unwrap());
        let chat = Chat::new(turns.map(|(role, content)| Message::new(role, content))).unwrap();
        let asked = chat.asking("x");
        let contents: Vec<&str> = asked.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(contents, ["a", "b", "x", "d"]);
    }
}
