//! Citation methods by name.

use std::sync::LazyLock;

use inseq_core::Entry as _;

use super::method::CitationMethodInfo;
use super::{arc_jsd, context_cite, leave_one_out};
use crate::{Error, Result};

/// The citation methods.
pub fn list_methods() -> &'static [CitationMethodInfo] {
    static METHODS: LazyLock<Vec<CitationMethodInfo>> =
        LazyLock::new(|| vec![context_cite::info(), leave_one_out::info(), arc_jsd::info()]);
    &METHODS
}

/// The entry of a citation method.
///
/// # Errors
/// There is no such method.
pub fn method_named(name: &str) -> Result<&'static CitationMethodInfo> {
    let found = list_methods().iter().find(|method| method.name == name);
    found.ok_or_else(|| Error::unknown(CitationMethodInfo::KIND, name, list_methods().iter().map(|method| method.name)))
}
