//! Tables hold every aggregated score, as other readers of their formats see them.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_ipc::reader::FileReader as ArrowReader;
use inseq_core::{AttributionResult, SequenceAttribution, Token};
use ndarray::{Array1, Array2};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

/// A row: sequence, side, step; position, text and id of output and input; score and the probability of the step, as bits.
type Row = (i64, String, i64, (i64, String, i64), (i64, String, i64), u32, Option<u32>);

/// NaN is one number here.
fn bits(x: f32) -> u32 {
    if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }
}

fn expected(result: &AttributionResult) -> Vec<Row> {
    let mut rows = Vec::new();
    let place = |position: usize, token: &Token| (position as i64, token.text.clone(), token.id.map_or(-1, i64::from));
    for (index, sequence) in result.sequences.iter().enumerate() {
        for step in 0..sequence.steps() {
            let output = sequence.attr_pos_start + step;
            let probability = sequence.step_scores.get("probability").map(|scores| bits(scores[step]));
            let sides = [
                ("source", &sequence.source[..], &sequence.source_attributions),
                ("target", &sequence.target[..output], &sequence.target_attributions),
            ];
            for (side, tokens, scores) in sides {
                let Some(scores) = scores else { continue };
                for (position, token) in tokens.iter().enumerate() {
                    rows.push((
                        index as i64,
                        side.to_owned(),
                        step as i64,
                        place(output, &sequence.target[output]),
                        place(position, token),
                        bits(scores[[position, step]]),
                        probability,
                    ));
                }
            }
        }
    }
    rows
}

/// The records of comma-separated values.
fn records(text: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv_core::Reader::new();
    let (mut fields, mut ends) = (vec![0; text.len() + 1], vec![0; text.len() + 1]);
    let (mut rest, mut records) = (text, Vec::new());
    loop {
        let (result, read, _, count) = reader.read_record(rest, &mut fields, &mut ends);
        rest = &rest[read..];
        match result {
            csv_core::ReadRecordResult::InputEmpty => {}
            csv_core::ReadRecordResult::Record => {
                let starts = std::iter::once(0).chain(ends[..count].iter().copied());
                let field =
                    |(start, &end): (usize, &usize)| String::from_utf8(fields[start..end].to_vec()).expect("UTF-8");
                records.push(starts.zip(&ends[..count]).map(field).collect());
            }
            csv_core::ReadRecordResult::End => return records,
            other => panic!("{other:?}"),
        }
    }
}

fn from_csv(path: &Path) -> Vec<Row> {
    let mut records = records(&std::fs::read(path).expect("the file is there")).into_iter();
    let names = records.next().expect("names first");
    let rows = records.map(|row| {
        let cell = |name: &str| names.iter().position(|other| other == name).map(|column| row[column].to_owned());
        let text = |name: &str| cell(name).expect("the column is there");
        let integer = |name: &str| text(name).parse::<i64>().expect("an integer");
        let place = |side: &str| {
            let of = |what: &str| format!("{side}_{what}");
            (integer(&of("position")), text(&of("token")), integer(&of("id")))
        };
        let number = |text: String| bits(text.parse::<f32>().expect("a number"));
        let probability = cell("step_score_probability").filter(|text| !text.is_empty()).map(number);
        (
            integer("sequence"),
            text("side"),
            integer("step"),
            place("output"),
            place("input"),
            number(text("score")),
            probability,
        )
    });
    rows.collect()
}

fn from_parquet(path: &Path) -> (Vec<Row>, String) {
    let reader = SerializedFileReader::new(File::open(path).expect("the file is there")).expect("the table opens");
    let facts = reader.metadata().file_metadata().key_value_metadata().expect("there are facts")[0].value.clone();
    let rows = reader.get_row_iter(None).expect("there are rows").map(|row| {
        let cells: HashMap<String, Field> = row.expect("every row is whole").into_columns().into_iter().collect();
        let text = |name: &str| match &cells[name] {
            Field::Str(text) => text.clone(),
            other => panic!("{name} is {other:?}"),
        };
        let integer = |name: &str| match &cells[name] {
            Field::Long(value) => *value,
            other => panic!("{name} is {other:?}"),
        };
        let number = |name: &str| match cells.get(name) {
            Some(Field::Float(value)) => Some(bits(*value)),
            None | Some(Field::Null) => None,
            other => panic!("{name} is {other:?}"),
        };
        let place = |side: &str| {
            let of = |what: &str| format!("{side}_{what}");
            (integer(&of("position")), text(&of("token")), integer(&of("id")))
        };
        let score = number("score").expect("every row has a score");
        let probability = number("step_score_probability");
        (integer("sequence"), text("side"), integer("step"), place("output"), place("input"), score, probability)
    });
    (rows.collect(), facts.expect("the fact has a value"))
}

