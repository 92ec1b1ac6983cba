//! Reports against sums by hand.

use inseq_core::{SequenceAttribution, Token};
use ndarray::array;

use super::*;
use crate::{AttributedRow, Manifest, Row};

/// "The nurse" -> "She ran": two source tokens, a start and two attributed tokens.
fn sequence(scale: f32, probability: [f32; 2]) -> SequenceAttribution {
    let nan = f32::NAN;
    SequenceAttribution {
        source: vec![Token::new("▁The", 1), Token::new("▁nurse", 2)],
        target: vec![Token::new("</s>", 0), Token::new("▁She", 3), Token::new("▁ran", 4)],
        source_attributions: Some(array![[0.25 * scale, 0.5], [0.75, 0.125]].into_dyn()),
        target_attributions: Some(array![[0.5, 0.25], [nan, 0.125], [nan, nan]].into_dyn()),
        step_scores: [("probability".to_owned(), array![probability[0], probability[1]])].into(),
        attr_pos_start: 1,
        attr_pos_end: 3,
        ..SequenceAttribution::default()
    }
}

fn report(options: &ReportOptions) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest { rows: 3, part_rows: 2, step_scores: vec!["probability".into()], ..Manifest::default() };
    let results = Results::create_or_resume(folder.path(), &manifest).unwrap();
    let outcomes = [Ok(sequence(1.0, [0.9, 0.1])), Err("too long".to_owned()), Ok(sequence(2.0, [0.5, 0.2]))];
    for part in 0..2 {
        let claim = results.claim(part).unwrap().unwrap();
        let row = |number| AttributedRow {
            row: Row::new(number, Ok((String::new(), None))),
            outcome: outcomes[number as usize].clone(),
            warnings: vec![],
        };
        let rows = claim.rows().map(row).collect();
        claim.finish(rows).unwrap();
    }
    Report::of(&results, options).unwrap()
}

#[test]
fn means_are_those_of_the_definition() {
    let report = report(&ReportOptions { least: 2, quantiles: 2, ..ReportOptions::default() });
    assert_eq!((report.rows, report.errors, report.steps, report.scores, report.not_finite), (2, 1, 4, 14, 0));
    let positions: Vec<_> = report.positions.iter().map(|p| (p.side, p.position, p.count, p.mean)).collect();
    assert_eq!(
        positions,
        [
            (Side::Source, 0, 4, (0.25 + 0.5 + 0.5 + 0.5) / 4.0),
            (Side::Source, 1, 4, (0.75 + 0.125) / 2.0),
            (Side::Target, 0, 4, 0.375),
            (Side::Target, 1, 2, 0.125),
        ]
    );
    let tokens: Vec<_> = report.tokens.iter().map(|t| (t.side, &*t.token, t.count)).collect();
    let expected =
        [(Side::Source, "▁The", 4), (Side::Source, "▁nurse", 4), (Side::Target, "</s>", 4), (Side::Target, "▁She", 2)];
    let mut sorted = expected;
    // Both tokens of the source have the same mean, and then their spelling decides.
    sorted.sort_by_key(|(side, ..)| *side);
    assert_eq!(tokens, sorted);
    assert!(report.words.is_empty());
    // Steps by probability: 0.1 and 0.2, then 0.5 and 0.9. The first two are second steps with four scores each.
    let second = (0.5 + 0.125 + 0.25 + 0.125) / 4.0;
    let first = (0.25 + 0.75 + 0.5 + 0.5 + 0.75 + 0.5) / 6.0;
    let found: Vec<_> =
        report.quantiles.iter().map(|q| (q.quantile, q.steps, q.from, q.to, q.mean, q.largest)).collect();
    assert_eq!(found, [(0, 2, 0.1, 0.2, second, 0.5), (1, 2, 0.5, 0.9, first, 0.75)]);
}

#[test]
fn words_are_counted_by_list() {
    let classes = vec![WordClass::new("pronoun", ["she", "He"]), WordClass::new("person", ["NURSE"])];
    let report = report(&ReportOptions { classes, tokens: 1, ..ReportOptions::default() });
    let words: Vec<_> = report.words.iter().map(|w| (w.class.as_deref(), w.side, w.count, w.mean)).collect();
    assert_eq!(
        words,
        [
            (Some("pronoun"), Side::Target, 2, 0.125),
            (Some("person"), Side::Source, 4, 0.4375),
            (None, Side::Source, 4, 0.4375),
        ]
    );
    // One token per side, of those with five scores: there is none.
    assert!(report.tokens.is_empty());
}
