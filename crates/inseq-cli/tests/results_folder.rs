//! Folders of results of a dataset: the commands that read them, and other programs.

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use inseq_core::{AttributionResult, Tolerance};
use program::{complaint, path_in, printed, run};
use serde_json::Value;
use tempfile::TempDir;

const TEXTS: [&str; 5] = [
    "The tired nurse said that she was late.",
    "The doctor said that he was tired.",
    "The late nurse said that he was tired.",
    "The nurse was late.",
    "The tired doctor said that she was late.",
];

/// A folder with a dataset and its results in parts of two rows.
fn results() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = path_in(&folder, "texts.jsonl");
    let lines: String = TEXTS.iter().map(|text| format!("{}\n", serde_json::json!({ "text": text }))).collect();
    fs::write(&data, lines).unwrap();
    let results = path_in(&folder, "results");
    let output = run(&[
        "attribute-dataset",
        "-d",
        &data,
        "-in",
        "text",
        "-o",
        &results,
        "--part-rows",
        "2",
        "--step-scores",
        "probability",
        "--attribute-target",
        "--hide",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (folder, results)
}

#[test]
fn commands_on_saved_results_take_a_folder() {
    let (folder, results) = results();
    let whole = path_in(&folder, "whole.json");
    let mut line =
        vec!["attribute", "-o", &*whole, "--step-scores", "probability", "--attribute-target", "--hide", "-i"];
    line.extend(TEXTS);
    printed(&run(&line));
    let expected = AttributionResult::load(&whole).unwrap().aggregate().unwrap();

    let converted = path_in(&folder, "converted.json");
    printed(&run(&["convert", &results, &converted]));
    let found = AttributionResult::load(&converted).unwrap();
    for (found, expected) in found.sequences.iter().zip(&expected.sequences) {
        assert_eq!((&found.source, &found.target), (&expected.source, &expected.target));
        assert!(expected.is_close(found, Tolerance { relative: 1e-4, absolute: 1e-6 }), "{found:?} {expected:?}");
    }
    assert_eq!(found.sequences.len(), 5);
    for fact in
        ["model_name", "attribution_method", "step_scores", "attribute_target", "input_texts", "generated_texts"]
    {
        assert_eq!(found.info.get(fact), expected.info.get(fact), "{fact}");
    }

    let aggregated = path_in(&folder, "words.json");
    printed(&run(&["aggregate", &results, "-o", &aggregated, "--attribution-aggregators", "subwords"]));
    assert_eq!(AttributionResult::load(&aggregated).unwrap().sequences.len(), 5);
    let shown = printed(&run(&["show", &results, "--sequences", "3", "1"]));
    let of_file = printed(&run(&["show", &converted, "--sequences", "3", "1"]));
    assert_eq!(shown, of_file);
    let (line, code) = complaint(&run(&["show", &results, "--sequences", "5"]));
    assert!(line.contains("there is no row 5; the run has 5, counted from 0") && code == 1, "{line}");
    let info = printed(&run(&["info", &results]));
    assert!(info.contains("rows") && info.contains("5 of 5 done, 0 with an error"), "{info}");

    let (line, code) = complaint(&run(&["show", folder.path().to_str().unwrap()]));
    assert!(line.contains("has no manifest.json, so it is no folder of results") && code == 1, "{line}");
}

#[test]
fn the_status_counts_parts() {
    let (_folder, results) = results();
    let status = || -> Value { serde_json::from_str(&printed(&run(&["dataset-status", &results, "--json"]))).unwrap() };
    let found = status();
    assert_eq!((&found["rows_done"], &found["parts"], &found["done"]), (&5.into(), &3.into(), &3.into()));
    assert!(found["finished"].is_string());
    fs::remove_file(Path::new(&results).join("done/00001.json")).unwrap();
    let claim =
        r#"{"id": "x", "since": "2026-01-01T00:00:00Z", "process": {"host": "elsewhere", "machine": "y", "pid": 7}}"#;
    fs::create_dir_all(Path::new(&results).join("claims")).unwrap();
    fs::write(Path::new(&results).join("claims/00001"), claim).unwrap();
    let found = status();
    assert_eq!((&found["rows_done"], &found["open"], &found["finished"]), (&3.into(), &0.into(), &Value::Null));
    assert_eq!(found["claimed"][0]["state"], "at_work");
    let text = printed(&run(&["dataset-status", &results]));
    assert!(text.contains("2 of 3 done, 1 at work, 0 stale, 0 open"), "{text}");
    assert!(text.contains("at work: process 7 on elsewhere, since 2026-01-01T00:00:00Z"), "{text}");
    let shown = run(&["show", &results]);
    assert!(shown.status.success());
    let warning = String::from_utf8(shown.stderr).unwrap();
    assert_eq!(warning, "warning: 2 of 5 rows are not attributed yet\n");
}

#[test]
fn a_part_with_a_lost_file_is_not_done() {
    let (folder, results) = results();
    let data = path_in(&folder, "texts.jsonl");
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "-o", &results, "--part-rows", "2", "--step-scores"];
    let line = [&line[..], &["probability", "--attribute-target", "--hide"]].concat();
    let file = Path::new(&results).join("scores/part-00001.parquet");
    let written = fs::read(&file).unwrap();
    for (content, expected) in [(None, "is missing"), (Some(""), "has 0 bytes instead of")] {
        match content {
            None => fs::remove_file(&file).unwrap(),
            Some(content) => fs::write(&file, content).unwrap(),
        }
        let expected = format!("lost: scores/part-00001.parquet {expected}");
        let text = printed(&run(&["dataset-status", &results]));
        assert!(text.contains("2 of 3 done, 0 at work, 0 stale, 1 open") && text.contains(&expected), "{text}");
        let said = printed(&run(&line));
        assert_eq!(said, format!("attributed 2 rows; {results} is complete: 5 rows\n"));
        assert_eq!(fs::read(&file).unwrap(), written);
    }
}

