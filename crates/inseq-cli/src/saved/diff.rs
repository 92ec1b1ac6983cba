//! `inseq diff`: what changed from one saved result to another.

use std::borrow::Cow;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::aggregation::Aggregation;
use crate::failure::Failure;
use crate::input;
use crate::output::Destination;
use crate::picture::{PictureArguments, Pictures};
use crate::prepared::Prepared;
use crate::result_file::{ResultFile, SaveArguments, load, warn_of_differences};

const EXAMPLES: &str = "\
The command aggregates both results and subtracts the first from the second. Their texts must have the same numbers \
of tokens. Tokens that differ are shown together. Step scores that only one result has are left out.

Example:
  inseq attribute -i \"The tired nurse said that he was late.\" -o he.json --hide
  inseq attribute -i \"The tired nurse said that she was late.\" -o she.json --hide
  inseq diff he.json she.json";

/// `inseq diff`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DiffArguments {
    /// First saved result. `-` reads JSON from standard input.
    pub from: PathBuf,
    /// Second saved result. `-` reads JSON from standard input.
    pub to: PathBuf,
    /// Save the difference. The extension chooses the format. `-` writes JSON to standard output instead of the map.
    #[arg(short = 'o', long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
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
    input::check_one_standard(arguments.picture.inputs().chain([arguments.from.as_path(), &arguments.to]))?;
    let file = ResultFile::of_optional(arguments.save_path.as_ref(), &arguments.save)?;
    let aggregation = arguments.picture.aggregation()?;
    // The difference is aggregated already.
    let none = Aggregation::default();
    let title = format!("{} minus {}", input::name(&arguments.to), input::name(&arguments.from));
    let pictures = Pictures::of(&arguments.picture, &none, arguments.save_path.as_ref())?.titled(title);
    let from = aggregation.apply(&load(&arguments.from)?)?;
    let to = aggregation.apply(&load(&arguments.to)?)?;
    let difference = from.pair(&to).map_err(|error| {
        let names = [&arguments.from, &arguments.to].map(|file| input::name(file));
        Failure::Argument(format!("{} and {}: {error}", names[0], names[1]))
    })?;
    warn_of_differences(&from, &to);
    let prepared = Prepared::new(Cow::Borrowed(&difference), &none);
    if let Some(file) = &file {
        file.save(&difference)?;
    }
    pictures.draw(&prepared, true)
}
