//! Questions on a terminal.

use std::io::{self, BufRead, Write};

use inseq_methods::{ContextDialogue, Error, Result};

use crate::failure::one_line;
use crate::progress::Bar;

/// Asks while a progress bar is put away.
pub struct Asking<'a, D> {
    /// The bar.
    pub bar: &'a Bar,
    /// Who is asked.
    pub person: D,
}

impl<D: ContextDialogue> ContextDialogue for Asking<'_, D> {
    fn output_context(&mut self, output: &str, proposed: Option<&str>) -> Result<String> {
        self.bar.suspended(|| self.person.output_context(output, proposed))
    }

    fn contrast_word(&mut self, prefix: &str, token: &str) -> Result<Option<String>> {
        self.bar.suspended(|| self.person.contrast_word(prefix, token))
    }
}

/// Asks on one stream, and reads answers from another.
#[derive(Debug)]
pub struct Conversation<R, W> {
    answers: R,
    questions: W,
}

impl<R: BufRead, W: Write> Conversation<R, W> {
    /// A conversation.
    pub fn new(answers: R, questions: W) -> Self {
        Self { answers, questions }
    }

    /// Asks, and reads a line.
    fn ask(&mut self, question: &str) -> Result<String> {
        let mut answer = String::new();
        let asked = write!(self.questions, "{question} ").and_then(|()| self.questions.flush());
        let read = asked.and_then(|()| self.answers.read_line(&mut answer)).and_then(|length| match length {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the input has ended")),
            _ => Ok(()),
        });
        let unanswered = |error: io::Error| Error::argument("dialogue", format!("a question has no answer: {error}"));
        read.map(|()| answer.trim_end_matches(['\n', '\r']).to_owned()).map_err(unanswered)
    }

    /// Asks until the answer is yes or no.
    fn confirm(&mut self, question: &str) -> Result<bool> {
        loop {
            match self.ask(&format!("{question} [y/n]"))?.trim().to_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.say("Please answer y or n.")?,
            }
        }
    }

    fn say(&mut self, line: &str) -> Result<()> {
        let said = writeln!(self.questions, "{line}");
        said.map_err(|error| Error::argument("dialogue", format!("a question cannot be asked: {error}")))
    }
}

impl<R: BufRead, W: Write> ContextDialogue for Conversation<R, W> {
    fn output_context(&mut self, output: &str, proposed: Option<&str>) -> Result<String> {
        self.say(&format!("The model generated: {}", one_line(output)))?;
        if let Some(proposed) = proposed
            && self.confirm(&format!("Is {:?} the output context?", one_line(proposed)))?
        {
            return Ok(proposed.to_owned());
        }
        loop {
            let answer = self.ask("Type the beginning of the generated text that is the output context:")?;
            if !output.starts_with(&answer) {
                self.say("The generated text does not begin with this.")?;
            } else if !answer.trim().is_empty() || self.confirm("Is there no output context?")? {
                return Ok(answer);
            }
        }
    }

    fn contrast_word(&mut self, prefix: &str, token: &str) -> Result<Option<String>> {
        self.say(&format!("With the context, {:?} follows after: {}", one_line(token), one_line(prefix)))?;
        if !self.confirm("Do you want to give a word to compare it with?")? {
            return Ok(None);
        }
        loop {
            let answer = self.ask("Type the word:")?;
            if !answer.trim().is_empty() {
                return Ok(Some(answer));
            }
            self.say("The word is empty.")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer to a question for the output context, and what was asked.
    fn asked(answers: &str, proposed: Option<&str>) -> (Result<String>, String) {
        let mut questions = Vec::new();
        let answer = Conversation::new(answers.as_bytes(), &mut questions).output_context("Hello. World!", proposed);
        (answer, String::from_utf8(questions).unwrap())
    }

    #[test]
    fn a_proposal_is_confirmed_or_replaced() {
        let (answer, questions) = asked("y\n", Some("Hello"));
        assert_eq!(answer.unwrap(), "Hello");
        assert!(questions.contains("The model generated: Hello. World!") && questions.contains("Is \"Hello\" the"));
        let (answer, questions) = asked("maybe\nno\nWorld\nHello.\n", Some("Hello"));
        assert_eq!(answer.unwrap(), "Hello.");
        assert!(questions.contains("Please answer y or n.") && questions.contains("does not begin with this"));
        assert_eq!(asked("Hello\r\n", None).0.unwrap(), "Hello");
        assert_eq!(asked("\nn\n\nyes\n", None).0.unwrap(), "");
    }

    #[test]
    fn an_end_of_the_input_is_an_error() {
        let error = asked("n\n", Some("Hello")).0.unwrap_err().to_string();
        assert_eq!(error, "a question has no answer: the input has ended");
    }

    #[test]
    fn a_word_may_be_given() {
        let word = |answers: &str| {
            let mut questions = Vec::new();
            Conversation::new(answers.as_bytes(), &mut questions).contrast_word("to the", " hospital").unwrap()
        };
        assert_eq!(word("n\n"), None);
        assert_eq!(word("y\n \noffice\n"), Some("office".to_owned()));
    }
}
