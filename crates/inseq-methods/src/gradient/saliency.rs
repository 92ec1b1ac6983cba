//! Saliency.

use inseq_models::model::{Model, Wanted};

use super::Collector;
use crate::Result;
use crate::engine::TextSteps;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, names_of, options};

pub(crate) const INFO: MethodInfo = MethodInfo {
    name: "saliency",
    description: "How sensitive is the score to each input feature?",
    cost: "1 forward, 1 pullback a step",
    paper: "Simonyan et al. (2013), Deep Inside Convolutional Networks, https://arxiv.org/abs/1312.6034",
    details: "The absolute gradient of the attributed function with regard to each token's embedding. Scores have one \
              value for each feature; aggregated, a token's score is their L2 norm. Arguments: `abs` (true).",
    arguments: names_of::<SaliencyOptions>,
    make: |arguments| {
        let options: SaliencyOptions = options("saliency", arguments)?;
        Ok(Box::new(Saliency { abs: options.abs }))
    },
};

/// How sensitive is the score to each feature? `|d score / d x|`.
///
/// Granular scores `[input, step, feature]`, never negative. Cost: one forward and one pullback a step.
/// Simonyan et al., 2013, <https://arxiv.org/abs/1312.6034>.
#[derive(Clone, Debug)]
pub struct Saliency {
    /// Whether the sign is dropped (the default).
    pub abs: bool,
}

/// The arguments of saliency.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SaliencyOptions {
    abs: bool,
}

impl Default for SaliencyOptions {
    fn default() -> Self {
        Self { abs: true }
    }
}

impl Method for Saliency {
    fn name(&self) -> &'static str {
        "saliency"
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let mut gradients = gradients(context)?;
        if self.abs {
            for array in gradients.iter_mut().flat_map(|a| [a.source.as_mut(), a.target.as_mut()]).flatten() {
                array.mapv_inplace(f32::abs);
            }
        }
        Ok(gradients)
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 1)
    }
}

/// Gradients of the attributed function with regard to the texts' embeddings.
pub(super) fn gradients(context: &mut MethodContext) -> Result<Vec<Attributions>> {
    let model = context.engine.model;
    let wanted = Wanted { source: model.encoder.is_some(), target: context.attribute_target, first: &[] };
    let texts = context.point.texts.clone();
    let shapes = texts.iter().map(|t| (t.source.len(), t.steps.end, t.steps.len()));
    let mut collector = Collector::new(shapes, context.engine.features(), wanted);
    let function = context.function.clone();
    context.engine.gradients(context.point, context.trace, &*function, wanted, |steps, _, gradients| {
        for entry in 0..texts.len() {
            collector.add(entry, entry, steps.clone(), &gradients)?;
        }
        let done = texts.iter().map(|t| steps.end.min(t.steps.len()).saturating_sub(steps.start)).sum();
        (context.advance)(done)
    })?;
    Ok(collector.finish())
}
