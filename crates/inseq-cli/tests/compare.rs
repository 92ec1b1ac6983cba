//! Methods side by side, and chats from a file.

mod program;

use std::fs;

use inseq_core::{AttributionResult, LoadOptions, Tolerance};
use program::{complaint, fixture, path_in, printed, run, with_input};

const CAT: &str = "the cat sat on the mat";

fn model(name: &str) -> String {
    fixture(&format!("architectures/{name}"))
}

/// The cells of the tables of one text, a line each.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn methods_come_first_or_behind_a_flag() {
    let model = model("gpt2");
    let of_text = ["-m", &model, "-i", "the cat", "-g", CAT];
    let methods = ["saliency", "occlusion"];
    let first = printed(&run(&[&["compare"], &methods[..], &of_text].concat()));
    assert!(first.contains("saliency") && !first.contains("attention"), "{first}");
    for flag in ["-a", "--methods", "--attribution-methods", "--attribution_method"] {
        assert_eq!(printed(&run(&[&["compare"], &of_text[..], &[flag], &methods].concat())), first, "{flag}");
    }
    assert!(printed(&run(&[&["compare"], &of_text[..]].concat())).contains("integrated_gradients"), "the usual ones");
    let (said, code) = complaint(&run(&["compare", "-m", &model, "-i", "the cat", "saliency", "occlusion"]));
    assert!(said.contains("`saliency` stands among the input texts") && said.contains("-a") && code == 1, "{said}");
    let (said, _) = complaint(&run(&[&["compare", "salency"], &of_text[..]].concat()));
    assert!(said.contains("did you mean `saliency`?"), "{said}");
    let (said, code) = complaint(&run(&[&["compare", "saliency", "dummy"], &of_text[..]].concat()));
    assert!(said.contains("`dummy` attributes nothing") && code == 1, "{said}");
    let twice = run(&[&["compare", "saliency"], &of_text[..], &["-a", "occlusion"]].concat());
    assert_eq!(twice.status.code(), Some(2));
}

#[test]
fn shares_and_correlations_are_those_of_the_saved_scores() {
    let (model, folder) = (model("t5"), tempfile::tempdir().unwrap());
    let file = path_in(&folder, "a.json");
    let of_text = ["-m", &model, "-i", "the cat", "-g", CAT, "-s", "2", "-e", "3"];
    let text = printed(&run(&[&["compare", "occlusion", "saliency"], &of_text[..]].concat()));
    let table = rows(&text);
    assert_eq!(table[0].join(" "), CAT);
    let shares = |column: usize| -> Vec<f32> {
        let cells = table.iter().skip(4).take_while(|row| row.len() == 3);
        cells.map(|row| row[column].parse().unwrap()).collect()
    };
    for (column, method) in [(1, "occlusion"), (2, "saliency")] {
        printed(&run(
            &[&["attribute", "-a", method, "-o", &file, "--aggregate-output", "--hide"], &of_text[..]].concat()
        ));
        let scores = AttributionResult::load(&file).unwrap().sequences.swap_remove(0).source_attributions.unwrap();
        // One step, so that its share is the mean.
        let total: f32 = scores.iter().map(|score| score.abs()).sum();
        let expected: Vec<f32> = scores.iter().map(|score| score.abs() / total).collect();
        let found = shares(column);
        assert_eq!(found.len(), expected.len(), "{text}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 6e-4, "{method}: {found} is not {expected}\n{text}");
        }
    }
    let last: Vec<&Vec<&str>> = table.iter().filter(|row| row.len() == 3 && row[0] == "occlusion").collect();
    assert_eq!(last[0][1], "1.00", "a method agrees with itself: {text}");
}

