//! What Python inseq's command line takes, this one takes.
#![cfg(feature = "demo")]

mod program;

use std::process::Output;

use inseq_core::AttributionResult;
use program::{complaint, path_in, printed, run, with_input};

const TEXT: &str = "The doors are white.";

/// What a call that succeeds says on standard error.
fn warnings(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn arguments_that_nobody_knows_have_no_effect_and_a_warning() {
    let kwargs = r#"{"n_steps": 100, "internal_batch_size": 50, "return_convergence_delta": true}"#;
    for method in ["saliency", "occlusion", "attention", "integrated_gradients"] {
        let line = ["attribute", "-i", TEXT, "-g", "Oui.", "-a", method, "--hide", "--attribution_kwargs", kwargs];
        let said = warnings(&run(&line));
        let expected = if method == "integrated_gradients" { 0 } else { 3 };
        assert_eq!(said.lines().count(), expected, "{method}: {said}");
        for line in said.lines() {
            assert!(line.starts_with("warning: --attribution-kwargs: `") && line.contains(method), "{line}");
        }
    }
    let saliency = ["attribute", "-i", TEXT, "-g", "Oui.", "--hide", "--attribution_kwargs", r#"{"top_k": 3}"#];
    let said = warnings(&run(&saliency));
    assert!(said.contains("`saliency` takes `abs`") && said.contains("`probability` takes `logprob`"), "{said}");
    // What is meant for one of them by name is refused.
    for (kwargs, expected) in [
        (r#"{"attribution_args": {"n_steps": 3}}"#, "n_steps"),
        (r#"{"attributed_fn_args": {"top_k": 3}}"#, "top_k"),
        (r#"{"attribution_args": 3}"#, "must be an object"),
    ] {
        let line = ["attribute", "-i", TEXT, "-g", "Oui.", "--hide", "--attribution-kwargs", kwargs];
        assert!(complaint(&run(&line)).0.contains(expected), "{kwargs}");
    }
}

#[test]
fn methods_that_are_compared_take_what_they_know() {
    let line =
        ["compare", "-i", TEXT, "-g", "Oui.", "--methods", "saliency", "integrated_gradients", "--attribution_kwargs"];
    let steps = run(&[&line[..], &[r#"{"n_steps": 4}"#]].concat());
    assert_eq!(warnings(&steps), "");
    let said = warnings(&run(&[&line[..], &[r#"{"n_stops": 4}"#]].concat()));
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in ["`n_stops` has no effect", "`saliency` takes `abs`", "`integrated_gradients` takes `n_steps`"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn flags_are_spelled_as_there_in_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let [saved, summed, half, both] = ["a.json", "b.json", "c.json", "d.json"].map(|name| path_in(&folder, name));
    printed(&run(&["attribute", "-i", TEXT, "-a", "input_x_gradient", "--save_path", &saved, "--hide", "yes"]));
    let aggregators = ["--attribution_aggregators", "sum", "--normalize_attributions", "true"];
    printed(&run(&[&["aggregate", &saved, "--save_path", &summed][..], &aggregators].concat()));
    let shown = printed(&run(&[&["show", &saved, "--hide_values", "no"][..], &aggregators].concat()));
    assert_eq!(printed(&run(&["show", &summed, "--hide_val", "0"])), shown);
    printed(&run(&["convert", "--scores_precision", "float16", "--split_sequences", "n", &saved, &half]));
    assert!(AttributionResult::load(&half).is_ok());
    printed(&run(&["merge", &saved, &saved, "--save_p", &both]));
    assert_eq!(AttributionResult::load(&both).unwrap().sequences.len(), 2);
    let difference = with_input(&["diff", "-", &saved, "--save_path", "-"], &std::fs::read(&saved).unwrap());
    assert!(printed(&difference).starts_with('{'));
    printed(&run(&["list", "step_functions"]));
    // A switch before a file leaves the file alone.
    printed(&run(&["convert", "--split_sequences", &both, &path_in(&folder, "e.json")]));
    assert!(folder.path().join("e_1.json").exists());
    let wrong = run(&["show", &saved, "--hide_values=maybe"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn a_beginning_that_is_given_counts_as_constrained() {
    let facts = |more: &[&str]| {
        let saved = printed(&run(&[&["attribute", "-i", TEXT, "-a", "dummy", "-o", "-"][..], more].concat()));
        let result = AttributionResult::read(saved.as_bytes(), &inseq_core::LoadOptions::default()).unwrap();
        ["constrained_decoding", "generate_from_target_prefix"]
            .map(|fact| result.info.to_map()[fact].as_bool().unwrap())
    };
    // By inseq 0.7.1.
    assert_eq!(facts(&[]), [false, false]);
    assert_eq!(facts(&["-g", "Les"]), [true, false]);
    assert_eq!(facts(&["-g", "Les", "--generate_from_target_prefix"]), [true, true]);
}

#[test]
fn options_without_an_effect_are_said() {
    let given =
        ["attribute", "-i", TEXT, "-g", "Oui.", "-a", "dummy", "--hide", "--generation_kwargs", r#"{"num_beams": 2}"#];
    let said = warnings(&run(&given));
    assert!(said.contains("the generated texts are given") && said.lines().count() == 1, "{said}");
    let going_on = warnings(&run(&[&given[..], &["--generate_from_target_prefix"]].concat()));
    assert_eq!(going_on, "");
}

#[test]
fn hints_name_flags() {
    let long = "the cat sat ".repeat(400);
    for (line, expected) in [
        (&["attribute", "-i", &long][..], "cut with --truncate"),
        (&["attribute", "-i", TEXT, "-fn", "contrast_prob"], "(in --attribution-kwargs)"),
        (
            &["attribute", "-i", TEXT, "--generate_from_target_prefix"],
            "--generate-from-target-prefix needs --generated-texts",
        ),
    ] {
        let (said, code) = complaint(&run(line));
        assert!(said.contains(expected) && code == 1, "{line:?}: {said}");
    }
}

#[test]
fn pictures_that_cannot_be_drawn_name_flags() {
    let folder = tempfile::tempdir().unwrap();
    let [raw, aggregated] = ["raw.json", "aggregated.json"].map(|name| path_in(&folder, name));
    printed(&run(&["attribute", "-i", TEXT, "-g", "Oui.", "-o", &raw, "--hide"]));
    printed(&run(&["aggregate", &raw, "-o", &aggregated]));
    for (line, expected) in [
        (&["show", &raw, "--view", "links"][..], "file (--viz-path)"),
        (&["show", &raw, "--view", "tokens", "--highlight", "entropy"], "among the --step-scores"),
        (&["show", &raw, "--view", "granular", "--slice_dims", "feature=0:30"], "(--max-show-size 30)"),
        (&["show", &aggregated, "--view", "granular"], "the view `matrix`"),
    ] {
        let (said, code) = complaint(&run(line));
        assert!(said.contains(expected) && code == 1, "{line:?}: {said}");
    }
}
