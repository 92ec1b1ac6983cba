//! `inseq show`: a saved result as a picture.

use clap::Args;

use super::InputArguments;
use crate::aggregation::Aggregation;
use crate::arguments::PictureArguments;
use crate::failure::Failure;
use crate::picture::Pictures;
use crate::result_file::check_one_standard;

const EXAMPLES: &str = "\
Examples:
  inseq show why.json.gz
  inseq show why.json --viz-path why.html --attribution-aggregators vnorm subwords
  One step of one text out of a large file:
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
    let against = arguments.picture.view.against.as_deref();
    check_one_standard(against.into_iter().chain([arguments.input.file.as_path()]))?;
    let pictures = Pictures::of(&arguments.picture, None)?;
    let aggregation = Aggregation::of(&arguments.picture.aggregation)?;
    let result = arguments.input.load()?;
    pictures.save(&result, &aggregation)?;
    pictures.print(&result, &aggregation)
}
