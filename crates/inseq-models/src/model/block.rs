//! A transformer block: attention, cross-attention and feed-forward, each with its residual and norms.

use std::cell::RefCell;
use std::ops::Range;

use burn::tensor::Tensor;

use super::dropout::{LayerNoise, Place};
use super::sublayer::{Sublayer, SublayerTrace, normed};
use crate::layers::{
    Attention, AttentionTrace, FeedForward, FeedForwardTrace, KeyValues, LeftOutValues, Mapped, Mask, NormTrace,
    Rotation, Rows,
};

/// How a block's sublayers are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Residual {
    /// Each adds to what the one before it left.
    #[default]
    Sequential,
    /// Attention and feed-forward both read the block's input, `x + attention(x) + feed_forward(x)`.
    Parallel,
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
    /// How the sublayers are joined.
    pub residual: Residual,
    /// Which of the stack's position schemes the self-attention has.
    pub scheme: usize,
}

/// What [`Block::pullback`] needs of the forward.
#[derive(Clone, Debug)]
pub struct BlockTrace {
    pub(super) self_attention: SublayerTrace<AttentionTrace>,
    pub(super) cross_attention: Option<SublayerTrace<AttentionTrace>>,
    pub(super) feed_forward: SublayerTrace<FeedForwardTrace>,
}

impl BlockTrace {
    /// Of some batch entries.
    pub(super) fn entries(&self, range: &Range<usize>) -> BlockTrace {
        let attention = |trace: &SublayerTrace<AttentionTrace>| trace.entries(range, AttentionTrace::entries);
        BlockTrace {
            self_attention: attention(&self.self_attention),
            cross_attention: self.cross_attention.as_ref().map(attention),
            feed_forward: self.feed_forward.entries(range, FeedForwardTrace::entries),
        }
    }
}

/// What a forward of a block leaves for others without some values.
#[derive(Clone, Debug)]
pub(super) struct Attended {
    own: AttendedBy,
    cross: Option<AttendedBy>,
    /// What the feed-forward network's first layer gave, `[batch, position, output]`.
    first: Tensor<3>,
    /// One over the deviation of the last norm before it.
    inverse_deviation: Option<Tensor<3>>,
}

/// What an attention gave.
#[derive(Clone, Debug)]
struct AttendedBy {
    /// What the attention gave, with what it was added to where no norm lies between.
    y: Tensor<3>,
    /// What is still to be added to it.
    stream: Option<Tensor<3>>,
    trace: AttentionTrace,
}

/// What a block attends to, beside the positions it is given.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Of the self-attention.
    pub mask: &'a Mask,
    /// Of the self-attention's queries and keys.
    pub rotation: Option<&'a Rotation>,
    /// Keys and values of the encoder's output under this block's cross-attention, and what of them is hidden.
    pub memory: Option<(&'a KeyValues, &'a Mask)>,
    /// Whether the trace keeps what [`Trace::rescaled`](super::Trace::rescaled) needs.
    pub detailed: bool,
    /// What the layer drops.
    pub noise: Option<LayerNoise>,
}

impl Context<'_> {
    /// What the weights of `x` over keys are multiplied by.
    fn dropped_weights(
        &self,
        place: Place,
        attention: &Attention,
        x: &Tensor<3>,
        key_values: &KeyValues,
    ) -> Option<Tensor<4>> {
        let ([batch, queries, _], [_, _, keys, _]) = (x.dims(), key_values.keys.dims());
        self.noise?.weights(place, [batch, attention.heads, queries, keys], x)
    }
}

/// A cotangent with the rows it covers.
#[derive(Clone, Debug)]
pub struct Cotangent {
    /// In the layout of its rows.
    pub value: Tensor<4>,
    /// Which positions the rows are.
    pub rows: Rows,
}

impl Cotangent {
    /// With another value in the same rows.
    pub(super) fn map(self, value: impl FnOnce(Tensor<4>, &Rows) -> Tensor<4>) -> Self {
        Self { value: value(self.value, &self.rows), rows: self.rows }
    }
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
    /// The weights of the self-attention in a forward, `[batch, head, query, key]`; rows sum to 1.
    pub fn self_attention_weights(&self, trace: &BlockTrace) -> Tensor<4> {
        self.self_attention.inner.weights(&trace.self_attention.inner)
    }

    /// The weights of the cross-attention in a forward, `[batch, head, query, key]`; rows sum to 1.
    pub fn cross_attention_weights(&self, trace: &BlockTrace) -> Option<Tensor<4>> {
        let (cross, trace) = self.cross_attention.as_ref().zip(trace.cross_attention.as_ref())?;
        Some(cross.inner.weights(&trace.inner))
    }

