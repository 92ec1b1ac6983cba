//! The peak memory of `cite` is what its plan says.
#![cfg(target_os = "linux")]

use inseq_methods::citations::{CitationRequest, Document, PromptTemplate, Slot, method_named};
use inseq_methods::{AttributionModel, Limits, LoadOptions};
use inseq_models::architectures;
use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::generation::GenerationConfig;
use inseq_models::tokenizer::Tokenizer;
use inseq_tests::fixture;
use serde_json::json;

mod wide;

/// Size of the first layer of a feed-forward block, at which a forward of the prompt takes much more than its chunks.
const INNER: usize = 1 << 15;

/// The largest resident memory since the last [`reset`], in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap() << 10
}

/// Sets the largest resident memory to what is resident now; returns it.
fn reset() -> usize {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak()
}

fn model() -> AttributionModel {
    let repository =
        Repository::open(fixture("architectures/qwen2").to_str().unwrap(), &HubOptions::default()).unwrap();
    let options = LoadOptions::default();
    let device = inseq_models::device::parse(&options.device).unwrap();
    let mut loaded = architectures::load(&repository, &device, options.dtype).unwrap();
    wide::widen(&mut loaded.model, INNER);
    let (tokenizer, generation) = (Tokenizer::load(&repository).unwrap(), GenerationConfig::load(&repository).unwrap());
    AttributionModel::from_parts("wide", loaded, tokenizer, generation, &options)
}

#[test]
fn the_plan_bounds_the_peak() {
    /// Memory that the allocator keeps, and of what is not a tensor.
    const ALLOWED: usize = 96 << 20;
    let model = model();
    let document = |name: &str| Document::new(name, format!("the {name} sat on the mat ! ").repeat(50));
    let template = PromptTemplate::parse("{documents} {question}").unwrap();
    let documents = Slot::Documents(["cat", "dog", "old man", "big house"].map(document).into());
    let sources = template.fill([("documents", documents), ("question", Slot::Fixed("the man".into()))]).unwrap();
    let request = CitationRequest::new(sources).answer(" saw the dog ! a cat ran !").contextless_answer(false);
    let request = |method: &str, screen: Option<usize>| {
        let arguments = screen.map_or(json!({}), |screen| json!({ "screen": screen }));
        let method = method_named(method).unwrap().with(arguments.as_object().unwrap()).unwrap();
        request.clone().shared_method(method)
    };
    let methods = [
        ("leave_one_out", None),
        ("context_cite", None),
        ("attention", None),
        ("gradient", None),
        ("arc_jsd", Some(2)),
    ];
    for (method, screen) in methods {
        let request = request(method, screen);
        let plan = model.plan_citations(&request).unwrap();
        let bytes = plan.methods[0].bytes;
        // A forward of the whole prompt at once takes more than its chunks do, and a trace takes as much.
        let reads_tokens = request.method.reads_tokens();
        let whole = model.model().bytes_per_probe(0, plan.prompt);
        assert_eq!(bytes + ALLOWED > whole, reads_tokens, "{method}: {bytes} bytes, {whole} of a forward at once");
        let before = reset();
        model.cite(&request.limits(Limits::default().memory_budget(1 << 30))).unwrap();
        let taken = peak() - before;
        assert!(taken < bytes + ALLOWED, "{method} takes {taken} bytes, but its plan says {bytes}");
        assert!(
            !reads_tokens || taken > bytes / 3,
            "{method} takes {taken} bytes, much less than the {bytes} of its plan"
        );
    }
}
