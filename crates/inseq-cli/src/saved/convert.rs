//! `inseq convert`: a saved result in another format or precision.

use clap::Args;

use super::InputArguments;
use crate::failure::Failure;
use crate::output::Destination;
use crate::result_file::{ResultFile, SaveArguments};

const EXAMPLES: &str = "\
The formats are chosen by the ends of the names: .json and .json.gz, which Python inseq loads; .safetensors, which is opened
without reading it all; and the tables .csv, .parquet and .arrow, with a row for each step and input token and its aggregated
score.

Examples:
  inseq convert why.json why.safetensors --scores-precision float16
  inseq convert why.safetensors why.json.gz --sequences 0 2
  inseq convert why.json why.parquet && duckdb -c \"select input_token, avg(score) from 'why.parquet' group by 1\"";

/// `inseq convert`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConvertArguments {
    /// What is converted.
    #[command(flatten)]
    pub input: InputArguments,
    /// Where it goes; `-` for standard output, as JSON.
    #[arg(value_name = "OUTPUT")]
    pub to: Destination,
    /// How it is saved.
    #[command(flatten)]
    pub save: SaveArguments,
}

/// Runs the command.
pub fn run(arguments: &ConvertArguments) -> Result<(), Failure> {
    let file = ResultFile::of(&arguments.to, &arguments.save)?;
    file.save(&arguments.input.load()?)
}
