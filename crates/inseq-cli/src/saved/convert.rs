//! `inseq convert`: a saved result in another format or precision.

use clap::{Args, ValueHint};

use super::InputArguments;
use crate::failure::Failure;
use crate::output::Destination;
use crate::result_file::{ResultFile, SaveArguments};

const EXAMPLES: &str = "\
The extensions choose the formats: .json and .json.gz, which Python inseq loads; .safetensors, from which single \
sequences can be read; and the tables .csv, .parquet and .arrow, with one row of aggregated scores per step and input token.

Examples:
  inseq convert why.json why.safetensors --scores-precision float16
  inseq convert why.safetensors why.json.gz --sequences 0 2
  inseq convert why.json why.parquet
  duckdb -c \"select input_token, avg(score) from 'why.parquet' group by 1\"";

/// `inseq convert`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConvertArguments {
    /// Input.
    #[command(flatten)]
    pub input: InputArguments,
    /// Output file. `-` writes JSON to standard output.
    #[arg(value_name = "OUTPUT", value_hint = ValueHint::FilePath)]
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
