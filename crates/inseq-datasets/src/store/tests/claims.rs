//! Claims of threads and processes.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use super::beds::{Bed, Old};
use super::interrupted::set_age;
use super::*;
use crate::store::local::LocalFolder;
use crate::store::storage::Storage as _;
use crate::store::ticket::identity;

/// The place that a worker process is given.
const PLACE: &str = "INSEQ_TEST_RESULTS";

#[test]
fn threads_do_every_part_once() {
    beds::each(|bed| threads_do_every_part_of(&bed));
}

fn threads_do_every_part_of(bed: &Bed) {
    let manifest = manifest(60, 2);
    let done: Vec<u64> = std::thread::scope(|scope| {
        let workers = [(); 8].map(|()| {
            scope.spawn(|| {
                let results = Results::create_or_resume_in(bed.storage.clone(), &manifest).unwrap();
                let claims = (0..results.parts()).filter_map(|part| results.claim(part).unwrap());
                claims
                    .map(|claim| {
                        let rows = rows_for(&claim);
                        claim.finish(rows).unwrap().part
                    })
                    .collect::<Vec<_>>()
            })
        });
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut sorted = done.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..30).collect::<Vec<_>>(), "each part is finished by one thread in {}", bed.kind);
    assert_whole(&Results::open_in(bed.storage.clone()).unwrap());
}

#[test]
fn one_of_many_takes_over_a_stale_claim() {
    beds::each(|bed| one_of_many_takes_over_in(&bed));
}

