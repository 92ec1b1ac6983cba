//! A saved attribution.
#![no_main]

use inseq_core::{AttributionResult, LoadOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = AttributionResult::read(data, &LoadOptions::default().max_bytes(64 << 20));
});
