//! The page of citations with a keyboard.

use inseq_viz::html::{CitationsOptions, render_citations};
use serde_json::{Value, json};

use super::samples;
use super::tab::Tab;

/// What a reader sees and hears.
const STATE: &str = "({
    at: document.activeElement.textContent.trim(),
    panel: document.getElementById('panel').hidden ? '' : document.querySelector('.chosen-token').textContent,
    pressed: [...document.querySelectorAll('[aria-pressed=true]')].map((part) => part.textContent),
    lit: [...document.querySelectorAll('.sentence.lit')].length,
    said: document.getElementById('announcer').textContent,
    open: [...document.querySelectorAll('details[open]')].length,
})";

/// A page, and what there is after each key.
struct Reader(Tab);

impl Reader {
    fn press(&mut self, key: &str) -> Value {
        self.0.press(key);
        self.0.value(STATE)
    }

    /// Presses Tab until an element has the focus.
    fn reach(&mut self, text: &str) -> Value {
        for _ in 0..30 {
            let state = self.press("Tab");
            if state["at"] == json!(text) {
                return state;
            }
        }
        panic!("the Tab key does not lead to {text}");
    }
}

fn reader() -> Option<Reader> {
    let page = render_citations(&samples::citations(), &CitationsOptions::default()).unwrap();
    Some(Reader(Tab::open(&page, 1200)?))
}

const FIRST: &str = "The nurse was late.";

#[test]
fn a_sentence_is_shown_kept_and_let_go() {
    let Some(mut reader) = reader() else { return };
    let shown = reader.reach(FIRST);
    assert_eq!((&shown["panel"], &shown["pressed"]), (&json!(FIRST), &json!([])));
    assert!(shown["said"].as_str().unwrap().starts_with("Sources: report.txt, 4"), "{shown}");
    for key in ["Enter", " "] {
        let kept = reader.press(key);
        assert_eq!((&kept["panel"], &kept["pressed"]), (&json!(FIRST), &json!([FIRST])), "{key}");
        let gone = reader.press(key);
        assert_eq!((&gone["panel"], &gone["pressed"]), (&json!(FIRST), &json!([])), "{key}: it still has the focus");
    }
    reader.press("Enter");
    let elsewhere = reader.press("Tab");
    assert_eq!((&elsewhere["at"], &elsewhere["panel"]), (&json!("[1]"), &json!(FIRST)), "what is kept stays");
    let gone = reader.press("Escape");
    assert_eq!((&gone["panel"], &gone["pressed"]), (&json!(""), &json!([])));
}

#[test]
fn a_source_is_shown_kept_and_let_go() {
    let Some(mut reader) = reader() else { return };
    let shown = reader.reach("mails.jsonl:3");
    assert_eq!((&shown["lit"], &shown["panel"], &shown["pressed"]), (&json!(3), &json!(""), &json!([])));
    assert_eq!(shown["said"], "Sentences: She had worked {all} night; 100% of it.");
    for key in ["Enter", " "] {
        let kept = reader.press(key);
        assert_eq!((&kept["lit"], &kept["pressed"]), (&json!(3), &json!(["mails.jsonl:3"])), "{key}");
        assert_eq!(reader.press(key)["pressed"], json!([]), "{key}");
    }
    reader.press("Enter");
    let other = reader.press("Tab");
    assert_eq!((&other["at"], &other["pressed"]), (&json!("weather_log.md"), &json!(["mails.jsonl:3"])));
    assert_eq!(other["said"], "No sentence cites this source.", "the focus shows another one for a while");
    let released = reader.press("Escape");
    assert_eq!((&released["lit"], &released["pressed"]), (&json!(3), &json!([])), "the focus shows its own");
}

#[test]
fn a_citation_leads_to_its_source_and_a_long_one_unfolds() {
    let Some(mut reader) = reader() else { return };
    reader.reach("She had worked {all} night; 100% of it.");
    reader.press("Enter");
    let folded = reader.reach("[3]");
    assert_eq!(folded["open"], 0);
    let followed = reader.press("Enter");
    assert_eq!(followed["open"], 1, "{followed}");
    assert_eq!(followed["pressed"], json!(["She had worked {all} night; 100% of it."]));
    assert_eq!(reader.press("Tab")["at"], "rota.txt", "the focus goes on at the source");
}
