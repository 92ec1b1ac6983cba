//! `inseq evaluate`.

mod program;

use std::process::Output;

use inseq_core::Evaluation;
use program::{complaint, run};

const NURSE: &str = "The tired nurse said that she was late.";
const DOORS: &str = "The doors are white.";

/// What a call printed that warned of few texts, and of nothing else.
fn printed(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.lines().count() == 1 && said.contains("evaluate more texts"), "{said}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The evaluation of a command line.
fn evaluated(further: &[&str]) -> Evaluation {
    let line = [&["evaluate", "-i", NURSE, DOORS, "-o", "-"], further].concat();
    Evaluation::read(printed(&run(&line)).as_bytes()).unwrap()
}

#[test]
fn anchors_are_as_their_names_say() {
    for removal in ["baseline", "zero", "deletion"] {
        let found =
            evaluated(&["--methods", "saliency", "--metrics", "lds", "shapley", "logprob_drop", "--removal", removal]);
        let names: Vec<&str> = found.methods.iter().map(|method| method.name.as_str()).collect();
        assert_eq!(names, ["saliency", "leave_one_out", "random"]);
        let of = |metric: &str, method: usize| {
            let metric = found.metrics.iter().find(|other| other.name == metric).unwrap();
            metric.summaries[method].mean.unwrap()
        };
        assert!(of("lds", 1) > of("lds", 2) && of("shapley", 1) > of("shapley", 2), "{removal}");
        // No one token removed changes more than the one that leaves-one-out ranks first: 5 % of few tokens are one.
        assert!(of("drop_5", 1) >= of("drop_5", 0) && of("drop_5", 1) >= of("drop_5", 2), "{removal}");
    }
}

#[test]
fn curves_begin_with_the_whole_input_and_end_without_any_token() {
    let found = evaluated(&["--methods", "occlusion", "--metrics", "morf"]);
    assert_eq!((found.removed_shares.len(), found.removed_shares[20]), (21, 1.0));
    let whole = found.texts.iter().map(|text| text.log_probability).sum::<f64>();
    for method in &found.methods {
        let curves = method.curves.as_ref().unwrap();
        for end in [0, 20] {
            assert!((curves.most_relevant_first[end] - curves.least_relevant_first[end]).abs() < 1e-6);
        }
        assert!(curves.most_relevant_first[20] < curves.most_relevant_first[0] && whole < 0.0);
    }
}

#[test]
fn known_words_are_recovered() {
    let found = evaluated(&["--metrics", "recovery", "--gold", "10..15", "4..9", "--methods", "saliency"]);
    assert_eq!(found.metrics[0].values[1].len(), 2);
    assert_eq!(found.metrics[0].values[0][0], Some(1.0));
}

#[test]
fn a_run_is_repeated_by_its_seed() {
    let line = ["--metrics", "lds", "--methods", "attention"];
    let (one, again) = (evaluated(&line), evaluated(&line));
    assert_eq!(one.metrics, again.metrics);
    let other = evaluated(&[&line[..], &["--seed", "1"]].concat());
    assert_ne!(one.metrics[0].values[2], other.metrics[0].values[2]);
}

#[test]
fn tables_and_pages_have_every_method() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("a.html");
    let tex = folder.path().join("a.tex");
    let line = ["evaluate", "-i", NURSE, "--methods", "saliency", "--metrics", "morf"];
    let shown = printed(&run(&[&line[..], &["--viz-path", page.to_str().unwrap()]].concat()));
    let row = |name: &str| shown.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(["saliency", "leave_one_out", "random"].map(row), [1, 1, 1], "{shown}");
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<polyline class=\"line").count(), 12, "two charts of three lines, each with a key");
    printed(&run(&[&line[..], &["--viz-path", tex.to_str().unwrap()]].concat()));
    let tex = std::fs::read_to_string(tex).unwrap();
    assert!(tex.contains("leave\\_one\\_out & ") && tex.ends_with("\\end{tabular}\n"), "{tex}");
}

#[test]
fn wrong_lines_say_what_is_wrong() {
    let of = |further: &[&str]| {
        let output = run(&[&["evaluate", "-i", NURSE], further].concat());
        assert!(!output.status.success() && output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    for (further, part) in [
        (&["--metrics", "moref"][..], "unknown metric `moref`; choose from aopc, "),
        (&["--methods", "dummy"], "the method `dummy` gives no scores for the tokens of the input"),
        (&["--methods", "saliency", "saliency"], "`saliency` is there twice"),
        (&["--methods", "salience"], "unknown attribution method `salience`"),
        (&["--method-kwargs", "{\"lime\": {}}"], "has arguments of `lime`, which is not among the methods"),
        (
            &["--methods", "lime", "--method-kwargs", "{\"lime\": 1}"],
            "the arguments of `lime` must be an object, found 1",
        ),
        (&["--methods", "lime", "--method-kwargs", "{\"lime\": {\"samples\": 1}}"], "samples"),
        (&["--metrics", "recovery"], "the metric `recovery` needs"),
        (&["--metrics", "recovery", "--gold", "4..4"], "expected ranges such as 10..15"),
        (&["--metrics", "recovery", "--gold", "400..410"], "has no token in the characters 400..410"),
        (&["--metrics", "recovery", "--gold", "1..4", "2..5"], "has spans of 2 texts, but there are 1 texts"),
        (&["--removal", "cut"], "unknown removal `cut`"),
        (&["--viz-path", "a.png"], "name a .html or a .tex"),
        (&["-o", "a.csv"], "this command saves JSON only"),
    ] {
        let said = of(further);
        assert!(said.contains(part), "{further:?}: {said}");
    }
    let (said, _) = complaint(&run(&["evaluate", "-i", ""]));
    assert!(said.contains("input text"), "{said}");
}

#[test]
fn a_method_is_recommended() {
    let shown = printed(&run(&["recommend", "-i", NURSE, DOORS, "-a", "saliency", "attention"]));
    assert!(shown.starts_with("Use saliency: it has the best mean rank on 2 texts, and comes first in "), "{shown}");
    assert!(shown.contains("BETTER THAN RANDOM"), "{shown}");
    // The first text is evaluated in any case.
    let said = run(&["recommend", "-i", NURSE, DOORS, "-a", "saliency", "--time-budget", "0", "-o", "-"]);
    let texts = Evaluation::read(&said.stdout[..]).unwrap().texts.len();
    assert!(
        texts == 1 && String::from_utf8_lossy(&said.stderr).contains("the time budget was enough for 1 of 2 texts")
    );
}