    /// The block's output for `x` `[batch, position, feature]`; `history` holds the keys and values of earlier positions
    /// and takes up those of `x`.
    pub fn step(&self, x: Tensor<3>, history: &mut Option<KeyValues>, context: &Context) -> Tensor<3> {
        let attend = |x: Tensor<3>| {
            let attention = &self.self_attention.inner;
            let all = attention.key_values(x.clone(), context.rotation).after(history.take());
            let y = attention.forward(x, &all, context.mask, context.rotation, None).0;
            *history = Some(all);
            (y, ())
        };
        let cross = |x: Tensor<3>| (self.attend_to_memory(x, context).0, ());
        self.run(x, context, |_, _| {}, attend, cross, |x| (self.feed_forward.inner.forward(x), ())).0
    }

    /// The block's output for `x` `[batch, position, feature]`, with the trace.
    pub fn forward(&self, x: Tensor<3>, context: &Context) -> (Tensor<3>, BlockTrace) {
        let attend = |x: Tensor<3>| self.attend_to_itself(x, context);
        let cross = |x: Tensor<3>| self.attend_to_memory(x, context);
        let inner = |like: &Tensor<3>| context.noise.and_then(|noise| noise.values(Place::Inner, like));
        let feed = |x: Tensor<3>| self.feed_forward.inner.forward_traced(x, context.detailed, inner);
        let (y, (self_attention, cross_attention, feed_forward)) = self.run(x, context, |_, _| {}, attend, cross, feed);
        let cross_attention = cross_attention.and_then(SublayerTrace::some);
        (y, BlockTrace { self_attention, cross_attention, feed_forward })
    }

    fn attend_to_itself(&self, x: Tensor<3>, context: &Context) -> (Tensor<3>, AttentionTrace) {
        let attention = &self.self_attention.inner;
        let key_values = attention.key_values(x.clone(), context.rotation);
        let dropout = context.dropped_weights(Place::SelfWeights, attention, &x, &key_values);
        attention.forward(x, &key_values, context.mask, context.rotation, dropout)
    }

    fn attend_to_memory(&self, x: Tensor<3>, context: &Context) -> (Tensor<3>, Option<AttentionTrace>) {
        match (&self.cross_attention, context.memory) {
            (Some(cross), Some((memory, mask))) => {
                let dropout = context.dropped_weights(Place::CrossWeights, &cross.inner, &x, memory);
                let (y, trace) = cross.inner.forward(x, memory, mask, None, dropout);
                (y, Some(trace))
            }
            _ => (x, None),
        }
    }

    /// The block's output for `x` `[batch, position, feature]`, with what [`without_values`](Self::without_values) needs.
    pub(super) fn forward_attended(&self, x: Tensor<3>, context: &Context) -> (Tensor<3>, Attended) {
        let attend = |x: Tensor<3>| {
            let (y, trace) = self.attend_to_itself(x, context);
            (y.clone(), (y, trace))
        };
        let cross = |x: Tensor<3>| {
            let (y, trace) = self.attend_to_memory(x, context);
            (y.clone(), trace.map(|trace| (y, trace)))
        };
        let feed = |x: Tensor<3>| {
            let first = self.feed_forward.inner.input.forward(x);
            (self.feed_forward.inner.forward_from_first(first.clone()), first)
        };
        let (own_stream, cross_stream) = (RefCell::new(x.clone()), RefCell::new(None));
        let stream = |place: Place, x: &Tensor<3>| match place {
            Place::SelfAttention => drop(own_stream.replace(x.clone())),
            Place::CrossAttention => drop(cross_stream.replace(Some(x.clone()))),
            _ => {}
        };
        let (y, (own, cross, fed)) = self.run(x, context, stream, attend, cross, feed);
        let last = cross.as_ref().map_or(&own.sum, |cross| &cross.sum);
        let inverse_deviation = fed.input.as_ref().or(last.as_ref()).map(NormTrace::inverse_deviation);
        let by = |stream: Tensor<3>, output: Option<NormTrace>, (y, trace)| match output {
            Some(_) => AttendedBy { y, stream: Some(stream), trace },
            None => AttendedBy { y: stream + y, stream: None, trace },
        };
        let cross = cross.and_then(|cross| Some(by(cross_stream.into_inner()?, cross.output, cross.inner?)));
        let own = by(own_stream.into_inner(), own.output, own.inner);
        (y, Attended { own, cross, first: fed.inner, inverse_deviation })
    }

