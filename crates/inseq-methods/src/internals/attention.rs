//! Attention weights.

use inseq_core::{About, AttributionKind, ScoreAxis, SequenceScore};
use inseq_models::model::Model;

use super::{Weights, by_key, by_step, check_attention};
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
        let weights = Weights::of(context, entry)?;
        (context.advance)(text.steps.len())?;
        let decoder = weights.decoder.into_dyn();
        let mut sequence_scores = Vec::new();
        if !context.attribute_target {
            let score = SequenceScore::new([ScoreAxis::Target; 2], by_key(&decoder));
            sequence_scores.push(("decoder_self_attentions".to_owned(), score));
        }
        if let Some(encoder) = weights.encoder {
            let score = SequenceScore::new([ScoreAxis::Source; 2], by_key(&encoder.into_dyn()));
            sequence_scores.push(("encoder_self_attentions".to_owned(), score));
        }
        Ok(Attributions {
            source: weights.cross.map(|cross| by_step(&cross.into_dyn(), text)),
            target: context.attribute_target.then(|| by_step(&decoder, text)),
            sequence_scores,
            kind: AttributionKind::MultiDimensional { dimensions: vec!["layer".into(), "head".into()] },
            ..Attributions::default()
        })
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 0)
    }
}
