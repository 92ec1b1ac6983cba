//! Tests of the folder of results.

use inseq_core::{AttributionKind, Piece, SequenceAttribution, Token};
use ndarray::{ArrayD, IxDyn, array};

use super::*;
use crate::{AttributedRow, Row};

mod beds;
mod claims;
mod damage;
mod ends;
mod failing;
mod interrupted;
mod merging;
mod moved;
mod records;

/// A run of rows with one step score.
fn manifest(rows: u64, part_rows: u64) -> Manifest {
    Manifest {
        rows,
        part_rows,
        method: "saliency".into(),
        step_scores: vec!["probability".into()],
        ..Manifest::default()
    }
}

fn token(text: &str, id: u32) -> Token {
    Token::new(format!("▁{text}"), id).with_piece(Piece::Text(format!(" {text}").into_bytes()))
}

/// An attribution with two features per score, of an encoder-decoder whose prefix is attributed.
fn attribution(number: u64) -> SequenceAttribution {
    let scores = |tokens: usize, steps: usize| {
        let of = |place: &IxDynPlace| (number as f32 + 1.0) * (1 + place[0] + 2 * place[1] + 3 * place[2]) as f32;
        ArrayD::from_shape_fn(IxDyn(&[tokens, steps, 2]), |place| of(&[place[0], place[1], place[2]]))
    };
    let mut target = scores(3, 2);
    // Steps do not see their own token, or later ones.
    for (position, step) in [(1, 0), (2, 0), (2, 1)] {
        target.slice_mut(ndarray::s![position, step, ..]).fill(f32::NAN);
    }
    SequenceAttribution {
        source: vec![token("so", 3), token(&format!("number{number}"), 4)],
        target: vec![
            Token::new("<s>", 0).with_piece(Piece::Special),
            token("voilà", 5),
            Token::new("x", None).with_piece(Piece::Text(vec![0xc3])),
        ],
        source_attributions: Some(scores(2, 2)),
        target_attributions: Some(target),
        step_scores: [("probability".to_owned(), array![0.5, number as f32])].into(),
        step_score_merging: [("probability".to_owned(), inseq_core::aggregators::AggregationFunction::Prod)].into(),
        attr_pos_start: 1,
        attr_pos_end: 3,
        kind: AttributionKind::Granular,
        ..SequenceAttribution::default()
    }
}

type IxDynPlace = [usize; 3];

/// Row 3 of every 10 has an error.
fn row(number: u64) -> AttributedRow {
    let outcome = if number % 10 == 3 { Err(format!("row {number} is too long")) } else { Ok(attribution(number)) };
    let texts = Ok((format!("so number{number}"), Some("voilà".into())));
    let row = Row::new(number, texts);
    AttributedRow { row, outcome, warnings: if number == 1 { vec!["careful".into()] } else { vec![] } }
}

fn rows_for(claim: &Claim) -> Vec<AttributedRow> {
    claim.rows().map(row).collect()
}

/// Does every part that is open.
fn work(results: &Results) {
    for part in 0..results.parts() {
        if let Some(claim) = results.claim(part).unwrap() {
            let rows = rows_for(&claim);
            claim.finish(rows).unwrap();
        }
    }
}

/// What should be read for a row: scores per token.
fn expected(number: u64) -> Result<SequenceAttribution, String> {
    row(number).outcome.map(|sequence| sequence.aggregate().unwrap())
}

/// Panics unless the folder has every row once, in order, with its values, and no leftovers.
fn assert_whole(results: &Results) {
    let rows: Vec<AttributedRow> = results.rows(Scores::Aggregated).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        rows.iter().map(|row| row.row.number).collect::<Vec<_>>(),
        (0..results.manifest().rows).collect::<Vec<_>>()
    );
    for found in &rows {
        assert_same(&found.outcome, &expected(found.row.number));
        assert_eq!(found.row.texts, row(found.row.number).row.texts);
        assert_eq!(found.warnings, row(found.row.number).warnings);
    }
    for folder in ["claims", "commits", "staging"] {
        let left = results.folder.storage.list(folder).unwrap();
        assert_eq!(left, [""; 0], "files are left in {folder}");
    }
}

/// Equal, with NaN equal to NaN.
fn assert_same(found: &Result<SequenceAttribution, String>, expected: &Result<SequenceAttribution, String>) {
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
}

#[test]
fn rows_come_back_as_they_were() {
    beds::each(|bed| {
        let results = Results::create_or_resume_in(bed.storage.clone(), &manifest(25, 10)).unwrap();
        rows_come_back(&results);
    });
}

