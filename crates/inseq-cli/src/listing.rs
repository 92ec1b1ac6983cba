//! `inseq list` and `inseq explain`: what there is to choose from.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use inseq_core::{About, Argument, Entry, did_you_mean};
use inseq_methods::step_functions::StepFunctions;
use inseq_methods::{citations, evaluation, list_methods, step_functions};
use inseq_models::{architectures, device};
use inseq_viz::terminal::TerminalOptions;
use serde_json::{Map, Value, json};

use crate::aggregation::aggregators;
use crate::completing::{self, ENTRIES};
use crate::failure::Failure;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  inseq list methods
  inseq list methods --arguments
  inseq list step-functions --json | jq '.[].name'";

/// `inseq list`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArguments {
    /// Kind of entries to list.
    pub what: Listing,
    /// Print each argument of each entry, with its default and its meaning.
    #[arg(long, conflicts_with = "json")]
    pub arguments: bool,
    /// Print JSON: a list with an object for each entry, including details and arguments.
    #[arg(long)]
    pub json: bool,
}

/// `inseq explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// Name of a method, a citation method, a metric, a step function or an aggregator, as `inseq list` prints it; `expression` explains the
    /// syntax of expressions.
    #[arg(value_parser = ENTRIES, hide_possible_values = true)]
    pub name: String,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Listing {
    /// Attribution methods.
    Methods,
    /// Citation methods.
    #[value(alias = "citation_methods")]
    CitationMethods,
    /// Metrics of `inseq evaluate`.
    Metrics,
    /// Model types that can be loaded.
    Models,
    /// Functions of the model's output that can be attributed or used as step scores.
    #[value(alias = "step_functions")]
    StepFunctions,
    /// Aggregators of scores and tokens, and aggregation functions.
    Aggregators,
    /// Devices of this build.
    Devices,
}

/// The step functions that are written rather than named.
fn expression() -> About {
    About {
        name: "expression",
        description: "Your own expression, such as \"logit(target) - logit('▁elle')\"; `inseq explain expression` explains the syntax.",
        details: step_functions::GRAMMAR,
        arguments: step_functions::arguments_of("logit(target)"),
    }
}

/// Entries of one kind, in each form that they are listed in.
struct Entries {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Name, meaning and arguments of each entry; none for entries that take no arguments.
    abouts: Vec<About>,
    json: Vec<Value>,
}

