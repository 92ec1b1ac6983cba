//! The command lines of the README, the book and the help texts fit the grammar.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::{Arguments, grammar, read};

/// The command lines of `inseq` in a text: each from its name to the end of the line, or of the last line that goes on from it.
/// Redirections, comments and further commands of the line are left out.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let whole = text.replace("\\\n", " ");
    let begins = |line: &&str| line.trim_start().starts_with("inseq ");
    let words = |line: &str| {
        let words = shlex::split(line).unwrap_or_else(|| panic!("a shell cannot read `{line}`"));
        words.into_iter().take_while(|word| !["<", ">", ">>", "|", "&&"].contains(&word.as_str())).collect()
    };
    whole.lines().filter(begins).map(words).collect()
}

/// The blocks of shell commands of a page.
fn shell_blocks(page: &str) -> String {
    let blocks = page.split("```sh\n").skip(1);
    blocks.filter_map(|block| block.split("```").next()).collect::<Vec<_>>().join("\n")
}

#[test]
fn examples_of_the_help_fit_its_width() {
    for command in grammar().get_subcommands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        // The text around the examples may be wrapped; a command line may not.
        let examples = help.lines().filter(|line| line.starts_with("  "));
        let long: Vec<&str> = examples.filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{}: {long:?}", command.get_name());
    }
}

#[test]
fn documented_command_lines_are_understood() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let book = glob::glob(root.join("docs/src/**/*.md").to_str().unwrap()).unwrap();
    let paths: Vec<_> = book.map(Result::unwrap).chain([root.join("README.md")]).collect();
    let pages = paths.iter().map(|path| (path.display().to_string(), shell_blocks(&fs::read_to_string(path).unwrap())));
    let grammar = grammar();
    let helps = grammar.get_subcommands().filter_map(|command| {
        Some((format!("inseq {} --help", command.get_name()), command.get_after_help()?.to_string()))
    });
    let helps: Vec<(String, String)> = helps.collect();
    let mut count = 0;
    for (place, text) in pages.chain(helps) {
        for words in command_lines(&text) {
            let line = words.join(" ");
            read::<Arguments>(words.into_iter().map(OsString::from))
                .unwrap_or_else(|error| panic!("{place}: `{line}`: {error}"));
            count += 1;
        }
    }
    assert!(count > 60, "{count} command lines");
}
