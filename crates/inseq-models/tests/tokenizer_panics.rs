//! A panic of the `tokenizers` crate on a damaged file is an error of which nothing is printed, and every other panic is printed. The
//! hook belongs to the whole process, so that these have one of their own.

use std::panic;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use inseq_models::checkpoint::Repository;
use inseq_models::tokenizer::{Role, Tokenizer};

static PRINTED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn a_guarded_panic_is_an_error_and_others_are_left_alone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/architectures/gpt2");
    let json = std::fs::read(folder.join("tokenizer.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    // A trie of one unit that points far behind its end.
    json["normalizer"] = serde_json::json!({ "type": "Precompiled", "precompiled_charsmap": "BAAAAP////94AA==" });
    let files = [("tokenizer.json".to_string(), json.to_string().into_bytes())];
    let others = panic::take_hook();
    panic::set_hook(Box::new(|_| {
        PRINTED.fetch_add(1, Ordering::SeqCst);
    }));

    let tokenizer = Tokenizer::load(&Repository::in_memory("m", files)).unwrap();
    let message = tokenizer.encode("the cat", Role::Source, true).unwrap_err().to_string();
    assert!(message.contains("its rules are damaged"), "{message}");
    assert_eq!(PRINTED.load(Ordering::SeqCst), 0);
    // This thread's own panics after it, and those of others.
    assert!(panic::catch_unwind(|| panic!("own")).is_err());
    assert!(std::thread::spawn(|| panic!("of another")).join().is_err());
    assert_eq!(PRINTED.load(Ordering::SeqCst), 2);
    panic::set_hook(others);
}
