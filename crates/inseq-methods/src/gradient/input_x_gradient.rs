//! Input times gradient.

use inseq_models::model::Model;

use super::saliency;
use crate::Result;
use crate::engine::TextSteps;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, names_of, options, times_embeddings};

pub(crate) const INFO: MethodInfo = MethodInfo {
    name: "input_x_gradient",
    description: "How much would each feature contribute, were the model linear around the input?",
    cost: "1 forward, 1 pullback a step",
    paper: "Shrikumar et al. (2016), Not Just a Black Box, https://arxiv.org/abs/1605.01713",
    details: "The embedding times the gradient of the attributed function with regard to it. Signed. No arguments.",
    arguments: names_of::<super::NoOptions>,
    make: |arguments| {
        options::<super::NoOptions>("input_x_gradient", arguments)?;
        Ok(Box::new(InputXGradient))
    },
};

/// How much does each feature contribute, were the model linear? `x · d score / d x`.
///
/// Granular scores `[input, step, feature]`, signed. Cost: one forward and one pullback a step.
/// Shrikumar et al., 2016, <https://arxiv.org/abs/1605.01713>.
#[derive(Clone, Debug)]
pub struct InputXGradient;

impl Method for InputXGradient {
    fn name(&self) -> &'static str {
        "input_x_gradient"
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let mut gradients = saliency::gradients(context)?;
        times_embeddings(&mut gradients, context.point, None)?;
        Ok(gradients)
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 1)
    }
}
