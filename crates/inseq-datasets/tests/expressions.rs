//! Filters and columns in SQL.
#![cfg(feature = "sql")]

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use inseq_datasets::{AttributedRow, Columns, Dataset, Manifest, Result, Results, Row, Scores, Source};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

/// Number and text of each row that is read; or why it has no text.
type Found = Vec<(u64, std::result::Result<String, String>)>;

fn rows(source: &Source, columns: &Columns) -> Result<Found> {
    let dataset = Dataset::open(source, columns)?;
    let rows: Vec<Row> = dataset.rows(0..dataset.len())?.collect::<Result<_>>()?;
    // Any part of the rows gives the same.
    let middle = dataset.len() / 2;
    let parts = dataset.rows(0..middle)?.chain(dataset.rows(middle..dataset.len())?);
    assert_eq!(parts.collect::<Result<Vec<_>>>()?, rows);
    Ok(rows.into_iter().map(|row| (row.number, row.texts.map(|(input, _)| input))).collect())
}

fn numbers(source: &Source) -> Vec<u64> {
    rows(source, &Columns::new("text")).unwrap().into_iter().map(|(number, _)| number).collect()
}

fn error(source: &Source, columns: &Columns) -> String {
    rows(source, columns).unwrap_err().to_string()
}

/// The same table in several formats: language, text, score, and length of the text.
fn files(folder: &TempDir) -> Vec<String> {
    let langs = [Some("fr"), Some("en"), None, Some("fr"), Some("de"), Some("fr")];
    let texts = ["un", "one", "?", "trois mots ici", "vier", "cinq"];
    let scores = [Some(5), Some(12), Some(1), None, Some(7), Some(10)];
    let jsonl: String = (0..6)
        .map(|i| {
            let lang = langs[i].map_or("null".into(), |lang| format!("\"{lang}\""));
            let score = scores[i].map_or("null".into(), |score| score.to_string());
            format!("{{\"lang\": {lang}, \"text\": \"{}\", \"score\": {score}}}\n", texts[i])
        })
        .collect();
    let csv: String = (0..6)
        .map(|i| {
            let score = scores[i].map_or(String::new(), |score| score.to_string());
            format!("{},{},{score}\n", langs[i].unwrap_or_default(), texts[i])
        })
        .collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("lang", Arc::new(StringArray::from_iter(langs))),
        ("text", Arc::new(StringArray::from_iter_values(texts))),
        ("score", Arc::new(Int64Array::from_iter(scores))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut arrow = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    arrow.write(&batch).unwrap();
    vec![
        write(folder, "a.jsonl", jsonl),
        write(folder, "b.csv", format!("lang,text,score\n{csv}")),
        write(folder, "c.parquet", parquet(&batch)),
        write(folder, "d.arrow", arrow.into_inner().unwrap()),
    ]
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn write(folder: &TempDir, file: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(file);
    std::fs::write(&path, bytes).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn a_filter_keeps_rows_with_their_numbers_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for file in files(&folder) {
        for (filter, expected) in [
            ("lang = 'fr'", &[0, 3, 5][..]),
            // Null is neither equal nor different.
            ("lang <> 'fr'", &[1, 4]),
            ("lang is null", &[2]),
            // Numbers, not texts: "12" comes before "5".
            ("score >= 7", &[1, 4, 5]),
            ("score > 5.5 and length(text) < 4", &[1]),
            ("lang = 'fr' and length(text) < 5", &[0, 5]),
            ("lang in ('en', 'de') or text like 'trois%'", &[1, 3, 4]),
            ("coalesce(score, 0) = 0", &[3]),
            ("UPPER(\"lang\") = 'DE'", &[4]),
            ("null", &[]),
            ("true", &[0, 1, 2, 3, 4, 5]),
        ] {
            assert_eq!(numbers(&Source::new(&file).filter(filter)), expected, "{filter} in {file}");
        }
        // The slice first, then the filter.
        assert_eq!(numbers(&Source::new(&file).split("train[1:4]").filter("lang = 'fr'")), [2]);
        assert_eq!(numbers(&Source::new(&file).split("train[3:]+train[:1]").filter("lang = 'fr'")), [0, 2, 3]);
    }
    let lines = write(&folder, "e.txt", "one\nfour\nseventeen\n");
    assert_eq!(numbers(&Source::new(lines).filter("length(text) > 3")), [1, 2]);
}

#[test]
fn columns_of_other_types_can_be_filtered() {
    let folder = tempfile::tempdir().unwrap();
    let batch = RecordBatch::try_from_iter([
        ("text", Arc::new(StringArray::from_iter_values(["a", "b", "c"])) as ArrayRef),
        // Days since 1970.
        ("day", Arc::new(Date32Array::from_iter_values([18_262, 18_628, 18_993])) as ArrayRef),
    ])
    .unwrap();
    let file = write(&folder, "a.parquet", parquet(&batch));
    assert_eq!(numbers(&Source::new(&file).filter("day >= '2021-01-01'")), [1, 2]);
    assert_eq!(numbers(&Source::new(&file).filter("extract(year from day) = 2020")), [0]);
    let json = write(
        &folder,
        "b.jsonl",
        "{\"text\": \"a\", \"ok\": true, \"p\": 1}\n{\"text\": \"b\", \"ok\": false, \"p\": 0.5}\n",
    );
    assert_eq!(numbers(&Source::new(&json).filter("ok")), [0]);
    assert_eq!(numbers(&Source::new(&json).filter("not ok and p < 0.75")), [1]);
    let csv = write(&folder, "c.csv", "text,ok,p\na,True,1\nb,False,0.5\n");
    assert_eq!(numbers(&Source::new(&csv).filter("not ok and p < 0.75")), [1]);
}

#[test]
fn a_column_may_be_an_expression() {
    let folder = tempfile::tempdir().unwrap();
    for file in files(&folder) {
        let columns = Columns::new("concat(lang, ': ', text)").generated("upper(text)").id("score + 1");
        let source = Source::new(&file).filter("score < 10");
        let dataset = Dataset::open(&source, &columns).unwrap();
        let found: Vec<Row> = dataset.rows(0..6).unwrap().map(Result::unwrap).collect();
        let row = |number, id: &str, input: &str, generated: &str| {
            Row::new(number, Ok((input.into(), Some(generated.into())))).id(id)
        };
        let expected = [row(0, "6", "fr: un", "UN"), row(2, "2", ": ?", "?"), row(4, "8", "de: vier", "VIER")];
        assert_eq!(found, expected, "{file}");
    }
}

#[test]
fn a_column_of_the_name_comes_before_the_expression() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(&folder, "a.csv", "upper(text),text\nas it is,b\n");
    let texts = |column: &str| rows(&Source::new(&file), &Columns::new(column)).unwrap()[0].1.clone().unwrap();
    assert_eq!(texts("upper(text)"), "as it is");
    assert_eq!(texts("lower(text)"), "b");
    assert_eq!(texts("upper( text )"), "B");
}

#[test]
fn a_row_without_a_value_has_an_error_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(&folder, "a.csv", "text,n\na,1\nb,0\nc,4\n");
    let found = rows(&Source::new(&file).filter("4 / n > 1"), &Columns::new("text")).unwrap();
    assert_eq!(found[0], (0, Ok("a".into())));
    let (1, Err(problem)) = &found[1] else { panic!("{found:?}") };
    assert!(problem.contains("the filter cannot be applied") && problem.contains("ivide by zero"), "{problem}");
    assert_eq!(found.len(), 2);
    let json = write(&folder, "b.jsonl", b"{\"text\": \"a\", \"n\": 1}\n{\"text\": \"b\", \"n\": \"two\"}\nnonsense\n");
    let found = rows(&Source::new(&json).filter("n = 1"), &Columns::new("text")).unwrap();
    assert_eq!(
        found.iter().map(|(number, text)| (*number, text.is_ok())).collect::<Vec<_>>(),
        [(0, true), (1, false), (2, false)]
    );
    let problem = found[1].1.as_ref().unwrap_err();
    assert!(problem.contains("strings in a column of values of the type Int64"), "{problem}");
}

