//! What the program warns of on standard error.

mod program;

use program::{complaint, fixture, printed, run, warnings};

#[test]
fn a_cut_text_is_said_once_by_every_command() {
    let model = fixture("architectures/mbart");
    let text = "the cat sat ".repeat(30);
    let text = ["-m", &model, "-i", text.trim(), "-g", "the dog"];
    let call =
        |first: &[&'static str], last: &[&'static str]| -> Vec<String> { warnings(&[first, &text[..], last].concat()) };
    let expected =
        ["warning: input text 1 has 92 tokens, but the model has 48 positions: 44 tokens were cut off at its end"];
    assert_eq!(call(&["attribute"], &["--truncate", "--hide"]), expected);
    assert_eq!(call(&["attribute"], &["--truncate", "--dry-run"]), expected);
    assert_eq!(call(&["compare"], &["--truncate", "--methods", "saliency", "input_x_gradient"]), expected);
    let (message, code) = complaint(&run(&[&["attribute"], &text[..]].concat()));
    assert!(message.contains("input text 1 has 92 tokens") && message.contains("--truncate") && code == 1, "{message}");
}

#[test]
fn misspelt_arguments_are_said_with_the_nearest() {
    for (flag, argument, near) in [
        ("--attribution-kwargs", r#"{"abz": false}"#, "abs"),
        ("--model-kwargs", r#"{"revison": "main"}"#, "revision"),
        ("--tokenizer-kwargs", r#"{"source_lang": "en"}"#, "src_lang"),
    ] {
        let said = warnings(&["attribute", "-i", "The doors are white.", "--hide", flag, argument]);
        assert!(said.len() == 1 && said[0].ends_with(&format!("(did you mean `{near}`?)")), "{said:?}");
    }
    let far = warnings(&["attribute", "-i", "The doors are white.", "--hide", "--model-kwargs", r#"{"x": 1}"#]);
    assert!(far.len() == 1 && far[0].contains("`x` has no effect here") && !far[0].contains("did you mean"), "{far:?}");
}

#[test]
fn fields_of_the_generation_are_said_where_a_text_is_generated() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("architectures/gpt2")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let file = folder.path().join("generation_config.json");
    let attribute = |more: &[&'static str]| {
        let first = ["attribute", "-m", folder.path().to_str().unwrap(), "-i", "the cat", "-a", "dummy", "--hide"];
        warnings(&[&first[..], more].concat())
    };
    std::fs::write(&file, r#"{"penalty_alpha": 0.6, "top_k": 4, "max_new_tokens": 3, "do_sample": true}"#).unwrap();
    let expected = [
        "warning: generation_config.json: `penalty_alpha` is 0.6, which is not supported: the text is generated without",
    ];
    assert_eq!(attribute(&[]), expected);
    assert_eq!(attribute(&["-g", "the cat sat"]), [""; 0]);
    std::fs::write(&file, "{\n\u{1b}[31m").unwrap();
    let said = attribute(&["-g", "the cat sat"]);
    assert!(said.len() == 1 && said[0].starts_with("warning: generation_config.json: ") && !said[0].contains('\u{1b}'));
}

#[test]
fn chats_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("architectures/gpt2")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    std::fs::write(folder.path().join("chat_template.jinja"), "the {{ messages[0].content }} on<|endoftext|>").unwrap();
    let model = folder.path().to_str().unwrap();
    let compare = |more: &[&str]| {
        let first = ["compare", "-m", model, "--methods", "saliency", "input_x_gradient", "--generation-kwargs"];
        printed(&run(&[&first[..], &[r#"{"max_new_tokens": 3}"#, "--chat", "-i", "cat"], more].concat()))
    };
    let generated = compare(&[]);
    assert!(generated.contains("the cat on") && generated.contains("input_x_gradient"), "{generated}");
    // The special token of the template is there, and is one token.
    let rows = |table: &str| table.lines().filter(|line| line.contains("<|endoftext|>")).count();
    assert_eq!(rows(&generated), 1, "{generated}");
}

#[test]
fn a_damaged_tokenizer_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("architectures/gpt2")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let file = folder.path().join("tokenizer.json");
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    // A trie of one unit that points far behind its end, at which the crate panics.
    json["normalizer"] = serde_json::json!({ "type": "Precompiled", "precompiled_charsmap": "BAAAAP////94AA==" });
    std::fs::write(&file, json.to_string()).unwrap();
    let attribute = ["attribute", "-m", folder.path().to_str().unwrap(), "-i", "the cat", "-g", "the cat sat"];
    let (message, code) = complaint(&run(&attribute));
    assert!(message.contains("its rules are damaged") && code == 1, "{message}");
}

#[test]
fn a_memory_budget_of_nothing_is_refused() {
    let (message, code) = complaint(&run(&["attribute", "-i", "the cat", "--memory-budget", "0"]));
    assert!(message.starts_with("error: --memory-budget is 0; expected ") && code == 1, "{message}");
}

#[test]
fn a_line_end_that_the_vocabulary_lacks_is_named() {
    // transformers reads `▁the <unk> c a t ▁sat` there.
    let model = fixture("architectures/llama");
    let said = warnings(&["attribute", "-m", &model, "-i", "the\ncat", "-g", "the\ncat sat", "--hide"]);
    assert_eq!(said, [r#"warning: generated text 1: the tokenizer has no tokens for "\n": it reads `<unk>` there"#]);
}

#[test]
fn a_function_without_a_value_is_the_reason_of_scores_without_one() {
    let model = fixture("architectures/gpt2");
    let text = ["attribute", "-m", &model, "-i", "the cat", "-g", "the cat sat", "--hide"];
    let of_function = warnings(&[&text[..], &["-fn", "log(prob(target)-prob(target))"]].concat());
    assert!(
        of_function.len() == 1
            && of_function[0].contains("`log(prob(target)-prob(target))` is NaN or infinite at a step"),
        "{of_function:?}"
    );
    let of_score = warnings(&[&text[..], &["--step-scores", "log(prob(target)-prob(target))", "probability"]].concat());
    let expected = "warning: text 1 of 1: NaN or infinite at a step, as step scores: `log(prob(target)-prob(target))`";
    assert_eq!(of_score, [expected]);
}
