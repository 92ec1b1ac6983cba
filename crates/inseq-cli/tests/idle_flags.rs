//! Flags that change nothing: errors where the command line shows it, warnings where the model, the method or the texts do.
#![cfg(feature = "demo")]

mod program;

use program::{complaint, fixture, path_in, run, warnings};

const TEXT: [&str; 4] = ["-i", "The doors are white.", "-g", "Les portes sont blanches."];

#[test]
fn numbers_that_show_nothing_are_refused_before_the_work() {
    for (flags, expected) in [
        (&["--top-tokens", "0"][..], "--top-tokens is 0; expected 1 or more"),
        (&["--view", "tokens", "--wrap-after", "0"], "--wrap-after is 0; expected 1 or more"),
        (&["--view", "granular", "--max-show-size", "0"], "--max-show-size is 0; expected 1 or more"),
        (&["--min-value", "nan"], "--min-value is NaN or infinite; expected a finite score"),
        (&["--max-value", "inf"], "--max-value is NaN or infinite; expected a finite score"),
        (&["--min-value", "2", "--max-value", "1"], "found 2..1"),
        (&["--batch-size", "0"], "--batch-size must be at least 1"),
        (&["--memory-budget", "0"], "--memory-budget is 0"),
    ] {
        let line = [&["attribute"], &TEXT[..], flags].concat();
        let (message, code) = complaint(&run(&line));
        assert!(message.contains(expected) && code == 1, "{message}");
    }
    for flags in [["--replace", "=a"], ["--slice-dims", "layer=2:2"]] {
        assert_eq!(run(&[&["attribute"], &TEXT[..], &flags].concat()).status.code(), Some(2), "{flags:?}");
    }
}

#[test]
fn options_without_effect_on_the_model_or_the_method_are_warnings() {
    let gpt2 = fixture("architectures/gpt2");
    let prompt = ["attribute", "-m", &gpt2, "-i", "a dog ran", "-g", "a dog ran to the big house .", "--hide"];
    let of_gpt2 = |flags: &[&str]| warnings(&[&prompt[..], flags].concat());
    let demo = |flags: &[&str]| warnings(&[&["attribute", "--hide"], &TEXT[..], flags].concat());
    assert!(of_gpt2(&[]).is_empty() && demo(&["--attribute-target"]).is_empty());
    assert!(demo(&["-a", "integrated_gradients", "--eos", "--attribution-kwargs", r#"{"n_steps": 2}"#]).is_empty());
    for (found, expected) in [
        (of_gpt2(&["--attribute-target"]), "--attribute-target has no effect: a decoder-only model"),
        (of_gpt2(&["--eos"]), "--include-eos-baseline has no effect on the method `saliency`"),
        (of_gpt2(&["-a", "occlusion", "--eos"]), "no text has an end-of-sequence token among its inputs"),
        (demo(&["-a", "attention", "-fn", "logit"]), "--attributed-fn has no effect on the method `attention`"),
        (demo(&["--memory-budget", "1B"]), "more than --memory-budget (1 bytes) allows"),
    ] {
        assert!(found.len() == 1 && found[0].starts_with("warning: ") && found[0].contains(expected), "{found:?}");
    }
}

#[test]
fn flags_of_pictures_need_a_picture() {
    for (flags, expected) in [
        (&["--hide", "--top-tokens", "3"][..], "--top-tokens has no effect: --hide-attributions draws no map"),
        (&["-o", "-", "--color", "always"], "--color has no effect: the result takes the place of the map"),
        (&["--dry-run", "--hide-special"], "--hide-special has no effect: --dry-run draws nothing"),
        (&["--view", "links"], "--view links is not for a terminal"),
        (&["--view", "tokens", "--highlight", "entropy"], "add entropy to --step-scores"),
    ] {
        let (message, code) = complaint(&run(&[&["attribute"], &TEXT[..], flags].concat()));
        assert!(message.contains(expected) && code == 1, "{message}");
    }
}

#[test]
fn two_outputs_do_not_go_to_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let (one, same) = (path_in(&folder, "same"), path_in(&folder, "./same"));
    let (message, code) =
        complaint(&run(&[&["attribute"], &TEXT[..], &["-o", &one, "--viz-path", &same, "--hide"]].concat()));
    assert!(message.contains("--save-path and --viz-path both write to") && code == 1, "{message}");
    assert!(!folder.path().join("same").exists());
}

#[test]
fn options_of_files_need_a_file_that_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let csv = path_in(&folder, "out.csv");
    let steps = warnings(&[&["attribute", "--hide"], &TEXT[..], &["--output-step-attributions"]].concat());
    assert_eq!(steps, ["warning: --output-step-attributions has no effect without --save-path"]);
    let (message, code) =
        complaint(
            &run(&[&["attribute", "--hide"], &TEXT[..], &["-o", &csv, "--scores-precision", "float16"]].concat()),
        );
    assert!(message.contains("--scores-precision") && code == 1, "{message}");
    let (message, code) =
        complaint(&run(&[&["attribute", "--hide"], &TEXT[..], &["-o", &csv, "--output-step-attributions"]].concat()));
    assert!(message.contains("--output-step-attributions") && code == 1, "{message}");
}

#[test]
fn a_position_is_named_as_it_was_asked_for() {
    let (message, code) = complaint(&run(&[&["attribute"], &TEXT[..], &["-s", "-100"]].concat()));
    assert!(message.contains("--start-pos is -100, which is -9") && code == 1, "{message}");
    let (message, _) = complaint(&run(&[&["attribute"], &TEXT[..], &["-s", "3", "-e", "-100"]].concat()));
    assert!(message.contains("--end-pos (-100, which is -9"), "{message}");
}

#[test]
fn two_flags_that_say_the_same_must_agree() {
    for (flags, expected) in [
        (["--dtype", "f16", "--model-kwargs", r#"{"dtype": "bfloat16"}"#], "--dtype and `dtype` in --model-kwargs"),
        (
            ["--src-lang", "en", "--tokenizer-kwargs", r#"{"src_lang": "fr"}"#],
            "--src-lang and `src_lang` in --tokenizer-kwargs",
        ),
    ] {
        let (message, code) = complaint(&run(&[&["attribute"], &TEXT[..], &flags].concat()));
        assert!(message.contains(expected) && code == 1, "{message}");
    }
}
