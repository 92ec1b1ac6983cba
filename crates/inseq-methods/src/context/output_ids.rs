//! An output as ids, after one of two inputs.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use crate::attributed::Attributed;
use crate::engine::Steps;
use crate::other_contexts::{Alternative, OtherIds};

/// A text as ids, and the tokens of the output to study in it. With a context and without it, the output has the same tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OutputIds {
    /// The input as text.
    pub(crate) input: String,
    /// Source of an encoder-decoder.
    pub(crate) source: Option<Vec<u32>>,
    /// Target; of a decoder-only model with its prompt.
    pub(crate) target: Vec<u32>,
    /// Position of the first token of the target that is not part of a prompt or the decoder start.
    pub(crate) first: usize,
    /// Positions in the target of the tokens of the output to study.
    pub(crate) positions: Vec<usize>,
}

impl OutputIds {
    /// The text with some of the tokens of the output, by their indices, as steps.
    pub(crate) fn at(&self, indices: impl IntoIterator<Item = usize>) -> Attributed<'_> {
        Attributed {
            source: self.source.as_deref(),
            target: &self.target,
            first: self.first,
            steps: Steps::at(indices.into_iter().map(|index| self.positions[index])),
        }
    }

    /// The text with all tokens of the output as steps.
    pub(crate) fn all(&self) -> Attributed<'_> {
        self.at(0..self.positions.len())
    }

    /// The output in another text as the other context of a function: the alternatives of some of its tokens, by their index, and
    /// the same tokens for the others. An alternative that differs from its token is scored in the text's own context, unless the
    /// function `forces` the other one. `states` are the last hidden states of the other text.
    pub(crate) fn compared_with(
        &self,
        (other, states): (&Self, Tensor<2>),
        alternatives: &BTreeMap<usize, u32>,
        forces: bool,
    ) -> OtherIds {
        let each = self.positions.iter().zip(&other.positions).enumerate().map(|(index, (&own, &position))| {
            let written = self.target[own];
            let token = alternatives.get(&index).copied().unwrap_or(other.target[position]);
            (own, Alternative { position, token, in_own_context: !forces && token != written })
        });
        OtherIds {
            source: other.source.clone(),
            target: other.target.clone(),
            states: Some(states),
            alternatives: each.collect(),
        }
    }
}
