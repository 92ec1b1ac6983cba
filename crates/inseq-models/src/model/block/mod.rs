//! A transformer block: attention, cross-attention and feed-forward, each with its residual and norms.

mod continued;
mod tap;

use std::ops::Range;

use burn::tensor::Tensor;

use super::dropout::{LayerNoise, Place};
use super::layer::Part;
use super::sublayer::{Sublayer, SublayerStates, SublayerTrace};
use crate::layers::{
    Attention, AttentionTrace, Feed, FeedTrace, History, KeyValues, Mask, Mixer, MixerTrace, Propagation, Rotation,
    Rows,
};

/// Arrangement of a block's sublayers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Residual {
    /// Each sublayer reads the output of the one before.
    #[default]
    Sequential,
    /// Mixer and feed-forward both read the block's input: `x + mixer(x) + feed_forward(x)`.
    Parallel,
}

/// One layer of an encoder or a decoder.
#[derive(Clone, Debug)]
pub struct Block {
    /// The sublayer that reads other positions.
    pub mixer: Sublayer<Mixer>,
    /// Attention to the encoder's output, in decoders of encoder-decoders.
    pub cross_attention: Option<Sublayer<Attention>>,
    /// The position-wise network.
    pub feed_forward: Sublayer<Feed>,
    /// Arrangement of the sublayers.
    pub residual: Residual,
    /// Index of the mixer's position scheme in the stack.
    pub scheme: usize,
}

/// Values of the forward that [`Block::pullback`] needs.
#[derive(Clone, Debug)]
pub struct BlockTrace {
    pub(super) mixer: SublayerTrace<MixerTrace>,
    pub(super) cross_attention: Option<SublayerTrace<AttentionTrace>>,
    pub(super) feed_forward: SublayerTrace<FeedTrace>,
}

impl BlockTrace {
    /// What a sublayer made of the residual stream; `None` where there is no such sublayer, or it was not kept.
    pub(super) fn states(&self, part: Part) -> Option<&SublayerStates> {
        match part {
            Part::Mixer => self.mixer.states.as_ref(),
            Part::CrossAttention => self.cross_attention.as_ref()?.states.as_ref(),
            Part::FeedForward => self.feed_forward.states.as_ref(),
        }
    }

    /// The trace of some batch entries.
    pub(super) fn entries(&self, range: &Range<usize>) -> BlockTrace {
        let attention = |trace: &SublayerTrace<AttentionTrace>| trace.entries(range, AttentionTrace::entries);
        BlockTrace {
            mixer: self.mixer.entries(range, MixerTrace::entries),
            cross_attention: self.cross_attention.as_ref().map(attention),
            feed_forward: self.feed_forward.entries(range, FeedTrace::entries),
        }
    }
}

/// Inputs of a block other than its states.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Mask of the mixer.
    pub mask: &'a Mask,
    /// Rotation of the mixer's queries and keys.
    pub rotation: Option<&'a Rotation>,
    /// Keys and values of the encoder's output for this block's cross-attention, and their mask.
    pub memory: Option<(&'a KeyValues, &'a Mask)>,
    /// Rules of the block's trace.
    pub propagation: Propagation,
    /// Whether the trace keeps the states of the sublayers.
    pub states: bool,
    /// Dropout noise of the layer.
    pub noise: Option<LayerNoise>,
}

impl Context<'_> {
    /// Dropout factors of attention weights of shape `[batch, head, query, key]`, on the device of `like`.
    fn dropped_weights(&self, place: Place, shape: [usize; 4], like: &Tensor<3>) -> Option<Tensor<4>> {
        self.noise?.weights(place, shape, like)
    }
}

/// A cotangent with its rows.
#[derive(Clone, Debug)]
pub struct Cotangent {
    /// Values, in the layout of the rows.
    pub value: Tensor<4>,
    /// Positions of the rows.
    pub rows: Rows,
}

impl Cotangent {
    /// Replaces the value in the same rows.
    pub(super) fn map(self, value: impl FnOnce(Tensor<4>, &Rows) -> Tensor<4>) -> Self {
        Self { value: value(self.value, &self.rows), rows: self.rows }
    }
}

/// Target of a pullback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// The block's input (and the encoder's output).
    Input,
    /// Only the encoder's output: the parts that only lead to the block's input are skipped.
    Memory,
}

