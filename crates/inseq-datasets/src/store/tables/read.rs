//! Reading the files of a part.

use std::collections::BTreeMap;
use std::fs::File;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Int32Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, Float32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use inseq_core::aggregators::AggregationFunction;
use inseq_core::{AttributionKind, MappedResult, SavedPieces, SequenceAttribution, Token};
use ndarray::{Array1, ArrayD, IxDyn};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde_json::Value;

use super::schema::STEP_SCORE;
use super::{BATCH, FACTS, MERGING, RAW_ROWS, schema, scores::SIDES};
use crate::store::completion::{Completion, RAW, SCORES, SEQUENCES, Table};
use crate::store::manifest::Manifest;
use crate::store::storage::{Fetched, Storage};
use crate::{AttributedRow, Error, Result, Row};

/// Rows of the table of sequences that are in memory.
const ROWS: usize = 64;

/// The rows of a part, in order. Only a few are in memory.
#[derive(Debug)]
pub(in crate::store) struct PartReader {
    place: PathBuf,
    way_out: String,
    merging: BTreeMap<String, AggregationFunction>,
    batches: ParquetRecordBatchReader,
    /// The current batch, and the next row of it.
    batch: Option<(RecordBatch, usize)>,
    scores: Peekable<Scores>,
    raw: Option<Raw>,
    /// Keeps the files while they are read.
    _files: Vec<Fetched>,
}

/// Scores before aggregation, and the index of each row.
#[derive(Debug)]
struct Raw {
    mapped: MappedResult,
    index: BTreeMap<u64, usize>,
}

impl PartReader {
    /// Opens a part; with its scores before aggregation if it has them and they are wanted.
    pub(in crate::store) fn open(
        storage: &dyn Storage,
        manifest: &Manifest,
        completion: &Completion,
        wants_raw: bool,
    ) -> Result<Self> {
        let way_out = completion.way_out(storage);
        let mut files = Vec::new();
        let mut open = |table: Table| -> Result<PathBuf> {
            let fetched = completion.fetch(storage, table)?;
            let path = fetched.path().to_owned();
            files.push(fetched);
            Ok(path)
        };
        let (place, scores) = (open(SEQUENCES)?, open(SCORES)?);
        let raw = if wants_raw && manifest.raw { Some(Raw::open(&open(RAW)?, &way_out)?) } else { None };
        let builder = table(&place, &schema::sequences(&manifest.step_scores), &way_out)?;
        let facts = builder.metadata().file_metadata().key_value_metadata();
        let facts = facts.and_then(|facts| facts.iter().find(|fact| fact.key == FACTS)?.value.as_deref());
        let facts: Value = facts.and_then(|facts| serde_json::from_str(facts).ok()).unwrap_or_default();
        let merging = facts.get(MERGING).and_then(|merging| serde_json::from_value(merging.clone()).ok());
        let rows = builder.metadata().file_metadata().num_rows();
        if u64::try_from(rows) != Ok(completion.rows) {
            let problem = format!("has {rows} rows, and the completion record says {}", completion.rows);
            return Err(damaged(&place, problem, &way_out));
        }
        let batches = builder.with_batch_size(ROWS).build();
        Ok(Self {
            merging: merging.unwrap_or_default(),
            batches: batches.map_err(|error| damaged(&place, error, &way_out))?,
            batch: None,
            scores: Scores::open(&scores, &way_out)?.peekable(),
            raw,
            place,
            way_out,
            _files: files,
        })
    }

    fn damaged(&self, problem: impl std::fmt::Display) -> Error {
        damaged(&self.place, problem, &self.way_out)
    }

    /// The next row of the table of sequences.
    fn next_row(&mut self) -> Result<Option<AttributedRow>> {
        loop {
            if let Some((batch, next)) = &mut self.batch
                && *next < batch.num_rows()
            {
                let (batch, index) = (batch.clone(), *next);
                *next += 1;
                return self.row(&batch, index).map(Some);
            }
            match self.batches.next() {
                None => return Ok(None),
                Some(Ok(batch)) => self.batch = Some((batch, 0)),
                Some(Err(error)) => return Err(self.damaged(error)),
            }
        }
    }

    fn row(&mut self, batch: &RecordBatch, index: usize) -> Result<AttributedRow> {
        let cells = Cells { batch, index };
        let read = || -> Option<(Row, Option<String>, Vec<String>)> {
            let number = u64::try_from(cells.integer("row")?).ok()?;
            let (input, generated) = (cells.text("input_text"), cells.text("generated_text"));
            let error = cells.text("error");
            let texts = match input {
                Some(input) => Ok((input, generated)),
                None => Err(error.clone()?),
            };
            let row = Row { id: cells.text("id"), ..Row::new(number, texts) };
            Some((row, error, cells.texts("warnings")?))
        };
        let Some((row, error, warnings)) = read() else {
            return Err(self.damaged(format!("number {index} of a batch of rows lacks a value")));
        };
        let outcome = match error {
            Some(error) => Err(error),
            None => Ok(self.sequence(&cells, row.number)?),
        };
        Ok(AttributedRow { row, outcome, warnings })
    }

