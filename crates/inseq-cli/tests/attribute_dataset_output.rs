//! `inseq attribute-dataset`: what it leaves behind: raw scores, pages, estimates, and parts after an interrupt or on a full disk.
#![cfg(feature = "demo")]

mod program;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use inseq_core::Tolerance;
use inseq_datasets::{Results, Scores};
use program::{complaint, inseq, path_in, printed, run};
use serde_json::Value;

/// A JSON Lines file of so many rows.
fn data(folder: &tempfile::TempDir, count: usize) -> String {
    let subjects = ["doors", "nurses", "houses", "trees"];
    let ends = ["white", "tired", "old", "late", "small"];
    let mut lines = String::new();
    for i in 0..count {
        let text = format!("The {} of the house are {}.", subjects[i % 4], ends[i / 4 % 5]);
        writeln!(lines, "{}", serde_json::json!({ "text": text })).unwrap();
    }
    let path = path_in(folder, "data.jsonl");
    std::fs::write(&path, lines).unwrap();
    path
}

fn rows_done(results: &str) -> u64 {
    Results::open(results.as_ref()).map_or(0, |results| results.status().unwrap().rows_done)
}

/// Prints the tensors of a safetensors file: their shapes and sums, read without any library of ours.
const TENSORS: &str = r#"
import json, sys, numpy
content = open(sys.argv[1], "rb").read()
size = int.from_bytes(content[:8], "little")
header = json.loads(content[8 : 8 + size])
rows = json.loads(header.pop("__metadata__")["inseq"])["info"]["rows"]
tensors = {}
for name, facts in header.items():
    assert facts["dtype"] == "F32", facts
    start, end = (8 + size + place for place in facts["data_offsets"])
    values = numpy.frombuffer(content[start:end], "<f4")
    assert values.size == numpy.prod(facts["shape"]), facts
    tensors[name] = [facts["shape"], float(numpy.nansum(values.astype("f8")))]
print(json.dumps({"rows": rows, "tensors": tensors}))
"#;

#[test]
fn python_reads_the_raw_scores() {
    let python = std::env::var("INSEQ_READERS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !Command::new(&python).args(["-c", "import numpy"]).output().is_ok_and(|answer| answer.status.success()) {
        eprintln!("skipped: {python} has no numpy; name one that has by INSEQ_READERS_PYTHON");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, 5);
    let results = path_in(&folder, "results");
    printed(&run(&["attribute-dataset", "-d", &data, "-in", "text", "--raw", "--part-rows", "3", "-o", &results]));
    let rows: Vec<_> =
        Results::open(results.as_ref()).unwrap().rows(Scores::Kept).unwrap().map(Result::unwrap).collect();
    for (part, numbers) in [(0, vec![0, 1, 2]), (1, vec![3, 4])] {
        let file = Path::new(&results).join(format!("raw/part-0000{part}.safetensors"));
        let output = Command::new(&python).args(["-c", TENSORS]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["rows"], serde_json::json!(numbers));
        for (index, &number) in numbers.iter().enumerate() {
            let scores = rows[number].outcome.as_ref().unwrap().source_attributions.as_ref().unwrap();
            let [shape, sum] =
                [0, 1].map(|place| found["tensors"][format!("sequences.{index}.source_attributions")][place].clone());
            assert_eq!(shape, serde_json::json!(scores.shape()), "row {number}: {found}");
            let expected: f64 = scores.iter().map(|&score| f64::from(score)).sum();
            assert!((sum.as_f64().unwrap() - expected).abs() < 1e-9 * expected.abs().max(1.0), "row {number}");
        }
    }
}

#[test]
fn a_page_shows_the_first_rows() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, 8);
    let [results, page, file] = ["results", "page.html", "a.json"].map(|name| path_in(&folder, name));
    for place in [&results, &file] {
        let line = ["attribute-dataset", "-d", &data, "-in", "text", "-o", place, "--hide"];
        let output = run(&[&line[..], &["--viz-path", &page, "--viz-rows", "2"]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert_eq!(said, "warning: the first 2 of 8 texts are shown; --viz-rows shows more\n");
        let shown = std::fs::read_to_string(&page).unwrap();
        assert!(shown.contains("white") && !shown.contains("tired"), "rows after the fourth say `tired`");
        std::fs::remove_file(&page).unwrap();
    }
}

#[test]
fn an_estimate_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, 100);
    let results = path_in(&folder, "results");
    for raw in [&[][..], &["--raw"]] {
        let line = ["attribute-dataset", "-d", &data, "-in", "text", "-o", &results, "--dry-run"];
        let said = printed(&run(&[&line[..], raw].concat()));
        let cells: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(cells[0], ["ROWS", "SAMPLE", "ERRORS", "ABOUT", "MEMORY", "RESULTS"]);
        assert_eq!(cells[1][..3], ["100", "64", "0"]);
        assert!(!Path::new(&results).exists());
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_parts_that_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, 400);
    let results = path_in(&folder, "results");
    let line =
        ["attribute-dataset", "-d", &data, "-in", "text", "--part-rows", "10", "-o", &results, "--progress", "none"];
    let mut child = inseq(&line).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while rows_done(&results) < 20 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    let done = rows_done(&results);
    assert!((20..400).contains(&done) && done.is_multiple_of(10), "{done}");
    let [first, last] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert_eq!(first, "stopping; a second Ctrl-C ends the program at once");
    assert_eq!(last, format!("interrupted; {results} has {done} of 400 rows; run the same command again to go on"));
    let said = printed(&run(&line));
    assert_eq!(said, format!("attributed {} rows; {results} is complete: 400 rows\n", 400 - done));
}

