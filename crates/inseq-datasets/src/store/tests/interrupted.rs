//! Processes that are killed, or whose disk is full, at every operation.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::beds::{Bed, Old};
use super::failing::{Failing, Failure};
use super::*;
use crate::Error;

/// Works on a run of two parts in a storage that fails after some operations. Returns whether it failed.
fn fails(bed: &Bed, manifest: &Manifest, failure: Failure, after: usize) -> bool {
    let storage = Failing::new(bed.storage.clone(), failure, after);
    let steps = || -> crate::Result<()> {
        let results = Results::create_or_resume_in(storage.clone(), manifest)?;
        for part in 0..results.parts() {
            if let Some(claim) = results.claim(part)? {
                let rows = rows_for(&claim);
                claim.finish(rows)?;
            }
        }
        Ok(())
    };
    // After the records are written an error is one of clearing up.
    let _ = steps();
    storage.has_failed()
}

fn recovers_from(failure: Failure) {
    // The operations are the same for each kind of storage.
    let mut is_reached = true;
    let mut after = 0;
    while is_reached {
        beds::each(|bed| {
            let place = format!("{failure:?} {after} of {}", bed.kind);
            let manifest = Manifest { raw: true, ..manifest(6, 4) };
            is_reached = fails(&bed, &manifest, failure, after);
            if let Ok(results) = Results::open_in(bed.storage.clone()) {
                // What is there, is whole.
                let rows: Vec<u64> = results.rows(Scores::Kept).unwrap().map(|row| row.unwrap().row.number).collect();
                assert_eq!(rows.len() as u64, results.status().unwrap().rows_done, "{place}");
            }
            // The same command again, twice.
            for _ in 0..2 {
                let results = Results::create_or_resume_in(bed.storage.clone(), &manifest).unwrap();
                work(&results);
                assert!(results.status().unwrap().is_complete(), "{place}");
                assert_whole(&results);
            }
        });
        after += 1;
    }
    assert!(after > 13, "a run of two parts has more operations than {after}");
}

#[test]
fn a_process_that_is_killed_before_an_operation() {
    recovers_from(Failure::KilledBefore);
}

#[test]
fn a_process_that_is_killed_after_an_operation() {
    recovers_from(Failure::KilledAfter);
}

#[test]
fn a_process_that_is_killed_while_it_writes() {
    recovers_from(Failure::KilledInside);
}

#[test]
fn an_operation_that_fails() {
    recovers_from(Failure::Once(ErrorKind::StorageFull));
}

#[test]
fn a_full_disk_and_a_read_only_folder_have_a_way_out() {
    let [full, closed] = ["make room", "let this user write to the folder"];
    let cases = [
        (2, "staging/00000.", ErrorKind::StorageFull, full),
        (3, "staging/00000.", ErrorKind::QuotaExceeded, full),
        (4, "commits/00000.", ErrorKind::StorageFull, full),
        (2, "staging/00000.", ErrorKind::ReadOnlyFilesystem, closed),
    ];
    for ((after, file, kind, way_out), bed) in
        cases.into_iter().flat_map(|case| beds::fresh().into_iter().map(move |bed| (case, bed)))
    {
        Results::create_or_resume_in(bed.storage.clone(), &manifest(4, 4)).unwrap();
        // The manifest is there, the claim is the second operation, and the first file of the part the third.
        let storage = Failing::new(bed.storage.clone(), Failure::Once(kind), after);
        let results = Results::create_or_resume_in(storage, &manifest(4, 4)).unwrap();
        let claim = results.claim(0).unwrap().unwrap();
        let rows = rows_for(&claim);
        let Err(error @ Error::File { .. }) = claim.finish(rows) else { panic!("the part was written") };
        let text = error.to_string();
        let way_out = format!("{way_out} and run the same command again");
        assert!(text.contains(file) && text.contains(&way_out), "{text}");
        let status = results.status().unwrap();
        assert_eq!((status.open, status.claimed.len()), (1, 0), "the part is given back");
        assert_eq!(bed.count("staging"), 0, "nothing takes space");
    }
}

#[test]
fn a_process_that_was_thought_dead_and_is_not() {
    let cases = [true, false];
    for (is_first, bed) in cases.into_iter().flat_map(|case| beds::fresh().into_iter().map(move |bed| (case, bed))) {
        let results = Results::create_or_resume_in(bed.storage.clone(), &manifest(2, 2)).unwrap();
        let slow = results.claim(0).unwrap().unwrap();
        assert!(results.claim(0).unwrap().is_none(), "{}", bed.kind);
        let later = Results::open_in(Arc::new(Old(bed.storage.clone()))).unwrap();
        let fast = later.claim(0).unwrap().unwrap();
        let rows = |warning: &str| {
            let rows = (0..2).map(|number| AttributedRow { warnings: vec![warning.into()], ..row(number) });
            rows.collect::<Vec<_>>()
        };
        let (first, second) = if is_first { (slow, fast) } else { (fast, slow) };
        let one = first.finish(rows("first")).unwrap();
        let other = second.finish(rows("second")).unwrap();
        assert_eq!(one, other, "both say whose files the part has");
        let found: Vec<_> = results.rows(Scores::Aggregated).unwrap().map(|row| row.unwrap().warnings).collect();
        assert_eq!(found, [["first"], ["first"]]);
        for name in ["claims", "commits", "staging"] {
            assert_eq!(bed.count(name), 0, "{name} of {}", bed.kind);
        }
    }
}

#[test]
fn a_commit_whose_files_are_lost_is_taken_back() {
    beds::each(|bed| {
        // Operations: the manifest, the claim, two files, the commit, and then the first rename.
        assert!(fails(&bed, &manifest(2, 2), Failure::KilledBefore, 5));
        assert!(bed.storage.read("commits/00000.json").unwrap().is_some());
        for file in bed.storage.list("staging").unwrap() {
            let name = format!("staging/{file}");
            bed.storage.remove(&name).unwrap();
            bed.storage.write(&name, &mut |file| Ok(file.write_all(b"lost in a power cut")?)).unwrap();
        }
        let results = Results::create_or_resume_in(bed.storage.clone(), &manifest(2, 2)).unwrap();
        work(&results);
        assert_whole(&results);
    });
}

/// Sets the time of a file to some seconds ago.
pub(super) fn set_age(path: &Path, seconds: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(seconds)).unwrap();
}
