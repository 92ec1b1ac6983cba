//! No attribution.

use inseq_models::model::Model;

use crate::Result;
use crate::engine::TextSteps;
use crate::gradient::NoOptions;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, names_of, options};

pub(crate) const INFO: MethodInfo = MethodInfo {
    name: "dummy",
    description: "Nothing but the step scores.",
    cost: "1 forward",
    paper: "none",
    details: "Attributes nothing: for when step scores alone are wanted. No arguments.",
    arguments: names_of::<NoOptions>,
    make: |arguments| {
        options::<NoOptions>("dummy", arguments)?;
        Ok(Box::new(Dummy))
    },
};

/// Nothing but the step scores.
#[derive(Clone, Debug)]
pub struct Dummy;

impl Method for Dummy {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let texts = context.point.texts.clone();
        (context.advance)(texts.iter().map(|text| text.steps.len()).sum())?;
        Ok(vec![Attributions::default(); texts.len()])
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 0)
    }
}
