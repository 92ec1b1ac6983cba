//! Input of step functions.

use std::fmt;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use inseq_models::model::{Model, Source};

use crate::point::Point;
use crate::{Error, Result};

/// Input of a step function: one row for each step of each text; for steps of several tokens, whose scores are summed, one for each
/// token.
///
/// A call runs texts and steps in batches, whose size depends on the memory budget. A score must therefore depend only on its own
/// row: on the logits and the hidden state of the step, and on the tokens that [`mask`](StepTokens::mask) marks. The number of rows
/// and the padding of [`source`](Self::source) and [`prefix`](Self::prefix) differ between batches.
#[derive(Clone, Debug)]
pub struct StepContext<'a> {
    /// Logits of the model at the step, `[row, vocabulary]`.
    pub logits: Tensor<2>,
    /// The decoder's last hidden state at the step, from which the head computes the logits, `[row, feature]`. Gradients flow
    /// through it as well as through the logits.
    pub hidden: Tensor<2>,
    /// Ids of the generated tokens, `[row]`.
    pub targets: Tensor<1, Int>,
    /// Text and step of each row.
    pub rows: Vec<Row>,
    /// Logits of each of the requested [noisy forwards](super::StepFunction::noisy_forwards), `[row, vocabulary]`.
    pub noisy: Vec<Tensor<2>>,
    /// Whether the gradient is needed; autodiff then tracks the logits and the hidden state.
    pub tracked: bool,
    pub(crate) inputs: Inputs<'a>,
}

/// An attributed token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index of the text in the call.
    pub text: usize,
    /// Index of the token; 0 is the first attributed one.
    pub step: usize,
}

/// Tokens of one side that each row sees.
#[derive(Clone, Debug)]
pub struct StepTokens {
    /// Ids, padded on the right with 0, `[row, position]`.
    pub ids: Tensor<2, Int>,
    /// Attention mask: true for tokens, false for padding, `[row, position]`.
    pub mask: Tensor<2, Bool>,
}

/// The forward whose steps the rows are.
#[derive(Clone)]
pub(crate) struct Inputs<'a> {
    pub(crate) model: &'a Model,
    pub(crate) point: &'a Point<'a>,
    /// The decoder's last hidden states, `[entry, position, feature]`.
    pub(crate) hidden: &'a Tensor<3>,
    /// Entry of each row, and its number of tokens before the step.
    pub(crate) places: Vec<(usize, usize)>,
}

impl fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs").field("places", &self.places).finish_non_exhaustive()
    }
}

