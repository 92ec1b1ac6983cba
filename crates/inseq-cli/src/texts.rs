//! The texts of a call, as the command line gives them.

use std::path::{Path, PathBuf};

use clap::Args;
use inseq_methods::{AttributionRequest, Chat};

use crate::failure::Failure;
use crate::input;
use crate::json_object::{Object, object};

/// Texts, and how outputs are generated for them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Texts")]
pub struct TextArguments {
    /// Input texts. `-` reads one text per line from standard input.
    #[arg(short, long, required_unless_present = "chat_file", num_args = 1.., value_name = "TEXT")]
    pub input_texts: Vec<String>,
    /// Given outputs, one per input text. Without them the model generates the outputs.
    #[arg(short, long, num_args = 1.., value_name = "TEXT")]
    pub generated_texts: Option<Vec<String>>,
    /// Chats in place of input texts, for the model's chat template: a JSON file with a list of messages such as {"role":
    /// "user", "content": "Who was late?"}, or a list of such lists. `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input_texts", "chat"])]
    pub chat_file: Option<PathBuf>,
    /// How texts are read and generated.
    #[command(flatten)]
    pub reading: ReadingArguments,
}

/// How texts are read, and how outputs are generated for them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Texts")]
pub struct ReadingArguments {
    /// Continue the given outputs (--generated-texts, --generated-text-field) instead of attributing them as whole outputs
    /// (encoder-decoder models).
    #[arg(long)]
    pub generate_from_target_prefix: bool,
    /// Cut texts that are longer than the model allows, with a warning. Without this flag they are an error.
    #[arg(long)]
    pub truncate: bool,
    /// Put each input text into the model's chat template, as the message of a user.
    #[arg(long)]
    pub chat: bool,
    /// Arguments of generation, as a JSON object such as {"num_beams": 4}, with the names of generation_config.json.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub generation_kwargs: Object,
}

impl ReadingArguments {
    /// A request with these options, without texts.
    pub fn request(&self) -> AttributionRequest {
        AttributionRequest::default()
            .chat(self.chat)
            .generate_from_target_prefix(self.generate_from_target_prefix)
            .truncate(self.truncate)
            .generation_args(self.generation_kwargs.clone())
    }
}

impl TextArguments {
    /// Paths and texts that may be standard input.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.input_texts.iter().map(Path::new).chain(self.chat_file.as_deref())
    }

    /// A request for these texts.
    pub fn request(&self) -> Result<AttributionRequest, Failure> {
        let chats = self.chat_file.as_deref().map(chats).transpose()?.unwrap_or_default();
        let mut request = self.reading.request().input_texts(input_texts(&self.input_texts)?).chats(chats);
        request.generated_texts.clone_from(&self.generated_texts);
        Ok(request)
    }
}

/// The texts given, with the lines of standard input in the place of `-`.
pub fn input_texts(given: &[String]) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for text in given {
        match text.as_str() {
            "-" => texts.extend(input::lines()?),
            text => texts.push(text.to_owned()),
        }
    }
    if texts.is_empty() && !given.is_empty() {
        return Err(Failure::Argument("standard input has no text; write one per line".into()));
    }
    Ok(texts)
}

/// The chat of a file that has one.
pub fn chat(path: &Path) -> Result<Chat, Failure> {
    let mut chats = chats(path)?;
    match (chats.pop(), chats.len()) {
        (Some(chat), 0) => Ok(chat),
        (_, others) => {
            let problem =
                format!("{}: expected one chat, found {}; give a list of messages", input::name(path), others + 1);
            Err(Failure::Argument(problem))
        }
    }
}

/// The chats of a file.
fn chats(path: &Path) -> Result<Vec<Chat>, Failure> {
    Chat::read_all(&input::text(path)?).map_err(|error| Failure::Argument(format!("{}: {error}", input::name(path))))
}
