//! A saved attribution in a safetensors file.
#![no_main]

use inseq_core::AttributionResult;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(result) = AttributionResult::from_safetensors(data) {
        let _ = result.aggregate();
    }
});
