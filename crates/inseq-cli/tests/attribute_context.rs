//! `inseq attribute-context`: result, picture, and what is refused.
#![cfg(feature = "demo")]

mod program;

use inseq_core::ContextAttribution;
use program::{complaint, path_in, printed, run, warnings};

/// A context and a text, of which the two most sensitive tokens are attributed.
const TEXTS: [&str; 10] = [
    "attribute-context",
    "--input_context_text",
    "The tired nurse left.",
    "--input_current_text",
    "She was late.",
    "--output_current_text",
    "Elle était en retard.",
    "--context_sensitivity_std_threshold=0",
    "--context_sensitivity_topk",
    "2",
];

/// The result of a call, from standard output.
fn result(more: &[&str]) -> ContextAttribution {
    ContextAttribution::read(printed(&run(&[&TEXTS[..], more, &["-o", "-"]].concat())).as_bytes()).unwrap()
}

#[test]
fn a_result_is_saved_with_its_arguments() {
    let found = result(&["-fn", "contrast_prob_diff", "--attribution_kwargs", r#"{"abs": false}"#]);
    assert_eq!(found.cci_scores.len(), 2);
    assert!(found.cci_scores.iter().all(|cues| cues.contrast_token.is_some() && cues.output_context_scores.is_none()));
    let info = found.info.unwrap();
    for (name, expected) in [
        ("attributed_fn", "contrast_prob_diff"),
        ("attribution_method", "saliency"),
        ("context_sensitivity_metric", "kl_divergence"),
        ("input_template", "{context} {current}"),
        ("output_template", "{current}"),
        ("handle_output_context_strategy", "manual"),
        ("decoder_input_output_separator", " "),
        ("device", "auto"),
        ("save_path", "standard output"),
    ] {
        assert_eq!(info.argument(name).and_then(|value| value.as_str()), Some(expected), "{name}");
    }
    assert_eq!(info.arguments["attribution_kwargs"], serde_json::json!({"abs": false}));
    assert_eq!(info.arguments["contextless_output_next_tokens"], serde_json::json!([]));
    assert_eq!(info.output_current_spans.map(|spans| spans.len()), Some(found.output_current_tokens.len()));
}

#[test]
fn aggregation_is_that_of_the_flags() {
    let sum = |of: &ContextAttribution| of.cci_scores[0].all_scores().map(f32::abs).sum::<f32>();
    let raw = result(&[]);
    let normalized = result(&["--normalize_attributions"]);
    assert!((sum(&normalized) - sum(&raw)).abs() > 1e-6 && sum(&normalized) < 1.0);
    let ratio = |of: &ContextAttribution| {
        let scores: Vec<f32> = of.cci_scores[0].all_scores().collect();
        scores[0] / scores[1]
    };
    assert!((ratio(&raw) - ratio(&normalized)).abs() < 1e-4);
    let named = result(&["--attribution_aggregators", "vnorm", "--normalize_attributions", "no"]);
    assert_eq!(named.cci_scores, raw.cci_scores);
    let words = complaint(&run(&[&TEXTS[..], &["--attribution_aggregators", "vnorm", "subwords"]].concat())).0;
    assert!(words.contains("leave out aggregators that merge"), "{words}");
}

#[test]
fn the_picture_is_printed_unless_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = path_in(&folder, "context.json");
    let picture = printed(&run(&[&TEXTS[..], &["-o", &file]].concat()));
    let saved = ContextAttribution::load(&file).unwrap();
    assert!(picture.contains("2 of 5 output tokens are context-sensitive by kl_divergence"), "{picture}");
    assert!(picture.contains("#1 ") && picture.contains("#2 ") && picture.contains("Input context"), "{picture}");
    assert!(saved.info.is_some());
    for flags in [&["--no_show_viz"][..], &["--show_viz", "no"], &["--show_viz=false"]] {
        assert_eq!(printed(&run(&[&TEXTS[..], flags].concat())), "", "{flags:?}");
    }
    let shown = printed(&run(&[&TEXTS[..], &["--show_intermediate_outputs", "--no_show_viz"]].concat()));
    assert!(shown.contains("kl divergence"), "{shown}");
    for flags in [&["--no_add_output_info"][..], &["--add_output_info", "no"]] {
        printed(&run(&[&TEXTS[..], &["-o", &file, "--no_show_viz"], flags].concat()));
        assert_eq!(ContextAttribution::load(&file).unwrap().info, None);
    }
    let page = path_in(&folder, "context.html");
    let printed_too = printed(&run(&[&TEXTS[..], &["--viz_path", &page]].concat()));
    assert_eq!(printed_too, picture);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("href=\"#cue-1\""));
    assert_eq!(printed(&run(&[&TEXTS[..], &["--viz_path", "-"]].concat())), page);
    for (name, start) in [("a.svg", "<svg"), ("a.tex", "% 2 of 5 output tokens"), ("a.png", "\u{fffd}PNG")] {
        let file = path_in(&folder, name);
        assert_eq!(printed(&run(&[&TEXTS[..], &["--viz_path", &file]].concat())), picture);
        assert!(String::from_utf8_lossy(&std::fs::read(&file).unwrap()).starts_with(start), "{name}");
    }
    let svg = printed(&run(&[&TEXTS[..], &["--viz_path", "-", "--viz-format", "svg"]].concat()));
    assert_eq!(svg, std::fs::read_to_string(path_in(&folder, "a.svg")).unwrap());
    let (said, _) = complaint(&run(&[&TEXTS[..], &["--viz_path", &path_in(&folder, "context.jpg")]].concat()));
    assert!(said.contains("pictures are .html, .svg, .png or .tex, not .jpg"), "{said}");
    let (said, _) = complaint(&run(&[&TEXTS[..], &["--viz_path", "-", "-o", "-"]].concat()));
    assert!(said.contains("both write to standard output"), "{said}");
}

