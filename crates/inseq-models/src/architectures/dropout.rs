//! What `config.json` says of dropout.

use serde_json::{Map, Value};

use super::sizes::invalid;
use crate::Result;
use crate::checkpoint::Repository;
use crate::model::Dropout;

/// A field of `config.json` with what transformers takes where it is missing; none where an architecture drops nothing.
type Field = Option<(&'static str, f32)>;

/// Which fields say how likely values are dropped, by place.
#[derive(Clone, Copy, Debug)]
pub(super) struct DropoutFields {
    pub(super) entry: Field,
    pub(super) attention: Field,
    pub(super) inner: Field,
    pub(super) residual: Field,
    pub(super) exit: Field,
}

impl DropoutFields {
    /// Nothing is dropped.
    pub(super) const NONE: DropoutFields =
        DropoutFields { entry: None, attention: None, inner: None, residual: None, exit: None };

    /// The rates of a checkpoint.
    pub(super) fn read(&self, repository: &Repository) -> Result<Dropout> {
        let config: Map<String, Value> = repository.config()?;
        let rate = |field: Field| -> Result<f32> {
            let Some((name, missing)) = field else { return Ok(0.0) };
            match config.get(name) {
                None | Some(Value::Null) => Ok(missing),
                Some(value) => match value.as_f64().filter(|rate| (0.0..=1.0).contains(rate)) {
                    Some(rate) => Ok(rate as f32),
                    None => invalid(format!("`{name}` must be a probability, found {value}")),
                },
            }
        };
        Ok(Dropout {
            entry: rate(self.entry)?,
            attention: rate(self.attention)?,
            inner: rate(self.inner)?,
            residual: rate(self.residual)?,
            exit: rate(self.exit)?,
        })
    }
}
