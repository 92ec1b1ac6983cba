//! Perturbation methods: they change the input and measure the change of the attributed function.
//!
//! A changed input goes through the model once and scores every step: a step sees no change at or after its own position.
//! The encoder runs again only if the source is changed. If only the target is changed, the keys and values of the unchanged
//! text are reused up to the first change.

pub(crate) mod kernel_shap;
pub(crate) mod lime;
pub(crate) mod occlusion;
pub(crate) mod partition_shap;
pub(crate) mod reagent;
mod regression;
pub(crate) mod shapley_value_sampling;

use std::collections::HashMap;
use std::ops::Range;

use burn::tensor::Tensor;
use inseq_core::{Argument, AttributionKind};
use inseq_models::model::{IncrementalDecoder, Source, Wanted};
use ndarray::Array2;

pub use kernel_shap::KernelShap;
pub use lime::Lime;
pub use occlusion::{Occlusion, Window};
pub use partition_shap::PartitionShap;
pub use reagent::{Reagent, Replacements, Words};
pub use shapley_value_sampling::ShapleyValueSampling;

use crate::engine::{Engine, Point, TextSteps};
use crate::feature_groups::choices;
use crate::method::{Attributions, MethodContext};
use crate::step_functions::SharedStepFunction;
use crate::{Count, Result};

/// Changed inputs that go through the model at once: accepted as the reference and Captum do; the memory budget decides.
pub type PerturbationsPerEval = Option<Count<1, { 1 << 24 }>>;

/// The argument of this type.
const PERTURBATIONS_PER_EVAL: Argument = Argument::new(
    "perturbations_per_eval",
    "none",
    "Accepted as in Captum; has no effect, because the memory budget decides.",
);

/// The text that a feature belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Target,
}

/// Tokens that are changed together.
#[derive(Clone, Debug)]
pub(crate) struct Feature {
    pub(crate) side: Side,
    /// Positions of the tokens.
    pub(crate) positions: Range<usize>,
    /// Whether the baseline differs from the text at these positions.
    pub(crate) changes: bool,
}

/// One text whose features can be replaced with their baseline.
pub(crate) struct Perturbed<'a> {
    pub(crate) text: &'a TextSteps,
    input: Point<'a>,
    baseline: Point<'a>,
    pub(crate) unchanged: Unchanged<'a>,
    pub(crate) features: Vec<Feature>,
}

impl<'a> Perturbed<'a> {
    /// Every feature of the attributed sides of the whole text, for all requested steps.
    pub(crate) fn new(context: &MethodContext<'a>, text: &'a TextSteps) -> Result<Self> {
        let mut spans: Vec<_> = text.source_features.iter().map(|span| (Side::Source, span.clone())).collect();
        if context.attribute_target {
            spans.extend(text.all_target_features().map(|span| (Side::Target, span)));
        }
        let input = context.engine.inputs(&[text])?;
        let wanted = Wanted { target: true, ..context.wanted() };
        let baseline = context.engine.baselines(&input, wanted)?;
        Self::of(context.engine, context.function.clone(), (input, baseline), text, spans)
    }

    /// Some spans of a text, which are replaced with those of another point.
    pub(crate) fn of(
        engine: &'a Engine<'a>,
        function: SharedStepFunction,
        (input, baseline): (Point<'a>, Point<'a>),
        text: &'a TextSteps,
        spans: impl IntoIterator<Item = (Side, Range<usize>)>,
    ) -> Result<Self> {
        let feature = |(side, positions): (Side, Range<usize>)| {
            let (ids, baseline) = match side {
                Side::Source => (&text.source, &text.source_baseline),
                Side::Target => (&text.target, &text.target_baseline),
            };
            Feature { side, changes: ids[positions.clone()] != baseline[positions.clone()], positions }
        };
        let features = spans.into_iter().map(feature).collect();
        let unchanged = Unchanged::new(engine, text, &input, function)?;
        Ok(Self { text, input, baseline, unchanged, features })
    }

    /// Indices of the features that differ from their baseline.
    pub(crate) fn changing(&self) -> Vec<usize> {
        (0..self.features.len()).filter(|&i| self.features[i].changes).collect()
    }

    /// All subsets of kept features, if there are at most `most`.
    pub(crate) fn all_choices(&self, most: usize) -> Option<Vec<Vec<bool>>> {
        let changing = self.changing();
        let count = choices(changing.len(), most)?;
        let choice = |bits: usize| {
            let mut mask = vec![true; self.features.len()];
            changing.iter().enumerate().for_each(|(i, &feature)| mask[feature] = bits >> i & 1 == 1);
            mask
        };
        Some((0..count).map(choice).collect())
    }

