//! `inseq convert`: a saved result in another format or precision.

use std::path::PathBuf;

use clap::Args;

use super::{InputArguments, SaveArguments};
use crate::failure::Failure;
use crate::output;

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
    pub to: PathBuf,
    /// How it is saved.
    #[command(flatten)]
    pub save: SaveArguments,
}

/// Runs the command.
pub fn run(arguments: &ConvertArguments) -> Result<(), Failure> {
    output::check_result(Some(&arguments.to))?;
    arguments.save.save(&arguments.input.load()?, &arguments.to)
}
