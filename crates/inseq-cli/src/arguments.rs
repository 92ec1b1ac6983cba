//! The command line's grammar.

use std::ffi::OsString;

use bytesize::ByteSize;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use inseq_core::mismatch;
use inseq_viz::terminal::ColorSupport;
use serde_json::{Map, Value};

use crate::aggregation::AggregationArguments;
use crate::output::Destination;
use crate::picture;
use crate::reference_flags;
use crate::result_file::SaveArguments;
use crate::saved::aggregate::AggregateArguments;
use crate::saved::convert::ConvertArguments;
use crate::saved::diff::DiffArguments;
use crate::saved::info::InfoArguments;
use crate::saved::merge::MergeArguments;
use crate::saved::show::ShowArguments;
use crate::view::ViewArguments;

/// Says which words of the input made a model write each word of its output.
#[derive(Debug, Parser)]
#[command(name = "inseq", version, infer_subcommands = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// Reads a command line, the name of the program first.
    ///
    /// # Errors
    /// When it does not fit the grammar, or asks for help.
    pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let grammar = grammar();
        let line = reference_flags::translate(line, &grammar);
        Self::from_arg_matches(&grammar.try_get_matches_from(line)?)
    }
}

/// The grammar of the command line.
pub fn grammar() -> clap::Command {
    reference_flags::with_truth_values(Arguments::command())
}

const EXAMPLES: &str = "\
Examples:
  inseq attribute -i \"The tired nurse said that she was late.\"
  inseq attribute -m Helsinki-NLP/opus-mt-en-fr -i \"Hello world\" --viz-path hello.html
  inseq attribute -i \"Hello world\" -o why.json --hide && inseq convert why.json why.parquet
  inseq list methods
  inseq explain integrated_gradients";

const ATTRIBUTE_EXAMPLES: &str = "\
Flags may be written as in Python inseq: with underscores (--save_path), by a unique beginning (--attribution_m), with a truth
value (--hide no), and by their short forms -fn (--attributed-fn), -bs (--batch-size), -vv (--very-verbose).

Examples:
  Why did the demo model write each word?
      inseq attribute -i \"The tired nurse said that she was late.\"
  A model of the hub, or a folder, with another method and scores beside the map:
      inseq attribute -m Helsinki-NLP/opus-mt-en-fr -a integrated_gradients --attribution-kwargs '{\"n_steps\": 100}' \\
          --step-scores probability entropy -i \"Hello world\"
  A translation of your own, and what its beginning adds:
      inseq attribute -i \"She was late.\" -g \"Elle était en retard.\" --attribute-target
  A page for the browser, and a file that Python inseq loads:
      inseq attribute -i \"Hello\" --viz-path hello.html --save-path hello.json.gz --hide
  Many texts, one a line, into another program:
      inseq attribute -i - --save-path - < texts.txt | jq .";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Attribute each generated word to the words of the input.
    Attribute(Box<AttributeArguments>),
    /// Attribute by several methods, and show them side by side with the correlations of their ranks.
    Compare(Box<CompareArguments>),
    /// List methods, models, step functions, aggregators or devices.
    List {
        /// What to list.
        what: Listing,
    },
    /// Explain a method, a step function or an aggregator: what it does, what it costs, its paper.
    Explain {
        /// Its name, as `inseq list` gives it.
        name: String,
    },
    /// Show a saved result.
    Show(ShowArguments),
    /// Aggregate a saved result.
    Aggregate(AggregateArguments),
    /// Save a result in another format or precision.
    Convert(ConvertArguments),
    /// Show what changed from one saved result to another.
    Diff(DiffArguments),
    /// Put the sequences of several saved results into one.
    Merge(MergeArguments),
    /// Say what saved results hold.
    Info(InfoArguments),
    /// Print the completions of a shell.
    #[command(after_help = "Example:\n  inseq completions bash > ~/.local/share/bash-completion/completions/inseq")]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// What can be listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Listing {
    /// Attribution methods.
    Methods,
    /// Model types that can be loaded.
    Models,
    /// Functions of a step's output that can be attributed, or put beside the map.
    #[value(alias = "step_functions")]
    StepFunctions,
    /// Aggregators of scores and tokens, and the functions that they use.
    Aggregators,
    /// Devices of this build.
    Devices,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always, as for `less -R`.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// What standard output gets, where `detected` is what it seems to show.
    pub fn of(self, detected: ColorSupport) -> ColorSupport {
        match (self, ColorSupport::detect(true)) {
            (Color::Auto, _) => detected,
            (Color::Never, _) => ColorSupport::None,
            (Color::Always, ColorSupport::None) => ColorSupport::TrueColor,
            (Color::Always, support) => support,
        }
    }
}

