//! Tokenizers without a `tokenizer.json` against transformers' ids and texts (`tests/reference/tokenizer_families.py`).

mod tokenizer_fixtures;

use indexmap::IndexMap;
use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::tokenizer::{Role, Tokenizer, TokenizerOptions};
use serde::Deserialize;
use tokenizer_fixtures::Special;

#[derive(Deserialize)]
struct Golden {
    /// Ids around a text, and the tokens of these.
    before: Vec<u32>,
    after: Vec<u32>,
    head: String,
    tail: String,
    /// Without special tokens.
    ids: Vec<Vec<u32>>,
    /// With special tokens, where these are not `before` and `after`.
    framed: IndexMap<usize, Vec<u32>>,
    /// `None` where `head` and `tail` stand around `skipped`.
    decoded: Vec<Option<String>>,
    /// `None` where it is the text itself.
    skipped: Vec<Option<String>>,
    random: Vec<Vec<u32>>,
    random_decoded: Vec<String>,
    random_skipped: Vec<String>,
    tokens: IndexMap<u32, String>,
    special: Special,
    class: String,
    languages: Vec<Language>,
}

#[derive(Deserialize)]
struct Language {
    codes: (String, Option<String>),
    ids: IndexMap<String, u32>,
    source: (Vec<u32>, Vec<u32>),
    target: (Vec<u32>, Vec<u32>),
}

fn load(name: &str, options: &TokenizerOptions) -> Tokenizer {
    let folder = tokenizer_fixtures::folder(name);
    let repository = Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap();
    Tokenizer::load_with(&repository, options).unwrap()
}

