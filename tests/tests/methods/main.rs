//! Every method on every kind of model, with and without target attribution, against the golden files of
//! `tests/reference/methods_golden.py` where there is something to compare with.
//!
//! One test a checkpoint; each says everything that it found wrong. The matrix of `docs/src/methods.md` is written by
//! `INSEQ_WRITE_TABLE=1 cargo test --workspace --test methods`.

mod golden;
mod subject;

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use inseq_methods::{list_methods, step_functions};
use inseq_tests::fixture;
use serde_json::{Map, Value, json};

use golden::{arrays, compare, compare_distribution, observed};
use subject::{Subject, quick};

/// What a cell was compared with.
#[derive(Default)]
struct Checked {
    /// Who made it.
    by: Vec<String>,
    /// Largest deviation of the values that do not depend on random numbers.
    deviation: Option<f32>,
    /// Largest distance of means of the values that do, in standard errors.
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

const START: &str = "<!-- written by tests/tests/methods/main.rs -->";
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
