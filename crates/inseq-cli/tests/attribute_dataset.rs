//! `inseq attribute-dataset`: resumption after kills, and bad input.
#![cfg(feature = "demo")]

mod program;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};

use inseq_core::{AttributionResult, Tolerance};
use inseq_datasets::Results;
use program::{complaint, inseq, path_in, printed, run};

const TOLERANCE: Tolerance = Tolerance { absolute: 1e-6, relative: 1e-5 };

/// A JSON Lines file of rows `{"text", "id"}`. A text of `None` is a null.
fn data(folder: &Path, texts: &[Option<String>]) -> String {
    let mut lines = String::new();
    for (number, text) in texts.iter().enumerate() {
        writeln!(lines, "{}", serde_json::json!({"text": text, "id": format!("row {number}")})).unwrap();
    }
    let path = folder.join("data.jsonl");
    std::fs::write(&path, lines).unwrap();
    path.to_str().unwrap().to_owned()
}

fn texts(count: usize) -> Vec<Option<String>> {
    let subjects = ["doors", "nurses", "houses", "trees"];
    let ends = ["white", "late", "old", "tired", "small"];
    let text = |i: usize| format!("The {} of the house are {}.", subjects[i % 4], ends[i / 4 % 5]);
    (0..count).map(|i| Some(text(i))).collect()
}

#[test]
fn a_folder_has_the_rows_of_one_file_and_the_errors_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = texts(40);
    (rows[3], rows[17], rows[20]) = (Some("the cat sat ".repeat(400)), None, Some(String::new()));
    let data = data(folder.path(), &rows);
    let results = path_in(&folder, "results/");
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "--step_scores", "probability"];
    let said = printed(&run(&[&line[..], &["--id-field", "id", "--part-rows", "7", "-o", &results]].concat()));
    assert_eq!(said, format!("attributed 40 rows, 2 with an error; {results} is complete: 40 rows, 2 with an error\n"));
    let mut found = Vec::new();
    Results::open(results.as_ref())
        .unwrap()
        .each(|row| {
            found.push(row);
            Ok(())
        })
        .unwrap();
    assert_eq!(found.len(), 40);
    for (number, row) in found.iter().enumerate() {
        assert_eq!((row.row.number, row.row.id.as_deref()), (number as u64, Some(&*format!("row {number}"))));
    }
    let problem = |number: usize| found[number].outcome.as_ref().err().map(String::as_str).unwrap_or_default();
    assert!(problem(3).starts_with("the input text has 3601 tokens"), "{}", problem(3));
    assert!(problem(17).contains("null"), "{}", problem(17));

    // The same rows in one file, which has no place for the others.
    let file = path_in(&folder, "one.json");
    let output = run(&[&line[..], &["-o", &file, "--hide"]].concat());
    let warnings = String::from_utf8(output.stderr).unwrap();
    assert_eq!(warnings.lines().count(), 2, "{warnings}");
    assert!(warnings.contains("row 3 has no attribution: the input text has 3601 tokens"), "{warnings}");
    let whole = AttributionResult::load(&file).unwrap().aggregate().unwrap();
    let attributed: Vec<_> = found.iter().filter_map(|row| row.outcome.as_ref().ok()).collect();
    assert_eq!(whole.sequences.len(), attributed.len());
    for (expected, found) in whole.sequences.iter().zip(attributed) {
        assert_eq!(expected.target, found.target);
        let [expected, found] = [expected, found].map(|sequence| sequence.source_attributions.clone().unwrap());
        for (expected, found) in expected.iter().zip(&found) {
            assert!(TOLERANCE.accepts(*expected, *found), "{found} is not {expected}");
        }
    }

    let strict = run(&[&line[..], &["--strict", "-o", &path_in(&folder, "strict/")]].concat());
    let (said, code) = complaint(&strict);
    assert_eq!(code, 1);
    assert!(said.starts_with("error: row "), "{said}");
    // So it is where the rows with errors were done before.
    let again = ["--strict", "--id-field", "id", "--part-rows", "7", "-o", &results];
    let (said, code) = complaint(&run(&[&line[..], &again].concat()));
    assert_eq!(code, 1);
    assert!(said.starts_with("error: row 3: the input text has 3601 tokens"), "{said}");
    // Row 17 is in part 2, and the shard has the parts 1, 4, ....
    let said = printed(&run(&[&line[..], &again, &["--shard", "1/3"]].concat()));
    assert!(said.starts_with("nothing was left to attribute"), "{said}");
}

