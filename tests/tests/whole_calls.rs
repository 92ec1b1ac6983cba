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

#[test]
fn a_case_is_made_again_from_its_line() {
    for number in 0..20 {
        let case = numbered(3, number);
        assert_eq!(Case::parse(&case.line()).unwrap(), case);
    }
}
