//! Every method on every kind of model, with and without target attribution, against the golden files of
//! `tests/reference/methods_golden.py` where there is something to compare with.
//!
//! One test a checkpoint; each says everything that it found wrong. The matrix of `docs/src/methods.md` is written by
//! `INSEQ_WRITE_TABLE=1 cargo test --workspace --test methods`.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use inseq_core::SequenceAttribution;
use inseq_methods::{
    AttributionModel, AttributionRequest, Error, FeatureGroups, TextSpans, list_methods, step_functions,
};
use inseq_tests::{fixture, golden_tensors};
use ndarray::{ArrayD, Axis};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Deviation from a golden file that is let pass, relative to the largest score.
const TOLERANCE: f32 = 1e-4;

/// Seeds whose mean is compared with that of the reference.
const SEEDS: u64 = 60;

/// `NAME.json`.
#[derive(Deserialize)]
struct Golden {
    texts: Vec<Text>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Text {
    prompt: String,
    generated: String,
}

#[derive(Deserialize)]
struct Case {
    /// Which of the texts.
    text: usize,
    method: String,
    arguments: Map<String, Value>,
    attributed_fn: String,
    attribute_target: bool,
    /// Who made the scores.
    made_by: String,
    /// Whether the sum and the norm over features are kept, rather than the scores.
    granular: bool,
    /// Steps that were computed, from the first; all where nothing is said.
    steps: Option<usize>,
    /// Spans of tokens that are one feature.
    #[serde(default)]
    feature_groups: Option<TextSpans>,
    /// Whether mean and standard error of random scores are kept.
    #[serde(default)]
    random: bool,
}

/// Shape and values.
type Stored = (Vec<usize>, Vec<f32>);

type Tensors = std::collections::HashMap<String, Stored>;

struct Subject {
    name: String,
    model: AttributionModel,
    golden: Golden,
}

impl Subject {
    fn load(name: &str, golden: &str) -> Option<(Self, Tensors)> {
        let path = fixture("methods").join(format!("{golden}.json"));
        let json = std::fs::read(&path).ok()?;
        let golden: Golden = serde_json::from_slice(&json).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let model = AttributionModel::load(fixture("architectures").join(name).to_str().expect("a path")).unwrap();
        Some((Self { name: name.to_owned(), model, golden }, golden_tensors(&path.with_extension("safetensors"))))
    }

    fn request(
        &self,
        text: usize,
        method: &str,
        arguments: &Map<String, Value>,
        attribute_target: bool,
    ) -> AttributionRequest {
        let Text { prompt, generated } = &self.golden.texts[text];
        let mut request = AttributionRequest::new([prompt.as_str()])
            .generated_texts([generated.as_str()])
            .method(method)
            .attribute_target(attribute_target);
        request.attribution_args = arguments.clone();
        request
    }

    fn case(&self, case: &Case, arguments: &Map<String, Value>) -> Result<SequenceAttribution, Error> {
        let mut request = self.request(case.text, &case.method, arguments, case.attribute_target);
        if let Some(groups) = &case.feature_groups {
            request = request.feature_groups(FeatureGroups::Spans(vec![groups.clone()]));
        }
        Ok(self.model.attribute(&request.attributed_fn(case.attributed_fn.as_str()))?.sequences.swap_remove(0))
    }

    /// A method with quick arguments, with every step function as a step score.
    fn with_step_scores(&self, method: &str, mode: bool) -> Result<SequenceAttribution, Error> {
        let mut request = self.request(0, method, &quick(method), mode).step_scores(self.step_functions());
        request.step_scores_args = self.other_context();
        request.step_scores_args.insert("top_p".to_owned(), json!(0.9));
        Ok(self.model.attribute(&request)?.sequences.swap_remove(0))
    }

    /// Every step function; without that of dropout where the model has none.
    fn step_functions(&self) -> Vec<&'static str> {
        let has_dropout = !["bloom", "gpt_neox", "llama"].contains(&self.name.as_str());
        let names = step_functions::list().iter().map(|function| function.name);
        names.filter(|&name| has_dropout || name != "mc_dropout_prob_avg").collect()
    }

    /// What contrastive functions compare with.
    fn other_context(&self) -> Map<String, Value> {
        let beginning = match self.model.model().encoder {
            Some(_) => String::new(),
            None => format!("{} ", self.golden.texts[0].prompt),
        };
        Map::from_iter([("contrast_targets".to_owned(), json!(format!("{beginning}to the mat .")))])
    }