#[test]
fn a_folder_that_is_moved_away_ends_the_run_and_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, 400);
    let [results, moved] = ["results", "moved"].map(|name| path_in(&folder, name));
    let line = |results| ["attribute-dataset", "-d", &data, "-in", "text", "--part-rows", "10", "-o", results];
    let child = inseq(&line(&results)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    while rows_done(&results) < 20 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    std::fs::rename(&results, &moved).unwrap();
    let (said, code) = complaint(&child.wait_with_output().unwrap());
    assert!(
        said.starts_with(&format!("error: {results}/manifest.json is gone: the folder of results was moved")),
        "{said}"
    );
    assert_eq!(code, 1);
    assert!(!Path::new(&results).exists());
    let done = rows_done(&moved);
    let said = printed(&run(&line(&moved)));
    assert_eq!(said, format!("attributed {} rows; {moved} is complete: 400 rows\n", 400 - done));
}

#[test]
fn a_manifest_names_aggregators_with_their_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, 2);
    let results = path_in(&folder, "results");
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "-o", &results, "--attribution-aggregators"];
    printed(&run(&[&line[..], &["vnorm", "subwords:sum"]].concat()));
    let manifest = std::fs::read_to_string(format!("{results}/manifest.json")).unwrap();
    let arguments = &serde_json::from_str::<Value>(&manifest).unwrap()["arguments"];
    assert_eq!(
        arguments["aggregation"],
        serde_json::json!({
            "aggregators": [
                {"name": "vnorm", "arguments": {"normalize": false, "rescale": false}},
                {"name": "subwords", "arguments": {"aggregate_fn": "sum"}},
            ],
            "weight": null,
        })
    );
    assert_eq!(arguments["feature_groups"], "tokens");
    let (said, code) = complaint(&run(&[&line[..], &["mean", "subwords:sum"]].concat()));
    let expected = "`arguments.aggregation.aggregators[0].name` is \"vnorm\" there and \"mean\" here";
    assert!(said.contains(expected) && code == 1, "{said}");
}

/// A small disk of its own, where this process may mount one.
#[cfg(target_os = "linux")]
struct Disk(String);

#[cfg(target_os = "linux")]
impl Disk {
    fn mounted(place: &str, size: &str) -> Option<Self> {
        std::fs::create_dir(place).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", place]).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(place.to_owned()));
        }
        eprintln!("skipped: only root may mount a small disk");
        None
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}"), &self.0]).status().unwrap();
        assert!(status.success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_no_part_that_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, 100);
    let Some(disk) = Disk::mounted(&path_in(&folder, "disk"), "1m") else { return };
    let [results, whole] = [format!("{}/results", disk.0), path_in(&folder, "whole")];
    let line = |results| ["attribute-dataset", "-d", &data, "-in", "text", "--part-rows", "10", "--raw", "-o", results];
    let (said, code) = complaint(&run(&line(&results)));
    assert!(said.starts_with(&format!("error: {results}/")) && said.contains("No space left on device"), "{said}");
    assert_eq!(code, 1);
    let done = rows_done(&results);
    assert!(done < 100 && done.is_multiple_of(10), "{done}");
    disk.remount("size=64m");
    let said = printed(&run(&line(&results)));
    assert_eq!(said, format!("attributed {} rows; {results} is complete: 100 rows\n", 100 - done));
    printed(&run(&line(&whole)));
    let [found, expected] = [&results, &whole].map(|results| Results::open(results.as_ref()).unwrap().load().unwrap());
    for (number, (found, expected)) in found.sequences.iter().zip(&expected.sequences).enumerate() {
        assert!(expected.is_close(found, Tolerance::EXACT), "row {number}");
    }
    // Nothing can be written to it any more, and a run that is complete has nothing to write.
    disk.remount("ro");
    let said = printed(&run(&line(&results)));
    assert_eq!(said, format!("nothing was left to attribute; {results} is complete: 100 rows\n"));
    let other = format!("{}/other", disk.0);
    let (said, code) = complaint(&run(&line(&other)));
    assert!(said.starts_with(&format!("error: {other}")) && said.contains("Read-only file system"), "{said}");
    assert_eq!(code, 1);
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_to_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, 2);
    let closed = path_in(&folder, "closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(format!("{closed}/probe"), "").is_ok() {
        eprintln!("skipped: this user may write to every folder");
        return;
    }
    let (said, code) =
        complaint(&run(&["attribute-dataset", "-d", &data, "-in", "text", "-o", &format!("{closed}/results")]));
    assert!(said.starts_with(&format!("error: {closed}")) && said.contains("Permission denied"), "{said}");
    assert_eq!(code, 1);
}
