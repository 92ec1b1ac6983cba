//! The reader answers from passages and from memory, and citations tell which.

use inseq_methods::citations::method_named;
use inseq_tests::known_citations::{Kind, Share, cases, figures, reader, some_cases};
use serde_json::{Map, Value};

#[test]
fn held_out_prompts_are_answered() {
    let model = reader();
    let arguments = Map::from_iter([("max_new_tokens".to_owned(), Value::from(40))]);
    let mut share = Share::default();
    for case in cases().iter().step_by(4) {
        let sources = case.request().sources;
        let text = model.generate(&[sources.prompt()], &arguments).unwrap().swap_remove(0);
        let said = text[sources.prompt().len()..].trim();
        if said != case.answer {
            println!("{said} | {}", case.answer);
        }
        share = share.with(Share { right: usize::from(said == case.answer), all: 1 });
    }
    println!("{share:?}");
    assert!(share.all >= 50 && share.percent() >= 97.0, "{share:?}");
}

#[test]
fn the_right_passage_is_first() {
    let model = reader();
    let cases = some_cases(3);
    let all = |shares: &[Share; 5], kinds: &[Kind]| {
        kinds.iter().fold(Share::default(), |sum, kind| sum.with(shares[*kind as usize]))
    };
    for name in ["leave_one_out", "arc_jsd", "context_cite"] {
        let method = method_named(name).unwrap().with(&Map::new()).unwrap();
        let found = figures(&model, &cases, &method).unwrap();
        println!("{name}: {found:?}");
        let first = all(&found.first, &[Kind::Read, Kind::Contradicted]);
        assert!(first.all >= 10 && first.right == first.all, "{name}: {first:?}");
        let told = all(&found.told, &[Kind::Read, Kind::Contradicted, Kind::Known, Kind::Absent]);
        assert!(told.all >= 20 && told.right == told.all, "{name}: {told:?}");
        // Each of two passages has no gain of its own, but both together have one.
        assert_eq!(found.told_by_all.map(|share| share.right), found.told_by_all.map(|share| share.all), "{name}");
    }
}
