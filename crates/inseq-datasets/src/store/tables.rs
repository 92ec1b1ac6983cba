//! The files of a part.

mod read;
mod schema;
mod scores;
mod sequences;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use arrow_array::RecordBatch;
use inseq_core::{AttributionResult, Format, SaveOptions, SequenceAttribution};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

pub(super) use read::PartReader;

use super::completion::{PartFile, RAW, SCORES, SEQUENCES};
use super::manifest::Manifest;
use super::storage::Storage;
use crate::{AttributedRow, Error, Result};

/// Rows of a record batch of the table of scores.
const BATCH: usize = 1 << 16;

/// A row as the tables have it.
struct TableRow<'a> {
    row: &'a AttributedRow,
    /// Scores per token, or the error of the row.
    outcome: Result<SequenceAttribution, String>,
}

impl<'a> TableRow<'a> {
    fn of(row: &'a AttributedRow, step_scores: &[String]) -> Result<Self> {
        let outcome = row.outcome.as_ref().map_err(Clone::clone);
        let outcome = outcome.and_then(|sequence| sequence.aggregate().map_err(|error| error.to_string()));
        let names = outcome.iter().flat_map(|sequence| sequence.step_scores.keys());
        match names.into_iter().find(|name| !step_scores.contains(name)) {
            None => Ok(Self { row, outcome }),
            Some(name) => Err(Error::Results(format!(
                "row {} has the step score `{name}`, which the manifest does not name; it names {step_scores:?}",
                row.row.number
            ))),
        }
    }
}

/// Stages the files of a part; returns them, and the number of rows with an error.
pub(super) fn stage(
    storage: &dyn Storage,
    manifest: &Manifest,
    attempt: (u64, &str),
    rows: &[AttributedRow],
) -> Result<(Vec<PartFile>, u64)> {
    let table = rows.iter().map(|row| TableRow::of(row, &manifest.step_scores)).collect::<Result<Vec<_>>>()?;
    let sequences = table.iter().filter_map(|row| row.outcome.as_ref().ok());
    let merging: BTreeMap<_, _> = sequences.flat_map(|sequence| &sequence.step_score_merging).collect();
    let facts = json!({ "format": Manifest::FORMAT, "part": attempt.0, MERGING: merging });
    let mut files = vec![
        PartFile::stage(storage, attempt, SEQUENCES, &mut |file| {
            let schema = schema::sequences(&manifest.step_scores);
            write(file, &facts, &schema, sequences::batches(&schema, manifest, &table))
        })?,
        PartFile::stage(storage, attempt, SCORES, &mut |file| {
            let schema = schema::scores();
            write(file, &facts, &schema, scores::batches(&schema, &table))
        })?,
    ];
    if manifest.raw {
        let kept = rows.iter().filter_map(|row| Some((row.row.number, row.outcome.as_ref().ok()?.clone())));
        let (numbers, sequences): (Vec<u64>, Vec<SequenceAttribution>) = kept.unzip();
        let mut info = manifest.info.clone();
        info.insert(RAW_ROWS.to_owned(), json!(numbers));
        let result = AttributionResult { sequences, info: info.into(), steps: None };
        files.push(PartFile::stage(storage, attempt, RAW, &mut |file| {
            result.write_as(Format::Safetensors, file, &SaveOptions::default())
        })?);
    }
    let errors = table.iter().filter(|row| row.outcome.is_err()).count() as u64;
    Ok((files, errors))
}

/// The key of `info` for the numbers of the rows in a file of scores before aggregation.
const RAW_ROWS: &str = "rows";

/// The key of the facts for the functions that merge step scores.
const MERGING: &str = "step_score_merging";

/// The key of the facts in the metadata of a table.
const FACTS: &str = "inseq";

/// Writes a table. The same rows give the same bytes.
fn write(
    file: &mut File,
    facts: &Value,
    schema: &Arc<arrow_schema::Schema>,
    batches: impl Iterator<Item = Result<RecordBatch, arrow_schema::ArrowError>>,
) -> inseq_core::Result<()> {
    let steps = || -> Result<(), ParquetError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_key_value_metadata(Some(vec![KeyValue::new(FACTS.to_owned(), facts.to_string())]))
            .build();
        let mut writer = ArrowWriter::try_new(&mut *file, schema.clone(), Some(properties))?;
        for batch in batches {
            writer.write(&batch?)?;
        }
        writer.close().map(drop)
    };
    steps().map_err(|error| match error {
        ParquetError::External(source) => inseq_core::Error::Io(match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        }),
        other => inseq_core::Error::Invalid(format!("the table cannot be written: {other}")),
    })
}
