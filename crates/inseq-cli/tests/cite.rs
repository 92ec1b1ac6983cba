//! `inseq cite`: the answer with its citations, on a terminal and as a file.
#![cfg(feature = "demo")]

mod program;

use inseq_core::Citations;
use program::{complaint, fixture, path_in, printed, run, warnings, with_input};

const WHITE: &str = "The doors are white.";
const LATE: &str = "The tired nurse said that she was late.";
const ANSWER: &str = "Les portes sont blanches. L'infirmière fatiguée a dit qu'elle était en retard.";

#[test]
fn sentences_have_the_numbers_of_their_sources() {
    for method in ["leave_one_out", "context_cite", "arc_jsd", "gradient", "attention", "mirage"] {
        let line = ["cite", "--passages", WHITE, LATE, "--answer", ANSWER, "--method", method, "--top-sources", "1"];
        // Otherwise no token of the second sentence stands out.
        let more = if method == "mirage" { &["--method-kwargs", "{\"std_threshold\": 0}"][..] } else { &[] };
        let shown = printed(&run(&[&line[..], more].concat()));
        let cited = "Les portes sont blanches. [1] L'infirmière fatiguée a dit qu'elle était en retard. [2]\n";
        assert!(shown.starts_with(cited), "{method}: {shown}");
        assert!(shown.contains("\nWithout the sources: "), "{shown}");
        let row = |start: &str| shown.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
        assert!(row("[1]").contains("passage 1") && row("[1]").ends_with(WHITE), "{shown}");
        assert!(row("[2]").contains("passage 2") && row("[2]").ends_with(LATE), "{shown}");
    }
}

#[test]
fn documents_are_files_and_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (text, lines, saved) =
        (path_in(&folder, "a.txt"), path_in(&folder, "b.jsonl"), path_in(&folder, "citations.json"));
    std::fs::write(&text, format!("\u{feff}{WHITE} {LATE}\n")).unwrap();
    std::fs::write(&lines, "{\"text\": \"The dog is here.\", \"name\": \"dog\"}\n\"The sea is cold.\"\n").unwrap();
    let line = ["cite", "-d", &text, &lines, "--sources", "sentences", "--answer", ANSWER, "--method", "leave_one_out"];
    let shown = printed(&run(&[&line[..], &["-o", &saved, "--hide", "--skip-contextless-answer"]].concat()));
    assert_eq!(shown, "");
    let citations = Citations::load(&saved).unwrap();
    let names: Vec<&str> = citations.sources.iter().map(|source| source.name.as_str()).collect();
    let expected = [format!("{text}, sentence 1"), format!("{text}, sentence 2"), "dog".into(), format!("{lines}:2")];
    assert_eq!(names, expected);
    assert_eq!((citations.sources[0].text.as_str(), citations.sources[1].span), (WHITE, (21, 60)));
    assert_eq!((citations.method.as_str(), citations.contextless_answer.as_deref()), ("leave_one_out", None));
    assert_eq!(citations.sentences.len(), 2);
    let piped = printed(&run(&[&line[..], &["-o", "-", "--skip-contextless-answer"]].concat()));
    assert_eq!(Citations::read(piped.as_bytes()).unwrap(), citations);
}

#[test]
fn the_page_has_the_answer_and_its_sources() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder, "page.html");
    let line = ["cite", "--passages", WHITE, LATE, "--answer", ANSWER, "--method", "leave_one_out", "--hide"];
    assert_eq!(printed(&run(&[&line[..], &["--viz-path", &path]].concat())), "");
    let page = std::fs::read_to_string(&path).unwrap();
    for part in ["What each sentence rests on", "Les portes sont blanches.", WHITE, LATE, "leave_one_out", "#source-0"]
    {
        assert!(page.contains(part), "{part}");
    }
    for (name, start) in [("a.svg", "<svg"), ("a.tex", "% citations by leave"), ("a.png", "\u{fffd}PNG")] {
        let file = path_in(&folder, name);
        assert_eq!(printed(&run(&[&line[..], &["--viz-path", &file]].concat())), "");
        assert!(String::from_utf8_lossy(&std::fs::read(&file).unwrap()).starts_with(start), "{name}");
    }
    let (said, _) = complaint(&run(&[&line[..], &["--viz-path", &path_in(&folder, "a.jpg")]].concat()));
    assert!(said.contains("pictures are .html, .svg, .png or .tex, not .jpg"), "{said}");
    let (said, _) = complaint(&run(&[&line[..], &["-o", "-", "--viz-path", "-"]].concat()));
    assert!(said.contains("both write to standard output"), "{said}");
}

