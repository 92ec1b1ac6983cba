//! Chat templates against what transformers renders (`tests/reference/tokenizer_chat.py`).

mod tokenizer_fixtures;

use indexmap::IndexMap;
use inseq_models::Result;
use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::tokenizer::{Chat, OrderedJson, Role, Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    templates: IndexMap<String, String>,
    chats: OrderedJson,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    chat: usize,
    add_generation_prompt: bool,
    text: Option<String>,
    error: Option<String>,
}

/// A fixture with more files.
fn with(name: &str, files: &[(&str, &str)]) -> Result<Tokenizer> {
    let folder = tokenizer_fixtures::folder(name);
    for (file, text) in files {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    Tokenizer::load(&Repository::open(folder.path().to_str().unwrap(), &HubOptions::default())?)
}

#[test]
fn templates_of_many_shapes_equal_transformers() {
    let golden: Golden = tokenizer_fixtures::json("chat.json");
    let chats = Chat::read_all(&golden.chats.to_string()).unwrap();
    let mut wrong = Vec::new();
    for (name, template) in &golden.templates {
        let tokenizer = with("llama", &[("chat_template.jinja", template)]).unwrap();
        assert!(tokenizer.has_chat_template());
        for case in golden.cases.iter().filter(|case| case.template == *name) {
            let found = tokenizer.apply_chat_template(&chats[case.chat], case.add_generation_prompt);
            match (found, &case.text, &case.error) {
                (Ok(found), Some(expected), _) if found == *expected => {}
                // What a template says itself is part of the error; what Jinja says of its syntax is not the same.
                (Err(found), None, Some(expected)) if found.to_string().contains(expected) || name == "syntax" => {}
                (found, ..) => wrong.push(format!("{name}: {found:?}\n  {:?} {:?}", case.text, case.error)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_rendered_chat_is_encoded_as_it_is() {
    let tokenizer = with("qwen2", &[]).unwrap();
    let text = tokenizer.apply_chat_template(&Chat::user("the nurse"), true).unwrap();
    assert_eq!(
        text,
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nthe nurse<|im_end|>\n<|im_start|>assistant\n"
    );
    let ids = tokenizer.encode(&text, Role::Source, false).unwrap().ids;
    let start = tokenizer.id("<|im_start|>", Role::Source).unwrap();
    assert_eq!(ids.iter().filter(|id| **id == start).count(), 3);
    assert_eq!(tokenizer.decode(&ids, Role::Target, false).unwrap(), text);
}

#[test]
fn templates_come_from_the_file_then_the_configuration() {
    let one = r#"{"tokenizer_class": "LlamaTokenizer", "chat_template": "one"}"#;
    let chat = Chat::user("a");
    let apply = |files: &[(&str, &str)]| with("llama", files)?.apply_chat_template(&chat, true);
    assert_eq!(apply(&[("tokenizer_config.json", one)]).unwrap(), "one");
    assert_eq!(apply(&[("tokenizer_config.json", one), ("chat_template.jinja", "file")]).unwrap(), "file");
    let config = |templates: &str| {
        let text = format!("{{\"tokenizer_class\": \"LlamaTokenizer\", \"chat_template\": {templates}}}");
        apply(&[("tokenizer_config.json", &text)]).map_err(|e| e.to_string())
    };
    let two = r#"[{"name": "tool_use", "template": "t"}, {"name": "default", "template": "{{ unk_token }}"}]"#;
    assert_eq!(config(two).unwrap(), "<unk>");
    let message = config(r#"[{"name": "tool_use", "template": "t"}]"#).unwrap_err();
    assert!(message.contains("tool_use") && message.contains("default"), "{message}");
    let message = config("7").unwrap_err();
    assert!(message.contains("tokenizer_config.json") && message.contains("`chat_template`"), "{message}");
    let tokenizer = with("gpt2", &[]).unwrap();
    assert!(!tokenizer.has_chat_template());
    let message = tokenizer.apply_chat_template(&Chat::user("a"), true).unwrap_err().to_string();
    assert!(message.contains("no chat template"), "{message}");
}