fn one_of_many_takes_over_in(bed: &Bed) {
    Results::create_or_resume_in(bed.storage.clone(), &manifest(10, 1)).unwrap();
    let results = Results::open_in(Arc::new(Old(bed.storage.clone()))).unwrap();
    for part in 0..10 {
        let text = claim_of_elsewhere(part);
        let name = format!("claims/{part:05}");
        assert!(bed.storage.create_new(&name, &mut |file| Ok(file.write_all(text.as_bytes())?)).unwrap());
        let barrier = Barrier::new(6);
        let claims: Vec<Claim> = std::thread::scope(|scope| {
            let threads = [(); 6].map(|()| {
                scope.spawn(|| {
                    barrier.wait();
                    results.claim(part).unwrap()
                })
            });
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(claims.len(), 1, "part {part} of {}", bed.kind);
    }
}

/// A claim of a process on another machine.
fn claim_of_elsewhere(part: u64) -> String {
    let process = r#"{"host": "elsewhere", "machine": "another", "pid": 7}"#;
    format!(r#"{{"id": "x{part}", "since": "2026-01-01T00:00:00Z", "process": {process}}}"#)
}

/// A claim of another machine with an age.
fn write_claim(folder: &std::path::Path, part: u64, age: u64) {
    let path = folder.join(format!("claims/{part:05}"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, claim_of_elsewhere(part)).unwrap();
    set_age(&path, age);
}

#[test]
fn claims_of_other_machines_are_stale_after_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::create_or_resume(folder.path(), &manifest(4, 1)).unwrap();
    write_claim(folder.path(), 1, 100);
    write_claim(folder.path(), 2, 140);
    std::fs::write(folder.path().join("claims/00003"), "damaged").unwrap();
    set_age(&folder.path().join("claims/00003"), 140);
    let status = results.status().unwrap();
    let found: Vec<_> = status.claimed.iter().map(|work| (work.part, work.state, work.process.is_some())).collect();
    assert_eq!(found, [(1, PartState::AtWork, true), (2, PartState::Stale, true), (3, PartState::Stale, false)]);
    assert_eq!(status.open, 1);
    let claims = [0, 1, 2, 3].map(|part| results.claim(part).unwrap());
    assert_eq!(claims.each_ref().map(Option::is_some), [true, false, true, true]);
    drop(claims);
    // A part that was given back is free.
    assert_eq!(std::fs::read_dir(folder.path().join("claims")).unwrap().count(), 1);
    let results = results.claim_timeout(Duration::from_secs(50));
    assert!(results.claim(1).unwrap().is_some());
}

#[test]
fn a_sign_of_life_renews_a_claim() {
    let folder = tempfile::tempdir().unwrap();
    let storage = LocalFolder::new(folder.path());
    let mut hold = storage.hold("claims/00000", b"{}").unwrap().unwrap();
    assert!(storage.hold("claims/00000", b"{}").unwrap().is_none(), "the file exists");
    assert_eq!(storage.is_held("claims/00000"), Some(true));
    set_age(&folder.path().join("claims/00000"), 300);
    assert!(storage.age("claims/00000").unwrap().unwrap() > Duration::from_secs(200));
    hold.renew().unwrap();
    assert!(storage.age("claims/00000").unwrap().unwrap() < Duration::from_secs(200));
    assert_eq!(storage.read("claims/00000").unwrap().unwrap(), b"{}");
    drop(hold);
    assert_eq!(storage.is_held("claims/00000"), Some(false));
    assert_eq!((storage.age("claims/1").unwrap(), storage.is_held("claims/1")), (None, None));
}

#[test]
fn an_object_is_renewed_only_while_it_is_there() {
    // Objects in a folder have no conditional changes, so nothing is renewed there.
    for bed in beds::fresh().into_iter().filter(|bed| bed.folder.is_none()) {
        let (storage, name) = (&bed.storage, "claims/00000");
        // No two claims have the same content.
        let [content, another] = [(); 2].map(|()| identity());
        let mut hold = storage.hold(name, content.as_bytes()).unwrap().unwrap();
        assert!(storage.hold(name, another.as_bytes()).unwrap().is_none(), "the object exists");
        assert_eq!(storage.is_held(name), Some(true));
        for _ in 0..3 {
            hold.renew().unwrap();
        }
        assert!(storage.age(name).unwrap().unwrap() < Duration::from_secs(60));
        assert_eq!(storage.read(name).unwrap().unwrap(), content.as_bytes());
        // Taken over, given back.
        storage.remove(name).unwrap();
        assert!(hold.renew().is_err(), "{}", bed.kind);
        assert_eq!(storage.read(name).unwrap(), None, "nothing comes back in {}", bed.kind);
        let other = storage.hold(name, another.as_bytes()).unwrap().unwrap();
        assert!(hold.renew().is_err(), "{}", bed.kind);
        assert_eq!(storage.read(name).unwrap().unwrap(), another.as_bytes());
        drop((hold, other));
        // The process is gone, and did not give it back.
        assert_eq!(storage.is_held(name), Some(false));
        assert_eq!((storage.age("claims/1").unwrap(), storage.is_held("claims/1")), (None, None));
    }
}

/// Not a test of its own: a process that works on a folder, and then keeps a claim until it is killed.
#[test]
#[ignore = "a child process of other tests"]
fn worker() {
    let bed = Bed::at(&std::env::var(PLACE).unwrap());
    let results = Results::create_or_resume_in(bed.storage.clone(), &manifest(40, 2)).unwrap();
    work(&results);
    if let Some(claim) = results.claim_of_killed() {
        // The other process waits for this object.
        assert!(bed.storage.create_new("ready", &mut |_| Ok(())).unwrap());
        std::thread::sleep(Duration::from_secs(600));
        drop(claim);
    }
}

impl Results {
    /// A claim on the last part, which the test takes back from the finished ones.
    fn claim_of_killed(&self) -> Option<Claim> {
        std::env::var("INSEQ_TEST_KEEP").ok()?;
        self.folder.storage.remove("done/00019.json").unwrap();
        self.claim(19).unwrap()
    }
}

fn start(place: &str, keep: bool) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "store::tests::claims::worker", "--ignored"]).env(PLACE, place).stdout(Stdio::null());
    if keep {
        command.env("INSEQ_TEST_KEEP", "yes");
    }
    command.spawn().unwrap()
}

#[test]
fn processes_share_a_run_and_a_killed_one_is_replaced_at_once() {
    beds::each(|bed| {
        if let Some(place) = &bed.place {
            processes_share(&bed, place);
        }
    });
}

fn processes_share(bed: &Bed, place: &str) {
    let mut workers = [(); 3].map(|()| start(place, false));
    for worker in &mut workers {
        assert!(worker.wait().unwrap().success(), "{}", bed.kind);
    }
    let results = Results::open_in(bed.storage.clone()).unwrap();
    assert_whole(&results);

    let mut keeper = start(place, true);
    while bed.storage.read("ready").unwrap().is_none() {
        assert!(keeper.try_wait().unwrap().is_none(), "the worker ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(results.claim(19).unwrap().is_none(), "a living process has it");
    let status = results.status().unwrap();
    assert_eq!(
        status.claimed.iter().map(|work| (work.part, work.state)).collect::<Vec<_>>(),
        [(19, PartState::AtWork)]
    );
    assert_eq!(status.claimed[0].process.as_ref().unwrap().pid, keeper.id());
    keeper.kill().unwrap();
    keeper.wait().unwrap();
    assert_eq!(results.status().unwrap().claimed[0].state, PartState::Stale);
    work(&results);
    assert_whole(&results);
}