#[test]
fn a_split_without_rows_is_an_error_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &texts(12));
    for (name, split) in [("results", "train[99:]"), ("results", "train[:-0]"), ("one.json", "train[99:]")] {
        let place = path_in(&folder, name);
        let line = ["attribute-dataset", "-d", &data, "-in", "text", "--split", split, "-o", &place];
        let (said, code) = complaint(&run(&line));
        let expected =
            format!("error: the split `{split}` has no rows, so that there is nothing to attribute; choose a slice");
        assert!(said.starts_with(&expected) && code == 1, "{said}");
        assert!(!Path::new(&place).exists());
    }
}

/// Starts a run.
fn started(line: &[&str]) -> Child {
    inseq(line).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn parts_done(results: &str) -> usize {
    let is_record = |name: std::ffi::OsString| name.to_str().is_some_and(|name| name.ends_with(".json"));
    let records = std::fs::read_dir(Path::new(results).join("done"));
    records.map_or(0, |records| records.filter(|record| is_record(record.as_ref().unwrap().file_name())).count())
}

#[test]
fn a_killed_run_goes_on_and_ends_as_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &texts(200));
    let [killed, whole] = ["killed", "whole"].map(|name| path_in(&folder, name));
    let line = |results| ["attribute-dataset", "-d", &data, "-in", "text", "--part-rows", "20", "-o", results];
    for kill in 1..=3 {
        let mut run = started(&line(&killed));
        // In the middle of the part after this one.
        while parts_done(&killed) < 2 * kill && run.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        run.kill().unwrap();
        run.wait().unwrap();
        assert!(parts_done(&killed) >= 2 * kill);
    }
    let left = 200 - 20 * parts_done(&killed);
    let said = printed(&run(&line(&killed)));
    let expected = match left {
        0 => "nothing was left to attribute".to_owned(),
        left => format!("attributed {left} rows"),
    };
    assert_eq!(said, format!("{expected}; {killed} is complete: 200 rows\n"));
    printed(&run(&line(&whole)));
    let [killed, whole] = [killed, whole].map(|results| Results::open(results.as_ref()).unwrap().load().unwrap());
    assert_eq!(killed.sequences.len(), 200);
    for (number, (killed, whole)) in killed.sequences.iter().zip(&whole.sequences).enumerate() {
        assert!(whole.is_close(killed, Tolerance::EXACT), "row {number}");
    }
}

#[test]
fn processes_and_shards_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &texts(60));
    let results = path_in(&folder, "results");
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "--part-rows", "10", "-o", &results];
    // Shard 1 of 2 has the parts 1, 3 and 5.
    let said = printed(&run(&[&line[..], &["--shard", "1/2"]].concat()));
    assert_eq!(said, format!("attributed 30 rows; {results} has 30 of 60 rows\n"));
    let mut processes = [started(&line), started(&line)];
    for process in &mut processes {
        assert!(process.wait().unwrap().success());
    }
    let status = Results::open(results.as_ref()).unwrap().status().unwrap();
    assert!(status.is_complete(), "{status:?}");
    assert_eq!(status.rows_done, 60);
}

