//! The command line's grammar.

mod other_flags;

use std::ffi::OsString;

use clap::{Arg, Parser, Subcommand};
use clap_complete::Shell;

use self::other_flags::with_owners;
use crate::attribute::AttributeArguments;
use crate::attribute_context::AttributeContextArguments;
use crate::attribute_dataset::AttributeDatasetArguments;
use crate::cite::CiteArguments;
use crate::compare::CompareArguments;
use crate::evaluate::{EvaluateArguments, RecommendArguments};
use crate::listing::{ExplainArguments, ListArguments};
use crate::reference_flags;
use crate::saved::aggregate::AggregateArguments;
use crate::saved::convert::ConvertArguments;
use crate::saved::dataset_report::DatasetReportArguments;
use crate::saved::dataset_status::DatasetStatusArguments;
use crate::saved::diff::DiffArguments;
use crate::saved::info::InfoArguments;
use crate::saved::merge::MergeArguments;
use crate::saved::show::ShowArguments;

/// Attributes each token that a sequence model generates to the tokens of its input.
#[derive(Debug, Parser)]
#[command(name = "inseq", version, infer_subcommands = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Arguments {
    /// Command.
    #[command(subcommand)]
    pub command: Command,
}

/// Reads a command line, the name of the program first, whose commands take the flags of Python inseq as `inseq` takes them.
///
/// # Errors
/// When it does not fit the grammar, or asks for help.
pub fn read<P: Parser>(line: impl IntoIterator<Item = OsString>) -> Result<P, clap::Error> {
    let mut grammar = grammar_of::<P>();
    let line = reference_flags::translate(line, &grammar);
    let matches = grammar.try_get_matches_from_mut(line).map_err(|error| with_owners(error, &grammar))?;
    P::from_arg_matches(&matches)
}

/// The grammar of the command line.
pub fn grammar() -> clap::Command {
    grammar_of::<Arguments>()
}

fn grammar_of<P: Parser>() -> clap::Command {
    positionals_first(reference_flags::with_last_values(reference_flags::with_truth_values(P::command())))
}

/// Commands whose usage lines have the arguments without a flag first. Behind a flag that takes a list, they would be in this list.
fn positionals_first(grammar: clap::Command) -> clap::Command {
    let name = grammar.get_name().to_owned();
    grammar.mut_subcommands(|command| {
        // Only a built command knows how its arguments are shown.
        let mut built = command.clone().disable_help_flag(true);
        built.build();
        let positionals: Vec<String> = built.get_positionals().map(Arg::to_string).collect();
        let flags: Vec<&Arg> = built.get_arguments().filter(|argument| !argument.is_positional()).collect();
        if positionals.is_empty() || flags.is_empty() {
            return command;
        }
        let required = flags.into_iter().filter(|flag| flag.is_required_set()).map(Arg::to_string);
        let words = positionals.into_iter().chain(["[OPTIONS]".to_owned()]).chain(required);
        let usage = format!("{name} {} {}", command.get_name(), words.collect::<Vec<_>>().join(" "));
        command.override_usage(usage)
    })
}

const EXAMPLES: &str = "\
Examples:
  inseq attribute -i \"The tired nurse said that she was late.\"
  inseq attribute -m Helsinki-NLP/opus-mt-en-fr -i \"Hello world\" --viz-path hello.html
  inseq attribute -i \"Hello world\" -o why.json --hide && inseq convert why.json why.parquet
  inseq list methods
  inseq explain integrated_gradients";

const COMPLETIONS: &str = "\
The script calls inseq for each completion. A shell that reads the script when it starts has the completions of the installed version.