#[test]
fn what_is_no_filter_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = &files(&folder)[0];
    let text = Columns::new("text");
    for (filter, expected) in [
        ("lang = ", &["the filter `lang = `"][..]),
        ("lang = 'fr' and )", &["Expected: an expression, found: )", "Line: 1, Column: 17"]),
        ("lang = 'fr", &["Unterminated string literal", "Line: 1, Column: 8"]),
        ("(lang = 'fr'", &["Expected: )"]),
        ("lang = 'fr' text", &["Expected: end of expression, found: text", "Line: 1, Column: 13"]),
        ("lang = 'fr' as x", &["leave `as` and the name out"]),
        ("lnag = 'fr'", &["no column `lnag`", "(did you mean `lang`?)"]),
        ("Lang = 'fr'", &["no column `Lang`", "(did you mean `lang`?)"]),
        ("lenght(text) < 3", &["nvalid function 'lenght'", "length"]),
        ("length(text)", &["of the type Int32, not true or false", "compare it with something"]),
        ("score + lang", &["the filter: Cannot coerce arithmetic expression Int64 + Utf8"]),
        ("random() < 0.5", &["leave random functions out"]),
        ("sum(score) > 3", &["the filter"]),
        ("score > (select 1)", &["the filter"]),
    ] {
        let error = error(&Source::new(file).filter(filter), &text);
        for part in expected {
            assert!(error.contains(part), "{part} in {error} ({filter})");
        }
    }
    for (column, expected) in [
        ("concat(title, text)", &["no column `title`; it has `lang`, `text`, `score`"][..]),
        ("concat(text", &["no column `concat(text`", "As an expression: Expected"]),
        ("length(text)", &["of the type Int32, not strings; write it as `cast(length(text) as string)`"]),
        ("txet", &["no column `txet`; it has `lang`, `text`, `score` (did you mean `text`?)"]),
        ("'nothing'", &["names no column"]),
    ] {
        let error = error(&Source::new(file), &Columns::new(column));
        for part in expected {
            assert!(error.contains(part), "{part} in {error} ({column})");
        }
    }
}

