//! Chat templates in the style of model families against what transformers renders (`tests/reference/chat_families.py`), with the
//! places of the parts of messages.

mod tokenizer_fixtures;

use std::ops::Range;

use indexmap::IndexMap;
use inseq_models::Result;
use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::tokenizer::{Chat, ChatText, Message, MessageSpan, OrderedJson, PartKind, Tokenizer};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Golden {
    templates: IndexMap<String, String>,
    chats: IndexMap<String, OrderedJson>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    chat: String,
    text: Option<String>,
    error: Option<String>,
    /// Message, part, and characters of the text.
    #[serde(default)]
    spans: Vec<(usize, String, Option<Span>)>,
}

type Span = (usize, usize);

fn with(template: &str) -> Tokenizer {
    let folder = tokenizer_fixtures::folder("llama");
    std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    Tokenizer::load(&Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap()).unwrap()
}

/// The spans of all parts of a chat.
fn all_parts(chat: &Chat) -> Vec<MessageSpan> {
    let parts = chat.messages.iter().enumerate().flat_map(|(message, of)| {
        of.parts().into_iter().map(move |part| MessageSpan { message, part: part.kind, span: 0..part.text.len() })
    });
    parts.collect()
}

fn name(part: PartKind) -> String {
    if part == PartKind::Content { "content".to_owned() } else { part.to_string() }
}

