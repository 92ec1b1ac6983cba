//! The columns of the tables. `docs/src/files.md` describes them; changing them changes [`Manifest::FORMAT`](super::Manifest).

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};

/// Beginning of the names of columns with step scores.
pub(super) const STEP_SCORE: &str = "step_score_";

/// The field of the items of a list.
pub(super) fn item(kind: DataType, nullable: bool) -> Arc<Field> {
    Arc::new(Field::new("item", kind, nullable))
}

/// The table with one row for each row of the dataset.
pub(super) fn sequences(step_scores: &[String]) -> Arc<Schema> {
    let list = |kind, nullable| DataType::List(item(kind, nullable));
    let texts = || list(DataType::Utf8, false);
    let ids = || list(DataType::Int64, true);
    let own = [
        ("row", DataType::Int64, false),
        ("id", DataType::Utf8, true),
        ("input_text", DataType::Utf8, true),
        ("generated_text", DataType::Utf8, true),
        ("source_tokens", texts(), true),
        ("source_ids", ids(), true),
        ("target_tokens", texts(), true),
        ("target_ids", ids(), true),
        ("attributed_start", DataType::Int32, true),
        ("attributed_end", DataType::Int32, true),
    ];
    let own = own.into_iter().map(|(name, kind, nullable)| Field::new(name, kind, nullable));
    let scores =
        step_scores.iter().map(|name| Field::new(format!("{STEP_SCORE}{name}"), list(DataType::Float32, false), true));
    let rest = [
        ("sides", texts(), true),
        ("source_pieces", DataType::Utf8, true),
        ("target_pieces", DataType::Utf8, true),
        ("warnings", texts(), false),
        ("error", DataType::Utf8, true),
    ];
    let rest = rest.into_iter().map(|(name, kind, nullable)| Field::new(name, kind, nullable));
    Arc::new(Schema::new(own.chain(scores).chain(rest).collect::<Vec<_>>()))
}

/// The table with one row for each score.
pub(super) fn scores() -> Arc<Schema> {
    let fields = [
        ("row", DataType::Int64),
        ("side", DataType::Utf8),
        ("step", DataType::Int32),
        ("output_position", DataType::Int32),
        ("output_token", DataType::Utf8),
        ("input_position", DataType::Int32),
        ("input_token", DataType::Utf8),
        ("score", DataType::Float32),
    ];
    Arc::new(Schema::new(fields.map(|(name, kind)| Field::new(name, kind, false)).to_vec()))
}
