//! Differences of two saved results: `inseq diff`, and `inseq show --view pair --against`.

mod program;

use inseq_core::AttributionResult;
use program::{complaint, path_in, printed, run};

const TEXT: [&str; 4] = ["-i", "She was late.", "-g", "Elle était en retard."];

/// The lines on standard error, and standard output.
fn said(line: &[&str]) -> (String, String) {
    let output = run(line);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{line:?}: {said}");
    (said, String::from_utf8(output.stdout).unwrap())
}

#[test]
fn scores_that_one_result_has_more_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, scored, difference] = ["plain.json", "scored.json", "d.json"].map(|name| path_in(&folder, name));
    printed(&run(&[&["attribute"][..], &TEXT, &["--hide", "-o", &plain]].concat()));
    let scores = ["--step-scores", "probability", "entropy", "--hide", "-o", &scored];
    printed(&run(&[&["attribute"][..], &TEXT, &scores].concat()));
    let expected =
        "warning: only one of the two results has the scores entropy, probability; the difference leaves them out\n";
    for line in [
        ["diff", &plain, &scored, "-o", &difference].as_slice(),
        &["diff", &scored, &plain],
        &["show", &plain, "--view", "pair", "--against", &scored],
        &["show", &scored, "--view", "pair", "--against", &plain],
    ] {
        assert_eq!(said(line).0, expected, "{line:?}");
    }
    let found = AttributionResult::load(&difference).unwrap();
    assert!(found.sequences[0].step_scores.is_empty());
    assert!(found.sequences[0].source_attributions.iter().flatten().all(|score| *score == 0.0));
    printed(&run(&["diff", &scored, &scored]));
}

#[test]
fn what_cannot_be_compared_names_the_files_and_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, both, two] = ["plain.json", "both.json", "two.json"].map(|name| path_in(&folder, name));
    printed(&run(&[&["attribute"][..], &TEXT, &["--hide", "-o", &plain]].concat()));
    printed(&run(&[&["attribute"][..], &TEXT, &["--attribute-target", "--hide", "-o", &both]].concat()));
    printed(&run(&["attribute", "-i", TEXT[1], TEXT[1], "-g", TEXT[3], TEXT[3], "--hide", "-o", &two]));
    let (of_diff, code) = complaint(&run(&["diff", &plain, &both]));
    for part in ["plain.json and ", "both.json: text 1 of 1: ", "only one of the two has target attributions"] {
        assert!(of_diff.contains(part) && code == 1, "{of_diff}");
    }
    let (of_pair, code) = complaint(&run(&["show", &plain, "--view", "pair", "--against", &both]));
    for part in ["--against ", "both.json: A and B cannot be compared", "target attributions; attribute the target"] {
        assert!(of_pair.contains(part) && code == 1, "{of_pair}");
    }
    let (count, _) = complaint(&run(&["show", &plain, "--view", "pair", "--against", &two]));
    assert!(count.contains("two.json: 1 texts cannot be compared one by one with 2"), "{count}");
    let (count, _) = complaint(&run(&["diff", &plain, &two]));
    assert!(count.contains("two.json: only results of as many texts can be subtracted"), "{count}");
}
