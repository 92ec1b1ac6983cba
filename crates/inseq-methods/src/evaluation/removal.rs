//! Ways to remove tokens from the input, and the outputs without them.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use inseq_models::model::Wanted;
use serde::{Deserialize, Serialize};

use super::metric::{Mask, Outputs};
use crate::engine::{Engine, Point, Steps, TextSteps};
use crate::perturbation::{Perturbed, Side};
use crate::step_functions::SharedStepFunction;
use crate::{Error, Result};

/// How tokens are removed from the input: the same for all methods and metrics of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Removal {
    /// A token is replaced with the baseline token: the unknown token, or the token with the id 0.
    #[default]
    Baseline,
    /// The embedding of a token is replaced with zeros.
    Zero,
    /// A token is deleted, and the tokens after it move up. Where none is left, the token that begins a text is the input, or else the
    /// baseline token.
    Deletion,
}

impl Removal {
    const ALL: [Self; 3] = [Self::Baseline, Self::Zero, Self::Deletion];

    /// Name, for flags and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Zero => "zero",
            Self::Deletion => "deletion",
        }
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Removal {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|removal| removal.name() == name);
        found.ok_or_else(|| Error::unknown("removal", name, Self::ALL.map(Self::name)))
    }
}

/// A text whose ranked tokens can be removed.
pub(super) struct Removable<'a> {
    pub(super) engine: &'a Engine<'a>,
    /// Log-probability of each token of the output.
    pub(super) function: SharedStepFunction,
    /// The text, with a step for each token of the output.
    pub(super) text: &'a TextSteps,
    /// Positions of the ranked tokens: in the source, or in the prompt of a decoder-only model.
    pub(super) positions: &'a [usize],
    pub(super) removal: Removal,
    /// Stands for an input without tokens.
    pub(super) empty: u32,
}

impl Removable<'_> {
    /// The outputs at masks; `done` gets the number of finished forwards.
    ///
    /// # Errors
    /// The device or `done` fails.
    pub(super) fn outputs(&self, masks: Vec<Mask>, done: &mut dyn FnMut(usize) -> Result<()>) -> Result<Outputs> {
        let mut seen = HashSet::new();
        let different: Vec<Mask> = masks.into_iter().filter(|mask| seen.insert(mask.clone())).collect();
        let scores = match self.removal {
            Removal::Baseline | Removal::Zero => self.replaced(&different, done)?,
            Removal::Deletion => self.deleted(&different, done)?,
        };
        let wide = |scores: Vec<f32>| scores.into_iter().map(f64::from).collect();
        Ok(Outputs { known: different.into_iter().zip(scores.into_iter().map(wide)).collect::<HashMap<_, _>>() })
    }

    fn side(&self) -> Side {
        if self.engine.model.is_decoder_only() { Side::Target } else { Side::Source }
    }

    fn replaced(&self, masks: &[Mask], done: &mut dyn FnMut(usize) -> Result<()>) -> Result<Vec<Vec<f32>>> {
        let input = self.engine.inputs(&[self.text])?;
        let mut baseline = self.engine.baselines(&input, Wanted { source: true, target: true, first: &[] })?;
        if self.removal == Removal::Zero {
            baseline.target = baseline.target.zeros_like();
            if let Some(source) = &mut baseline.source {
                source.embeddings = source.embeddings.zeros_like();
            }
        }
        let spans = self.positions.iter().map(|&position| (self.side(), position..position + 1));
        let mut perturbed = Perturbed::of(self.engine, self.function.clone(), (input, baseline), self.text, spans)?;
        if self.removal == Removal::Zero {
            perturbed.features.iter_mut().for_each(|feature| feature.changes = true);
        }
        perturbed.scores(masks, masks.len(), done)
    }

    fn deleted(&self, masks: &[Mask], done: &mut dyn FnMut(usize) -> Result<()>) -> Result<Vec<Vec<f32>>> {
        let texts: Vec<TextSteps> = masks.iter().map(|mask| self.without(mask)).collect();
        let length = |index: usize| (texts[index].source.len(), texts[index].target.len());
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&index| length(index));
        let mut scores = vec![Vec::new(); masks.len()];
        let model = self.engine.model;
        for same in order.chunk_by(|&one, &other| length(one) == length(other)) {
            for chunk in same.chunks(self.engine.forwards_that_fit(self.text)) {
                let point: Point = self.engine.inputs(&chunk.iter().map(|&index| &texts[index]).collect::<Vec<_>>())?;
                let memory = point.source.as_ref().and_then(|source| model.memory(source));
                let hidden = model.decode(memory.as_ref(), point.target.clone());
                let found = self.engine.scores(&point, &hidden, &[&*self.function])?.swap_remove(0);
                chunk.iter().zip(found).for_each(|(&index, found)| scores[index] = found);
                done(chunk.len())?;
            }
        }
        Ok(scores)
    }

    /// The text without the tokens that a mask removes.
    fn without(&self, mask: &Mask) -> TextSteps {
        let removed: HashSet<usize> =
            self.positions.iter().zip(mask).filter(|(_, kept)| !**kept).map(|(&position, _)| position).collect();
        let text = self.text;
        let length = if self.side() == Side::Source { text.source.len() } else { text.first };
        let empty = (removed.len() == length).then_some(self.empty);
        let rest = |ids: &[u32]| -> Vec<u32> {
            let kept = ids.iter().enumerate().filter(|(position, _)| !removed.contains(position));
            empty.into_iter().chain(kept.map(|(_, &id)| id)).collect()
        };
        let fewer = removed.len() - usize::from(empty.is_some());
        match self.side() {
            Side::Source => TextSteps {
                source: rest(&text.source),
                source_baseline: rest(&text.source_baseline),
                source_features: Vec::new(),
                ..text.clone()
            },
            Side::Target => TextSteps {
                target: rest(&text.target),
                target_baseline: rest(&text.target_baseline),
                target_features: Vec::new(),
                first: text.first - fewer,
                steps: Steps::spans(text.steps.iter().map(|step| step.start - fewer..step.end - fewer)),
                ..text.clone()
            },
        }
    }
}
