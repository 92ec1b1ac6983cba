//! Methods that change the input and look at what becomes of the score.
//!
//! A changed input goes through the model once and scores every step: a step sees no change at or after its own position.
//! The encoder runs again only where the source is changed.

mod kernel_shap;
mod lime;
mod occlusion;
mod partition_shap;
mod reagent;
mod regression;
mod shapley_value_sampling;

use std::collections::HashMap;

use burn::tensor::{Int, Tensor};
use inseq_core::AttributionKind;
use inseq_models::model::{Memory, Source};
use ndarray::Array2;

pub use kernel_shap::KernelShap;
pub use lime::Lime;
pub use occlusion::Occlusion;
pub use partition_shap::PartitionShap;
pub use reagent::{Reagent, Replacements};
pub use shapley_value_sampling::ShapleyValueSampling;

pub(crate) use kernel_shap::INFO as KERNEL_SHAP;
pub(crate) use lime::INFO as LIME;
pub(crate) use occlusion::INFO as OCCLUSION;
pub(crate) use partition_shap::INFO as PARTITION_SHAP;
pub(crate) use reagent::INFO as REAGENT;
pub(crate) use shapley_value_sampling::INFO as SHAPLEY_VALUE_SAMPLING;

use crate::Result;
use crate::engine::{Engine, Point, TextSteps};
use crate::method::{Attributions, MethodContext};

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
    /// Their positions, ascending.
    pub(crate) positions: Vec<usize>,
    /// Whether the baseline differs from the text there.
    pub(crate) changes: bool,
}

/// One text whose features can be put to their baseline.
pub(crate) struct Perturbed<'a> {
    engine: &'a Engine<'a>,
    pub(crate) text: &'a TextSteps,
    function: crate::step_functions::SharedStepFunction,
    input: Point<'a>,
    baseline: Point<'a>,
    /// The encoder's output of the text as it is.
    memory: Option<Memory>,
    pub(crate) features: Vec<Feature>,
}

impl<'a> Perturbed<'a> {
    /// Every token of what is attributed is a feature.
    pub(crate) fn new(context: &MethodContext<'a>, text: &'a TextSteps) -> Self {
        let engine = context.engine;
        let input = engine.inputs(&[text]);
        let baseline = engine.baselines(&[text]);
        let memory = memory(engine, &input);
        let tokens = |side, ids: &[u32], baseline: &[u32], count: usize| {
            let each = ids.iter().zip(baseline).take(count).enumerate();
            let feature = each.map(|(i, (id, baseline))| Feature { side, positions: vec![i], changes: id != baseline });
            feature.collect::<Vec<_>>()
        };
        let mut features = tokens(Side::Source, &text.source, &text.source_baseline, usize::MAX);
        if context.attribute_target {
            features.extend(tokens(Side::Target, &text.target, &text.target_baseline, text.steps.end - 1));
        }
        Self { engine, text, function: context.function.clone(), input, baseline, memory, features }
    }

    /// Indices of the features that differ from their baseline.
    pub(crate) fn changing(&self) -> Vec<usize> {
        (0..self.features.len()).filter(|&i| self.features[i].changes).collect()
    }

    /// Whether a step sees a feature.
    pub(crate) fn is_seen(&self, feature: &Feature, step: usize) -> bool {
        feature.side == Side::Source || feature.positions.first().is_some_and(|&p| p < self.text.steps.start + step)
    }

