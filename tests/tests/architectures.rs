//! Every architecture against transformers and the reference (golden files made by `tests/reference/architecture_golden.py`).
//!
//! One test a checkpoint; each says everything that it found wrong, in a table, rather than the first thing. The table of
//! `docs/src/models.md` is written by `INSEQ_WRITE_TABLE=1 cargo test --workspace --test architectures`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::tensor::Tensor;
use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest, LoadOptions};
use inseq_models::architectures;
use inseq_models::model::Source;
use inseq_models::tokenizer::Role;
use inseq_tests::{fixture, golden_tensors};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What is compared, with the largest deviation allowed: relative to the largest value there; zero for ids.
const CHECKS: [(&str, f32); 8] = [
    ("tokens", 0.0),
    ("logits", 1e-4),
    ("greedy", 0.0),
    ("beam search", 0.0),
    ("step scores", 1e-5),
    ("saliency", 1e-4),
    ("input_x_gradient", 1e-4),
    ("integrated_gradients", 1e-4),
];

/// `golden.json`.
#[derive(Deserialize)]
struct Golden {
    prompts: Vec<String>,
    /// What the model is taken to have written; of decoder-only models with the prompt before it.
    generated: Vec<String>,
    prompt_ids: Vec<Vec<u32>>,
    target_ids: Vec<Vec<u32>>,
    new_tokens: u32,
    greedy: Vec<Vec<u32>>,
    beam: Vec<Vec<u32>>,
    /// Who made the attributions.
    attributions: String,
    /// By pair, the source and target tokens of the reference.
    tokens: HashMap<usize, HashMap<String, Vec<(String, i64)>>>,
    cases: Vec<Case>,
}

/// One call of `attribute`.
#[derive(Deserialize)]
struct Case {
    pair: usize,
    method: String,
    arguments: Map<String, Value>,
    attribute_target: bool,
    /// Whether the scores are kept whole, rather than their default aggregation.
    granular: bool,
    attr_pos_start: usize,
    attr_pos_end: usize,
}

type Tensors = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// What was found of one checkpoint: by check, the largest deviation, or what is wrong.
#[derive(Default)]
struct Report {
    deviations: BTreeMap<&'static str, f32>,
    failures: Vec<(String, String)>,
}

impl Report {
    /// Notes a comparison of values; `scale` is the largest expected one of all that they stand with.
    fn values(&mut self, check: &'static str, what: &str, got: &[f32], expected: &[f32], scale: f32) {
        let tolerance = CHECKS.iter().find(|(name, _)| *name == check).map_or(0.0, |(_, tolerance)| *tolerance);
        if got.len() != expected.len() {
            return self.fail(check, format!("{what}: {} values, expected {}", got.len(), expected.len()));
        }
        let mut worst = (0.0, 0);
        for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
            if got.is_nan() != expected.is_nan() {
                return self.fail(check, format!("{what}: value {i} is {got}, expected {expected}"));
            }
            let deviation = if got.is_nan() { 0.0 } else { (got - expected).abs() / scale };
            if deviation > worst.0 {
                worst = (deviation, i);
            }
        }
        let entry = self.deviations.entry(check).or_default();
        *entry = entry.max(worst.0);
        if worst.0 > tolerance {
            let (deviation, i) = worst;
            let (got, expected) = (got[i], expected[i]);
            self.fail(check, format!("{what}: value {i} is {got}, expected {expected}: {deviation:.1e} of {scale:.3}"));
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, check: &'static str, what: &str, got: &T, expected: &T) {
        self.deviations.entry(check).or_default();
        if got != expected {
            self.fail(check, format!("{what}: {got:?}, expected {expected:?}"));
        }
    }

    fn fail(&mut self, check: &str, message: String) {
        self.failures.push((check.to_string(), message));
    }

    /// Runs one check, so that a panic or an error in it does not keep the others from running.
    fn run(&mut self, check: &'static str, f: impl FnOnce(&mut Self) -> Result<(), inseq_methods::Error>) {
        match catch_unwind(AssertUnwindSafe(|| f(&mut *self))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(check, error.to_string()),
            Err(panic) => {
                let message = panic.downcast_ref::<String>().cloned();
                let message = message.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                self.fail(check, format!("panicked: {}", message.unwrap_or_default()));
            }
        }
    }
}

