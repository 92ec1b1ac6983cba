//! `inseq compare`: several methods on the same texts.

use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use inseq_core::{AttributionResult, MeanShares, SequenceAttribution, Token};
use inseq_methods::{AttributionModel, AttributionRequest, FeatureGroups, MethodInfo, TargetSpans, list_methods};
use serde_json::Map;

use crate::aggregation::{Aggregation, AggregationArguments};
use crate::attribution::{AttributionArguments, method};
use crate::completing::METHODS as METHOD_NAMES;
use crate::failure::Failure;
use crate::input;
use crate::model::{ModelArguments, load};
use crate::output;
use crate::progress::{Bar, watch_interrupts};
use crate::texts::TextArguments;
use crate::verbosity::Verbosity;
use crate::warnings::Warnings;

const EXAMPLES: &str = "\
The command prints two tables per text: the mean share of each token over the steps, and Spearman's rank correlation \
of the absolute scores, averaged over the steps.

Examples:
  Compare two gradient methods with occlusion:
      inseq compare saliency integrated_gradients occlusion \\
          -i \"The tired nurse said that she was late.\"
  Compare whole words, with an argument for one of the methods:
      inseq compare -i \"She was late.\" -a saliency integrated_gradients \\
          --attribution-kwargs '{\"n_steps\": 100}' --attribution-aggregators scores subwords";

/// Methods that are compared where none are named.
const METHODS: [&str; 5] = ["saliency", "input_x_gradient", "integrated_gradients", "attention", "occlusion"];

/// The method that generates the compared texts, and attributes nothing.
const GENERATING: &str = "dummy";

/// `inseq compare`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompareArguments {
    /// Methods to compare; `inseq list methods` prints the names. They come before all flags. [default: saliency
    /// input_x_gradient integrated_gradients attention occlusion]
    #[arg(value_name = "METHOD", conflicts_with = "attribution_methods")]
    #[arg(value_parser = METHOD_NAMES, hide_possible_values = true)]
    pub methods: Vec<String>,
    /// Methods to compare, in any place of the command line.
    #[arg(short, long, visible_alias = "methods", num_args = 1.., value_name = "METHOD", help_heading = "Attribution")]
    #[arg(value_parser = METHOD_NAMES, hide_possible_values = true)]
    pub attribution_methods: Vec<String>,
    /// Texts.
    #[command(flatten)]
    pub texts: TextArguments,
    /// Model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// Options of the attribution; each method takes the arguments that it knows.
    #[command(flatten)]
    pub attribution: AttributionArguments,
    /// Aggregation of the compared scores.
    #[command(flatten)]
    pub aggregation: AggregationArguments,
    /// Messages.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

impl CompareArguments {
    /// The methods to compare.
    fn methods(&self) -> Result<Vec<MethodInfo>, Failure> {
        let given = if self.methods.is_empty() { &self.attribution_methods } else { &self.methods };
        if given.iter().any(|name| name == GENERATING) {
            return Err(Failure::Argument(format!(
                "`{GENERATING}` attributes nothing, so there is nothing to compare; leave it out"
            )));
        }
        if !given.is_empty() {
            return given.iter().map(|name| method(name)).collect();
        }
        let is_method = |text: &&String| list_methods().iter().any(|method| method.name == **text);
        match self.texts.input_texts.iter().skip(1).find(is_method) {
            Some(name) => Err(Failure::Argument(format!(
                "`{name}` stands among the input texts, but is a method; name methods before all flags (inseq compare {name} -i \
                 TEXT) or after -a"
            ))),
            None => METHODS.iter().map(|name| method(name)).collect(),
        }
    }

    /// The failure of one method. A method that was not asked for is named, with the way to leave it out.
    fn of_method(&self, method: &MethodInfo, error: inseq_methods::Error) -> Failure {
        let is_named = !self.methods.is_empty() || !self.attribution_methods.is_empty();
        match error {
            inseq_methods::Error::Cancelled => error.into(),
            error if is_named => error.into(),
            error => Failure::Argument(format!("{}: {error}; name the methods to compare with -a", method.name)),
        }
    }
}

