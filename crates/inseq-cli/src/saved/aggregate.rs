//! `inseq aggregate`: a saved result with one score per token, or with what aggregators make of it.

use clap::Args;

use super::InputArguments;
use crate::aggregation::{Aggregation, AggregationArguments, WeightingArguments};
use crate::failure::Failure;
use crate::output::Destination;
use crate::result_file::{ResultFile, SaveArguments};

const EXAMPLES: &str = "\
Examples:
  One score a token, by the default of what was saved:
      inseq aggregate why.json -o small.json
  The norm over features, of whole words; then into a table:
      inseq aggregate why.json -o words.parquet --attribution-aggregators vnorm subwords
  Of layers and heads, the largest head of the last two layers:
      inseq aggregate attention.json -o a.json --attribution-aggregators max mean --attribution-selectors 0:8 4:6
  By sentence:
      inseq aggregate why.json -o a.json --attribution-aggregators vnorm split --aggregator-kwargs \\
          '{\"split_pattern\": \"[.!?]\", \"split_mode\": \"end\"}'";

/// `inseq aggregate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AggregateArguments {
    /// What is aggregated.
    #[command(flatten)]
    pub input: InputArguments,
    /// Where the aggregated result goes: .json, .json.gz, .safetensors, .csv, .parquet or .arrow; `-` for standard output, as
    /// JSON.
    #[arg(short = 'o', long, value_name = "PATH", help_heading = "Output")]
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
