//! Arguments of every aggregator on the command line: unknown names, wrong types, numbers out of range, and empty lists.

mod program;

use inseq_core::aggregators::Aggregators;
use program::{complaint, fixture, printed, run};
use serde_json::{Value, json};

/// The error of `inseq aggregate` with an aggregator and its arguments.
fn refused(name: &str, arguments: &Value) -> String {
    let file = fixture("core/granular.json");
    let arguments = arguments.to_string();
    let line = ["aggregate", &file, "-o", "-", "--attribution-aggregators", name, "--aggregator-kwargs", &arguments];
    let (message, code) = complaint(&run(&line));
    assert_eq!(code, 1, "{name} {arguments}: {message}");
    message
}

#[test]
fn every_aggregator_names_an_argument_that_it_does_not_take() {
    for info in Aggregators::new().list() {
        let message = refused(info.name, &json!({ "normalise": true }));
        assert!(message.contains("`normalise`"), "{}: {message}", info.name);
    }
}

#[test]
fn every_argument_names_a_value_of_a_wrong_type() {
    for info in Aggregators::new().list() {
        for argument in info.arguments {
            // No argument is an object, or a list of objects.
            for wrong in [json!({ "a": 1 }), json!([{ "a": 1 }])] {
                // What the aggregator needs beside it.
                let mut arguments = json!({ argument.name: wrong });
                if info.name == "split" && argument.name != "split_pattern" {
                    arguments["split_pattern"] = json!("a");
                }
                let message = refused(info.name, &arguments);
                assert!(message.contains(&format!("`{}`", argument.name)), "{} {arguments}: {message}", info.name);
            }
        }
    }
}

#[test]
fn values_without_a_meaning_are_refused() {
    for (name, arguments, expected) in [
        ("scores", json!({ "select_idx": [] }), "at least one index"),
        ("scores", json!({ "select_idx": [1, 1] }), "each once"),
        ("scores", json!({ "select_idx": "3:3" }), "is empty"),
        ("scores", json!({ "select_idx": 1.5 }), "expected an index"),
        ("mean", json!({ "select_idx": 1_000_000 }), "out of range"),
        ("mean", json!({ "select_idx": -1_000_000 }), "out of range"),
        ("mean", json!({ "select_idx": "0:1000000" }), "out of range"),
        ("scores", json!({ "normalize": true, "rescale": true }), "either normalized or rescaled"),
        ("scores", json!({ "normalize": 1 }), "expected true or false"),
        ("scores", json!({ "aggregate_fn": "mean", "vnorm_ord": 3 }), "only `vnorm` has an order"),
        ("scores", json!({ "aggregate_fn": "vnorm:nan" }), "unknown aggregation function"),
        ("mean", json!({ "vnorm_ord": 3 }), "unknown argument"),
        ("vnorm", json!({ "vnorm_ord": "nan" }), "no order of a norm"),
        ("spans", json!({}), "needs `source_spans` or `target_spans`"),
        ("spans", json!({ "source_spans": [] }), "at least one span"),
        ("spans", json!({ "source_spans": [2, 2] }), "start before its end"),
        ("spans", json!({ "source_spans": [-1, 2] }), "expected a span such as"),
        ("spans", json!({ "source_spans": [[0, 2], [1, 3]] }), "without overlap"),
        ("spans", json!({ "source_spans": [0, 1_000_000] }), "lie within"),
        ("slices", json!({}), "needs `source_spans` or `target_spans`"),
        ("slices", json!({ "target_spans": [[3, 1]] }), "start before its end"),
        ("slices", json!({ "target_spans": [0, 1_000_000] }), "lie within"),
        ("subwords", json!({ "special_chars": [] }), "at least one mark"),
        ("subwords", json!({ "special_chars": "" }), "none of them empty"),
        ("subwords", json!({ "is_suffix_symbol": true }), "give these"),
        ("subwords", json!({ "aggregate_source": false, "aggregate_target": false }), "merges nothing"),
        ("subwords", json!({ "aggregate_fn": "median" }), "unknown aggregation function"),
        ("split", json!({}), "needs `split_pattern`"),
        ("split", json!({ "split_pattern": "" }), "is empty"),
        ("split", json!({ "split_pattern": "(" }), "no regular expression"),
        ("split", json!({ "split_pattern": "a", "split_mode": "both" }), "unknown split mode"),
        ("pair", json!({}), "inseq diff"),
    ] {
        let message = refused(name, &arguments);
        assert!(message.contains(expected), "{name} {arguments}: {message}");
    }
}

#[test]
fn flags_of_scores_need_an_aggregator_of_scores() {
    let file = fixture("core/granular.json");
    let line = ["aggregate", &file, "-o", "-", "--attribution-aggregators", "subwords"];
    let (message, _) = complaint(&run(&[&line[..], &["--attribution-selectors", "0"]].concat()));
    assert!(message.contains("--attribution-selectors has no effect on subwords"), "{message}");
    // The reference accepts these.
    for flag in ["--normalize-attributions", "--rescale-attributions"] {
        let output = run(&[&line[..], &[flag]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.success() && said.starts_with(&format!("warning: {flag} has no effect on subwords")),
            "{said}"
        );
    }
    for (flag, kwargs) in
        [("--normalize-attributions", r#"{"normalize": false}"#), ("--rescale-attributions", r#"{"rescale": false}"#)]
    {
        let flags =
            ["aggregate", &file, "-o", "-", "--attribution-aggregators", "mean", "--aggregator-kwargs", kwargs, flag];
        let (message, _) = complaint(&run(&flags));
        assert!(message.contains(flag) && message.contains("differ"), "{message}");
    }
}

#[test]
fn what_is_explained_as_the_default_is_what_runs() {
    let file = fixture("core/granular.json");
    for name in ["scores", "vnorm", "mean"] {
        let info = Aggregators::unscaled();
        let info = info.list().find(|info| info.name == name).unwrap();
        let default = info.arguments.iter().find(|argument| argument.name == "normalize").unwrap().default;
        let line = ["aggregate", &file, "-o", "-", "--attribution-aggregators", name];
        let with = |normalize: &str| {
            let kwargs = format!("{{\"normalize\": {normalize}}}");
            printed(&run(&[&line[..], &["--aggregator-kwargs", &kwargs]].concat()))
        };
        let plain = printed(&run(&line));
        assert_eq!(plain, with(default), "{name}");
        assert_ne!(plain, with(if default == "true" { "false" } else { "true" }), "{name}");
        let explained = printed(&run(&["explain", name]));
        assert!(explained.contains(&format!("\n  normalize ({default}): ")), "{explained}");
    }
}