    fn modes(&self) -> &[bool] {
        if self.model.model().encoder.is_some() { &[false, true] } else { &[false] }
    }
}

fn arrays(sequence: &SequenceAttribution) -> [(&'static str, Option<&ArrayD<f32>>); 2] {
    [("source", sequence.source_attributions.as_ref()), ("target", sequence.target_attributions.as_ref())]
}

/// What stands in a golden file: by name, values as of an array.
fn observed(case: &Case, sequence: &SequenceAttribution) -> BTreeMap<String, ArrayD<f32>> {
    let mut values = BTreeMap::new();
    for (side, array) in arrays(sequence) {
        let Some(array) = array else { continue };
        if case.granular {
            let features = Axis(2);
            values.insert(format!("{side}.sum"), array.sum_axis(features));
            values.insert(format!("{side}.norm"), array.mapv(|v| v * v).sum_axis(features).mapv(f32::sqrt));
        } else if case.random && array.ndim() > 2 {
            values.insert(side.to_owned(), array.sum_axis(Axis(2)));
        } else {
            values.insert(side.to_owned(), array.clone());
        }
    }
    for (name, array) in &sequence.sequence_scores {
        values.insert(format!("sequence.{name}"), array.clone());
    }
    values
}

/// The largest deviation from the golden values, relative to the largest of those that stand together.
fn compare(case: &Case, key: usize, tensors: &Tensors, found: &BTreeMap<String, ArrayD<f32>>) -> Result<f32, String> {
    let prefix = format!("{key}.");
    let mut expected: Vec<(&str, &Stored)> = tensors
        .iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?, tensor)))
        .filter(|(name, _)| !name.ends_with(".error"))
        .collect();
    expected.sort_by_key(|(name, _)| *name);
    let mut worst = 0f32;
    for (name, (shape, values)) in &expected {
        let Some(found) = found.get(*name) else { return Err(format!("there is no {name}")) };
        // A row that no step sees may be left out at the end.
        let spare = usize::from(*name == "target" || name.starts_with("target."));
        if found.ndim() != shape.len()
            || found.shape()[1..] != shape[1..]
            || found.shape()[0].abs_diff(shape[0]) > spare
        {
            return Err(format!("{name} has the shape {:?}, expected {shape:?}", found.shape()));
        }
        // Sums over features cancel; what they are rounded by goes with the norm.
        let together = expected.iter().filter(|(other, _)| case.granular || other == name);
        let scale =
            together.flat_map(|(_, (_, values))| values).filter(|v| !v.is_nan()).fold(1e-12f32, |a, v| a.max(v.abs()));
        let golden = ArrayD::from_shape_vec(shape.clone(), values.clone()).map_err(|e| e.to_string())?;
        for (index, expected) in golden.indexed_iter() {
            if case.steps.is_some_and(|steps| index[1] >= steps) {
                continue;
            }
            if index[0] >= found.shape()[0] {
                if !expected.is_nan() && *expected != 0.0 {
                    return Err(format!("{name} has no row {}, expected {expected} there", index[0]));
                }
                continue;
            }
            let got = found[index.clone()];
            if got.is_nan() != expected.is_nan() {
                return Err(format!("{name} at {index:?} is {got}, expected {expected}"));
            }
            let deviation = if got.is_nan() { 0.0 } else { (got - expected).abs() / scale };
            if deviation > TOLERANCE {
                return Err(format!(
                    "{name} at {index:?} is {got}, expected {expected}: {deviation:.1e} of {scale:.2e}"
                ));
            }
            worst = worst.max(deviation);
        }
    }
    Ok(worst)
}

