//! Arguments of every aggregator, and what it makes of a small result.
#![no_main]

use inseq_core::aggregators::Aggregators;
use inseq_core::{AttributionResult, LoadOptions};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

const RESULT: &[u8] = include_bytes!("../../tests/fixtures/core/granular.json");

fuzz_target!(|data: &[u8]| {
    let Ok(arguments) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    let result = AttributionResult::read(RESULT, &LoadOptions::default()).expect("a golden file");
    let aggregators = Aggregators::new();
    for info in aggregators.list() {
        let known = arguments.iter().filter(|(name, _)| info.takes(name));
        let known: Map<String, Value> = known.map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Ok(aggregator) = aggregators.named(info.name, &known) {
            let _ = result.aggregate_with(aggregator.as_ref());
        }
    }
});