#[test]
fn a_run_with_a_filter_keeps_the_numbers_and_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let file = &files(&folder)[0];
    let dataset = Dataset::open(&Source::new(file).filter("lang = 'fr'"), &Columns::new("text")).unwrap();
    let manifest = |filter: &str| Manifest::default().rows(dataset.len()).part_rows(2).filter(filter);
    let place = folder.path().join("results");
    let results = Results::create_or_resume(&place, &manifest("lang = 'fr'")).unwrap();
    for part in 0..results.parts() {
        let claim = results.claim(part).unwrap().unwrap();
        let row = |row: Result<Row>| AttributedRow::new(row.unwrap(), Err("no model".into()));
        let rows: Vec<AttributedRow> = dataset.rows(claim.rows()).unwrap().map(row).collect();
        if part == 1 {
            // A row twice, or of another part, is still noticed.
            let twice = vec![rows[0].clone(), rows[0].clone()];
            assert!(claim.finish(twice).unwrap_err().to_string().contains("is not one of them, or is there twice"));
            results.claim(part).unwrap().unwrap().finish(rows).unwrap();
        } else {
            claim.finish(rows).unwrap();
        }
    }
    let status = results.status().unwrap();
    assert!(status.is_complete());
    assert_eq!((status.rows, status.rows_done, status.left_out), (6, 3, 3));
    let found: Vec<u64> = results.rows(Scores::Kept).unwrap().map(|row| row.unwrap().row.number).collect();
    assert_eq!(found, [0, 3, 5]);
    assert_eq!(results.gaps().unwrap(), ["3 rows have an error, and no attribution"]);
    let error = results.load_rows(&[1]).unwrap_err().to_string();
    assert!(error.contains("row 1 is left out by the filter `lang = 'fr'`"), "{error}");
    let error = Results::create_or_resume(Path::new(&place), &manifest("lang = 'en'")).unwrap_err().to_string();
    assert!(error.contains("`filter` is \"lang = 'fr'\" there and \"lang = 'en'\" here"), "{error}");
}
