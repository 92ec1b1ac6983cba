//! What `tokenizer_config.json` changes beside a `tokenizer.json`, and what truncation leaves, against transformers'
//! `AutoTokenizer` (`tests/reference/tokenizer_configured.py`).

mod tokenizer_fixtures;

use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::tokenizer::{Role, Side, Tokenizer};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Configured {
    strings: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    family: String,
    model_type: String,
    config: Value,
    change: String,
    class: String,
    /// With special tokens, and without.
    ids: Vec<Vec<u32>>,
    plain: Vec<Vec<u32>>,
    decoded: Vec<String>,
    skipped: Vec<String>,
    special: Option<Vec<u32>>,
}

#[derive(Deserialize)]
struct Truncated {
    text: String,
    cases: Vec<Cut>,
}

#[derive(Deserialize)]
struct Cut {
    family: String,
    side: String,
    most: usize,
    ids: Vec<u32>,
}

fn load(folder: &tempfile::TempDir) -> Tokenizer {
    let repository = Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap();
    Tokenizer::load(&repository).unwrap()
}

#[test]
fn fields_of_the_configuration_change_what_they_change_in_transformers() {
    let Configured { strings, cases } = tokenizer_fixtures::json("configured/cases.json.gz");
    assert!(cases.len() > 400);
    let mut wrong = Vec::new();
    for case in &cases {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, bytes: &[u8]| std::fs::write(folder.path().join(file), bytes).unwrap();
        write("tokenizer.json", &tokenizer_fixtures::bytes(&format!("configured/{}.tokenizer.json.gz", case.family)));
        write("tokenizer_config.json", case.config.to_string().as_bytes());
        write("config.json", serde_json::json!({ "model_type": case.model_type }).to_string().as_bytes());
        let tokenizer = load(&folder);
        let name = format!(
            "{} as {} of {} ({}) with {}",
            case.family, case.config["tokenizer_class"], case.model_type, case.class, case.change
        );
        for (index, text) in strings.iter().enumerate() {
            let ids = tokenizer.encode(text, Role::Source, true).unwrap().ids;
            let plain = tokenizer.encode(text, Role::Source, false).unwrap().ids;
            let decode = |skip| tokenizer.decode(&case.ids[index], Role::Source, skip).unwrap();
            if ids != case.ids[index] || plain != case.plain[index] {
                wrong.push(format!(
                    "{name}: {text:?}\n     found {ids:?}, {plain:?}\n  expected {:?}, {:?}",
                    case.ids[index], case.plain[index]
                ));
            }
            for (found, expected) in [(decode(false), &case.decoded[index]), (decode(true), &case.skipped[index])] {
                if found != *expected {
                    wrong.push(format!("{name}: {:?}\n     found {found:?}\n  expected {expected:?}", case.ids[index]));
                }
            }
        }
        let found = &tokenizer.special_tokens().all;
        if let Some(special) = case.special.as_ref().filter(|special| *special != found) {
            wrong.push(format!("{name}: special\n     found {found:?}\n  expected {special:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

#[test]
fn a_cut_text_keeps_its_special_tokens() {
    let Truncated { text, cases } = tokenizer_fixtures::json("configured/truncated.json.gz");
    assert!(cases.len() > 200);
    let mut wrong = Vec::new();
    for case in &cases {
        let tokenizer = load(&tokenizer_fixtures::folder(&case.family));
        let side = if case.side == "left" { Side::Left } else { Side::Right };
        let encoding = tokenizer.encode(&text, Role::Source, true).unwrap();
        let excess = encoding.ids.len() - case.most;
        let cut = encoding.cut(excess, side);
        assert_eq!((cut.special.len(), cut.offsets.as_ref().unwrap().len()), (case.most, case.most));
        if cut.ids != case.ids {
            wrong.push(format!("{} to {} ({side:?}): {:?}, expected {:?}", case.family, case.most, cut.ids, case.ids));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_side_that_is_cut_is_the_one_that_the_files_say() {
    let of = |config: &str| {
        let folder = tokenizer_fixtures::folder("gpt2");
        std::fs::write(folder.path().join("tokenizer_config.json"), config).unwrap();
        let repository = Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap();
        Tokenizer::load(&repository)
    };
    assert_eq!(of("{}").unwrap().truncation_side(), Side::Right);
    assert_eq!(of(r#"{"truncation_side": "left"}"#).unwrap().truncation_side(), Side::Left);
    let message = of(r#"{"truncation_side": "up"}"#).unwrap_err().to_string();
    assert!(message.contains("`truncation_side` must be `left` or `right`"), "{message}");
}
