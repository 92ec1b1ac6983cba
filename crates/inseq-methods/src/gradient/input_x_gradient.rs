//! Input times gradient.

use inseq_core::About;
use inseq_models::model::Model;

use super::{saliency, times_embeddings};
use crate::Result;
use crate::engine::TextSteps;
use crate::method::{Attributions, Cost, INCLUDE_EOS_BASELINE, Method, MethodContext, MethodInfo, without_arguments};

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "input_x_gradient",
            description: "How much would each feature contribute if the model were linear around the input?",
            details: "The embedding times the gradient of the attributed function with respect to it. Scores are signed.",
            arguments: &[],
        },
        cost: "1 forward, 1 pullback per step",
        citation: "Shrikumar et al. (2016), Not Just a Black Box, https://arxiv.org/abs/1605.01713",
        make: without_arguments(InputXGradient),
    }
}

/// How much would each feature contribute if the model were linear around the input? `x · d score / d x`.
///
/// Granular scores `[input, step, feature]`, signed. Cost: one forward and one pullback per step.
/// Shrikumar et al., 2016, <https://arxiv.org/abs/1605.01713>.
#[derive(Clone, Debug)]
pub struct InputXGradient;

impl Method for InputXGradient {
    fn name(&self) -> &str {
        "input_x_gradient"
    }

    fn unused_options(&self) -> &'static [&'static str] {
        &[INCLUDE_EOS_BASELINE]
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let mut gradients = [saliency::gradients_of(context, entry, self.propagation())?];
        times_embeddings(&mut gradients, &context.engine.inputs(&[context.text(entry)])?, None)?;
        let [gradients] = gradients;
        Ok(gradients)
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let mut gradients = saliency::gradients(context, context.point, context.trace)?;
        times_embeddings(&mut gradients, context.point, None)?;
        Ok(gradients)
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 1)
    }
}
