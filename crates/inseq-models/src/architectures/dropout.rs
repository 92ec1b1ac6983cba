//! What `config.json` says of dropout.

use super::configuration::Configuration;
use crate::Result;
use crate::model::Dropout;

/// A field of `config.json`; none where an architecture drops nothing.
type Field = Option<&'static str>;

/// Which fields say how likely values are dropped, by place.
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
    /// Nothing is dropped.
    pub(super) const NONE: DropoutFields =
        DropoutFields { entry: None, attention: None, inner: None, residual: None, exit: None, jitter: None };

    /// The rates of a checkpoint.
    ///
    /// # Errors
    /// When one is no probability.
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
