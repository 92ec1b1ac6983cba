//! Attention weights.

use inseq_core::AttributionKind;
use inseq_models::model::Model;

use super::{Weights, by_key, by_step};
use crate::Result;
use crate::engine::TextSteps;
use crate::gradient::NoOptions;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, names_of, options};

pub(crate) const INFO: MethodInfo = MethodInfo {
    name: "attention",
    description: "What does each layer and head attend to when it predicts the token?",
    cost: "1 forward",
    paper: "Bahdanau et al. (2015), Neural Machine Translation by Jointly Learning to Align and Translate, \
            https://arxiv.org/abs/1409.0473",
    details: "The attention weights of every layer and head: cross-attention for the source, the decoder's self-attention for \
              the prefix. A step reads the row of the position that predicts its token. Scores have one value for each layer \
              and head; aggregated, a token's score is their mean. The encoder's self-attention (and the decoder's, where the \
              target is not attributed) is among the sequence scores. No arguments.",
    arguments: names_of::<NoOptions>,
    make: |arguments| {
        options::<NoOptions>("attention", arguments)?;
        Ok(Box::new(AttentionWeights))
    },
};

/// What does each layer and head attend to when it predicts the token?
///
/// Scores `[input, step, layer, head]`, between 0 and 1. Cost: one forward.
/// Bahdanau et al., 2015, <https://arxiv.org/abs/1409.0473>.
#[derive(Clone, Debug)]
pub struct AttentionWeights;

impl Method for AttentionWeights {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let texts = context.point.texts.clone();
        let each = texts.into_iter().enumerate().map(|(entry, text)| {
            let weights = Weights::of(context, entry)?;
            (context.advance)(text.steps.len())?;
            let decoder = weights.decoder.into_dyn();
            let mut sequence_scores = Vec::new();
            if !context.attribute_target {
                sequence_scores.push(("decoder_self_attentions".to_owned(), by_key(&decoder)));
            }
            if let Some(encoder) = weights.encoder {
                sequence_scores.push(("encoder_self_attentions".to_owned(), by_key(&encoder.into_dyn())));
            }
            Ok(Attributions {
                source: weights.cross.map(|cross| by_step(&cross.into_dyn(), text)),
                target: context.attribute_target.then(|| by_step(&decoder, text)),
                sequence_scores,
                kind: AttributionKind::MultiDimensional { dimensions: vec!["layer".into(), "head".into()] },
                ..Attributions::default()
            })
        });
        each.collect()
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 0)
    }
}
