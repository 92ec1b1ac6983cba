//! Clusters of real processes on this machine: a scheduler, two executors, and a client. Whatever happens to them, the folder of results
//! has every row once, as one process writes it.

mod machines;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use clap::Parser as _;
use inseq_cli::attribute_dataset::{self, AttributeDatasetArguments};
use inseq_datasets::Results;

use machines::Cluster;

/// Rows of the dataset, and rows of a part.
const ROWS: usize = 480;
const PART_ROWS: usize = 16;
const PARTS: usize = ROWS / PART_ROWS;
/// Rows that no model can attribute: one has no text, one is too long.
const POISONED: [usize; 2] = [100, 333];

/// A dataset, and the results of one process.
struct Reference {
    folder: tempfile::TempDir,
}

static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let lines = (0..ROWS).map(|row| format!("{}\n", serde_json::json!({ "text": text(row) })));
    fs::write(folder.path().join("rows.jsonl"), lines.collect::<String>()).unwrap();
    let reference = Reference { folder };
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: AttributeDatasetArguments,
    }
    let line = std::iter::once("inseq".into()).chain(reference.flags(&reference.folder.path().join("one")));
    attribute_dataset::run(&Line::parse_from(line).arguments).unwrap();
    reference
});

fn text(row: usize) -> Option<String> {
    let subjects = ["doors", "nurses", "houses", "trees", "tired nurses", "old houses"];
    let ends = ["white", "late", "old", "tired", "small", "white and the nurse said that she was late"];
    match POISONED.iter().position(|poisoned| *poisoned == row) {
        Some(0) => None,
        Some(_) => Some("the nurse was tired and ".repeat(500)),
        None => Some(format!("The {} of the house are {}.", subjects[row % 6], ends[row / 6 % 6])),
    }
}

impl Reference {
    fn flags(&self, results: &Path) -> Vec<OsString> {
        let mut flags: Vec<OsString> = vec!["--dataset-name".into(), self.folder.path().join("rows.jsonl").into()];
        flags.extend(["--input-text-field".into(), "text".into(), "--part-rows".into(), PART_ROWS.to_string().into()]);
        flags.extend(["--save-path".into(), results.into()]);
        flags
    }

    /// The tables that one process wrote.
    fn tables(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        tables(&self.folder.path().join("one"))
    }
}

