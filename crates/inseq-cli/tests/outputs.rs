//! Where the program writes, and which tokens its pictures explain.

mod program;

use std::fs;

use inseq_core::{AttributionResult, LoadOptions, Tolerance};
use program::{complaint, fixture, inseq, path_in, printed, run, with_input};

/// A program that is run in `folder`.
fn run_in(folder: &tempfile::TempDir, arguments: &[&str]) -> std::process::Output {
    inseq(arguments).current_dir(folder).stdin(std::process::Stdio::null()).output().unwrap()
}

fn read(json: &str) -> AttributionResult {
    AttributionResult::read(json.as_bytes(), &LoadOptions::default()).unwrap()
}

#[test]
fn a_dash_is_standard_output_wherever_something_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (coarse, whole) = (fixture("core/coarse.json"), AttributionResult::load(fixture("core/coarse.json")).unwrap());
    for line in [
        &["convert", &coarse, "-"][..],
        &["merge", &coarse, "-o", "-"],
        &["convert", &coarse, "-", "--save-format", "json"],
    ] {
        assert!(whole.is_close(&read(&printed(&run_in(&folder, line))), Tolerance::EXACT), "{line:?}");
    }
    read(&printed(&run_in(&folder, &["aggregate", &coarse, "-o", "-"])));
    read(&printed(&run_in(&folder, &["diff", &coarse, &coarse, "-o", "-"])));
    let csv = path_in(&folder, "coarse.csv");
    printed(&run(&["convert", &coarse, &csv]));
    let piped = printed(&run_in(&folder, &["convert", &coarse, "-", "--save-format", "csv"]));
    assert_eq!(piped, fs::read_to_string(&csv).unwrap());
    fs::remove_file(&csv).unwrap();
    for (flags, start, end) in [
        (&[][..], "<!doctype html>", "</html>"),
        (&["--viz-format", "html"], "<!doctype html>", "</html>"),
        (&["--viz-format", "svg"], "<svg", "</svg>"),
        (&["--viz-format", "tex"], "%", "\\end{tikzpicture}"),
    ] {
        for command in [&["show", &coarse][..], &["diff", &coarse, &coarse]] {
            let line = [command, &["--viz-path", "-"], flags].concat();
            let picture = printed(&run_in(&folder, &line));
            assert!(picture.to_lowercase().starts_with(start) && picture.contains(end), "{line:?}: {picture}");
        }
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "no file is named `-`");
}

