//! A window into the layers of a forward.

use std::ops::Range;

use burn::tensor::Tensor;

use super::block::{Block, BlockTrace};
use super::forward::Mode;
use super::layer::{Part, Side};
use super::stack::{Stack, StackTrace};
use super::sublayer::{Norms, SublayerStates, SublayerTrace};
use super::{Memory, Model, Source, Trace};
use crate::layers::{Attention, AttentionTrace, LeftOutValues, Mixer, MixerTrace, NormTrace};

/// One layer in a forward of one or more texts.
///
/// States are those of [`Model::walk`]; [`Trace::layers`] keeps none.
#[derive(Clone, Debug)]
pub struct LayerView<'a> {
    side: Side,
    index: usize,
    block: &'a Block,
    stack: &'a Stack,
    trace: BlockTrace,
}

/// One over the deviations by which the norms of a sublayer divide, each `[batch, position, group]`; none where there is no
/// such norm.
#[derive(Clone, Debug)]
pub struct InverseDeviations {
    /// Inverse deviations of the norm before the sublayer.
    pub input: Option<Tensor<3>>,
    /// Inverse deviations of the norm after the sublayer, before its result is added.
    pub output: Option<Tensor<3>>,
    /// Inverse deviations of the norm after the result is added.
    pub sum: Option<Tensor<3>>,
}

impl InverseDeviations {
    fn of<T>(trace: &SublayerTrace<T>) -> Self {
        let of = |norm: &Option<NormTrace>| norm.as_ref().map(NormTrace::inverse_deviation);
        Self { input: of(&trace.input), output: of(&trace.output), sum: of(&trace.sum) }
    }
}

impl<'a> LayerView<'a> {
    /// The stack that the layer is in.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The layer's number in its stack, counted from the input up.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The layer's weights.
    pub fn block(&self) -> &'a Block {
        self.block
    }

    /// Whether the layer is its stack's last.
    pub fn is_last(&self) -> bool {
        self.index + 1 == self.stack.blocks.len()
    }

    /// What a sublayer made of the residual stream; `None` where the layer has no such sublayer, or states are not kept.
    pub fn states(&self, part: Part) -> Option<&SublayerStates> {
        self.trace.states(part)
    }

    /// The layer's input, `[batch, position, feature]`; `None` where states are not kept.
    pub fn input(&self) -> Option<Tensor<3>> {
        Some(self.states(Part::Mixer)?.before.clone())
    }

    /// The layer's output, `[batch, position, feature]`; `None` where states are not kept.
    pub fn output(&self) -> Option<Tensor<3>> {
        Some(self.states(self.block.last_part())?.after.clone())
    }

    /// What the stack's last norm and projection make of states `[batch, position, feature]`, as the head takes it.
    pub fn read_out(&self, states: Tensor<3>) -> Tensor<3> {
        self.stack.leave(states, &mut StackTrace::default())
    }

    /// The weights of an attention, `[batch, head, query, key]`; rows sum to 1. `None` where the layer has no such attention.
    pub fn attention_weights(&self, part: Part) -> Option<Tensor<4>> {
        let (attention, _, trace) = self.attention(part)?;
        Some(attention.weights(trace))
    }

    /// As [`attention_weights`](Self::attention_weights), of some queries only: the weights of all queries grow with the square of a
    /// text's length.
    pub fn attention_weights_of(&self, part: Part, queries: Range<usize>) -> Option<Tensor<4>> {
        let (attention, _, trace) = self.attention(part)?;
        Some(attention.weights_of_queries(trace, queries))
    }

    /// Number of heads of an attention; 0 where the layer has no such attention.
    pub fn attention_heads(&self, part: Part) -> usize {
        self.attention(part).map_or(0, |(attention, ..)| attention.heads)
    }

    /// What heads of an attention give a query that attends to one position alone: the position's values through each head's
    /// part of the output's weight, `[batch, head, position, feature]`. A head's output is their mean by the
    /// [weights](Self::attention_weights). `None` where the layer has no such attention.
    pub fn mapped_values(&self, part: Part, positions: &[usize], heads: &[usize]) -> Option<Tensor<4>> {
        let (attention, _, trace) = self.attention(part)?;
        Some(attention.mapped_values(trace, positions, heads))
    }

    /// One over the deviations of the norms of a sublayer; `None` where the layer has no such sublayer.
    pub fn inverse_deviations(&self, part: Part) -> Option<InverseDeviations> {
        match part {
            Part::Mixer => Some(InverseDeviations::of(&self.trace.mixer)),
            Part::CrossAttention => self.trace.cross_attention.as_ref().map(InverseDeviations::of),
            Part::FeedForward => Some(InverseDeviations::of(&self.trace.feed_forward)),
        }
    }

    /// The layer's output in a view of one text, `[1, row, feature]`, when `heads` of an attention cannot take the values of
    /// spans of positions; `weights` are that attention's. `None` where the layer has no such attention, or states are not
    /// kept.
    pub fn without_values(
        &self,
        part: Part,
        weights: &Tensor<4>,
        left_out: &LeftOutValues,
        heads: &[usize],
    ) -> Option<Tensor<3>> {
        let (attention, norms, trace) = self.attention(part)?;
        let states = self.states(part)?;
        // Without a norm between them, what the attention gives is mixed with what it is added to.
        let (base, residual) = match &norms.output {
            Some(_) => (states.given.clone(), Some(states.residual.clone())),
            None => (states.residual.clone() + states.given.clone(), None),
        };
        let rows = attention.without_values(trace, weights, base, left_out, heads);
        let residual = residual.map(|residual| left_out.of_rows(residual));
        Some(self.block.continued(&self.trace, part, rows, residual))
    }

    fn attention(&self, part: Part) -> Option<(&'a Attention, &'a Norms, &AttentionTrace)> {
        match (part, &self.block.mixer.inner, &self.trace.mixer.inner) {
            (Part::Mixer, Mixer::Attention(attention), MixerTrace::Attention(trace)) => {
                Some((attention, &self.block.mixer.norms, trace))
            }
            (Part::CrossAttention, ..) => {
                let (cross, trace) = self.block.cross_attention.as_ref().zip(self.trace.cross_attention.as_ref())?;
                Some((&cross.inner, &cross.norms, &trace.inner))
            }
            _ => None,
        }
    }
}