fn rows_come_back(results: &Results) {
    assert_eq!((results.parts(), results.rows_of(2)), (3, 20..25));
    work(results);
    assert_whole(results);
    let status = results.status().unwrap();
    assert_eq!((status.done, status.open, status.rows_done, status.errors), (3, 0, 25, 3));
    assert!(status.finished.is_some() && status.claimed.is_empty());
    let result = results.load().unwrap();
    assert_eq!(result.sequences.len(), 22);
    assert_eq!(result.info.to_map()["rows"][3], 4);
    assert_eq!(result.info.to_map()["warnings"][0], "3 rows have an error, and no attribution");
    assert_eq!(results.load_rows(&[21, 0]).unwrap().info.to_map()["rows"], serde_json::json!([21, 0]));
    for (rows, problem) in [([13], "row 13 has an error: row 13 is too long"), ([25], "there is no row 25")] {
        assert!(results.load_rows(&rows).unwrap_err().to_string().contains(problem));
    }
}

#[test]
fn raw_scores_come_back_as_they_were() {
    beds::each(|bed| {
        let manifest = Manifest { raw: true, ..manifest(12, 5) };
        let results = Results::create_or_resume_in(bed.storage.clone(), &manifest).unwrap();
        work(&results);
        assert_whole(&results);
        for row in results.rows(Scores::Kept).unwrap() {
            let row = row.unwrap();
            assert_same(&row.outcome, &self::row(row.row.number).outcome);
        }
    });
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let bytes = [0, 1].map(|_| {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::create_or_resume(folder.path(), &Manifest { raw: true, ..manifest(25, 25) }).unwrap();
        let claim = results.claim(0).unwrap().unwrap();
        let mut rows = rows_for(&claim);
        rows.reverse();
        claim.finish(rows.into_iter().collect()).unwrap();
        ["sequences/part-00000.parquet", "scores/part-00000.parquet", "raw/part-00000.safetensors"]
            .map(|name| std::fs::read(folder.path().join(name)).unwrap())
    });
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn compact_rows_are_completed_to_the_same_bytes() {
    let bytes = [false, true].map(|is_compact| {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::create_or_resume(folder.path(), &manifest(9, 9)).unwrap();
        let claim = results.claim(0).unwrap().unwrap();
        let rows = rows_for(&claim).into_iter();
        let rows = if is_compact { rows.map(|row| claim.compact(row)).collect() } else { rows.collect() };
        claim.finish(rows).unwrap();
        std::fs::read(folder.path().join("scores/part-00000.parquet")).unwrap()
    });
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn a_part_needs_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let results = Results::create_or_resume(folder.path(), &manifest(20, 10)).unwrap();
    for (rows, problem) in [
        (vec![10, 11, 13], "row 12 is missing"),
        (vec![9, 10], "row 9 is not one of them"),
        (vec![10, 10], "row 10 is not one of them, or is there twice"),
        ((10..19).collect(), "row 19 is missing"),
        ((10..21).collect(), "row 20 is not one of them"),
    ] {
        let claim = results.claim(1).unwrap().unwrap();
        let error = claim.finish(rows.into_iter().map(row).collect()).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("part 1 has the rows 10 to 20"), "{error}");
    }
    assert!(results.claim(2).unwrap_err().to_string().contains("there is no part 2; the run has 2"));
}

#[test]
fn an_unnamed_step_score_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let results =
        Results::create_or_resume(folder.path(), &Manifest { step_scores: vec![], ..manifest(1, 1) }).unwrap();
    let error = results.claim(0).unwrap().unwrap().finish(vec![row(0)]).unwrap_err().to_string();
    assert!(error.contains("step score `probability`"), "{error}");
}

#[test]
fn another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let old = manifest(20, 10);
    Results::create_or_resume(folder.path(), &old).unwrap();
    let later = Manifest { started: "2030-01-01T00:00:00Z".into(), ..old.clone() };
    Results::create_or_resume(folder.path(), &later).unwrap();
    let mut new = Manifest { method: "attention".into(), rows: 21, ..old.clone() };
    new.arguments.insert("n_steps".into(), 20.into());
    new.model.hash = "x".repeat(300);
    let error = Results::create_or_resume(folder.path(), &new).unwrap_err().to_string();
    for part in [
        "`method` is \"saliency\" there and \"attention\" here",
        "`rows` is 20 there and 21 here",
        "`arguments.n_steps` is absent there and 20 here",
        "`model.hash` is \"\" there and \"xxx",
        "Choose another folder",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert!(error.len() < 700, "{error}");
}
