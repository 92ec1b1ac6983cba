//! Samples of output in the README and the book are what the documented commands print.

mod program;

use std::fs;
use std::path::Path;

use program::inseq;

/// Stands in a page between a command and what it prints. A last line `...` of the output stands for the rest of it.
const MARK: &str = "<!-- output -->";

/// A documented command, and what a page says that it prints.
struct Sample {
    page: String,
    words: Vec<String>,
    output: String,
}

/// The text of the first block of code in a part of a page.
fn first_block(part: &str) -> Option<&str> {
    let block = part.split("```").nth(1)?;
    block.split_once('\n').map(|(_language, code)| code)
}

/// The samples of a page. The command is the last one before the mark.
fn samples(page: &Path) -> Vec<Sample> {
    let text = fs::read_to_string(page).unwrap();
    let parts: Vec<&str> = text.split(MARK).collect();
    let sample = |two: &[&str]| {
        let code = two[0].rsplit("```").nth(1).unwrap_or_default().replace("\\\n", " ");
        let line = code
            .lines()
            .rfind(|line| line.starts_with("inseq "))
            .unwrap_or_else(|| panic!("{}: there is no command before an output", page.display()));
        Sample {
            page: page.display().to_string(),
            words: shlex::split(line).unwrap().split_off(1),
            output: first_block(two[1]).unwrap_or_default().to_owned(),
        }
    };
    parts.windows(2).map(sample).collect()
}

/// Units of times, which are different on each machine.
const UNITS: [&str; 5] = ["ms", "s", "min", "h", "d"];

/// Whether two words of output are the same. The last digit of a number may differ, and times may.
fn is_same(found: &str, documented: &str) -> bool {
    let number = |word: &str| word.trim_start_matches(|c| ('▁'..='█').contains(&c)).parse::<f64>().ok();
    match (number(found), number(documented)) {
        (Some(found), Some(documented)) => (found - documented).abs() < 0.011,
        _ => found == documented,
    }
}

/// The words of a line, without times.
fn words(line: &str) -> Vec<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_time = |at: usize| {
        UNITS.contains(&words[at]) || words.get(at + 1).is_some_and(|next| UNITS.contains(next)) || words[at] == "to"
    };
    (0..words.len()).filter(|&at| !is_time(at)).map(|at| words[at]).collect()
}

#[test]
fn documented_outputs_are_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let book = glob::glob(root.join("docs/src/**/*.md").to_str().unwrap()).unwrap();
    let all: Vec<Sample> =
        book.map(Result::unwrap).chain([root.join("README.md")]).flat_map(|page| samples(&page)).collect();
    assert!(all.len() >= 4, "{} samples", all.len());
    for Sample { page, words: line, output } in all {
        let folder = tempfile::tempdir().unwrap();
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let run = inseq(&line).current_dir(folder.path()).output().unwrap();
        let printed = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
        let [mut found, mut documented] =
            [&printed, &output].map(|text| text.trim_end().lines().map(words).collect::<Vec<_>>());
        if documented.pop_if(|last| *last == ["..."]).is_some() {
            found.truncate(documented.len());
        }
        let fits = found.len() == documented.len()
            && found.iter().zip(&documented).all(|(found, documented)| {
                found.len() == documented.len()
                    && found.iter().zip(documented).all(|(found, documented)| is_same(found, documented))
            });
        assert!(fits, "{page}: `inseq {}` prints\n{printed}\nbut the page has\n{output}", line.join(" "));
    }
}
