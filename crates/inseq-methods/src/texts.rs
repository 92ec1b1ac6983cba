//! The texts of a call.

use std::borrow::Cow;

use inseq_models::tokenizer::{Chat, Role};

use crate::request::AttributionRequest;
use crate::text_model::TextModel;
use crate::{Error, Result};

/// The texts of a call, and options for reading them.
pub(crate) struct Texts<'r> {
    pub(crate) model: &'r TextModel,
    /// Inputs; for chats, with the model's chat template.
    pub(crate) inputs: Cow<'r, [String]>,
    pub(crate) generated: Option<Cow<'r, [String]>>,
    pub(crate) ids: Option<&'r [Vec<u32>]>,
    /// Whether given targets are prefixes that the model continues; a decoder-only model always continues a prefix.
    pub(crate) goes_on: bool,
    pub(crate) add_special_tokens: bool,
    /// Whether texts that are too long for the model are cut.
    pub(crate) truncate: bool,
    /// Whether an encoder-decoder model reads an input without text.
    pub(crate) empty_inputs: bool,
    /// The chats of the inputs; empty for plain texts.
    pub(crate) chats: Cow<'r, [Chat]>,
}

impl<'r> Texts<'r> {
    /// The texts of a request.
    ///
    /// # Errors
    /// There are no texts, the numbers of inputs and targets differ, or the request is a chat and the model has no chat template.
    pub(crate) fn of(model: &'r TextModel, request: &'r AttributionRequest) -> Result<Self> {
        let chats: Cow<[Chat]> = match request.chat && request.chats.is_empty() {
            true => request.input_texts.iter().map(Chat::user).collect(),
            false => Cow::Borrowed(&request.chats),
        };
        if !request.chats.is_empty() && !request.input_texts.is_empty() {
            return Err(Error::argument(
                "chats",
                format!(
                    "{} input texts are given beside {} chats; give one of the two",
                    request.input_texts.len(),
                    request.chats.len()
                ),
            ));
        }
        let count = request.input_texts.len().max(chats.len());
        if count == 0 {
            return Err(Error::argument("input_texts", "there is no input text; give at least one".into()));
        }
        let given =
            [request.generated_texts.as_ref().map(Vec::len), request.generated_token_ids.as_ref().map(Vec::len)];
        if let Some(given) = given.into_iter().flatten().find(|given| *given != count) {
            return Err(Error::argument(
                "generated_texts",
                format!("{given} generated texts are given for {count} input texts; give one for each"),
            ));
        }
        let goes_on = request.generate_from_target_prefix && !model.model().is_decoder_only();
        if goes_on && given == [None, None] {
            return Err(Error::argument(
                "generate_from_target_prefix",
                "`generate_from_target_prefix` needs `generated_texts` to go on from".into(),
            ));
        }
        let mut texts = Self {
            model,
            inputs: Cow::Borrowed(&request.input_texts),
            generated: request.generated_texts.as_deref().map(Cow::Borrowed),
            ids: request.generated_token_ids.as_deref(),
            goes_on,
            add_special_tokens: !request.skip_special_tokens,
            truncate: request.truncate,
            empty_inputs: request.empty_inputs,
            chats,
        };
        if !texts.chats.is_empty() {
            let prompts = texts.chats.iter().enumerate().map(|(index, chat)| {
                chat.check(index)?;
                model.prompt_of(chat)
            });
            let prompts: Vec<String> = prompts.collect::<Result<_>>()?;
            // What a decoder-only model is taken to have answered goes on from where the answer begins.
            let answers = texts.generated.map(|answers| {
                answers.iter().zip(&prompts).map(|(answer, prompt)| model.answered(prompt, answer)).collect()
            });
            (texts.inputs, texts.generated) = (Cow::Owned(prompts), answers.map(Cow::Owned));
            // The template has written them.
            texts.add_special_tokens = false;
        }
        Ok(texts)
    }

    pub(crate) fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether targets are given, as texts or as ids.
    pub(crate) fn gives_targets(&self) -> bool {
        self.generated.is_some() || self.ids.is_some()
    }

    /// The given text of a side, if any.
    pub(crate) fn given(&self, index: usize, role: Role) -> Option<&str> {
        let given = self.generated.as_ref().and_then(|texts| texts.get(index));
        // A decoder-only model goes on from its prompt.
        let is_prompt = role == Role::Source || (self.model.model().is_decoder_only() && given.is_none());
        let text = if is_prompt { self.inputs.get(index) } else { given };
        text.map(String::as_str)
    }
}