fn largest<'a>(values: impl IntoIterator<Item = &'a f32>) -> f32 {
    values.into_iter().filter(|v| !v.is_nan()).fold(f32::MIN_POSITIVE, |a, v| a.max(v.abs()))
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn folder(name: &str) -> std::path::PathBuf {
    fixture("architectures").join(name)
}

/// The names of all checkpoints, from the folders that are there.
fn folders() -> BTreeSet<String> {
    let entries = std::fs::read_dir(fixture("architectures")).expect("the fixtures are there");
    entries.map(|entry| entry.expect("a folder").file_name().to_string_lossy().into_owned()).collect()
}

fn model_type(name: &str) -> String {
    let config: Value = read(&folder(name).join("config.json"));
    config["model_type"].as_str().expect("a model type").to_string()
}

/// Compares a checkpoint with everything that is known of it.
fn examine(name: &str) -> Report {
    let mut report = Report::default();
    let kind = model_type(name);
    if !architectures::list().iter().any(|architecture| architecture.model_type == kind) {
        report.fail("load", format!("there is no architecture for the model type `{kind}`"));
        return report;
    }
    let mut loaded = None;
    report.run("load", |_| {
        let device = std::env::var("INSEQ_TEST_DEVICE").unwrap_or_else(|_| "flex".into());
        let options = LoadOptions::default().device(device);
        loaded = Some(AttributionModel::load_with(&folder(name).to_string_lossy(), &options)?);
        Ok(())
    });
    let Some(model) = loaded else { return report };
    let golden: Golden = read(&folder(name).join("golden.json"));
    let tensors = golden_tensors(&folder(name).join("golden.safetensors"));
    report.run("tokens", |report| tokens(report, &model, &golden));
    for pair in 0..golden.prompts.len() {
        report.run("logits", |report| logits(report, &model, &golden, &tensors, pair));
    }
    for (check, beams, expected) in [("greedy", 1, &golden.greedy), ("beam search", 4, &golden.beam)] {
        report.run(check, |report| {
            let beams = Value::from(beams);
            let arguments =
                [("num_beams", beams), ("max_new_tokens", golden.new_tokens.into()), ("do_sample", false.into())];
            let arguments = Map::from_iter(arguments.map(|(name, value)| (name.to_string(), value)));
            // In one batch, so that every text also shows that its neighbours do not matter.
            let got = model.generate_token_ids(&golden.prompts, &arguments)?;
            for ((text, got), expected) in golden.prompts.iter().zip(&got).zip(expected) {
                report.same(check, &format!("ids of {text:?}"), got, expected);
            }
            Ok(())
        });
    }
    for (index, case) in golden.cases.iter().enumerate() {
        let check = CHECKS.iter().map(|(name, _)| *name).find(|name| *name == case.method).expect("a method's check");
        report.run(check, |report| attributions(report, &model, &golden, &tensors, index, check));
    }
    report
}

fn tokens(report: &mut Report, model: &AttributionModel, golden: &Golden) -> Result<(), inseq_methods::Error> {
    for (texts, ids, role) in
        [(&golden.prompts, &golden.prompt_ids, Role::Source), (&golden.generated, &golden.target_ids, Role::Target)]
    {
        for (text, expected) in texts.iter().zip(ids) {
            report.same("tokens", &format!("ids of {text:?}"), &model.encode(text, role, true)?, expected);
        }
    }
    Ok(())
}

fn logits(
    report: &mut Report,
    model: &AttributionModel,
    golden: &Golden,
    tensors: &Tensors,
    pair: usize,
) -> Result<(), inseq_methods::Error> {
    let network = model.model();
    let source = network.encoder.as_ref().map(|encoder| {
        let embeddings = encoder.embedding.forward(&golden.prompt_ids[pair], 1);
        Source { lengths: vec![embeddings.dims()[1]], embeddings }
    });
    let target = network.target_embedding.forward(&golden.target_ids[pair], 1);
    let trace = network.trace(source.as_ref(), target);
    let logits: Tensor<2> = network.logits(trace.hidden().clone()).squeeze_dim(0);
    let [positions, vocabulary] = logits.dims();
    let got = logits.try_into_vec_as::<f32>().expect("logits can be read");
    let next = golden.target_ids[pair].iter().skip(1).enumerate();
    let of_target: Vec<f32> = next.map(|(position, &id)| got[position * vocabulary + id as usize]).collect();
    let compared =
        [("logits", &got[..]), ("logits_of_target", &of_target), ("last_logits", &got[(positions - 1) * vocabulary..])];
    let expected = |name: &str| tensors.get(&format!("{name}.{pair}")).map(|(_, values)| values);
    let scale = largest(compared.iter().filter_map(|(name, _)| expected(name)).flatten());
    for (name, got) in compared {
        if let Some(expected) = expected(name) {
            report.values("logits", &format!("{name} of pair {pair}"), got, expected, scale);
        }
    }
    Ok(())
}

fn attributions(
    report: &mut Report,
    model: &AttributionModel,
    golden: &Golden,
    tensors: &Tensors,
    index: usize,
    check: &'static str,
) -> Result<(), inseq_methods::Error> {
    let case = &golden.cases[index];
    let mut request = AttributionRequest::new([golden.prompts[case.pair].clone()])
        .generated_texts([golden.generated[case.pair].clone()])
        .method(&case.method)
        .attribute_target(case.attribute_target)
        .step_scores(["probability"]);
    for (name, value) in &case.arguments {
        request = request.attribution_argument(name, value.clone());
    }
    let result = model.attribute(&request)?;
    let sequence = &result.sequences[0];
    let target = if case.attribute_target { ", target too" } else { "" };
    let what = format!("pair {}{target}", case.pair);
    report.same(check, &format!("{what}: start"), &sequence.attr_pos_start, &case.attr_pos_start);
    report.same(check, &format!("{what}: end"), &sequence.attr_pos_end, &case.attr_pos_end);
    if let Some(expected) = golden.tokens.get(&case.pair) {
        shown(report, &what, sequence, expected);
    }
    if let Some((_, expected)) = tensors.get(&format!("probability.{}", case.pair)) {
        let got = sequence.step_scores["probability"].to_vec();
        report.values("step scores", &what, &got, expected, largest(expected));
    }
    let aggregated = sequence.aggregate()?;
    let kept = if case.granular { sequence } else { &aggregated };
    let sides = [("source", &kept.source_attributions), ("target", &kept.target_attributions)];
    let expected = |side: &str| tensors.get(&format!("{index}.{side}"));
    let scale = largest(sides.iter().filter_map(|(side, _)| expected(side)).flat_map(|(_, values)| values));
    for (side, got) in sides {
        let what = format!("{what}: {side}");
        match (got, expected(side)) {
            (Some(got), Some((shape, expected))) => {
                report.same(check, &format!("{what}: shape"), &got.shape(), &&shape[..]);
                let got: Vec<f32> = got.iter().copied().collect();
                report.values(check, &what, &got, expected, scale);
            }
            (got, expected) => report.same(check, &format!("{what}: is there"), &got.is_some(), &expected.is_some()),
        }
    }
    Ok(())
}

fn shown(
    report: &mut Report,
    what: &str,
    sequence: &SequenceAttribution,
    expected: &HashMap<String, Vec<(String, i64)>>,
) {
    for (side, tokens) in [("source", &sequence.source), ("target", &sequence.target)] {
        let got: Vec<(String, i64)> =
            tokens.iter().map(|token| (token.text.clone(), token.id.map_or(-1, i64::from))).collect();
        let none = Vec::new();
        report.same("tokens", &format!("{what}: {side}"), &got, expected.get(side).unwrap_or(&none));
    }
}

fn check(name: &str) {
    let report = examine(name);
    if report.failures.is_empty() {
        return;
    }
    let mut table = format!("{name} (model type {}):\n", model_type(name));
    for (check, message) in &report.failures {
        let _ = writeln!(table, "  {check:<20} | {message}");
    }
    for (check, deviation) in &report.deviations {
        let _ = writeln!(table, "  {check:<20} | largest deviation {deviation:.1e}");
    }
    panic!("{table}");
}

macro_rules! checkpoints {
    ($($name:ident),* $(,)?) => {
        const LISTED: &[&str] = &[$(stringify!($name)),*];

        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*
    };
}

checkpoints! {
    bart, bloom, bloom_post_norm, byt5, galactica, gemma, gemma2, gemma3_text, gpt2, gpt2_scaled, gpt_neo, gpt_neox, gpt_neox_sequential, gptj, lfm2, lfm2_biased, llama, llama3, llama_biased, m2m_100, marian, mbart, mistral, mixtral, mixtral_joined, mt5, olmo2, opt, opt_post_norm, pegasus, phi3, phi3_longrope, qwen2, qwen2_yarn, qwen3, smollm3, smollm3_window, t5, t5_gated, umt5,
}

#[test]
fn every_checkpoint_is_tested() {
    assert_eq!(folders(), LISTED.iter().map(ToString::to_string).collect());
}

#[test]
fn every_model_type_has_a_checkpoint() {
    let present: BTreeSet<String> = folders().iter().map(|name| model_type(name)).collect();
    let missing: Vec<&str> =
        architectures::list().iter().map(|a| a.model_type).filter(|kind| !present.contains(*kind)).collect();
    assert!(missing.is_empty(), "no checkpoint in tests/fixtures/architectures for {}", missing.join(", "));
}

const BEGIN: &str = "<!-- Written by INSEQ_WRITE_TABLE=1 cargo test --workspace --test architectures -->";
const END: &str = "<!-- End of what is written -->";

/// The table of the book: what was checked of each model type, and the largest deviation seen.
#[test]
fn the_book_lists_what_was_checked() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/models.md");
    let book = std::fs::read_to_string(&path).expect("the page of models is there");
    let begin = book.find(BEGIN).expect("the table's beginning is marked") + BEGIN.len();
    let end = book.find(END).expect("the table's end is marked");
    let mut by_type: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in folders() {
        by_type.entry(model_type(&name)).or_default().push(name);
    }
    if std::env::var_os("INSEQ_WRITE_TABLE").is_some() {
        let table = table(&by_type);
        std::fs::write(&path, format!("{}\n\n{table}\n{}", &book[..begin], &book[end..]))
            .expect("the page can be written");
        return;
    }
    let listed: BTreeSet<&str> =
        book[begin..end].lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let present: BTreeSet<&str> = by_type.keys().map(String::as_str).collect();
    assert_eq!(listed, present, "{} is not up to date: run with INSEQ_WRITE_TABLE=1", path.display());
}