impl Entries {
    /// Entries with arguments, and the facts that have a column.
    fn with_arguments<'e, E: Entry + 'e>(
        header: [&'static str; 2],
        columns: &[&'static str],
        entries: impl Iterator<Item = &'e E>,
    ) -> Self {
        let arguments = std::iter::once("ARGUMENTS");
        let mut all = Self {
            header: header.into_iter().chain(columns.iter().copied()).chain(arguments).collect(),
            rows: Vec::new(),
            abouts: Vec::new(),
            json: Vec::new(),
        };
        for entry in entries {
            let facts: Map<String, Value> =
                entry.facts().into_iter().map(|(label, fact)| (label.to_lowercase(), fact.into())).collect();
            let shown = columns.iter().map(|column| facts.get(&column.to_lowercase()).and_then(Value::as_str));
            all.add(**entry, shown.map(|fact| fact.unwrap_or_default().to_owned()).collect(), facts);
        }
        all
    }

    fn add(&mut self, about: About, shown: Vec<String>, facts: Map<String, Value>) {
        let argument = |Argument { name, default, .. }: &Argument| format!("{name}={default}");
        let gap = if std::io::stdout().is_terminal() { "\n" } else { " " };
        let arguments = about.arguments.iter().map(argument).collect::<Vec<_>>().join(gap);
        let cells = [about.name, about.description].map(str::to_owned).into_iter();
        self.rows.push(cells.chain(shown).chain([arguments]).collect());
        let mut object = json!(about);
        object.as_object_mut().into_iter().for_each(|object| object.extend(facts.clone()));
        self.json.push(object);
        self.abouts.push(about);
    }

    /// Entries without arguments; `keys` are the names of the cells in JSON.
    fn plain<const N: usize>(
        header: [&'static str; N],
        keys: [&str; N],
        rows: impl Iterator<Item = [&'static str; N]>,
    ) -> Self {
        let rows: Vec<Vec<String>> = rows.map(|row| row.map(str::to_owned).to_vec()).collect();
        let object = |row: &Vec<String>| {
            Value::Object(keys.iter().map(|key| (*key).to_owned()).zip(row.iter().cloned().map(Value::from)).collect())
        };
        Self { header: header.to_vec(), json: rows.iter().map(object).collect(), rows, abouts: Vec::new() }
    }

    fn of(what: Listing) -> Self {
        match what {
            Listing::Methods => Self::with_arguments(["METHOD", "QUESTION"], &["COST"], list_methods().iter()),
            Listing::CitationMethods => {
                Self::with_arguments(["CITATION METHOD", "QUESTION"], &["COST"], citations::list_methods().iter())
            }
            Listing::Metrics => {
                Self::with_arguments(["METRIC", "QUESTION"], &["COST"], evaluation::list_metrics().iter())
            }
            Listing::StepFunctions => {
                let mut all = Self::with_arguments(["STEP FUNCTION", "VALUE"], &[], step_functions::list().iter());
                all.add(expression(), Vec::new(), Map::new());
                all
            }
            Listing::Aggregators => Self::with_arguments(["AGGREGATOR", "DESCRIPTION"], &[], aggregators().list()),
            Listing::Models => Self::plain(
                ["MODEL TYPE", "NAME", "PAPER"],
                ["model_type", "name", "paper"],
                architectures::list().iter().map(|one| [one.model_type, one.title, one.paper]),
            ),
            Listing::Devices => Self::plain(
                ["DEVICE", "DESCRIPTION"],
                ["name", "description"],
                device::names().into_iter().map(|name| [name, device_description(name)]),
            ),
        }
    }
}

/// Width of a terminal, in columns, from which a table has room for arguments.
const WIDE: u16 = 120;

/// Prints the entries of a kind. Rows wrap at the width of a terminal, which may have no room for arguments; in a pipe each row
/// is one line.
pub fn list(arguments: &ListArguments) -> Result<(), Failure> {
    let entries = Entries::of(arguments.what);
    if arguments.json {
        return output::print(format!("{:#}\n", Value::Array(entries.json)).as_bytes());
    }
    if arguments.arguments {
        if entries.abouts.is_empty() {
            return Err(Failure::Argument(
                "--arguments is for methods, citation-methods, metrics, step-functions and aggregators; models and devices take no arguments"
                    .into(),
            ));
        }
        let summaries: Vec<String> = entries.abouts.iter().map(About::summary).collect();
        return output::print(summaries.join("\n").as_bytes());
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(entries.header).add_rows(entries.rows);
    if std::io::stdout().is_terminal() {
        let width = u16::try_from(TerminalOptions::detect().width).unwrap_or(u16::MAX);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        // Names and arguments are not broken.
        let last = table.column_count() - 1;
        let has_arguments = !entries.abouts.is_empty();
        for (index, column) in table.column_iter_mut().enumerate() {
            if has_arguments && index == last {
                column.set_constraint(if width < WIDE {
                    ColumnConstraint::Hidden
                } else {
                    ColumnConstraint::ContentWidth
                });
            } else if index == 0 {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
    output::print_table(&table)
}

fn device_description(name: &str) -> &'static str {
    match name {
        "flex" => "CPU, in pure Rust; cpu is another name",
        "tch" => "CPU, through libtorch",
        "tch-cuda" => "NVIDIA GPU, through libtorch; tch-cuda:1 is the second GPU",
        "cuda" => "NVIDIA GPU; cuda:1 is the second GPU",
        "vulkan" => "GPU, through Vulkan",
        "wgpu" => "GPU, through WebGPU",
        _ => "",
    }
}

/// Explains a method, a citation method, a metric, a step function or an aggregator.
pub fn explain(name: &str) -> Result<(), Failure> {
    let method = inseq_methods::explain(name).ok();
    let citation = citations::method_named(name).ok().map(Entry::explanation);
    let metric = evaluation::metric_named(name).ok().map(Entry::explanation);
    let function = StepFunctions::new().explain(name).ok();
    let aggregator = aggregators().explain(name).ok();
    // An attribution method and a citation method may have the same name.
    let found: Vec<String> = [method, citation, metric, function, aggregator].into_iter().flatten().collect();
    let text = match found.is_empty() {
        false => found.join("\n"),
        true if name == expression().name => step_functions::GRAMMAR.to_owned(),
        true => {
            let kinds = [
                ("methods", completing::methods()),
                ("citation methods", completing::citation_methods()),
                ("metrics", completing::metrics()),
                ("step functions", completing::functions()),
                ("aggregators", completing::aggregators()),
            ];
            let known: Vec<String> =
                kinds.iter().map(|(kind, names)| format!("{kind}: {}", names.join(", "))).collect();
            let near = did_you_mean(name, completing::entries(), 1);
            return Err(Failure::Argument(format!("unknown name `{name}`; choose from {}{near}", known.join("; "))));
        }
    };
    output::print(text.as_bytes())
}
