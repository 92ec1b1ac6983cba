//! Saved results as tables in long form, for other programs: one row for each sequence, step and input token, with its
//! aggregated score.
//!
//! | column | |
//! |---|---|
//! | `sequence` | index of the text, from 0 |
//! | `side` | `source`, or `target` for tokens that were written before the step |
//! | `step` | index of the attributed token, from 0 |
//! | `output_position`, `output_token`, `output_id` | the attributed token in the target |
//! | `input_position`, `input_token`, `input_id` | the input token that the score belongs to |
//! | `score` | the aggregated score |
//! | `step_score_NAME` | the step score with this name; empty if a text has none |
//!
//! Target tokens that a step cannot see have no rows.

#[cfg(feature = "arrow")]
pub(super) mod arrow;
#[cfg(feature = "csv")]
pub(super) mod csv;
#[cfg(feature = "parquet")]
pub(super) mod parquet;

use indexmap::{IndexMap, IndexSet};

use crate::{AttributionResult, Result, Token};

/// The values of a column, one per row.
#[derive(Debug, PartialEq)]
pub(super) enum Column<'a> {
    Integers(Vec<i64>),
    Text(Vec<&'a str>),
    Scores(Vec<Option<f32>>),
}

impl Column<'_> {
    #[cfg(feature = "csv")]
    fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Scores(values) => values.len(),
        }
    }
}

/// A table, column by column.
#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    sequence: Vec<i64>,
    side: Vec<&'a str>,
    step: Vec<i64>,
    output: Tokens<'a>,
    input: Tokens<'a>,
    score: Vec<Option<f32>>,
    step_scores: IndexMap<String, Vec<Option<f32>>>,
}

#[derive(Debug, Default)]
struct Tokens<'a> {
    position: Vec<i64>,
    token: Vec<&'a str>,
    id: Vec<i64>,
}

impl<'a> Tokens<'a> {
    fn push(&mut self, position: usize, token: &'a Token) {
        self.position.push(position as i64);
        self.token.push(&token.text);
        self.id.push(crate::token::saved_id::of(token.id));
    }
}

impl<'a> Table<'a> {
    /// The table of a result that has one score per token.
    fn of(result: &'a AttributionResult) -> Self {
        let mut table = Self::default();
        let names: IndexSet<&String> =
            result.sequences.iter().flat_map(|sequence| sequence.step_scores.keys()).collect();
        table.step_scores = names.iter().map(|name| (format!("step_score_{name}"), Vec::new())).collect();
        for (index, sequence) in result.sequences.iter().enumerate() {
            for step in 0..sequence.steps() {
                let place = sequence.attr_pos_start + step;
                for (side, tokens, scores) in [
                    ("source", &sequence.source, &sequence.source_attributions),
                    ("target", &sequence.target, &sequence.target_attributions),
                ] {
                    let Some(scores) = scores else { continue };
                    let seen = if side == "target" { place.min(tokens.len()) } else { tokens.len() };
                    for (position, token) in tokens[..seen].iter().enumerate() {
                        table.sequence.push(index as i64);
                        table.side.push(side);
                        table.step.push(step as i64);
                        table.output.push(place, &sequence.target[place]);
                        table.input.push(position, token);
                        table.score.push(Some(scores[[position, step]]));
                        for (name, column) in names.iter().zip(table.step_scores.values_mut()) {
                            column.push(sequence.step_scores.get(*name).map(|scores| scores[step]));
                        }
                    }
                }
            }
        }
        table
    }

    /// The columns by name, in order.
    fn into_columns(self) -> Vec<(String, Column<'a>)> {
        let own = [
            ("sequence", Column::Integers(self.sequence)),
            ("side", Column::Text(self.side)),
            ("step", Column::Integers(self.step)),
            ("output_position", Column::Integers(self.output.position)),
            ("output_token", Column::Text(self.output.token)),
            ("output_id", Column::Integers(self.output.id)),
            ("input_position", Column::Integers(self.input.position)),
            ("input_token", Column::Text(self.input.token)),
            ("input_id", Column::Integers(self.input.id)),
            ("score", Column::Scores(self.score)),
        ];
        let own = own.map(|(name, column)| (name.to_owned(), column));
        let step_scores = self.step_scores.into_iter().map(|(name, scores)| (name, Column::Scores(scores)));
        own.into_iter().chain(step_scores).collect()
    }
}

/// Passes the columns of a result's table, after the default aggregation, to `write`.
pub(super) fn write(
    result: &AttributionResult,
    write: impl FnOnce(&[(String, Column<'_>)], &str) -> Result<()>,
) -> Result<()> {
    let aggregated = result.aggregate()?;
    let info = serde_json::Value::Object(result.info.to_map()).to_string();
    write(&Table::of(&aggregated).into_columns(), &info)
}