#[test]
fn a_manifest_of_no_run_is_named() {
    let (_folder, results) = results();
    let path = Path::new(&results).join("manifest.json");
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    manifest["part_rows"] = 0.into();
    fs::write(&path, manifest.to_string()).unwrap();
    for command in [&["show", &results, "--sequences", "4"][..], &["dataset-status", &results], &["info", &results]] {
        let (line, code) = complaint(&run(command));
        assert!(line.contains("manifest.json: the manifest is damaged (`part_rows` is 0; expected 1 to "), "{line}");
        assert_eq!(code, 1);
    }
}

#[test]
fn folders_merge_into_a_folder() {
    let (folder, results) = results();
    let part = path_in(&folder, "part");
    let copied = Command::new("cp").args(["-r", &results, &part]).status().unwrap();
    assert!(copied.success());
    fs::remove_file(Path::new(&results).join("done/00001.json")).unwrap();
    fs::remove_file(Path::new(&part).join("done/00000.json")).unwrap();
    let merged = path_in(&folder, "merged");
    printed(&run(&["merge", &results, &part, "-o", &merged]));
    let [one, other] =
        [&merged, &part].map(|folder| fs::read(Path::new(folder).join("scores/part-00000.parquet")).unwrap());
    assert_eq!(one, other);
    assert!(printed(&run(&["info", &merged])).contains("5 of 5 done"));
    let (line, code) = complaint(&run(&["merge", &results, &part, "-o", &merged, "--scores-precision", "float16"]));
    assert!(line.contains("--scores-precision is for one file, and the results go to a folder") && code == 1, "{line}");
}

