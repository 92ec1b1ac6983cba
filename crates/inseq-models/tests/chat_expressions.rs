//! Expressions and statements of chat templates against jinja2 as transformers configures it (`tests/reference/jinja_golden.py`).

mod tokenizer_fixtures;

use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::tokenizer::{Chat, Message, OrderedJson, Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    variables: OrderedJson,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    text: Option<String>,
    error: Option<String>,
}

#[test]
fn templates_are_what_jinja2_makes_of_them() {
    let golden: Golden = tokenizer_fixtures::json("jinja.json");
    let folder = tokenizer_fixtures::folder("llama");
    let variables = golden.variables.as_object().unwrap().clone();
    let messages = variables["messages"].as_list().unwrap().iter();
    let text = |message: &OrderedJson, field: &str| message.get(field).unwrap().as_str().unwrap().to_owned();
    let messages = messages.map(|message| Message::new(text(message, "role"), text(message, "content")));
    let chat = Chat::new(messages).unwrap().template_args(variables);
    let mut wrong = Vec::new();
    for Case { template, text, error } in &golden.cases {
        std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
        let repository = Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap();
        match (Tokenizer::load(&repository).unwrap().apply_chat_template(&chat, true), text, error) {
            (Ok(found), Some(text), None) if found == *text => {}
            (Err(_), None, Some(_)) => {}
            (found, ..) => wrong.push(format!("{template}\n  {found:?}\n  {text:?} {error:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), golden.cases.len(), wrong.join("\n"));
}
