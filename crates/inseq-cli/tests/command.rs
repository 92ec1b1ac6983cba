//! The `inseq` program, as a person or a script runs it.
#![cfg(feature = "demo")]

mod program;

use std::path::Path;
use std::process::{Command, Stdio};

use inseq_core::{AttributionKind, AttributionResult};
use program::{complaint, fixture, inseq, path_in, printed, run, with_input};

const TEXT: &str = "The tired nurse said that she was late.";

#[test]
fn the_demo_translates_and_shows_a_map() {
    let map = printed(&run(&["attribute", "-i", TEXT]));
    for word in ["nurse", "she", "infirmière"] {
        assert!(map.contains(word), "{word} in:\n{map}");
    }
    assert!(!map.contains('\u{1b}'), "no escape sequences in a pipe");
    let colored = printed(&run(&["attribute", "-i", TEXT, "--color", "always"]));
    assert!(colored.contains("\u{1b}["), "colours where they are asked for");
    let declined = inseq(&["attribute", "-i", TEXT]).env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(!printed(&declined).contains('\u{1b}'), "NO_COLOR counts most");
}

#[test]
fn a_command_line_of_the_reference_runs_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let (json, html) = (path_in(&folder, "out.json"), path_in(&folder, "out.html"));
    let output = run(&[
        "attribute",
        "--attribution_method",
        "integrated_gradients",
        "--attribution_kwargs",
        r#"{"n_steps": 4, "logprob": true}"#,
        "--dev",
        "cpu",
        "-fn",
        "probability",
        "--step_scores",
        "probability",
        "entropy",
        "-bs",
        "2",
        "--generation_kwargs",
        r#"{"num_beams": 2}"#,
        "--attribute_target",
        "--eos",
        "yes",
        "--hide",
        "--save_path",
        &json,
        "--viz_path",
        &html,
        "-i",
        TEXT,
        "The doors are white.",
    ]);
    assert_eq!(printed(&output), "");
    let result = AttributionResult::load(&json).unwrap();
    assert_eq!(result.sequences.len(), 2);
    assert_eq!(result.info.to_map()["attribution_method"], "integrated_gradients");
    assert_eq!(result.info.to_map()["attributed_fn_args"]["logprob"], true);
    assert_eq!(result.info.to_map()["attribution_args"]["n_steps"], 4);
    for sequence in &result.sequences {
        assert_eq!(sequence.kind, AttributionKind::Granular);
        assert!(sequence.target_attributions.is_some());
        assert_eq!(sequence.step_scores.keys().collect::<Vec<_>>(), ["probability", "entropy"]);
        assert!(sequence.step_scores["probability"].iter().all(|&p| p < 0.0), "logarithms, as asked for");
    }
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("nurse") && page.contains("blanches"));
}

#[test]
fn results_go_through_pipes() {
    let json = run(&["attribute", "-i", "-", "--save-path", "-"]);
    assert_eq!(complaint(&json).1, 1, "standard input is empty");
    let output = with_input(
        &["attribute", "-i", "-", "--save-path", "-"],
        format!("{TEXT}\n\nThe doors are white.\n").as_bytes(),
    );
    let json = printed(&output);
    let result = AttributionResult::read(json.as_bytes(), &inseq_core::LoadOptions::default()).unwrap();
    assert_eq!(result.sequences.len(), 2, "empty lines are no texts");
    let map = printed(&with_input(&["show", "-"], json.as_bytes()));
    assert!(map.contains("text 1 of 2") && map.contains("blanches"), "{map}");
}

#[test]
fn a_saved_result_is_shown_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (saved, html) = (path_in(&folder, "out.json.gz"), path_in(&folder, "out.html"));
    let map = printed(&run(&["attribute", "-i", TEXT, "-o", &saved]));
    assert_eq!(&std::fs::read(&saved).unwrap()[..2], [0x1f, 0x8b], "gzipped, as its name says");
    assert_eq!(printed(&run(&["show", &saved, "--viz-path", &html])), map);
    assert!(std::fs::read_to_string(&html).unwrap().contains("nurse"));
    let aggregated = path_in(&folder, "aggregated.json");
    assert_eq!(printed(&run(&["attribute", "-i", TEXT, "-o", &aggregated, "--aggregate-output"])), map);
    assert_eq!(AttributionResult::load(&aggregated).unwrap().sequences[0].kind, AttributionKind::Coarse);
    assert_eq!(printed(&run(&["show", &aggregated])), map, "aggregated once, not twice");
}

