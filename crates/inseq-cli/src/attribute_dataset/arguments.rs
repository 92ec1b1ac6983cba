//! The flags of `inseq attribute-dataset`.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Args, ValueEnum};
use inseq_datasets::{Columns, Dataset, Shard, Source};
use inseq_methods::AttributionRequest;

use crate::aggregation::Aggregation;
use crate::attribute::CallArguments;
use crate::failure::Failure;
use crate::json_object::{Object, object};
use crate::output::Destination;
use crate::picture::Pictures;
use crate::result_file::is_folder;
use crate::texts::ReadingArguments;
use crate::warnings::warn;

/// Rows of a part of a folder of results, unless a number is given.
pub const PART_ROWS: u64 = 256;

const EXAMPLES: &str = "\
Flags of Python inseq work unchanged. A run that was stopped goes on with the same command.

Examples:
  Attribute a JSON Lines file into a folder of Parquet files:
      inseq attribute-dataset -d corpus.jsonl -in text -o results/
  Attribute given outputs of the first 20 rows of a CSV file, into a file that Python inseq loads:
      inseq attribute-dataset -d csv --files corpus.csv --split \"train[:20]\" \\
          -in source -gen target -o result.json
  Estimate time, memory and size of the results:
      inseq attribute-dataset -d corpus.parquet -in text -o results/ --dry-run
  Attribute the French texts of a bucket, with the results in another one:
      inseq attribute-dataset -d s3://corpora/news/ -in text --where \"lang = 'fr'\" \\
          -o s3://results/news/
  Share the work: start this command any number of times, or give each process its shard:
      inseq attribute-dataset -d corpus.parquet -in text -o results/ --shard 0/8";

/// `inseq attribute-dataset`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AttributeDatasetArguments {
    /// Dataset.
    #[command(flatten)]
    pub dataset: DatasetArguments,
    /// How texts are read and generated.
    #[command(flatten)]
    pub reading: ReadingArguments,
    /// Model, attribution, and output.
    #[command(flatten)]
    pub call: CallArguments,
    /// Run.
    #[command(flatten)]
    pub run: RunArguments,
}

/// Which rows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Dataset")]
pub struct DatasetArguments {
    /// A file, a folder, a dataset of the hub, or the format of --dataset-files: json, csv, parquet, arrow or text.
    #[arg(short, long, visible_alias = "dataset", value_name = "NAME")]
    pub dataset_name: String,
    /// Column of the input texts, or an SQL expression such as "concat(title, ' ', body)". Also -in.
    #[arg(long, visible_alias = "input", value_name = "COLUMN")]
    pub input_text_field: String,
    /// Column of the outputs to attribute. Without it, the model generates the outputs. Also -gen.
    #[arg(long, visible_alias = "generated", value_name = "COLUMN")]
    pub generated_text_field: Option<String>,
    /// Column of the ids of rows, which the results keep. Without it, the id of a row is its number.
    #[arg(long, value_name = "COLUMN")]
    pub id_field: Option<String>,
    /// Columns of texts for arguments of step functions, such as contrast_targets=wrong_translation.
    #[arg(long, num_args = 1.., value_parser = argument_field, value_name = "ARGUMENT=COLUMN")]
    pub argument_fields: Vec<(String, String)>,
    /// Configuration of the dataset.
    #[arg(long, visible_alias = "config", value_name = "NAME")]
    pub dataset_config: Option<String>,
    /// Folder of the data files.
    #[arg(long, visible_alias = "dir", value_name = "FOLDER")]
    pub dataset_dir: Option<String>,
    /// Data files: paths, or patterns with `*`.
    #[arg(long, visible_alias = "files", num_args = 1.., value_name = "FILE")]
    pub dataset_files: Vec<String>,
    /// Split, or slices of splits such as train[:20], train[10%:20%] or validation+test.
    #[arg(long, visible_alias = "split", default_value = "train", value_name = "SPLIT")]
    pub dataset_split: String,
    /// Rows of the split to attribute, as an SQL expression such as "lang = 'fr' and length(text) < 2000". Needs the feature `sql`.
    #[arg(long = "where", value_name = "EXPRESSION")]
    pub filter: Option<String>,
    /// Branch, tag or commit of a dataset of the hub.
    #[arg(long, visible_alias = "revision", value_name = "REVISION")]
    pub dataset_revision: Option<String>,
    /// Access token of the hub.
    #[arg(long, visible_alias = "auth", value_name = "TOKEN")]
    pub dataset_auth_token: Option<String>,
    /// Other arguments of the dataset, as a JSON object such as {"delimiter": ";"}.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub dataset_kwargs: Object,
}

impl DatasetArguments {
    /// Refuses two columns for one argument.
    fn check(&self) -> Result<(), Failure> {
        let mut columns: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, column) in &self.argument_fields {
            if let Some(other) = columns.insert(name, column) {
                return Err(Failure::Argument(format!(
                    "--argument-fields names `{name}` twice, with the columns `{other}` and `{column}`; leave one of them out"
                )));
            }
        }
        Ok(())
    }
}

