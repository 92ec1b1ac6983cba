//! The table of scores.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Float32Array, Int32Array, Int64Array, RecordBatch};
use arrow_schema::{ArrowError, Schema};
use inseq_core::{SequenceAttribution, Token};
use ndarray::ArrayD;

use super::{BATCH, TableRow};

/// Names of the sides.
pub(super) const SIDES: [&str; 2] = ["source", "target"];

/// The tokens and scores of each side that has scores, by its name.
pub(super) fn sides(sequence: &SequenceAttribution) -> impl Iterator<Item = (&'static str, &[Token], &ArrayD<f32>)> {
    let sides = [
        (SIDES[0], &*sequence.source, &sequence.source_attributions),
        (SIDES[1], &*sequence.target, &sequence.target_attributions),
    ];
    sides.into_iter().filter_map(|(name, tokens, scores)| Some((name, tokens, scores.as_ref()?)))
}

/// Record batches of the table: by row, side, step and position. Target tokens that a step cannot see have no rows.
pub(super) fn batches<'a>(
    schema: &'a Arc<Schema>,
    rows: &'a [TableRow<'a>],
) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> + 'a {
    let mut rows = rows.iter();
    std::iter::from_fn(move || {
        let mut columns = Columns::default();
        for row in rows.by_ref() {
            if let Ok(sequence) = &row.outcome {
                columns.add(row.row.row.number, sequence);
            }
            if columns.row.len() >= BATCH {
                break;
            }
        }
        (!columns.row.is_empty()).then(|| columns.into_batch(schema))
    })
}

#[derive(Default)]
struct Columns {
    row: Vec<i64>,
    side: StringBuilder,
    step: Vec<i32>,
    output_position: Vec<i32>,
    output_token: StringBuilder,
    input_position: Vec<i32>,
    input_token: StringBuilder,
    score: Vec<f32>,
}

impl Columns {
    fn add(&mut self, number: u64, sequence: &SequenceAttribution) {
        for (side, tokens, scores) in sides(sequence) {
            for step in 0..sequence.steps() {
                let place = sequence.attr_pos_start + step;
                let Some(output) = sequence.target.get(place) else { break };
                let seen = if side == SIDES[1] { place.min(tokens.len()) } else { tokens.len() };
                for (position, token) in tokens.iter().enumerate().take(seen) {
                    let Some(&score) = scores.get([position, step].as_slice()) else { break };
                    self.row.push(number as i64);
                    self.side.append_value(side);
                    self.step.push(step as i32);
                    self.output_position.push(place as i32);
                    self.output_token.append_value(&output.text);
                    self.input_position.push(position as i32);
                    self.input_token.append_value(&token.text);
                    self.score.push(score);
                }
            }
        }
    }

    fn into_batch(mut self, schema: &Arc<Schema>) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(self.row)),
            Arc::new(self.side.finish()),
            Arc::new(Int32Array::from(self.step)),
            Arc::new(Int32Array::from(self.output_position)),
            Arc::new(self.output_token.finish()),
            Arc::new(Int32Array::from(self.input_position)),
            Arc::new(self.input_token.finish()),
            Arc::new(Float32Array::from(self.score)),
        ];
        RecordBatch::try_new(schema.clone(), columns)
    }
}