/// The type that a model computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, IEEE.
    F16,
    /// 16 bits, with the exponent of 32.
    Bf16,
}

/// How pictures of results are drawn and where they go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct PictureArguments {
    /// Save a picture: a page for the browser with every view (.html), or the view for a paper (.svg, .png, .tex); `-` for
    /// standard output, as a page, instead of the map.
    #[arg(long, value_name = "PATH")]
    pub viz_path: Option<Destination>,
    /// The format of a picture on standard output: html, svg or tex. The end of its name says that of a file.
    #[arg(long, value_name = "FORMAT")]
    pub viz_format: Option<picture::Format>,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// What is shown.
    #[command(flatten)]
    pub view: ViewArguments,
    /// What is drawn.
    #[command(flatten)]
    pub aggregation: AggregationArguments,
}

/// `inseq attribute`.
#[derive(Debug, Args)]
#[command(after_help = ATTRIBUTE_EXAMPLES)]
pub struct AttributeArguments {
    /// Input texts; `-` for standard input, one text a line.
    #[arg(short, long, required = true, num_args = 1.., value_name = "TEXT", help_heading = "Texts")]
    pub input_texts: Vec<String>,
    /// Outputs to explain, one for each input, instead of generating them.
    #[arg(short, long, num_args = 1.., value_name = "TEXT", help_heading = "Texts")]
    pub generated_texts: Option<Vec<String>>,
    /// Take the generated texts as beginnings that the model goes on from.
    #[arg(long, help_heading = "Texts")]
    pub generate_from_target_prefix: bool,
    /// Cut texts that the model has no positions for, with a warning, rather than refuse them.
    #[arg(long, help_heading = "Texts")]
    pub truncate: bool,
    /// Take each input as what a user says to a chat model, in the words of the model's chat template.
    #[arg(long, help_heading = "Texts")]
    pub chat: bool,