/// How rows become results.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct RunArguments {
    /// Do one shard of the work: its number, from 0, and the number of shards, such as 0/8. Without it, processes on the same folder
    /// share all work. In a Slurm array, the shard of the task is the default.
    #[arg(long, value_name = "I/N", conflicts_with = "shards")]
    pub shard: Option<Shard>,
    /// Number of shards, where the number of this one is in SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX.
    #[arg(long, value_name = "N")]
    pub shards: Option<u64>,
    /// Number of rows in each part of the results. A stopped run repeats at most the parts that it worked on. [default: 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    pub part_rows: Option<u64>,
    /// Keep the scores before aggregation, in files beside the tables.
    #[arg(long)]
    pub raw: bool,
    /// Stop at the first row that cannot be attributed, with exit code 1. Without this flag, the results hold the error of the row.
    #[arg(long)]
    pub strict: bool,
    /// Attribute parts of the results again that have rows with an error.
    #[arg(long)]
    pub retry_errors: bool,
    /// Number of rows to show, in the file of --viz-path and on standard output.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub viz_rows: usize,
    /// How progress is shown on standard error. [default: a bar on a terminal, and nothing elsewhere]
    #[arg(long, value_enum, value_name = "HOW")]
    pub progress: Option<ProgressStyle>,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressStyle {
    /// A bar, where standard error is a terminal.
    Bar,
    /// One JSON object per line, every second.
    Json,
    /// Nothing.
    None,
}

/// Where results go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A folder of parts.
    Folder(&'a Path),
    /// A file, or standard output.
    OneResult,
}

impl AttributeDatasetArguments {
    /// Where results go. A name that ends in a separator or has no ending of a file is a folder.
    pub fn place(&self) -> Place<'_> {
        match &self.call.save_path {
            Some(Destination::File(path)) if is_folder(path) => Place::Folder(path),
            _ => Place::OneResult,
        }
    }

    /// Says before the work what does not go together.
    ///
    /// # Errors
    /// Two flags contradict each other, one has nothing to act on, or a picture cannot be drawn as asked.
    pub fn check(&self) -> Result<(), Failure> {
        self.call.check(std::iter::empty())?;
        self.dataset.check()?;
        let (call, run) = (&self.call, &self.run);
        let is_aggregated = !call.picture.aggregation.attribution_aggregators.is_empty()
            || call.picture.weighting.weight_attributions.is_some()
            || call.aggregate_output;
        let (flags, why) = match self.place() {
            // What a folder would take is estimated, too.
            Place::OneResult if call.dry_run => (Vec::new(), ""),
            Place::OneResult => (
                vec![
                    ("--shard", run.shard.is_some()),
                    ("--shards", run.shards.is_some()),
                    ("--part-rows", run.part_rows.is_some()),
                    ("--raw", run.raw),
                    ("--retry-errors", run.retry_errors),
                    ("--progress json", run.progress == Some(ProgressStyle::Json)),
                ],
                "is for a folder of results; name one with -o, such as -o results/",
            ),
            Place::Folder(_) if run.raw && is_aggregated => {
                return Err(Failure::Argument(
                    "--raw keeps the scores as the method gives them, so it does not go with --attribution-aggregators, \
                     --weight-attributions and --aggregate-output; leave one of them out"
                        .into(),
                ));
            }
            Place::Folder(_) => (
                vec![
                    ("--save-format", call.save.save_format.is_some()),
                    ("--scores-precision", call.save.scores_precision != Default::default()),
                    ("--split-sequences", call.save.split_sequences),
                    ("--output-step-attributions", call.output_step_attributions),
                ],
                "is for one file, and the results go to a folder; name a file such as -o result.json",
            ),
        };
        if let Some((flag, _)) = flags.iter().find(|(_, is_given)| *is_given) {
            return Err(Failure::Argument(format!("{flag} {why}")));
        }
        if let Place::Folder(_) = self.place() {
            Pictures::of(&call.picture, &Aggregation::default(), None)?;
        }
        Ok(())
    }

    /// The dataset as it is asked for.
    fn source(&self) -> Source {
        let dataset = &self.dataset;
        let mut source = Source::new(&dataset.dataset_name)
            .files(&dataset.dataset_files)
            .split(&dataset.dataset_split)
            .kwargs(dataset.dataset_kwargs.clone());
        source.config.clone_from(&dataset.dataset_config);
        source.dir.clone_from(&dataset.dataset_dir);
        source.filter.clone_from(&dataset.filter);
        source.revision.clone_from(&dataset.dataset_revision);
        source.token.clone_from(&dataset.dataset_auth_token);
        source
    }

    /// Opens the dataset, and warns of options that have no effect on it.
    pub fn open(&self) -> Result<Dataset, Failure> {
        let dataset = Dataset::open(&self.source(), &self.columns())?;
        dataset.warnings().iter().for_each(|warning| warn(warning));
        Ok(dataset)
    }

    /// The columns to read.
    fn columns(&self) -> Columns {
        let mut columns = Columns::new(&self.dataset.input_text_field);
        columns.generated.clone_from(&self.dataset.generated_text_field);
        columns.id.clone_from(&self.dataset.id_field);
        columns.arguments = self.dataset.argument_fields.iter().cloned().collect();
        columns
    }

    /// The request of every row, without texts.
    pub fn request(&self) -> Result<AttributionRequest, Failure> {
        // The reference reads empty inputs, too.
        let mut request = self.reading.request().empty_inputs(true);
        request.generated_texts = self.dataset.generated_text_field.as_ref().map(|_| Vec::new());
        self.call.complete(request)
    }
}

/// An argument and its column.
fn argument_field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, column)) if !name.is_empty() && !column.is_empty() => {
            Ok((name.replace('-', "_"), column.to_owned()))
        }
        _ => {
            Err("expected the name of an argument and a column, such as contrast_targets=wrong_translation".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_the_ending_of_a_file_is_a_folder() {
        for (name, expected) in [
            ("results/", true),
            ("results", true),
            ("a.json/", true),
            ("v1.2", true),
            ("a.json", false),
            ("a.json.gz", false),
            ("a.parquet", false),
            ("a.html", false),
            ("src", true),
        ] {
            assert_eq!(is_folder(Path::new(name)), expected, "{name}");
        }
    }
}