#[test]
fn aggregators_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, summed) = (path_in(&folder, "raw.json"), path_in(&folder, "summed.json"));
    printed(&run(&["attribute", "-i", TEXT, "-a", "input_x_gradient", "-o", &raw, "--hide"]));
    let line = [
        "attribute",
        "-i",
        TEXT,
        "-a",
        "input_x_gradient",
        "-o",
        &summed,
        "--attribution_aggregators",
        "sum",
        "--hide",
    ];
    printed(&run(&line));
    let scores = |path: &str| AttributionResult::load(path).unwrap().sequences[0].source_attributions.clone().unwrap();
    let expected = scores(&raw).sum_axis(ndarray::Axis(2));
    for (got, expected) in scores(&summed).iter().zip(&expected) {
        assert!((got - expected).abs() <= 1e-6 * expected.abs().max(1e-3), "{got} is not {expected}");
    }
}

#[test]
fn errors_are_one_line_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let no_folder = path_in(&folder, "missing/out.json");
    for (arguments, expected) in [
        (vec!["-i", TEXT, "-a", "salency"], "did you mean `saliency`?"),
        (vec!["-i", TEXT, "-fn", "probabilty"], "did you mean `probability`?"),
        (vec!["-i", TEXT, "--device", "abacus"], "unknown device `abacus`"),
        (vec!["-i", TEXT, "--device", "cpuu"], "(did you mean `cpu`?)"),
        (vec!["-i", TEXT, "--generation-kwargs", r#"{"num_beamz": 2}"#], "is unknown; choose from max_length, "),
        (vec!["-i", TEXT, "--generation-kwargs", r#"{"num_beamz": 2}"#], "(did you mean `num_beams`?)"),
        (vec!["-i", "", "--hide"], "input text 1 is empty"),
        (vec!["-i", TEXT, "-g", "un", "deux"], "2 generated texts are given for 1 input texts"),
        (vec!["-i", TEXT, "-s", "99"], "--start-pos is 99"),
        (vec!["-i", TEXT, "-bs", "0"], "must be at least 1"),
        (vec!["-i", TEXT, "-o", &no_folder], "make it first"),
        (vec!["-i", TEXT, "--attribution_aggregators", "median"], "choose from scores, spans"),
    ] {
        let arguments: Vec<&str> = ["attribute"].into_iter().chain(arguments).collect();
        let output = run(&arguments);
        let (line, code) = complaint(&output);
        assert!(line.starts_with("error: ") && line.contains(expected), "{arguments:?}: {line}");
        assert_eq!(code, 1, "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    let (line, code) = complaint(&run(&["show", &path_in(&folder, "nothing.json")]));
    assert!(line.contains("nothing.json") && code == 1, "{line}");
    for (flag, value, expected) in [
        ("--attribution-kwargs", "[1]", "expected a JSON object such as {\"n_steps\": 100}, found [1]"),
        ("--attribution-kwargs", r#"{"n_steps": 5, "n_steps": 50}"#, "`n_steps` is there twice"),
        ("--generation-kwargs", r#"{"num_beams": 1, "num_beams": 4}"#, "`num_beams` is there twice"),
        ("--memory-budget", "100000000000000000000000GiB", "expected a size that a machine has"),
        ("--memory-budget", "much", "expected a number and a unit, such as 512MiB or 2GB"),
    ] {
        let usage = run(&["attribute", flag, value, "-i", TEXT]);
        let said = String::from_utf8_lossy(&usage.stderr);
        assert!(usage.status.code() == Some(2) && said.contains(expected), "{flag} {value}: {said}");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn what_there_is_can_be_listed_and_explained() {
    let methods = printed(&run(&["list", "methods"]));
    assert_eq!(methods.lines().count(), 1 + inseq_methods::list_methods().len(), "{methods}");
    assert!(printed(&run(&["list", "step-functions"])).contains("crossentropy"));
    assert!(printed(&run(&["list", "models"])).contains("marian"));
    assert!(printed(&run(&["list", "devices"])).contains("flex"));
    assert!(printed(&run(&["explain", "integrated_gradients"])).contains("arxiv.org/abs/1703.01365"));
    assert!(printed(&run(&["explain", "perplexity"])).starts_with("perplexity: "));
    assert!(printed(&run(&["list", "aggregators"])).contains("split_pattern"));
    assert!(printed(&run(&["explain", "subwords"])).contains("special_chars"));
    assert!(complaint(&run(&["explain", "nothing"])).0.contains("methods: saliency"));
    assert!(complaint(&run(&["explain", "salency"])).0.ends_with("(did you mean `saliency`?)"));
    assert!(printed(&run(&["completions", "bash"])).contains("complete -o nospace"));
    assert!(printed(&run(&["--version"])).contains(env!("CARGO_PKG_VERSION")));
    let help = printed(&run(&["attribute", "--help"]));
    for flag in ["--attribution-method", "--save-path", "--hide", "Examples:"] {
        assert!(help.contains(flag), "{flag} in:\n{help}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let mut child = inseq(&["attribute", "-i", TEXT]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = path_in(&folder, "out.json");
    let line = ["attribute", "-i", TEXT, "-a", "integrated_gradients", "-vv", "-o", &out, "--attribution-kwargs"];
    // Far more points than there is time for, in batches small enough to be interrupted.
    let slow = r#"{"n_steps": 100000, "method": "riemann_right", "internal_batch_size": 4}"#;
    let mut child = inseq(&line).arg(slow).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&mut child, "an interrupt now stops the work");
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!Path::new(&out).exists());
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

/// Waits until the program says a line with these words.
#[cfg(unix)]
fn wait_for(child: &mut std::process::Child, words: &str) {
    use std::io::Read as _;
    let stderr = child.stderr.as_mut().unwrap();
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !(said.ends_with(b"\n") && String::from_utf8_lossy(&said).contains(words)) {
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
}

#[test]
fn a_chat_is_put_into_the_words_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("architectures/gpt2")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let model = folder.path().to_str().unwrap();
    let (text, _) = complaint(&run(&["attribute", "-m", model, "-i", "the cat", "--chat"]));
    assert!(text.contains("no chat template"), "{text}");

    let template = "{{ bos_token }}{{ messages[0].content }}{{ '?' if add_generation_prompt }}";
    std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    let call = ["attribute", "-m", model, "-i", "the cat", "--chat", "--save-path", "-"];
    let target = |more: &[&str]| -> String {
        let saved = printed(&run(&[&call, more].concat()));
        let result = AttributionResult::read(saved.as_bytes(), &inseq_core::LoadOptions::default()).unwrap();
        let tokens = result.sequences[0].target.iter().map(|token| token.text.replace('Ġ', " "));
        tokens.collect()
    };
    let generated = target(&[]);
    let rest = generated.strip_prefix("<|endoftext|>the cat?").unwrap_or_else(|| panic!("{generated:?}"));
    assert!(!rest.is_empty() && !rest.starts_with("the cat"), "{generated:?}");
    assert_eq!(target(&["-g", " no."]), "<|endoftext|>the cat? no.");
}

#[test]
fn languages_are_refused_by_models_without() {
    for flag in ["--tgt_lang", "--src-lang"] {
        let (text, _) = complaint(&run(&["attribute", "-i", TEXT, flag, "fr_XX"]));
        assert!(text.contains("`fr_XX` cannot be chosen") && text.contains(">>fra<<"), "{text}");
    }
    let kwargs = ["attribute", "-i", TEXT, "--tokenizer-kwargs", "{\"tgt_lang\": 3}"];
    assert!(complaint(&run(&kwargs)).0.contains("`tgt_lang` must be a text, found 3"));
}

#[test]
fn groups_of_tokens_are_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let (file, spans) = (path_in(&folder, "result.json"), path_in(&folder, "spans.json"));
    let attribute = |groups: &str| {
        printed(&run(&["attribute", "-i", TEXT, "-a", "occlusion", "--feature-groups", groups, "-o", &file, "--hide"]));
        AttributionResult::load(&file).unwrap().sequences.swap_remove(0)
    };
    std::fs::write(&spans, r#"{"source": [[0, 3], [4, 6]]}"#).unwrap();
    let tokens = attribute("tokens").source.len();
    let sequence = attribute(&spans);
    assert_eq!(sequence.source.len(), tokens - 3);
    assert_eq!(sequence.source[0].text, "▁The▁tired▁nurse");
    assert_eq!(sequence.source_attributions.unwrap().shape()[0], tokens - 3);
    assert_eq!(attribute("sentences").source.len(), 2, "the sentence and its end");
    for (groups, expected) in
        [("wards", "words, sentences"), ("{}", "words, sentences"), ("sentense", "(did you mean `sentences`?)")]
    {
        let (message, code) = complaint(&run(&["attribute", "-i", TEXT, "--feature-groups", groups]));
        assert!(message.contains(expected) && code == 1, "{code} {message}");
    }
    std::fs::write(&spans, r#"{"source": [[0, 300]]}"#).unwrap();
    let (message, _) = complaint(&run(&["attribute", "-i", TEXT, "--feature-groups", &spans]));
    assert!(message.contains("source span 1 of its feature groups is [0, 300]"), "{message}");
}

#[test]
fn spans_of_the_output_are_one_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = path_in(&folder, "result.json");
    let attribute = |spans: &str| {
        printed(&run(&["attribute", "-i", TEXT, "--target-spans", spans, "-o", &file, "--hide"]));
        AttributionResult::load(&file).unwrap()
    };
    let tokens = attribute("tokens").sequences.swap_remove(0);
    for (spans, steps) in [("whole", 1), ("sentences", 2), ("chars 0..4", 1)] {
        let result = attribute(spans);
        let sequence = &result.sequences[0];
        assert_eq!(sequence.steps(), steps, "{spans}");
        assert_eq!(sequence.source_attributions.as_ref().unwrap().shape()[..2], [tokens.source.len(), steps]);
        assert_eq!(result.info.target_spans.as_deref(), Some(spans));
    }
    let refused = run(&["attribute", "-i", TEXT, "--target-spans", "chars"]);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && message.contains("'--target-spans <SPANS>'"), "{message}");
    assert!(message.contains("chars 10..40"), "{message}");
    let (message, _) = complaint(&run(&["attribute", "-i", TEXT, "--target-spans", "chars 5..900"]));
    assert!(message.contains("the target span 5..900"), "{message}");
}

/// The fit of KernelSHAP and LIME has no unknowns where one word can change, or none.
#[test]
fn one_word_is_explained_by_every_method() {
    let arguments = ["attribute", "-i", "nurse", "-g", "infirmière", "--attribute-target", "-a"];
    let methods = ["kernel_shap", "lime", "shapley_value_sampling", "partition_shap", "occlusion"];
    for method in methods {
        assert!(printed(&run(&[&arguments[..], &[method]].concat())).contains("nurse"), "{method}");
    }
    let compared = printed(&run(&[&["compare", "-i", "nurse", "--methods"][..], &methods].concat()));
    assert!(methods.iter().all(|method| compared.contains(method)), "{compared}");
}

#[test]
fn a_dry_run_says_what_every_method_takes() {
    let methods = printed(&run(&["list", "methods"]));
    for method in methods.lines().skip(1).filter_map(|line| line.split_whitespace().next()) {
        let table = printed(&run(&["attribute", "-i", TEXT, "-g", "Salut.", "-a", method, "--dry-run"]));
        let mut lines = table.lines().map(str::trim_end);
        let header = lines.next().unwrap();
        let row = lines.next().unwrap();
        let column = |name: &str, next: Option<&str>| {
            let [start, end] = [Some(name), next].map(|name| name.map_or(row.len(), |name| header.find(name).unwrap()));
            row[start..end].trim()
        };
        let forwards = column("FORWARDS", Some("PULLBACKS"));
        let bounds: Vec<usize> = forwards.split(" to ").map(|number| number.parse().unwrap()).collect();
        assert!(bounds[0] >= 1 && bounds.is_sorted(), "{method}: {table}");
        // Only ReAGent goes on for as long as it finds nothing.
        assert_eq!(bounds.len(), if method == "reagent" { 2 } else { 1 }, "{method}: {table}");
        column("PULLBACKS", Some("MEMORY")).parse::<usize>().unwrap();
        let time = column("ABOUT", None);
        assert!(time.ends_with([' ', 's', 'h', 'd', 'n']) && time.contains(' '), "{method}: {table}");
    }
}
