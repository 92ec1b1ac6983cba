//! Programs tell errors apart by their kind, and find the argument in it.

use inseq_core::aggregators::{AggregationFunction, Aggregators, Selection};
use inseq_core::{AttributionResult, Error, LoadOptions, SequenceAttribution};
use serde_json::json;

#[test]
fn kinds_differ() {
    let aggregators = Aggregators::new();
    let named = |name: &str, arguments: serde_json::Value| {
        aggregators.named(name, arguments.as_object().unwrap()).map(|_| ()).unwrap_err()
    };
    let pattern = named("split", json!({}));
    assert!(matches!(&pattern, Error::Argument { name, .. } if name == "split_pattern"), "{pattern:?}");
    let wrong_type = named("split", json!({"split_pattern": 3}));
    assert!(matches!(&wrong_type, Error::Argument { name, .. } if name == "split_pattern"), "{wrong_type:?}");
    let selection = "x".parse::<Selection>().unwrap_err();
    assert!(matches!(&selection, Error::Argument { name, .. } if name == "select_idx"), "{selection:?}");
    assert!(matches!(named("spliit", json!({})), Error::Unknown(_)));
    assert!(matches!("mode".parse::<AggregationFunction>(), Err(Error::Unknown(_))));

    let large = AttributionResult::read(&b"{\"a\": 1}"[..], &LoadOptions::default().max_bytes(3)).unwrap_err();
    assert!(matches!(&large, Error::Limit { name, .. } if name == "max_bytes"), "{large:?}");
    let damaged = AttributionResult::read(&b"{"[..], &LoadOptions::default()).unwrap_err();
    assert!(matches!(&damaged, Error::Malformed { .. }), "{damaged:?}");
    let misfit = SequenceAttribution { attr_pos_end: 1, ..SequenceAttribution::default() }.validate().unwrap_err();
    assert!(matches!(&misfit, Error::Invalid(_)), "{misfit:?}");
}
