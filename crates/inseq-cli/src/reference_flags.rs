//! Command lines written for Python inseq, put in this program's spelling before clap reads them.
//!
//! Its parser takes short flags of several letters (`-fn`, `-bs`, `-vv`), flags with underscores, any unique beginning of a
//! flag, and a truth value after a switch. All commands take them here. Underscores become hyphens; beginnings are looked up
//! among *its* flags first, so that a flag which only this program has (`--truncate`) does not make one of them (`--t` for
//! `--tokenizer_kwargs`) ambiguous.

use std::ffi::OsString;

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Command};

/// Short flags of more than one letter.
const SHORT: [(&str, &str); 5] = [
    ("-fn", "attributed-fn"),
    ("-bs", "batch-size"),
    ("-vv", "very-verbose"),
    ("-in", "input-text-field"),
    ("-gen", "generated-text-field"),
];

/// The flags of the reference's `attribute`, `attribute-dataset` and `attribute-context`, and their long aliases.
const REFERENCE: [&str; 74] = [
    "model-name-or-path",
    "attribution-method",
    "device",
    "dev",
    "attributed-fn",
    "attribution-selectors",
    "attribution-aggregators",
    "normalize-attributions",
    "rescale-attributions",
    "model-kwargs",
    "tokenizer-kwargs",
    "generation-kwargs",
    "attribution-kwargs",
    "attribute-target",
    "generate-from-target-prefix",
    "step-scores",
    "output-step-attributions",
    "include-eos-baseline",
    "eos",
    "batch-size",
    "aggregate-output",
    "hide-attributions",
    "hide",
    "save-path",
    "viz-path",
    "start-pos",
    "end-pos",
    "verbose",
    "very-verbose",
    "input-texts",
    "generated-texts",
    "help",
    "dataset-name",
    "dataset",
    "input-text-field",
    "input",
    "generated-text-field",
    "generated",
    "dataset-config",
    "config",
    "dataset-dir",
    "dir",
    "dataset-files",
    "files",
    "dataset-split",
    "split",
    "dataset-revision",
    "revision",
    "dataset-auth-token",
    "auth",
    "dataset-kwargs",
    "input-current-text",
    "input-context-text",
    "input-template",
    "output-context-text",
    "output-current-text",
    "output-template",
    "contextless-input-current-text",
    "contextless-output-current-text",
    "context-sensitivity-metric",
    "handle-output-context-strategy",
    "contextless-output-next-tokens",
    "prompt-user-for-contextless-output-next-tokens",
    "special-tokens-to-keep",
    "decoder-input-output-separator",
    "context-sensitivity-std-threshold",
    "context-sensitivity-topk",
    "attribution-std-threshold",
    "attribution-topk",
    "show-intermediate-outputs",
    "add-output-info",
    "no-add-output-info",
    "show-viz",
    "no-show-viz",
];

/// The words that the reference takes for true or false.
const TRUTH_VALUES: [&str; 10] = ["yes", "true", "t", "y", "1", "no", "false", "f", "n", "0"];

/// Commands whose switches may have a truth value, as the reference's have, behind an equals sign: `--hide=no`.
pub fn with_truth_values(grammar: Command) -> Command {
    grammar.mut_subcommands(|command| {
        command.mut_args(|argument| match argument.get_action() {
            ArgAction::SetTrue => argument
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_value("false")
                .default_missing_value("true")
                .value_name("BOOL")
                .value_parser(BoolishValueParser::new())
                .hide_default_value(true)
                .hide_possible_values(true),
            _ => argument,
        })
    })
}

/// Commands in which the last of several occurrences of a flag counts, as for the reference. Values of a list are in place of those
/// before them; only lists of flags that the reference does not have go on.
pub fn with_last_values(grammar: Command) -> Command {
    grammar.mut_subcommands(|command| {
        command.args_override_self(true).mut_args(|argument| {
            let is_list = matches!(argument.get_action(), ArgAction::Append);
            match is_list && names(&argument).any(|long| REFERENCE.contains(&long)) {
                true => {
                    let id = argument.get_id().clone();
                    argument.overrides_with(id)
                }
                false => argument,
            }
        })
    })
}

/// The long flags of an argument.
pub fn names(argument: &Arg) -> impl Iterator<Item = &str> {
    let aliases = argument.get_all_aliases().into_iter().flatten();
    argument.get_long().into_iter().chain(aliases)
}