    /// A model folder, or a model of the hub: org/name or org/name@revision. Without it, the small English to French model
    /// that is part of the program.
    #[arg(short, long, value_name = "MODEL", help_heading = "Model")]
    pub model_name_or_path: Option<String>,
    /// The language of the input texts, as the model spells it (en_XX, eng_Latn, en), for models that translate between many.
    #[arg(long, value_name = "CODE", help_heading = "Model")]
    pub src_lang: Option<String>,
    /// The language to translate into.
    #[arg(long, value_name = "CODE", help_heading = "Model")]
    pub tgt_lang: Option<String>,
    /// Where to compute: cpu, or one of `inseq list devices`.
    #[arg(long, alias = "dev", default_value = "auto", value_name = "DEVICE", help_heading = "Model")]
    pub device: String,
    /// The type to compute in.
    #[arg(long, value_enum, value_name = "TYPE", help_heading = "Model")]
    pub dtype: Option<Precision>,
    /// Memory that the tensors of the attribution may take, such as 2GB or 512MiB. [default: 1GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Model")]
    pub memory_budget: Option<ByteSize>,
    /// Texts that go through the model at once. Without it, as many as the memory budget allows.
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub batch_size: Option<usize>,
    /// Arguments of the model's loading, as a JSON object: dtype, revision, local_files_only.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true,
          help_heading = "Model")]
    pub model_kwargs: Object,
    /// Arguments of the tokenizer, as a JSON object: src_lang, tgt_lang.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true,
          help_heading = "Model")]
    pub tokenizer_kwargs: Object,
    /// Arguments of the generation, as a JSON object, by the names of generation_config.json.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true,
          help_heading = "Model")]
    pub generation_kwargs: Object,

    /// The attribution method: one of `inseq list methods`.
    #[arg(short, long, default_value = "saliency", value_name = "METHOD", help_heading = "Attribution")]
    pub attribution_method: String,
    /// Arguments of the method, the attributed function and the step scores, as a JSON object.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true,
          help_heading = "Attribution")]
    pub attribution_kwargs: Object,
    /// What is attributed: one of `inseq list step-functions`, or an expression such as "logit(target) - logit('▁elle')".
    /// [default: probability]
    #[arg(long, value_name = "FUNCTION", help_heading = "Attribution")]
    pub attributed_fn: Option<String>,
    /// Attribute the part of the output that is already written as well.
    #[arg(long, help_heading = "Attribution")]
    pub attribute_target: bool,
    /// Attribute to groups of tokens rather than to each: words, sentences, or a JSON file of spans such as
    /// {"source": [[0, 2], [2, 5]], "target": [[1, 3]]}, or a list of such objects, one for each text.
    #[arg(long, value_name = "GROUPS", help_heading = "Attribution")]
    pub feature_groups: Option<String>,
    /// Scores of each step to put below the map: of `inseq list step-functions`, or expressions.
    #[arg(long, num_args = 1.., value_name = "FUNCTION", help_heading = "Attribution")]
    pub step_scores: Vec<String>,
    /// First output position to attribute. Positions count from 0: the decoder's start, or the first token of a decoder-only
    /// model's prompt. Negative counts from the end (encoder-decoder models). Of a decoder-only model, a start before the end of
    /// the prompt, also a negative one, becomes the end of the prompt. Texts that do not reach so far stay without scores.
    #[arg(short, long, value_name = "N", allow_negative_numbers = true, help_heading = "Attribution")]
    pub start_pos: Option<i64>,
    /// Output position to stop before; negative counts from the end.
    #[arg(short, long, value_name = "N", allow_negative_numbers = true, help_heading = "Attribution")]
    pub end_pos: Option<i64>,
    /// Replace the end-of-sequence token in baselines too.
    #[arg(long, alias = "eos", help_heading = "Attribution")]
    pub include_eos_baseline: bool,
    /// Keep the raw output of each step in what is saved.
    #[arg(long, help_heading = "Attribution")]
    pub output_step_attributions: bool,

    /// Only say what it would take: forwards, pullbacks, memory and time of each text.
    #[arg(long, help_heading = "Attribution")]
    pub dry_run: bool,

    /// Save the result: as .json or .json.gz that Python inseq loads, .safetensors, or a table of aggregated scores (.csv,
    /// .parquet, .arrow); `-` for standard output, as JSON, instead of the map.
    #[arg(short = 'o', long, value_name = "PATH", help_heading = "Output")]
    pub save_path: Option<Destination>,
    /// How it is saved.
    #[command(flatten)]
    pub save: SaveArguments,
    /// Save one score per token, by the method's default aggregation.
    #[arg(long, help_heading = "Output")]
    pub aggregate_output: bool,
    /// Do not print the map.
    #[arg(long, visible_alias = "hide", help_heading = "Output")]
    pub hide_attributions: bool,
    /// How to draw it.
    #[command(flatten)]
    pub picture: PictureArguments,
    /// Say on standard error what is done.
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,
    /// As --verbose, with times and sizes.
    #[arg(long, help_heading = "Output")]
    pub very_verbose: bool,
}

/// `inseq compare`.
#[derive(Debug, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub struct CompareArguments {
    /// Methods to compare, of `inseq list methods`.
    #[arg(long, num_args = 1.., value_name = "METHOD", help_heading = "Attribution",
          default_values = ["saliency", "input_x_gradient", "integrated_gradients", "attention", "occlusion"])]
    pub methods: Vec<String>,
    /// What is attributed, and how; the attribution method is left out, and arguments go to the methods that know them.
    #[command(flatten)]
    pub attribute: AttributeArguments,
}

