//! `inseq recommend`: the method to use with a model.

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Args, ValueHint};
use comfy_table::{Table, presets};
use inseq_core::Evaluation;
use inseq_methods::evaluation::{EvaluationRequest, Recommended, recommended};

use crate::completing::METHODS;
use crate::failure::Failure;
use crate::model::{ModelArguments, load};
use crate::output::{self, Destination};
use crate::progress::{Bar, watch_interrupts};
use crate::texts::input_texts;
use crate::verbosity::Verbosity;
use crate::warnings::Warnings;

const EXAMPLES: &str = "\
The command evaluates methods on a few texts, as `inseq evaluate` does, and orders them by the mean of their ranks over texts and
metrics (comprehensiveness, sufficiency, log-probability drops, areas under removal curves, LDS). The confidence is the share of
resamples of the texts in which a method comes first.

Examples:
  Recommend a method for the demo model:
      inseq recommend
  Recommend one for a model and texts of your own, in at most five minutes:
      inseq recommend -m ./model -i - --time-budget 300 < texts.txt";

/// Methods that are compared where none are named.
const CANDIDATES: [&str; 7] =
    ["saliency", "input_x_gradient", "integrated_gradients", "attention", "value_zeroing", "occlusion", "lime"];

/// Texts where none are given.
const TEXTS: [&str; 12] = [
    "The tired nurse said that she was late.",
    "The happy cook said that he was early.",
    "The doors of the old house are white.",
    "My brother saw the woman in the garden.",
    "The students read a book about the war.",
    "A small dog ran across the street.",
    "The capital of France is a large city.",
    "The teacher gave the children an apple.",
    "When the rain stopped, the farmer went out.",
    "The keys to the cabinet are on the table.",
    "Her sister bought a red car last year.",
    "The doctor told the patient to rest.",
];

/// `inseq recommend`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RecommendArguments {
    /// Input texts. `-` reads one text per line from standard input. [default: twelve English sentences]
    #[arg(short, long, num_args = 1.., value_name = "TEXT", help_heading = "Texts")]
    pub input_texts: Vec<String>,
    /// Given outputs, one per input text. Without them the model generates the outputs.
    #[arg(short, long, num_args = 1.., value_name = "TEXT", requires = "input_texts", help_heading = "Texts")]
    pub generated_texts: Option<Vec<String>>,
    /// Model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// Methods to choose from; `inseq list methods` prints the names. [default: saliency input_x_gradient integrated_gradients
    /// attention value_zeroing occlusion lime]
    #[arg(short = 'a', long, num_args = 1.., value_name = "METHOD", help_heading = "Evaluation")]
    #[arg(value_parser = METHODS, hide_possible_values = true)]
    pub methods: Vec<String>,
    /// Seconds after which no further text is begun.
    #[arg(long, default_value_t = 120, value_name = "SECONDS", help_heading = "Evaluation")]
    pub time_budget: u64,
    /// Save the evaluation behind the recommendation as JSON. `-` writes it to standard output instead of the recommendation.
    #[arg(short = 'o', long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub save_path: Option<Destination>,
    /// Messages.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Runs the command.
pub fn run(arguments: &RecommendArguments) -> Result<(), Failure> {
    arguments.save_path.iter().try_for_each(|save| save.check_json("--save-path"))?;
    let texts = match arguments.input_texts.is_empty() {
        true => TEXTS.map(str::to_owned).to_vec(),
        false => input_texts(&arguments.input_texts)?,
    };
    let methods = match arguments.methods.is_empty() {
        true => CANDIDATES.map(str::to_owned).to_vec(),
        false => arguments.methods.clone(),
    };
    let mut request =
        EvaluationRequest::new(texts).methods(methods).time_budget(Duration::from_secs(arguments.time_budget));
    request.generated_texts.clone_from(&arguments.generated_texts);
    let verbosity = &arguments.verbosity;
    let model = load(&arguments.model, verbosity)?;
    verbosity.say(|| format!("loaded {} on {:?}", model.name(), model.device()));
    let interrupted = watch_interrupts()?;
    let evaluation = {
        let bar = Bar::new(interrupted);
        model.evaluate_with_progress(&request, &mut |progress| bar.update(progress))?
    };
    Warnings::default().say(&evaluation.warnings);
    match &arguments.save_path {
        Some(Destination::Standard) => {
            let mut bytes = Vec::new();
            evaluation.write(&mut bytes)?;
            bytes.push(b'\n');
            return output::print(&bytes);
        }
        Some(Destination::File(path)) => evaluation.save(path)?,
        None => {}
    }
    output::print(shown(&evaluation, &recommended(&evaluation)).as_bytes())
}

/// The recommendation, and a table of the methods.
fn shown(evaluation: &Evaluation, methods: &[Recommended]) -> String {
    let texts = evaluation.texts.len();
    let mut text = match methods.first() {
        None => "No metric has a value for these texts.\n".to_owned(),
        Some(best) if !best.beats_random => {
            format!("No method is better than a random order of the tokens on these {texts} texts.\n")
        }
        Some(best) => format!(
            "Use {}: it has the best mean rank on {texts} {}, and comes first in {:.0} % of resamples of them.\n",
            best.name,
            if texts == 1 { "text" } else { "texts" },
            100.0 * best.confidence
        ),
    };
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["METHOD", "MEAN RANK", "CONFIDENCE", "BETTER THAN RANDOM"]);
    for Recommended { name, mean_rank, confidence, beats_random } in methods {
        let better = if *beats_random { "yes" } else { "no" };
        table.add_row([name.clone(), format!("{mean_rank:.2}"), format!("{:.0} %", 100.0 * confidence), better.into()]);
    }
    let _ = write!(text, "\n{}", output::lines(&table));
    text
}