/// A command line with the reference's flags in the spelling of `grammar`. What follows `--` stays as it is.
pub fn translate(line: impl IntoIterator<Item = OsString>, grammar: &Command) -> Vec<OsString> {
    let mut words = line.into_iter().peekable();
    let mut translated: Vec<OsString> = words.next().into_iter().collect();
    let mut command = None;
    let mut is_literal = false;
    while let Some(word) = words.next() {
        is_literal |= word == "--";
        let (Some(text), Some(flags)) = (word.to_str().filter(|_| !is_literal), command) else {
            let named = word.to_str().filter(|_| command.is_none()).and_then(|word| subcommand(grammar, word));
            translated.push(named.map_or(word, |named| named.get_name().into()));
            command = command.or(named);
            continue;
        };
        let (flag, is_switch) = flag(text, flags);
        let truth = words.next_if(|next| is_switch && next.to_str().is_some_and(is_truth_value));
        translated.push(match truth.as_ref().and_then(|truth| truth.to_str()) {
            Some(truth) => format!("{flag}={truth}").into(),
            None => flag.into(),
        });
    }
    translated
}

fn is_truth_value(word: &str) -> bool {
    TRUTH_VALUES.contains(&word.to_lowercase().as_str())
}

/// The command that a word names, whole or by a beginning. Of commands whose names begin with the name of another one of them, such as
/// `attribute` and `attribute-dataset`, a beginning means that other one.
fn subcommand<'a>(grammar: &'a Command, word: &str) -> Option<&'a Command> {
    let begun = || grammar.get_subcommands().filter(|command| command.get_name().starts_with(word));
    grammar.find_subcommand(word).or_else(|| {
        let shortest = begun().min_by_key(|command| command.get_name().len())?;
        begun().all(|command| command.get_name().starts_with(shortest.get_name())).then_some(shortest)
    })
}

/// A word in the spelling of a command's flags, and whether it is a switch without a value; what is no flag stays as it is.
fn flag(word: &str, command: &Command) -> (String, bool) {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let is_known = |long: &str| command.get_arguments().any(|argument| argument.get_long() == Some(long));
    let short = SHORT.iter().find(|(short, long)| *short == name && is_known(long)).map(|(_, long)| (*long).to_owned());
    let long = name.strip_prefix("--").filter(|name| !name.is_empty()).map(|name| name.replace('_', "-"));
    let Some(given) = short.or(long) else {
        let letter = name.strip_prefix('-').filter(|letter| letter.chars().count() == 1);
        let argument = command.get_arguments().find(|argument| {
            argument.get_short().is_some_and(|short| letter.is_some_and(|letter| letter.starts_with(short)))
        });
        return (word.to_owned(), value.is_none() && argument.is_some_and(Arg::is_require_equals_set));
    };
    let (long, argument) = whole(&given, command).unwrap_or((&given, None));
    let is_switch = value.is_none() && argument.is_some_and(Arg::is_require_equals_set);
    (value.map_or_else(|| format!("--{long}"), |value| format!("--{long}={value}")), is_switch)
}

/// A long flag, or an alias of one, with its argument; `help` has none yet.
type Flag<'a> = (&'a str, Option<&'a Arg>);

/// The one flag of a command that begins so.
fn whole<'a>(beginning: &str, command: &'a Command) -> Option<Flag<'a>> {
    let own = command.get_arguments().flat_map(|argument| names(argument).map(move |long| (long, Some(argument))));
    let begun: Vec<Flag> = own.chain([("help", None)]).filter(|(long, _)| long.starts_with(beginning)).collect();
    // `--dev` is itself a flag although `--device` begins so too.
    if let Some(exact) = begun.iter().find(|(long, _)| *long == beginning) {
        return Some(*exact);
    }
    let of_reference: Vec<Flag> = begun.iter().filter(|(long, _)| REFERENCE.contains(long)).copied().collect();
    let candidates = if of_reference.is_empty() { begun } else { of_reference };
    let first = candidates.first()?;
    // Two spellings of one flag are one.
    let is_first = |flag: &Flag| flag.1.map(Arg::get_id) == first.1.map(Arg::get_id);
    candidates.iter().all(is_first).then_some(*first)
}
