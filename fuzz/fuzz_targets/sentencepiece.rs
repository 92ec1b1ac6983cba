//! A SentencePiece model, and texts cut and joined by it.
#![no_main]

use inseq_models::checkpoint::Repository;
use inseq_models::tokenizer::{Role, Tokenizer};
use libfuzzer_sys::fuzz_target;

const VOCABULARY: &[u8] = include_bytes!("../../crates/inseq-models/demo/vocab.json");
const TEXTS: [&str; 3] = ["The nurse said that she was late.", "  \u{3000}ﬁ\tÅ\0 🧑‍⚕️ ▁ >>fra<< </s>", ""];

fuzz_target!(|data: &[u8]| {
    let files = [("source.spm", data), ("target.spm", data), ("vocab.json", VOCABULARY)];
    let repository = Repository::in_memory("fuzz", files.map(|(name, bytes)| (name.to_string(), bytes.to_vec())));
    let Ok(tokenizer) = Tokenizer::load(&repository) else { return };
    for role in [Role::Source, Role::Target] {
        for text in TEXTS {
            if let Ok(encoding) = tokenizer.encode(text, role, true) {
                let _ = tokenizer.decode(&encoding.ids, role, false);
            }
        }
    }
});
