//! What ends the program before its work is done, and the exit code that says so.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Why the program stops.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// From the model, the method or the request.
    #[error(transparent)]
    Attribution(#[from] inseq_methods::Error),
    /// From a result, or its file.
    #[error(transparent)]
    Result(#[from] inseq_core::Error),
    /// From a dataset, or a folder of results.
    #[error(transparent)]
    Dataset(inseq_datasets::Error),
    /// Interrupted, with what can be done now.
    #[error("{0}")]
    Stopped(String),
    /// From a picture.
    #[error(transparent)]
    Picture(#[from] inseq_viz::Error),
    /// An argument that the command line's grammar cannot check.
    #[error("{0}")]
    Argument(String),
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard input or output is out of order.
    #[error("{stream}: {source}")]
    Stream {
        /// Which of them.
        stream: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Whoever reads the output has gone, as `head` does: no error, there is just nothing left to do.
    #[error("the reader of the output is gone")]
    ReaderGone,
}

impl From<inseq_datasets::Error> for Failure {
    fn from(error: inseq_datasets::Error) -> Self {
        match error {
            inseq_datasets::Error::Attribution(error) => Self::Attribution(error),
            other => Self::Dataset(other),
        }
    }
}

impl Failure {
    /// Says it on standard error, in one line, and gives the exit code: 130 when interrupted, else 1. (Wrong usage is 2,
    /// and clap's to say.)
    pub fn report(&self) -> ExitCode {
        match self {
            Failure::ReaderGone => ExitCode::SUCCESS,
            Failure::Attribution(inseq_methods::Error::Cancelled) => {
                say("interrupted; nothing was written");
                ExitCode::from(130)
            }
            Failure::Stopped(message) => {
                say(message);
                ExitCode::from(130)
            }
            _ => {
                say(&format!("error: {}", one_line(&self.said())));
                ExitCode::FAILURE
            }
        }
    }

    /// What is wrong, in the words of the command line. Errors about results name fields of results, which are no flags.
    fn said(&self) -> String {
        match self {
            Failure::Result(error) => with_places(error.to_string()),
            other => in_flags(&other.to_string()),
        }
    }
}

/// Options that a message of the library may name, and the flags that stand for them here.
const FLAGS: [(&str, &str); 19] = [
    ("answer", "--answer"),
    ("truncate", "--truncate"),
    ("attr_pos_start", "--start-pos"),
    ("attr_pos_end", "--end-pos"),
    ("generated_texts", "--generated-texts"),
    ("generate_from_target_prefix", "--generate-from-target-prefix"),
    ("target_language", "--tgt-lang"),
    ("step_scores", "--step-scores"),
    ("longest", "--max-show-size"),
    ("figure", "--viz-path"),
    ("top_tokens", "--top-tokens"),
    ("min_value", "--min-value"),
    ("max_value", "--max-value"),
    ("wrap", "--wrap-after"),
    ("attribute_target", "--attribute-target"),
    ("include_eos_baseline", "--include-eos-baseline"),
    ("attributed_fn", "--attributed-fn"),
    ("batch_size", "--batch-size"),
    ("memory_budget", "--memory-budget"),
];

/// Arguments that a message of the library may name, and the flag whose JSON object holds them.
const ARGUMENTS: [(&str, &str); 7] = [
    ("contrast_targets", "--attribution-kwargs"),
    ("contrast_sources", "--attribution-kwargs"),
    ("contrast_targets_alignments", "--attribution-kwargs"),
    ("max_length", "--generation-kwargs"),
    ("max_new_tokens", "--generation-kwargs"),
    ("min_new_tokens", "--generation-kwargs"),
    ("split_pattern", "--aggregator-kwargs"),
];

/// The options of a call about a context.
const FLAGS_OF_CONTEXTS: [(&str, &str); 17] = [
    ("input_current_text", "--input-current-text"),
    ("input_context_text", "--input-context-text"),
    ("input_template", "--input-template"),
    ("output_current_text", "--output-current-text"),
    ("output_context_text", "--output-context-text"),
    ("output_template", "--output-template"),
    ("contextless_input_current_text", "--contextless-input-current-text"),
    ("contextless_output_current_text", "--contextless-output-current-text"),
    ("context_sensitivity_metric", "--context-sensitivity-metric"),
    ("context_sensitivity_std_threshold", "--context-sensitivity-std-threshold"),
    ("context_sensitivity_topk", "--context-sensitivity-topk"),
    ("attribution_std_threshold", "--attribution-std-threshold"),
    ("handle_output_context_strategy", "--handle-output-context-strategy"),
    ("contextless_output_next_tokens", "--contextless-output-next-tokens"),
    ("prompt_user_for_contextless_output_next_tokens", "--prompt-user-for-contextless-output-next-tokens"),
    ("special_tokens_to_keep", "--special-tokens-to-keep"),
    ("decoder_input_output_separator", "--decoder-input-output-separator"),
];

/// A message of the library, in which options stand in backquotes, with the flags of the command line in their place. A message
/// about a configuration file names the file's fields.
pub fn in_flags(message: &str) -> String {
    if message.split_whitespace().next().is_some_and(|first| first.ends_with(".json:")) {
        return message.to_owned();
    }
    with_places(replaced(&replaced(message, &FLAGS), &FLAGS_OF_CONTEXTS))
}

/// A message that says where the arguments are that it names: once for each flag, and not at all if it names the flag.
fn with_places(mut message: String) -> String {
    for (argument, flag) in ARGUMENTS {
        let quoted = format!("`{argument}`");
        if let Some(start) = message.find(&quoted).filter(|_| !message.contains(flag)) {
            message.insert_str(start + quoted.len(), &format!(" (in {flag})"));
        }
    }
    message
}

fn replaced(message: &str, flags: &[(&str, &str)]) -> String {
    flags.iter().fold(message.to_owned(), |said, (option, flag)| said.replace(&format!("`{option}`"), flag))
}

/// A message may quote a file of a stranger: no line breaks, no escape sequences.
pub fn one_line(message: &str) -> String {
    message.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Writes a line to standard error; if nobody listens, so be it.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_without_escapes() {
        assert_eq!(one_line("config.json: `a\nb`\u{1b}[31m"), "config.json: `a b` [31m");
    }

    #[test]
    fn fields_of_results_are_no_flags() {
        let said = |message: &str| Failure::from(inseq_core::Error::Invalid(message.into())).said();
        assert_eq!(
            said("results cannot be merged: `step_scores` is []"),
            "results cannot be merged: `step_scores` is []"
        );
        assert_eq!(said("give `split_pattern`"), "give `split_pattern` (in --aggregator-kwargs)");
    }

    #[test]
    fn options_are_called_by_their_flags() {
        for (said, expected) in [
            ("let it be cut with `truncate`", "let it be cut with --truncate"),
            ("truncate it", "truncate it"),
            ("`attr_pos_start` is 99, `attr_pos_end`: 3", "--start-pos is 99, --end-pos: 3"),
            ("generation_config.json: `max_length` is -1", "generation_config.json: `max_length` is -1"),
            ("give `contrast_targets`", "give `contrast_targets` (in --attribution-kwargs)"),
            (
                "`a` takes `contrast_sources`, `contrast_targets`; `b` takes `contrast_targets`",
                "`a` takes `contrast_sources`, `contrast_targets` (in --attribution-kwargs); `b` takes `contrast_targets`",
            ),
            (
                "--attribution-kwargs: `x` has no effect; `contrast_prob` takes `contrast_targets`",
                "--attribution-kwargs: `x` has no effect; `contrast_prob` takes `contrast_targets`",
            ),
            (
                "`contrast_targets` and `max_length`",
                "`contrast_targets` (in --attribution-kwargs) and `max_length` (in --generation-kwargs)",
            ),
        ] {
            assert_eq!(in_flags(said), expected);
        }
    }
}
