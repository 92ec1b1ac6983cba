//! No attribution.

use crate::Result;
use crate::method::{Attributions, Method, MethodContext, MethodInfo, without_arguments};

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        name: "dummy",
        description: "No attribution: only step scores are computed.",
        details: "Attributes nothing. Use it to compute only step scores.",
        arguments: &[],
        cost: "1 forward",
        citation: "none",
        make: without_arguments(Dummy),
    }
}

/// No attribution: only step scores are computed.
#[derive(Clone, Debug)]
pub struct Dummy;

impl Method for Dummy {
    fn name(&self) -> &str {
        "dummy"
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let steps = context.text(entry).steps.len();
        (context.advance)(steps)?;
        Ok(Attributions::default())
    }
}
