//! Completion records and commits that are not those of their parts, and parts whose files are lost.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::beds::Bed;
use super::*;

/// A run of five parts, all of which are done.
fn whole_run(folder: &Path) -> Results {
    let results = Results::create_or_resume(folder, &manifest(9, 2)).unwrap();
    work(&results);
    results
}

/// Replaces a file.
fn replace(bed: &Bed, name: &str, content: &[u8]) {
    bed.storage.remove(name).unwrap();
    bed.storage.write(name, &mut |file| Ok(file.write_all(content)?)).unwrap();
}

/// The errors of everything that reads a folder.
fn errors(folder: &Path) -> Vec<String> {
    let open = || Results::open(folder);
    let into = folder.join("merged");
    vec![
        open().and_then(|results| results.status()).unwrap_err().to_string(),
        open().and_then(|results| results.load()).unwrap_err().to_string(),
        open().and_then(|results| results.load_rows(&[2])).unwrap_err().to_string(),
        open().and_then(|results| results.claim(1).map(drop)).unwrap_err().to_string(),
        open().and_then(|results| results.parts_left()).unwrap_err().to_string(),
        open().and_then(|results| Results::merge(&[results], &into)).unwrap_err().to_string(),
    ]
}

#[test]
fn a_record_that_is_not_of_its_part_is_named() {
    let folder = tempfile::tempdir().unwrap();
    whole_run(folder.path());
    let path = folder.path().join("done/00001.json");
    let own = fs::read(&path).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut record: Value = serde_json::from_slice(&own).unwrap();
        change(&mut record);
        record.to_string()
    };
    for (text, expected) in [
        (fs::read_to_string(folder.path().join("done/00002.json")).unwrap(), "`part` is 2; expected 1"),
        (changed(&|record| record["first_row"] = json!(3)), "`first_row` is 3; expected 2"),
        (
            changed(&|record| record["rows"] = json!(7)),
            "`rows` is 7 and `left_out` is 0; by manifest.json the part has 2 rows",
        ),
        (changed(&|record| record["rows"] = json!(u64::MAX)), "`rows` is 18446744073709551615 and"),
        (
            changed(&|record| (record["rows"], record["left_out"]) = (json!(1), json!(1))),
            "the part has 2 rows, and there is no filter",
        ),
        (changed(&|record| record["errors"] = json!(3)), "`errors` is 3; expected at most 2"),
        (
            changed(&|record| record["files"] = json!([])),
            "`files` names []; expected [\"sequences/part-00001.parquet\", ",
        ),
        (changed(&|record| record["files"][1]["name"] = json!("../a")), "\"../a\"]; expected ["),
        (
            changed(&|record| record["files"][1]["staged"] = json!("staging/00001./../a")),
            "begins with \"staging/00001.\"",
        ),
        ("7".to_owned(), "invalid type"),
    ] {
        fs::write(&path, text).unwrap();
        for error in errors(folder.path()) {
            let start = format!("{}: the completion record is damaged (", path.display());
            assert!(error.starts_with(&start) && error.contains(expected), "{expected} in {error}");
            assert!(error.contains("remove the file and run the same command again"), "{error}");
        }
    }
    assert!(!folder.path().join("merged").exists());
    fs::remove_file(path).unwrap();
    let results = Results::create_or_resume(folder.path(), &manifest(9, 2)).unwrap();
    work(&results);
    assert_whole(&results);
}

#[test]
fn the_rows_of_a_table_are_those_of_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest { filter: Some("yes".into()), ..manifest(4, 4) };
    let results = Results::create_or_resume(folder.path(), &manifest).unwrap();
    results.claim(0).unwrap().unwrap().finish(vec![row(0), row(2)]).unwrap();
    let path = folder.path().join("done/00000.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    (record["rows"], record["left_out"]) = (json!(3), json!(1));
    fs::write(path, record.to_string()).unwrap();
    let error = results.load().unwrap_err().to_string();
    assert!(error.contains("part-00000.parquet: has 2 rows, and the completion record says 3; remove "), "{error}");
}