    /// Whether a step sees a feature.
    pub(crate) fn is_seen(&self, feature: &Feature, step: usize) -> bool {
        feature.side == Side::Source || feature.positions.start < self.text.steps.position(step)
    }

    /// Whether any attributed step sees a feature.
    pub(crate) fn is_ever_seen(&self, feature: &Feature) -> bool {
        feature.side == Side::Source || feature.positions.start < self.text.seen()
    }

    /// Scores of every step, `[mask][step]`; a mask contains whether each feature is kept.
    ///
    /// Masks that are equal for all attributed steps are computed once. `forwards` is the planned number of forwards; `done` gets
    /// the number of finished ones, and at the end those that were not needed.
    pub(crate) fn scores(
        &self,
        masks: &[Vec<bool>],
        forwards: usize,
        done: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<Vec<Vec<f32>>> {
        // What is equal to its baseline, or what no attributed step sees, is as good as kept.
        let free: Vec<bool> =
            self.features.iter().map(|feature| !feature.changes || !self.is_ever_seen(feature)).collect();
        let kept =
            |mask: &Vec<bool>| -> Vec<bool> { mask.iter().zip(&free).map(|(kept, free)| *kept || *free).collect() };
        let mut index: HashMap<Vec<bool>, usize> = HashMap::new();
        let mut each: Vec<usize> = Vec::with_capacity(masks.len());
        let mut different: Vec<Vec<bool>> = Vec::new();
        for mask in masks {
            let mask = kept(mask);
            let next = different.len();
            let at = *index.entry(mask.clone()).or_insert(next);
            if at == next {
                different.push(mask);
            }
            each.push(at);
        }
        // In the order of their first changes, those that go through together share the longest prefix that they can.
        let first = |i: usize| self.first_change(&different[i]);
        let mut order: Vec<usize> = (0..different.len()).collect();
        order.sort_by_key(|&i| first(i));
        let mut scores = vec![Vec::new(); different.len()];
        let at_once = self.unchanged.engine.forwards_that_fit(self.text);
        for same_kind in order.chunk_by(|&a, &b| first(a).is_some() == first(b).is_some()) {
            for chunk in same_kind.chunks(at_once) {
                let chunk_masks: Vec<&[bool]> = chunk.iter().map(|&i| different[i].as_slice()).collect();
                for (&i, values) in chunk.iter().zip(self.chunk_scores(&chunk_masks, first(chunk[0]))?) {
                    scores[i] = values;
                }
                done(chunk.len())?;
            }
        }
        done(forwards.saturating_sub(different.len()))?;
        Ok(each.into_iter().map(|i| scores[i].clone()).collect())
    }

    /// The first target position that a mask changes (the end, if there is none); `None` if it changes the source.
    fn first_change(&self, mask: &[bool]) -> Option<usize> {
        let mut changed = mask.iter().zip(&self.features).filter(|(kept, _)| !**kept).map(|(_, feature)| feature);
        let changes_source = changed.clone().any(|feature| feature.side == Side::Source);
        (!changes_source).then(|| changed.next().map_or(self.text.target.len(), |feature| feature.positions.start))
    }

    /// Scores of masks that change the target from `first` on; if `first` is `None`, of masks that change the source.
    fn chunk_scores(&self, masks: &[&[bool]], first: Option<usize>) -> Result<Vec<Vec<f32>>> {
        let count = masks.len();
        let mixed = |side: Side, input: &Tensor<3>, baseline: &Tensor<3>| {
            let [_, length, _] = input.dims();
            let mut kept = vec![1f32; count * length];
            for (entry, mask) in masks.iter().enumerate() {
                let put = mask.iter().zip(&self.features).filter(|(kept, feature)| !**kept && feature.side == side);
                for position in put.flat_map(|(_, feature)| feature.positions.clone()).filter(|&p| p < length) {
                    kept[entry * length + position] = 0.0;
                }
            }
            let kept = Tensor::<1>::from_data(kept.as_slice(), &input.device()).reshape([count, length, 1]);
            let kept = kept.cast(input.dtype());
            baseline.clone() + (input.clone() - baseline.clone()) * kept
        };
        let target = mixed(Side::Target, &self.input.target, &self.baseline.target);
        let source = match (&self.input.source, &self.baseline.source) {
            (Some(input), Some(baseline)) if first.is_none() => {
                let embeddings = mixed(Side::Source, &input.embeddings, &baseline.embeddings);
                Some(Source { embeddings, lengths: vec![input.lengths[0]; count] })
            }
            _ => None,
        };
        self.unchanged.scores_of(source, first.unwrap_or(0), target)
    }

    /// The scores of features, `[feature][step]`, as one score per token: the score of a feature of several tokens is distributed
    /// over its tokens that the step sees.
    pub(crate) fn attributions(&self, scores: &[Vec<f32>]) -> Attributions {
        let steps = self.text.steps.len();
        let mut source = Array2::<f32>::zeros((self.text.source.len(), steps));
        let mut target = Array2::<f32>::zeros((self.text.steps.end(), steps));
        for (feature, scores) in self.features.iter().zip(scores) {
            let into = if feature.side == Side::Source { &mut source } else { &mut target };
            for (step, score) in scores.iter().enumerate() {
                let end = if feature.side == Side::Source { usize::MAX } else { self.text.steps.position(step) };
                let seen = feature.positions.start..feature.positions.end.min(end);
                let share = score / seen.len() as f32;
                seen.for_each(|position| into[[position, step]] = share);
            }
        }
        let has = |side| self.features.iter().any(|feature| feature.side == side);
        Attributions {
            source: has(Side::Source).then(|| source.into_dyn()),
            target: has(Side::Target).then(|| target.into_dyn()),
            kind: AttributionKind::Coarse,
            ..Attributions::default()
        }
    }
}

/// The unchanged text, run once, so that changed copies of it can continue from it.
pub(crate) struct Unchanged<'a> {
    engine: &'a Engine<'a>,
    text: &'a TextSteps,
    function: SharedStepFunction,
    source: Option<Source>,
    /// Decoder state after the whole target.
    decoder: IncrementalDecoder<'a>,
    /// The last hidden states, `[1, position, feature]`.
    states: Tensor<3>,
    /// Scores of every step.
    pub(crate) scores: Vec<f32>,
}

