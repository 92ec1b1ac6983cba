//! The flags of `inseq evaluate`, and the request that they make.

use std::ops::Range;
use std::path::Path;

use clap::{Args, ValueEnum, ValueHint};
use inseq_methods::evaluation::{EvaluationRequest, Removal};

use crate::completing::{METHODS, METRICS};
use crate::failure::Failure;
use crate::json_object::{Object, object};
use crate::model::ModelArguments;
use crate::output::Destination;
use crate::texts::input_texts;
use crate::verbosity::Verbosity;

const EXAMPLES: &str = "\
The command attributes the log-probability of each whole output with every method, removes tokens of the input in the order of the
scores, and prints the means of the metrics over the texts. The best method of a metric has a `*`, and those that are not
significantly worse (p of 0.05 or more) have a `+`. The anchors `leave_one_out` and `random` are always there.

Examples:
  Evaluate the default methods with the demo model:
      inseq evaluate -i \"The tired nurse said that she was late.\" \"The doors are white.\"
  Choose methods and metrics, with arguments of one method, and save all values:
      inseq evaluate -m ./model -i - --methods saliency integrated_gradients occlusion \\
          --method-kwargs '{\"integrated_gradients\": {\"n_steps\": 20}}' \\
          --metrics logprob_drop lds -o evaluation.json < texts.txt
  Which methods find the words that decide the output?
      inseq evaluate -i \"The tired nurse said that she was late.\" --metrics recovery --gold 10..15";

/// `inseq evaluate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EvaluateArguments {
    /// Input texts. `-` reads one text per line from standard input.
    #[arg(short, long, required = true, num_args = 1.., value_name = "TEXT", help_heading = "Texts")]
    pub input_texts: Vec<String>,
    /// Given outputs, one per input text. Without them the model generates the outputs.
    #[arg(short, long, num_args = 1.., value_name = "TEXT", help_heading = "Texts")]
    pub generated_texts: Option<Vec<String>>,
    /// Characters of each input text that decide the output, for the metric recovery: one list of ranges per text, such as 10..15 or
    /// 4..9,21..30.
    #[arg(long, num_args = 1.., value_name = "RANGES", value_parser = ranges, help_heading = "Texts")]
    pub gold: Option<Vec<Spans>>,
    /// Arguments of generation, as a JSON object such as {"num_beams": 4}, with the names of generation_config.json.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    #[arg(help_heading = "Texts")]
    pub generation_kwargs: Object,
    /// Model.
    #[command(flatten)]
    pub model: ModelArguments,

    /// Methods to evaluate; `inseq list methods` prints the names. [default: saliency input_x_gradient integrated_gradients attention
    /// value_zeroing]
    #[arg(short = 'a', long, num_args = 1.., value_name = "METHOD", help_heading = "Evaluation")]
    #[arg(value_parser = METHODS, hide_possible_values = true)]
    pub methods: Vec<String>,
    /// Arguments of methods, as a JSON object of objects, such as {"integrated_gradients": {"n_steps": 20}}.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    #[arg(help_heading = "Evaluation")]
    pub method_kwargs: Object,
    /// Metrics; `inseq list metrics` prints the names. [default: aopc logprob_drop morf lds]
    #[arg(long, num_args = 1.., value_name = "METRIC", help_heading = "Evaluation")]
    #[arg(value_parser = METRICS, hide_possible_values = true)]
    pub metrics: Vec<String>,
    /// How tokens are removed: baseline (replaced with the unknown token), zero (their embeddings are zero) or deletion.
    #[arg(long, default_value_t, value_name = "REMOVAL", help_heading = "Evaluation")]
    pub removal: Removal,
    /// Seed of random subsets, of the anchor random, and of the statistics.
    #[arg(long, default_value_t = 0, value_name = "NUMBER", help_heading = "Evaluation")]
    pub seed: u64,

    /// Save the values of all texts as JSON. `-` writes them to standard output instead of the table.
    #[arg(short = 'o', long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub save_path: Option<Destination>,
    /// Save the table as a page with curves (.html), or for a paper (.tex, with the package booktabs). `-` writes a page to standard
    /// output instead of the table.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub viz_path: Option<Destination>,
    /// Format of a picture on standard output (--viz-path -). [default: html]
    #[arg(long, value_enum, value_name = "FORMAT", requires = "viz_path", help_heading = "Output")]
    pub viz_format: Option<PageFormat>,
    /// Messages.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Formats of an evaluation for readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PageFormat {
    /// A page for the browser.
    Html,
    /// A table for a paper.
    Tex,
}

/// Ranges of characters of one text.
#[derive(Clone, Debug)]
pub struct Spans(Vec<Range<usize>>);

fn ranges(text: &str) -> Result<Spans, String> {
    let range = |range: &str| {
        let (start, end) = range.split_once("..")?;
        let (start, end) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
        (start < end).then_some(start..end)
    };
    let spans: Option<Vec<_>> = text.split(',').map(range).collect();
    spans.map(Spans).ok_or_else(|| format!("expected ranges such as 10..15 or 4..9,21..30, found `{text}`"))
}

impl EvaluateArguments {
    /// Paths and texts that may be standard input.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.input_texts.iter().map(Path::new)
    }

    /// The format of a picture.
    pub fn format_of(&self, place: &Destination) -> Result<PageFormat, Failure> {
        let named = |path: &Path| match path.extension().and_then(|end| end.to_str()) {
            Some(end) if end.eq_ignore_ascii_case("html") => Ok(PageFormat::Html),
            Some(end) if end.eq_ignore_ascii_case("tex") => Ok(PageFormat::Tex),
            _ => Err(Failure::Argument(format!("--viz-path {}: name a .html or a .tex", path.display()))),
        };
        place.format(named, ("--viz-format", self.viz_format), PageFormat::Html)
    }

    /// The request of these flags.
    pub fn request(&self) -> Result<EvaluationRequest, Failure> {
        let mut request = EvaluationRequest::new(input_texts(&self.input_texts)?)
            .method_args(self.method_kwargs.clone())
            .removal(self.removal)
            .seed(self.seed)
            .gold_spans(self.gold.as_ref().map(|gold| gold.iter().map(|spans| spans.0.clone()).collect::<Vec<_>>()))
            .generation_args(self.generation_kwargs.clone());
        request.generated_texts.clone_from(&self.generated_texts);
        if !self.methods.is_empty() {
            request.methods = self.methods.iter().map(Into::into).collect();
        }
        if !self.metrics.is_empty() {
            request.metrics.clone_from(&self.metrics);
        }
        Ok(request)
    }
}
