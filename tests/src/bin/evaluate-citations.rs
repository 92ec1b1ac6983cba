//! `cargo xtask evaluate --citations`: how often each citation method finds the passage that a sentence was read in, as a table.

use inseq_methods::citations::list_methods;
use inseq_tests::known_citations::{Figures, Kind, Share, cases, figures, reader};
use serde_json::Map;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = reader();
    let cases = cases();
    println!(
        "| method | first: one passage | against memory | two passages | read or known | with two passages | forwards | time per prompt |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    let mut of_all = String::new();
    for info in list_methods() {
        let method = info.with(&Map::new())?;
        let found = figures(&model, &cases, &method)?;
        let Figures { first, told, told_by_all, forwards, time } = &found;
        let percent = |shares: &[Share; 5], kinds: &[Kind]| {
            let sum = kinds.iter().fold(Share::default(), |sum, kind| sum.with(shares[*kind as usize]));
            format!("{:.1} %", sum.percent())
        };
        // Where two passages say the same, none has a gain of its own.
        let plain = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Twice).collect::<Vec<_>>();
        println!(
            "| `{}` | {} | {} | {} | {} | {} | {forwards:.0} | {:.0} ms |",
            info.name,
            percent(first, &[Kind::Read]),
            percent(first, &[Kind::Contradicted]),
            percent(first, &[Kind::Twice]),
            percent(told, &plain),
            percent(told, &[Kind::Twice]),
            time.as_secs_f64() * 1e3,
        );
        of_all = format!(
            "| all passages together | - | - | - | {} | {} | 2 | - |",
            percent(told_by_all, &plain),
            percent(told_by_all, &[Kind::Twice])
        );
        eprintln!("{}: first {first:?}, told {told:?}", info.name);
    }
    println!("{of_all}");
    Ok(())
}
