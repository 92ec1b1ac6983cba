//! Attention weights.

use inseq_core::{About, AttributionKind, ScoreAxis, SequenceScore};
use inseq_models::model::{Model, Part, Side};

use super::step_weights::StepWeights;
use super::{Stacked, by_key, check_attention};
use crate::Result;
use crate::engine::TextSteps;
use crate::method::{Attributions, Cost, FUNCTION_AND_BASELINE, Method, MethodContext, MethodInfo, without_arguments};

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "attention",
            description: "What does each layer and head attend to when it predicts the token?",
            details: "The attention weights of every layer and head: cross-attention for the source, the decoder's \
                      self-attention for the prefix. A step reads the row of the position that predicts its token. \
                      Scores have one value per layer and head; the default aggregation takes their mean. The \
                      encoder's self-attention (and the decoder's, if the target is not attributed) is among the \
                      sequence scores.",
            arguments: &[],
        },
        cost: "1 forward",
        citation: "Bahdanau et al. (2015), Neural Machine Translation by Jointly Learning to Align and Translate, \
                   https://arxiv.org/abs/1409.0473",
        make: without_arguments(AttentionWeights),
    }
}

/// What does each layer and head attend to when it predicts the token?
///
/// Scores `[input, step, layer, head]`, between 0 and 1. Cost: one forward.
/// Bahdanau et al., 2015, <https://arxiv.org/abs/1409.0473>.
#[derive(Clone, Debug)]
pub struct AttentionWeights;

impl Method for AttentionWeights {
    fn name(&self) -> &str {
        "attention"
    }

    fn unused_options(&self) -> &'static [&'static str] {
        FUNCTION_AND_BASELINE
    }

    fn check(&self, model: &Model) -> Result<()> {
        check_attention(model)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let (source, target) = (text.source.len(), text.seen());
        let mut own = StepWeights::new(entry, target, &text.steps);
        let mut cross = StepWeights::new(entry, source, &text.steps);
        let mut decoder = Stacked::new(entry, target, target);
        let mut encoder = Stacked::new(entry, source, source);
        let model = context.engine.model;
        context.trace.layers(model, |view| match view.side() {
            Side::Encoder => encoder.push(&view, Part::Mixer),
            Side::Decoder => {
                match context.attribute_target {
                    true => own.push(&view, Part::Mixer)?,
                    false => decoder.push(&view, Part::Mixer)?,
                }
                cross.push(&view, Part::CrossAttention)
            }
        })?;
        (context.advance)(text.steps.len())?;
        let has_encoder = !model.is_decoder_only();
        let whole = [
            ("decoder_self_attentions", decoder, !context.attribute_target, ScoreAxis::Target),
            ("encoder_self_attentions", encoder, has_encoder, ScoreAxis::Source),
        ];
        let mut sequence_scores = Vec::new();
        for (name, stacked, _, axis) in whole.into_iter().filter(|(_, _, is_there, _)| *is_there) {
            let score = SequenceScore::new([axis; 2], by_key(&stacked.array()?.into_dyn()));
            sequence_scores.push((name.to_owned(), score));
        }
        Ok(Attributions {
            source: has_encoder.then(|| cross.by_key()).transpose()?,
            target: context.attribute_target.then(|| own.by_key()).transpose()?,
            sequence_scores,
            kind: AttributionKind::MultiDimensional { dimensions: vec!["layer".into(), "head".into()] },
            ..Attributions::default()
        })
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 0)
    }
}
