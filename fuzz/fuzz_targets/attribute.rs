//! Whole calls: a small checkpoint, a method, options and texts, through generation, attribution, aggregation, pictures and files.
#![no_main]

use std::cell::RefCell;

use inseq_tests::whole_calls::{Case, Models};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static MODELS: RefCell<Models> = RefCell::default();
}

fuzz_target!(|case: Case| {
    MODELS.with_borrow_mut(|models| models.run(&case));
});
