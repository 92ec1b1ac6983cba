//! `inseq list` and `inseq explain`: what there is to choose from.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use inseq_core::aggregators::Aggregators;
use inseq_methods::step_functions::StepFunctions;
use inseq_methods::{list_methods, step_functions};
use inseq_models::{architectures, device};
use inseq_viz::terminal::TerminalOptions;

use crate::failure::Failure;
use crate::output;

/// `inseq list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// What to list.
    pub what: Listing,
}

/// `inseq explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// Its name, as `inseq list` gives it.
    pub name: String,
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

/// What stands for the step functions that are written rather than named.
const EXPRESSION: &str = "expression";

/// Lists what there is of a kind. Rows wrap at the width of a terminal; in a pipe each is one line.
pub fn list(what: Listing) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    if std::io::stdout().is_terminal() {
        let width = u16::try_from(TerminalOptions::detect().width).unwrap_or(u16::MAX);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    match what {
        Listing::Methods => {
            table.set_header(["METHOD", "QUESTION", "COST"]);
            for method in list_methods() {
                table.add_row([method.name, method.description, method.cost]);
            }
        }
        Listing::Models => {
            table.set_header(["MODEL TYPE", "NAME", "PAPER"]);
            for architecture in architectures::list() {
                table.add_row([architecture.model_type, architecture.title, architecture.paper]);
            }
        }
        Listing::StepFunctions => {
            table.set_header(["STEP FUNCTION", "VALUE"]);
            for function in step_functions::list() {
                table.add_row([function.name, function.description]);
            }
            table.add_row([
                EXPRESSION,
                "Your own, such as \"logit(target) - logit('▁elle')\"; see `inseq explain expression`.",
            ]);
        }
        Listing::Aggregators => {
            table.set_header(["AGGREGATOR", "WHAT IT DOES", "ARGUMENTS"]);
            for aggregator in Aggregators::new().list() {
                let arguments: Vec<&str> = aggregator.arguments.iter().map(|argument| argument.name).collect();
                table.add_row([aggregator.name, aggregator.description, &arguments.join(", ")]);
            }
        }
        Listing::Devices => {
            table.set_header(["DEVICE", "WHAT IT IS"]);
            for name in device::names() {
                table.add_row([name, device_description(name)]);
            }
        }
    }
    output::print_table(&table)
}

fn device_description(name: &str) -> &'static str {
    match name {
        "flex" => "the CPU, in pure Rust; also by the name cpu",
        "tch" => "the CPU, by libtorch",
        "tch-cuda" => "an NVIDIA GPU, by libtorch; tch-cuda:1 is the second",
        "cuda" => "an NVIDIA GPU; cuda:1 is the second",
        "vulkan" => "a GPU, by Vulkan",
        "wgpu" => "a GPU, by WebGPU",
        _ => "",
    }
}

/// Explains a method, a step function or an aggregator.
pub fn explain(name: &str) -> Result<(), Failure> {
    let aggregators = Aggregators::new();
    let method = || inseq_methods::explain(name).ok();
    let function = || StepFunctions::new().explain(name).ok();
    let aggregator = || aggregators.explain(name).ok();
    let text = match method().or_else(function).or_else(aggregator) {
        Some(text) => text,
        None if name == EXPRESSION => step_functions::GRAMMAR.to_owned(),
        None => {
            let methods: Vec<&str> = list_methods().iter().map(|method| method.name).collect();
            let functions: Vec<&str> = step_functions::list().iter().map(|function| function.name).collect();
            let aggregators: Vec<&str> = aggregators.list().map(|aggregator| aggregator.name).collect();
            return Err(Failure::Argument(format!(
                "nothing is called `{name}`; methods: {}; step functions: {}; aggregators: {}",
                methods.join(", "),
                functions.join(", "),
                aggregators.join(", ")
            )));
        }
    };
    output::print(text.as_bytes())
}
