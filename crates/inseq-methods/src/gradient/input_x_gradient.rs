//! Input times gradient.

use super::saliency;
use crate::Result;
use crate::method::{Attributions, Method, MethodContext, times_embeddings};

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
}
