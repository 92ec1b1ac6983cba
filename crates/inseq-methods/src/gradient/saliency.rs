//! Saliency.

use inseq_core::{About, Argument};
use inseq_models::layers::Propagation;
use inseq_models::model::{Model, Trace};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Collector;
use crate::Result;
use crate::engine::{Point, TextSteps};
use crate::method::{
    Attributions, Cost, INCLUDE_EOS_BASELINE, Method, MethodContext, MethodInfo, fields, from_arguments,
};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[Argument::new("abs", "true", "Whether scores are absolute values.")];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "saliency",
            description: "How sensitive is the score to each input feature?",
            details: "The absolute gradient of the attributed function with respect to each token's embedding. Scores \
                      have one value per feature; the default aggregation takes their L2 norm.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward, 1 pullback per step",
        citation: "Simonyan et al. (2013), Deep Inside Convolutional Networks, https://arxiv.org/abs/1312.6034",
        make: from_arguments::<Saliency>("saliency"),
    }
}

/// How sensitive is the score to each feature? `|d score / d x|`.
///
/// Granular scores `[input, step, feature]`, never negative. Cost: one forward and one pullback per step.
/// Simonyan et al., 2013, <https://arxiv.org/abs/1312.6034>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Saliency {
    /// Whether scores are absolute values. Default true.
    pub abs: bool,
}

impl Default for Saliency {
    fn default() -> Self {
        Self { abs: true }
    }
}

impl Method for Saliency {
    fn name(&self) -> &str {
        "saliency"
    }

    fn unused_options(&self) -> &'static [&'static str] {
        &[INCLUDE_EOS_BASELINE]
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let gradients = gradients_of(context, entry, self.propagation())?;
        Ok(self.signed(gradients))
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let gradients = gradients(context, context.point, context.trace)?;
        Ok(gradients.into_iter().map(|gradients| self.signed(gradients)).collect())
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 1)
    }
}

impl Saliency {
    fn signed(&self, mut gradients: Attributions) -> Attributions {
        if self.abs {
            for array in [&mut gradients.source, &mut gradients.target].into_iter().flatten() {
                array.mapv_inplace(f32::abs);
            }
        }
        gradients
    }
}

/// Gradients of the attributed function with respect to the embeddings of the texts of a point.
pub(super) fn gradients(context: &mut MethodContext, point: &Point, trace: &Trace) -> Result<Vec<Attributions>> {
    Ok(gradients_and_scores(context, point, trace)?.0)
}

/// As [`gradients`], with the attributed function at each step of each text.
pub(super) fn gradients_and_scores(
    context: &mut MethodContext,
    point: &Point,
    trace: &Trace,
) -> Result<(Vec<Attributions>, Vec<Vec<f32>>)> {
    let texts = &point.texts;
    let wanted = context.wanted();
    let mut collector = Collector::new(texts, context.engine.features(), wanted);
    let function = context.function.clone();
    let mut scores: Vec<Vec<f32>> = vec![Vec::new(); texts.len()];
    context.engine.gradients(point, trace, &*function, wanted, |steps, of_chunk, gradients| {
        let live = |text: &TextSteps| steps.end.min(text.steps.len()).saturating_sub(steps.start);
        for (entry, of_entry) in of_chunk.chunks(steps.len()).enumerate() {
            scores[entry].extend(&of_entry[..live(texts[entry])]);
            collector.add(entry, entry, steps.clone(), &gradients)?;
        }
        (context.advance)(texts.iter().map(|text| live(text)).sum())
    })?;
    Ok((collector.finish(), scores))
}

/// The gradients of one text of a batch, run alone, by the rules of a propagation.
pub(super) fn gradients_of(
    context: &mut MethodContext,
    entry: usize,
    propagation: Propagation,
) -> Result<Attributions> {
    let point = context.engine.inputs(&[context.text(entry)])?;
    let trace = context.engine.trace_by(propagation, &point);
    Ok(gradients(context, &point, &trace)?.pop().unwrap_or_default())
}