#[test]
fn a_report_is_printed_and_saved() {
    let (folder, results) = results();
    let lists = path_in(&folder, "lists.json");
    fs::write(&lists, r#"{"pronoun": ["he", "she"]}"#).unwrap();
    let [html, json] = ["report.html", "report.json"].map(|name| path_in(&folder, name));
    let line = ["dataset-report", &results, "--words", &lists, "--output", &html];
    let text = printed(&run(&line));
    for title in ["By position", "By token", "By list of words", "By step score"] {
        assert!(text.contains(title), "{title} in {text}");
    }
    let page = fs::read_to_string(&html).unwrap();
    assert!(page.contains("<td class=\"number\">") && page.contains("pronoun") && !page.contains("<script"), "{page}");
    printed(&run(&["dataset-report", &results, "-o", &json]));
    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(report["rows"], 5);
    let (line, code) = complaint(&run(&["dataset-report", &results, "-o", &path_in(&folder, "report.pdf")]));
    assert!(line.contains("a report is saved as .html or .json") && code == 1, "{line}");
}

/// Reads the folder with three programs, and prints what they found.
const READERS: &str = r#"
import json, sys
import duckdb, pandas, polars
folder = sys.argv[1]
found = {}
sequences = pandas.read_parquet(f"{folder}/sequences")
scores = pandas.read_parquet(f"{folder}/scores")
found["pandas"] = [len(sequences), len(scores), float(scores.score.sum()), list(sequences.input_text), [int(n) for n in sequences.target_tokens.map(len)]]
sequences = polars.read_parquet(f"{folder}/sequences/*.parquet")
scores = polars.read_parquet(f"{folder}/scores/*.parquet")
found["polars"] = [sequences.height, scores.height, scores["score"].cast(polars.Float64).sum(), sequences["input_text"].to_list(), sequences["target_tokens"].list.len().to_list()]
query = lambda sql: duckdb.sql(sql.format(folder)).fetchall()
[(count, total)] = query("select count(*), sum(score::double) from '{}/scores/*.parquet'")
rows = query("select input_text, len(target_tokens) from '{}/sequences/*.parquet' order by row")
found["duckdb"] = [len(rows), count, total, [text for text, _ in rows], [tokens for _, tokens in rows]]
mean = scores.group_by("side", "input_position").agg(polars.col("score").cast(polars.Float64).mean()).rows()
found["positions"] = {f"{side} {position}": mean for side, position, mean in mean}
print(json.dumps(found))
"#;

#[test]
fn pandas_polars_and_duckdb_read_the_folder() {
    let python = std::env::var("INSEQ_READERS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let answer = Command::new(&python).args(["-c", "import duckdb, pandas, polars, pyarrow"]).output();
    if !answer.is_ok_and(|answer| answer.status.success()) {
        eprintln!(
            "skipped: {python} has no duckdb, pandas, polars and pyarrow; name one that has by INSEQ_READERS_PYTHON"
        );
        return;
    }
    let (folder, results) = results();
    let output = Command::new(&python).args(["-c", READERS, &results]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();

    let converted = path_in(&folder, "all.json");
    printed(&run(&["convert", &results, &converted]));
    let result = AttributionResult::load(&converted).unwrap();
    let seen =
        result.sequences.iter().flat_map(|sequence| [&sequence.source_attributions, &sequence.target_attributions]);
    let seen: Vec<f64> = seen.flatten().flatten().filter(|score| !score.is_nan()).map(|&score| score.into()).collect();
    let tokens: Vec<usize> = result.sequences.iter().map(|sequence| sequence.target.len()).collect();
    for reader in ["pandas", "polars", "duckdb"] {
        let values = &found[reader];
        assert_eq!((&values[0], &values[1]), (&5.into(), &seen.len().into()), "{reader}");
        assert!((values[2].as_f64().unwrap() - seen.iter().sum::<f64>()).abs() < 1e-3, "{reader}");
        assert_eq!(values[3], serde_json::json!(TEXTS), "{reader}");
        assert_eq!(values[4], serde_json::json!(tokens), "{reader}");
    }
    // The report's means are those of Polars.
    let json = path_in(&folder, "report.json");
    printed(&run(&["dataset-report", &results, "-o", &json]));
    let report: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    let positions = report["positions"].as_array().unwrap();
    assert_eq!(positions.len(), found["positions"].as_object().unwrap().len());
    for position in positions {
        let place = format!("{} {}", position["side"].as_str().unwrap(), position["position"]);
        let expected = found["positions"][&place].as_f64().unwrap();
        assert!((position["mean"].as_f64().unwrap() - expected).abs() < 1e-9, "{place}");
    }
}
