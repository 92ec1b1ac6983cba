use clap::Parser as _;

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn options(line: &str) -> Options {
    Line::parse_from(format!("x {line}").split_whitespace()).options
}

#[test]
fn one_executor_without_trouble_takes_the_time_of_its_parts() {
    let options = options(
        "--texts 2560 --text-seconds 0.007 --part-seconds 0.02 --failure-hours 0 --slow-share 0 --shard-seconds 0 --scheduler-seconds 0 --sign-seconds 0 --spread 0",
    );
    let cluster = Cluster::new(&options, 1);
    let alone = cluster.seconds_alone();
    let outcome = cluster.run();
    // Ten parts of 256 texts of 7 ms, 20 ms for each part, and one second to begin.
    assert!((alone - (1.0 + 10.0 * (256.0 * 0.007 + 0.02))).abs() < 1e-9);
    assert!((outcome.seconds - alone).abs() < 1e-9, "{outcome:?}");
    assert_eq!((outcome.given, outcome.jobs, outcome.failures), (10, 1, 0));
}

#[test]
fn executors_share_the_parts_evenly() {
    let options = options(
        "--texts 25600 --text-seconds 0.007 --part-seconds 0.02 --failure-hours 0 --slow-share 0 --shard-seconds 0 --scheduler-seconds 0 --load-seconds 0 --spread 0",
    );
    // A hundred equal parts: 10 rounds of 10, and 15 rounds of 7 of which the last is not full.
    for (executors, rounds) in [(10, 10.0), (7, 15.0)] {
        let seconds = Cluster::new(&options, executors).run().seconds;
        assert!((seconds - rounds * (256.0 * 0.007 + 0.02)).abs() < 1e-9, "{executors}: {seconds}");
    }
}

#[test]
fn whatever_fails_every_part_is_finished_once() {
    // A failure per executor every 36 s, with parts of 12 s; shards of several parts.
    let options = options("--texts 51200 --text-seconds 0.05 --failure-hours 0.01 --shards 50");
    for executors in [1, 3, 20] {
        let outcome = Cluster::new(&options, executors).run();
        assert!(outcome.failures > 10 && outcome.lost_seconds > 0.0 && outcome.given > 50, "{outcome:?}");
        assert!(outcome.finished.iter().all(|&times| times == 1), "{outcome:?}");
    }
}

#[test]
fn a_lost_part_waits_for_the_time_outs() {
    // One part of 100 s. With this seed the first executor fails in it, and the second does it after the claim is stale.
    let options = options("--texts 256 --text-seconds 0.4 --spread 0 --slow-share 0 --failure-hours 0.02");
    let outcome = Cluster::new(&options, 2).run();
    assert!(outcome.failures > 0 && outcome.seconds > 120.0 && outcome.jobs > 1, "{outcome:?}");
}

#[test]
fn a_seed_decides_everything() {
    let options = options("--texts 100000 --failure-hours 0.05");
    assert_eq!(Cluster::new(&options, 16).run(), Cluster::new(&options, 16).run());
    let other = super::Options { seed: 2, ..options.clone() };
    assert_ne!(Cluster::new(&options, 16).run(), Cluster::new(&other, 16).run());
}

#[test]
fn a_scheduler_that_is_slow_limits_the_cluster() {
    let options = options("--texts 1000000 --scheduler-seconds 0.1 --failure-hours 0");
    let outcome = Cluster::new(&options, 256).run();
    assert!(outcome.seconds > 390.0 && outcome.scheduler_seconds / outcome.seconds > 0.95, "{outcome:?}");
}