fn from_arrow(path: &Path) -> (Vec<Row>, String) {
    let reader = ArrowReader::try_new(File::open(path).expect("the file is there"), None).expect("the table opens");
    let facts = reader.schema().metadata()["inseq"].clone();
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.expect("every batch is whole");
        let column = |name: &str| batch.column_by_name(name).expect("the column is there");
        let probability =
            batch.column_by_name("step_score_probability").map(|column| column.as_primitive::<Float32Type>());
        for row in 0..batch.num_rows() {
            let text = |name: &str| column(name).as_string::<i32>().value(row).to_owned();
            let integer = |name: &str| column(name).as_primitive::<Int64Type>().value(row);
            let place = |side: &str| {
                let of = |what: &str| format!("{side}_{what}");
                (integer(&of("position")), text(&of("token")), integer(&of("id")))
            };
            let score = bits(column("score").as_primitive::<Float32Type>().value(row));
            let probability = probability.and_then(|scores| scores.iter().nth(row).flatten()).map(bits);
            rows.push((
                integer("sequence"),
                text("side"),
                integer("step"),
                place("output"),
                place("input"),
                score,
                probability,
            ));
        }
    }
    (rows, facts)
}

fn sequence() -> impl Strategy<Value = SequenceAttribution> {
    let tokens =
        |length| vec((any::<String>(), any::<Option<u32>>()).prop_map(|(text, id)| Token::new(text, id)), length);
    let score = || prop_oneof![8 => -1.0..1.0_f32, 1 => any::<u32>().prop_map(f32::from_bits)];
    (tokens(0..4), tokens(1..5), any::<prop::sample::Index>(), any::<[bool; 3]>()).prop_flat_map(
        move |(source, target, start, has)| {
            let start = start.index(target.len());
            let steps = target.len() - start;
            let scores = |rows: usize| {
                vec(score(), rows * steps)
                    .prop_map(move |values| Array2::from_shape_vec((rows, steps), values).expect("as many as needed"))
            };
            (scores(source.len()), scores(target.len()), vec(score(), steps)).prop_map(move |(a, b, c)| {
                SequenceAttribution {
                    source: source.clone(),
                    target: target.clone(),
                    source_attributions: has[0].then(|| a.into_dyn()),
                    target_attributions: has[1].then(|| b.into_dyn()),
                    step_scores: has[2].then(|| ("probability".to_owned(), Array1::from(c))).into_iter().collect(),
                    attr_pos_start: start,
                    attr_pos_end: target.len(),
                    ..SequenceAttribution::default()
                }
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn other_readers_see_every_score(sequences in vec(sequence(), 0..3)) {
        let info = json!({"model_name": "tiny"}).as_object().cloned().unwrap_or_default();
        let result = AttributionResult { sequences, steps: None, info: info.into() };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |end: &str| folder.path().join(format!("table.{end}"));
        for end in ["csv", "parquet", "arrow", "feather"] {
            result.save(path(end)).expect("valid results can be saved");
        }
        let rows = expected(&result);
        let facts = r#"{"model_name":"tiny"}"#.to_owned();
        prop_assert_eq!(&from_csv(&path("csv")), &rows);
        prop_assert_eq!(&from_parquet(&path("parquet")), &(rows.clone(), facts.clone()));
        prop_assert_eq!(&from_arrow(&path("arrow")), &(rows, facts));
        prop_assert_eq!(std::fs::read(path("arrow")).ok(), std::fs::read(path("feather")).ok());
    }
}

#[test]
fn scores_of_many_features_are_aggregated() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/core/granular.json");
    let result = AttributionResult::load(fixture).expect("golden files load");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("table.parquet");
    result.save(&path).expect("golden files can be saved");
    assert_eq!(from_parquet(&path).0, expected(&result.aggregate().expect("golden files can be aggregated")));
    let error = AttributionResult::load(&path).map_err(|error| error.to_string()).expect_err("a table is no result");
    assert!(error.contains("table.parquet: is a table") && error.contains(".safetensors"), "{error}");
}