/// Compares the mean over seeds with that of the reference, in standard errors of both.
fn compare_distribution(subject: &Subject, case: &Case, key: usize, tensors: &Tensors) -> Result<f32, String> {
    let runs: Vec<_> = (0..SEEDS)
        .map(|seed| {
            let mut arguments = case.arguments.clone();
            arguments.insert("seed".into(), json!(seed));
            let sequence = subject.case(case, &arguments);
            sequence.map(|sequence| observed(case, &sequence)).map_err(|e| e.to_string())
        })
        .collect::<Result<_, _>>()?;
    let mut worst = 0f32;
    let (mut cells, mut far) = (0usize, 0usize);
    for side in ["source", "target"] {
        let Some((shape, expected)) = tensors.get(&format!("{key}.{side}")) else { continue };
        let errors = &tensors[&format!("{key}.{side}.error")].1;
        let runs: Vec<&ArrayD<f32>> = runs.iter().filter_map(|run| run.get(side)).collect();
        if runs.len() != SEEDS as usize {
            return Err(format!("there is no {side}"));
        }
        let scale = expected.iter().filter(|v| !v.is_nan()).fold(0f32, |a, v| a.max(v.abs()));
        for (at, (expected, error)) in expected.iter().zip(errors).enumerate().filter(|(_, (v, _))| !v.is_nan()) {
            let index = [at / shape[1], at % shape[1]];
            if case.steps.is_some_and(|steps| index[1] >= steps) {
                continue;
            }
            if index[0] >= runs[0].shape()[0] {
                if *expected != 0.0 {
                    return Err(format!("{side} has no row {}, expected {expected} there", index[0]));
                }
                continue;
            }
            let values: Vec<f32> = runs.iter().map(|run| run[index.as_slice()]).collect();
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / (values.len() - 1) as f32;
            let combined = (variance / values.len() as f32 + error * error).sqrt().max(1e-5 * scale);
            let away = (mean - expected).abs() / combined;
            if away > 5.0 {
                return Err(format!("{side} at {index:?} is {mean} on average, expected {expected}: {away:.1} errors"));
            }
            cells += 1;
            far += usize::from(away > 3.0);
            worst = worst.max(away);
        }
    }
    // Of so many means some are that far away by chance: 1 of 180 (Student's t of 59 degrees of freedom).
    if far > 1 + cells / 60 {
        return Err(format!("{far} of {cells} means are more than 3 errors away, the farthest {worst:.1}"));
    }
    Ok(worst)
}

/// What a cell was compared with.
#[derive(Default)]
struct Checked {
    /// Who made it.
    by: Vec<String>,
    /// The largest deviation of what hangs on no chance.
    deviation: Option<f32>,
    /// Of what does, the largest distance of means, in standard errors.
    errors: Option<f32>,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = [self.deviation, self.errors];
        if found.into_iter().flatten().any(f32::is_infinite) {
            return f.write_str("differs");
        }
        f.write_str(&self.by.join(" and "))?;
        if let Some(deviation) = self.deviation {
            write!(f, ", {deviation:.0e}")?;
        }
        if let Some(errors) = self.errors {
            write!(f, ", within {errors:.1} errors")?;
        }
        Ok(())
    }
}

/// Arguments with which a method is quick.
fn quick(method: &str) -> Map<String, Value> {
    let arguments = match method {
        "reagent" => json!({ "max_probe_steps": 3, "num_probes": 3 }),
        method if method.ends_with("integrated_gradients") => json!({ "n_steps": 4 }),
        _ => json!({}),
    };
    arguments.as_object().cloned().unwrap_or_default()
}

