//! Value zeroing.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::Tensor;
use inseq_core::{About, Argument, AttributionKind, ScoreAxis, SequenceScore};
use inseq_models::model::Model;
use ndarray::{Array3, ArrayD, Axis};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::left_out::{LeftOut, LeftOutRequest, left_out_values};
use super::{by_key, by_step, without_attention};
use crate::device::read;
use crate::engine::TextSteps;
use crate::method::{
    Attributions, Cost, FUNCTION_AND_BASELINE, Method, MethodContext, MethodInfo, fields, from_arguments,
};
use crate::{Error, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new("similarity_metric", "cosine", "Distance between states: cosine or euclidean."),
    Argument::new(
        "encoder_zeroed_units_indices",
        "none",
        "Heads of the encoder's self-attention whose values are zeroed: a number, a list, or an object with \
         either for each layer; by default all.",
    ),
    Argument::new(
        "decoder_zeroed_units_indices",
        "none",
        "Heads of the decoder's self-attention whose values are zeroed: a number, a list, or an object with \
         either for each layer; by default all.",
    ),
    Argument::new(
        "cross_zeroed_units_indices",
        "none",
        "Heads of the cross-attention whose values are zeroed: a number, a list, or an object with either for each layer; \
         by default all.",
    ),
    Argument::new(
        "output_decoder_self_scores",
        "true",
        "Whether the decoder's scores are among the sequence scores if the target is not attributed.",
    ),
    Argument::new("output_encoder_self_scores", "true", "Whether the encoder's scores are among the sequence scores."),
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "value_zeroing",
            description: "How much does a layer's state change if the value vectors of a token are zero?",
            details: "In each layer separately, the value vectors of a token are set to zero. The score is the distance \
                      between the changed and the original state, as a share of the distances of all tokens. Scores have \
                      one value per layer; the default aggregation takes their mean. Source scores zero the values of the \
                      cross-attention, target scores those of the decoder's self-attention. The scores of the encoder (and \
                      of the decoder, if the target is not attributed) are among the sequence scores.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward, and 1 forward of a layer per token and layer",
        citation: "Mohebbi et al. (2023), Quantifying Context Mixing in Transformers, \
                   https://arxiv.org/abs/2301.12971",
        make: from_arguments::<ValueZeroing>("value_zeroing"),
    }
}

/// How much does a layer's state change if the value vectors of a token are zero?
///
/// Scores `[input, step, layer]`, between 0 and 1; a step's scores sum to 1 in each layer. Cost: one forward, and one forward of
/// a layer per token and layer. Mohebbi et al., 2023, <https://arxiv.org/abs/2301.12971>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValueZeroing {
    /// Distance between states.
    pub similarity_metric: Similarity,
    /// Heads of the encoder's self-attention whose values are zeroed.
    pub encoder_zeroed_units_indices: ZeroedHeads,
    /// Heads of the decoder's self-attention whose values are zeroed.
    pub decoder_zeroed_units_indices: ZeroedHeads,
    /// Heads of the cross-attention whose values are zeroed.
    pub cross_zeroed_units_indices: ZeroedHeads,
    /// Whether the decoder's scores are among the sequence scores if the target is not attributed.
    pub output_decoder_self_scores: bool,
    /// Whether the encoder's scores are among the sequence scores.
    pub output_encoder_self_scores: bool,
}

impl Default for ValueZeroing {
    fn default() -> Self {
        Self {
            similarity_metric: Similarity::Cosine,
            encoder_zeroed_units_indices: ZeroedHeads::default(),
            decoder_zeroed_units_indices: ZeroedHeads::default(),
            cross_zeroed_units_indices: ZeroedHeads::default(),
            output_decoder_self_scores: true,
            output_encoder_self_scores: true,
        }
    }
}

/// Distance between two states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Similarity {
    /// One minus the cosine of the angle between them.
    #[default]
    Cosine,
    /// The Euclidean distance.
    Euclidean,
}