impl Block {
    /// Size of the block's input and output.
    pub fn features(&self) -> usize {
        self.mixer.inner.features()
    }

    /// The block's output for `x` `[batch, position, feature]`; `history` holds what is taken of earlier positions,
    /// and takes up those of `x`.
    pub fn step(&self, x: Tensor<3>, history: &mut Option<History>, context: &Context) -> Tensor<3> {
        let mix = |x: Tensor<3>| (self.mixer.inner.step(x, history, context.mask, context.rotation), ());
        let cross = |x: Tensor<3>| (self.attend_to_memory(x, context).0, ());
        self.run(x, context, mix, cross, |x| (self.feed_forward.inner.forward(x), ())).0
    }

    /// The block's output for `x` `[batch, position, feature]`, with the trace.
    pub fn forward(&self, x: Tensor<3>, context: &Context) -> (Tensor<3>, BlockTrace) {
        let mix = |x: Tensor<3>| self.mix(x, context);
        let cross = |x: Tensor<3>| self.attend_to_memory(x, context);
        let place =
            if matches!(self.feed_forward.inner, Feed::Experts(_)) { Place::ExpertsInput } else { Place::Inner };
        let noise = |like: &Tensor<3>| context.noise.and_then(|noise| noise.values(place, like));
        // A baseline is compared with it, and a view of the layer shows it.
        let keeps_first = context.propagation.needs_baseline() || context.states;
        let feed = |x: Tensor<3>| self.feed_forward.inner.forward_traced(x, context.propagation, keeps_first, noise);
        let (y, (mixer, cross_attention, feed_forward)) = self.run(x, context, mix, cross, feed);
        let cross_attention = cross_attention.and_then(SublayerTrace::some);
        let trace = BlockTrace { mixer, cross_attention, feed_forward };
        (y, trace.ruled(self, context.propagation, None))
    }

    fn mix(&self, x: Tensor<3>, context: &Context) -> (Tensor<3>, MixerTrace) {
        let dropout = |shape| context.dropped_weights(Place::SelfWeights, shape, &x);
        self.mixer.inner.forward(x.clone(), context.mask, context.rotation, dropout)
    }

    fn attend_to_memory(&self, x: Tensor<3>, context: &Context) -> (Tensor<3>, Option<AttentionTrace>) {
        match (&self.cross_attention, context.memory) {
            (Some(cross), Some((memory, mask))) => {
                let ([batch, queries, _], [_, _, keys, _]) = (x.dims(), memory.keys.dims());
                let shape = [batch, cross.inner.heads, queries, keys];
                let dropout = context.dropped_weights(Place::CrossWeights, shape, &x);
                let (y, trace) = cross.inner.forward(x, memory, mask, None, dropout);
                (y, Some(trace))
            }
            _ => (x, None),
        }
    }

    /// The sublayers joined, with what each keeps.
    #[expect(clippy::type_complexity, reason = "the traces of the three sublayers")]
    fn run<A, C, F>(
        &self,
        x: Tensor<3>,
        context: &Context,
        mix: impl FnOnce(Tensor<3>) -> (Tensor<3>, A),
        cross: impl FnOnce(Tensor<3>) -> (Tensor<3>, C),
        feed: impl FnOnce(Tensor<3>) -> (Tensor<3>, F),
    ) -> (Tensor<3>, (SublayerTrace<A>, Option<SublayerTrace<C>>, SublayerTrace<F>)) {
        let dropped = |place: Place, x: &Tensor<3>| context.noise.and_then(|noise| noise.values(place, x));
        let keeps = context.states;
        if self.residual == Residual::Parallel {
            let entered = self.mixer.enter(x.clone());
            let mixed = mix(entered.x.clone());
            let mut mixed = self.mixer.branch(entered, mixed, dropped(Place::Mixer, &x));
            let entered = self.feed_forward.enter(x.clone());
            let fed = feed(entered.x.clone());
            let mut fed = self.feed_forward.branch(entered, fed, dropped(Place::FeedForward, &x));
            // Each is added to the input with what the other gives.
            mixed.residual = mixed.residual + fed.branch.clone();
            let fed = if keeps {
                fed.residual = fed.residual + mixed.branch.clone();
                self.feed_forward.joined(fed, keeps).1
            } else {
                fed.trace
            };
            let (y, mixed) = self.mixer.joined(mixed, keeps);
            return (y, (mixed, None, fed));
        }
        let dropout = dropped(Place::Mixer, &x);
        let (x, mixer) = self.mixer.around(x, dropout, keeps, mix);
        let (x, cross) = match (&self.cross_attention, context.memory) {
            (Some(sublayer), Some(_)) => {
                let dropout = dropped(Place::CrossAttention, &x);
                let (x, trace) = sublayer.around(x, dropout, keeps, cross);
                (x, Some(trace))
            }
            _ => (x, None),
        };
        let dropout = dropped(Place::FeedForward, &x);
        let (x, feed_forward) = self.feed_forward.around(x, dropout, keeps, feed);
        (x, (mixer, cross, feed_forward))
    }

