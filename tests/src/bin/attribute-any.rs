//! Random whole calls for as long as there is time, or one that was found.
//!
//! ```sh
//! cargo run -p inseq-tests --bin attribute-any -- --seconds 3600 --seed 7
//! cargo run -p inseq-tests --bin attribute-any -- --case '{"model": "gpt2", ...}'
//! ```
//!
//! A case that panics is printed as such a command. The case that runs is written to `--last FILE`, for those that end the
//! program.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use inseq_tests::whole_calls::{Case, Models, Outcome, numbered};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let mut models = Models::default();
    if let Some(line) = given("--case") {
        println!("{:?}", models.run(&Case::parse(line)?));
        return Ok(());
    }
    let number = |name: &str, default: u64| given(name).map_or(Ok(default), str::parse::<u64>);
    let (seed, first) = (number("--seed", 0)?, number("--first", 0)?);
    let (seconds, most) = (number("--seconds", 60)?, number("--cases", u64::MAX)?);
    let start = Instant::now();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut slowest = (Duration::ZERO, first);
    for index in (first..).take(usize::try_from(most).unwrap_or(usize::MAX)) {
        if start.elapsed().as_secs() >= seconds {
            break;
        }
        let case = numbered(seed, index);
        if let Some(file) = given("--last") {
            std::fs::write(file, case.line())?;
        }
        let before = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| models.run(&case)));
        slowest = slowest.max((before.elapsed(), index));
        let word = match &outcome {
            Ok(Outcome::Done) => "done",
            Ok(Outcome::Stopped) => "stopped",
            Ok(Outcome::Refused(_)) => "refused",
            Err(_) => "panicked",
        };
        *counts.entry(word).or_default() += 1;
        if let (Ok(Outcome::Refused(message)), true) = (&outcome, given("--errors") == Some("yes")) {
            println!("{message}");
        }
        if outcome.is_err() {
            println!("case {index} of seed {seed}: attribute-any --case '{}'", case.line().replace('\'', "'\\''"));
        }
    }
    println!("{counts:?} in {:.0?}; the slowest, case {}, took {:.1?}", start.elapsed(), slowest.1, slowest.0);
    if counts.contains_key("panicked") { Err("some cases panicked".into()) } else { Ok(()) }
}