    /// Scores of every step, `[mask][step]`; a mask says of each feature whether it is kept.
    ///
    /// Equal masks are computed once. `done` is told how many masks are finished.
    pub(crate) fn scores(
        &self,
        masks: &[Vec<bool>],
        done: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<Vec<Vec<f32>>> {
        // What is equal to its baseline is as good as kept.
        let kept = |mask: &Vec<bool>| -> Vec<bool> {
            mask.iter().zip(&self.features).map(|(kept, feature)| *kept || !feature.changes).collect()
        };
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
        let changes_source = |mask: &[bool]| {
            mask.iter().zip(&self.features).any(|(kept, feature)| !kept && feature.side == Side::Source)
        };
        let (source, target): (Vec<usize>, Vec<usize>) =
            (0..different.len()).partition(|&i| changes_source(&different[i]));
        let mut scores = vec![Vec::new(); different.len()];
        let at_once = self.engine.forwards_that_fit(self.text);
        for chunk in source.chunks(at_once).chain(target.chunks(at_once)) {
            let chunk_masks: Vec<&[bool]> = chunk.iter().map(|&i| different[i].as_slice()).collect();
            for (&i, values) in chunk.iter().zip(self.chunk_scores(&chunk_masks, changes_source(&different[chunk[0]]))?)
            {
                scores[i] = values;
            }
            done(chunk.len())?;
        }
        done(masks.len() - different.len())?;
        Ok(each.into_iter().map(|i| scores[i].clone()).collect())
    }

    fn chunk_scores(&self, masks: &[&[bool]], changes_source: bool) -> Result<Vec<Vec<f32>>> {
        let count = masks.len();
        let mixed = |side: Side, input: &Tensor<3>, baseline: &Tensor<3>| {
            let [_, length, _] = input.dims();
            let mut kept = vec![1f32; count * length];
            for (entry, mask) in masks.iter().enumerate() {
                let put = mask.iter().zip(&self.features).filter(|(kept, feature)| !**kept && feature.side == side);
                for &position in put.flat_map(|(_, feature)| &feature.positions).filter(|&&p| p < length) {
                    kept[entry * length + position] = 0.0;
                }
            }
            let kept = Tensor::<1>::from_data(kept.as_slice(), &input.device()).reshape([count, length, 1]);
            let kept = kept.cast(input.dtype());
            baseline.clone() + (input.clone() - baseline.clone()) * kept
        };
        let source = match (&self.input.source, &self.baseline.source) {
            (Some(input), Some(baseline)) if changes_source => {
                let embeddings = mixed(Side::Source, &input.embeddings, &baseline.embeddings);
                Some(Source { embeddings, lengths: vec![input.lengths[0]; count] })
            }
            (input, _) => input.as_ref().map(|input| input.repeat(0, count)),
        };
        let memory = match &source {
            Some(source) if changes_source => encoded(self.engine, source),
            _ => self.memory.as_ref().map(|memory| memory.repeat(count)),
        };
        let target = mixed(Side::Target, &self.input.target, &self.baseline.target);
        let point = Point { texts: vec![self.text; count], source, target };
        forward_scores(self.engine, &point, memory.as_ref(), &*self.function)
    }

    /// The scores of features, `[feature][step]`, as one score for each token: a feature of several tokens spreads its score
    /// over them.
    pub(crate) fn attributions(&self, scores: &[Vec<f32>]) -> Attributions {
        let steps = self.text.steps.len();
        let mut source = Array2::<f32>::zeros((self.text.source.len(), steps));
        let mut target = Array2::<f32>::zeros((self.text.steps.end, steps));
        for (feature, scores) in self.features.iter().zip(scores) {
            let into = if feature.side == Side::Source { &mut source } else { &mut target };
            for (step, score) in scores.iter().enumerate() {
                for &position in &feature.positions {
                    into[[position, step]] = score / feature.positions.len() as f32;
                }
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

/// The encoder's output for a point.
pub(crate) fn memory(engine: &Engine, point: &Point) -> Option<Memory> {
    encoded(engine, point.source.as_ref()?)
}

fn encoded(engine: &Engine, source: &Source) -> Option<Memory> {
    Some(Memory { output: engine.model.encode(source)?, lengths: source.lengths.clone() })
}

/// Scores of every step, `[entry][step]`, for changed copies of a text, whose sources the encoder makes `memory` of.
pub(crate) fn forward_scores(
    engine: &Engine,
    point: &Point,
    memory: Option<&Memory>,
    function: &dyn crate::step_functions::StepFunction,
) -> Result<Vec<Vec<f32>>> {
    let hidden = engine.model.decode(memory, point.target.clone());
    Ok(engine.scores(point, &hidden, &[function])?.swap_remove(0))
}

/// Embeddings of ids in equal rows, `[row, position, feature]`.
pub(crate) fn embedded(embedding: &inseq_models::layers::Embedding, rows: &[Vec<u32>], length: usize) -> Tensor<3> {
    let ids: Vec<u32> = rows.iter().flat_map(|row| row[..length].iter().copied()).collect();
    embedding.forward(&ids, rows.len())
}

/// `memory` of one text for several copies of it.
trait Repeat {
    fn repeat(&self, count: usize) -> Memory;
}

impl Repeat for Memory {
    fn repeat(&self, count: usize) -> Memory {
        let index = Tensor::<1, Int>::zeros([count], &self.output.device());
        Memory { output: self.output.clone().select(0, index), lengths: vec![self.lengths[0]; count] }
    }
}