fn table(by_type: &BTreeMap<String, Vec<String>>) -> String {
    let mut out = String::from("| model type | models | checkpoints |");
    for (check, _) in CHECKS {
        let _ = write!(out, " {check} |");
    }
    out.push_str(" attributions from |\n|---|---|---|");
    out.push_str(&"---|".repeat(CHECKS.len() + 1));
    out.push('\n');
    // In the order of the registry, which is that of the families.
    for architecture in architectures::list() {
        let Some(names) = by_type.get(architecture.model_type) else { continue };
        let reports: Vec<Report> = names.iter().map(|name| examine(name)).collect();
        let (kind, title) = (architecture.model_type, architecture.title);
        let _ = write!(out, "| `{kind}` | [{title}]({}) | {} |", architecture.paper, names.join(", "));
        for (check, tolerance) in CHECKS {
            let failed = reports
                .iter()
                .any(|report| report.failures.iter().any(|(failed, _)| failed == check || failed == "load"));
            let largest = reports.iter().filter_map(|report| report.deviations.get(check)).fold(0f32, |a, b| a.max(*b));
            let cell = match (failed, tolerance == 0.0) {
                (true, _) => "differ".to_string(),
                (false, true) => "same".to_string(),
                (false, false) => format!("{largest:.0e}"),
            };
            let _ = write!(out, " {cell} |");
        }
        let made: BTreeSet<String> = names
            .iter()
            .map(|name| read::<Golden>(&folder(name).join("golden.json")).attributions)
            .map(|made| made.split([',', ':']).next().unwrap_or_default().to_string())
            .collect();
        let _ = writeln!(out, " {} |", made.into_iter().collect::<Vec<_>>().join("; "));
    }
    out
}