impl<'a> Unchanged<'a> {
    pub(crate) fn new(
        engine: &'a Engine<'a>,
        text: &'a TextSteps,
        point: &Point,
        function: SharedStepFunction,
    ) -> Result<Self> {
        let memory = point.source.as_ref().and_then(|source| engine.model.memory(source));
        let mut decoder = IncrementalDecoder::after_encoder(engine.model, memory.as_ref(), 1);
        let states = decoder.extend(point.target.clone(), point.target.dims()[1]);
        let scores = engine.scores(point, &states, &[&*function])?.swap_remove(0).swap_remove(0);
        Ok(Self { engine, text, function, source: point.source.clone(), decoder, states, scores })
    }

    /// The last hidden states `[copy, position, feature]` of copies with other sources (without them, the source of the text) and
    /// the embeddings `target`, which are those of the text before `first`.
    pub(crate) fn hidden(&self, source: Option<&Source>, first: usize, target: Tensor<3>) -> Tensor<3> {
        let [count, length, _] = target.dims();
        if let Some(source) = source {
            return self.engine.model.decode(self.engine.model.memory(source).as_ref(), target);
        }
        let unchanged = |length: usize| self.states.clone().narrow(1, 0, length).repeat_dim(0, count);
        if first >= length {
            return unchanged(length);
        }
        let mut decoder = self.decoder.prefix(first);
        decoder.reorder(&vec![0; count]);
        let changed = decoder.extend(target.narrow(1, first, length - first), length - first);
        if first == 0 { changed } else { Tensor::cat(vec![unchanged(first), changed], 1) }
    }

    /// The last hidden states of the text, `[1, position, feature]`.
    pub(crate) fn states(&self) -> &Tensor<3> {
        &self.states
    }

    /// Scores of every step, `[copy][step]`, for copies as in [`hidden`](Self::hidden).
    pub(crate) fn scores_of(&self, source: Option<Source>, first: usize, target: Tensor<3>) -> Result<Vec<Vec<f32>>> {
        let count = target.dims()[0];
        // The step of the token after `first` is the earliest that sees the change. Noise is each copy's own.
        let sees_all = source.is_some() || self.function.noisy_forwards().is_some();
        let affected = if sees_all { 0 } else { self.text.steps.seeing_at_most(first) };
        let hidden = self.hidden(source.as_ref(), first, target.clone());
        let source = source.or_else(|| self.source.as_ref().map(|own| own.repeat(0, count)));
        let point = Point { texts: vec![self.text; count], source, target };
        let scores = self.engine.scores_from(affected, &point, &hidden, &[&*self.function])?.swap_remove(0);
        Ok(scores.into_iter().map(|own| self.scores[..affected].iter().copied().chain(own).collect()).collect())
    }
}

/// Embeddings of ids in rows of the same length, `[row, position, feature]`.
pub(crate) fn embedded(embedding: &inseq_models::layers::Embedding, rows: &[Vec<u32>], length: usize) -> Tensor<3> {
    let ids: Vec<u32> = rows.iter().flat_map(|row| row[..length].iter().copied()).collect();
    embedding.forward(&ids, rows.len())
}