#[test]
fn a_picture_does_not_change_what_is_saved() {
    // The reference saves the scores of both contexts in each list if it prints the picture.
    let folder = tempfile::tempdir().unwrap();
    let both = [&TEXTS[..], &["--output_context_text", "L'infirmière fatiguée est partie.", "-o"]].concat();
    let saved = |name: &str, flags: &[&str]| {
        let file = path_in(&folder, name);
        printed(&run(&[&both[..], &[&file, "--no_add_output_info"], flags].concat()));
        ContextAttribution::load(&file).unwrap()
    };
    let page = path_in(&folder, "page.html");
    let shown = saved("shown.json", &["--viz_path", &page]);
    assert_eq!(shown, saved("hidden.json", &["--no_show_viz"]));
    for cues in &shown.cci_scores {
        let [input, output] =
            [&cues.input_context_scores, &cues.output_context_scores].map(|s| s.as_ref().map(Vec::len));
        assert_eq!(input, shown.input_context_tokens.as_ref().map(Vec::len));
        assert_eq!(output, shown.output_context_tokens.as_ref().map(Vec::len));
    }
}

#[test]
fn the_device_is_that_of_the_flag() {
    // The reference does not pass it to the model.
    let (said, _) = complaint(&run(&[&TEXTS[..], &["--device", "abacus"]].concat()));
    assert!(said.contains("abacus"), "{said}");
    let found = result(&["--device", "flex"]);
    assert_eq!(found.info.unwrap().argument("device").and_then(|device| device.as_str()), Some("flex"));
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let generated = [&TEXTS[..5], &["--output_template", "{context} {current}"]].concat();
    let (said, code) = complaint(&run(&generated));
    assert!(
        said.contains("there is no terminal to ask") && said.contains("--output-context-text") && code == 1,
        "{said}"
    );
    let (said, _) = complaint(&run(&[&TEXTS[..], &["-fn", "pcxmi", "--prompt_user_for_c"]].concat()));
    assert!(said.contains("there is no terminal to ask"), "{said}");
}

#[test]
fn what_selects_nothing_says_so_in_flags() {
    let line = [&TEXTS[..7], &["--context_sensitivity_std_threshold", "9", "--no_show_viz"]].concat();
    let said = warnings(&line);
    assert!(said.len() == 1 && said[0].contains("no token of the output is context-sensitive"), "{said:?}");
    assert!(said[0].contains("--context-sensitivity-std-threshold") && said[0].contains("--context-sensitivity-topk"));
    for flag in ["--viz_path", "-o"] {
        let place = String::from_utf8(run(&[&line[..], &[flag, "-"]].concat()).stdout).unwrap();
        assert!(place.contains("no token of the output is context-sensitive: the threshold is"), "{place}");
        assert!(place.contains("of 0 with a `context_sensitivity_topk` of 1 selects it alone"), "{place}");
    }
}

#[test]
fn bad_input_is_named_in_flags() {
    for (line, expected) in [
        (&["--input_context_text", "a"][..], "--input-current-text is empty"),
        (
            &["--input_context_text", "a", "--input_current_text", "b", "--attribution-std-threshold", "nan"],
            "--attribution-std-threshold must be a finite number of standard deviations, found NaN",
        ),
        (&["--input_current_text", "a"], "there is no context to study: give --input-context-text"),
        (
            &["--input_current_text", "a", "--input_context_text", "b", "--input_template", "{context}"],
            "--input-template has no place for the text; write {current}",
        ),
        (
            &["--input_current_text", "a", "--input_template", "{context} {current}"],
            "--input-template has {context}, but there is no --input-context-text",
        ),
        (
            &[
                "--input_current_text",
                "a",
                "--output_template",
                "{context} {current}",
                "--handle_output_context_strategy",
                "pre",
            ],
            "--output-template has {context}, and with the strategy `pre`",
        ),
        (
            &[
                "--input_current_text",
                "a",
                "--input_context_text",
                "b",
                "--attribution_kwargs",
                r#"{"contrast_targets": "c"}"#,
                "-fn",
                "pcxmi",
            ],
            "`contrast_targets` (in --attribution-kwargs) says what the attributed function compares with",
        ),
    ] {
        let (said, code) = complaint(&run(&[&["attribute-context"], line].concat()));
        assert!(said.contains(expected) && code == 1, "{line:?}: {said}");
    }
}

#[test]
fn flags_without_effect_and_suffixes_are_named() {
    let said = warnings(&[&TEXTS[..], &["--contextless_output_next_tokens", "nuit", "--no_show_viz"]].concat());
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains(
            "--contextless-output-next-tokens has no effect: the attributed function probability compares with no"
        ) && said[0].contains("give a contrastive --attributed-fn"),
        "{said:?}"
    );
    let said = warnings(&[&TEXTS[..], &["--output_template", "{current} Fin.", "--no_show_viz"]].concat());
    assert!(
        said.iter().any(|said| said.contains("the suffix \" Fin.\" of --output-template has no effect")),
        "{said:?}"
    );
}