impl Trace {
    /// Hands a view of every layer to `each`: the encoder's, then the decoder's, each from the input up.
    ///
    /// # Errors
    /// The first that `each` returns.
    pub fn layers<'a, E>(
        &self,
        model: &'a Model,
        mut each: impl FnMut(LayerView<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        for side in [Side::Encoder, Side::Decoder] {
            let Some(stack) = model.stack(side) else { continue };
            self.blocks(model, side, |index, trace| {
                each(LayerView { side, index, block: &stack.blocks[index], stack, trace: trace.clone() })
            })?;
        }
        Ok(())
    }
}

impl Model {
    /// Runs texts, and hands a view of every layer to `each`: the encoder's, then the decoder's, each from the input up.
    ///
    /// `target` `[batch, position, feature]`: embeddings of the whole target, padded on the right, without positions.
    ///
    /// # Errors
    /// The first that `each` returns.
    pub fn walk<'a, E>(
        &'a self,
        source: Option<&Source>,
        target: Tensor<3>,
        mut each: impl FnMut(LayerView<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mode = Mode { states: true, ..Mode::default() };
        let mut result = Ok(());
        let mut run = |side: Side, stack: &'a Stack, index: usize, x, context: &super::Context| {
            let block = &stack.blocks[index];
            let (y, trace) = block.forward(x, context);
            if result.is_ok() {
                result = each(LayerView { side, index, block, stack, trace });
            }
            y
        };
        let memory = self.encoder.as_ref().zip(source).and_then(|(encoder, source)| {
            let mut layers = 0..;
            let (output, _) = self.run_encoder(source, mode, |_, x, context| {
                run(Side::Encoder, &encoder.stack, layers.next().unwrap_or_default(), x, context)
            })?;
            Some(Memory { output, lengths: source.lengths.clone() })
        });
        let mut layers = 0..;
        self.run_decoder(memory.as_ref(), target, mode, |_, x, context| {
            run(Side::Decoder, &self.decoder, layers.next().unwrap_or_default(), x, context)
        });
        result
    }
}
