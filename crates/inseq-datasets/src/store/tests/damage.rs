//! Folders and files that are damaged, or are none of ours.

use std::fs;
use std::path::Path;

use super::*;

fn whole_run(folder: &Path) -> Results {
    let results = Results::create_or_resume(folder, &Manifest { raw: true, ..manifest(4, 2) }).unwrap();
    work(&results);
    results
}

fn results_of(folder: &Path) -> Results {
    Results::open(folder).unwrap()
}

/// The error of reading every row.
fn problem(results: &Results) -> String {
    let rows = results.rows(Scores::Kept).and_then(|mut rows| rows.find_map(Result::err).map_or(Ok(()), Err));
    rows.unwrap_err().to_string()
}

/// What happens to a file.
type Damage = fn(&Path);

#[test]
fn a_damaged_part_names_its_file_and_is_attributed_anew() {
    let parts = ["sequences/part-00001.parquet", "scores/part-00001.parquet", "raw/part-00001.safetensors"];
    let cut = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let damages: [(Damage, &str); 3] = [(cut, "bytes instead of"), (flip, "another content"), (remove, "is missing")];
    for part in parts {
        for (damage, expected) in damages {
            let folder = tempfile::tempdir().unwrap();
            let results = whole_run(folder.path());
            damage(&folder.path().join(part));
            let error = problem(&results);
            let record = folder.path().join("done/00001.json");
            let merged = folder.path().join("merged");
            assert_eq!(Results::merge(&[results_of(folder.path())], &merged).unwrap_err().to_string(), error);
            assert!(!merged.exists(), "nothing is written");
            for text in [part, expected, &format!("remove {} and run the same command again", record.display())] {
                assert!(error.contains(text), "{text} in {error}");
            }
            fs::remove_file(record).unwrap();
            work(&results);
            assert_whole(&results);
        }
    }
}

#[test]
fn a_truncated_completion_record_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let results = whole_run(folder.path());
    let record = folder.path().join("done/00000.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, &text[..text.len() / 3]).unwrap();
    for error in [problem(&results), results.status().unwrap_err().to_string(), results.load().unwrap_err().to_string()]
    {
        assert!(error.contains(&format!("{}: the completion record is damaged", record.display())), "{error}");
        assert!(error.contains("remove the file and run the same command again"), "{error}");
    }
    fs::remove_file(record).unwrap();
    work(&results);
    assert_whole(&results);
}

#[test]
fn a_table_of_other_columns_is_named() {
    let folder = tempfile::tempdir().unwrap();
    whole_run(folder.path());
    let path = folder.path().join("manifest.json");
    let text = fs::read_to_string(&path).unwrap().replace("\"probability\"", "\"entropy\"");
    fs::write(path, text).unwrap();
    let error = problem(&Results::open(folder.path()).unwrap());
    assert!(error.contains("sequences/part-00000.parquet: has the columns row: Int64, "), "{error}");
    assert!(error.contains("step_score_probability: List") && error.contains("step_score_entropy: List"), "{error}");
}

#[test]
fn folders_of_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let create =
        |path: &Path| Results::create_or_resume(path, &manifest(4, 2)).map(drop).map_err(|error| error.to_string());
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.tex"), "").unwrap();
    let error = create(&foreign).unwrap_err();
    assert!(error.contains("has `thesis.tex` and no manifest.json") && error.contains("an empty folder"), "{error}");
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 1, "nothing is written to it");

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(create(&file).unwrap_err().contains("is a file, but results go to a folder"));

    let empty = folder.path().join("a/b/c");
    create(&empty).unwrap();
    create(&empty).unwrap();

    let open = |path: &Path| Results::open(path).map(drop).unwrap_err().to_string();
    assert!(open(&foreign).contains("has no manifest.json, so it is no folder of results"));
    assert!(open(&folder.path().join("nowhere")).contains("nowhere: No such file"));
}

#[test]
fn damaged_and_newer_manifests_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    let with = |field: &str, number: u64| {
        let mut value = serde_json::to_value(manifest(4, 2)).unwrap();
        value[field] = number.into();
        value.to_string()
    };
    for (text, expected) in [
        ("{\"format\": 1", "the manifest is damaged"),
        ("{\"format\": 1}", "missing field `program`"),
        ("{\"format\": 9}", "has format 9, of a newer program; this one reads format 1 and older; update it"),
        (&with("part_rows", 0), "the manifest is damaged (`part_rows` is 0; expected 1 to 9223372036854775807)"),
        (&with("part_rows", u64::MAX), "`part_rows` is 18446744073709551615; expected 1 to"),
        (&with("rows", u64::MAX), "`rows` is 18446744073709551615; expected 0 to"),
        (&with("format", 0), "`format` is 0; expected 1 to 1"),
    ] {
        fs::write(&path, text).unwrap();
        for error in [Results::open(folder.path()), Results::create_or_resume(folder.path(), &manifest(4, 2))] {
            let error = error.map(drop).unwrap_err().to_string();
            assert!(error.starts_with(&path.display().to_string()) && error.contains(expected), "{error}");
        }
    }
}
