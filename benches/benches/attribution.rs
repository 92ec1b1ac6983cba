//! The path of one call, with the embedded demo model: load, generate, attribute, aggregate, save, load the result.
//!
//! Run with `cargo bench -p inseq-benches --bench attribution`.
#![allow(missing_docs)] // criterion's macros make undocumented items

use criterion::{Criterion, criterion_group, criterion_main};
use inseq_core::{AttributionResult, LoadOptions, SaveOptions};
use inseq_methods::{AttributionModel, AttributionRequest, list_methods};
use serde_json::Map;

const TEXT: &str = "The tired nurse said that she was late.";

fn attribution(criterion: &mut Criterion) {
    let load = || AttributionModel::demo().expect("the embedded model loads");
    criterion.bench_function("load", |b| b.iter(load));
    let model = load();

    criterion.bench_function("generate", |b| b.iter(|| model.generate(&[TEXT], &Map::new())));
    let translation = model.generate(&[TEXT], &Map::new()).expect("the model translates");
    for method in list_methods() {
        let mut request = AttributionRequest::new([TEXT]).generated_texts(&translation).method(method.name);
        if method.name == "reagent" {
            // It stops when it has found what it looks for, after thousands of iterations at the latest.
            request = request.attribution_argument("max_probe_steps", 5);
        }
        criterion.bench_function(&format!("attribute/{}", method.name), |b| b.iter(|| model.attribute(&request)));
    }

    let request = AttributionRequest::new([TEXT]).generated_texts(&translation).attribute_target(true);
    let result = model.attribute(&request).expect("the text can be attributed");
    criterion.bench_function("aggregate", |b| b.iter(|| result.aggregate()));
    let mut saved = Vec::new();
    result.write(&mut saved, &SaveOptions::default()).expect("memory can be written");
    criterion.bench_function("result/write", |b| {
        b.iter(|| result.write(&mut Vec::with_capacity(saved.len()), &SaveOptions::default()))
    });
    criterion.bench_function("result/read", |b| {
        b.iter(|| AttributionResult::read(saved.as_slice(), &LoadOptions::default()))
    });
}

criterion_group!(benches, attribution);
criterion_main!(benches);