impl StepContext<'_> {
    /// The values `[row, vocabulary]` in the column of each row's target, `[row]`.
    pub fn of_targets(&self, values: Tensor<2>) -> Tensor<1> {
        values.gather(1, self.targets.clone().unsqueeze_dim(1)).squeeze_dim(1)
    }

    /// Source tokens of each row; `None` for decoder-only models. They are the tokens of the text, also where a method changes their
    /// embeddings.
    pub fn source(&self) -> Option<StepTokens> {
        self.inputs.model.encoder.as_ref()?;
        let ids = |&(entry, _): &(usize, usize)| self.inputs.point.texts[entry].source.as_slice();
        Some(self.tokens(self.inputs.places.iter().map(ids)))
    }

    /// Target tokens before each step, with the decoder start or the prompt. They are the tokens of the text, also where a method
    /// changes their embeddings.
    pub fn prefix(&self) -> StepTokens {
        let ids = |&(entry, length): &(usize, usize)| {
            let target = &self.inputs.point.texts[entry].target;
            &target[..length.min(target.len())]
        };
        self.tokens(self.inputs.places.iter().map(ids))
    }

    /// The encoder's last hidden states of each row, `[row, position, feature]`, with zeros at the padding of
    /// [`source`](Self::source); `None` for decoder-only models. This runs the encoder again, and holds a copy for each row.
    ///
    /// # Errors
    /// The function is attributed by gradients, which do not flow through these states.
    pub fn source_states(&self) -> Result<Option<Tensor<3>>> {
        self.check_untracked("source_states")?;
        let Some(Source { embeddings, lengths }) = &self.inputs.point.source else { return Ok(None) };
        let mut entries: Vec<usize> = self.inputs.places.iter().map(|(entry, _)| *entry).collect();
        entries.dedup();
        let of_rows = self.inputs.places.iter().map(|(entry, _)| entries.partition_point(|other| other < entry));
        let of_rows: Vec<usize> = of_rows.collect();
        let longest = entries.iter().map(|&entry| lengths[entry]).max().unwrap_or(0);
        let source = Source {
            embeddings: selected(embeddings, &entries).narrow(1, 0, longest),
            lengths: entries.iter().map(|&entry| lengths[entry]).collect(),
        };
        let Some(states) = self.inputs.model.encode(&source) else { return Ok(None) };
        let lengths: Vec<usize> = of_rows.iter().map(|&entry| source.lengths[entry]).collect();
        Ok(Some(without_padding(selected(&states, &of_rows), &lengths)))
    }

    /// The decoder's last hidden states at the tokens of [`prefix`](Self::prefix), `[row, position, feature]`, with zeros at its
    /// padding. The last one of a row is its [`hidden`](Self::hidden). This holds a copy for each row.
    ///
    /// # Errors
    /// The function is attributed by gradients, which flow only through [`hidden`](Self::hidden).
    pub fn prefix_states(&self) -> Result<Tensor<3>> {
        self.check_untracked("prefix_states")?;
        let (entries, lengths): (Vec<usize>, Vec<usize>) = self.inputs.places.iter().copied().unzip();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        Ok(without_padding(selected(&self.inputs.hidden.clone().narrow(1, 0, longest), &entries), &lengths))
    }

    fn check_untracked(&self, states: &str) -> Result<()> {
        match self.tracked {
            false => Ok(()),
            true => Err(Error::argument(
                states,
                format!(
                    "`{states}` of a step function has no gradient; attribute the function with a perturbation method such as \
                 `occlusion`, use it as a step score, or use `hidden`, the state of the step, which has one"
                ),
            )),
        }
    }

    /// Ids of rows, padded on the right.
    fn tokens<'i>(&self, ids: impl Iterator<Item = &'i [u32]> + Clone) -> StepTokens {
        let device = self.targets.device();
        let lengths: Vec<usize> = ids.clone().map(<[u32]>::len).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let padded = |row: &[u32]| {
            row.iter().map(|id| i64::from(*id)).chain(std::iter::repeat_n(0, longest - row.len())).collect::<Vec<_>>()
        };
        let padded: Vec<i64> = ids.flat_map(padded).collect();
        let ids = Tensor::<1, Int>::from_data(padded.as_slice(), &device).reshape([lengths.len(), longest]);
        StepTokens { ids, mask: mask(&lengths, longest, &device) }
    }
}

/// Whether each position is a token, `[row, position]`.
fn mask(lengths: &[usize], longest: usize, device: &Device) -> Tensor<2, Bool> {
    let is_token: Vec<bool> = lengths.iter().flat_map(|&length| (0..longest).map(move |at| at < length)).collect();
    Tensor::from_data(TensorData::new(is_token, [lengths.len(), longest]), device)
}

/// Entries of the first axis.
fn selected(states: &Tensor<3>, entries: &[usize]) -> Tensor<3> {
    let index: Vec<i64> = entries.iter().map(|&entry| entry as i64).collect();
    states.clone().select(0, Tensor::<1, Int>::from_data(index.as_slice(), &states.device()))
}

/// States `[row, position, feature]` with zeros behind the length of each row.
fn without_padding(states: Tensor<3>, lengths: &[usize]) -> Tensor<3> {
    let [rows, longest, features] = states.dims();
    let mask = mask(lengths, longest, &states.device()).bool_not().unsqueeze_dim::<3>(2);
    states.mask_fill(mask.expand([rows, longest, features]), 0.0)
}
