//! `inseq aggregate`: a saved result with one score per token, or with what aggregators make of it.

use clap::{Args, ValueHint};

use super::InputArguments;
use crate::aggregation::{Aggregation, AggregationArguments, WeightingArguments};
use crate::failure::Failure;
use crate::output::Destination;
use crate::result_file::{ResultFile, SaveArguments};

const EXAMPLES: &str = "\
Examples:
  One score per token, by the default aggregation:
      inseq aggregate why.json -o small.json
  The norm over features, merged to whole words, as a table:
      inseq aggregate why.json -o words.parquet --attribution-aggregators vnorm subwords
  The largest of 8 heads, averaged over layers 4 and 5:
      inseq aggregate attention.json -o a.json --attribution-aggregators max mean \\
          --attribution-selectors 0:8 4:6
  One score per sentence:
      inseq aggregate why.json -o a.json --attribution-aggregators vnorm split --aggregator-kwargs \\
          '{\"split_pattern\": \"[.!?]\", \"split_mode\": \"end\"}'";

/// `inseq aggregate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AggregateArguments {
    /// Input.
    #[command(flatten)]
    pub input: InputArguments,
    /// Output file: .json, .json.gz, .safetensors, .csv, .parquet or .arrow. `-` writes JSON to standard output.
    #[arg(short = 'o', long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub save_path: Destination,
    /// How it is saved.
    #[command(flatten)]
    pub save: SaveArguments,
    /// How it is aggregated.
    #[command(flatten)]
    pub aggregation: AggregationArguments,
    /// How steps are weighted.
    #[command(flatten)]
    pub weighting: WeightingArguments,
}

/// Runs the command.
pub fn run(arguments: &AggregateArguments) -> Result<(), Failure> {
    let file = ResultFile::of(&arguments.save_path, &arguments.save)?;
    let aggregation = Aggregation::of(&arguments.aggregation)?.weighted(&arguments.weighting);
    file.save(&aggregation.apply(&arguments.input.load()?)?)
}
