//! `inseq diff`: what changed from one saved result to another.

use std::path::PathBuf;

use clap::Args;

use crate::aggregation::Aggregation;
use crate::arguments::PictureArguments;
use crate::failure::Failure;
use crate::output::Destination;
use crate::picture::Pictures;
use crate::result_file::{ResultFile, SaveArguments, check_one_standard, load};

const EXAMPLES: &str = "\
Both results are aggregated, then the first is subtracted from the second. They need as many tokens each; where tokens differ,
both are shown.

Example:
  inseq attribute -i \"The tired nurse said that he was late.\" -o he.json --hide
  inseq attribute -i \"The tired nurse said that she was late.\" -o she.json --hide
  inseq diff he.json she.json";

/// `inseq diff`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DiffArguments {
    /// The first file; `-` for standard input.
    pub from: PathBuf,
    /// The second file; `-` for standard input.
    pub to: PathBuf,
    /// Save the difference, in the format that the end of the name asks for; `-` for standard output, as JSON, instead of the
    /// map.
    #[arg(short = 'o', long, value_name = "PATH", help_heading = "Output")]
    pub save_path: Option<Destination>,
    /// How it is saved.
    #[command(flatten)]
    pub save: SaveArguments,
    /// How to draw it.
    #[command(flatten)]
    pub picture: PictureArguments,
}

/// Runs the command.
pub fn run(arguments: &DiffArguments) -> Result<(), Failure> {
    let file = ResultFile::of_optional(arguments.save_path.as_ref(), &arguments.save)?;
    let pictures = Pictures::of(&arguments.picture, arguments.save_path.as_ref())?;
    check_one_standard([arguments.from.as_path(), &arguments.to])?;
    let aggregation = Aggregation::of(&arguments.picture.aggregation)?;
    let from = aggregation.apply(&load(&arguments.from)?)?;
    let to = aggregation.apply(&load(&arguments.to)?)?;
    let difference = from.pair(&to)?;
    // It is aggregated already.
    let aggregation = Aggregation::default();
    pictures.save(&difference, &aggregation)?;
    if let Some(file) = &file {
        file.save(&difference)?;
    }
    pictures.print(&difference, &aggregation)
}