/// By method and target attribution, what a cell of the matrix says; and everything that is wrong.
fn examine(name: &str) -> (BTreeMap<(String, bool), String>, Vec<String>) {
    let mut cells: BTreeMap<(String, bool), String> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut checked: BTreeMap<(String, bool), Checked> = BTreeMap::new();
    let (subject, tensors) = Subject::load(name, name).expect("the golden file is there");
    for &mode in subject.modes() {
        for method in list_methods() {
            let cell = (method.name.to_owned(), mode);
            match subject.with_step_scores(method.name, mode) {
                Ok(sequence) => {
                    let finite = arrays(&sequence)
                        .into_iter()
                        .flat_map(|(side, array)| array.map(|array| (side, array)))
                        .all(|(side, array)| array.iter().all(|v| v.is_finite() || (v.is_nan() && side == "target")));
                    let scores = sequence.step_scores.values().all(|scores| scores.iter().all(|v| v.is_finite()));
                    if !finite || !scores || sequence.step_scores.len() < subject.step_functions().len() {
                        wrong.push(format!("{name} {} {mode}: scores that are no numbers", method.name));
                    }
                    cells.insert(cell, "completes".into());
                }
                Err(error) => {
                    wrong.push(format!("{name} {} {mode}: {error}", method.name));
                    cells.insert(cell, "fails".into());
                }
            }
        }
    }
    let others = ["groups", "value_zeroing"].map(|other| Subject::load(name, &format!("{name}_{other}")));
    for (subject, tensors) in std::iter::once((subject, tensors)).chain(others.into_iter().flatten()) {
        for (key, case) in subject.golden.cases.iter().enumerate() {
            let outcome = if case.random {
                compare_distribution(&subject, case, key, &tensors)
            } else {
                let sequence = subject.case(case, &case.arguments).map_err(|e| e.to_string());
                sequence.and_then(|sequence| compare(case, key, &tensors, &observed(case, &sequence)))
            };
            let who = case.made_by.split(',').next().unwrap_or_default().split(' ').next().unwrap_or_default();
            let cell = checked.entry((case.method.clone(), case.attribute_target)).or_default();
            if !cell.by.iter().any(|other| other == who) {
                cell.by.push(who.to_owned());
            }
            let worst = if case.random { &mut cell.errors } else { &mut cell.deviation };
            match outcome {
                Ok(found) => *worst = Some(worst.unwrap_or(0.0).max(found)),
                Err(message) => {
                    *worst = Some(f32::INFINITY);
                    let arguments = Value::Object(case.arguments.clone());
                    wrong.push(format!(
                        "{} text {} {} {arguments} of {} target {}: {message}",
                        subject.name, case.text, case.method, case.attributed_fn, case.attribute_target
                    ));
                }
            }
        }
    }
    cells.extend(checked.into_iter().map(|(cell, checked)| (cell, checked.to_string())));
    (cells, wrong)
}

macro_rules! checkpoints {
    ($($name:ident),*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            let (_, wrong) = examine(stringify!($name));
            assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
        })*
    };
}

checkpoints!(marian, t5, t5_gated, bart, gpt2, opt, bloom, gpt_neox, llama);

/// Every method attributes every step function, or says why it cannot.
#[test]
fn every_function_can_be_attributed() {
    for name in ["marian", "gpt2"] {
        let (subject, _) = Subject::load(name, name).expect("the golden file is there");
        for method in list_methods() {
            for function in step_functions::list() {
                let mut request =
                    subject.request(0, method.name, &quick(method.name), true).attributed_fn(function.name);
                let other = match function.name {
                    "top_p_size" => Map::from_iter([("top_p".to_owned(), json!(0.9))]),
                    _ => subject.other_context(),
                };
                if step_functions::named(function.name, &other).is_ok() {
                    request.attributed_fn_args = other;
                }
                let what = format!("{name} {} of {}", method.name, function.name);
                match subject.model.attribute(&request) {
                    Ok(result) => {
                        for (side, array) in arrays(&result.sequences[0]) {
                            let finite = |v: &f32| v.is_finite() || (v.is_nan() && side == "target");
                            assert!(array.is_none_or(|array| array.iter().all(finite)), "{what}: {array:?}");
                        }
                    }
                    Err(error) => assert!(
                        function.name == "top_p_size" && error.to_string().contains("has no gradient"),
                        "{what}: {error}"
                    ),
                }
            }
        }
    }
}

const START: &str = "<!-- written by tests/tests/methods.rs -->";
const END: &str = "<!-- end -->";

#[test]
fn the_matrix_is_written_where_it_is_asked_for() {
    if std::env::var_os("INSEQ_WRITE_TABLE").is_none() {
        return;
    }
    let mut columns = Vec::new();
    let mut all = Vec::new();
    for name in NAMES {
        let (cells, _) = examine(name);
        for mode in [false, true] {
            if cells.keys().any(|(_, own)| *own == mode) {
                columns.push(if mode { format!("{name}, target too") } else { (*name).to_owned() });
                all.push((mode, cells.clone()));
            }
        }
    }
    let mut table = format!("| method | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for method in list_methods() {
        let cells: Vec<&str> = all
            .iter()
            .map(|(mode, cells)| cells.get(&(method.name.to_owned(), *mode)).map_or("", String::as_str))
            .collect();
        writeln!(table, "| `{}` | {} |", method.name, cells.join(" | ")).expect("a string takes all");
    }
    let path = fixture("../../docs/src/methods.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let start = text.find(START).expect("the page has the place") + START.len();
    let end = text[start..].find(END).expect("the page has the place's end") + start;
    std::fs::write(&path, format!("{}\n\n{table}\n{}", &text[..start], &text[end..])).unwrap();
}
