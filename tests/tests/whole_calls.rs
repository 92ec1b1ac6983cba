//! Some hundred random whole calls: none panics, and most come to their end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use inseq_tests::whole_calls::{Case, Models, Outcome, numbered};

/// Cases; `INSEQ_WHOLE_CALLS` runs more of them, `cargo run -p inseq-tests --bin attribute-any` as many as there is time for.
const CASES: u64 = 200;

#[test]
fn no_call_panics() {
    let cases = std::env::var("INSEQ_WHOLE_CALLS").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let mut models = Models::default();
    let mut done = 0;
    for number in 0..cases {
        let case = numbered(1, number);
        match catch_unwind(AssertUnwindSafe(|| models.run(&case))) {
            Ok(Outcome::Done) => done += 1,
            Ok(_) => {}
            Err(_) => panic!("case {number}: attribute-any --case '{}'", case.line().replace('\'', "'\\''")),
        }
    }
    assert!(done * 4 >= cases, "only {done} of {cases} calls come to their end");
}

/// Calls that once panicked, and the errors that they get.
#[test]
fn what_was_found_stays_mended() {
    let found = [
        // A text whose only character the tokenizer leaves out.
        (
            r#"{"model": "bart", "texts": ["\u0000"], "switches": ["skip_special_tokens"]}"#,
            "input text 1 has no tokens",
        ),
        // Another prompt that is too long once what was written follows it.
        (
            r#"{"model": "gpt2", "texts": ["a"], "step_scores": ["pcxmi"], "generation_args": {"max_new_tokens": 35, "min_new_tokens": 35},
                "step_scores_args": {"contrast_sources": ["the cat sat on the mat the dog ran to the big house ."]}}"#,
            "contrast text 1 has",
        ),
        (
            r#"{"model": "gpt2", "texts": ["a"], "step_scores": ["pcxmi"], "switches": ["skip_special_tokens"],
                "step_scores_args": {"contrast_targets": [""]}}"#,
            "contrast text 1 has no token",
        ),
        (
            r#"{"model": "t5", "texts": ["cat"], "generation_args": {"decoder_start_token_id": 99999}}"#,
            "`decoder_start_token_id` is 99999",
        ),
    ];
    let mut models = Models::default();
    for (line, part) in found {
        let case = Case { method: "dummy".into(), memory_budget: 1 << 20, ..Case::parse(line).unwrap() };
        match models.run(&case) {
            Outcome::Refused(message) if message.contains(part) => {}
            other => panic!("{line}: {other:?}"),
        }
    }
    // No entry of an axis is shown.
    let granular = r#"{"model": "gpt2", "memory_budget": 1048576, "texts": ["a cat"], "method": "attention",
        "generation_args": {"max_new_tokens": 3}, "picture": {"view": "granular", "longest": 0}}"#;
    assert_eq!(models.run(&Case::parse(granular).unwrap()), Outcome::Done);
}

#[test]
fn a_case_is_made_again_from_its_line() {
    for number in 0..20 {
        let case = numbered(3, number);
        assert_eq!(Case::parse(&case.line()).unwrap(), case);
    }
}