#[test]
fn a_manifest_that_does_not_fit_the_parts_is_named() {
    let folder = tempfile::tempdir().unwrap();
    whole_run(folder.path());
    let path = folder.path().join("manifest.json");
    let own = serde_json::to_value(manifest(9, 2)).unwrap();
    // The first record that does not fit is the first part's, or the last one's.
    for (field, number, expected) in [
        ("part_rows", 3, "done/00000.json: the completion record is damaged (`rows` is 2 and"),
        ("part_rows", i64::MAX as u64, "done/00000.json: the completion record is damaged (`rows` is 2 and"),
        (
            "rows",
            8,
            "done/00004.json: there is no part 4 by manifest.json, where `rows` is 8 and `part_rows` is 2; restore",
        ),
        ("rows", 100, "done/00004.json: the completion record is damaged (`rows` is 1 and"),
    ] {
        let mut changed = own.clone();
        changed[field] = number.into();
        fs::write(&path, changed.to_string()).unwrap();
        let results = Results::open(folder.path()).unwrap();
        for error in [results.status().map(drop), results.load().map(drop), results.parts_left().map(drop)] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("restore manifest.json"), "{expected} in {error}");
        }
    }
}

#[test]
fn a_part_with_a_lost_file_is_attributed_again() {
    beds::each(|bed| {
        let manifest = Manifest { raw: true, ..manifest(6, 2) };
        work(&Results::create_or_resume_in(bed.storage.clone(), &manifest).unwrap());
        for name in ["sequences/part-00001.parquet", "scores/part-00001.parquet", "raw/part-00001.safetensors"] {
            for cut in [None, Some(0), Some(10)] {
                let written = fs::read(bed.storage.fetch(name).unwrap().unwrap().path()).unwrap();
                match cut {
                    None => bed.storage.remove(name).unwrap(),
                    Some(length) => replace(&bed, name, &written[..length]),
                }
                let results = Results::create_or_resume_in(bed.storage.clone(), &manifest).unwrap();
                let status = results.status().unwrap();
                assert_eq!((status.done, status.open, status.rows_done, status.finished), (2, 1, 4, None), "{name}");
                let expected = match cut {
                    None => format!("{name} is missing"),
                    Some(length) => format!("{name} has {length} bytes instead of {}", written.len()),
                };
                assert_eq!(status.lost, [Lost { part: 1, problem: expected }]);
                assert_eq!(results.parts_left().unwrap(), [1]);
                work(&results);
                assert_whole(&results);
                assert_eq!(results.status().unwrap().lost, []);
                let again = bed.storage.fetch(name).unwrap().unwrap();
                assert_eq!(fs::read(again.path()).unwrap(), written, "{name} of {}", bed.kind);
            }
        }
    });
}

#[test]
fn a_damaged_commit_is_replaced() {
    beds::each(|bed| {
        let manifest = manifest(4, 2);
        let results = Results::create_or_resume_in(bed.storage.clone(), &manifest).unwrap();
        work(&results);
        let other = bed.storage.read("done/00000.json").unwrap().unwrap();
        for commit in [&b"garbage"[..], b"", &other] {
            bed.storage.remove("done/00001.json").unwrap();
            replace(&bed, "commits/00001.json", commit);
            let results = Results::create_or_resume_in(bed.storage.clone(), &manifest).unwrap();
            work(&results);
            assert_whole(&results);
        }
    });
}

#[test]
fn a_commit_that_is_damaged_meanwhile_is_named() {
    beds::each(|bed| {
        let results = Results::create_or_resume_in(bed.storage.clone(), &manifest(2, 2)).unwrap();
        let claim = results.claim(0).unwrap().unwrap();
        replace(&bed, "commits/00000.json", b"garbage");
        let rows = rows_for(&claim);
        let error = claim.finish(rows).unwrap_err().to_string();
        assert!(error.contains("commits/00000.json: the commit of the part is damaged (expected value"), "{error}");
        assert!(error.contains("run the same command again, which replaces it"), "{error}");
        work(&results);
        assert_whole(&results);
    });
}
