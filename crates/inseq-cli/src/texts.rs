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
    /// Input texts; `-` for standard input, one text a line.
    #[arg(short, long, required_unless_present = "chat_file", num_args = 1.., value_name = "TEXT")]
    pub input_texts: Vec<String>,
    /// Outputs to explain, one for each input, instead of generating them.
    #[arg(short, long, num_args = 1.., value_name = "TEXT")]
    pub generated_texts: Option<Vec<String>>,
    /// Take the generated texts as beginnings that the model goes on from.
    #[arg(long)]
    pub generate_from_target_prefix: bool,
    /// Cut texts that the model has no positions for, with a warning, rather than refuse them.
    #[arg(long)]
    pub truncate: bool,
    /// Take each input as what a user says to a chat model, in the words of the model's chat template.
    #[arg(long)]
    pub chat: bool,
    /// Chats instead of input texts, in the words of the model's chat template: a JSON file with a list of messages such as
    /// {"role": "user", "content": "Who was late?"}, or a list of such lists; `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input_texts", "chat"])]
    pub chat_file: Option<PathBuf>,
    /// Arguments of the generation, as a JSON object, by the names of generation_config.json.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub generation_kwargs: Object,
}

impl TextArguments {
    /// Paths and texts that may be standard input.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.input_texts.iter().map(Path::new).chain(self.chat_file.as_deref())
    }

    /// A request for these texts.
    pub fn request(&self) -> Result<AttributionRequest, Failure> {
        Ok(AttributionRequest {
            input_texts: input_texts(&self.input_texts)?,
            chats: self.chat_file.as_deref().map(chats).transpose()?.unwrap_or_default(),
            chat: self.chat,
            generated_texts: self.generated_texts.clone(),
            generate_from_target_prefix: self.generate_from_target_prefix,
            truncate: self.truncate,
            generation_args: self.generation_kwargs.clone(),
            ..AttributionRequest::default()
        })
    }
}

/// The texts given, with the lines of standard input in the place of `-`.
fn input_texts(given: &[String]) -> Result<Vec<String>, Failure> {
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

/// The chats of a file.
fn chats(path: &Path) -> Result<Vec<Chat>, Failure> {
    Chat::read_all(&input::text(path)?).map_err(|error| Failure::Argument(format!("{}: {error}", input::name(path))))
}
