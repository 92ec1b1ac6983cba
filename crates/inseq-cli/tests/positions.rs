//! Attributed positions on the command line: every method, format, picture and command, of texts with and without steps.

mod program;

use inseq_core::{AttributionResult, Tolerance};
use program::{complaint, fixture, path_in, printed, run, with_input};

/// The folder of a tiny checkpoint.
fn model(name: &str) -> String {
    fixture(&format!("architectures/{name}"))
}

const CAT: &str = "the cat sat on the mat";

/// The flag that attributes the target too, of models that have something else to attribute.
fn both_sides(name: &str) -> &'static [&'static str] {
    if name == "gpt2" { &[] } else { &["--attribute-target"] }
}

/// A call of `attribute` on one text.
fn attribute<'a>(model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["attribute", "-m", model, "-i", "the cat", "-g", CAT], more].concat()
}

#[test]
fn steps_before_the_end_are_those_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["some.json", "whole.json", "cut.json"].map(|name| path_in(&folder, name));
    for (name, first) in [("gpt2", 4), ("t5", 1)] {
        let model = model(name);
        for method in ["saliency", "attention", "occlusion", "deeplift", "value_zeroing"] {
            let common = ["-a", method, "--step-scores", "probability", "--aggregate-output", "--hide"];
            let common = [&common[..], both_sides(name), &["-o"]].concat();
            let [some, whole, cut] = &paths;
            printed(&run(&attribute(&model, &[&["-s", "4", "-e", "6"], &common[..], &[some]].concat())));
            printed(&run(&attribute(&model, &[&common[..], &[whole]].concat())));
            let steps = format!("{}:{}", 4 - first, 6 - first);
            printed(&run(&["aggregate", whole, "--steps", &steps, "-o", cut]));
            let [some, mut cut] = [some, cut].map(|path| AttributionResult::load(path).unwrap());
            if name == "gpt2" {
                assert_eq!(some.info.to_map()["attr_pos_start"], 4);
            }
            cut.info = some.info.clone();
            // Sequence scores describe the tokens up to the last attributed one.
            let mut some = some;
            some.sequences[0].sequence_scores.clear();
            cut.sequences[0].sequence_scores.clear();
            let rounding = Tolerance { absolute: 1e-6, relative: 1e-5 };
            assert!(cut.is_close(&some, rounding), "{name} {method}: {cut:?} {some:?}");
            for path in &paths {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

#[test]
fn every_method_runs_on_any_positions() {
    let methods = printed(&run(&["list", "methods"]));
    let methods: Vec<&str> = methods.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(methods.contains(&"saliency") && methods.contains(&"reagent"), "{methods:?}");
    for name in ["gpt2", "bart"] {
        let model = model(name);
        for method in methods.iter().filter(|method| inseq_methods::explain(method).is_ok()) {
            let kwargs = if *method == "reagent" { r#"{"max_probe_steps": 2, "num_probes": 2}"# } else { "{}" };
            for positions in [["-s", "4", "-e", "6"], ["-s", "5", "-e", "6"], ["-s", "2", "-e", "-1"]] {
                let of_method = ["-a", method, "--attribution-kwargs", kwargs];
                let more = [&of_method[..], both_sides(name), &positions[..]].concat();
                assert!(!printed(&run(&attribute(&model, &more))).is_empty(), "{name} {method} {positions:?}");
            }
        }
    }
}

#[test]
fn compare_and_dry_runs_take_positions() {
    for name in ["gpt2", "t5"] {
        let model = model(name);
        let positions = [&["-s", "4", "-e", "6"], both_sides(name)].concat();
        let mut compared = vec!["compare", "-m", &model, "-i", "the cat", "-g", CAT];
        compared.extend(["--methods", "saliency", "occlusion", "attention"]);
        let text = printed(&run(&[&compared[..], &positions[..]].concat()));
        assert!(text.contains("Spearman") && text.contains("saliency"), "{text}");
        let plan = printed(&run(&attribute(&model, &[&positions[..], &["--dry-run"]].concat())));
        let row = plan.lines().nth(1).unwrap();
        assert!(row.contains(" 2 "), "two steps: {plan}");
    }
}

/// Three texts of which the second ends before the first position that is asked for.
fn with_a_short_text<'a>(model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let texts = ["-i", "the cat", "the cat", "the dog", "-g", CAT, "the cat sat", "the dog ran to a house"];
    [&["attribute", "-m", model], &texts[..], more].concat()
}

/// What a call printed that had nothing to say but that the second text is not attributed.
fn printed_but_warned(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    let warned = said.lines().count() == 1 && said.starts_with("warning: text 2 of 3") && said.contains("cat sat");
    assert!(warned, "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_text_without_steps_is_drawn_saved_and_read() {
    for (name, start) in [("gpt2", "5"), ("t5", "5")] {
        let (model, folder) = (model(name), tempfile::tempdir().unwrap());
        for method in ["saliency", "attention"] {
            let common = [&["-s", start, "-a", method, "--step-scores", "probability"], both_sides(name)].concat();
            let map = printed_but_warned(&with_a_short_text(&model, &common));
            assert!(map.contains("text 2 of 3") && map.contains("no attributed tokens"), "{map}");
            for end in ["json", "json.gz", "safetensors", "csv", "parquet", "arrow"] {
                let path = path_in(&folder, &format!("out.{end}"));
                let mut more = [&common[..], &["--hide", "-o", &path]].concat();
                if !["csv", "parquet", "arrow"].contains(&end) {
                    more.push("--output-step-attributions");
                }
                assert_eq!(printed_but_warned(&with_a_short_text(&model, &more)), "");
                assert!(std::fs::metadata(&path).unwrap().len() > 0);
            }
            for view in ["matrix", "tokens", "granular", "links"] {
                for end in ["html", "svg", "png", "tex"] {
                    let path = path_in(&folder, &format!("out.{end}"));
                    let more = [&common[..], &["--hide", "--view", view, "--viz-path", &path]].concat();
                    assert_eq!(printed_but_warned(&with_a_short_text(&model, &more)), "");
                    assert!(std::fs::metadata(&path).unwrap().len() > 0, "{view} {end}");
                    std::fs::remove_file(&path).unwrap();
                }
            }
            let [json, tensors] = ["out.json", "out.safetensors"].map(|name| path_in(&folder, name));
            for saved in [&json, &tensors] {
                assert!(printed(&run(&["show", saved])).contains("no attributed tokens"));
                assert!(printed(&run(&["info", saved])).contains("sequences"));
                let [merged, converted, aggregated, difference] =
                    ["merged.json", "converted.json", "aggregated.json", "difference.json"]
                        .map(|name| path_in(&folder, name));
                printed(&run(&["merge", saved, saved, "-o", &merged]));
                printed(&run(&["convert", saved, &converted]));
                printed(&run(&["aggregate", saved, "-o", &aggregated]));
                for aggregator in ["subwords", "absmax", "mean"] {
                    printed(&run(&["aggregate", saved, "--attribution-aggregators", aggregator, "-o", "-"]));
                }
                printed(&run(&["diff", saved, saved, "-o", &difference]));
                for (path, count) in [(&merged, 6), (&converted, 3), (&aggregated, 3), (&difference, 3)] {
                    let result = AttributionResult::load(path).unwrap();
                    assert_eq!(result.sequences.len(), count);
                    assert_eq!(result.sequences[1].steps(), 0, "{path}");
                    std::fs::remove_file(path).unwrap();
                }
                let alone = ["show", saved, "--sequences", "1"];
                assert!(printed(&run(&alone)).contains("no attributed tokens"));
                let pair = ["show", saved, "--view", "pair", "--against", saved];
                assert!(printed(&run(&pair)).contains("no attributed tokens"));
            }
            let piped = printed_but_warned(&with_a_short_text(&model, &[&common[..], &["-o", "-"]].concat()));
            assert!(printed(&with_input(&["show", "-"], piped.as_bytes())).contains("no attributed tokens"));
        }
        let compared = with_a_short_text(&model, &["-s", start, "--methods", "saliency", "occlusion"]);
        let compared = [&["compare"], &compared[1..]].concat();
        assert!(printed_but_warned(&compared).contains("the cat sat"));
        let plan = printed_but_warned(&with_a_short_text(&model, &["-s", start, "--dry-run"]));
        let row: Vec<&str> = plan.lines().nth(2).unwrap().split_whitespace().collect();
        assert!(row.contains(&"0"), "{plan}");
    }
}

#[test]
fn positions_that_no_text_has_are_an_error() {
    let model = model("t5");
    for (positions, expected) in [
        (["-s", "40", "-e", "50"], "--start-pos is 40"),
        (["-s", "-40", "-e", "3"], "--start-pos is"),
        (["-s", "0", "-e", "3"], "--start-pos is 0"),
        (["-s", "2", "-e", "-40"], "--end-pos"),
    ] {
        let (said, code) = complaint(&run(&attribute(&model, &positions)));
        assert!(code == 1 && said.contains(expected) && said.contains("the cat sat"), "{said}");
    }
    // No text is needed to see it.
    let (said, code) = complaint(&run(&attribute(&model, &["-s", "3", "-e", "3"])));
    assert!(code == 1 && said.contains("--end-pos (3) must lie after --start-pos (3); no text has"), "{said}");
}