const COMPARE_EXAMPLES: &str = "\
Example:
  Do gradients and occlusion agree on what made the demo model write each word?
      inseq compare -i \"The tired nurse said that she was late.\" --methods saliency integrated_gradients occlusion";

/// A JSON object of arguments.
pub type Object = Map<String, Value>;

/// Reads a JSON object.
pub fn object(text: &str) -> Result<Object, String> {
    match mismatch::parse(text.as_bytes()) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(format!("expected a JSON object such as {{\"n_steps\": 100}}, found {other}")),
        Err(error) => Err(format!("expected a JSON object such as {{\"n_steps\": 100}}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(line: &[&str]) -> Result<AttributeArguments, clap::Error> {
        match Arguments::read(["inseq", "attribute"].iter().chain(line).map(OsString::from))?.command {
            Command::Attribute(arguments) => Ok(*arguments),
            other => panic!("not attribute: {other:?}"),
        }
    }

    #[test]
    fn the_grammar_is_sound() {
        grammar().debug_assert();
    }

    #[test]
    fn lists_follow_one_flag_and_booleans_may_have_a_value() {
        let line = [
            "-i",
            "a b",
            "c",
            "--attribute_target",
            "no",
            "--hide",
            "--eos",
            "True",
            "-fn",
            "logit",
            "-s",
            "-3",
            "-vv",
        ];
        let arguments = attribute(&line).unwrap();
        assert_eq!(arguments.input_texts, ["a b", "c"]);
        assert!(!arguments.attribute_target && arguments.hide_attributions && arguments.include_eos_baseline);
        assert!(arguments.very_verbose && !arguments.verbose);
        assert_eq!((arguments.attributed_fn.as_deref(), arguments.start_pos), (Some("logit"), Some(-3)));
    }

    #[test]
    fn arguments_are_json_objects_and_sizes_have_units() {
        let line = ["-i", "a", "--attribution_kwargs", r#"{"n_steps": 3}"#, "--memory-budget", "2GB", "--dev", "cpu"];
        let arguments = attribute(&line).unwrap();
        assert_eq!(arguments.attribution_kwargs["n_steps"], 3);
        assert_eq!(arguments.memory_budget, Some(ByteSize::gb(2)));
        assert_eq!(arguments.device, "cpu");
        assert!(attribute(&["-i", "a", "--model_kwargs", "[]"]).is_err());
        assert!(attribute(&["-m", "a"]).is_err(), "input texts are required");
    }

    #[test]
    fn every_flag_of_the_reference_is_known() {
        for flag in [
            "-m",
            "-a",
            "--attribution_method",
            "-i",
            "-g",
            "--dev",
            "--device",
            "-fn",
            "--attributed_fn",
            "--step_scores",
            "--generated_texts",
            "--model_name_or_path",
            "-o",
            "--save_path",
            "--viz_path",
            "--attribution_aggregators",
        ] {
            attribute(&["--input_texts", "x", flag, "name"]).unwrap_or_else(|error| panic!("{flag}: {error}"));
        }
        for flag in ["-s", "-e", "--start_pos", "--end_pos", "-bs", "--batch_size", "--attribution_selectors"] {
            attribute(&["-i", "x", flag, "2"]).unwrap_or_else(|error| panic!("{flag}: {error}"));
        }
        for flag in [
            "-v",
            "-vv",
            "--verbose",
            "--very_verbose",
            "--eos",
            "--include_eos_baseline",
            "--hide",
            "--hide_attributions",
            "--aggregate_output",
            "--attribute_target",
            "--generate_from_target_prefix",
            "--output_step_attributions",
            "--normalize_attributions",
            "--rescale_attributions",
        ] {
            attribute(&["-i", "x", flag]).unwrap_or_else(|error| panic!("{flag}: {error}"));
        }
        for flag in ["--model_kwargs", "--tokenizer_kwargs", "--generation_kwargs", "--attribution_kwargs"] {
            attribute(&["-i", "x", flag, "{}"]).unwrap_or_else(|error| panic!("{flag}: {error}"));
        }
    }
}
