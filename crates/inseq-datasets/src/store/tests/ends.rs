//! The end of a run in its manifest, and parts that are attributed again.

use serde_json::Value;

use super::*;

fn file(bed: &beds::Bed) -> Value {
    serde_json::from_slice(&bed.storage.read(Manifest::FILE).unwrap().unwrap()).unwrap()
}

#[test]
fn the_manifest_says_how_many_parts_there_are_and_when_the_last_one_was_done() {
    beds::each(|bed| {
        let open = || Results::create_or_resume_in(bed.storage.clone(), &manifest(5, 2)).unwrap();
        let results = open();
        results.note_end().unwrap();
        assert_eq!((&file(&bed)["parts"], &file(&bed)["finished"]), (&3.into(), &Value::Null), "{}", bed.kind);
        work(&results);
        results.note_end().unwrap();
        let finished = results.status().unwrap().finished.unwrap();
        assert_eq!(file(&bed)["finished"], finished.as_str(), "{}", bed.kind);
        assert_eq!(bed.count("staging"), 0, "{}", bed.kind);
        // Who opened the folder before may go on, and the same run is the same.
        assert_eq!(results.status().unwrap(), open().status().unwrap());
        // A part that is lost and done again ends later.
        let lost = "scores/part-00001.parquet";
        bed.storage.remove(lost).unwrap();
        assert_eq!(results.status().unwrap().finished, None);
        work(&open());
        open().note_end().unwrap();
        assert_eq!(file(&bed)["finished"].as_str(), open().status().unwrap().finished.as_deref(), "{}", bed.kind);
    });
}

#[test]
fn another_folder_has_an_end_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let one = Results::create_or_resume(&folder.path().join("one"), &manifest(4, 2)).unwrap();
    work(&one);
    one.note_end().unwrap();
    let one = Results::open(&folder.path().join("one")).unwrap();
    assert!(one.manifest().finished.is_some());
    let into = folder.path().join("merged");
    let part = Results::create_or_resume(&into, one.manifest()).unwrap();
    assert_eq!(part.manifest().finished, None);
    Results::merge(&[one], &into).unwrap();
    assert!(Results::open(&into).unwrap().manifest().finished.is_some());
}

#[test]
fn a_part_with_errors_is_claimed_again_once() {
    beds::each(|bed| {
        // Row 3 has an error.
        let results = Results::create_or_resume_in(bed.storage.clone(), &manifest(6, 2)).unwrap();
        work(&results);
        let failed = results.failed_parts().unwrap();
        assert_eq!(failed.keys().copied().collect::<Vec<_>>(), [1], "{}", bed.kind);
        assert!(results.claim(1).unwrap().is_none());
        let claim = results.claim_again(&failed[&1]).unwrap().unwrap();
        assert!(results.claim_again(&failed[&1]).unwrap().is_none(), "{}: it is at work", bed.kind);
        let rows = claim.rows().map(|number| AttributedRow::new(row(number).row, Ok(attribution(number))));
        claim.finish(rows.collect()).unwrap();
        assert_eq!(results.status().unwrap().errors, 0, "{}", bed.kind);
        assert!(results.claim_again(&failed[&1]).unwrap().is_none(), "{}: it is another record", bed.kind);
        assert_eq!(results.load().unwrap().sequences.len(), 6, "{}", bed.kind);
    });
}