#[test]
fn families_equal_transformers() {
    let golden: Golden = tokenizer_fixtures::json("chat_families.json");
    assert!(golden.cases.len() >= 80);
    let mut wrong = Vec::new();
    for Case { template, chat, text, error, spans } in golden.cases {
        let read = Chat::read_all(&golden.chats[&chat].to_string()).unwrap().swap_remove(0);
        let tokenizer = with(&golden.templates[&template]);
        let whole = all_parts(&read);
        let found = tokenizer.chat_with_spans(&read, true, &whole);
        let (found, text) = match (found, text, error) {
            (Ok(found), Some(text), _) => (found, text),
            (Err(found), None, Some(said)) if found.to_string().contains(&said) => continue,
            // A template that fails by itself fails in the words of its engine.
            (Err(_), None, Some(said)) if !said.contains("must") && !said.contains('.') => continue,
            (found, text, error) => {
                wrong.push(format!("{template}, {chat}: {found:?}\n  expected {text:?} {error:?}"));
                continue;
            }
        };
        if found.text != text || tokenizer.apply_chat_template(&read, true).unwrap() != text {
            wrong.push(format!("{template}, {chat}: {:?}\n  expected {text:?}", found.text));
            continue;
        }
        let byte = |character: usize| text.char_indices().nth(character).map_or(text.len(), |(byte, _)| byte);
        for (message, part, span) in spans {
            let expected = span.map(|(start, end)| byte(start)..byte(end));
            let index = whole.iter().position(|one| one.message == message && name(one.part) == part);
            let place = index.and_then(|index| found.spans[index].clone());
            if place != expected {
                let shown = |span: &Option<Range<usize>>| span.clone().map(|span| text[span].to_owned());
                wrong.push(format!(
                    "{template}, {chat}, message {message}, {part}: {:?}, expected {:?}",
                    shown(&place),
                    shown(&expected)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn calls_of_tools_have_places() {
    let golden: Golden = tokenizer_fixtures::json("chat_families.json");
    let chat = Chat::read_all(&golden.chats["tools"].to_string()).unwrap().swap_remove(0);
    let call = MessageSpan { message: 2, part: PartKind::ToolCall(0), span: 0..0 };
    for (template, expected) in [
        ("llama 3", r#"roster", "parameters": {"day": "Monday", "shifts": 2}"#),
        ("qwen 2.5", r#"roster", "arguments": {"day": "Monday", "shifts": 2}"#),
        ("qwen 3", r#"roster", "arguments": {"day": "Monday", "shifts": 2}"#),
        ("mistral", r#"{"name": "roster", "arguments": {"day": "Monday", "shifts": 2}"#),
        ("deepseek r1", "roster\n```json\n{\"day\": \"Monday\", \"shifts\": 2}"),
        ("qwen 3 coder", "roster>\n<parameter=day>\nMonday\n</parameter>\n<parameter=shifts"),
        ("glm", "roster\n<arg_key>day</arg_key>\n<arg_value>Monday</arg_value>\n<arg_key>shifts"),
    ] {
        let found =
            with(&golden.templates[template]).chat_with_spans(&chat, true, std::slice::from_ref(&call)).unwrap();
        assert_eq!(found.spans[0].clone().map(|span| &found.text[span]), Some(expected), "{template}");
    }
    // ChatML writes no calls.
    let found = with(&golden.templates["chatml"]).chat_with_spans(&chat, true, &[call]).unwrap();
    assert_eq!(found.spans, [None]);
}

fn found(template: &str, chat: &Chat, spans: &[MessageSpan]) -> Result<ChatText> {
    with(template).chat_with_spans(chat, true, spans)
}

fn span(message: usize, span: Range<usize>) -> MessageSpan {
    MessageSpan { message, part: PartKind::Content, span }
}

/// A loop over messages, with what it writes of each.
fn each(body: &str) -> String {
    format!("{{% for m in messages %}}{body}{{% endfor %}}")
}

#[test]
fn templates_that_look_at_a_text_keep_its_place() {
    let text = "Hello there. /nothink";
    let chat = Chat::new([Message::user(text), Message::new("assistant", "Well met again.")]).unwrap();
    for body in [
        "<{{ m.content }}>",
        "<{{ m.content.strip() | trim }}{{ '!' if m.content.startswith('Hello') }}>",
        "<{{ m.content }}{{ '' if m.content.endswith('/nothink') else '/nothink' }}>",
        "<{% if 'there. /' in m.content %}!{% endif %}{{ m.content }}>",
        "<{{ m.content[0] | upper }}{{ m.content[1:] }}>",
        "<{{ m.content | upper }}>",
        "<{{ m.content.replace(' ', '_') }}>",
        "<{{ [m.content, '!'] | tojson }}>",
        "<{{ {'text': m.content} }}>",
        "<{{ m.content.split(' ') | join('  ') }}>",
        "{% set c = m.content %}{% if c is string %}<{{ c | indent(2) }}>{% endif %}",
    ] {
        let found = found(&each(body), &chat, &[span(0, 0..text.len()), span(1, 0..15)]).unwrap();
        let texts: Vec<&str> = found.spans.iter().map(|place| &found.text[place.clone().unwrap()]).collect();
        let plain = |text: &str| text.to_lowercase().replace('_', " ").replace("  ", " ");
        assert_eq!(
            texts.iter().map(|text| plain(text)).collect::<Vec<_>>(),
            [plain(text), "well met again.".into()],
            "{body}"
        );
    }
}

#[test]
fn spans_inside_a_message_have_places() {
    let content = " One é. Two. <b>Three.</b>\nFour\u{F0000}. ";
    let at = |part: &str| content.find(part).unwrap()..content.find(part).unwrap() + part.len();
    let parts = ["One é.", "Two.", "<b>Three.</b>", "Four\u{F0000}."];
    let spans = parts.map(|part| span(0, at(part)));
    let chat = Chat::user(content);
    for body in ["{{ m.content }}", "{{ m.content | trim }}", "{{ m.content | tojson }}", "{{ '%s' % m.content }}"] {
        let found = found(&each(body), &chat, &spans).unwrap();
        let texts: Vec<&str> = found.spans.iter().map(|place| &found.text[place.clone().unwrap()]).collect();
        assert_eq!(texts, parts, "{body}");
    }
    let cut = found(&each("{{ m.content.split('<b>')[0] }}"), &chat, &spans).unwrap();
    let texts: Vec<_> = cut.spans.iter().map(|place| place.clone().map(|place| &cut.text[place])).collect();
    assert_eq!(texts, [Some("One é."), Some("Two."), None, None]);
}

#[test]
fn places_that_are_not_known_are_errors() {
    let chat = Chat::new([Message::new("system", "Be brief, and kind."), Message::user("Who was late?")]).unwrap();
    let spans = [span(0, 0..9), span(1, 0..13)];
    for (body, expected) in [
        ("{{ m.content | length }} {{ m.content }}", "changes the text of message 1 (system), so that its place"),
        ("{{ m.content }}{{ m.content }}", "writes twice, or in another order, message 1 (system)"),
        ("{{ m.content | reverse }}", "writes twice, or in another order, message 1 (system)"),
        (
            "{{ m.content if m.role == 'system' or m.content | length == 13 else '?' }}",
            "changes the text of message 2 (user)",
        ),
        ("{{ raise_exception('no system role') }}", "no system role"),
    ] {
        let error = found(&each(body), &chat, &spans).unwrap_err().to_string();
        assert!(error.contains(expected), "{body}: {error}");
    }
    let error = found(&each("{{ m.content }}"), &chat, &[span(2, 0..1)]).unwrap_err().to_string();
    assert!(error.contains("has no text with the bytes 0 to 1"), "{error}");
    // What is not asked for may be anything.
    let template = each("{{ m.content | length if m.role == 'system' else m.content }}");
    assert_eq!(found(&template, &chat, &spans[1..]).unwrap().spans, [Some(2..15)]);
}

#[test]
fn messages_made_in_a_program_are_rendered() {
    let call = Message::new("assistant", "").with_reasoning("Hm.").with_tool_call("roster", json!({"day": "Monday"}));
    let chat = Chat::new([Message::user("Who?"), call, Message::tool_result("roster", "Ann")]).unwrap();
    let body = "{{ m.role }}:{{ m.name }}:{{ m.reasoning_content }}:{{ m.content }}:{{ m.tool_calls | tojson if m.tool_calls }};";
    let calls = r#"[{"type": "function", "function": {"name": "roster", "arguments": {"day": "Monday"}}}]"#;
    let expected = format!("user:::Who?:;assistant::Hm.::{calls};tool:roster::Ann:;");
    let found = found(&each(body), &chat, &all_parts(&chat)).unwrap();
    assert_eq!(found.text, expected);
    let texts: Vec<&str> = found.spans.iter().map(|place| &found.text[place.clone().unwrap()]).collect();
    assert_eq!(texts, ["Who?", "Hm.", &calls[1..calls.len() - 1], "Ann"]);
}
