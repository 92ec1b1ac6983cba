//! `inseq merge`: the sequences of several saved results in one.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use inseq_core::AttributionResult;

use crate::failure::Failure;
use crate::input;
use crate::output::Destination;
use crate::result_file::{ResultFile, SaveArguments, load};

const EXAMPLES: &str = "\
The results must come from the same model and method.

Example:
  inseq merge part_*.json -o all.json.gz";

/// `inseq merge`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MergeArguments {
    /// Saved results, in the order of their sequences. `-` reads JSON from standard input.
    #[arg(required = true, num_args = 1.., value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Output file. The extension chooses the format. `-` writes JSON to standard output.
    #[arg(short = 'o', long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub save_path: Destination,
    /// How it is saved.
    #[command(flatten)]
    pub save: SaveArguments,
}

/// Runs the command.
pub fn run(arguments: &MergeArguments) -> Result<(), Failure> {
    let file = ResultFile::of(&arguments.save_path, &arguments.save)?;
    input::check_one_standard(arguments.files.iter().map(PathBuf::as_path))?;
    let results = arguments.files.iter().map(|file| load(file)).collect::<Result<Vec<_>, _>>()?;
    file.save(&AttributionResult::merge(results)?)
}