/// Heads whose values are zeroed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "expected null, a head, a list of heads, or an object of layers and their heads")]
#[non_exhaustive]
pub enum ZeroedHeads {
    /// All heads of every layer.
    #[default]
    All,
    /// One head in every layer.
    One(usize),
    /// Some heads in every layer.
    Some(Vec<usize>),
    /// Some heads of some layers; in other layers no values are zeroed.
    ByLayer(#[serde(deserialize_with = "numbered")] BTreeMap<usize, OneOrMore>),
}

/// A map whose keys are numbers, which JSON writes as text.
fn numbered<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<usize, OneOrMore>, D::Error> {
    let named = BTreeMap::<String, OneOrMore>::deserialize(from)?;
    let each = named.into_iter().map(|(layer, heads)| {
        let layer = layer.parse().map_err(|_| D::Error::custom(format!("{layer:?} is no number of a layer")))?;
        Ok((layer, heads))
    });
    each.collect()
}

/// Heads of one layer: one or several; there is no third.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a head or a list of heads")]
pub enum OneOrMore {
    /// One head.
    One(usize),
    /// Several heads.
    More(Vec<usize>),
}

impl ZeroedHeads {
    /// The heads of a layer with `heads` heads whose values are zeroed, in order.
    fn of(&self, layer: usize, heads: usize) -> Result<Vec<usize>> {
        let some = match self {
            ZeroedHeads::All => return Ok((0..heads).collect()),
            ZeroedHeads::One(head) => std::slice::from_ref(head),
            ZeroedHeads::Some(some) => some,
            ZeroedHeads::ByLayer(layers) => match layers.get(&layer) {
                None => &[],
                Some(OneOrMore::One(head)) => std::slice::from_ref(head),
                Some(OneOrMore::More(some)) => some,
            },
        };
        if heads == 0 && !some.is_empty() {
            return Err(Error::argument(
                "zeroed_units_indices",
                format!("value_zeroing: layer {layer} has no heads to zero: it has no attention but a convolution"),
            ));
        }
        if let Some(head) = some.iter().find(|&&head| head >= heads) {
            return Err(Error::argument(
                "zeroed_units_indices",
                format!("value_zeroing: there is no head {head}; layer {layer} has {heads} heads"),
            ));
        }
        Ok((0..heads).filter(|head| some.contains(head)).collect())
    }
}

impl ValueZeroing {
    /// The heads of each kind of attention that are put to zero, by the name of the argument.
    fn zeroed(&self) -> [(&'static str, &ZeroedHeads); 3] {
        [
            ("encoder_zeroed_units_indices", &self.encoder_zeroed_units_indices),
            ("decoder_zeroed_units_indices", &self.decoder_zeroed_units_indices),
            ("cross_zeroed_units_indices", &self.cross_zeroed_units_indices),
        ]
    }
}

impl Method for ValueZeroing {
    fn name(&self) -> &str {
        "value_zeroing"
    }