#[test]
fn what_is_accepted_has_an_effect() {
    let model = model("gpt2");
    let of_text =
        ["compare", "saliency", "input_x_gradient", "-m", &model, "-i", "the house", "-g", "the house sat on"];
    let plain = printed(&run(&of_text));
    for flags in [
        &["-s", "4", "-e", "5"][..],
        &["--attributed-fn", "logit"],
        &["--attribution-aggregators", "vnorm", "subwords"],
        &["--feature-groups", "words"],
        &["--truncate", "-s", "5"],
        &["--attribution-kwargs", r#"{"abs": false, "clean_special_chars": true}"#],
    ] {
        let other = printed(&run(&[&of_text[..], flags].concat()));
        assert!(other != plain && other.contains("Spearman"), "{flags:?}: {other}");
    }
    let words = printed(&run(&[&of_text[..], &["--attribution-aggregators", "vnorm", "subwords"]].concat()));
    assert!(rows(&words).len() < rows(&plain).len(), "{words}");
    let verbose = run(&[&of_text[..], &["-v"]].concat());
    assert!(String::from_utf8(verbose.stderr).unwrap().contains("attributed by saliency"));
    for flags in [
        &["-o", "a.json"][..],
        &["--viz-path", "a.html"],
        &["--view", "tokens"],
        &["--show-tokens", "1"],
        &["--hide"],
        &["--color", "never"],
        &["--aggregate-output"],
        &["--step-scores", "probability"],
        &["--dry-run"],
        &["--output-step-attributions"],
        &["--weight-attributions", "probability"],
    ] {
        let output = run(&[&of_text[..], flags].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains("unexpected argument"), "{flags:?}: {said}");
    }
    let (said, _) = complaint(&run(&[&of_text[..], &["--attribution-selectors", "1"]].concat()));
    assert!(said.contains("--attribution-aggregators"), "{said}");
}

/// GPT-2's fixture with a template that writes roles.
fn chat_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(model("gpt2")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let template =
        "{% for m in messages %}{{ m.role[:1] }} {{ m.content }} {% endfor %}{{ 'a' if add_generation_prompt }}";
    fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    folder
}

#[test]
fn chats_come_from_a_file() {
    let folder = chat_model();
    let model = folder.path().to_str().unwrap();
    let file = path_in(&folder, "chats.json");
    let system = r#"{"role": "system", "content": "the dog"}"#;
    let cat = r#"{"role": "user", "content": "the cat"}"#;
    let chats = format!(r#"[[{system}, {cat}], [{cat}, {{"role": "assistant", "content": "sat"}}, {cat}]]"#);
    fs::write(&file, &chats).unwrap();
    let call = |path: &'_ str| -> Vec<String> {
        let line = ["attribute", "-m", model, "--chat-file", path, "-o", "-", "-g", " sat", " sat on"];
        line.iter().map(|word| (*word).to_owned()).collect()
    };
    let line = call(&file);
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let json = printed(&run(&line));
    let result = AttributionResult::read(json.as_bytes(), &LoadOptions::default()).unwrap();
    assert_eq!(result.info.to_map()["input_texts"][0], "s the dog u the cat a");
    assert_eq!(result.info.to_map()["generated_texts"][1], "u the cat a sat u the cat a sat on");
    let piped = call("-");
    let piped: Vec<&str> = piped.iter().map(String::as_str).collect();
    let again = printed(&with_input(&piped, chats.as_bytes()));
    let again = AttributionResult::read(again.as_bytes(), &LoadOptions::default()).unwrap();
    for (one, other) in result.sequences.iter().zip(&again.sequences) {
        assert!(one.is_close(other, Tolerance::EXACT));
    }
    let compared =
        printed(&run(&["compare", "saliency", "occlusion", "-m", model, "--chat-file", &file, "-g", " sat", " on"]));
    assert!(compared.contains("s the dog u the cat a sat\n"), "{compared}");

    for (json, expected) in [
        (r#"[{"role": "user"}]"#, "chats.json: chat 1, message 1: `content` is missing"),
        ("3", "found a number"),
        ("[", "a list (line 1"),
    ] {
        fs::write(&file, json).unwrap();
        let (said, code) = complaint(&run(&line));
        assert!(said.contains(expected) && code == 1, "{said}");
    }
    let (said, _) = complaint(&run(&["attribute", "-m", model, "--chat-file", &path_in(&folder, "no.json")]));
    assert!(said.contains("no.json"), "{said}");
    for more in [&["-i", "a"][..], &["--chat"]] {
        let output = run(&[&["attribute", "-m", model, "--chat-file", &file], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}");
    }
    let both = ["attribute", "-m", model, "--chat-file", "-", "--feature-groups", "-"];
    assert!(complaint(&run(&both)).0.contains("named twice"));
}

#[test]
fn steps_are_weighted_by_a_score_of_theirs() {
    let (model, folder) = (model("gpt2"), tempfile::tempdir().unwrap());
    let [raw, weighted, shown] = ["raw.json", "weighted.json", "shown.json"].map(|name| path_in(&folder, name));
    let of_text =
        ["attribute", "-m", &model, "-i", "the cat", "-g", CAT, "--step-scores", "probability", "--hide", "-o"];
    printed(&run(&[&of_text[..], &[&raw]].concat()));
    printed(&run(&[&of_text[..], &[&weighted, "--weight-attributions", "probability"]].concat()));
    printed(&run(&["aggregate", &raw, "-o", &shown, "--weight_attributions", "probability"]));
    let sequence = |path: &str| AttributionResult::load(path).unwrap().sequences.swap_remove(0);
    let (plain, found) = (sequence(&raw).aggregate().unwrap(), sequence(&weighted));
    // As the reference's `weight_attributions`: the aggregated scores of a step times its score.
    let expected = plain.target_attributions.unwrap() * &plain.step_scores["probability"];
    for scores in [found.target_attributions.unwrap(), sequence(&shown).target_attributions.unwrap()] {
        for (found, expected) in scores.iter().zip(&expected) {
            assert!(found == expected || found.is_nan() && expected.is_nan(), "{found} is not {expected}");
        }
    }
    let page = path_in(&folder, "page.html");
    let map = printed(&run(&["show", &raw, "--weight-attributions", "probability", "--viz-path", &page]));
    assert_ne!(map, printed(&run(&["show", &raw])));
    let (said, _) = complaint(&run(&["show", &raw, "--weight-attributions", "entropy"]));
    assert!(said.contains("entropy") && said.contains("probability"), "{said}");
    let (said, _) = complaint(&run(&["attribute", "-i", "a", "--weight-attributions", "entropy"]));
    assert!(said.contains("add entropy to --step-scores"), "{said}");
    for flag in ["--weight-attributions", "--highlight"] {
        let line = ["attribute", "-i", "a", "--step-scores", "probability", "--view", "tokens", flag, "probabilty"];
        assert!(complaint(&run(&line)).0.ends_with("(did you mean `probability`?)"));
    }
    // Scores that have weights get no others.
    let (said, code) = complaint(&run(&["show", &weighted, "--weight-attributions", "probability"]));
    assert!(said.contains("by the step score `probability` already") && code == 1, "{said}");
    let (said, _) = complaint(&run(&["merge", &raw, &weighted, "-o", &shown]));
    assert!(said.contains("`weighted_by` is absent in the first, \"probability\" in number 2"), "{said}");
}

#[test]
fn a_method_that_was_not_asked_for_is_named_if_it_cannot_run() {
    let model = fixture("architectures/lfm2");
    let (said, code) = complaint(&run(&["compare", "-m", &model, "-i", "the cat sat"]));
    assert!(
        said.contains("attention: ") && said.contains("name the methods to compare with -a") && code == 1,
        "{said}"
    );
    let (said, _) = complaint(&run(&["compare", "-m", &model, "-i", "the cat sat", "-a", "attention"]));
    assert!(!said.contains("name the methods"), "{said}");
}

#[test]
fn an_aggregator_that_does_not_fit_a_method_is_said_with_the_method() {
    let line = ["compare", "saliency", "occlusion", "-i", "She was late.", "--attribution-aggregators", "vnorm"];
    let (said, code) = complaint(&run(&line));
    assert!(said.starts_with("error: occlusion: ") && said.contains("reduce by `vnorm`; leave it out"), "{said}");
    assert!(said.contains("without --attribution-aggregators") && code == 1, "{said}");
}
