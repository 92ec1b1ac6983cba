//! `inseq attribute`: texts in, heat map, page and file out.

use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;

use bytesize::ByteSize;
use clap::{Args, ValueHint};
use comfy_table::{ContentArrangement, Table, presets};
use inseq_core::did_you_mean;
use inseq_methods::{AttributionModel, AttributionRequest, Plan};

use crate::attribution::{AttributionArguments, method};
use crate::completing::{METHODS, STEP_FUNCTIONS};
use crate::failure::Failure;
use crate::input;
use crate::model::{ModelArguments, load};
use crate::output::{self, Destination};
use crate::picture::{PictureArguments, Pictures};
use crate::prepared::Prepared;
use crate::progress::{Bar, watch_interrupts};
use crate::result_file::{ResultFile, SaveArguments};
use crate::texts::TextArguments;
use crate::verbosity::Verbosity;
use crate::warnings::{Warnings, warn};

const EXAMPLES: &str = "\
Flags of Python inseq work unchanged: with underscores (--save_path), as a unique prefix (--attribution_m), with a \
truth value (--hide no), and in the short forms -fn (--attributed-fn), -bs (--batch-size), -vv (--very-verbose).

Examples:
  Translate with the demo model, and show which input tokens led to each output token:
      inseq attribute -i \"The tired nurse said that she was late.\"
  Use a model of the hub (or a folder), another method, and step scores below the map:
      inseq attribute -m Helsinki-NLP/opus-mt-en-fr -a integrated_gradients \\
          --attribution-kwargs '{\"n_steps\": 100}' --step-scores probability -i \"Hello world\"
  Attribute a given translation, to the input and to the earlier output tokens:
      inseq attribute -i \"She was late.\" -g \"Elle était en retard.\" \\
          --attribute-target
  Write a page for the browser and a file that Python inseq loads:
      inseq attribute -i \"Hello\" --viz-path hello.html -o hello.json.gz --hide
  Attribute many texts, one per line, and pass the result to another program:
      inseq attribute -i - --save-path - < texts.txt | jq .";

/// `inseq attribute`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AttributeArguments {
    /// Texts.
    #[command(flatten)]
    pub texts: TextArguments,
    /// Method, model and output.
    #[command(flatten)]
    pub call: CallArguments,
}

/// Options of commands that attribute by one method, and show and save the result.
#[derive(Debug, Args)]
pub struct CallArguments {
    /// Model.
    #[command(flatten)]
    pub model: ModelArguments,

    /// Attribution method; `inseq list methods` prints the names.
    #[arg(short, long, default_value = "saliency", value_name = "METHOD", help_heading = "Attribution")]
    #[arg(value_parser = METHODS, hide_possible_values = true)]
    pub attribution_method: String,
    /// Options of the attribution.
    #[command(flatten)]
    pub attribution: AttributionArguments,
    /// Scores to compute for each output token and to print below the map: names that `inseq list step-functions` prints, or
    /// expressions.
    #[arg(long, num_args = 1.., value_name = "FUNCTION", help_heading = "Attribution")]
    #[arg(value_parser = STEP_FUNCTIONS, hide_possible_values = true)]
    pub step_scores: Vec<String>,
    /// Include the raw scores of each step in the saved result.
    #[arg(long, help_heading = "Attribution")]
    pub output_step_attributions: bool,
    /// Print the cost of each text (forwards, pullbacks, memory, time), and attribute nothing.
    #[arg(long, help_heading = "Attribution")]
    pub dry_run: bool,

    /// Save the result. The extension chooses the format: .json or .json.gz (Python inseq loads them), .safetensors, or a table
    /// of aggregated scores (.csv, .parquet, .arrow). `-` writes JSON to standard output instead of the map.
    #[arg(short = 'o', long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub save_path: Option<Destination>,
    /// Options of the saved result.
    #[command(flatten)]
    pub save: SaveArguments,
    /// Save one score per token (the method's default aggregation) instead of the raw scores.
    #[arg(long, help_heading = "Output")]
    pub aggregate_output: bool,
    /// Do not print the map.
    #[arg(long, visible_alias = "hide", help_heading = "Output")]
    pub hide_attributions: bool,
    /// Options of the picture.
    #[command(flatten)]
    pub picture: PictureArguments,
    /// Messages.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

impl CallArguments {
    /// The request with all options.
    pub fn complete(&self, request: AttributionRequest) -> Result<AttributionRequest, Failure> {
        let request = request
            .step_scores(self.step_scores.iter().map(String::as_str))
            .output_step_attributions(self.output_step_attributions);
        let method = method(&self.attribution_method)?;
        Ok(self.attribution.complete(request, std::slice::from_ref(&method))?.method(method.name))
    }

    /// Says before the work what cannot be had after it. `inputs` are the other paths that may be standard input.
    pub fn check<'a>(&'a self, inputs: impl Iterator<Item = &'a Path>) -> Result<(), Failure> {
        input::check_one_standard(inputs.chain(self.attribution.inputs()).chain(self.picture.inputs()))?;
        for (flag, score) in [
            ("--weight-attributions", &self.picture.weighting.weight_attributions),
            ("--highlight", &self.picture.view.highlight),
        ] {
            if let Some(score) = score.as_ref().filter(|score| !self.step_scores.contains(score)) {
                let near = did_you_mean(score, self.step_scores.iter().map(String::as_str), 1);
                return Err(Failure::Argument(format!(
                    "{flag} {score} names no step score of the result; add {score} to --step-scores{near}"
                )));
            }
        }
        // The reference accepts both.
        for (flag, is_given) in [
            ("--aggregate-output", self.aggregate_output),
            ("--output-step-attributions", self.output_step_attributions),
        ] {
            if is_given && self.save_path.is_none() {
                warn(&format!("{flag} has no effect without --save-path"));
            }
        }
        Ok(())
    }

