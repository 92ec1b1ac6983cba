//! No attribution.

use inseq_core::About;

use crate::Result;
use crate::method::{Attributions, FUNCTION_AND_BASELINE, Method, MethodContext, MethodInfo, without_arguments};

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "dummy",
            description: "No attribution: only step scores are computed.",
            details: "Attributes nothing. Use it to compute only step scores.",
            arguments: &[],
        },
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

    fn unused_options(&self) -> &'static [&'static str] {
        FUNCTION_AND_BASELINE
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let steps = context.text(entry).steps.len();
        (context.advance)(steps)?;
        Ok(Attributions::default())
    }
}
