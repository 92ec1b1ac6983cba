//! Folders that are moved, removed or replaced while a process works on them.

use std::fs;
use std::path::Path;

use super::*;

/// What happens to a folder. The path beside it is free.
type Change = fn(&Path, &Path);

#[test]
fn a_folder_that_is_not_there_any_more_ends_the_run() {
    let changes: [(Change, &str, bool); 4] = [
        (|folder, beside| fs::rename(folder, beside).unwrap(), "is gone", false),
        (|folder, _| fs::remove_dir_all(folder).unwrap(), "is gone", false),
        (|folder, _| fs::remove_file(folder.join("manifest.json")).unwrap(), "is gone", true),
        (
            |folder, beside| {
                fs::rename(folder, beside).unwrap();
                Results::create_or_resume(folder, &Manifest { method: "attention".into(), ..manifest(6, 2) }).unwrap();
            },
            "has changed",
            true,
        ),
    ];
    for (change, expected, is_there) in changes {
        let outside = tempfile::tempdir().unwrap();
        let [folder, beside] = ["results", "beside"].map(|name| outside.path().join(name));
        let results = Results::create_or_resume(&folder, &manifest(6, 2)).unwrap();
        let done = results.claim(0).unwrap().unwrap();
        let rows = rows_for(&done);
        done.finish(rows).unwrap();
        let claim = results.claim(1).unwrap().unwrap();
        change(&folder, &beside);
        let rows = rows_for(&claim);
        let errors = [
            claim.finish(rows).map(drop),
            results.claim(2).map(drop),
            results.status().map(drop),
            results.load().map(drop),
        ];
        for error in errors {
            let error = error.unwrap_err().to_string();
            let start = format!("{} {expected}: ", folder.join("manifest.json").display());
            assert!(error.starts_with(&start) && error.contains("run the same command again"), "{error}");
        }
        assert_eq!(folder.exists(), is_there, "{expected}");
        if beside.exists() {
            let results = Results::create_or_resume(&beside, &manifest(6, 2)).unwrap();
            assert_eq!(results.status().unwrap().rows_done, 2);
            work(&results);
            assert_whole(&results);
        }
    }
}

#[test]
fn a_folder_that_goes_between_two_steps_is_not_made_anew() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("results");
    let storage = crate::store::local::LocalFolder::new(&folder);
    let storage: &dyn crate::store::storage::Storage = &storage;
    let errors = [
        storage.create_new("done/00000.json", &mut |_| Ok(())).map(drop),
        storage.write("staging/a", &mut |_| Ok(())),
        storage.rename("staging/a", "scores/a").map(drop),
        storage.hold("claims/00000", b"{}").map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with(&folder.display().to_string()), "{error}");
    }
    assert!(!folder.exists());
}
