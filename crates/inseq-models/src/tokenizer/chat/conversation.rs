//! Chats: messages, and what else a template reads.

use indexmap::IndexMap;
use inseq_core::setters;

use super::message::{Message, PartKind};
use super::ordered::OrderedJson;
use crate::{Error, Result};

/// A chat: its messages, oldest first. The model generates the next message of the assistant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chat {
    /// The messages, at least one.
    pub messages: Vec<Message>,
    /// Descriptions of the tools that the model may call, as JSON objects.
    pub tools: Vec<OrderedJson>,
    /// Further variables of the chat template, such as `enable_thinking`.
    pub template_args: IndexMap<String, OrderedJson>,
}

setters! {
    Chat { messages: Vec<Message>, tools: Vec<OrderedJson>, template_args: IndexMap<String, OrderedJson> }
}

impl Chat {
    /// Makes a chat of messages.
    ///
    /// # Errors
    /// There is no message.
    ///
    /// ```
    /// use inseq_models::tokenizer::{Chat, Message};
    ///
    /// let chat = Chat::new([Message::new("system", "Be brief."), Message::user("Who was late?")])?;
    /// assert_eq!(chat.messages.len(), 2);
    /// # Ok::<(), inseq_models::Error>(())
    /// ```
    pub fn new(messages: impl IntoIterator<Item = Message>) -> Result<Self> {
        let chat = Self { messages: messages.into_iter().collect(), ..Self::default() };
        chat.check(0).map(|()| chat)
    }

    /// A chat with one message of a user.
    pub fn user(content: impl Into<String>) -> Self {
        Self { messages: vec![Message::user(content)], ..Self::default() }
    }

    /// Checks that there is a message. `index` is the index of the chat in the call.
    ///
    /// # Errors
    /// There is none.
    pub fn check(&self, index: usize) -> Result<()> {
        match self.messages.is_empty() {
            true => Err(Error::argument("chats", format!("chat {} has no messages; give at least one", index + 1))),
            false => Ok(()),
        }
    }

    /// The chat with another text in place of the user's last message.
    #[must_use]
    pub fn asking(&self, content: &str) -> Self {
        let mut chat = self.clone();
        match chat.messages.iter_mut().rfind(|message| message.role() == "user") {
            Some(message) => message.set_content(content.to_owned()),
            None => chat.messages.push(Message::user(content)),
        }
        chat
    }

    /// Name of the tool that a message is a result of: its `name`, or the name of the call with its `tool_call_id`.
    pub fn tool_of_result(&self, message: usize) -> Option<&str> {
        let result = self.messages.get(message)?;
        let has_role = ["tool", "function", "ipython"].contains(&result.role());
        let by_id = || {
            let id = result.text("tool_call_id")?;
            let before = &self.messages[..message];
            before.iter().rev().find_map(|call| {
                let index = (0..call.tool_calls().len()).find(|&index| call.tool_call_id(index) == Some(id))?;
                call.tool_name(index)
            })
        };
        result.text("name").or_else(by_id).filter(|_| has_role)
    }

    /// Words for a part of a message, such as `message 3 (assistant), tool call 1 (roster)`.
    ///
    /// ```
    /// use inseq_models::tokenizer::{Chat, Message, PartKind};
    ///
    /// let chat = Chat::new([Message::user("Who?"), Message::tool_result("roster", "Ann")])?;
    /// assert_eq!(chat.name_of(1, PartKind::Content), "message 2 (tool roster)");
    /// # Ok::<(), inseq_models::Error>(())
    /// ```
    pub fn name_of(&self, message: usize, part: PartKind) -> String {
        let role = self.messages.get(message).map_or("", Message::role);
        let tool = self.tool_of_result(message).map(|tool| format!(" {tool}")).unwrap_or_default();
        let name = format!("message {} ({role}{tool})", message + 1);
        match part {
            PartKind::Content => name,
            PartKind::ToolCall(index) => {
                let called = self.messages.get(message).and_then(|message| message.tool_name(index)).unwrap_or("?");
                format!("{name}, {part} ({called})")
            }
            part => format!("{name}, {part}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_question_takes_the_place_of_the_last() {
        let turns = ["user a", "assistant b", "user c", "assistant d"].map(|turn| turn.split_once(' ').unwrap());
        let chat = Chat::new(turns.map(|(role, content)| Message::new(role, content))).unwrap();
        let asked = chat.asking("x");
        let contents: Vec<_> = asked.messages.iter().map(|message| message.text("content").unwrap()).collect();
        assert_eq!(contents, ["a", "b", "x", "d"]);
    }

    #[test]
    fn results_have_the_names_of_their_tools() {
        let json = r#"[{"role": "user", "content": "Who?"},
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "roster", "arguments": {}}},
                {"id": "b", "function": {"name": "clock", "arguments": {}}}]},
            {"role": "tool", "tool_call_id": "b", "content": "9:05"}, {"role": "tool", "name": "mail", "content": "-"},
            {"role": "tool", "tool_call_id": "c", "content": "?"}]"#;
        let chat = Chat::read_all(json).unwrap().swap_remove(0);
        let tools: Vec<_> = (0..5).map(|message| chat.tool_of_result(message)).collect();
        assert_eq!(tools, [None, None, Some("clock"), Some("mail"), None]);
        assert_eq!(chat.name_of(1, PartKind::ToolCall(1)), "message 2 (assistant), tool call 2 (clock)");
        assert_eq!(chat.name_of(2, PartKind::Content), "message 3 (tool clock)");
    }
}