    /// The attribution of a row without error.
    fn sequence(&mut self, cells: &Cells, number: u64) -> Result<SequenceAttribution> {
        let Some(mut sequence) = cells.sequence() else {
            return Err(self.damaged(format!("row {number} has no error, and lacks tokens or positions")));
        };
        let sides = cells.texts("sides").unwrap_or_default();
        sequence.step_score_merging = self.merging.clone();
        sequence.step_score_merging.retain(|name, _| sequence.step_scores.contains_key(name));
        let steps = sequence.attr_pos_end - sequence.attr_pos_start;
        let mut scores = [sequence.source.len(), sequence.target.len()]
            .map(|tokens| ArrayD::from_elem(IxDyn(&[tokens, steps]), f32::NAN));
        while let Some(score) = self.scores.next_if(|score| !matches!(score, Ok(score) if score.row != number)) {
            let score = score?;
            let place = [score.position, score.step];
            let cell = SIDES.iter().zip(&mut scores).find(|(side, _)| **side == score.side);
            match cell.and_then(|(_, scores)| scores.get_mut(place.as_slice())) {
                Some(cell) => *cell = score.score,
                None => return Err(self.damaged(format!("row {number} has a score at {place:?}, outside its tokens"))),
            }
        }
        let [source, target] = scores;
        let has = |side| sides.iter().any(|name| name == side);
        sequence.source_attributions = has(SIDES[0]).then_some(source);
        sequence.target_attributions = has(SIDES[1]).then_some(target);
        let Some(raw) = &self.raw else { return Ok(sequence) };
        match raw.index.get(&number) {
            Some(&index) => raw.mapped.sequence(index).map_err(|error| self.damaged(error)),
            None => Err(self.damaged(format!("row {number} has no scores before aggregation"))),
        }
    }
}

impl Iterator for PartReader {
    type Item = Result<AttributedRow>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

impl Raw {
    fn open(path: &Path, way_out: &str) -> Result<Self> {
        let mapped = MappedResult::open(path).map_err(|error| damaged(path, error, way_out))?;
        let rows = mapped.info().get(RAW_ROWS).and_then(|rows| rows.as_array().cloned()).unwrap_or_default();
        let index = rows.iter().enumerate().filter_map(|(index, row)| Some((row.as_u64()?, index))).collect();
        Ok(Self { mapped, index })
    }
}

/// One row of the table of scores.
#[derive(Debug)]
struct Score {
    row: u64,
    side: String,
    step: usize,
    position: usize,
    score: f32,
}

/// The rows of the table of scores, in order.
#[derive(Debug)]
struct Scores {
    place: PathBuf,
    way_out: String,
    batches: ParquetRecordBatchReader,
    columns: Option<ScoreColumns>,
    next: usize,
}

#[derive(Debug)]
struct ScoreColumns {
    row: Int64Array,
    side: StringArray,
    step: Int32Array,
    position: Int32Array,
    score: Float32Array,
}

impl Scores {
    fn open(place: &Path, way_out: &str) -> Result<Self> {
        let builder = table(place, &schema::scores(), way_out)?;
        let names = ["row", "side", "step", "input_position", "score"];
        let mask = ProjectionMask::columns(builder.parquet_schema(), names);
        let batches = builder.with_projection(mask).with_batch_size(BATCH).build();
        let batches = batches.map_err(|error| damaged(place, error, way_out))?;
        Ok(Self { place: place.to_owned(), way_out: way_out.to_owned(), batches, columns: None, next: 0 })
    }

    fn score(&mut self) -> Result<Option<Score>> {
        loop {
            if let Some(columns) = &self.columns
                && self.next < columns.row.len()
            {
                let index = self.next;
                self.next += 1;
                let place = |array: &Int32Array| usize::try_from(array.value(index)).unwrap_or(usize::MAX);
                return Ok(Some(Score {
                    row: u64::try_from(columns.row.value(index)).unwrap_or(u64::MAX),
                    side: columns.side.value(index).to_owned(),
                    step: place(&columns.step),
                    position: place(&columns.position),
                    score: columns.score.value(index),
                }));
            }
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let batch = batch.map_err(|error| damaged(&self.place, error, &self.way_out))?;
            self.columns = ScoreColumns::of(&batch);
            if self.columns.is_none() {
                return Err(damaged(&self.place, "has columns of other types", &self.way_out));
            }
            self.next = 0;
        }
    }
}

impl Iterator for Scores {
    type Item = Result<Score>;

