//! Attention rollout.

use inseq_core::{About, AttributionKind};
use inseq_models::model::Model;
use ndarray::Array2;

use super::{Mixing, Weights, by_step, check_attention};
use crate::Result;
use crate::engine::TextSteps;
use crate::method::{Attributions, Cost, FUNCTION_AND_BASELINE, Method, MethodContext, MethodInfo, without_arguments};

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "attention_rollout",
            description: "How much of each input token is mixed into the predicting state over all layers, by \
                          attention and residuals?",
            details: "In each layer a state is half its own residual and half the states that it attends to, averaged over \
                      heads; the matrices of all layers are multiplied. In encoder-decoders a state of the decoder is, \
                      after its self-attention, half itself and half the encoder outputs that it attends to. The \
                      scores of a step sum to 1 over source and target together.",
            arguments: &[],
        },
        cost: "1 forward",
        citation: "Abnar & Zuidema (2020), Quantifying Attention Flow in Transformers, \
                   https://arxiv.org/abs/2005.00928",
        make: without_arguments(AttentionRollout),
    }
}

/// How much of each input token is mixed into the predicting state over all layers, by attention and residuals?
///
/// Coarse scores `[input, step]`, between 0 and 1; a step's scores sum to 1 over source and target together. Cost: one forward.
/// Abnar & Zuidema, 2020, <https://arxiv.org/abs/2005.00928>.
#[derive(Clone, Debug)]
pub struct AttentionRollout;

impl Method for AttentionRollout {
    fn name(&self) -> &str {
        "attention_rollout"
    }

    fn unused_options(&self) -> &'static [&'static str] {
        FUNCTION_AND_BASELINE
    }

    fn check(&self, model: &Model) -> Result<()> {
        check_attention(model)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let mixing = Mixing::of(&Weights::of(context, entry)?);
        (context.advance)(text.steps.len())?;
        let (source, target) = rolled_out(&mixing, text);
        let source = source.map(|source| by_step(&source.into_dyn(), text));
        let target = context.attribute_target.then(|| by_step(&target.into_dyn(), text));
        Ok(Attributions { source, target, kind: AttributionKind::Coarse, ..Attributions::default() })
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 0)
    }
}

/// Shares of all input positions in each target position, `[query, source]` and `[query, target]`.
fn rolled_out(mixing: &Mixing, text: &TextSteps) -> (Option<Array2<f32>>, Array2<f32>) {
    let encoded = mixing.encoder.iter().fold(Array2::eye(text.source.len()), |below, layer| layer.dot(&below));
    let size = mixing.decoder.first().map_or(0, |(own, _)| own.nrows());
    let mut target = Array2::<f32>::eye(size);
    let mut source = Array2::<f32>::zeros((size, text.source.len()));
    for (own, cross) in &mixing.decoder {
        (target, source) = (own.dot(&target), own.dot(&source));
        if let Some(cross) = cross {
            target *= 0.5;
            source = (source + cross.dot(&encoded)) * 0.5;
        }
    }
    ((!mixing.encoder.is_empty()).then_some(source), target)
}
