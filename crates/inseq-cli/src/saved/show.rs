//! `inseq show`: a saved result as a picture.

use std::borrow::Cow;

use clap::Args;

use super::InputArguments;
use crate::failure::Failure;
use crate::input;
use crate::picture::{PictureArguments, Pictures};
use crate::prepared::Prepared;

const EXAMPLES: &str = "\
Examples:
  inseq show why.json.gz
  inseq show why.json --viz-path why.html --attribution-aggregators vnorm subwords \\
      --normalize-attributions
  One step of one text of a large file:
      inseq show large.safetensors --sequences 3 --steps 0:1";

/// `inseq show`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArguments {
    /// What is shown.
    #[command(flatten)]
    pub input: InputArguments,
    /// How to draw it.
    #[command(flatten)]
    pub picture: PictureArguments,
}

/// Runs the command.
pub fn run(arguments: &ShowArguments) -> Result<(), Failure> {
    input::check_one_standard(arguments.picture.inputs().chain([arguments.input.file.as_path()]))?;
    let aggregation = arguments.picture.aggregation()?;
    let pictures = Pictures::of(&arguments.picture, &aggregation, None)?;
    let result = Prepared::new(Cow::Owned(arguments.input.load()?), &aggregation);
    pictures.draw(&result, true)
}
