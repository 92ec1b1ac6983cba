//! A transformer block: attention, cross-attention and feed-forward, each with its residual and norm.

use burn::tensor::Tensor;

use crate::layers::{Attention, AttentionTrace, FeedForward, FeedForwardTrace, KeyValues, LayerNorm, NormTrace, Rows};

/// Where a sublayer's norm stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlacement {
    /// `x + f(norm(x))`.
    Before,
    /// `norm(x + f(x))`.
    After,
}

/// A sublayer with its norm.
#[derive(Clone, Debug)]
pub struct Sublayer<T> {
    /// What the sublayer does.
    pub inner: T,
    /// The norm before or after it, as the [`Block`] says.
    pub norm: LayerNorm,
}

/// One layer of an encoder or a decoder.
#[derive(Clone, Debug)]
pub struct Block {
    /// Attention to the block's own positions.
    pub self_attention: Sublayer<Attention>,
    /// Attention to the encoder's output, in decoders that have one.
    pub cross_attention: Option<Sublayer<Attention>>,
    /// The position-wise network.
    pub feed_forward: Sublayer<FeedForward>,
    /// Where the norms stand.
    pub placement: NormPlacement,
}

/// What [`Block::pullback`] needs of the forward.
#[derive(Clone, Debug)]
pub struct BlockTrace {
    self_attention: (AttentionTrace, NormTrace),
    cross_attention: Option<(AttentionTrace, NormTrace)>,
    feed_forward: (FeedForwardTrace, NormTrace),
}

impl BlockTrace {
    /// Weights of the self-attention, `[batch, head, query, key]`.
    pub fn self_attention_weights(&self) -> &Tensor<4> {
        self.self_attention.0.weights()
    }

    /// Weights of the cross-attention, `[batch, head, query, key]`.
    pub fn cross_attention_weights(&self) -> Option<&Tensor<4>> {
        self.cross_attention.as_ref().map(|(attention, _)| attention.weights())
    }
}

/// What a block attends to, beside the positions it is given.
#[derive(Clone, Debug, Default)]
pub struct Context<'a> {
    /// Added to the self-attention's scores, `[batch or 1, head or 1, query, key]`.
    pub self_mask: Option<&'a Tensor<4>>,
    /// Keys and values of the encoder's output under this block's cross-attention.
    pub memory: Option<KeyValues>,
    /// Added to the cross-attention's scores.
    pub memory_mask: Option<&'a Tensor<4>>,
}

/// A cotangent with the rows it covers.
#[derive(Clone, Debug)]
pub struct Cotangent {
    /// `[batch, probe, row, feature]`.
    pub value: Tensor<4>,
    /// Which positions the rows are.
    pub rows: Rows,
}

/// How far down a pullback is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To the block's input (and the encoder's output).
    Input,
    /// To the encoder's output alone: what only leads to the block's input is left out.
    Memory,
}

impl Block {
    /// The block's output for `x` `[batch, position, feature]`; `history` holds the keys and values of earlier positions
    /// and takes up those of `x`.
    pub fn step(&self, x: Tensor<3>, history: &mut Option<KeyValues>, context: &Context) -> Tensor<3> {
        let x = self.around(&self.self_attention.norm, x, |x| {
            let new = self.self_attention.inner.key_values(x.clone());
            let all = match history.take() {
                Some(old) => KeyValues {
                    keys: Tensor::cat(vec![old.keys, new.keys], 2),
                    values: Tensor::cat(vec![old.values, new.values], 2),
                },
                None => new,
            };
            let y = self.self_attention.inner.forward(x, &all, context.self_mask).0;
            *history = Some(all);
            (y, ())
        });
        let x = match (&self.cross_attention, &context.memory) {
            (Some(cross), Some(memory)) => {
                self.around(&cross.norm, x.0, |x| (cross.inner.forward(x, memory, context.memory_mask).0, ()))
            }
            _ => x,
        };
        self.around(&self.feed_forward.norm, x.0, |x| (self.feed_forward.inner.forward(x), ())).0
    }

