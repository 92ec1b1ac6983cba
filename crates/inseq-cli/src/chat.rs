//! Inputs as what a user says to a chat model.

use inseq_methods::{AttributionModel, AttributionRequest, Error};
use inseq_models::tokenizer::Message;

/// Puts each input into the words of the model's chat template, up to where the answer begins. What a decoder-only model is
/// taken to have answered goes on from there.
pub fn as_chats(model: &AttributionModel, request: &mut AttributionRequest) -> Result<(), Error> {
    for text in &mut request.input_texts {
        *text = model.tokenizer().apply_chat_template(&[Message::user(text.as_str())], true)?;
    }
    let goes_on = model.model().encoder.is_none();
    for (answer, prompt) in request.generated_texts.iter_mut().flatten().zip(&request.input_texts) {
        if goes_on {
            *answer = format!("{prompt}{answer}");
        }
    }
    // The template has written them.
    request.skip_special_tokens = true;
    Ok(())
}