Examples:
  echo 'source <(inseq completions bash)' >> ~/.bashrc
  echo 'source <(inseq completions zsh)' >> ~/.zshrc
  echo 'inseq completions fish | source' > ~/.config/fish/completions/inseq.fish";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Attribute generated tokens to input tokens, and show, save or draw the result.
    Attribute(Box<AttributeArguments>),
    /// Find the output tokens that depend on a context, and attribute each of them to the tokens of the context.
    AttributeContext(Box<AttributeContextArguments>),
    /// Attribute the rows of a dataset, into a folder of results or one file.
    AttributeDataset(Box<AttributeDatasetArguments>),
    /// Answer a question about documents, and cite the sources of each sentence.
    Cite(Box<CiteArguments>),
    /// Attribute with several methods, and print the scores side by side with rank correlations.
    Compare(Box<CompareArguments>),
    /// Evaluate methods: how much the output changes when tokens are removed in the order of their scores.
    Evaluate(Box<EvaluateArguments>),
    /// Recommend a method for a model: evaluate the usual ones within a time budget, and say how sure the answer is.
    Recommend(Box<RecommendArguments>),
    /// List methods, metrics, models, step functions, aggregators or devices.
    List(ListArguments),
    /// Explain a method, a metric, a step function or an aggregator: meaning, arguments, cost and paper.
    Explain(ExplainArguments),
    /// Show a saved result.
    Show(ShowArguments),
    /// Aggregate a saved result.
    Aggregate(AggregateArguments),
    /// Convert a saved result to another format or precision.
    Convert(ConvertArguments),
    /// Show the difference between two saved results.
    Diff(DiffArguments),
    /// Merge the sequences of several saved results into one result.
    Merge(MergeArguments),
    /// Print the content of saved results: model, method, texts, tokens and scores.
    Info(InfoArguments),
    /// Print the progress of a run of attribute-dataset: rows and parts that are done, in progress, or have an error.
    DatasetStatus(DatasetStatusArguments),
    /// Summarize the scores of a run of attribute-dataset by position, token, list of words and step score.
    DatasetReport(DatasetReportArguments),
    /// Print the completion script of a shell.
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// Shell.
        shell: Shell,
    },
}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod spelling;

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;

    fn attribute(line: &[&str]) -> Result<AttributeArguments, clap::Error> {
        match read::<Arguments>(["inseq", "attribute"].iter().chain(line).map(OsString::from))?.command {
            Command::Attribute(arguments) => Ok(*arguments),
            other => panic!("not attribute: {other:?}"),
        }
    }

    #[test]
    fn the_grammar_is_sound() {
        grammar().debug_assert();
    }

    #[test]
    fn usage_lines_have_an_order_that_is_taken() {
        let grammar = grammar();
        let mut with_both = Vec::new();
        for command in grammar.get_subcommands() {
            let usage = command.clone().render_usage().to_string();
            let [flags, first] =
                ["[OPTIONS]", &command.get_positionals().next().map(Arg::to_string).unwrap_or_default()]
                    .map(|word| usage.find(word));
            if command.get_positionals().next().is_some() && flags.is_some() {
                assert!(first < flags, "{usage}");
                with_both.push(command.get_name());
            }
        }
        assert!(["compare", "show", "merge"].iter().all(|name| with_both.contains(name)), "{with_both:?}");
        let merge = grammar.find_subcommand("merge").unwrap().clone().render_usage().to_string();
        assert_eq!(merge, "Usage: inseq merge <FILE>... [OPTIONS] --save-path <PATH>");
        let line = |line: &str| read::<Arguments>(line.split(' ').map(OsString::from)).is_ok();
        assert!(line("inseq compare saliency occlusion -i a") && line("inseq merge a b --save-path c"));
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
        assert_eq!(arguments.texts.input_texts, ["a b", "c"]);
        assert!(
            !arguments.call.attribution.attribute_target
                && arguments.call.hide_attributions
                && arguments.call.attribution.include_eos_baseline
        );
        assert!(arguments.call.verbosity.very_verbose && !arguments.call.verbosity.verbose);
        assert_eq!(
            (arguments.call.attribution.attributed_fn.as_deref(), arguments.call.attribution.start_pos),
            (Some("logit"), Some(-3))
        );
    }

    #[test]
    fn the_last_of_several_occurrences_counts() {
        let arguments =
            attribute(&["-i", "a", "b", "--hide", "-i", "c", "-a", "lime", "-a", "occlusion", "--hide", "no"]);
        let arguments = arguments.unwrap();
        // As argparse reads it.
        assert_eq!(arguments.texts.input_texts, ["c"]);
        assert_eq!(
            (arguments.call.attribution_method.as_str(), arguments.call.hide_attributions),
            ("occlusion", false)
        );
        // The list of a flag that the reference does not have goes on.
        let line = ["-i", "a", "--replace", "a=b", "--replace", "c=d", "e=f", "--theme", "dark", "--theme", "light"];
        let view = attribute(&line).unwrap().call.picture.view;
        assert_eq!(view.replace.len(), 3);
        assert!(matches!(view.theme, Some(inseq_viz::scale::Theme::Light)));
    }

    #[test]
    fn a_flag_of_another_command_is_said_to_be_its() {
        let said = |line: &str| {
            let read = read::<Arguments>(line.split(' ').map(OsString::from));
            read.unwrap_err().to_string()
        };
        let info = said("inseq info a.json --viz_path b.html");
        assert!(info.contains("'inseq show'") && info.contains("have '--viz-path'"), "{info}");
        assert!(!info.contains("-- --viz-path"), "{info}");
        assert!(said("inseq show a.json --words b.json").contains("'inseq dataset-report' has '--words'"));
        let nobodys = said("inseq info a.json --no-such-flag");
        assert!(nobodys.contains("unexpected argument '--no-such-flag'") && !nobodys.contains("tip:"), "{nobodys}");
        let near = said("inseq attribute -i a --save-pth b");
        assert!(near.contains("a similar argument exists: '--save-path'"), "{near}");
    }

    #[test]
    fn arguments_are_json_objects_and_sizes_have_units() {
        let line = ["-i", "a", "--attribution_kwargs", r#"{"n_steps": 3}"#, "--memory-budget", "2GB", "--dev", "cpu"];
        let arguments = attribute(&line).unwrap();
        assert_eq!(arguments.call.attribution.attribution_kwargs["n_steps"], 3);
        assert_eq!(arguments.call.model.memory_budget, Some(ByteSize::gb(2)));
        assert_eq!(arguments.call.model.device, "cpu");
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
