//! `inseq attribute-dataset`: the end of a run, rows that are attributed again, and what a run would overwrite.
#![cfg(feature = "demo")]

mod program;

use inseq_datasets::Results;
use program::{complaint, inseq, path_in, printed, run, warnings};
use serde_json::Value;

/// Four rows in parts of two, of which row 2 has no text.
fn data(folder: &tempfile::TempDir) -> String {
    let path = path_in(folder, "data.jsonl");
    let lines = ["\"The doors are white.\"", "\"She was late.\"", "null", "\"He was late.\""];
    std::fs::write(&path, lines.map(|text| format!("{{\"text\": {text}}}\n")).concat()).unwrap();
    path
}

fn json(folder: &str, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(std::path::Path::new(folder).join(file)).unwrap()).unwrap()
}

#[test]
fn parts_with_errors_are_attributed_again_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (data, results) = (data(&folder), path_in(&folder, "results"));
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "--part-rows", "2", "-o", &results];
    let again = [&line[..], &["--retry-errors"]].concat();
    printed(&run(&line));
    let records = || ["done/00000.json", "done/00001.json"].map(|name| json(&results, name));
    let before = records();
    let said = printed(&run(&line));
    assert!(said.starts_with("nothing was left to attribute; "), "{said}");
    assert_eq!(records(), before);
    let said = printed(&run(&again));
    assert!(said.starts_with("attributed 2 rows, 1 with an error; "), "{said}");
    assert!(said.ends_with("is complete: 4 rows, 1 with an error\n"), "{said}");
    let after = records();
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1]["process"]["pid"], before[1]["process"]["pid"]);
    assert_eq!(after[1]["files"][1]["blake3"], before[1]["files"][1]["blake3"], "the same scores");
    let (said, code) = complaint(&run(&[&again[..], &["--strict"]].concat()));
    assert!(said.contains("row 2: column `text`: null") && code == 1, "{said}");
    let one = ["attribute-dataset", "-d", &data, "-in", "text", "-o", &path_in(&folder, "x.json"), "--retry-errors"];
    assert!(complaint(&run(&one)).0.contains("--retry-errors is for a folder of results"));
}

#[test]
fn manifest_status_and_report_say_what_the_run_was() {
    let folder = tempfile::tempdir().unwrap();
    let (data, results) = (data(&folder), path_in(&folder, "results"));
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "--part-rows", "2", "-o", &results];
    printed(&run(&[&line[..], &["--shard", "0/2"]].concat()));
    let manifest = json(&results, "manifest.json");
    assert_eq!((&manifest["parts"], &manifest["finished"]), (&2.into(), &Value::Null));
    let dataset = format!("{data}, split train");
    let of_part = path_in(&folder, "part.json");
    let said = warnings(&["dataset-report", &results, "-o", &of_part]);
    assert_eq!(said, ["warning: 2 of 4 rows are not attributed yet"]);
    let report: Value = serde_json::from_slice(&std::fs::read(&of_part).unwrap()).unwrap();
    assert_eq!((&report["dataset"], &report["rows_left"]), (&dataset.clone().into(), &2.into()));
    printed(&run(&line));
    let manifest = json(&results, "manifest.json");
    assert_eq!(manifest["finished"], Results::open(results.as_ref()).unwrap().status().unwrap().finished.unwrap());
    let output = run(&["dataset-report", &results]);
    let tables = String::from_utf8(output.stdout).unwrap();
    let fact = |name: &str| {
        let line = tables.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {tables}"));
        line[name.len()..].trim().to_owned()
    };
    assert_eq!((fact("Dataset"), fact("Rows with an error")), (dataset.clone(), "1 (2)".to_owned()));
    assert_eq!(fact("Rows not attributed yet"), "0");
    assert!(printed(&run(&["dataset-status", &results])).contains(&dataset));
}

#[test]
fn tasks_of_an_array_do_not_overwrite_the_file_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (data(&folder), path_in(&folder, "all.json"));
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "--split", "train[:1]", "--hide"];
    let in_array = |more: &[&str], variables: &[(&str, &str)]| {
        inseq(&[&line[..], more].concat()).envs(variables.iter().copied()).output().unwrap()
    };
    let array = [("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_COUNT", "10")];
    let (said, code) = complaint(&in_array(&["-o", &file], &array));
    for part in ["all.json: this is task 3 of a Slurm array of 10", "name a folder", "unset SLURM_ARRAY_TASK_ID"] {
        assert!(said.contains(part) && code == 1, "{said}");
    }
    let (said, _) = complaint(&in_array(&["-o", &file], &[("JOB_COMPLETION_INDEX", "1")]));
    assert!(said.contains("this is pod 1 of an indexed job"), "{said}");
    let page = path_in(&folder, "page.html");
    assert!(complaint(&in_array(&["--viz-path", &page], &array)).0.contains("--viz-path "));
    assert!(!std::path::Path::new(&file).exists() && !std::path::Path::new(&page).exists());
    // An array of one, and an array whose variables are hidden.
    let alone = [("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_COUNT", "1")];
    for variables in [&alone, &[("SLURM_ARRAY_TASK_ID", ""), ("SLURM_ARRAY_TASK_COUNT", "10")]] {
        printed(&in_array(&["-o", &file], variables));
    }
    // Standard output is each task's own.
    assert!(printed(&in_array(&["-o", "-"], &array)).starts_with('{'));
}

#[test]
fn settings_that_contradict_each_other_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder);
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "--split", "train[:1]", "--hide"];
    let fields = ["--argument-fields", "contrast_targets=a", "contrast_targets=b"];
    let (said, code) = complaint(&run(&[&line[..], &fields].concat()));
    let expected = "--argument-fields names `contrast_targets`";
    assert!(said.contains(expected) && said.contains("twice, with the columns `a` and `b`") && code == 1, "{said}");
    assert_eq!(
        warnings(&[&line[..], &["--revision", "main"]].concat()),
        ["warning: `--dataset_revision main` has no effect: the data are not of the hub"]
    );
    assert_eq!(
        warnings(&[&line[..], &["--model-kwargs", r#"{"revision": "main"}"#]].concat()),
        ["warning: model argument `revision` has no effect: the demo model is not of the hub"]
    );
}
