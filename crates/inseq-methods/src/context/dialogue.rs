//! Questions that only a person can answer.

use crate::{Error, Result};

/// Answers the questions of a call.
pub trait ContextDialogue {
    /// The part at the beginning of a generated text that is its context. `proposed` is a guess, if there is one.
    ///
    /// # Errors
    /// There is no answer.
    fn output_context(&mut self, output: &str, proposed: Option<&str>) -> Result<String>;

    /// The word that a selected token is compared with; `None` for what the model would generate. `prefix` is the output before the
    /// token.
    ///
    /// # Errors
    /// There is no answer.
    fn contrast_word(&mut self, prefix: &str, token: &str) -> Result<Option<String>>;
}

/// A dialogue without a terminal, or anything else that answers: each question is an error that says what to give instead.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDialogue;

impl ContextDialogue for NoDialogue {
    fn output_context(&mut self, output: &str, proposed: Option<&str>) -> Result<String> {
        let proposal = match proposed {
            Some(proposed) => {
                format!(", or take the proposal {proposed:?} with the value `auto` of `handle_output_context_strategy`")
            }
            None => String::new(),
        };
        Err(Error::argument(
            "output_context_text",
            format!(
                "the model generated {output:?}, and there is no terminal to ask which part of it is the output context; give \
                 `output_context_text`{proposal}"
            ),
        ))
    }

    fn contrast_word(&mut self, _: &str, token: &str) -> Result<Option<String>> {
        Err(Error::argument(
            "prompt_user_for_contextless_output_next_tokens",
            format!(
                "there is no terminal to ask what {token:?} is to be compared with; give `contextless_output_next_tokens`, or leave \
                 `prompt_user_for_contextless_output_next_tokens` out"
            ),
        ))
    }
}