    /// Refuses flags of pictures where nothing is drawn.
    fn check_drawn(&self) -> Result<(), Failure> {
        let why = match (self.dry_run, self.hide_attributions, &self.save_path) {
            (true, ..) => "--dry-run draws nothing",
            (_, true, _) => "--hide-attributions draws no map",
            (_, _, Some(Destination::Standard)) => "the result takes the place of the map on standard output",
            _ => return Ok(()),
        };
        if self.picture.viz_path.is_some() { Ok(()) } else { self.picture.check_undrawn(why) }
    }

    /// The file of the result, if there is one, checked before the work.
    pub fn file(&self) -> Result<Option<ResultFile<'_>>, Failure> {
        let file = ResultFile::of_optional(self.save_path.as_ref(), &self.save)?;
        if self.output_step_attributions && file.as_ref().is_some_and(|file| !file.keeps_steps()) {
            return Err(Failure::Argument(
                "--output-step-attributions needs one file that keeps steps: .json, .json.gz or .safetensors, without \
                 --split-sequences"
                    .into(),
            ));
        }
        Ok(file)
    }

    /// Loads the model.
    pub fn load(&self) -> Result<AttributionModel, Failure> {
        let started = Instant::now();
        let model = load(&self.model, &self.verbosity)?;
        self.verbosity.say(|| format!("loaded {} on {:?}", model.name(), model.device()));
        self.verbosity.say_more(|| format!("loading took {:.2?}", started.elapsed()));
        Ok(model)
    }

    /// Saves a result, and shows one, which may be a part of it.
    pub fn write(
        &self,
        (result, file): (&Prepared, Option<&ResultFile>),
        (shown, pictures): (&Prepared, &Pictures),
    ) -> Result<(), Failure> {
        // Files first: a pipe that closes early must not cost them. The result before its picture: a picture can be drawn again.
        if let (Some(file), Some(place)) = (file, &self.save_path) {
            file.save(if self.aggregate_output { result.aggregated()? } else { result.as_asked()? })?;
            self.verbosity.say(|| format!("saved {place}"));
        }
        pictures.draw(shown, !self.hide_attributions)
    }
}

/// Runs the command.
pub fn run(arguments: &AttributeArguments) -> Result<(), Failure> {
    let call = &arguments.call;
    call.check(arguments.texts.inputs())?;
    if call.dry_run {
        let files = [("--save-path", call.save_path.as_ref()), ("--viz-path", call.picture.viz_path.as_ref())];
        output::check_dry_run(files)?;
    }
    call.check_drawn()?;
    let file = call.file()?;
    let aggregation = call.picture.aggregation()?;
    let pictures = Pictures::of(&call.picture, &aggregation, call.save_path.as_ref())?;
    let request = call.complete(arguments.texts.request()?)?;
    let verbosity = &call.verbosity;

    let model = call.load()?;
    // Until here there is nothing to leave half-written: an interrupt may end the program at once.
    let interrupted = watch_interrupts()?;
    verbosity.say_more(|| "an interrupt now stops the work, and leaves nothing half-written".to_owned());
    let mut warnings = Warnings::default();

    if call.dry_run {
        let plans = model.plan(&request)?;
        warnings.say(plans.iter().flat_map(|plan| &plan.warnings));
        return print_plan(&plans);
    }

    let started = Instant::now();
    let result = {
        let bar = Bar::new(interrupted);
        model.attribute_with_progress(&request, &mut |progress| bar.update(progress))?
    };
    warnings.say_of(&result);
    verbosity.say(|| format!("attributed {} by {}", texts(result.sequences.len()), call.attribution_method));
    verbosity.say_more(|| format!("attribution took {:.2?}", started.elapsed()));
    let prepared = Prepared::new(Cow::Borrowed(&result), &aggregation);
    call.write((&prepared, file.as_ref()), (&prepared, &pictures))
}

/// Says what each text would take.
fn print_plan(plans: &[Plan]) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["TEXT", "SOURCE", "TARGET", "STEPS", "FORWARDS", "PULLBACKS", "MEMORY", "ABOUT"]);
    for plan in plans {
        let count = |count: usize| count.to_string();
        let memory = ByteSize(plan.bytes as u64).to_string();
        let [source, target, steps, pullbacks] = [plan.source, plan.target, plan.steps, plan.pullbacks].map(count);
        let forwards = plan.forwards.to_string();
        let [least, most] = [plan.seconds.least, plan.seconds.most].map(about);
        let time = if least == most { least } else { format!("{least} to {most}") };
        table.add_row([plan.text.clone(), source, target, steps, forwards, pullbacks, memory, time]);
    }
    output::print_table(&table)
}

/// A time that is an estimate, to two digits.
pub fn about(seconds: f64) -> String {
    const UNITS: [(&str, f64); 5] = [("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)];
    let (unit, size) = UNITS.into_iter().find(|(_, size)| seconds >= 2.0 * size).unwrap_or(("ms", 1e-3));
    let number = seconds / size;
    if number < 10.0 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

fn texts(count: usize) -> String {
    if count == 1 { "1 text".into() } else { format!("{count} texts") }
}
