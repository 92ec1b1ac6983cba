//! The table of sequences.

use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Schema};
use inseq_core::{Piece, SavedPieces, Token, text};

use super::schema::item;
use super::{TableRow, scores};
use crate::store::manifest::Manifest;

/// Rows of a record batch.
const BATCH: usize = 1024;

/// Record batches of the table, in order of rows.
pub(super) fn batches<'a>(
    schema: &'a Arc<Schema>,
    manifest: &'a Manifest,
    rows: &'a [TableRow<'a>],
) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> + 'a {
    rows.chunks(BATCH).map(move |rows| {
        let mut columns = Columns::new(&manifest.step_scores);
        rows.iter().try_for_each(|row| columns.add(row, manifest))?;
        columns.into_batch(schema)
    })
}

struct Tokens {
    tokens: ListBuilder<StringBuilder>,
    ids: ListBuilder<Int64Builder>,
    pieces: StringBuilder,
}

impl Tokens {
    fn new() -> Self {
        Self {
            tokens: strings(),
            ids: ListBuilder::new(Int64Builder::new()).with_field(item(DataType::Int64, true)),
            pieces: StringBuilder::new(),
        }
    }

    fn add(&mut self, tokens: Option<&[Token]>) -> Result<(), ArrowError> {
        for token in tokens.unwrap_or_default() {
            self.tokens.values().append_value(&token.text);
            self.ids.values().append_option(token.id.map(i64::from));
        }
        self.tokens.append(tokens.is_some());
        self.ids.append(tokens.is_some());
        let pieces = tokens.and_then(SavedPieces::of).map(|pieces| serde_json::to_string(&pieces));
        self.pieces.append_option(pieces.transpose().map_err(|error| ArrowError::ExternalError(error.into()))?);
        Ok(())
    }
}

struct Columns<'a> {
    row: Int64Builder,
    id: StringBuilder,
    input_text: StringBuilder,
    generated_text: StringBuilder,
    source: Tokens,
    target: Tokens,
    attributed_start: Int32Builder,
    attributed_end: Int32Builder,
    step_scores: Vec<(&'a String, ListBuilder<Float32Builder>)>,
    sides: ListBuilder<StringBuilder>,
    warnings: ListBuilder<StringBuilder>,
    error: StringBuilder,
}

fn strings() -> ListBuilder<StringBuilder> {
    ListBuilder::new(StringBuilder::new()).with_field(item(DataType::Utf8, false))
}

impl<'a> Columns<'a> {
    fn new(step_scores: &'a [String]) -> Self {
        let floats = || ListBuilder::new(Float32Builder::new()).with_field(item(DataType::Float32, false));
        Self {
            row: Int64Builder::new(),
            id: StringBuilder::new(),
            input_text: StringBuilder::new(),
            generated_text: StringBuilder::new(),
            source: Tokens::new(),
            target: Tokens::new(),
            attributed_start: Int32Builder::new(),
            attributed_end: Int32Builder::new(),
            step_scores: step_scores.iter().map(|name| (name, floats())).collect(),
            sides: strings(),
            warnings: strings(),
            error: StringBuilder::new(),
        }
    }

    fn add(&mut self, row: &TableRow, manifest: &Manifest) -> Result<(), ArrowError> {
        let TableRow { row: attributed, outcome } = row;
        let row = &attributed.row;
        let sequence = outcome.as_ref().ok();
        self.row.append_value(row.number as i64);
        match manifest.columns.id {
            Some(_) => self.id.append_option(row.id.as_ref()),
            None => self.id.append_value(row.number.to_string()),
        }
        let texts = row.texts.as_ref().ok();
        self.input_text.append_option(texts.map(|(input, _)| input).or(row.input_text.as_ref()));
        let given = texts.and_then(|(_, generated)| generated.clone());
        self.generated_text.append_option(given.or_else(|| sequence.map(|sequence| written(&sequence.target))));
        self.source.add(sequence.map(|sequence| &*sequence.source))?;
        self.target.add(sequence.map(|sequence| &*sequence.target))?;
        self.attributed_start.append_option(sequence.map(|sequence| sequence.attr_pos_start as i32));
        self.attributed_end.append_option(sequence.map(|sequence| sequence.attr_pos_end as i32));
        for (name, column) in &mut self.step_scores {
            let scores = sequence.and_then(|sequence| sequence.step_scores.get(*name));
            scores.into_iter().flatten().for_each(|&score| column.values().append_value(score));
            column.append(scores.is_some());
        }
        for (side, _, _) in sequence.into_iter().flat_map(scores::sides) {
            self.sides.values().append_value(side);
        }
        self.sides.append(sequence.is_some());
        attributed.warnings.iter().for_each(|warning| self.warnings.values().append_value(warning));
        self.warnings.append(true);
        self.error.append_option(outcome.as_ref().err());
        Ok(())
    }

    fn into_batch(mut self, schema: &Arc<Schema>) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.row.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.input_text.finish()),
            Arc::new(self.generated_text.finish()),
            Arc::new(self.source.tokens.finish()),
            Arc::new(self.source.ids.finish()),
            Arc::new(self.target.tokens.finish()),
            Arc::new(self.target.ids.finish()),
            Arc::new(self.attributed_start.finish()),
            Arc::new(self.attributed_end.finish()),
        ];
        columns.extend(self.step_scores.iter_mut().map(|(_, column)| Arc::new(column.finish()) as ArrayRef));
        let rest: [ArrayRef; 5] = [
            Arc::new(self.sides.finish()),
            Arc::new(self.source.pieces.finish()),
            Arc::new(self.target.pieces.finish()),
            Arc::new(self.warnings.finish()),
            Arc::new(self.error.finish()),
        ];
        columns.extend(rest);
        RecordBatch::try_new(schema.clone(), columns)
    }
}

/// The text of tokens, without special ones.
fn written(tokens: &[Token]) -> String {
    let pieces = text::pieces(tokens);
    let texts = tokens.iter().zip(&pieces).filter(|(_, piece)| **piece != Piece::Special);
    let bytes: Vec<u8> =
        texts.flat_map(|(token, piece)| [token.skipped.as_bytes(), token.bytes(piece)].concat()).collect();
    let text = String::from_utf8_lossy(&bytes);
    text.strip_prefix(' ').unwrap_or(&text).to_owned()
}
