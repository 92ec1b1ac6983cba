//! Chats as prompts, in the form that a model was trained on.

use inseq_models::tokenizer::Chat;

use crate::Result;
use crate::text_model::TextModel;

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
        Ok(self.tokenizer().apply_chat_template(chat, true)?)
    }

    /// The target for an answer to a prompt.
    pub(crate) fn answered(&self, prompt: &str, answer: &str) -> String {
        if self.model().is_decoder_only() { format!("{prompt}{answer}") } else { answer.to_string() }
    }
}