    /// The block's output for `x` `[1, position, feature]` when chosen heads of the self-attention, or of the
    /// cross-attention, cannot take the values of spans of positions: `[1, row, feature]`. `attended` is of `x` as it is,
    /// and `weights` are that attention's.
    ///
    /// What comes before that attention is the same for all spans; after it, each has its rows.
    pub(super) fn without_values(
        &self,
        attended: &Attended,
        of_cross: bool,
        weights: &Tensor<4>,
        left_out: &LeftOutValues,
        heads: &[usize],
    ) -> Tensor<3> {
        let (sublayer, by) = self.attention(attended, of_cross);
        let mixture = sublayer.inner.without_values(&by.trace, weights, by.y.clone(), left_out, heads);
        let x = match &by.stream {
            Some(stream) => normed(sublayer.norms.output.as_ref(), mixture.rows()).0 + left_out.of_rows(stream.clone()),
            None => mixture.rows(),
        };
        if self.residual == Residual::Parallel {
            return x;
        }
        let (x, sum) = normed(sublayer.norms.sum.as_ref(), x);
        let (x, is_last) = match (&self.cross_attention, &attended.cross) {
            (Some(cross), Some(by)) if !of_cross => {
                let attend = |x, _: Option<&NormTrace>| (cross.inner.forward_of_others(x, &by.trace), ());
                (cross.around(x, None, |_| {}, attend).0, false)
            }
            _ => (x, true),
        };
        // Where one norm is all there is between what was left out and the next linear layer, that one is run by parts.
        let norm = match [&sublayer.norms.sum, &self.feed_forward.norms.input].map(Option::as_ref) {
            [Some(norm), None] | [None, Some(norm)] if is_last && by.stream.is_none() => Some(norm),
            _ => None,
        };
        let inner = &self.feed_forward.inner;
        let feed = |x, input: Option<&NormTrace>| {
            let by_parts = norm.zip(input.or(sum.as_ref())).zip(attended.inverse_deviation.clone());
            let by_parts = by_parts.and_then(|((norm, trace), inverse_deviation)| {
                let states = Mapped { output: attended.first.clone(), inverse_deviation };
                mixture.mapped(norm, &inner.input, &states, trace.inverse_deviation())
            });
            (inner.forward_from_first(by_parts.unwrap_or_else(|| inner.input.forward(x))), ())
        };
        self.feed_forward.around(x, None, |_| {}, feed).0
    }

    /// The weights of the self-attention, or of the cross-attention, `[1, head, query, key]`.
    pub(super) fn attended_weights(&self, attended: &Attended, of_cross: bool) -> Tensor<4> {
        let (sublayer, by) = self.attention(attended, of_cross);
        sublayer.inner.weights(&by.trace)
    }

