//! Merging folders of the same run.

use std::fs;

use super::*;

/// A folder with some parts of a run.
fn with_parts(folder: &std::path::Path, parts: &[u64], manifest: &Manifest) -> Results {
    let results = Results::create_or_resume(folder, manifest).unwrap();
    for &part in parts {
        let claim = results.claim(part).unwrap().unwrap();
        let rows = rows_for(&claim);
        claim.finish(rows).unwrap();
    }
    results
}

#[test]
fn folders_with_different_parts_become_one() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest { raw: true, ..manifest(10, 3) };
    let one = with_parts(&folder.path().join("one"), &[0, 3], &manifest);
    let other = with_parts(&folder.path().join("other"), &[1, 2, 3], &manifest);
    let whole = with_parts(&folder.path().join("whole"), &[0, 1, 2, 3], &manifest);
    let into = folder.path().join("merged");
    let sources = [one, other];
    for _ in 0..2 {
        let merged = Results::merge(&sources, &into).unwrap();
        assert!(merged.status().unwrap().is_complete());
        assert_whole(&merged);
    }
    for name in ["sequences/part-00002.parquet", "scores/part-00002.parquet", "raw/part-00002.safetensors"] {
        assert_eq!(fs::read(into.join(name)).unwrap(), fs::read(whole.place().join(name)).unwrap());
    }
}

#[test]
fn what_cannot_be_merged_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest(4, 2);
    let one = || with_parts(&folder.path().join("one"), &[], &manifest);
    with_parts(&folder.path().join("one"), &[0], &manifest);
    let other = Manifest { method: "attention".into(), ..manifest.clone() };
    let other = with_parts(&folder.path().join("other"), &[1], &other);
    let error = Results::merge(&[one(), other], &folder.path().join("merged")).unwrap_err().to_string();
    assert!(error.contains("different runs") && error.contains("`method` is \"saliency\" there"), "{error}");

    let different = Results::create_or_resume(&folder.path().join("different"), &manifest).unwrap();
    let rows = |number| AttributedRow { warnings: vec!["different".into()], ..row(number) };
    different.claim(0).unwrap().unwrap().finish((0..2).map(rows).collect()).unwrap();
    let error = Results::merge(&[one(), different], &folder.path().join("merged")).unwrap_err().to_string();
    assert!(error.contains("part 0 is there already, with other files than in"), "{error}");
    assert!(!folder.path().join("merged").exists(), "nothing is written");

    fs::write(folder.path().join("one/scores/part-00000.parquet"), "damaged").unwrap();
    let again = folder.path().join("again");
    let error = Results::merge(&[with_parts(&folder.path().join("two"), &[1], &manifest), one()], &again).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("one/scores/part-00000.parquet: has 7 bytes instead of"), "{error}");
    assert!(error.contains("one/done/00000.json and run the same command again"), "{error}");
    assert!(!again.exists(), "nothing is written if a part is damaged");
    assert!(Results::merge(&[], &folder.path().join("none")).is_err());
}
