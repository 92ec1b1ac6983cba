//! A model type.

use serde_json::{Map, Value};

use super::configuration::{Configuration, Fields};
use super::gated_decoder::{self, Kind};
use super::loaded::LoadedModel;
use super::loader::Loader;
use crate::Result;

/// A model type: its name in `config.json`, its fields, and its layout.
#[derive(Clone, Copy)]
pub struct Architecture {
    /// `model_type` in `config.json`.
    pub model_type: &'static str,
    /// Name of the models.
    pub title: &'static str,
    /// Address of the paper; empty if unknown.
    pub paper: &'static str,
    pub(super) fields: Fields,
    pub(super) layout: Layout,
}

/// How a checkpoint becomes a model.
#[derive(Clone, Copy)]
pub(super) enum Layout {
    /// The layout of Llama, with differences.
    GatedDecoder(&'static Kind),
    /// Another layout.
    Other(fn(&Configuration, &Loader) -> Result<LoadedModel>),
}

impl std::fmt::Debug for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Architecture").field("model_type", &self.model_type).finish_non_exhaustive()
    }
}

impl Architecture {
    /// A model type with the layout of Llama. `kind` holds the differences. `fields` returns each field of `config.json` that is
    /// read, with the value that a missing field means; see [`llama_fields`](gated_decoder::llama_fields).
    pub const fn gated_decoder(model_type: &'static str, kind: &'static Kind, fields: fn() -> Value) -> Self {
        Self {
            model_type,
            title: model_type,
            paper: "",
            fields: Fields { defaults: fields, aliases: &[] },
            layout: Layout::GatedDecoder(kind),
        }
    }

    /// Sets other names of fields, as `(other, name)`. If a file has both, the other name wins.
    #[must_use]
    pub const fn with_aliases(mut self, aliases: &'static [(&'static str, &'static str)]) -> Self {
        self.fields.aliases = aliases;
        self
    }

    /// The fields of `config.json` that are read, with their defaults.
    pub fn fields(&self) -> Map<String, Value> {
        self.fields.defaults()
    }

    /// Other names of these fields, as `(other, name)`.
    pub fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        self.fields.aliases
    }

    /// Builds the model.
    pub(super) fn assemble(&self, configuration: &Configuration, loader: &Loader) -> Result<LoadedModel> {
        match self.layout {
            Layout::GatedDecoder(kind) => gated_decoder::load(kind, configuration, loader),
            Layout::Other(load) => load(configuration, loader),
        }
    }
}
