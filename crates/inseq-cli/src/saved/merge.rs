//! `inseq merge`: the sequences of several saved results in one.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use inseq_core::AttributionResult;
use inseq_datasets::Results;

use crate::failure::Failure;
use crate::input;
use crate::output::Destination;
use crate::result_file::{ResultFile, SaveArguments, is_folder, load};
use crate::warnings::warn;

const EXAMPLES: &str = "\
The results must come from the same model and method. Folders of results of the same run, each with some of its parts, go to one folder if \
the output is a folder.

Examples:
  inseq merge part_*.json -o all.json.gz
  inseq merge cluster_a/ cluster_b/ -o all/";

/// `inseq merge`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MergeArguments {
    /// Saved results or folders of results, in the order of their sequences. `-` reads JSON from standard input.
    #[arg(required = true, num_args = 1.., value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Output file or, for folders of results, folder. The extension chooses the format. `-` writes JSON to standard output.
    #[arg(short = 'o', long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub save_path: Destination,
    /// How it is saved.
    #[command(flatten)]
    pub save: SaveArguments,
}

/// Runs the command.
pub fn run(arguments: &MergeArguments) -> Result<(), Failure> {
    match &arguments.save_path {
        Destination::File(path) if is_folder(path) && arguments.files.iter().all(|file| Results::is_at(file)) => {
            arguments
                .save
                .check_unused("is for one file, and the results go to a folder; name a file such as -o all.json")?;
            let sources = arguments.files.iter().map(|folder| Results::open(folder)).collect::<Result<Vec<_>, _>>()?;
            let merged = Results::merge(&sources, path)?;
            merged.gaps()?.iter().for_each(|gap| warn(gap));
            return Ok(());
        }
        _ => {}
    }
    let file = ResultFile::of(&arguments.save_path, &arguments.save)?;
    input::check_one_standard(arguments.files.iter().map(PathBuf::as_path))?;
    let results = arguments.files.iter().map(|file| load(file)).collect::<Result<Vec<_>, _>>()?;
    file.save(&AttributionResult::merge(results)?)
}