/// All differences at once, so that one run shows the pattern.
fn compare<T: PartialEq + std::fmt::Debug>(what: &str, found: impl Iterator<Item = (String, T, T)>) {
    let wrong: Vec<String> = found
        .filter(|(_, found, expected)| found != expected)
        .map(|(of, found, expected)| format!("{of}\n     found {found:?}\n  expected {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{what}: {} differ\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
}

fn equals_transformers(name: &str) {
    let golden: Golden = tokenizer_fixtures::json(&format!("{name}/golden.json.gz"));
    let strings: Vec<String> = tokenizer_fixtures::json("strings.json");
    assert_eq!((strings.len(), golden.ids.len()), (500, 500));
    let tokenizer = load(name, &TokenizerOptions::default());
    let decode = |ids: &[u32], skip: bool| tokenizer.decode(ids, Role::Target, skip).unwrap();

    let plain = |text: &String| tokenizer.encode(text, Role::Source, false).unwrap().ids;
    let pairs = strings.iter().zip(&golden.ids);
    compare("ids", pairs.map(|(text, ids)| (format!("{text:?}"), plain(text), ids.clone())));
    let framed: Vec<Vec<u32>> = golden
        .ids
        .iter()
        .enumerate()
        .map(|(index, ids)| {
            let usual = || [&golden.before[..], ids, &golden.after].concat();
            golden.framed.get(&index).cloned().unwrap_or_else(usual)
        })
        .collect();
    compare(
        "ids with special tokens",
        strings.iter().zip(&framed).map(|(text, ids)| {
            let encoding = tokenizer.encode(text, Role::Source, true).unwrap();
            let offsets = encoding.offsets.unwrap();
            assert_eq!((encoding.special.len(), offsets.len()), (encoding.ids.len(), encoding.ids.len()));
            assert!(
                offsets
                    .iter()
                    .all(|range| range.start <= range.end && text.get(range.clone()).is_some() || name == "byt5")
            );
            (format!("{text:?}"), encoding.ids, ids.clone())
        }),
    );
    let skipped: Vec<&String> =
        golden.skipped.iter().zip(&strings).map(|(text, own)| text.as_ref().unwrap_or(own)).collect();
    let texts = framed.iter().zip(&skipped);
    compare("texts", texts.map(|(ids, text)| (format!("{ids:?}"), decode(ids, true), text.to_string())));
    let usual = |text: &str| format!("{}{text}{}", golden.head, golden.tail);
    compare(
        "texts with special tokens",
        framed.iter().zip(&golden.decoded).zip(&skipped).map(|((ids, text), skipped)| {
            (format!("{ids:?}"), decode(ids, false), text.clone().unwrap_or_else(|| usual(skipped)))
        }),
    );
    for (skip, texts) in [(false, &golden.random_decoded), (true, &golden.random_skipped)] {
        let pairs = golden.random.iter().zip(texts);
        compare("random ids", pairs.map(|(ids, text)| (format!("{ids:?}"), decode(ids, skip), text.clone())));
    }
    let token = |id: u32| tokenizer.token(id, Role::Target).unwrap_or_default();
    compare("tokens", golden.tokens.iter().map(|(&id, text)| (id.to_string(), token(id), text.clone())));

    golden.special.compare(tokenizer.special_tokens());
    // Transformers 5 has another name for the class of a `tokenizer.json` without a family.
    let class = |name: &str| name.trim_end_matches("Fast").replace("TokenizersBackend", "PreTrainedTokenizer");
    assert_eq!(class(tokenizer.class()), class(&golden.class));

    for language in &golden.languages {
        let (source, target) = &language.codes;
        let mut options = TokenizerOptions::default().source_language(source);
        options.target_language.clone_from(target);
        let tokenizer = load(name, &options);
        for (role, (before, after)) in [(Role::Source, &language.source), (Role::Target, &language.target)] {
            let plain = tokenizer.encode("the nurse", role, false).unwrap().ids;
            let ids = tokenizer.encode("the nurse", role, true).unwrap().ids;
            assert_eq!(ids, [before, &plain, after].map(|ids| &ids[..]).concat(), "{role:?}, {:?}", language.codes);
        }
        for (code, id) in &language.ids {
            assert_eq!(tokenizer.language_token_id(code).unwrap(), *id);
        }
        let forced = target.as_ref().map(|code| language.ids[code]);
        assert_eq!(tokenizer.forced_bos_token_id(), forced);
    }
}

/// A fixture with one file in other words.
fn changed(name: &str, file: &str, text: &str, options: &TokenizerOptions) -> inseq_models::Result<Tokenizer> {
    let folder = tokenizer_fixtures::folder(name);
    std::fs::write(folder.path().join(file), text).unwrap();
    Tokenizer::load_with(&Repository::open(folder.path().to_str().unwrap(), &HubOptions::default())?, options)
}

fn id(tokenizer: &Tokenizer, token: &str) -> Option<u32> {
    tokenizer.id(token, Role::Source)
}

/// Transformers numbers them one lower then, which no model was trained with (see its `PegasusTokenizer.offset`).
#[test]
fn pegasus_keeps_its_offset_where_the_mask_is_named() {
    let map = r#"{"mask_token": "<mask_2>"}"#;
    let tokenizer = changed("pegasus", "special_tokens_map.json", map, &TokenizerOptions::default()).unwrap();
    let ids =
        ["<pad>", "</s>", "<mask_1>", "<mask_2>", "<unk_2>", "<unk_102>", "<unk>"].map(|token| id(&tokenizer, token));
    assert_eq!(ids, [0, 1, 2, 3, 4, 104, 105].map(Some));
}

/// Transformers puts the mask before the languages then, which no model was trained with.
#[test]
fn nllb_numbers_its_languages_where_no_file_does() {
    let golden: Golden = tokenizer_fixtures::json("nllb/golden.json.gz");
    let config = r#"{"tokenizer_class": "NllbTokenizer", "tgt_lang": "fra_Latn"}"#;
    let tokenizer = changed("nllb", "tokenizer_config.json", config, &TokenizerOptions::default()).unwrap();
    assert_eq!(tokenizer.languages().len(), 202);
    for (code, id) in &golden.languages[1].ids {
        assert_eq!(tokenizer.language_token_id(code).unwrap(), *id);
    }
    assert_eq!(id(&tokenizer, "<mask>"), id(&load("nllb", &TokenizerOptions::default()), "<mask>"));
    let frame = tokenizer.encode("", Role::Target, true).unwrap().ids;
    assert_eq!(frame, [tokenizer.language_token_id("fra_Latn").unwrap(), 2]);
    // The file's language does not bind the generation, as in transformers.
    assert_eq!(tokenizer.forced_bos_token_id(), None);
}

#[test]
fn unknown_languages_are_refused_with_the_known_ones() {
    let of = |source: Option<&str>, target: Option<&str>| {
        let mut options = TokenizerOptions::default();
        (options.source_language, options.target_language) = (source.map(String::from), target.map(String::from));
        options
    };
    let refusal = |name: &str, options: &TokenizerOptions| {
        let config = r#"{"tokenizer_class": "X"}"#.replace('X', name);
        let fixture = if name == "M2M100Tokenizer" { "m2m_100" } else { "mbart" };
        changed(fixture, "tokenizer_config.json", &config, options).unwrap_err().to_string()
    };
    let message = refusal("MBartTokenizer", &of(Some("fr"), None));
    assert!(message.ends_with("(did you mean `fr_XX`?)") && message.contains("ar_AR, cs_CZ"), "{message}");
    let message = refusal("M2M100Tokenizer", &of(None, Some("fr_XX")));
    assert!(message.contains("`fr_XX`") && message.contains("af, am, ar"), "{message}");
    let folder = tokenizer_fixtures::folder("gpt2");
    let repository = Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap();
    let message = Tokenizer::load_with(&repository, &of(None, Some("fr"))).unwrap_err().to_string();
    assert!(message.contains("`fr` cannot be chosen"), "{message}");
    let tokenizer = changed("mbart", "tokenizer_config.json", r#"{"src_lang": "xx"}"#, &of(None, None));
    let message = tokenizer.unwrap_err().to_string();
    assert!(message.contains("tokenizer_config.json") && message.contains("`src_lang`"), "{message}");
    // A target of M2M-100 needs a language; a source has one by default.
    let tokenizer = load("m2m_100", &of(None, None));
    assert!(tokenizer.encode("a", Role::Source, true).is_ok());
    let message = tokenizer.encode("a", Role::Target, true).unwrap_err().to_string();
    assert!(message.contains("language is not said") && message.contains("zu"), "{message}");
}

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        $($(#[$doc])* #[test]
        fn $name() {
            equals_transformers(stringify!($name));
        })*
    };
}

families! {
    gpt2, gpt_neo, opt, bart, gpt_neox, codegen, qwen2,
    t5, mt5, pegasus, mbart, mbart50, xglm,
    nllb, llama, llama_legacy, gemma, mistral,
    m2m_100, byt5,
    gpt2_json, nllb_json, bloom_json, llama3_json, galactica_json, phi3_json,
}
