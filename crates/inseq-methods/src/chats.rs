//! Texts as what a user says to a chat model.

use std::borrow::Cow;

use inseq_models::tokenizer::Message;

use crate::request::AttributionRequest;
use crate::{AttributionModel, Result};

impl AttributionModel {
    /// A request whose inputs are in the words of the model's chat template where it asks for that, up to where the answer
    /// begins. What a decoder-only model is taken to have answered goes on from there.
    ///
    /// # Errors
    /// When the model has no chat template, or it fails.
    pub(crate) fn as_chats<'a>(&self, request: &'a AttributionRequest) -> Result<Cow<'a, AttributionRequest>> {
        if !request.chat {
            return Ok(Cow::Borrowed(request));
        }
        let mut chats = request.clone();
        for text in &mut chats.input_texts {
            *text = self.as_chat(text)?;
        }
        for (answer, prompt) in chats.generated_texts.iter_mut().flatten().zip(&chats.input_texts) {
            *answer = self.answered(prompt, answer);
        }
        // The template has written them.
        chats.skip_special_tokens = true;
        Ok(Cow::Owned(chats))
    }

    /// What a user says in the words of the model's chat template, up to where the answer begins.
    ///
    /// # Errors
    /// When the model has no chat template, or it fails.
    pub(crate) fn as_chat(&self, text: &str) -> Result<String> {
        Ok(self.tokenizer.apply_chat_template(&[Message::user(text)], true)?)
    }

    /// The target that an answer to a prompt makes.
    pub(crate) fn answered(&self, prompt: &str, answer: &str) -> String {
        if self.model().is_decoder_only() { format!("{prompt}{answer}") } else { answer.to_string() }
    }
}