    fn attention<'a>(&'a self, attended: &'a Attended, of_cross: bool) -> (&'a Sublayer<Attention>, &'a AttendedBy) {
        match (&self.cross_attention, &attended.cross) {
            (Some(cross), Some(attended)) if of_cross => (cross, attended),
            _ => (&self.self_attention, &attended.own),
        }
    }

    /// The sublayers joined, with what each keeps. `stream` sees what the branch of each place is added to.
    #[expect(clippy::type_complexity, reason = "the traces of the three sublayers")]
    fn run<A, C, F>(
        &self,
        x: Tensor<3>,
        context: &Context,
        stream: impl Fn(Place, &Tensor<3>),
        attend: impl FnOnce(Tensor<3>) -> (Tensor<3>, A),
        cross: impl FnOnce(Tensor<3>) -> (Tensor<3>, C),
        feed: impl FnOnce(Tensor<3>) -> (Tensor<3>, F),
    ) -> (Tensor<3>, (SublayerTrace<A>, Option<SublayerTrace<C>>, SublayerTrace<F>)) {
        let dropped = |place: Place, x: &Tensor<3>| context.noise.and_then(|noise| noise.values(place, x));
        let attend = |x, _: Option<&NormTrace>| attend(x);
        let cross = |x, _: Option<&NormTrace>| cross(x);
        let feed = |x, _: Option<&NormTrace>| feed(x);
        if self.residual == Residual::Parallel {
            let (attended, _, attention) =
                self.self_attention.branch(x.clone(), dropped(Place::SelfAttention, &x), attend);
            let (fed, _, feed_forward) = self.feed_forward.branch(x.clone(), dropped(Place::FeedForward, &x), feed);
            let x = x + fed;
            stream(Place::SelfAttention, &x);
            return (x + attended, (attention, None, feed_forward));
        }
        let dropout = dropped(Place::SelfAttention, &x);
        let (x, attention) = self.self_attention.around(x, dropout, |x| stream(Place::SelfAttention, x), attend);
        let (x, cross) = match (&self.cross_attention, context.memory) {
            (Some(sublayer), Some(_)) => {
                let dropout = dropped(Place::CrossAttention, &x);
                let (x, trace) = sublayer.around(x, dropout, |x| stream(Place::CrossAttention, x), cross);
                (x, Some(trace))
            }
            _ => (x, None),
        };
        let dropout = dropped(Place::FeedForward, &x);
        let (x, feed_forward) = self.feed_forward.around(x, dropout, |x| stream(Place::FeedForward, x), feed);
        (x, (attention, cross, feed_forward))
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
        if self.residual == Residual::Parallel {
            let fed = self.feed_forward.input_pullback(
                self.feed_forward_pullback(value.clone(), trace, &rows),
                &trace.feed_forward,
                &rows,
            );
            return Some(self.self_attention_pullback(value, Some(fed), &rows, trace));
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
        let value = self.self_attention.sum_pullback(value, &trace.self_attention, &rows);
        Some(self.self_attention_pullback(value, None, &rows, trace))
    }

    /// Through the feed-forward branch, to what the inner layer took.
    fn feed_forward_pullback(&self, value: Tensor<4>, trace: &BlockTrace, rows: &Rows) -> Tensor<4> {
        let (sublayer, trace) = (&self.feed_forward, &trace.feed_forward);
        sublayer.inner.pullback(sublayer.output_pullback(value, trace, rows), &trace.inner, rows)
    }

    /// Through the self-attention and its residual, where each row reaches every position that it looks at. `beside` is
    /// the cotangent that other branches give the same rows.
    fn self_attention_pullback(
        &self,
        value: Tensor<4>,
        beside: Option<Tensor<4>>,
        rows: &Rows,
        trace: &BlockTrace,
    ) -> Cotangent {
        let (sublayer, trace) = (&self.self_attention, &trace.self_attention);
        let inner = sublayer.output_pullback(value.clone(), trace, rows);
        let back = sublayer.inner.pullback(inner, &trace.inner, rows);
        let reached = match trace.inner.is_causal() {
            true => rows.reached(),
            false => Rows::prefix(back.memory.dims()[2]),
        };
        let own = sublayer.residual_pullback(value, back.queries, trace, rows);
        let own = match beside {
            Some(beside) => own + beside,
            None => own,
        };
        let value = rows.among_reached(own) + sublayer.input_pullback(back.memory, trace, &reached);
        Cotangent { value, rows: reached }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::stack::StackTrace;
    use super::super::tests::{Random, close, variants};
    use super::super::trace::Mode;
    use super::super::{LeftOut, LeftOutRequest, Memory, Model, Source, Stack};
    use super::*;

    /// Positions of the source and of the target.
    const LENGTHS: [usize; 2] = [11, 9];

    /// By definition: each head's mean of values, some of which are put to zero.
    fn attended(attention: &Attention, trace: &AttentionTrace, span: &Range<usize>, heads: &[usize]) -> Tensor<3> {
        let weights = attention.weights(trace);
        let [_, count, queries, keys] = weights.dims();
        let values = trace.key_values(0, keys).values;
        let size = values.dims()[3];
        let mixed = (0..count).map(|head| {
            let of_head = values.clone().narrow(1, head * attention.key_value_heads / count, 1);
            let kept: Vec<f32> =
                (0..keys).map(|key| f32::from(!(heads.contains(&head) && span.contains(&key)))).collect();
            let kept = Tensor::<1>::from_data(kept.as_slice(), &values.device()).reshape([1, 1, keys, 1]);
            weights.clone().narrow(1, head, 1).matmul(of_head * kept)
        });
        let mixed = Tensor::cat(mixed.collect(), 1).swap_dims(1, 2).reshape([1, queries, count * size]);
        attention.output.forward(mixed)
    }

    /// The states of a layer without the values of a span, by definition.
    fn without(
        stack: &Stack,
        layer: usize,
        (x, context): (&Tensor<3>, &Context),
        which: LeftOut,
        span: &Range<usize>,
        heads: &[usize],
    ) -> Tensor<3> {
        let block = &stack.blocks[layer];
        let attend = |x: Tensor<3>| {
            let (y, trace) = block.attend_to_itself(x, context);
            let is_other = which == LeftOut::Cross;
            (if is_other { y } else { attended(&block.self_attention.inner, &trace, span, heads) }, ())
        };
        let cross = |x: Tensor<3>| {
            let (y, trace) = block.attend_to_memory(x, context);
            match (&block.cross_attention, trace) {
                (Some(cross), Some(trace)) if which == LeftOut::Cross => {
                    (attended(&cross.inner, &trace, span, heads), ())
                }
                _ => (y, ()),
            }
        };
        let feed = |x| (block.feed_forward.inner.forward(x), ());
        let y = block.run(x.clone(), context, |_, _| {}, attend, cross, feed).0;
        if layer + 1 == stack.blocks.len() { stack.leave(y, &mut StackTrace::default()) } else { y }
    }

    type States = BTreeMap<(usize, usize, usize, usize), Tensor<2>>;

    /// What is asked for of every request, layer, span and query, by definition.
    fn by_definition(
        model: &Model,
        source: Option<&Source>,
        target: &Tensor<3>,
        requests: &[LeftOutRequest],
    ) -> States {
        let mut states = States::new();
        let mut run = |stack: &Stack, is_encoder: bool, layer: usize, x: Tensor<3>, context: &Context| {
            for (index, request) in requests.iter().enumerate() {
                if (request.which == LeftOut::Encoder) == is_encoder {
                    let heads = &request.heads[layer];
                    for (number, span) in request.parts.iter().flat_map(|part| part.iter()).enumerate() {
                        let all = without(stack, layer, (&x, context), request.which, span, heads);
                        for query in request.wanted.clone() {
                            let state = all.clone().narrow(1, query, 1).squeeze_dim::<2>(0);
                            states.insert((index, layer, number, query), state);
                        }
                    }
                }
            }
            stack.blocks[layer].forward(x, context).0
        };
        let memory = model.encoder.as_ref().zip(source).map(|(encoder, source)| {
            let mut layers = 0..;
            let run = |_: &Block, x: Tensor<3>, context: &Context| {
                run(&encoder.stack, true, layers.next().unwrap(), x, context)
            };
            Memory {
                output: model.run_encoder(source, Mode::default(), run).unwrap().0,
                lengths: source.lengths.clone(),
            }
        });
        let mut layers = 0..;
        model.run_decoder(memory.as_ref(), target.clone(), Mode::default(), |_, x, context| {
            run(&model.decoder, false, layers.next().unwrap(), x, context)
        });
        states
    }

    /// One head by itself is left out by parts of the feed-forward's first product, all of them at once by rows.
    #[test]
    fn states_without_values_are_those_of_values_put_to_zero() {
        let device = crate::device::parse(&std::env::var("INSEQ_TEST_DEVICE").unwrap_or("flex".into())).unwrap();
        let spans: Vec<Vec<Range<usize>>> = LENGTHS.map(|length| (0..length).map(|i| i..i + 1).collect()).into();
        for (seed, variant) in variants().iter().enumerate() {
            let mut random = Random::new(seed as u64, &device);
            let model = random.model(variant);
            let [source, target] = LENGTHS.map(|length| random.tensor([1, length, variant.features()], 1.0));
            let source = variant.encoder.then(|| Source { embeddings: source, lengths: vec![LENGTHS[0]] });
            let heads = vec![vec![1], vec![0, 1, 2, 3]];
            let request = |which, of: usize, wanted| LeftOutRequest {
                which,
                parts: spans[of].chunks(6).collect(),
                heads: if which == LeftOut::Cross { heads.iter().rev().cloned().collect() } else { heads.clone() },
                wanted,
            };
            let mut requests = vec![request(LeftOut::Decoder, 1, 0..LENGTHS[1])];
            if variant.encoder {
                requests
                    .extend([request(LeftOut::Encoder, 0, 0..LENGTHS[0]), request(LeftOut::Cross, 0, 3..LENGTHS[1])]);
            }
            let expected = by_definition(&model, source.as_ref(), &target, &requests);
            let mut seen = 0;
            let (prepare, measure) = (|states| states, |states: Tensor<3>, _| states);
            model.left_out_values(
                source.as_ref(),
                target,
                &requests,
                prepare,
                measure,
                |request, layer, rows, states| {
                    for (row, (span, query)) in rows.rows().enumerate() {
                        let first = rows.spans[span].start;
                        let state = states.clone().narrow(1, row, 1).squeeze_dim::<2>(0);
                        close(state, expected[&(request, layer, first, query)].clone(), 2e-6);
                        seen += 1;
                    }
                },
            );
            // Of the decoder, a query before a span does not change.
            let causal = LENGTHS[1] * (LENGTHS[1] + 1) / 2;
            let of_encoder = if variant.encoder { LENGTHS[0] * LENGTHS[0] + LENGTHS[0] * (LENGTHS[1] - 3) } else { 0 };
            assert_eq!(seen, 2 * (causal + of_encoder));
        }
    }
}