    fn next(&mut self) -> Option<Self::Item> {
        self.score().transpose()
    }
}

impl ScoreColumns {
    fn of(batch: &RecordBatch) -> Option<Self> {
        let column = |name| batch.column_by_name(name);
        Some(Self {
            row: column("row")?.as_primitive_opt::<Int64Type>()?.clone(),
            side: column("side")?.as_string_opt::<i32>()?.clone(),
            step: column("step")?.as_primitive_opt::<Int32Type>()?.clone(),
            position: column("input_position")?.as_primitive_opt::<Int32Type>()?.clone(),
            score: column("score")?.as_primitive_opt::<Float32Type>()?.clone(),
        })
    }
}

/// The cells of a row of the table of sequences.
struct Cells<'a> {
    batch: &'a RecordBatch,
    index: usize,
}

impl Cells<'_> {
    /// The column, if the row has a value in it.
    fn column(&self, name: &str) -> Option<&ArrayRef> {
        self.batch.column_by_name(name).filter(|column| !column.is_null(self.index))
    }

    fn text(&self, name: &str) -> Option<String> {
        Some(self.column(name)?.as_string_opt::<i32>()?.value(self.index).to_owned())
    }

    fn integer(&self, name: &str) -> Option<i64> {
        let column = self.column(name)?;
        let short = || Some(column.as_primitive_opt::<Int32Type>()?.value(self.index).into());
        column.as_primitive_opt::<Int64Type>().map(|column| column.value(self.index)).or_else(short)
    }

    fn list(&self, name: &str) -> Option<ArrayRef> {
        Some(self.column(name)?.as_list_opt::<i32>()?.value(self.index))
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        let list = self.list(name)?;
        Some(list.as_string_opt::<i32>()?.iter().flatten().map(str::to_owned).collect())
    }

    fn tokens(&self, [tokens, ids, pieces]: [&str; 3]) -> Option<Vec<Token>> {
        let ids = self.list(ids)?;
        let ids = ids.as_primitive_opt::<Int64Type>()?;
        let texts = self.texts(tokens)?;
        if texts.len() != ids.len() {
            return None;
        }
        let tokens =
            texts.into_iter().zip(ids).map(|(text, id)| Token::new(text, id.and_then(|id| u32::try_from(id).ok())));
        let mut tokens: Vec<Token> = tokens.collect();
        if let Some(pieces) = self.text(pieces) {
            serde_json::from_str::<SavedPieces>(&pieces).ok()?.restore(&mut tokens);
        }
        Some(tokens)
    }

    /// The attribution without scores of tokens; `None` if a cell is missing or does not fit the others.
    fn sequence(&self) -> Option<SequenceAttribution> {
        let source = self.tokens(["source_tokens", "source_ids", "source_pieces"])?;
        let target = self.tokens(["target_tokens", "target_ids", "target_pieces"])?;
        let [start, end] = ["attributed_start", "attributed_end"].map(|name| usize::try_from(self.integer(name)?).ok());
        let (start, end) = (start?, end?);
        if start > end || end > target.len() {
            return None;
        }
        let mut sequence = SequenceAttribution {
            source,
            target,
            attr_pos_start: start,
            attr_pos_end: end,
            kind: AttributionKind::Coarse,
            ..SequenceAttribution::default()
        };
        for field in self.batch.schema_ref().fields() {
            let Some(name) = field.name().strip_prefix(STEP_SCORE) else { continue };
            let Some(scores) = self.list(field.name()) else { continue };
            let scores: Array1<f32> = scores.as_primitive_opt::<Float32Type>()?.values().to_vec().into();
            if scores.len() != end - start {
                return None;
            }
            sequence.step_scores.insert(name.to_owned(), scores);
        }
        Some(sequence)
    }
}

/// A table of the part, with the columns that it should have.
fn table(
    place: &Path,
    expected: &arrow_schema::Schema,
    way_out: &str,
) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(place).map_err(|source| Error::File { path: place.to_owned(), source })?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(place, error, way_out))?;
    let columns = |schema: &arrow_schema::Schema| -> Vec<String> {
        schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect()
    };
    let (found, expected) = (columns(builder.schema()), columns(expected));
    if found != expected {
        let problem = format!("has the columns {}, expected {}", found.join(", "), expected.join(", "));
        return Err(damaged(place, problem, way_out));
    }
    Ok(builder)
}

fn damaged(place: &Path, problem: impl std::fmt::Display, way_out: &str) -> Error {
    Error::Results(format!("{}: {problem}; {way_out}", place.display()))
}