/// The files of both tables of a folder of results.
fn tables(results: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut tables = BTreeMap::new();
    for table in ["sequences", "scores"] {
        for entry in fs::read_dir(results.join(table)).unwrap() {
            let path = entry.unwrap().path();
            tables.insert(path.strip_prefix(results).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    tables
}

/// Checks that a folder is complete and equal to that of one process, byte for byte.
fn check(results: &Path) {
    let status = Results::open(results).unwrap().status().unwrap();
    assert!(status.is_complete(), "{status:?}");
    assert_eq!((status.rows_done, status.errors), (ROWS as u64, POISONED.len() as u64));
    let (expected, found) = (REFERENCE.tables(), tables(results));
    assert!(expected.keys().eq(found.keys()), "{:?}", found.keys());
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "{} differs", name.display());
    }
    for temporary in ["claims", "staging", "commits"] {
        let folder = results.join(temporary);
        let left = fs::read_dir(&folder).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{} is not empty", folder.display());
    }
}

/// One cluster at a time: they would wait for each other's processors.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Parts that are done.
fn done(results: &Path) -> usize {
    fs::read_dir(results.join("done")).map_or(0, Iterator::count)
}

/// Waits until the run has begun, with much left to do.
fn wait_for_the_middle(results: &Path) {
    machines::wait_until("some parts are done", || done(results) >= 3);
    assert!(done(results) < PARTS - 6, "the run is nearly over");
}

#[test]
fn two_executors_write_what_one_process_writes() {
    let _alone = alone();
    let cluster = Cluster::new(2);
    let results = cluster.path("results");
    let mut client = cluster.run(&REFERENCE.flags(&results));
    assert!(client.wait(), "{}", client.said());
    assert!(client.output().contains("complete: 480 rows, 2 with an error"), "{}", client.output());
    check(&results);
    // Each shard was given once, and the model was loaded once by each executor.
    let calls: Vec<usize> = cluster.executors.iter().map(|executor| executor.count("of 30: 16 rows")).collect();
    assert_eq!(calls.iter().sum::<usize>(), PARTS, "{calls:?}");
    assert!(cluster.executors.iter().all(|executor| executor.count("loading the model") <= 1));

    // The same command again has nothing to do, and gives no shard.
    let mut client = cluster.run(&REFERENCE.flags(&results));
    assert!(client.wait(), "{}", client.said());
    assert!(client.output().contains("nothing was left to attribute"), "{}", client.output());
    assert_eq!(cluster.executors.iter().map(|executor| executor.count("of 30: ")).sum::<usize>(), PARTS);

    // Fewer shards than parts, the model of the last run, and a path in a folder that executors did not start in.
    let mut flags = REFERENCE.flags(Path::new("other"));
    flags.extend(["--shards".into(), "4".into()]);
    let mut client = cluster.run(&flags);
    assert!(client.wait(), "{}", client.said());
    check(&cluster.path("other"));
    assert_eq!(cluster.executors.iter().map(|executor| executor.count("of 4: ")).sum::<usize>(), 4);
    assert!(cluster.executors.iter().all(|executor| executor.count("loading the model") <= 1));

    // A filter.
    let mut flags = REFERENCE.flags(Path::new("doors"));
    flags.extend(["--where".into(), "text like 'The doors%'".into()]);
    let mut client = cluster.run(&flags);
    assert!(client.wait(), "{}", client.said());
    assert!(client.output().contains("complete: 80 rows"), "{}", client.output());
}

#[test]
fn an_error_that_may_pass_is_tried_four_times_and_leaves_nothing_half_done() {
    let _alone = alone();
    let cluster = Cluster::new(1);
    let results = cluster.path("results");
    fs::create_dir(&results).unwrap();
    let mut flags = REFERENCE.flags(&results);
    flags.extend(["--scheduler-timeout".into(), "0".into()]);
    // Nobody answers at this address, so that the folder is prepared, and no more.
    let nobody = Cluster::without_processes();
    assert!(!nobody.run(&flags).wait());
    // No part can be put where a folder stands in its place.
    let places: Vec<_> = (0..PARTS).map(|part| results.join(format!("sequences/part-{part:05}.parquet"))).collect();
    for place in &places {
        fs::create_dir_all(place.join("in the way")).unwrap();
    }
    let mut client = cluster.run(&flags);
    assert!(!client.wait());
    assert!(client.said().contains("the cluster gave up") && client.said().contains("part-000"), "{}", client.said());
    let tries =
        (0..PARTS).map(|shard| cluster.executors[0].count(&format!("inseq_cluster::function] shard {shard} of 30: ")));
    assert_eq!(tries.max(), Some(4));
    assert_eq!(done(&results), 0);

    places.iter().for_each(|place| fs::remove_dir_all(place).unwrap());
    let mut client = cluster.run(&flags);
    assert!(client.wait(), "{}", client.said());
    check(&results);
}

#[test]
fn the_shard_of_a_killed_executor_is_done_by_another() {
    let _alone = alone();
    let mut cluster = Cluster::new(2);
    let results = cluster.path("results");
    let mut client = cluster.run(&REFERENCE.flags(&results));
    machines::wait_until("both executors work", || cluster.executors.iter().all(|one| one.count("of 30: 16 rows") > 0));
    cluster.executors[0].kill();
    assert!(client.wait(), "{}", client.said());
    check(&results);
}

#[test]
fn a_run_goes_on_when_the_scheduler_is_started_again() {
    let _alone = alone();
    let mut cluster = Cluster::new(2);
    let results = cluster.path("results");
    let mut client = cluster.run(&REFERENCE.flags(&results));
    wait_for_the_middle(&results);
    cluster.scheduler.take().unwrap().kill();
    machines::wait_until("the client says so", || client.said().contains("does not answer"));
    assert!(client.said().contains("parts that are done stay"), "{}", client.said());
    cluster.start_scheduler();
    assert!(client.wait(), "{}", client.said());
    check(&results);
}

#[test]
fn a_run_whose_client_was_killed_goes_on_with_the_same_command() {
    let _alone = alone();
    let cluster = Cluster::new(2);
    let results = cluster.path("results");
    let mut client = cluster.run(&REFERENCE.flags(&results));
    wait_for_the_middle(&results);
    client.kill();
    let mut client = cluster.run(&REFERENCE.flags(&results));
    assert!(client.wait(), "{}", client.said());
    check(&results);
}

#[test]
fn results_that_were_removed_are_made_again() {
    let _alone = alone();
    let cluster = Cluster::new(1);
    let results = cluster.path("results");
    for _ in 0..2 {
        let mut client = cluster.run(&REFERENCE.flags(&results));
        assert!(client.wait(), "{}", client.said());
        check(&results);
        fs::remove_dir_all(&results).unwrap();
    }
}

#[test]
fn nobody_does_the_part_of_a_slow_executor_again() {
    let _alone = alone();
    let cluster = Cluster::new(2);
    let results = cluster.path("results");
    let mut client = cluster.run(&REFERENCE.flags(&results));
    let slow = cluster.executors[0].id().to_string();
    let has_claim = || {
        let claims = fs::read_dir(results.join("claims")).into_iter().flatten().flatten();
        claims.filter_map(|claim| fs::read_to_string(claim.path()).ok()).any(|claim| claim.contains(&slow))
    };
    machines::wait_until("the slow executor works", has_claim);
    cluster.executors[0].signal("STOP");
    // It may have been stopped between two parts.
    let held = usize::from(has_claim());
    machines::wait_until("the other one has done the rest", || done(&results) >= PARTS - held);
    cluster.executors[0].signal("CONT");
    assert!(client.wait(), "{}", client.said());
    check(&results);
    assert_eq!(cluster.executors.iter().map(|executor| executor.count("of 30: 16 rows")).sum::<usize>(), PARTS);
}

#[test]
fn a_strict_run_ends_at_a_poisoned_row() {
    let _alone = alone();
    let cluster = Cluster::new(1);
    let results = cluster.path("results");
    let mut flags = REFERENCE.flags(&results);
    flags.push("--strict".into());
    let mut client = cluster.run(&flags);
    assert!(!client.wait());
    assert!(client.said().contains("row 100: "), "{}", client.said());
    assert!(done(&results) < PARTS);
}

#[test]
fn what_a_cluster_cannot_do_is_said_before_the_work() {
    let _alone = alone();
    let cluster = Cluster::without_processes();
    let of = |results: &str, more: &[&str]| {
        let mut flags = REFERENCE.flags(&cluster.path(results));
        flags.extend(more.iter().map(OsString::from));
        flags
    };
    for (flags, expected) in [
        (of("a.json", &[]), "a cluster writes a folder of results"),
        (of("a", &["--shard", "0/2"]), "--shards sets the number of shards"),
        (of("a", &["--dry-run"]), "--dry-run needs no cluster"),
        (of("a", &["--shards", "0"]), "it must be at least 1"),
        (of("a", &["--scheduler-timeout", "0"]), "start the scheduler and run the same command again"),
    ] {
        let mut client = cluster.run(&flags);
        assert!(!client.wait(), "{flags:?}");
        assert!(client.said().contains(expected), "{flags:?}: {}", client.said());
    }
}