    /// The block's output for `x` `[batch, position, feature]`, with the trace.
    pub fn forward(&self, x: Tensor<3>, context: &Context) -> (Tensor<3>, BlockTrace) {
        let (x, self_attention, self_norm) = self.around(&self.self_attention.norm, x, |x| {
            let key_values = self.self_attention.inner.key_values(x.clone());
            self.self_attention.inner.forward(x, &key_values, context.self_mask)
        });
        let (x, cross_attention) = match (&self.cross_attention, &context.memory) {
            (Some(cross), Some(memory)) => {
                let (x, trace, norm) =
                    self.around(&cross.norm, x, |x| cross.inner.forward(x, memory, context.memory_mask));
                (x, Some((trace, norm)))
            }
            _ => (x, None),
        };
        let (x, feed_forward, feed_forward_norm) =
            self.around(&self.feed_forward.norm, x, |x| self.feed_forward.inner.forward_traced(x));
        let trace = BlockTrace {
            self_attention: (self_attention, self_norm),
            cross_attention,
            feed_forward: (feed_forward, feed_forward_norm),
        };
        (x, trace)
    }

    /// A sublayer with its residual and norm.
    fn around<T>(
        &self,
        norm: &LayerNorm,
        x: Tensor<3>,
        inner: impl FnOnce(Tensor<3>) -> (Tensor<3>, T),
    ) -> (Tensor<3>, T, NormTrace) {
        match self.placement {
            NormPlacement::Before => {
                let (normed, norm_trace) = norm.forward(x.clone());
                let (y, trace) = inner(normed);
                (x + y, trace, norm_trace)
            }
            NormPlacement::After => {
                let (y, trace) = inner(x.clone());
                let (y, norm_trace) = norm.forward(x + y);
                (y, trace, norm_trace)
            }
        }
    }

    /// Pulls the output's cotangent back to the block's input. What reaches the encoder's output
    /// `[batch, probe, source, feature]` is added to `memory`.
    ///
    /// With [`Reach::Memory`] the result is meaningless below the cross-attention and `None` is returned.
    pub fn pullback(
        &self,
        cotangent: Cotangent,
        trace: &BlockTrace,
        reach: Reach,
        memory: &mut Option<Tensor<4>>,
    ) -> Option<Cotangent> {
        let Cotangent { value, rows } = cotangent;
        let (inner, norm) = &trace.feed_forward;
        let value = self.back(&self.feed_forward.norm, norm, value, &rows, |value| {
            self.feed_forward.inner.pullback(value, inner, &rows)
        });
        let value = match (&self.cross_attention, &trace.cross_attention) {
            (Some(cross), Some((inner, norm))) => self.back(&cross.norm, norm, value, &rows, |value| {
                let keys = inner.weights().dims()[3];
                let back = cross.inner.pullback(value, inner, &rows, keys);
                *memory = Some(match memory.take() {
                    Some(sum) => sum + back.memory,
                    None => back.memory,
                });
                back.queries
            }),
            _ => value,
        };
        if reach == Reach::Memory {
            return None;
        }
        Some(self.self_attention_pullback(value, &rows, &trace.self_attention))
    }

    /// The residual, norm and inner pullback of a sublayer that keeps the rows.
    fn back(
        &self,
        norm: &LayerNorm,
        norm_trace: &NormTrace,
        value: Tensor<4>,
        rows: &Rows,
        inner: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<4> {
        match self.placement {
            NormPlacement::Before => value.clone() + norm.pullback(inner(value), norm_trace, rows),
            NormPlacement::After => {
                let value = norm.pullback(value, norm_trace, rows);
                value.clone() + inner(value)
            }
        }
    }

    /// Through the self-attention, where each row reaches every position up to its own.
    fn self_attention_pullback(
        &self,
        value: Tensor<4>,
        rows: &Rows,
        (trace, norm_trace): &(AttentionTrace, NormTrace),
    ) -> Cotangent {
        let Sublayer { inner, norm } = &self.self_attention;
        let length = rows.end();
        let prefix = Rows::Prefix(length);
        let value = match self.placement {
            NormPlacement::Before => {
                let back = inner.pullback(value.clone(), trace, rows, length);
                let own = value + norm.pullback(back.queries, norm_trace, rows);
                rows.scatter(own, length) + norm.pullback(back.memory, norm_trace, &prefix)
            }
            NormPlacement::After => {
                let value = norm.pullback(value, norm_trace, rows);
                let back = inner.pullback(value.clone(), trace, rows, length);
                rows.scatter(value + back.queries, length) + back.memory
            }
        };
        Cotangent { value, rows: prefix }
    }
}