#[test]
fn a_document_comes_from_standard_input() {
    let line = ["cite", "-d", "-", "--answer", "Les portes.", "--method", "arc_jsd", "--skip-contextless-answer"];
    let shown = printed(&with_input(&line, WHITE.as_bytes()));
    assert!(shown.contains("standard input"), "{shown}");
}

#[test]
fn prompts_have_blocks_slots_and_questions() {
    let bloom = fixture("architectures/bloom");
    let common =
        ["--method", "leave_one_out", "--answer", "the mat", "--skip-contextless-answer", "-o", "-", "-m", &bloom];
    let cited = |line: &[&str]| {
        // The tokenizer warns of characters that it does not know.
        let output = run(&[&["cite"], line, &common].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Citations::read(output.stdout.as_slice()).unwrap()
    };
    let blocks = cited(&["--prompt", "the cat ! a dog ! she", "--separator", " ! "]);
    assert_eq!(blocks.sources.iter().map(|source| source.text.as_str()).collect::<Vec<_>>(), ["the cat", "a dog"]);
    let line = ["--passages", "the cat", "--slots", "more=a dog", "--template", "{documents} or {more} ? {question}"];
    let slots = cited(&[&line[..], &["-q", "why"]].concat());
    assert_eq!(slots.prompt, "the cat or a dog ? why");
    assert_eq!(slots.sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>(), ["passage 1", "more"]);
    let question = cited(&["--passages", "the cat", "-q", "why"]);
    assert_eq!(question.prompt, "Context: the cat\n\nQuery: why");
}

#[test]
fn a_dry_run_says_what_every_method_takes() {
    let line = ["cite", "--passages", WHITE, LATE, "--answer", ANSWER, "--dry-run"];
    let shown = printed(&run(&line));
    let text = format!("{WHITE} {LATE}");
    let one = printed(&run(&["attribute", "-i", &text, "-g", ANSWER, "--dry-run"]));
    let (header, row) = one.split_once('\n').unwrap();
    // The column of a number begins where its header does.
    let tokens = row[header.find("SOURCE").unwrap() + row.len() - row.chars().count()..].split_whitespace().next();
    let tokens = tokens.unwrap();
    assert!(shown.starts_with(&format!("2 sources, {tokens} tokens of the prompt, ")), "{shown}{one}");
    assert!(shown.contains("Generating what is not given takes up to "), "{shown}");
    let row = |method: &str| shown.lines().find(|line| line.contains(method)).unwrap_or_default().to_owned();
    assert!(row("context_cite").contains("4 to 8"), "{shown}");
    assert!(row("leave_one_out").contains("2 to 6") && row("arc_jsd").contains("2 to 6"), "{shown}");
    // The answer has two sentences, and `mirage` asks for half of its tokens at most.
    let pullbacks = |method: &str| {
        let header = shown.lines().find(|line| line.contains("PULLBACKS")).unwrap();
        let row = row(method);
        row[header.find("PULLBACKS").unwrap()..header.find("MEMORY").unwrap()].trim().to_owned()
    };
    assert_eq!(["gradient", "attention", "arc_jsd"].map(pullbacks), ["2", "0", "0"], "{shown}");
    assert!(pullbacks("mirage").starts_with("1 to "), "{shown}");
    let screened = printed(&run(&[&line[..], &["--screen", "1", "--method", "leave_one_out"]].concat()));
    let first =
        screened.lines().skip_while(|line| !line.contains("PULLBACKS")).find(|line| line.contains("leave_one_out"));
    assert!(first.is_some_and(|row| row.contains("2 to 6 ") && row.contains(" 2 ")), "{screened}");
    let generated = printed(&run(&[&line[..4], &line[6..], &["--skip-contextless-answer"]].concat()));
    // The configuration of the demo model allows 64 tokens with the one that begins the text.
    assert!(generated.contains(" 63 tokens of the answer"), "{generated}");
    let (said, code) = complaint(&run(&[&line[..], &["--memory-budget", "1KiB"]].concat()));
    assert!(said.contains("but --memory-budget is 1024 bytes; set --memory-budget to ") && code == 1, "{said}");
    let (said, _) = complaint(&run(&[&line[..], &["-o", "a.json"]].concat()));
    assert!(said.contains("--dry-run has no result, so that --save-path has nothing to write"), "{said}");
}

#[test]
fn messages_and_results_of_tools_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("architectures/bloom")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let template = "{% for m in messages %}{% if m.tool_calls %}{{ m.tool_calls[0].function | tojson }}{% endif %}\
                    {{ m.content }} ! {% endfor %}man :";
    std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    let (model, chat) = (folder.path().to_str().unwrap(), path_in(&folder, "messages.json"));
    let messages = r#"{"tools": [{"type": "function"}], "messages": [{"role": "user", "content": "who is late"},
        {"role": "assistant", "content": "", "reasoning_content": "Hm.", "tool_calls": [
            {"id": "a", "function": {"name": "roster", "arguments": "{\"day\": \"today\"}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "the cat"}]}"#;
    std::fs::write(&chat, messages).unwrap();
    let line = ["cite", "-m", model, "--chat-file", &chat, "--answer", " the mat", "--method", "leave_one_out"];
    let output = run(&[&line[..], &["--skip-contextless-answer", "-o", "-"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("the chat template of the model leaves out message 2 (assistant), reasoning"), "{said}");
    let citations = Citations::read(output.stdout.as_slice()).unwrap();
    let sources: Vec<_> = citations.sources.iter().map(|source| (source.name.as_str(), source.text.as_str())).collect();
    let call = r#"{"name": "roster", "arguments": {"day": "today"}}"#;
    assert_eq!(
        sources,
        [("message 2 (assistant), tool call 1 (roster)", call), ("message 3 (tool roster)", "the cat")]
    );
    let of = |source: usize| serde_json::to_value(&citations.sources[source].message).unwrap();
    assert_eq!(of(0), serde_json::json!({"index": 1, "role": "assistant", "part": "tool call 1", "tool": "roster"}));
    assert_eq!(of(1), serde_json::json!({"index": 2, "role": "tool", "tool": "roster"}));
}

#[test]
fn wrong_lines_say_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let [empty, lines, chats, alone, long] =
        ["empty.txt", "bad.jsonl", "chats.json", "alone.json", "long.txt"].map(|name| path_in(&folder, name));
    std::fs::write(&alone, r#"[{"role": "user", "content": "a"}]"#).unwrap();
    std::fs::write(&empty, " \n").unwrap();
    std::fs::write(&lines, "{\"text\": 3}\n").unwrap();
    std::fs::write(&chats, r#"[[{"role": "user", "content": "a"}], [{"role": "user", "content": "b"}]]"#).unwrap();
    std::fs::write(&long, WHITE.repeat(500)).unwrap();
    let missing = path_in(&folder, "missing.txt");
    let passage = ["--passages", WHITE];
    let screened = ["--passages", WHITE, "--method", "leave_one_out"];
    for (line, part) in [
        (vec![], "there is no source to cite"),
        (vec!["-d", &missing], "missing.txt"),
        (vec!["-d", &empty], "empty.txt: the document has no text"),
        (vec!["-d", &lines], "bad.jsonl:1: `text` must be a text, found a number"),
        (vec!["-d", folder.path().to_str().unwrap()], "directory"),
        (vec!["-d", &long], "a source that is cut cannot be cited"),
        (vec!["--passages", WHITE, " "], "passage 2 of --passages has no text"),
        (vec!["-d", "-", "-"], "standard input (-) is named twice"),
        (vec!["--chat-file", &chats], "expected one chat, found 2"),
        (vec!["--chat-file", &alone], "the chat has only message 1 of the user, which is what the chat asks for"),
        (vec!["--prompt", "a b", "--separator", ";"], "does not occur in the prompt"),
        ([&passage[..], &["--template", "no slot"]].concat(), "has no slot {documents}"),
        ([&passage[..], &["--template", "{documents} {question}"]].concat(), "the slot {question}, but nothing"),
        ([&passage[..], &["-q", "Why?", "--template", "{documents}"]].concat(), "has no slot {question}"),
        (
            [&passage[..], &["-q", "a", "--slots", "question=b", "--template", "{documents} {question}"]].concat(),
            "has one slot {question}, but two contents",
        ),
        ([&passage[..], &["--answer", " "]].concat(), "--answer has no text"),
        ([&passage[..], &["--method", "saliency"]].concat(), "saliency"),
        ([&passage[..], &["--method-kwargs", "{\"n_mask\": 3}"]].concat(), "n_mask"),
        ([&passage[..], &["--method", "gradient", "--method-kwargs", r#"{"method": "lim"}"#]].concat(), "did you mean"),
        ([&passage[..], &["--aside", "bos"]].concat(), "--aside is for methods that read scores of tokens"),
        (
            [&passage[..], &["--screen", "2"]].concat(),
            "--screen is for the methods leave_one_out and arc_jsd, and not for",
        ),
        (
            [&screened[..], &["--through", "reasoning"]].concat(),
            "--through is for the methods gradient and attention, and not for `leave_one_out`",
        ),
        ([&screened[..], &["--screen", "0"]].concat(), "must be a whole number between 1 and 100000, found 0"),
        ([&screened[..], &["--screen", "1", "--method-kwargs", r#"{"screen": 2}"#]].concat(), "both give `screen`"),
        ([&passage[..], &["--top-sources", "0"]].concat(), "--top-sources must be at least 1"),
        ([&passage[..], &["--least-share", "2"]].concat(), "--least-share must lie between 0 and 1"),
        ([&passage[..], &["-o", "/no/such/folder/a.json"]].concat(), "is not there"),
        ([&passage[..], &["-o", "a.json.gz"]].concat(), "saves JSON only; name a .json"),
        (
            vec!["--passages", WHITE, WHITE, "--method-kwargs", r#"{"n_masks": 2, "keep_prob": 0.999}"#],
            "context_cite: all 2 masks keep source 1, so that it has no score; take more masks",
        ),
    ] {
        let (said, code) = complaint(&run(&[&["cite"][..], &line].concat()));
        assert!(said.contains(part) && code == 1, "{line:?}: {said}");
    }
}

#[test]
fn citation_methods_are_listed_and_explained() {
    let listed = printed(&run(&["list", "citation-methods"]));
    assert!(
        ["context_cite", "leave_one_out", "arc_jsd", "gradient", "attention", "mirage"]
            .iter()
            .all(|name| listed.contains(name)),
        "{listed}"
    );
    let explained = printed(&run(&["explain", "context_cite"]));
    assert!(explained.contains("n_masks (64)") && explained.contains("2409.00729"), "{explained}");
    // An attribution method has the same name.
    let explained = printed(&run(&["explain", "attention"]));
    assert!(
        explained.contains("What does each layer and head attend to") && explained.contains("attend to the source"),
        "{explained}"
    );
}

#[test]
fn sources_that_are_not_tested_are_named() {
    let line = ["cite", "--passages", WHITE, LATE, "The dog is here.", "--answer", ANSWER, "--method", "leave_one_out"];
    let shown = printed(&run(&[&line[..], &["--screen", "2", "--skip-contextless-answer"]].concat()));
    assert!(shown.ends_with("\nNot tested: passage 3\n"), "{shown}");
    let page = printed(&run(&[&line[..], &["--screen", "2", "--skip-contextless-answer", "--viz-path", "-"]].concat()));
    assert!(page.contains("Not tested"), "{page}");
}

#[test]
fn options_without_effect_and_special_tokens_are_named() {
    let line = ["cite", "--passages", WHITE, "She </s> was late.", "--answer", ANSWER, "--skip-contextless-answer"];
    let said = warnings(&[&line[..], &["--method-kwargs", r#"{"keep_prob": 0.8}"#]].concat());
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].contains("`passage 2` has </s>, which the tokenizer of the model reads as special tokens"),
        "{said:?}"
    );
    assert!(said[1].contains("context_cite: `keep_prob` has no effect: 2 sources have 4 subsets"), "{said:?}");
    assert!(warnings(&[&line[..4], &["--dry-run"]].concat())[0].contains("`passage 2` has </s>"));
}