/// Runs the command.
pub fn run(arguments: &CompareArguments) -> Result<(), Failure> {
    let methods = arguments.methods()?;
    input::check_one_standard(arguments.texts.inputs().chain(arguments.attribution.inputs()))?;
    let aggregation = Aggregation::of(&arguments.aggregation)?;
    let request = arguments.attribution.complete(arguments.texts.request()?, &methods)?;
    let verbosity = &arguments.verbosity;
    let model = load(&arguments.model, verbosity)?;
    let interrupted = watch_interrupts()?;
    verbosity.say(|| format!("loaded {} on {:?}", model.name(), model.device()));
    let mut warnings = Warnings::default();
    let targets = targets(&model, &request)?;
    warnings.say_of(&targets);
    let mut results = Vec::new();
    for method in &methods {
        let request = of_method(&request, method, &targets);
        let bar = Bar::new(interrupted.clone());
        let result = model.attribute_with_progress(&request, &mut |progress| bar.update(progress));
        drop(bar);
        let result = result.map_err(|error| arguments.of_method(method, error))?;
        warnings.say_of(&result);
        verbosity.say(|| format!("attributed by {}", method.name));
        results.push(aggregation.apply(&result).map_err(|error| not_aggregated(method, &error))?);
    }
    let names: Vec<&str> = methods.iter().map(|method| method.name).collect();
    let mut said = String::new();
    for (index, text) in targets.info.generated_texts.iter().flatten().enumerate() {
        let sequences: Vec<&SequenceAttribution> =
            results.iter().filter_map(|result| result.sequences.get(index)).collect();
        said += text;
        said += "\n\nMean share of each token over the steps:\n";
        said += &lines(&shares(&names, &sequences)?);
        said += "\nRank correlation (Spearman), mean over the steps:\n";
        said += &lines(&correlations(&names, &sequences)?);
        said += "\n";
    }
    output::print(said.as_bytes())
}

/// The failure of the aggregation of one method's scores.
fn not_aggregated(method: &MethodInfo, error: &inseq_core::Error) -> Failure {
    Failure::Argument(format!(
        "{}: {error} (the aggregators must fit every method; without --attribution-aggregators, each has its usual ones)",
        method.name
    ))
}

/// The texts that all methods explain, generated once where they are not given.
fn targets(model: &AttributionModel, request: &AttributionRequest) -> Result<AttributionResult, Failure> {
    let mut request = request
        .clone()
        .method(GENERATING)
        .attribution_args(Map::new())
        .attributed_fn_args(Map::new())
        // The attributions of the methods warn of it, where it has no effect.
        .attribute_target(false)
        .include_eos_baseline(false)
        .feature_groups(FeatureGroups::Tokens)
        .target_spans(TargetSpans::Tokens);
    request.attributed_fn = None;
    Ok(model.attribute(&request)?)
}

/// The request of one method: the same texts, and of the arguments those that it knows.
fn of_method(request: &AttributionRequest, method: &MethodInfo, targets: &AttributionResult) -> AttributionRequest {
    let ids = targets.sequences.iter().map(|sequence| sequence.target.iter().filter_map(|token| token.id).collect());
    let mut request = request.clone().method(method.name).generated_token_ids(Some(ids.collect()));
    request.generate_from_target_prefix = false;
    request.generation_args = Map::new();
    request.attribution_args.retain(|name, _| method.takes(name));
    request
}

fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn table(methods: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(std::iter::once("").chain(methods.iter().copied()));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Tokens by methods. Tokens that no step sees have no row.
fn shares(methods: &[&str], sequences: &[&SequenceAttribution]) -> Result<Table, Failure> {
    let mut table = table(methods);
    let Some(first) = sequences.first() else { return Ok(table) };
    let each = sequences.iter().map(|sequence| sequence.mean_shares()).collect::<Result<Vec<_>, _>>()?;
    type Side = fn(&MeanShares) -> Option<&Vec<Option<f32>>>;
    let sides: [(&[Token], Side); 2] =
        [(&first.source, |shares| shares.source.as_ref()), (&first.target, |shares| shares.target.as_ref())];
    for (tokens, side) in sides {
        for (row, token) in tokens.iter().enumerate() {
            let share = |shares: &MeanShares| side(shares)?.get(row).copied().flatten();
            let cells: Vec<Option<f32>> = each.iter().map(share).collect();
            if cells.iter().any(Option::is_some) {
                let cells = cells.iter().map(|share| share.map_or_else(String::new, |share| format!("{share:.3}")));
                table.add_row(std::iter::once(token.text.clone()).chain(cells));
            }
        }
    }
    Ok(table)
}

/// Methods by methods.
fn correlations(methods: &[&str], sequences: &[&SequenceAttribution]) -> Result<Table, Failure> {
    let mut table = table(methods);
    for (method, one) in methods.iter().zip(sequences) {
        let mut row = vec![(*method).to_owned()];
        for other in sequences {
            row.push(one.rank_correlation(other)?.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.2}")));
        }
        table.add_row(row);
    }
    Ok(table)
}