#[test]
fn standard_output_takes_one_text() {
    let folder = tempfile::tempdir().unwrap();
    let coarse = fixture("core/coarse.json");
    let svg = path_in(&folder, "a.svg");
    for (line, expected) in [
        (&["diff", &coarse, &coarse, "-o", "-", "--viz-path", "-"][..], "--save-path and --viz-path both write"),
        (&["show", &coarse, "--viz-path", "-", "--viz-format", "png"], "PNG is binary"),
        (&["convert", &coarse, "-", "--save-format", "parquet"], "Parquet is binary"),
        (&["convert", &coarse, "-", "--save-format", "safetensors"], "safetensors is binary"),
        (&["aggregate", &coarse, "-o", "-", "--save-format", "arrow"], "Arrow is binary"),
        (&["merge", &coarse, "-o", "-", "--save-format", "json.gz"], "gzipped JSON is binary"),
        (&["convert", &coarse, "-", "--split-sequences"], "--split-sequences makes several files"),
        (
            &["show", &coarse, "--viz-path", &svg, "--viz-format", "tex"],
            "--viz-format is the format of standard output",
        ),
        (&["show", &coarse, "--viz-format", "tex"], "--viz-format is the format of --viz-path -"),
        (&["convert", &coarse, "a.json", "--save-format", "csv"], "--save-format is the format of standard output"),
        (&["diff", "-", "-"], "standard input (-) is named twice"),
        (&["merge", "-", "-", "-o", "-"], "standard input (-) is named twice"),
        (&["show", "-", "--view", "pair", "--against", "-"], "standard input (-) is named twice"),
    ] {
        let (said, code) = complaint(&run_in(&folder, line));
        assert!(said.contains(expected) && code == 1, "{line:?}: {said}");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    let json = fs::read(&coarse).unwrap();
    let pair = with_input(&["show", &coarse, "--view", "pair", "--against", "-"], &json);
    assert!(printed(&pair).contains("A less B"));
}

#[test]
fn flags_that_a_view_does_not_have_are_refused() {
    let coarse = fixture("core/coarse.json");
    for (flags, expected) in [
        (&["--show-tokens", "1"][..], "--show-tokens has no effect on --view matrix; choose --view tokens or granular"),
        (&["--view", "pair", "--highlight", "probability"], "choose --view tokens"),
        (&["--wrap-after", "3"], "choose --view tokens"),
        (&["--view", "tokens", "--show-dim", "head"], "choose --view granular"),
        (&["--slice-dims", "head=0:1"], "choose --view granular"),
        (&["--max-show-size", "3"], "choose --view granular"),
        (&["--view", "tokens", "--top-tokens", "3"], "choose --view matrix or granular or pair or links"),
        (&["--against", &coarse], "choose --view pair"),
    ] {
        let (said, code) = complaint(&run(&[&["show", &coarse], flags].concat()));
        assert!(said.contains(expected) && code == 1, "{flags:?}: {said}");
    }
}

#[test]
fn tokens_are_shown_for_the_texts_that_have_them() {
    let model = &fixture("architectures/gpt2");
    let folder = tempfile::tempdir().unwrap();
    let saved = path_in(&folder, "two.json");
    let texts = ["-i", "the cat", "the dog", "-g", "the cat sat on the mat", "the dog ran"];
    printed(&run(&[&["attribute", "-m", model, "-o", &saved, "--hide"], &texts[..]].concat()));
    let svg = path_in(&folder, "tokens.svg");
    for view in ["tokens", "granular"] {
        for (token, warned) in [
            ("sat", "warning: text 2 of 2 has no attributed token `sat`; it has Ġran"),
            ("3", "warning: text 2 of 2 has no attributed token 3; it has 1"),
            ("-2", "warning: text 2 of 2 has no attributed token -2; it has 1"),
        ] {
            for file in [None, Some(&svg)] {
                let picture = file.map(|path| ["--viz-path", path]).unwrap_or(["--color", "never"]);
                let line = [&["show", &saved, "--view", view, "--show-tokens", token], &picture[..]].concat();
                let output = run(&line);
                let said = String::from_utf8(output.stderr).unwrap();
                assert!(output.status.success() && said.lines().count() == 1 && said.starts_with(warned), "{said}");
                let map = String::from_utf8(output.stdout).unwrap();
                assert!(map.contains("none of the tokens that are asked for"), "{map}");
            }
        }
        let line = ["show", &saved, "--view", view, "--show-tokens"];
        // `the` and `cat` are in the prompts, which are not attributed.
        for (token, expected) in [
            ("cat", "there is no attributed token `cat`; there are Ġsat Ġon Ġthe Ġmat Ġran"),
            ("9", "there is no attributed token 9; there are at most 4: "),
        ] {
            let (said, code) = complaint(&run(&[&line[..], &[token]].concat()));
            assert!(said.contains(expected) && code == 1, "{said}");
        }
        assert!(printed(&run(&[&line[..], &["0", "--sequences", "1"]].concat())).contains("ran"));
    }
    let long = path_in(&folder, "long.json");
    let written = "the cat sat on the mat . the dog ran to a house and it said no";
    printed(&run(&["attribute", "-m", model, "-i", "the cat", "-g", written, "-o", &long, "--hide"]));
    let result = AttributionResult::load(&long).unwrap();
    let sequence = &result.sequences[0];
    let attributed = &sequence.target[sequence.attr_pos_start..sequence.attr_pos_end];
    let kinds: std::collections::BTreeSet<&str> = attributed.iter().map(|token| token.text.as_str()).collect();
    let (said, _) = complaint(&run(&["show", &long, "--view", "tokens", "--show-tokens", "zebra"]));
    assert!(said.ends_with(&format!(" and {} more", kinds.len() - 12)), "{said}");
}
