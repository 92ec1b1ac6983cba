//! Dropout rates in `config.json`.

use super::configuration::Configuration;
use crate::Result;
use crate::model::Dropout;

/// A field of `config.json`; `None` for a place without dropout.
type Field = Option<&'static str>;

/// The fields of the dropout rates, by place.
#[derive(Clone, Copy, Debug)]
pub(super) struct DropoutFields {
    pub(super) entry: Field,
    pub(super) attention: Field,
    pub(super) inner: Field,
    pub(super) residual: Field,
    pub(super) exit: Field,
    pub(super) jitter: Field,
}

impl DropoutFields {
    /// No dropout.
    pub(super) const NONE: DropoutFields =
        DropoutFields { entry: None, attention: None, inner: None, residual: None, exit: None, jitter: None };

    /// The rates of a checkpoint.
    ///
    /// # Errors
    /// A rate is not a probability.
    pub(super) fn read(&self, configuration: &Configuration) -> Result<Dropout> {
        let rate = |field: Field| field.map_or(Ok(0.0), |name| configuration.rate(name));
        Ok(Dropout {
            entry: rate(self.entry)?,
            attention: rate(self.attention)?,
            inner: rate(self.inner)?,
            residual: rate(self.residual)?,
            exit: rate(self.exit)?,
            jitter: rate(self.jitter)?,
        })
    }
}