#[test]
fn every_flag_of_the_reference_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &texts(2));
    let line = |more: &[&str]| {
        let base = ["attribute-dataset", "-d", "json", "--files", &data, "-in", "text", "--hide", "-a", "saliency"];
        run(&[&base[..], more].concat())
    };
    let [saved, page] = ["a.json", "a.html"].map(|name| path_in(&folder, name));
    for more in [
        &["--dataset_split", "train[:1]"][..],
        &["--split", "train[50%:]"],
        &["--dataset_kwargs", "{}"],
        &["--model_kwargs", "{}", "--tokenizer_kwargs", "{}", "--generation_kwargs", r#"{"max_new_tokens": 3}"#],
        &["--attribution_kwargs", "{}", "--device", "cpu"],
        &["--dev", "cpu", "-fn", "logit"],
        &["--attributed_fn", "logit", "--step_scores", "probability", "entropy"],
        &["--attribution_selectors", "-1", "--attribution_aggregators", "vnorm", "--normalize_attributions"],
        &["--attribution_aggregators", "vnorm", "--rescale_attributions", "yes"],
        &["--attribute_target", "--include_eos_baseline"],
        &["--eos", "no"],
        &["--batch_size", "8", "--start_pos", "1", "--end_pos", "3"],
        &["-bs", "1", "-s", "1", "-e", "3"],
        &["-v", "no", "-vv", "no"],
        &["--verbose", "f", "--very_verbose", "n"],
        &["--save_path", &saved, "--aggregate_output", "--output_step_attributions", "no"],
        &["-o", &saved, "--output_step_attributions", "--viz_path", &page],
        &["--generate_from_target_prefix", "no"],
        &["-gen", "id"],
        &["--generated_text_field", "id", "--generate_from_target_prefix"],
    ] {
        let output = line(more);
        assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let parent = folder.path().to_str().unwrap();
    for spelled in [
        ["--dataset_name", "json", "--dataset_files", &data, "--input_text_field", "text"],
        ["--dataset", "json", "--files", &data, "--input", "text"],
        ["-d", parent, "--dataset_files", "data.jsonl", "-in", "text"],
        ["-d", "json", "--dataset_f", &data, "--input_t", "text"],
    ] {
        let output = run(&[&["attribute-dataset", "--hide"][..], &spelled].concat());
        assert!(output.status.success(), "{spelled:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // These are for datasets of the hub, or folders; that they are flags is seen by the message.
    for flag in ["--dataset_config", "--config", "--dataset_dir", "--dir", "--dataset_revision", "--revision"] {
        let output = line(&[flag, "name"]);
        assert_ne!(output.status.code(), Some(2), "{flag}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for flag in ["--dataset_auth_token", "--auth"] {
        assert_ne!(line(&[flag, "name"]).status.code(), Some(2), "{flag}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &texts(4));
    let [results, file] = ["results/", "a.json"].map(|name| path_in(&folder, name));
    printed(&run(&["attribute-dataset", "-d", &data, "-in", "text", "-o", &results]));
    let base = ["attribute-dataset", "-d", &data];
    for (more, expected, code) in [
        (&["-in", "txt"][..], "no column `txt`; it has `id`, `text` (did you mean `text`?)", 1),
        (&["-in", "text", "-gen", "target"], "no column `target`", 1),
        (&["-in", "text", "--split", "test"], "no split `test`; the dataset has `train`", 1),
        (
            &["-in", "text", "-o", &results, "-a", "attention"],
            "`method` is \"saliency\" there and \"attention\" here",
            1,
        ),
        (&["-in", "text", "-o", &results, "--part-rows", "3"], "`part_rows` is 256 there and 3 here", 1),
        (&["-in", "text", "-o", &file, "--shard", "0/2"], "--shard is for a folder of results", 1),
        (&["-in", "text", "-o", &file, "--raw"], "--raw is for a folder of results", 1),
        (&["-in", "text", "-o", &results, "--split-sequences"], "--split-sequences is for one file", 1),
        (&["-in", "text", "-o", &results, "--raw", "--aggregate-output"], "leave one of them out", 1),
        (&["-in", "text", "-o", &results, "--shards", "2"], "neither is set", 1),
        (&["-in", "text", "-a", "salience"], "salience", 1),
        (&["-in", "text", "--start-pos", "90"], "no row can be attributed", 1),
    ] {
        let (said, found) = complaint(&run(&[&base[..], more].concat()));
        assert!(said.contains(expected) && found == code, "{more:?}: {said} ({found})");
    }
    // Wrong usage, which clap says.
    for (more, expected) in [
        (&["-in", "text", "-o", &results, "--shard", "2/2"][..], "there is no shard 2 of 2"),
        (&["-in", "text", "-o", &results, "--part-rows", "0"], "0 is not in 1.."),
        (&[], "--input-text-field"),
    ] {
        let output = run(&[&base[..], more].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{more:?}: {said}");
    }
}

#[test]
fn a_task_of_an_array_does_its_shard() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &texts(30));
    let results = path_in(&folder, "results");
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "--part-rows", "10", "-o", &results];
    let mut task = inseq(&line);
    task.envs([("SLURM_ARRAY_TASK_ID", "2"), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_COUNT", "3")]);
    let said = printed(&task.output().unwrap());
    assert_eq!(said, format!("attributed 10 rows; {results} has 10 of 30 rows\n"));
    let mut job = inseq(&[&line[..], &["--shards", "3"]].concat());
    let said = printed(&job.env("JOB_COMPLETION_INDEX", "2").output().unwrap());
    assert_eq!(said, format!("attributed 10 rows; {results} has 20 of 30 rows\n"));
}

#[test]
fn progress_is_json_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &texts(10));
    let results = path_in(&folder, "results");
    let output = run(&["attribute-dataset", "-d", &data, "-in", "text", "-o", &results, "--progress", "json"]);
    let lines = String::from_utf8(output.stderr).unwrap();
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!((&last["rows"], &last["total"], &last["errors"]), (&10.into(), &10.into(), &0.into()));
}