    fn unused_options(&self) -> &'static [&'static str] {
        FUNCTION_AND_BASELINE
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn validate(&self) -> Result<()> {
        let no_heads = |heads: &OneOrMore| matches!(heads, OneOrMore::More(heads) if heads.is_empty());
        for (name, chosen) in self.zeroed() {
            let is_empty = match chosen {
                ZeroedHeads::Some(heads) => heads.is_empty(),
                ZeroedHeads::ByLayer(layers) => layers.is_empty() || layers.values().any(no_heads),
                ZeroedHeads::All | ZeroedHeads::One(_) => false,
            };
            if is_empty {
                return Err(Error::argument(name, format!("value_zeroing: `{name}` has a list that names no head")));
            }
        }
        Ok(())
    }

    fn check(&self, model: &Model) -> Result<()> {
        if !matches!(self.decoder_zeroed_units_indices, ZeroedHeads::ByLayer(_)) {
            check_values(model)?;
        }
        let encoder = model.encoder.as_ref().map(|encoder| &encoder.stack.blocks);
        let stacks = [encoder, Some(&model.decoder.blocks), encoder.and(Some(&model.decoder.blocks))];
        // As in the reference, what names an attention or a layer that the model does not have has no effect.
        for ((_, chosen), blocks) in self.zeroed().into_iter().zip(stacks) {
            let Some(blocks) = blocks else { continue };
            for (layer, block) in blocks.iter().enumerate() {
                chosen.of(layer, block.mixer.inner.heads())?;
            }
        }
        Ok(())
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        // A step reads the query before its own position; those between the first and the last are read together.
        let steps = text.start() - 1..text.seen();
        let has_encoder = !context.engine.model.is_decoder_only();
        let of_target = if context.attribute_target { steps.clone() } else { 0..text.seen() };
        let asked = [
            (LeftOut::Decoder, context.attribute_target || self.output_decoder_self_scores, of_target),
            (LeftOut::Encoder, has_encoder && self.output_encoder_self_scores, 0..text.source.len()),
            (LeftOut::Cross, has_encoder, steps),
        ];
        let asked = asked.into_iter().filter_map(|(which, is_asked, wanted)| is_asked.then_some((which, wanted)));
        let mut found = self.scores(context, text, &asked.collect::<Vec<_>>())?;
        let [decoder, encoder, cross] =
            [LeftOut::Decoder, LeftOut::Encoder, LeftOut::Cross].map(|which| found.remove(&which));
        let cost = self.cost(context.engine.model, text, context.attribute_target);
        (context.advance)(cost.forwards.most * text.steps.len())?;
        let mut sequence_scores = Vec::new();
        if let Some(decoder) = decoder.as_ref().filter(|_| !context.attribute_target) {
            let score = SequenceScore::new([ScoreAxis::Target; 2], by_key(decoder));
            sequence_scores.push(("decoder_self_scores".to_owned(), score));
        }
        if let Some(encoder) = &encoder {
            let score = SequenceScore::new([ScoreAxis::Source; 2], by_key(encoder));
            sequence_scores.push(("encoder_self_scores".to_owned(), score));
        }
        let target = decoder.filter(|_| context.attribute_target);
        Ok(Attributions {
            source: cross.map(|cross| by_step(&cross, text)),
            target: target.map(|target| by_step(&target, text)),
            sequence_scores,
            kind: AttributionKind::MultiDimensional { dimensions: vec!["layer".into()] },
            ..Attributions::default()
        })
    }

    fn cost(&self, _: &Model, text: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1 + text.count_features(true), 0)
    }
}

impl ValueZeroing {
    /// Distances `[layer, query, key]` of each kind: the change of each state without each token's values; zero for queries that
    /// were not requested.
    fn scores(
        &self,
        context: &MethodContext,
        text: &TextSteps,
        asked: &[(LeftOut, Range<usize>)],
    ) -> Result<BTreeMap<LeftOut, ArrayD<f32>>> {
        let model = context.engine.model;
        let point = context.engine.inputs(&[text])?;
        let target_features: Vec<_> = text.seen_target_features().collect();
        let at_once = context.engine.forwards_that_fit(text).max(1);
        let mut requests = Vec::new();
        let mut scores = Vec::new();
        for (which, wanted) in asked {
            let (blocks, chosen) = match (which, &model.encoder) {
                (LeftOut::Encoder, Some(encoder)) => (&encoder.stack.blocks, &self.encoder_zeroed_units_indices),
                (LeftOut::Cross, _) => (&model.decoder.blocks, &self.cross_zeroed_units_indices),
                _ => (&model.decoder.blocks, &self.decoder_zeroed_units_indices),
            };
            let heads = blocks.iter().enumerate().map(|(layer, block)| {
                let of_cross = block.cross_attention.as_ref().map(|cross| cross.inner.heads);
                let heads = of_cross.filter(|_| *which == LeftOut::Cross);
                chosen.of(layer, heads.unwrap_or_else(|| block.mixer.inner.heads()))
            });
            let features = if *which == LeftOut::Decoder { &target_features } else { &text.source_features };
            requests.push(LeftOutRequest {
                which: *which,
                parts: features.chunks(at_once).collect(),
                heads: heads.collect::<Result<_>>()?,
                wanted: wanted.clone(),
            });
            let (queries, keys) = match which {
                LeftOut::Encoder => (text.source.len(), text.source.len()),
                LeftOut::Decoder => (text.seen(), text.seen()),
                LeftOut::Cross => (text.seen(), text.source.len()),
            };
            scores.push(Array3::<f32>::zeros((blocks.len(), queries, keys)));
        }
        left_out_values(
            model,
            (point.source.as_ref(), point.target),
            &requests,
            |clean| self.similarity_metric.compared(clean),
            |states, clean| read(self.similarity_metric.distance(states, clean), "distances of states"),
            |request, layer, left_out, distances| {
                let is_causal = requests[request].which == LeftOut::Decoder;
                for ((span, query), distance) in left_out.rows().zip(distances?) {
                    let span = &left_out.spans[span];
                    // Nothing is taken from what a query cannot see; rounding is no distance either.
                    let seen = span.start..if is_causal { span.end.min(query + 1) } else { span.end };
                    if !seen.is_empty() && distance >= 1e-5 {
                        let share = distance / seen.len() as f32;
                        seen.for_each(|key| scores[request][[layer, query, key]] = share);
                    }
                }
                Ok(())
            },
        )?;
        let shares =
            requests.iter().zip(scores).map(|(request, scores)| (request.which, shares(request.which, scores)));
        Ok(shares.collect())
    }
}

/// Refuses a model of which some layers have no values to zero.
fn check_values(model: &Model) -> Result<()> {
    let Some(layers) = without_attention(model) else { return Ok(()) };
    let heads = model.decoder.blocks.iter().map(|block| block.mixer.inner.heads()).enumerate();
    let by_layer = heads.into_iter().find(|(_, heads)| *heads > 0).map(|(layer, heads)| {
        let heads: Vec<String> = (0..heads).map(|head| head.to_string()).collect();
        format!("give `decoder_zeroed_units_indices` by layer, say {{\"{layer}\": [{}]}}", heads.join(", "))
    });
    let way_out = by_layer.unwrap_or_else(|| "use `saliency` or `occlusion`".to_owned());
    Err(Error::argument("method", format!("value_zeroing: {layers}; {way_out}")))
}

impl Similarity {
    /// States `[1, row, feature]`, prepared for the comparison.
    fn compared(self, states: Tensor<3>) -> Tensor<3> {
        match self {
            Similarity::Cosine => states.clone() / states.square().sum_dim(2).sqrt().clamp_min(1e-8),
            Similarity::Euclidean => states,
        }
    }

    /// Distances `[1, row, 1]` between states `[1, row, feature]` and other prepared states.
    fn distance(self, states: Tensor<3>, others: Tensor<3>) -> Tensor<3> {
        let square = (self.compared(states) - others).square().sum_dim(2);
        match self {
            // `1 - cos` loses its digits where states are near each other, and half the squared distance of unit vectors none.
            Similarity::Cosine => square * 0.5,
            Similarity::Euclidean => square.sqrt(),
        }
    }
}

/// The distances of each query as shares of their sum, if it is not 0.
fn shares(which: LeftOut, mut scores: Array3<f32>) -> ArrayD<f32> {
    for mut layer in scores.axis_iter_mut(Axis(0)) {
        for mut row in layer.axis_iter_mut(Axis(0)) {
            let total = row.sum();
            if total > 0.0 {
                row /= total;
            }
        }
    }
    if which == LeftOut::Decoder {
        for ((_, query, key), score) in scores.indexed_iter_mut() {
            if key > query {
                *score = f32::NAN;
            }
        }
    }
    scores.into_dyn()
}