    /// The sublayer whose states after it are the block's output.
    pub(super) fn last_part(&self) -> Part {
        match self.residual {
            Residual::Sequential => Part::FeedForward,
            Residual::Parallel => Part::Mixer,
        }
    }

    /// Pulls the output's cotangent back to the block's input. The cotangent of the encoder's output
    /// `[batch, probe, source, feature]` is added to `memory`.
    ///
    /// With [`Reach::Memory`] the pullback stops at the cross-attention and returns `None`.
    pub fn pullback(
        &self,
        cotangent: Cotangent,
        trace: &BlockTrace,
        reach: Reach,
        memory: &mut Option<Tensor<4>>,
    ) -> Option<Cotangent> {
        let Cotangent { value, rows } = cotangent;
        if self.residual == Residual::Parallel {
            let fed = self.feed_forward.input_pullback(
                self.feed_forward_pullback(value.clone(), trace, &rows),
                &trace.feed_forward,
                &rows,
            );
            return Some(self.mixer_pullback(value, Some(fed), &rows, trace));
        }
        let value = self.feed_forward.sum_pullback(value, &trace.feed_forward, &rows);
        let inner = self.feed_forward_pullback(value.clone(), trace, &rows);
        let value = self.feed_forward.residual_pullback(value, inner, &trace.feed_forward, &rows);
        let value = match (&self.cross_attention, &trace.cross_attention) {
            (Some(cross), Some(trace)) => {
                let value = cross.sum_pullback(value, trace, &rows);
                let inner = cross.output_pullback(value.clone(), trace, &rows);
                let back = cross.inner.pullback(inner, &trace.inner, &rows);
                *memory = Some(match memory.take() {
                    Some(sum) => sum + back.memory,
                    None => back.memory,
                });
                cross.residual_pullback(value, back.queries, trace, &rows)
            }
            _ => value,
        };
        if reach == Reach::Memory {
            return None;
        }
        let value = self.mixer.sum_pullback(value, &trace.mixer, &rows);
        Some(self.mixer_pullback(value, None, &rows, trace))
    }

    /// Through the feed-forward branch, to what the inner layer took.
    fn feed_forward_pullback(&self, value: Tensor<4>, trace: &BlockTrace, rows: &Rows) -> Tensor<4> {
        let (sublayer, trace) = (&self.feed_forward, &trace.feed_forward);
        sublayer.inner.pullback(sublayer.output_pullback(value, trace, rows), &trace.inner, rows)
    }

    /// Through the mixer and its residual, where each row reaches every position that it takes something of. `beside` is
    /// the cotangent that other branches give the same rows.
    fn mixer_pullback(
        &self,
        value: Tensor<4>,
        beside: Option<Tensor<4>>,
        rows: &Rows,
        trace: &BlockTrace,
    ) -> Cotangent {
        let (sublayer, trace) = (&self.mixer, &trace.mixer);
        let inner = sublayer.output_pullback(value.clone(), trace, rows);
        let back = sublayer.inner.pullback(inner, &trace.inner, rows);
        let own = sublayer.residual_pullback(value, back.own, trace, rows);
        let own = match beside {
            Some(beside) => own + beside,
            None => own,
        };
        let value = rows.among_reached(own) + sublayer.input_pullback(back.reached, trace, &back.rows);
        Cotangent { value, rows: back.rows }
    }
}
